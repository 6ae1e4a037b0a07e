// The token loop: read the text, draw a token, tell the listener, go on; in a window once the
// context is full.
import type {
  Distribution,
  GenerateEvent,
  GenerationOptions,
  SamplingOptions,
  TokenPiece,
} from '../../api.ts';
import { EngineError } from '../../errors.ts';
import type { Session } from '../../model/forward.ts';
import type { PartsOff } from '../../model/partsOff.ts';
import type { BytePairEncoder } from '../../text/bytePairEncoder.ts';
import { StreamingDecoder } from '../../text/streamingDecoder.ts';
import { uniform } from './random.ts';
import {
  checkOptions,
  logprobAndRank,
  processLogits,
  sampleToken,
  toDistribution,
} from './sampler.ts';
import { StopStringMatcher } from './stopStrings.ts';
import { Turns } from '../reading/turns.ts';
import { windowStart } from '../../window.ts';

/** Turns ids into pieces; a model without a tokenizer has numbers for words. */
export type Vocabulary = Pick<BytePairEncoder, 'pieceOf' | 'bytesOf' | 'decode'>;

/** What the model made of a text. */
export interface Read {
  /** Logits after the last token, (V). */
  readonly logits: Float32Array;
  /** Tokens computed anew; the rest came from the cache. */
  readonly computed: number;
  /** Index into the text of the first token that the model sees. */
  readonly firstVisible: number;
}

/** Reads texts with a model, or with one that has some parts off. */
export interface Reader {
  /** Where the model's window starts for a text of `length` tokens. */
  windowFor(length: number): number;
  /**
   * Brings the cache to the window of `ids`, computing only what it lacks, and gives the logits
   * after the last of them. `ids` must not be empty.
   */
  follow(ids: readonly number[], options?: { signal?: AbortSignal }): Promise<Read>;
  /**
   * Brings the cache to the window of `ids`, which starts at `firstVisible`, and lets `use` read
   * from the session before anybody else may. The cache may hold more tokens than the window.
   */
  look<T>(
    ids: readonly number[],
    options: { signal?: AbortSignal },
    use: (firstVisible: number, session: Session) => Promise<T>,
  ): Promise<T>;
}

/** Switches parts of a session off, and all others on; what it read with others off, it forgets. */
export type SwitchOff = (session: Session, off: PartsOff) => Promise<void>;

/**
 * A text and what the model has read of it: one session whose cache follows the text as it is
 * edited, grown, or outgrows the context. Several readers may take turns, with different texts and
 * different parts off: each call brings the cache to what it names, so the worst that interleaving
 * costs is time.
 */
export class Conversation {
  readonly session: Session;
  readonly #switchOff: SwitchOff;
  #firstVisible = 0;
  /** Logits after the first `length` tokens in the cache. */
  #known: { length: number; logits: Float32Array } | null = null;
  readonly #turns = new Turns();

  constructor(session: Session, switchOff: SwitchOff) {
    this.session = session;
    this.#switchOff = switchOff;
  }

  /** A reader of the model with these parts off, whoever else takes turns. */
  readerFor(off: PartsOff): Reader {
    return {
      windowFor: (length) => windowStart(length, this.session.capacity),
      follow: (ids, { signal } = {}) => this.#follow(ids, off, signal),
      look: (ids, { signal }, use) =>
        this.#turns.take(async () => {
          const { firstVisible } = await this.#bring(ids, off, signal);
          return use(firstVisible, this.session);
        }),
    };
  }

  #follow(ids: readonly number[], off: PartsOff, signal: AbortSignal | undefined): Promise<Read> {
    return this.#turns.take(async () => {
      const { computed, firstVisible } = await this.#bring(ids, off, signal);
      const length = ids.length - firstVisible;
      if (this.#known?.length !== length) {
        const rows: Float32Array[] = [];
        await this.session.readLogits(0, length - 1, 1, (row) => rows.push(row.logits));
        this.#known = { length, logits: rows[0] };
      }
      return { logits: this.#known.logits, computed, firstVisible };
    });
  }

  async #bring(
    ids: readonly number[],
    off: PartsOff,
    signal: AbortSignal | undefined,
  ): Promise<{ computed: number; firstVisible: number }> {
    signal?.throwIfAborted();
    const { session } = this;
    await this.#switchOff(session, off);
    const firstVisible = windowStart(ids.length, session.capacity);
    if (firstVisible !== this.#firstVisible) {
      session.truncate(0);
      this.#firstVisible = firstVisible;
    }
    const visible = ids.slice(firstVisible);
    const common = session.commonPrefix(visible);
    // All of it may be in the cache, and more, which stays: the text may be on its way there.
    if (common === visible.length) return { computed: 0, firstVisible };
    session.truncate(common);
    this.#known = null;
    const rest = visible.slice(common);
    // The logits cost little beside the blocks, and whoever reads a text mostly wants them.
    const [logits] = await session.append([rest], { lastLogits: true, signal });
    this.#known = { length: visible.length, logits };
    return { computed: rest.length, firstVisible };
  }
}

export interface GenerateOptions {
  readonly reader: Reader;
  readonly ids: readonly number[];
  readonly options: GenerationOptions;
  readonly vocabulary: Vocabulary;
  readonly eosTokenIds: readonly number[];
  readonly top: number;
  readonly signal?: AbortSignal;
}

/** A seed nobody chose: unsigned 32 bits. */
function drawSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0];
}

/**
 * Streams tokens after `ids`. The token at position t is drawn with `uniform(seed, t)`, so the same
 * seed gives the same text wherever the logits agree, in one run or token by token. End-of-text
 * ends the stream and is not part of the text.
 */
export async function* generateTokens(request: GenerateOptions): AsyncGenerator<GenerateEvent> {
  const { reader, options, vocabulary, signal, top } = request;
  checkOptions(options);
  const eos = new Set(stopIds(options.eos_token_id, request.eosTokenIds));
  const seed = options.seed ?? drawSeed();
  const ids = [...request.ids];
  const decoder = new StreamingDecoder();
  const stops = new StopStringMatcher(options.stop);
  const done = (reason: 'length' | 'eos' | 'stop' | 'aborted', stop?: string): GenerateEvent => ({
    type: 'done',
    reason,
    ...(stop === undefined ? {} : { stop }),
    // After a stop string nothing more is text, not even half a character.
    text: stop === undefined ? decoder.flush() : '',
  });

  let step: Read;
  const promptStart = performance.now();
  try {
    step = await reader.follow(ids, { signal });
  } catch (error) {
    if (!signal?.aborted) throw error;
    yield done('aborted');
    return;
  }
  yield {
    type: 'start',
    seed,
    promptIds: [...ids],
    firstVisible: step.firstVisible,
    promptMs: performance.now() - promptStart,
    computed: step.computed,
  };

  // The first token's logits are here already: after token n the model has taken n more steps.
  const start = performance.now();
  for (let n = 0; n < options.max_new_tokens; n++) {
    if (signal?.aborted) {
      yield done('aborted');
      return;
    }
    const { logits } = step;
    const probabilities = processLogits(logits, ids, options);
    const id = sampleToken(probabilities, uniform(seed, ids.length));
    if (eos.has(id)) {
      yield done('eos');
      return;
    }
    const distribution = describe(step, ids, options, top, vocabulary, probabilities);
    const piece = vocabulary.pieceOf(id);
    const { emit, stopped } = stops.push(decoder.push(vocabulary.bytesOf(id)));
    ids.push(id);
    yield {
      type: 'token',
      piece,
      text: emit,
      ...logprobAndRank(logits, id),
      distribution,
      tokensPerSecond: tokensPerSecond(n, performance.now() - start),
    };
    if (stopped !== undefined) {
      yield done('stop', stopped);
      return;
    }
    if (n + 1 === options.max_new_tokens) break;
    try {
      const firstVisible = reader.windowFor(ids.length);
      if (firstVisible > step.firstVisible) yield { type: 'window', firstVisible };
      step = await reader.follow(ids, { signal });
    } catch (error) {
      if (!signal?.aborted) throw error;
      yield done('aborted');
      return;
    }
  }
  yield done('length');
}

/** Speed of `steps` decode steps that took `elapsedMs`; null where nothing was measured. */
function tokensPerSecond(steps: number, elapsedMs: number): number | null {
  return steps > 0 && elapsedMs > 0 ? (1000 * steps) / elapsedMs : null;
}

/** The distribution after a text, with where the model's window starts and what it cost. */
export function describe(
  { logits, computed, firstVisible }: Read,
  ids: readonly number[],
  options: SamplingOptions,
  top: number,
  vocabulary: Vocabulary,
  probabilities?: Float64Array,
): Distribution {
  const pieceOf = (id: number): TokenPiece => vocabulary.pieceOf(id);
  const seen = { firstVisible, computed };
  return { ...toDistribution(logits, ids, options, top, pieceOf, probabilities), ...seen };
}

function stopIds(
  wish: GenerationOptions['eos_token_id'],
  ofModel: readonly number[],
): readonly number[] {
  if (wish === undefined) return ofModel;
  if (wish === null) return [];
  return typeof wish === 'number' ? [wish] : wish;
}

/** Ids to start from: an empty text starts from the beginning-of-text token. */
export function startingIds(ids: readonly number[], bosTokenId: number | null): readonly number[] {
  if (ids.length > 0) return ids;
  if (bosTokenId !== null) return [bosTokenId];
  throw new EngineError('The text is empty, and this model has no beginning-of-text token.', {
    code: 'tokens/empty',
    hint: 'Type at least one character.',
  });
}

// The token loop: read the text, draw a token, tell the listener, go on; in a window once the
// context is full.
import type { Distribution, GenerateEvent, GenerationOptions, SamplingOptions } from '../api.ts';
import { EngineError } from '../errors.ts';
import type { Session } from '../model/forward.ts';
import type { BytePairEncoder } from '../text/bytePairEncoder.ts';
import { StreamingDecoder } from '../text/streamingDecoder.ts';
import { uniform } from './random.ts';
import {
  checkOptions,
  logprobAndRank,
  processLogits,
  sampleToken,
  toDistribution,
} from './sampler.ts';
import { StopStringMatcher } from './stopStrings.ts';

/** Turns ids into pieces; a model without a tokenizer has numbers for words. */
export type Vocabulary = Pick<BytePairEncoder, 'pieceOf' | 'bytesOf' | 'decode'>;

/**
 * A text and what the model has read of it: one session whose cache follows the text as it is
 * edited, grown, or outgrows the context.
 */
export class Conversation {
  readonly session: Session;
  /** Index into the text of the first token in the cache. */
  firstVisible = 0;
  #lastLogits: { length: number; logits: Float32Array } | null = null;

  constructor(session: Session) {
    this.session = session;
  }

  /** Where the window must start for a text of `length` tokens that came in whole. */
  #windowFor(ids: readonly number[]): number {
    const most = this.session.capacity;
    const cached = this.session.ids[0];
    const start = this.firstVisible;
    // A window that generation moved stays where it is while the text before and in it is the same.
    if (start > 0 && start < ids.length && ids.length - start <= most) {
      const common = cached.every((id, i) => start + i >= ids.length || ids[start + i] === id);
      if (common) return start;
    }
    return Math.max(0, ids.length - most);
  }

  /**
   * Brings the cache to `ids`, computing only what it lacks; resolves with the logits after the
   * last token and the number of tokens computed. `ids` must not be empty.
   */
  async follow(
    ids: readonly number[],
    signal?: AbortSignal,
  ): Promise<{ logits: Float32Array; computed: number }> {
    const start = this.#windowFor(ids);
    if (start !== this.firstVisible) {
      this.session.truncate(0);
      this.firstVisible = start;
      this.#lastLogits = null;
    }
    const visible = ids.slice(start);
    const before = this.session.length;
    const common = this.session.keepCommonPrefix(visible);
    if (common < before) this.#lastLogits = null;
    if (common < visible.length) {
      this.#lastLogits = null;
      const rest = visible.slice(common);
      const [logits] = await this.session.append([rest], { lastLogits: true, signal });
      this.#lastLogits = { length: visible.length, logits };
      return { logits, computed: rest.length };
    }
    if (this.#lastLogits?.length !== visible.length) {
      let logits: Float32Array | null = null;
      await this.session.readLogits(0, visible.length - 1, 1, (rows) => (logits = rows.logits));
      if (!logits) throw new Error('No logits were read.');
      this.#lastLogits = { length: visible.length, logits };
    }
    return { logits: this.#lastLogits.logits, computed: 0 };
  }

  /**
   * Moves the window when `ids` no longer fit: the last half of the context is read again, which
   * the following `follow` does. True when it moved.
   */
  makeRoom(ids: readonly number[]): boolean {
    if (ids.length - this.firstVisible <= this.session.capacity) return false;
    this.session.truncate(0);
    this.#lastLogits = null;
    this.firstVisible = ids.length - Math.max(1, Math.floor(this.session.capacity / 2));
    return true;
  }
}

export interface GenerateOptions {
  readonly conversation: Conversation;
  readonly ids: readonly number[];
  readonly options: GenerationOptions;
  readonly vocabulary: Vocabulary;
  readonly eosTokenIds: readonly number[];
  readonly top: number;
  readonly signal?: AbortSignal;
}

/** A seed nobody chose: unsigned 32 bits. */
export function drawSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0];
}

/**
 * Streams tokens after `ids`. Draw number n uses `uniform(seed, n)`, so the same seed gives the
 * same text wherever the logits agree. End-of-text ends the stream and is not part of the text.
 */
export async function* generateTokens(request: GenerateOptions): AsyncGenerator<GenerateEvent> {
  const { conversation, options, vocabulary, signal, top } = request;
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
    text: decoder.flush(),
  });

  let step: { logits: Float32Array; computed: number };
  const promptStart = performance.now();
  try {
    step = await conversation.follow(ids, signal);
  } catch (error) {
    if (!signal?.aborted) throw error;
    yield done('aborted');
    return;
  }
  yield {
    type: 'start',
    seed,
    promptIds: [...ids],
    firstVisible: conversation.firstVisible,
    promptMs: performance.now() - promptStart,
    computed: step.computed,
  };

  const start = performance.now();
  for (let n = 0; n < options.max_new_tokens; n++) {
    if (signal?.aborted) {
      yield done('aborted');
      return;
    }
    const { logits } = step;
    const probabilities = processLogits(logits, ids, options);
    const id = sampleToken(probabilities, uniform(seed, n));
    if (eos.has(id)) {
      yield done('eos');
      return;
    }
    const distribution = describe(
      logits,
      ids,
      options,
      top,
      vocabulary,
      probabilities,
      conversation,
    );
    const piece = vocabulary.pieceOf(id);
    const { emit, stopped } = stops.push(decoder.push(vocabulary.bytesOf(id)));
    ids.push(id);
    yield {
      type: 'token',
      piece,
      text: emit,
      ...logprobAndRank(logits, id),
      distribution,
      tokensPerSecond: (1000 * (n + 1)) / (performance.now() - start),
    };
    if (stopped !== undefined) {
      yield done('stop', stopped);
      return;
    }
    if (n + 1 === options.max_new_tokens) break;
    try {
      if (conversation.makeRoom(ids)) {
        yield { type: 'window', firstVisible: conversation.firstVisible };
      }
      step = await conversation.follow(ids, signal);
    } catch (error) {
      if (!signal?.aborted) throw error;
      yield done('aborted');
      return;
    }
  }
  yield done('length');
}

/** The distribution after a text, with where the model's window starts. */
export function describe(
  logits: Float32Array,
  ids: readonly number[],
  options: SamplingOptions,
  top: number,
  vocabulary: Vocabulary,
  probabilities: Float64Array | undefined,
  conversation: Conversation,
): Distribution {
  return {
    ...toDistribution(logits, ids, options, top, (id) => vocabulary.pieceOf(id), probabilities),
    firstVisible: conversation.firstVisible,
  };
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

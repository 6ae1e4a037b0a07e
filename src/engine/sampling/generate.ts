// The token loop: read the text, draw a token, tell the listener, go on; in a window once the
// context is full.
import type {
  Distribution,
  GenerateEvent,
  GenerationOptions,
  SamplingOptions,
  TokenPiece,
} from '../../api.ts';
import { StreamingDecoder } from '../../text/streamingDecoder.ts';
import type { Vocabulary } from '../load/vocabulary.ts';
import type { Read, Reader } from '../reading/conversation.ts';
import { uniform } from './random.ts';
import {
  checkOptions,
  logprobAndRank,
  processLogits,
  sampleToken,
  toDistribution,
} from './sampler.ts';
import { StopStringMatcher } from './stopStrings.ts';

/** Where nothing else is said: greedy, 50 tokens. */
export const DEFAULT_OPTIONS: GenerationOptions = {
  do_sample: false,
  temperature: 1,
  top_k: 50,
  top_p: 1,
  min_p: 0,
  repetition_penalty: 1,
  max_new_tokens: 50,
  stop: [],
};

/** What the loop did, and the text that became complete with it. */
export interface Written {
  readonly event: GenerateEvent;
  /** '' while half a character waits; at the end, what is left of one as U+FFFD. */
  readonly text: string;
  /** Half a character may be waiting: its other half, or its end, comes with the next event. */
  readonly waits?: boolean;
}

export interface GenerateOptions {
  readonly reader: Reader;
  readonly ids: readonly number[];
  readonly options: GenerationOptions;
  readonly vocabulary: Vocabulary;
  readonly eosTokenIds: readonly number[];
  readonly top: number;
  /** Milliseconds between two events with a distribution; 0, the default, for one with each. */
  readonly distributionMs?: number | undefined;
  /** The first token of a prompt over the context is written from all that the context holds. */
  readonly wholeFirst?: boolean;
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
export async function* generateTokens(
  request: GenerateOptions,
): AsyncGenerator<Written, void, undefined> {
  const { reader, options, vocabulary, signal, top, distributionMs = 0 } = request;
  checkOptions(options);
  const { min_new_tokens = 0 } = options;
  const eos = new Set(stopIds(options.eos_token_id, request.eosTokenIds));
  const seed = options.seed ?? drawSeed();
  const ids = [...request.ids];
  const seen = new Set(ids);
  const decoder = new StreamingDecoder();
  const stops = new StopStringMatcher(options.stop);
  const done = (reason: 'length' | 'eos' | 'stop' | 'aborted', stop?: string): Written => ({
    event: { type: 'done', reason, ...(stop === undefined ? {} : { stop }) },
    // After a stop string nothing more is text, not even half a character.
    text: stop === undefined ? decoder.flush() : '',
  });
  const tell = (event: GenerateEvent): Written => ({ event, text: '' });

  let step: Read;
  const promptStart = performance.now();
  try {
    step = await reader.follow(ids, { signal, isWhole: request.wholeFirst === true });
  } catch (error) {
    if (!signal?.aborted) throw error;
    yield done('aborted');
    return;
  }
  yield tell({
    type: 'start',
    seed,
    promptIds: [...ids],
    firstVisible: step.firstVisible,
    promptMs: performance.now() - promptStart,
    computed: step.computed,
  });

  // The first token's logits are here already: after token n the model has taken n more steps.
  let start = performance.now();
  let told = -Infinity;
  for (let n = 0; n < options.max_new_tokens; n++) {
    if (signal?.aborted) {
      yield done('aborted');
      return;
    }
    const { logits } = step;
    const open = n < min_new_tokens ? without(logits, eos) : logits;
    const probabilities = processLogits(open, seen, options);
    const id = sampleToken(probabilities, uniform(seed, ids.length));
    if (eos.has(id)) {
      yield done('eos');
      return;
    }
    const isDue = performance.now() - told >= distributionMs;
    if (isDue) told = performance.now();
    const distribution = isDue
      ? describe(step, ids, options, top, vocabulary, probabilities)
      : null;
    const piece = vocabulary.pieceOf(id);
    const { emit, stopped } = stops.push(decoder.push(vocabulary.bytesOf(id)));
    ids.push(id);
    seen.add(id);
    const event: GenerateEvent = {
      type: 'token',
      piece,
      ...logprobAndRank(logits, id),
      distribution,
      tokensPerSecond: tokensPerSecond(n, performance.now() - start),
    };
    yield { event, text: emit, waits: decoder.waits };
    // Whoever takes the first token may draw it before he wants a second.
    if (n === 0) start = performance.now();
    if (stopped !== undefined) {
      yield done('stop', stopped);
      return;
    }
    if (n + 1 === options.max_new_tokens) break;
    try {
      const firstVisible = reader.windowFor(ids.length);
      if (firstVisible > step.firstVisible) yield tell({ type: 'window', firstVisible });
      step = await reader.follow(ids, { signal });
    } catch (error) {
      if (!signal?.aborted) throw error;
      yield done('aborted');
      return;
    }
  }
  yield done('length');
}

/** Logits [V] of a text that does not end here; as they are where the model knows nothing but ends. */
function without(logits: Float32Array, eos: ReadonlySet<number>): Float32Array {
  const open = logits.map((logit, id) => (eos.has(id) ? -Infinity : logit));
  return open.every((logit) => logit === -Infinity) ? logits : open;
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

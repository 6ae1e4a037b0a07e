// Which part of a text a model learns from, and which part says how well.
import { EngineError } from '../../errors.ts';
import type { Corpus } from './corpus.ts';
import { philoxDraws } from './draws.ts';
import type { Ids } from './tokenIds.ts';

export type SplitOptions =
  /** The last part of the text, as nanoGPT: 0.1 keeps a tenth for validation. */
  | { readonly by: 'share'; readonly validation: number }
  /** One of every so many documents: each k-th, from one on that the seed chooses. */
  | { readonly by: 'document'; readonly every: number; readonly seed: number };

export interface Split {
  readonly train: Ids;
  /** Without any id where nothing is kept for it. */
  readonly validation: Ids;
}

/** What is needed of a corpus. */
interface Splittable extends Pick<Corpus, 'documents'> {
  readonly ids: Ids;
}

/** Ids `from` … `to`, `to` not included. */
type Range = readonly [from: number, to: number];

/** Splits a text; nothing is copied. Throws `training/options`, and `training/text` where there are too few documents. */
export function splitCorpus(corpus: Splittable, options: SplitOptions): Split {
  return options.by === 'share'
    ? byShare(corpus.ids, options.validation)
    : byDocument(corpus, options.every, options.seed);
}

function byShare(ids: Ids, validation: number): Split {
  if (!(validation >= 0 && validation < 1)) {
    throw new EngineError(
      `The share for validation is ${validation}; expected 0 or more, and less than 1.`,
      { code: 'training/options', hint: 'nanoGPT keeps the last 0.1.' },
    );
  }
  // nanoGPT's int(0.9 * n), where 0.9 is the number that was written: 1 − 0.1 in floating point.
  const cut = Math.floor((1 - validation) * ids.length);
  return {
    train: new IdRanges(ids, [[0, cut]]),
    validation: new IdRanges(ids, [[cut, ids.length]]),
  };
}

function byDocument({ ids, documents }: Splittable, every: number, seed: number): Split {
  if (!Number.isInteger(every) || every < 2) {
    throw new EngineError(
      `One of every ${every} documents is to be kept for validation; expected a whole number from 2 on.`,
      { code: 'training/options', hint: 'The usual one is 10.' },
    );
  }
  if (documents.length < every) {
    throw new EngineError(
      `The text has ${documents.length} documents; one of every ${every} is to be kept for validation.`,
      {
        code: 'training/text',
        hint: 'Split it by share, or put the separator between its documents.',
      },
    );
  }
  const [first] = philoxDraws(seed, 0).randint(every, 1);
  const parts: Record<'train' | 'validation', Range[]> = { train: [], validation: [] };
  for (const [index, from] of documents.entries()) {
    const to = documents[index + 1] ?? ids.length;
    parts[index % every === first ? 'validation' : 'train'].push([from, to]);
  }
  return {
    train: new IdRanges(ids, parts.train),
    validation: new IdRanges(ids, parts.validation),
  };
}

/** Some ranges of ids as if they lay one behind the other. */
class IdRanges implements Ids {
  readonly length: number;
  readonly #ids: Ids;
  readonly #ranges: readonly Range[];
  /** Where each range begins here. */
  readonly #starts: Float64Array;

  /** Of all the text. */
  get highest(): number {
    return this.length > 0 ? this.#ids.highest : -1;
  }

  constructor(ids: Ids, ranges: readonly Range[]) {
    this.#ids = ids;
    this.#ranges = ranges;
    this.#starts = new Float64Array(ranges.length);
    let length = 0;
    for (const [index, [from, to]] of ranges.entries()) {
      this.#starts[index] = length;
      length += to - from;
    }
    this.length = length;
  }

  copyTo(target: Uint32Array, at: number, from: number, count: number): void {
    let range = this.#rangeAt(from);
    for (let done = 0; done < count; range++) {
      const [first, end] = this.#ranges[range];
      const start = first + from + done - this.#starts[range];
      const length = Math.min(count - done, end - start);
      this.#ids.copyTo(target, at + done, start, length);
      done += length;
    }
  }

  /** The last range that begins at `place` or before. */
  #rangeAt(place: number): number {
    let low = 0;
    for (let high = this.#ranges.length; high - low > 1;) {
      const middle = (low + high) >> 1;
      if (this.#starts[middle] <= place) low = middle;
      else high = middle;
    }
    return low;
  }
}

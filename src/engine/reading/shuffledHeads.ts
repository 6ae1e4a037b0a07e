// Heads as they are, and with their keys shuffled: where each row looks, computed here from cached queries and keys.
import { Breath } from '../../breath.ts';
import type { Gpt } from '../../model/gpt.ts';
import { uniform } from '../sampling/random.ts';

/** Shuffles of each head. Of the highest of all their scores, chance alone passes one time in nine. */
export const SHUFFLES = 8;

/** Products of a query and a key that are computed for one head: all of 256 tokens, some rows of a longer text. */
const MOST_PAIRS = 33_000;

export interface LayerKeys {
  /** (T, Q) the cache of a layer: queries, keys and values of each position side by side. */
  readonly qkv: Float32Array;
  readonly layout: Gpt['widths']['head'];
  readonly scoreScale: number;
  /** T */
  readonly size: number;
}

/** Takes a row: `variant` is 0 for the head itself, then its shuffles from 1; `weights` (t + 1) sum to 1 and are used again. */
export type TakeRow = (head: number, variant: number, t: number, weights: Float64Array) => void;

/** The rows of `size` tokens that are looked at: all of a text of 256, evenly spread ones of a longer one, the last among them. */
function rowsOf(size: number): number[] {
  const step = Math.ceil((size * (size + 1)) / 2 / MOST_PAIRS);
  return Array.from({ length: size }, (_, t) => t).filter((t) => (size - 1 - t) % step === 0);
}

/**
 * Rows of every head of `layer`, and of each head with the entries of its keys in another order: what a head with the rows
 * of its key matrix shuffled would see. The same order every time.
 */
export async function readRows(
  { qkv, layout, scoreScale, size }: LayerKeys,
  layer: number,
  take: TakeRow,
  signal?: AbortSignal,
): Promise<void> {
  const { nHead, headSize, headStride, partStride, rowStride } = layout;
  const rows = rowsOf(size);
  const query = new Float64Array(headSize);
  const keys = new Float64Array(size * headSize);
  const all = new Float64Array(size);
  const breath = new Breath();
  for (let h = 0; h < nHead; h++) {
    for (let variant = 0; variant <= SHUFFLES; variant++) {
      const order =
        variant === 0 ? null : shuffled(headSize, (layer * nHead + h) * SHUFFLES + variant);
      for (let s = 0; s < size; s++) {
        const from = s * rowStride + partStride + h * headStride;
        for (let d = 0; d < headSize; d++) keys[s * headSize + d] = qkv[from + (order?.[d] ?? d)];
      }
      for (const t of rows) {
        const from = t * rowStride + h * headStride;
        for (let d = 0; d < headSize; d++) query[d] = qkv[from + d] * scoreScale;
        const weights = all.subarray(0, t + 1);
        softmaxRow(query, keys, weights);
        take(h, variant, t, weights);
      }
      if (breath.isDue) await breath.take(signal);
    }
  }
}

function softmaxRow(query: Float64Array, keys: Float64Array, weights: Float64Array): void {
  const { length: width } = query;
  let most = -Infinity;
  for (let s = 0; s < weights.length; s++) {
    let sum = 0;
    for (let d = 0; d < width; d++) sum += query[d] * keys[s * width + d];
    weights[s] = sum;
    if (sum > most) most = sum;
  }
  let total = 0;
  for (let s = 0; s < weights.length; s++) {
    weights[s] = Math.exp(weights[s] - most);
    total += weights[s];
  }
  for (let s = 0; s < weights.length; s++) weights[s] /= total;
}

/** The numbers below `count` in another order, by `seed` (Fisher and Yates). */
function shuffled(count: number, seed: number): number[] {
  const order = Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(uniform(seed, i) * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

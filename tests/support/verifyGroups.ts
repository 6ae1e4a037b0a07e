// What comparisons with PyTorch's numbers have in common: files of expected tensors, errors, and a line a group.
import { parseSafetensorsHeader, toFloat32 } from '../../src/formats/safetensors.ts';

export interface GroupResult {
  readonly group: string;
  /** Largest absolute error. */
  readonly absolute: number;
  /** Largest error relative to the largest magnitude in its tensor. */
  readonly relative: number;
  /** What is compared with the bound, and the bound. */
  readonly bound: string;
  readonly ok: boolean;
  readonly note?: string;
}

/** A tensor of a file by its name; throws for one that is not there. */
export type Expected = (name: string) => { data: Float32Array; dims: readonly number[] };

export async function readExpected(
  url: string,
): Promise<Expected & { readonly names: readonly string[] }> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  const bytes = new Uint8Array(await response.arrayBuffer());
  const { tensors } = parseSafetensorsHeader(bytes, bytes.length);
  const expected: Expected = (name) => {
    const entry = tensors.get(name);
    if (!entry) throw new Error(`${url} has no ${name}.`);
    const raw = bytes.slice(entry.begin, entry.end);
    const data =
      entry.dtype === 'I32'
        ? Float32Array.from(new Int32Array(raw.buffer))
        : entry.dtype === 'I64'
          ? Float32Array.from(new BigInt64Array(raw.buffer), Number)
          : toFloat32(raw, entry.dtype);
    return { data, dims: entry.shape };
  };
  return Object.assign(expected, { names: [...tensors.keys()] });
}

/** A batch of ids or targets as lists. */
export function toRows(tensor: { data: Float32Array; dims: readonly number[] }): number[][] {
  const [rows, columns] = tensor.dims.length === 1 ? [1, tensor.dims[0]] : tensor.dims;
  return Array.from({ length: rows }, (_, r) => [
    ...tensor.data.subarray(r * columns, (r + 1) * columns),
  ]);
}

/** Largest absolute error, alone and relative to the largest expected magnitude. NaN counts as ∞. */
export function compare(actual: ArrayLike<number>, expected: ArrayLike<number>) {
  if (actual.length !== expected.length) {
    throw new Error(`${actual.length} values; expected ${expected.length}.`);
  }
  let absolute = 0;
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs(actual[i] - expected[i]);
    if (!(error <= absolute)) absolute = Number.isNaN(error) ? Infinity : error;
    largest = Math.max(largest, Math.abs(expected[i]));
  }
  return { absolute, relative: absolute / largest };
}

/** The largest error of several pairs, beside its bound. */
export function group(
  name: string,
  pairs: readonly (readonly [ArrayLike<number>, ArrayLike<number>])[],
  kind: 'relative' | 'absolute',
  bound: number,
): GroupResult {
  let absolute = 0;
  let relative = 0;
  for (const [actual, expected] of pairs) {
    const error = compare(actual, expected);
    absolute = Math.max(absolute, error.absolute);
    relative = Math.max(relative, error.relative);
  }
  const ok = (kind === 'relative' ? relative : absolute) <= bound;
  return { group: name, absolute, relative, bound: `${kind} ${bound}`, ok };
}

/** A file of JSON; null where there is none. */
export async function fetchJson(url: string): Promise<unknown> {
  const response = await fetch(url);
  if (response.status === 404) return null;
  const isPage = response.headers.get('content-type')?.startsWith('text/html') === true;
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return isPage ? null : ((await response.json()) as unknown);
}

// Deterministic noise for tests: the hash that the conformance pack's 124M recipe uses.

/** lowbias32: a 32-bit integer hash (Wellons 2018). */
export function lowbias32(x: number): number {
  x ^= x >>> 16;
  x = Math.imul(x, 0x7feb352d);
  x ^= x >>> 15;
  x = Math.imul(x, 0x846ca68b);
  x ^= x >>> 16;
  return x >>> 0;
}

/** `length` values spread evenly over mean ± std · √3, rounded to f32. */
export function noise(length: number, seed: number, mean = 0, std = 1): Float32Array {
  const values = new Float32Array(length);
  const spread = std * Math.sqrt(12);
  for (let i = 0; i < length; i++) {
    values[i] = mean + spread * (lowbias32((i + seed) >>> 0) / 4294967296 - 0.5);
  }
  return values;
}

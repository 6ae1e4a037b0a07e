// Random numbers without a state: the same seed and counter always give the same number, so that a
// generation can be repeated, continued or begun in its middle.
// Source: Philox4x32-10 of Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3" (Random123).

/** Four unsigned 32-bit words. */
export type Words4 = readonly [number, number, number, number];

/** Philox4x32 with 10 rounds: 128 random bits of a 128-bit counter and a 64-bit key, all as unsigned 32-bit words. */
export function philox4x32(counter: Words4, key: readonly [number, number]): Words4 {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(0xd2511f53, c0);
    const low0 = Math.imul(0xd2511f53, c0);
    const high1 = multiplyHigh(0xcd9e8d57, c2);
    const low1 = Math.imul(0xcd9e8d57, c2);
    [c0, c1, c2, c3] = [high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0];
    k0 = (k0 + 0x9e3779b9) | 0;
    k1 = (k1 + 0xbb67ae85) | 0;
  }
  return [c0 >>> 0, c1 >>> 0, c2 >>> 0, c3 >>> 0];
}

/**
 * A number in [0, 1) with 53 random bits, the `counter`-th of a `seed`.
 * Both are whole numbers from 0 to 2⁵³ − 1; seeds are used modulo 2⁶⁴.
 */
export function uniform(seed: number, counter: number): number {
  const [a, b] = philox4x32([counter >>> 0, high(counter), 0, 0], [seed >>> 0, high(seed)]);
  return ((a >>> 5) * 2 ** 26 + (b >>> 6)) / 2 ** 53;
}

function high(value: number): number {
  return Math.floor(value / 2 ** 32) >>> 0;
}

/** Upper 32 bits of the product of two unsigned 32-bit words, by 16-bit halves. */
function multiplyHigh(a: number, b: number): number {
  const [aHigh, aLow] = [a >>> 16, a & 0xffff];
  const [bHigh, bLow] = [b >>> 16, b & 0xffff];
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const carry = aLow * bHigh + (middle & 0xffff);
  return (aHigh * bHigh + Math.floor(middle / 65536) + Math.floor(carry / 65536)) >>> 0;
}

// Random bits as a function: the same key and counter always give the same bits, on every device, in any order.
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

/** Which bits are meant: of a training run's `seed`, at a step, in a layer. */
export interface RandomPlace {
  /** A whole number from 0 to 2⁵³ − 1. */
  readonly seed: number;
  readonly step: number;
  readonly layer: number;
}

/**
 * Fills `words` with the random bits of elements `first` … of a place (below 2³⁴). Four elements share a counter, so
 * a thread of a kernel makes four at a time and gets the same. The counter's last word is 1, which keeps these
 * bits apart from those that pick tokens.
 */
export function fillRandom(words: Uint32Array, place: RandomPlace, first = 0): void {
  const { seed, step, layer } = place;
  const key = [seed >>> 0, highWord(seed)] as const;
  let block = -1;
  let bits: Words4 = [0, 0, 0, 0];
  for (let i = 0; i < words.length; i++) {
    const element = first + i;
    if (block !== Math.floor(element / 4)) {
      block = Math.floor(element / 4);
      bits = philox4x32([block, layer, step, 1], key);
    }
    words[i] = bits[element % 4];
  }
}

/** Upper 32 bits of a whole number from 0 to 2⁵³ − 1. */
export function highWord(value: number): number {
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

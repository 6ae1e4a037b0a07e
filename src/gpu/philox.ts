// Random bits as a function: the same key and counter always give the same bits, on every device, in any order.
// Source: Philox4x32-10 of Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3" (Random123).

/** Four unsigned 32-bit words. */
export type Words4 = readonly [number, number, number, number];

/** Philox4x32 with 10 rounds: 128 random bits of a 128-bit counter and a 64-bit key, all as unsigned 32-bit words. */
export function philox4x32(counter: Words4, key: readonly [number, number]): Words4 {
  const words = new Uint32Array(4);
  writeBlock(words, 0, counter, key);
  return [words[0], words[1], words[2], words[3]];
}

/** The same, into four places of an array, of which those that lie behind its end are left out. */
function writeBlock(
  words: Uint32Array,
  at: number,
  [c0, c1, c2, c3]: Words4,
  [k0, k1]: readonly [number, number],
): void {
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(0xd251, 0x1f53, c0);
    const low0 = Math.imul(0xd2511f53, c0);
    const high1 = multiplyHigh(0xcd9e, 0x8d57, c2);
    const low1 = Math.imul(0xcd9e8d57, c2);
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 = (k0 + 0x9e3779b9) | 0;
    k1 = (k1 + 0xbb67ae85) | 0;
  }
  words[at] = c0;
  words[at + 1] = c1;
  words[at + 2] = c2;
  words[at + 3] = c3;
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
  // The first block may begin before the first element.
  const skipped = first % 4;
  if (skipped > 0) {
    const bits = philox4x32([Math.floor(first / 4), layer, step, 1], key);
    words.set(bits.slice(skipped, skipped + words.length));
  }
  for (let i = (4 - skipped) % 4; i < words.length; i += 4) {
    writeBlock(words, i, [(first + i) / 4, layer, step, 1], key);
  }
}

/** Upper 32 bits of a whole number from 0 to 2⁵³ − 1. */
export function highWord(value: number): number {
  return Math.floor(value / 2 ** 32) >>> 0;
}

/** Upper 32 bits of the product of two words, of which one comes in halves; every sum fits into 32 bits. */
function multiplyHigh(aHigh: number, aLow: number, b: number): number {
  const [bHigh, bLow] = [b >>> 16, b & 0xffff];
  const middle = (Math.imul(aHigh, bLow) + (Math.imul(aLow, bLow) >>> 16)) | 0;
  const carry = (Math.imul(aLow, bHigh) + (middle & 0xffff)) | 0;
  return (Math.imul(aHigh, bHigh) + (middle >>> 16) + (carry >>> 16)) | 0;
}

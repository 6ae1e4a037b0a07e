// Random numbers without a state: the same seed and counter always give the same number, so that a
// generation can be repeated, continued or begun in its middle.
import { highWord, philox4x32 } from '../../gpu/philox.ts';

/**
 * A number in [0, 1) with 53 random bits, the `counter`-th of a `seed`.
 * Both are whole numbers from 0 to 2⁵³ − 1; seeds are used modulo 2⁶⁴.
 */
export function uniform(seed: number, counter: number): number {
  const [a, b] = philox4x32([counter >>> 0, highWord(counter), 0, 0], [seed >>> 0, highWord(seed)]);
  return ((a >>> 5) * 2 ** 26 + (b >>> 6)) / 2 ** 53;
}

// How near numbers must be, and a comparison that explains itself.
import { expect } from 'vitest';

/**
 * Every element within `bound` of the expected one, or the same ∞; where NaN is expected, no finite number, for
 * WGSL promises no more: exp(NaN) may be ∞. A failure says where, how far, how many.
 */
export function expectClose(
  name: string,
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  bound: number,
): void {
  expect(actual.length, `${name}: length`).toBe(expected.length);
  let first = -1;
  let bad = 0;
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs(actual[i] - expected[i]);
    if (error > worst) worst = error;
    const isNear = Number.isNaN(expected[i])
      ? !Number.isFinite(actual[i])
      : error <= bound || actual[i] === expected[i];
    if (!isNear) {
      bad++;
      if (first < 0) first = i;
    }
  }
  if (bad > 0) {
    expect.fail(
      `${name}: index ${first} is ${actual[first]}, expected ${expected[first]} ± ${bound}; ` +
        `${bad} of ${expected.length} are off, the worst by ${worst}.`,
    );
  }
}

/**
 * Bound of an f32 sum of `terms` terms whose magnitudes add up to `terms · size`: every addition
 * rounds by 2⁻²⁴ of a partial sum, and the few operations around it (exp, √, tanh) by a few more.
 */
export function sumBound(terms: number, size: number): number {
  return (4 * terms + 16) * 2 ** -24 * size;
}

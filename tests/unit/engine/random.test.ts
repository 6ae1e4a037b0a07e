// The stateless random numbers that pick tokens.
import { expect, it } from 'vitest';
import { uniform } from '../../../src/engine/sampling/random.ts';

it('the same seed and counter always give the same number, other ones another', () => {
  const numbers = [0, 1, 2 ** 32, 2 ** 32 + 1].flatMap((seed) =>
    [0, 1, 2 ** 32, 2 ** 32 + 1].map((counter) => uniform(seed, counter)),
  );
  expect(new Set(numbers).size).toBe(16);
  expect(uniform(42, 7)).toBe(uniform(42, 7));
  // 0x6627e8d5 and 0xe169c58d, upper 27 and 26 bits.
  expect(uniform(0, 0)).toBe(((0x6627e8d5 >>> 5) * 2 ** 26 + (0xe169c58d >>> 6)) / 2 ** 53);
});

it('20,000 numbers fill 64 equal parts of [0, 1) evenly', () => {
  const counts = Array.from({ length: 64 }, () => 0);
  for (let counter = 0; counter < 20_000; counter++) {
    const number = uniform(2026, counter);
    expect(number >= 0 && number < 1).toBe(true);
    counts[Math.floor(number * 64)]++;
  }
  const expected = 20_000 / 64;
  const chiSquare = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  // 63 degrees of freedom: 0.1 % of fair draws lie above 103.4, 0.1 % below 32.5.
  expect(chiSquare).toBeLessThan(103.4);
  expect(chiSquare).toBeGreaterThan(32.5);
});

// Which part of a long text is seen, by length alone.
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { windowStart } from '../../src/window.ts';

it('sees all of a text up to the context, then reads the last half again', () => {
  expect([1, 256, 257, 300, 385, 386].map((length) => windowStart(length, 256))).toEqual([
    0, 0, 129, 129, 129, 258,
  ]);
});

it('always sees the last token, never more than the context, and never goes back', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 64 }), fc.integer({ min: 1, max: 500 }), (context, n) => {
      const start = windowStart(n, context);
      expect(n - start).toBeGreaterThanOrEqual(1);
      expect(n - start).toBeLessThanOrEqual(context);
      expect(windowStart(n + 1, context)).toBeGreaterThanOrEqual(start);
    }),
  );
});

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isWhole, partAround, withValue } from '../../../src/state/promptPart.ts';

const LONG = 'The fox 🦊 ran. '.repeat(2000);

describe('the part of a prompt that its field holds', () => {
  it('is the whole of a short one', () => {
    expect(partAround('ab', 1)).toEqual({ prompt: 'ab', from: 0, to: 2 });
    expect(withValue(partAround('ab', 1), 'abc', 3)).toEqual({ prompt: 'abc', from: 0, to: 3 });
  });

  it('is short, holds its place, and halves no character', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: LONG.length }), (at) => {
        const { from, to } = partAround(LONG, at);
        expect(to - from).toBeLessThan(7000);
        expect(from <= at && at <= to).toBe(true);
        const words = LONG.slice(from, to);
        expect(words.isWellFormed()).toBe(true);
      }),
    );
  });

  it('changes the prompt where it was changed, and nothing else', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: LONG.length }),
        fc.string({ maxLength: 9 }),
        (at, typed) => {
          const part = partAround(LONG, at);
          const value = LONG.slice(part.from, at) + typed + LONG.slice(at, part.to);
          const next = withValue(part, value, at - part.from + typed.length);
          expect(next.prompt).toBe(LONG.slice(0, at) + typed + LONG.slice(at));
          expect(next.prompt.slice(next.from, next.to)).toBe(value);
        },
      ),
    );
  });

  it('is another one when it has grown long, and the whole when the prompt is short again', () => {
    const grown = withValue(partAround('', 0), LONG, LONG.length);
    expect(isWhole(grown)).toBe(false);
    expect(grown.to).toBe(LONG.length);
    expect(withValue(partAround(LONG, 0), 'x', 1).from).toBe(0);
    const short = withValue({ prompt: LONG, from: 10, to: LONG.length }, '', 0);
    expect(short).toEqual({ prompt: LONG.slice(0, 10), from: 0, to: 10 });
  });
});

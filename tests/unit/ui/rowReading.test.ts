import { describe, expect, test } from 'vitest';
import { labelHead } from '../../../src/state/headLabels.ts';
import { fitOf, headHere, labelHere, rowWords } from '../../../src/ui/attention/rowReading.ts';
import type { HeadRow } from '../../../src/ui/attention/weights.ts';
import { scores } from '../../support/headScores.ts';

function toRow(weights: readonly number[], firstIndex = 0): HeadRow {
  return { firstIndex, weights: Float32Array.from(weights) };
}

/** Ten tokens that are all different; the last one looks. */
const APART = Array.from({ length: 10 }, (_, id) => ({ id }));
const even = (size: number): HeadRow => toRow(Array<number>(size).fill(1 / size));
/** All weight of a row of `size` on one place. */
const all = (size: number, at: number): HeadRow =>
  toRow(Array.from({ length: size }, (_, k) => (k === at ? 1 : 0)));

describe('a name agrees with a row', () => {
  test('broad: where the weight lies almost evenly and no token has more than half', () => {
    expect(fitOf('broad', even(10), APART)?.agrees).toBe(true);
    expect(fitOf('broad', all(10, 4), APART)).toEqual({ agrees: false, share: 1 });
    // Nearly all of an even spread's entropy, and yet more than half on one.
    expect(fitOf('broad', toRow([0.51, 0.49]), APART)?.agrees).toBe(false);
    // No token has half, but three of ten have all.
    expect(fitOf('broad', toRow([0.4, 0.3, 0.3, 0, 0, 0, 0, 0, 0, 0]), APART)?.agrees).toBe(false);
    // Four times its share on one of ten, the rest even: high entropy, and yet not even.
    const peak = [0.4, ...Array.from({ length: 9 }, () => 0.6 / 9)];
    expect(fitOf('broad', toRow(peak), APART)?.agrees).toBe(false);
    expect(
      fitOf('broad', toRow([0.28, ...Array.from({ length: 9 }, () => 0.08)]), APART)?.agrees,
    ).toBe(true);
  });

  test('local: where more than half is on the token itself and the four before it', () => {
    expect(fitOf('local', toRow([0.4, 0, 0, 0, 0, 0.1, 0.1, 0.1, 0.1, 0.2]), APART)).toEqual({
      agrees: true,
      share: expect.closeTo(0.6) as number,
    });
    expect(fitOf('local', toRow([0.3, 0, 0, 0, 0.3, 0.1, 0.1, 0.1, 0.1, 0]), APART)?.agrees).toBe(
      false,
    );
    // The fifth before is no longer near.
    expect(fitOf('local', all(10, 4), APART)?.agrees).toBe(false);
    expect(fitOf('local', all(10, 5), APART)?.agrees).toBe(true);
  });

  test('previous, first: where that token has the largest weight', () => {
    expect(fitOf('previous', toRow([0.3, 0.3, 0.4]), APART)?.agrees).toBe(false);
    expect(fitOf('previous', toRow([0.3, 0.4, 0.3]), APART)?.agrees).toBe(true);
    expect(fitOf('first', toRow([0.4, 0.3, 0.3]), APART)?.agrees).toBe(true);
    expect(fitOf('first', toRow([0.3, 0.4, 0.3]), APART)?.agrees).toBe(false);
  });

  test('duplicate, induction: where an earlier copy, or what followed one, has the largest weight', () => {
    const ids = [5, 7, 8, 5, 9, 5].map((id) => ({ id }));
    expect(fitOf('duplicate', all(6, 0), ids)).toEqual({ agrees: true, share: 1 });
    expect(fitOf('duplicate', all(6, 3), ids)?.agrees).toBe(true);
    // Itself is no earlier copy.
    expect(fitOf('duplicate', all(6, 5), ids)?.agrees).toBe(false);
    expect(fitOf('induction', all(6, 1), ids)?.agrees).toBe(true);
    expect(fitOf('induction', all(6, 4), ids)?.agrees).toBe(true);
    expect(fitOf('induction', all(6, 2), ids)?.agrees).toBe(false);
    // A window that begins later: its first place is the text's fourth token.
    expect(fitOf('duplicate', { ...all(3, 0), firstIndex: 3 }, ids)?.agrees).toBe(true);
  });

  test('not at all where no row of this token could show it', () => {
    expect(fitOf('first', even(1), APART)).toBeNull();
    expect(fitOf('broad', even(1), APART)).toBeNull();
    // All of a short row is near.
    expect(fitOf('local', even(8), APART)).toBeNull();
    expect(fitOf('duplicate', even(10), APART)).toBeNull();
    expect(fitOf('induction', even(10), APART)).toBeNull();
  });
});

describe('the name that stands at a token', () => {
  const broad = labelHead(scores({ broad: 0.9 }), 0, 0);

  test('is the one from random tokens where the row agrees, and none where it does not', () => {
    expect(labelHere(broad, even(10), APART)).toMatchObject({ name: 'broad', letter: 'B' });
    expect(labelHere(broad, all(10, 4), APART)).toMatchObject({ name: 'mixed', letter: '–' });
    expect(labelHere(broad, null, APART).name).toBe('mixed');
  });

  test('stays unknown while nothing was measured', () => {
    expect(labelHere(labelHead(null, 0, 0), even(10), APART).letter).toBe('');
  });
});

describe('a head in words', () => {
  const at = { layer: 0, head: 0 };

  test('never spreads evenly while its row has more than half on one token', () => {
    const words = headHere(scores({ broad: 0.83 }), at, all(10, 6), APART);
    expect(words).not.toContain('evenly');
    expect(words).toBe(
      'Head 0.0 — nearly all on one token here, 3 before it (100.0\u00A0%); broad 0.83 on repeated random tokens, but not here.',
    );
  });

  test('says first what it does here, and then its score', () => {
    expect(headHere(scores({ broad: 0.83 }), at, even(10), APART)).toBe(
      'Head 0.0 — broad: spread almost evenly, at most 10\u00A0% on one token; score 0.83 on repeated random tokens.',
    );
    expect(headHere(scores({ local: 0.4 }), at, all(10, 0), APART)).toBe(
      'Head 0.0 — nearly all on one token here, the first (100.0\u00A0%); on repeated random tokens nothing stands out (strongest: local 0.40).',
    );
    expect(headHere(scores({ induction: 0.5 }), at, all(10, 9), APART)).toContain(
      'nearly all on one token here, itself (100.0\u00A0%); induction 0.50 on repeated random tokens, which this token cannot show.',
    );
    expect(headHere(null, at, all(10, 8), APART)).toBe(
      'Head 0.0 — nearly all on one token here, the one right before it (100.0\u00A0%).',
    );
  });

  test('of the very first token knows that there is nothing else to look at', () => {
    expect(rowWords(even(1))).toBe('it can only look at itself here');
    expect(rowWords({ ...all(5, 0), firstIndex: 7 })).toContain('the first it sees');
    expect(rowWords(toRow([0.45, 0.45, 0.05, 0.05]))).toContain('spread over several tokens here');
  });
});

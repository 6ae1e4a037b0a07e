import { describe, expect, test } from 'vitest';
import { labelHead } from '../../../src/state/headLabels.ts';
import { fitOf, headHere, labelHere, rowWords } from '../../../src/ui/attention/rowReading.ts';
import type { HeadRow } from '../../../src/ui/attention/weights.ts';
import type { Habit } from '../../../src/api.ts';
import { names } from '../../support/headScores.ts';

function toRow(weights: readonly number[], firstIndex = 0): HeadRow {
  return { firstIndex, weights: Float32Array.from(weights) };
}

/** Ten tokens that are all different; the last one looks. */
const APART = Array.from({ length: 10 }, (_, id) => ({
  id,
  text: ` ${String.fromCodePoint(97 + id)}`,
}));
const named = (name: Habit, words: readonly string[] = []) => ({ name, words });
const even = (size: number): HeadRow => toRow(Array<number>(size).fill(1 / size));
/** All weight of a row of `size` on one place. */
const all = (size: number, at: number): HeadRow =>
  toRow(Array.from({ length: size }, (_, k) => (k === at ? 1 : 0)));

describe('a name agrees with a row', () => {
  test('broad: where the weight lies almost evenly and no token has more than half', () => {
    expect(fitOf(named('broad'), even(10), APART)?.agrees).toBe(true);
    expect(fitOf(named('broad'), all(10, 4), APART)).toEqual({ agrees: false, share: 1 });
    // Nearly all of an even spread's entropy, and yet more than half on one.
    expect(fitOf(named('broad'), toRow([0.51, 0.49]), APART)?.agrees).toBe(false);
    // No token has half, but three of ten have all.
    expect(fitOf(named('broad'), toRow([0.4, 0.3, 0.3, 0, 0, 0, 0, 0, 0, 0]), APART)?.agrees).toBe(
      false,
    );
    // Four times its share on one of ten, the rest even: high entropy, and yet not even.
    const peak = [0.4, ...Array.from({ length: 9 }, () => 0.6 / 9)];
    expect(fitOf(named('broad'), toRow(peak), APART)?.agrees).toBe(false);
    expect(
      fitOf(named('broad'), toRow([0.28, ...Array.from({ length: 9 }, () => 0.08)]), APART)?.agrees,
    ).toBe(true);
  });

  test('local: where more than half is on the token itself and the four before it', () => {
    expect(fitOf(named('local'), toRow([0.4, 0, 0, 0, 0, 0.1, 0.1, 0.1, 0.1, 0.2]), APART)).toEqual(
      {
        agrees: true,
        share: expect.closeTo(0.6) as number,
      },
    );
    expect(
      fitOf(named('local'), toRow([0.3, 0, 0, 0, 0.3, 0.1, 0.1, 0.1, 0.1, 0]), APART)?.agrees,
    ).toBe(false);
    // The fifth before is no longer near.
    expect(fitOf(named('local'), all(10, 4), APART)?.agrees).toBe(false);
    expect(fitOf(named('local'), all(10, 5), APART)?.agrees).toBe(true);
  });

  test('previous, first: where that token has the largest weight', () => {
    expect(fitOf(named('previous'), toRow([0.3, 0.3, 0.4]), APART)?.agrees).toBe(false);
    expect(fitOf(named('previous'), toRow([0.3, 0.4, 0.3]), APART)?.agrees).toBe(true);
    expect(fitOf(named('first'), toRow([0.4, 0.3, 0.3]), APART)?.agrees).toBe(true);
    expect(fitOf(named('first'), toRow([0.3, 0.4, 0.3]), APART)?.agrees).toBe(false);
  });

  test('duplicate, induction: where an earlier copy, or what followed one, has the largest weight', () => {
    const ids = [5, 7, 8, 5, 9, 5].map((id) => ({ id, text: ' a' }));
    expect(fitOf(named('duplicate'), all(6, 0), ids)).toEqual({ agrees: true, share: 1 });
    expect(fitOf(named('duplicate'), all(6, 3), ids)?.agrees).toBe(true);
    // Itself is no earlier copy.
    expect(fitOf(named('duplicate'), all(6, 5), ids)?.agrees).toBe(false);
    expect(fitOf(named('induction'), all(6, 1), ids)?.agrees).toBe(true);
    expect(fitOf(named('induction'), all(6, 4), ids)?.agrees).toBe(true);
    expect(fitOf(named('induction'), all(6, 2), ids)?.agrees).toBe(false);
    // A window that begins later: its first place is the text's fourth token.
    expect(fitOf(named('duplicate'), { ...all(3, 0), firstIndex: 3 }, ids)?.agrees).toBe(true);
  });

  test('sentence, punctuation, words: where a token that is meant has the largest weight', () => {
    const ids = ['Once', ' she', ' went', '.', ' He', ' was', ' old', ',', ' "', 'Go'].map(
      (text, id) => ({ id, text }),
    );
    const at = (size: number, place: number) => all(size, place);
    expect(fitOf(named('sentence'), at(7, 4), ids)?.agrees).toBe(true);
    // The mark that ended the sentence before is as good a sign.
    expect(fitOf(named('sentence'), at(7, 3), ids)?.agrees).toBe(true);
    expect(fitOf(named('sentence'), at(7, 5), ids)?.agrees).toBe(false);
    // In speech it is the quotation mark; and there is none in the first sentence, nor for who begins one.
    expect(fitOf(named('sentence'), at(10, 8), ids)?.agrees).toBe(true);
    expect(fitOf(named('sentence'), at(10, 4), ids)?.agrees).toBe(false);
    expect(fitOf(named('sentence'), at(3, 0), ids)).toBeNull();
    expect(fitOf(named('sentence'), at(5, 3), ids)).toBeNull();
    expect(fitOf(named('punctuation'), at(7, 3), ids)?.agrees).toBe(true);
    expect(fitOf(named('punctuation'), at(7, 4), ids)?.agrees).toBe(false);
    expect(fitOf(named('punctuation'), at(3, 0), ids)).toBeNull();
    const verbs = named('words', ['went', 'was']);
    expect(fitOf(verbs, at(7, 5), ids)).toEqual({ agrees: true, share: 1 });
    // Not an earlier one: the last of them is meant.
    expect(fitOf(verbs, at(7, 2), ids)?.agrees).toBe(false);
    expect(fitOf(verbs, at(5, 2), ids)?.agrees).toBe(true);
    expect(fitOf(verbs, at(3, 0), ids)).toBeNull();
  });

  test('not at all where no row of this token could show it', () => {
    expect(fitOf(named('first'), even(1), APART)).toBeNull();
    expect(fitOf(named('broad'), even(1), APART)).toBeNull();
    // All of a short row is near.
    expect(fitOf(named('local'), even(8), APART)).toBeNull();
    expect(fitOf(named('duplicate'), even(10), APART)).toBeNull();
    expect(fitOf(named('induction'), even(10), APART)).toBeNull();
  });
});

describe('the name that stands at a token', () => {
  const local = labelHead(names({ local: 0.9 }), 0, 0);

  test('is the one of the text where the row agrees, and none where it does not', () => {
    expect(labelHere(local, all(10, 8), APART)).toMatchObject({ name: 'local', letter: 'L' });
    expect(labelHere(local, all(10, 4), APART)).toMatchObject({ name: 'mixed', letter: '–' });
    expect(labelHere(local, null, APART).name).toBe('mixed');
  });

  test('stays unknown while nothing was measured', () => {
    expect(labelHere(labelHead(null, 0, 0), even(10), APART).letter).toBe('');
  });
});

describe('a head in words', () => {
  const at = { layer: 0, head: 0 };

  test('never spreads evenly while its row has more than half on one token', () => {
    const words = headHere(names({ broad: 0.93 }), at, all(10, 6), APART);
    expect(words).not.toContain('evenly');
    expect(words).toBe(
      'Head 0.0 — nearly all on one token here, 3 before it (100.0\u00A0%); in this text broad 0.93; with its keys shuffled at most 0.00, any shuffled head at most 0.00, but not at this token.',
    );
  });

  test('says first what it does here, and then its score beside the control’s', () => {
    expect(headHere(names({ local: 0.83 }, { local: 0.4 }), at, all(10, 9), APART)).toBe(
      'Head 0.0 — local: 100.0\u00A0% on the token itself and the four before it; in this text 0.83; with its keys shuffled at most 0.40, any shuffled head at most 0.40.',
    );
    expect(headHere(names({ local: 0.4 }, { local: 0.5 }), at, all(10, 0), APART)).toContain(
      'nearly all on one token here, the first (100.0\u00A0%); in this text no name stands out from chance (nearest: ',
    );
    expect(headHere(names({ induction: 0.5 }), at, all(10, 9), APART)).toContain(
      'itself (100.0\u00A0%); in this text induction 0.50; with its keys shuffled at most 0.00, any shuffled head at most 0.00, but this token cannot show it.',
    );
    const looks = names({ words: 0.5 }, {}, ['b', 'e']);
    expect(headHere(looks, at, all(10, 4), APART)).toContain(
      'looks at “b”, “e”: 100.0\u00A0% on the last of them here; in this text 0.50;',
    );
    expect(headHere(null, at, all(10, 8), APART)).toBe(
      'Head 0.0 — nearly all on one token here, the one right before it (100.0\u00A0%); not measured yet.',
    );
  });

  test('of the very first token knows that there is nothing else to look at', () => {
    expect(rowWords(even(1))).toBe('it can only look at itself here');
    expect(rowWords({ ...all(5, 0), firstIndex: 7 })).toContain('the first it sees');
    expect(rowWords(toRow([0.45, 0.45, 0.05, 0.05]))).toContain('spread over several tokens here');
  });
});

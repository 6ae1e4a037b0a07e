// A run beside its twin: what differs, and what is said of it.
import { describe, expect, it } from 'vitest';
import type { Candidate, HeadScores, RunPoint, TokenPiece } from '../../../src/api.ts';
import { twinName, twinWords } from '../../../src/state/training/edits.ts';
import { firstDraft } from '../../../src/state/training/draft.ts';
import {
  candidateRows,
  headRows,
  lossPairs,
  measures,
  movedShare,
  partingStep,
  sameCandidates,
  samplePairs,
  surpriseRows,
} from '../../../src/ui/training/twin/differences.ts';
import { markDiffering } from '../../../src/ui/differingWords.ts';
import {
  headsFigure,
  nextFigure,
  pairFigure,
  surpriseFigure,
} from '../../../src/ui/training/twin/figure.ts';
import {
  candidatesFinding,
  formatApart,
  headsFinding,
  lossFinding,
  pointsApart,
  sameWords,
  samplesFinding,
  surpriseFinding,
  formatMeasure,
  yardstickFinding,
} from '../../../src/ui/training/twin/words.ts';
import { recordOf } from '../state/training/toyTrainer.ts';

const NAMES = { first: 'as it was', twin: 'without “woof”' };

const pieceOf = (id: number, text: string): TokenPiece => ({ id, text, bytes: [], special: false });
const candidate = (id: number, text: string, probability: number): Candidate => ({
  piece: pieceOf(id, text),
  probability,
  rawProbability: probability,
  logit: 0,
});
const pointsOf = (...losses: readonly number[]): readonly RunPoint[] =>
  losses.map((loss, i) => ({ step: i + 1, loss, learning_rate: 1e-3, grad_norm: 1 }));

describe('what both have in common', () => {
  const { settings } = firstDraft();
  const faster = { ...settings.arguments, learning_rate: 0.5 };
  const change = { step: 4, words: 'learning_rate 0.5 → 0.001', before: faster };
  const first = recordOf(settings, { name: 'Tales', step: 9, changes: [change] });
  const edits = [{ what: 'remove', passage: 'woof' }] as const;

  it('is all but the text, where the changes on the way are the same', () => {
    expect(sameWords({ first, twin: first })).toBe(
      'The same settings, the same seed and the same text.',
    );
    const twin = { ...first, settings: { ...settings, edits } };
    expect(sameWords({ first, twin })).toBe(
      'The same settings and the same seed; the text alone is another.',
    );
  });

  it('ends where only one of them was changed, or was so earlier', () => {
    const twin = recordOf({ ...settings, edits }, { name: 'Twin', step: 9 });
    expect(sameWords({ first, twin })).toBe(
      'Not the same settings, so that more than the text differs. Tales went on with others after step 4 (learning_rate 0.5 → 0.001).',
    );
    const later = { ...twin, settings: { ...settings, arguments: faster } };
    expect(sameWords({ first, twin: later })).toMatch(
      /^The same settings up to step 4 alone, so that they differ although the text is the same\./u,
    );
    // What comes behind the steps of the other is nothing that both made.
    expect(sameWords({ first, twin: { ...later, step: 4 } })).toMatch(/^The same settings, /u);
  });
});

describe('two samples', () => {
  const differing = (first: string, twin: string): readonly (readonly string[])[] =>
    markDiffering(first, twin).map((pieces) =>
      pieces.filter(({ differs }) => differs).map(({ text }) => text),
    );

  it('have the words marked that the other has not there', () => {
    expect(differing('the dog says woof now', 'the dog says moo now')).toEqual([['woof'], ['moo']]);
    expect(differing('a b c d', 'a c d e')).toEqual([['b'], ['e']]);
    expect(differing('the old fox ran', 'the ran')).toEqual([['old fox'], []]);
    expect(differing('don’t go', 'don’t stay')).toEqual([['go'], ['stay']]);
    expect(differing('same\n text.', 'same\n text.')).toEqual([[], []]);
    expect(differing('', 'all new')).toEqual([[], ['all new']]);
  });

  it('lose nothing, however long they are and wherever they differ', () => {
    const words = (seed: number): string =>
      Array.from(
        { length: 3000 },
        (_, i) => `w${(i * seed) % 97}${i % 11 === 0 ? '.\n' : ' '}`,
      ).join('');
    for (const [first, twin] of [
      [words(7), words(31)],
      ['x  y ', ' x y'],
      ['', ''],
    ] as const) {
      const [a, b] = markDiffering(first, twin);
      for (const [pieces, whole] of [
        [a, first],
        [b, twin],
      ] as const) {
        expect(pieces.map(({ text }) => text).join('')).toBe(whole);
        for (const { from, text } of pieces) expect(whole.startsWith(text, from)).toBe(true);
      }
    }
  });

  it('are those of the same step, the newest first', () => {
    const sample = (step: number, text: string) => ({ step, prompt: 'p', text });
    const pairs = samplePairs(
      [sample(10, 'a'), sample(20, 'b'), sample(30, 'c')],
      [sample(20, 'b'), sample(30, 'd'), sample(40, 'e')],
    );
    expect(pairs.map(({ step, first, twin }) => [step, first.text, twin.text])).toEqual([
      [30, 'c', 'd'],
      [20, 'b', 'b'],
    ]);
    expect(samplesFinding(pairs)).toContain('At 1 of 2 they wrote the same.');
    expect(samplesFinding(pairs.slice(1))).toBe(
      'Differs by exactly 0: the one sample is the same text.',
    );
    expect(samplesFinding([])).toContain('no step');
  });
});

describe('two losses', () => {
  it('part where they are no longer the same number, to the seven digits that are kept', () => {
    const pairs = lossPairs(pointsOf(3, 2.000_000_01, 1.5, 1), pointsOf(3, 2, 1.25, 0.5));
    expect(partingStep(pairs)).toBe(3);
    expect(partingStep(lossPairs(pointsOf(3, 2.000_001), pointsOf(3, 2)))).toBe(2);
    expect(partingStep(lossPairs(pointsOf(3, 2), pointsOf(3, 2, 1)))).toBeNull();
    expect(lossFinding(pairs, NAMES)).toBe(
      'They are the same up to step 3, where they part. After step 4 the loss of that step is 1.00 as it was and 0.50 without “woof”. Each is of the text that it learned from.',
    );
    expect(lossFinding(lossPairs(pointsOf(3, 1, 1), pointsOf(2, 4, 1)), NAMES)).toMatch(
      /^They part at step 1, with the first batch, as after any change of the text\..* furthest apart at step 2: 1\.00 and 4\.00\./u,
    );
  });

  it('of a twin without a change differ by exactly 0', () => {
    const same = lossPairs(pointsOf(3, 2, 1), pointsOf(3, 2, 1));
    expect(lossFinding(same, NAMES)).toBe(
      'Differs by exactly 0: all 3 losses are the same number.',
    );
    expect(lossFinding([], NAMES)).toContain('no step in common');
  });

  it('are one figure with a table of both', () => {
    const { settings } = firstDraft();
    const first = recordOf(settings, { step: 3, points: pointsOf(3, 2, 1) });
    const twin = recordOf(settings, {
      id: 'two',
      name: 'Other',
      step: 2,
      points: pointsOf(3, 2.5),
    });
    const figure = pairFigure({ first, twin }, NAMES);
    expect(figure.table().columns).toEqual(['Step', 'as it was', 'without “woof”', 'Difference']);
    expect(figure.table().rows).toEqual([
      [1, 3, 3, 0],
      [2, 2, 2.5, 0.5],
    ]);
    expect([...(figure.data().values as number[])]).toEqual([3, 3, 2, 2.5]);
  });
});

describe('what comes next', () => {
  const first = [candidate(1, 'w', 0.9), candidate(2, 'm', 0.08), candidate(3, 'x', 0.02)];
  const twin = [candidate(2, 'm', 0.6), candidate(3, 'x', 0.3), candidate(4, 'y', 0.1)];

  it('is what either finds most probable, beside what the other gives it', () => {
    const rows = candidateRows(first, twin, 3);
    expect(rows.map((row) => [row.piece.text, row.first, row.twin])).toEqual([
      ['w', 0.9, null],
      ['m', 0.08, 0.6],
      ['x', 0.02, 0.3],
    ]);
    expect(rows.map(pointsApart)).toEqual(['−90.0', '+52.0', '+28.0']);
    expect(candidatesFinding(rows, false, 4, NAMES)).toBe(
      'As it was it expects “w” with 90\u00A0%; without “woof” that has hardly anything, and “m” comes first with 60\u00A0%.',
    );
    expect(candidatesFinding(candidateRows(first, first, 3), false, 3, NAMES)).toContain(
      'Both expect “w” most',
    );
  });

  it('is a figure with a bar for either', () => {
    const read = (top: readonly Candidate[]) => ({
      step: 1,
      tokens: [],
      logprobs: new Float32Array(),
      top,
      at: 0,
      attention: null,
    });
    const figure = nextFigure(
      { prompt: 'dog:', first: read(first), twin: read(twin), control: null },
      2,
      NAMES,
    );
    expect(figure.data()).toMatchObject({
      axes: [
        { labels: ['“w” as it was', '“w” without “woof”', '“m” as it was', '“m” without “woof”'] },
      ],
      values: [0.9, 0, 0.08, 0.6],
    });
    expect(figure.table().rows).toEqual([
      ['w', 0.9, 0, -0.9],
      ['m', 0.08, 0.6, 0.52],
    ]);
    expect(figure.finding).toContain('“m” comes first');
  });

  it('is the same only where every number is', () => {
    expect(sameCandidates(first, [...first])).toBe(true);
    expect(sameCandidates(first, [...first.slice(0, 2), candidate(3, 'x', 0.020_000_001)])).toBe(
      false,
    );
    expect(sameCandidates(first, first.slice(0, 2))).toBe(false);
    expect(candidatesFinding(candidateRows(first, first, 3), true, 27, NAMES)).toBe(
      'Differs by exactly 0: all 27 probabilities are the same number.',
    );
  });
});

describe('surprise', () => {
  const reading = (...logprobs: readonly number[]) => ({
    step: 1,
    tokens: logprobs.map((_, i) => pieceOf(i, `t${i}`)),
    logprobs: Float32Array.from(logprobs),
    top: [],
    at: 0,
    attention: null,
  });
  const LN2 = Math.LN2;

  it('is summed over what both read, and told where it is furthest apart', () => {
    const rows = surpriseRows(reading(NaN, -LN2, -LN2), reading(NaN, -2 * LN2, -9 * LN2));
    expect(surpriseFinding(rows, NAMES)).toBe(
      'All of it costs 2.0 bits as it was and 11 without “woof”; most apart at “t2”, with 1.0 and 9.0.',
    );
  });

  it('is a figure with a bar for either, and a table in which the first token has no number', () => {
    const rows = surpriseRows(reading(NaN, -LN2), reading(NaN, -2 * LN2));
    // Bits, of logarithms in float32.
    const [one, two] = [Math.fround(LN2) / LN2, Math.fround(2 * LN2) / LN2];
    const figure = surpriseFigure('dog:', rows, NAMES);
    expect(figure.data()).toMatchObject({
      axes: [{ labels: expect.arrayContaining(['2 “t1” without “woof”']) as string[] }],
      values: [NaN, NaN, one, two],
    });
    expect(figure.table().rows).toEqual([
      [1, 't0', NaN, NaN, NaN],
      [2, 't1', one, two, two - one],
    ]);
    expect(figure.finding).toBe(surpriseFinding(rows, NAMES));
    expect(figure.size(900).height).toBeGreaterThan(4 * 20);
  });

  it('of the same model differs by exactly 0; a first token alone has none', () => {
    const one = reading(NaN, -1, -2);
    expect(surpriseFinding(surpriseRows(one, one), NAMES)).toBe(
      'Differs by exactly 0, at each of 2 tokens.',
    );
    expect(surpriseFinding(surpriseRows(reading(NaN), reading(NaN)), NAMES)).toContain('longer');
  });
});

describe('heads', () => {
  const scoresOf = (induction: readonly number[], previous: readonly number[]): HeadScores => {
    const none = new Float32Array(induction.length).fill(NaN);
    return {
      nLayer: 1,
      nHead: induction.length,
      size: 32,
      entropyBits: none,
      scores: {
        previous: Float32Array.from(previous),
        first: none,
        duplicate: none,
        induction: Float32Array.from(induction),
        local: none,
        broad: none,
      },
    };
  };

  it('stand with the score in which they differ most, the most different first', () => {
    const rows = headRows(scoresOf([0.5, 0.75], [0.5, 0.5]), scoresOf([0.5, 0.25], [0.25, 0.5]));
    expect(rows.map(({ head, behaviour, first, twin }) => [head, behaviour, first, twin])).toEqual([
      [1, 'induction', 0.75, 0.25],
      [0, 'previous', 0.5, 0.25],
    ]);
    expect(headsFinding(rows, NAMES)).toBe(
      'Head 0.1 differs most: it looks at what followed the last time this token came with a score of 0.75 as it was, 0.25 without “woof”. 2 of 2 heads differ by more than 0.1. Heads of any two runs differ a little: what another passage makes says how much.',
    );
    expect(rows.map(formatApart)).toEqual(['−0.50', '−0.25']);
    const figure = headsFigure(20, rows, NAMES);
    expect(figure.name).toBe('twins-heads-step-20');
    expect(figure.table().rows).toEqual([
      ['0.1', 'induction', 0.75, 0.25, -0.5],
      ['0.0', 'previous token', 0.5, 0.25, -0.25],
    ]);
    expect(figure.data().values).toEqual([0.75, 0.25, 0.5, 0.25]);
    expect(figure.finding).toBe(headsFinding(rows, NAMES));
  });

  it('of the same model differ by exactly 0', () => {
    const one = scoresOf([0.5, 0.25], [0.1, 0.2]);
    expect(headsFinding(headRows(one, one), NAMES)).toBe(
      'Differs by exactly 0: every score of all 2 heads is the same number.',
    );
    // Where nothing differs, the highest score says what a head is.
    const other = scoresOf([0.1, 0.2], [0.5, 0.3]);
    const named = [one, other].map((of) => headRows(of, of).map(({ behaviour }) => behaviour));
    expect(named).toEqual([
      ['induction', 'induction'],
      ['previous', 'previous'],
    ]);
    expect(headsFinding([], NAMES)).toContain('No head was scored');
  });
});

describe('what a passage makes beside another', () => {
  const { settings } = firstDraft();
  const names = { ...NAMES, control: 'without “moo”' };
  const scored = (score: number) => {
    const one = Float32Array.of(score);
    const none = Float32Array.of(NaN);
    const scores = {
      induction: one,
      previous: none,
      first: none,
      duplicate: none,
      local: none,
      broad: none,
    };
    return [
      {
        step: 3,
        sizeBytes: 1,
        scores: { nLayer: 1, nHead: 1, size: 9, entropyBits: none, scores },
      },
    ];
  };

  it('is the probability that moves: half of what all that is told differs by', () => {
    const sure = [candidate(1, 'w', 0.75), candidate(2, 'm', 0.25)];
    expect(movedShare(sure, sure)).toBe(0);
    expect(movedShare(sure, [candidate(3, 'x', 1)])).toBe(1);
    const other = [candidate(2, 'm', 0.5), candidate(1, 'w', 0.5)];
    expect(movedShare(sure, other)).toBe(0.25);
    expect(movedShare(other, sure)).toBe(0.25);
  });

  it('stands in a row for each thing that all three were measured in', () => {
    const points = pointsOf(3, 2, 1);
    const first = recordOf(settings, { points, evalLoss: 2, snapshots: scored(0.5) });
    const twin = recordOf(settings, {
      points: pointsOf(3, 2.5, 1.25),
      evalLoss: 2.5,
      snapshots: scored(0.25),
    });
    const control = recordOf(settings, {
      points: pointsOf(3, 1, 1.5),
      evalLoss: 1.875,
      snapshots: scored(0.625),
    });
    const rows = measures({ first, twin }, control, 3, { twin: 0.5, control: 0.125 });
    expect(rows.map((row) => [row.unit, row.twin, row.control])).toEqual([
      ['share', 0.5, 0.125],
      ['nats', 0.5, 0.125],
      ['nats', 0.25, 0.5],
      ['score', 0.25, 0.125],
    ]);
    expect(rows.map((row) => formatMeasure(row, row.twin))).toEqual([
      '50\u00A0%',
      '0.500 nats',
      '0.250 nats',
      '0.25',
    ]);
    // Nothing was read, nothing validated, and no head measured at that step.
    const blind = { ...control, evalLoss: null };
    expect(measures({ first, twin }, blind, 2, null).map(({ unit }) => unit)).toEqual(['nats']);
  });

  it('is said to be the passage only where it moves twice as much', () => {
    expect(yardstickFinding({ twin: 0.5, control: 0.125 }, names)).toBe(
      'This passage makes more than about as many characters elsewhere. After the text below, 50\u00A0% of the probability of what comes next moves without “woof”, and 13\u00A0% without “moo”.',
    );
    expect(yardstickFinding({ twin: 0.5, control: 0.25 }, names)).toMatch(
      /^No clear effect of this passage: about as many characters elsewhere make as much\./u,
    );
    expect(yardstickFinding(null, names)).toContain('without “moo”');
  });
});

describe('a twin', () => {
  const { settings } = firstDraft();
  const remove = { what: 'remove', passage: 'dog:\n woof ' } as const;

  it('is called by what it has not, or has more', () => {
    const run = recordOf(settings, { name: `My text, 4 × ${settings.model.n_embd}` });
    expect(twinName(run, remove)).toBe('My text without “dog: woof”');
    expect(twinName(run, null)).toBe('My text once more');
    expect(twinName({ ...run, name: 'Mine' }, { what: 'double', passage: 'a' })).toBe(
      'Mine with “a” twice',
    );
    expect(twinName(run, { what: 'replace', passage: 'a', by: '\n' })).toBe(
      'My text with white space for “a”',
    );
    expect(twinName(run, { what: 'remove', passage: 'x'.repeat(500) })).toBe(
      `My text without “${'x'.repeat(27)}…”`,
    );
  });

  it('of a twin has only what is its own', () => {
    const edits = [remove, { what: 'double', passage: 'cow' }] as const;
    expect(twinWords({ edits: [remove] }, { edits })).toBe('with “cow” twice');
    expect(twinWords(settings, { edits })).toBe('without “dog: woof”, with “cow” twice');
    expect(twinWords({ edits }, { edits })).toBe('once more');
  });
});

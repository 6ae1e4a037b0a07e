// The loss of a run as a picture and in words.
import { describe, expect, it } from 'vitest';
import { Curve } from '../../../src/state/training/curve.ts';
import { firstDraft } from '../../../src/state/training/draft.ts';
import { createTraining } from '../../../src/state/training/training.ts';
import { toCsv, toSvg } from '../../../src/ui/figure/takeAway.ts';
import { stacked } from '../../../src/ui/training/drawing.ts';
import { lossFigure, runProvenance } from '../../../src/ui/training/figures.ts';
import { layoutCurve, linearTicks, rangeOf, thin } from '../../../src/ui/training/layout.ts';
import { placeLabels } from '../../../src/ui/training/levelLabels.ts';
import { ridgeHeight, usualRow } from '../../../src/ui/training/ridgeFigure.ts';
import { roomsFor } from '../../../src/ui/training/rooms.ts';
import { nearestStep } from '../../../src/ui/training/timeLine.ts';
import {
  brokenWords,
  curveFinding,
  formatDuration,
  formatNorm,
  formatRate,
  markStrange,
  stateWords,
  tellingLoss,
  wordShare,
  measuredWords,
} from '../../../src/ui/training/words.ts';
import { recordOf, settle, ToyTrainer } from '../state/training/toyTrainer.ts';
import { THEME } from './theme.ts';

const RANGE = {
  max_steps: 1000,
  evenLoss: 6.93,
  frequencyLoss: 5.71,
  least: 3.2,
  most: 7.1,
  horizontal: 'linear',
} as const;

function curveOf(losses: readonly number[]): Curve {
  const curve = new Curve();
  curve.add(losses.map((loss, i) => ({ step: i + 1, loss, learning_rate: 1e-3, grad_norm: 1 })));
  return curve;
}

describe('the layout of a curve', () => {
  it('goes from the first to the last step, and from under the lowest loss to over guessing', () => {
    const { x, y, plot, from, to } = layoutCurve(600, 300, RANGE);
    expect([x(0), x(1000)]).toEqual([plot.left, plot.right]);
    expect(from).toBeLessThan(RANGE.least);
    expect(to).toBeGreaterThan(RANGE.most);
    expect(y(from)).toBe(plot.bottom);
    // What is outside lies on the edge.
    expect(y(99)).toBeCloseTo(plot.top);
    expect(y(0)).toBe(plot.bottom);
  });

  it.each([
    ['a short run', { evenLoss: 2.565, frequencyLoss: 2.523, least: 2.33, most: 2.62 }, 0.36],
    [
      'one that begins',
      { evenLoss: 6.93, frequencyLoss: 5.71, least: Infinity, most: -Infinity },
      1.5,
    ],
    ['one that learned by heart', { evenLoss: 4.2, frequencyLoss: 3, least: 0.01, most: 4.4 }, 5],
    [
      'one that went on from a model',
      { evenLoss: 10.8, frequencyLoss: 6, least: 3.1, most: 4 },
      10,
    ],
    // What ran away goes out of the picture, and what learned before that stays in sight.
    ['one that ran away', { evenLoss: 2.565, frequencyLoss: 2.523, least: 2.33, most: 80 }, 0.5],
  ])('shows the losses of %s and both lines of guessing, and little else', (_, losses, most) => {
    const { y, plot, from, to } = layoutCurve(600, 300, { ...RANGE, ...losses });
    expect(to - from).toBeLessThanOrEqual(most);
    expect(from).toBeGreaterThanOrEqual(0);
    const { least, evenLoss, frequencyLoss } = losses;
    // Of the picture a fifth at most lies under the lowest of them.
    const lowest = Math.min(least, frequencyLoss);
    expect((lowest - from) / (to - from)).toBeLessThan(0.2);
    for (const loss of [evenLoss, frequencyLoss, ...(least < Infinity ? [least] : [])]) {
      expect(y(loss)).toBeGreaterThan(plot.top);
      expect(y(loss)).toBeLessThan(plot.bottom);
    }
  });

  it('makes no mountain of noise, and a lower edge that moves in steps', () => {
    const flat = { evenLoss: 3.3315, frequencyLoss: 3.3314, least: 3.33, most: 3.332 };
    const { from, to } = layoutCurve(600, 300, { ...RANGE, ...flat });
    expect(to - from).toBeGreaterThan(0.1);
    // What is a little worse than guessing is no line at the edge.
    const worse = { evenLoss: 3.3315, frequencyLoss: 3.31, least: 3.295, most: 3.36 };
    expect(layoutCurve(600, 300, { ...RANGE, ...worse }).to).toBeGreaterThan(3.36);
    // What leaves the picture is said in it.
    expect(layoutCurve(600, 300, { ...RANGE, ...worse }).beyond).toBeNull();
    expect(layoutCurve(600, 300, { ...RANGE, most: 5e5 }).beyond).toBe(5e5);
    const edges = Array.from({ length: 200 }, (_, i) => {
      const { from: edge } = layoutCurve(600, 300, { ...RANGE, least: 5.7 - i / 100 });
      return edge;
    });
    expect(new Set(edges).size).toBeLessThan(20);
    edges.slice(1).forEach((edge, i) => expect(edge).toBeLessThanOrEqual(edges[i] ?? 0));
  });

  it('has logarithmic steps, and a place for step 0', () => {
    const { x, plot } = layoutCurve(600, 300, { ...RANGE, horizontal: 'log' });
    expect([x(0), x(1000)]).toEqual([plot.left, plot.right]);
    for (const [i, step] of [9, 99, 999].entries()) {
      expect(x(step) - plot.left).toBeCloseTo((i + 1) * (x(9) - plot.left));
    }
  });

  it('has ticks with room beside each other, at every width', () => {
    for (const horizontal of ['linear', 'log'] as const) {
      for (const width of [280, 390, 700, 1600]) {
        for (const max_steps of [1, 2, 7, 60, 600, 123_456]) {
          const { xTicks } = layoutCurve(width, 300, { ...RANGE, max_steps, horizontal });
          const gaps = xTicks.slice(1).map(({ at }, i) => at - (xTicks[i]?.at ?? 0));
          expect(Math.min(44, ...gaps)).toBe(44);
        }
      }
    }
    expect(linearTicks(2.5, 7.3, 5)).toEqual([3, 4, 5, 6, 7]);
    expect(linearTicks(0, 0.5, 5)).toEqual([0, 0.1, 0.2, 0.3, 0.4, 0.5]);
  });

  it('draws two points a pixel at most, and loses no spike', () => {
    const layout = layoutCurve(300, 300, { ...RANGE, max_steps: 20_000 });
    const losses = Array.from({ length: 20_000 }, (_, i) =>
      i === 12_345 ? 6.9 : 4 + (i % 7) / 50,
    );
    const curve = curveOf(losses);
    const points = thin(curve.steps, curve.losses, layout);
    expect(points.length).toBeLessThanOrEqual(2 * 300);
    expect(Math.min(...points.map(([, top]) => top))).toBeCloseTo(layout.y(6.9));
    const few = curveOf([5, 4, 3]);
    expect(thin(few.steps, few.losses, layout)).toHaveLength(2);
  });

  it('takes the pin that is nearest to where somebody pointed', () => {
    const layout = layoutCurve(600, 300, RANGE);
    expect(nearestStep([0, 100, 200], layout.x(160), layout)).toBe(200);
    expect(nearestStep([], 10, layout)).toBeNull();
  });

  it('is as low as the lowest of what is drawn, unseen text and single steps too', () => {
    const run = recordOf(firstDraft().settings, { evaluations: [{ step: 1, loss: 2 }] });
    expect(rangeOf(run, curveOf([6, 5]), 'linear')).toMatchObject({ least: 2, most: 6 });
    const spike = Array.from({ length: 200 }, (_, i) => (i === 100 ? 1 : 5));
    expect(rangeOf(run, curveOf(spike), 'linear')).toMatchObject({ least: 1 });
  });
});

describe('words on a line', () => {
  const plot = { left: 40, right: 540, top: 26, bottom: 226 };
  const level = (over: number, under = over) => ({ over, under, width: 120 });
  const [right, left] = [plot.right, plot.left];
  const at = (y: number, from = left) =>
    [
      [from, y],
      [right, y],
    ] as const;

  it('stand at the right and over it, unless something lies there', () => {
    expect(placeLabels([level(100)], plot, [], [])).toEqual([
      { left: 420, right: 540, top: 86, bottom: 98 },
    ]);
    // A curve over the line, and one under it too.
    expect(placeLabels([level(100)], plot, [at(92)], [])[0]).toMatchObject({ top: 103, right });
    const both = placeLabels([level(100)], plot, [at(92, 300), at(109, 300)], []);
    expect(both[0]).toMatchObject({ left: 46, top: 86 });
    // Other words.
    const taken = [{ left: 300, right: 540, top: 80, bottom: 100 }];
    expect(placeLabels([level(100)], plot, [], taken)[0]).toMatchObject({ right, top: 103 });
  });

  it('lie on no other line, and stay in the picture', () => {
    const [first, second] = placeLabels([level(60), level(72)], plot, [], []);
    expect(first).toMatchObject({ top: 46, bottom: 58 });
    expect(second).toMatchObject({ top: 75 });
    expect(placeLabels([level(30)], plot, [], [])[0]).toMatchObject({ top: 33 });
    expect(placeLabels([level(220)], plot, [], [])[0]).toMatchObject({ bottom: 218 });
    // Of two lines together, over the upper or under the lower.
    expect(placeLabels([level(100, 110)], plot, [at(92)], [])[0]).toMatchObject({ top: 113 });
  });

  it('take the place with the least under them where there is none without', () => {
    const noise = Array.from(
      { length: 101 },
      (_, i) => [plot.left + 5 * i, i < 90 && i % 2 === 0 ? 60 : 140] as const,
    );
    const [box] = placeLabels([level(100)], plot, [noise], []);
    expect(box).toMatchObject({ right, top: 86 });
  });
});

describe('the loss and the ridge', () => {
  /** Of layers with eight heads each. */
  const heights = (both: number, heads: number, layers = Math.ceil(heads / 8)) => {
    const { loss, row, isFolded } = roomsFor(both, both + 72, heads, layers);
    const rows = isFolded ? layers : heads;
    return { loss, row, isFolded, rows, sum: loss + (row === null ? 0 : ridgeHeight(rows, row)) };
  };
  it.each([8, 16, 36, 64, 144])(
    'of %i heads find room on one screen, rows before the loss',
    (heads) => {
      // What a screen of 768, 900 and 1,200 pixels leaves.
      for (const both of [340, 440, 740]) {
        const { loss, row, rows, sum } = heights(both, heads);
        expect(row).not.toBeNull();
        expect(row ?? 0).toBeLessThanOrEqual(usualRow(rows));
        expect(loss).toBeGreaterThanOrEqual(150);
        expect(loss).toBeLessThanOrEqual(420);
        expect(sum).toBeLessThanOrEqual(both);
      }
      const { rows, row, loss } = heights(2000, heads);
      expect({ row, loss }).toEqual({ row: usualRow(rows), loss: 420 });
    },
  );

  it('has a row a layer where heads find no room for one each, and where they are many', () => {
    expect(heights(340, 36).isFolded).toBe(false);
    expect(heights(340, 64)).toMatchObject({ isFolded: true, rows: 8 });
    expect(heights(740, 64).isFolded).toBe(false);
    expect(heights(2000, 144, 12)).toMatchObject({ isFolded: true, rows: 12 });
    // Rows that are folded are no lower than others may be.
    for (const heads of [64, 144]) expect(heights(340, heads).row).toBeGreaterThan(6);
  });

  it('has the sentence in sight where no rows find room; alone it takes what there is', () => {
    expect(heights(200, 64)).toMatchObject({ loss: 200, row: null, isFolded: false });
    expect(heights(200, 144)).toMatchObject({ loss: 200, row: null, isFolded: true });
    expect(heights(100, 8)).toMatchObject({ loss: 150, row: null });
    expect(heights(300, 0)).toMatchObject({ loss: 372, row: null });
  });
});

describe('what a curve says', () => {
  const facts = {
    step: 300,
    max_steps: 600,
    loss: Math.log(25),
    evenLoss: 6.93,
    frequencyLoss: 5.71,
    evaluations: [],
  };

  it('compares with guessing, and says what the number means', () => {
    expect(curveFinding(facts)).toBe(
      'After 300 of 600 steps the smoothed loss is 3.22: as unsure as among 25 tokens, 2.49 better than guessing by frequency.',
    );
    const evaluations = [
      { step: 0, loss: 4.413 },
      { step: 300, loss: 3.5 },
    ];
    expect(curveFinding({ ...facts, evaluations, goesOn: true })).toMatch(
      / The loss on unseen text is 3\.50\. Before the first step it was 4\.41\.$/u,
    );
    expect(curveFinding({ ...facts, loss: 6 })).toContain('not yet than guessing by frequency');
    expect(curveFinding({ ...facts, loss: 7 })).toContain('no better than guessing evenly yet');
    const ranAway = { ...facts, loss: 172_982_780_000 };
    expect(curveFinding(ranAway)).toMatch(
      /smoothed loss is 1\.73e\+11: it ran away, and guessing/u,
    );
    expect(curveFinding({ ...facts, step: 600, loss: 0.01 })).toMatch(
      /^After all 600 steps the smoothed loss is 0\.010: almost certain of each token/u,
    );
  });

  it('says of what was measured before the first step that it was then', () => {
    const evaluations = [{ step: 0, loss: 4.41 }];
    const words = / The loss on unseen text was 4\.41 before the first step\.$/u;
    expect(curveFinding({ ...facts, evaluations })).toMatch(words);
    expect(curveFinding({ ...facts, evaluations, goesOn: true })).toMatch(words);
  });

  it('tells learning by heart from learning', () => {
    const at = (...losses: readonly number[]) =>
      curveFinding({
        ...facts,
        evaluations: losses.map((loss, i) => ({ step: 100 * (i + 1), loss })),
      });
    expect(at(5, 4.6, 4.4)).toMatch(/The loss on unseen text is 4\.40\.$/u);
    expect(at(5, 4.4, 4.41)).toContain('has not fallen since step 200');
    const stopped = [
      ...[5, 4.4].map((loss, i) => ({ step: 100 * i, loss })),
      { step: 104, loss: 4.41 },
    ];
    expect(curveFinding({ ...facts, evaluations: stopped })).toMatch(/unseen text is 4\.41\.$/u);
    expect(at(5, 4.4, 4.8)).toContain('lowest at step 200 (4.40): it learns by heart');
  });

  it('tells runs apart by unseen text, and calls another loss by another name', () => {
    expect(tellingLoss({ loss: 2.349, evalLoss: 2.338 })).toBe('loss on unseen text 2.34');
    expect(tellingLoss({ loss: 2.349, evalLoss: null })).toBe('loss of its last step 2.35');
    expect(tellingLoss({ loss: null, evalLoss: null })).toBeNull();
    expect([0.5, 12_345].map(formatNorm)).toEqual(['0.50', '1.23e+4']);
  });

  it('says how long something takes as exactly as anybody knows', () => {
    expect([0.4, 7.2, 63, 130, 3599, 5000, 90_000, 200_000].map(formatDuration)).toEqual(
      ['under 1 s', '7 s', '65 s', '2 min', '1 h', '1 h 20 min', '25 h', '2 days'].map((w) =>
        w.replaceAll(/(\d) (?=s|min|h)/gu, '$1\u00A0'),
      ),
    );
    expect([0, 0.002, 0.00012345].map(formatRate)).toEqual(['0', '0.002', '1.23e-4']);
  });

  it('says what a run does, here or in another tab', () => {
    const here = { elsewhere: false };
    expect(stateWords('resting', { ...here, state: 'interrupted' })).toBe('interrupted');
    expect(stateWords('paused', { ...here, state: 'running' })).toBe('paused');
    expect(stateWords('resting', { ...here, state: 'done' })).toBe('done');
    expect(stateWords('resting', { elsewhere: true, state: 'running' })).toBe(
      'running in another tab',
    );
  });

  it('says what is lost of a run that was broken off, no more than there is to know', () => {
    const { settings } = firstDraft();
    const every = (save_steps: number) => ({
      ...settings,
      arguments: { ...settings.arguments, save_steps },
    });
    const words = (step: number, kept: readonly number[], save_steps = 20) =>
      brokenWords({ step, kept, settings: every(save_steps) });
    expect(words(57, [20, 40])).toBe(
      'It was broken off at step 57 or soon behind it: its tab was closed, or broke. It goes on from step 40, the last that was kept, and what came behind that, at most 20 steps (save_steps), is made again.',
    );
    expect(words(12, [])).toContain('Nothing of it was kept by then: it begins again at step 0');
    // Where there was no room, more is lost than was promised.
    expect(words(1077, [40])).toContain('behind that, 1,037 steps or a few more, is made again');
    // One that keeps nothing before its end promises nothing.
    expect(words(7, [], 1000)).toContain('behind that, 7 steps or a few more, is made again');
  });
});

describe('a sample', () => {
  const text = 'the knig said';
  it('has words apart that its text has not, in pieces that are the whole', () => {
    expect(markStrange(text, [[4, 8]])).toEqual([
      { text: 'the ', from: 0, strange: false },
      { text: 'knig', from: 4, strange: true },
      { text: ' said', from: 8, strange: false },
    ]);
    expect(markStrange(text)).toEqual([{ text, from: 0, strange: false }]);
  });

  it('says what share of its words are known, and nothing where nobody knows', () => {
    expect(wordShare('the knig said.', [[4, 8]])).toBeCloseTo(2 / 3);
    // What the end cuts off is no word that anybody knows.
    expect(wordShare(text, [[4, 8]])).toBeCloseTo(1 / 2);
    expect(wordShare(text, undefined)).toBeNull();
    expect(wordShare('…', [])).toBeNull();
  });
});

describe('the figure', () => {
  it('has words of changes that are close above each other, and beside each other where there is room', () => {
    const plot = { left: 40, right: 740, top: 20, bottom: 300 };
    const words = 'learning_rate 0.001 → 0.0005';
    const rowsOf = (...places: readonly number[]) =>
      stacked(
        places.map((at) => ({ at, words })),
        plot,
      ).map(({ row }) => row);
    expect(rowsOf(40, 121, 200)).toEqual([0, 1, 2]);
    expect(rowsOf(40, 740)).toEqual([0, 0]);
    // The first row is free again further on, also for words that stand left of their line.
    expect(rowsOf(40, 60, 300, 700)).toEqual([0, 1, 0, 0]);
  });

  it('has the words of a change beside the curve, where one row is beside it', () => {
    const { plot } = layoutCurve(600, 300, RANGE);
    const mark = { at: 560, words: 'learning_rate 0.002 → 0.0005' };
    const low = [
      [plot.left, plot.top],
      [150, plot.bottom - 9],
      [plot.right, plot.bottom - 9],
    ] as const;
    const [beside] = stacked([mark], plot, [low]);
    expect(beside?.row).toBe(1);
    // Other words are no curve, and no place either.
    const taken = { left: 400, right: 560, top: plot.bottom - 30, bottom: plot.bottom - 16 };
    expect(stacked([mark], plot, [low], [taken])[0]?.row).toBe(2);
    // Where a curve goes through every row, on other words all the same not.
    const wall = Array.from({ length: 100 }, (_, i) => {
      return [plot.left + 5 * i, i % 2 === 0 ? plot.top : plot.bottom] as const;
    });
    const rows = stacked([mark, mark, mark], plot, [wall]).map(({ row }) => row);
    expect(new Set(rows).size).toBe(3);
    expect(Math.max(...rows)).toBeLessThan((plot.bottom - plot.top) / 14);
  });

  it('has the two lines with words, its changes, a table of all steps, and where it came from', async () => {
    const trainer = new ToyTrainer();
    const training = createTraining({ makeTrainer: () => trainer, say() {}, look() {} });
    const points = [6.9, 6, 5].map((loss, i) => ({
      step: i + 1,
      loss,
      learning_rate: 1e-3,
      grad_norm: 2,
    }));
    const settings = firstDraft().settings;
    trainer.records.set(
      'one',
      recordOf(settings, {
        step: 3,
        points,
        // Before the first step there is unseen text alone.
        evaluations: [
          { step: 0, loss: 7 },
          { step: 2, loss: 6.1 },
        ],
        changes: [{ step: 2, words: 'learning_rate 0.001' }],
        samples: [{ step: 2, prompt: '', text: 'a' }],
      }),
    );
    training.actions.open('one');
    await settle();
    const figure = lossFigure(training);
    const { rows } = figure.table();
    expect(rows.map((row) => row.slice(0, 2))).toEqual([
      [0, ''],
      [1, 6.9],
      [2, 6],
      [3, 5],
    ]);
    expect(rows.map((row) => row[3])).toEqual([7, '', 6.1, '']);
    expect(figure.table().caption).toContain('After step 2: learning_rate 0.001.');
    const { axes, values } = figure.data();
    expect(values).toHaveLength(axes.reduce((size, { labels }) => size * labels.length, 1));
    const provenance = runProvenance(training);
    const svg = toSvg(figure, provenance, THEME, 900);
    for (const words of [
      'guessing evenly 6.93',
      'guessing by frequency 5.70',
      'learning_rate 0.001',
    ]) {
      expect(svg).toContain(words);
    }
    expect(toCsv(figure, provenance)).toContain('# model: Tales 1');
    expect(provenance.seed).toBe(42);
  });
});

describe('what of the times was measured', () => {
  const { settings } = firstDraft();
  const with_ = (more: Record<string, number>) => ({
    ...settings,
    arguments: { ...settings.arguments, ...more },
  });
  const wide = { ...settings, model: { ...settings.model, n_inner: 64 } };
  it.each([
    ['the chosen one is measured, the others', settings, 'small', true],
    // Steps and rate are no size: the work of one is the card's.
    ['Small is measured, the others', with_({ max_steps: 20 }), null, true],
    ['Small with your own settings is', with_({ per_device_train_batch_size: 2 }), null, true],
    ['your own size is measured', wide, null, true],
    ['your own size is', { ...settings, model: { ...settings.model, n_embd: 64 } }, null, true],
    ['all are reckoned from what was measured before', wide, null, false],
    ['all are reckoned', settings, 'notebook', false],
    ['the others were reckoned before', settings, 'narrow', true],
  ] as const)('%s', (words, asked, preset, isMeasured) => {
    expect(measuredWords(asked, preset, isMeasured)).toContain(words);
  });
});

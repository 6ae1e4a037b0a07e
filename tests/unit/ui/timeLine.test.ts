// The steps of a run on a line, and what its heads do over them.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { HeadScores, RunSnapshot, StepReading } from '../../../src/api.ts';
import { createSvgPainter } from '../../../src/ui/figure/painter.ts';
import type { FigureTheme } from '../../../src/ui/figure/figure.ts';
import {
  largestRise,
  ridgeFinding,
  ridgeOf,
  type Ridge,
  type RidgeOf,
} from '../../../src/ui/training/ridge.ts';
import { besideFinding, besideRows, mapFigure } from '../../../src/ui/training/beside.ts';
import { drawRidge, layoutRidge, ridgeFigure } from '../../../src/ui/training/ridgeFigure.ts';
import { toPiece } from '../state/texts.ts';
import { lossLine, placeOf, stepAt, stepBy, timeTicks } from '../../../src/ui/training/timeLine.ts';

describe('the line of a run', () => {
  test('begins with step 0, ends with the last, and never turns back', () => {
    expect([placeOf(0, 1000), placeOf(1000, 1000), placeOf(5000, 1000)]).toEqual([0, 1, 1]);
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 99 }),
        fc.integer({ min: 1, max: 1e6 }),
        fc.integer({ min: 0, max: 1e6 }),
        (step, by, more) => {
          const last = step + by + more;
          expect(placeOf(step, last)).toBeLessThan(placeOf(step + by, last));
        },
      ),
    );
    // A run before its first step has a line too.
    expect(placeOf(0, 0)).toBe(0);
  });

  test('has numbers with room between them, the last one always', () => {
    const wide = 6.7 / 300;
    expect(timeTicks(1000, wide).map(({ step }) => step)).toEqual([0, 1, 10, 100, 1000]);
    expect(timeTicks(1200, wide).map(({ step }) => step)).toEqual([0, 1, 10, 100, 1200]);
    expect(timeTicks(1, wide).map(({ step }) => step)).toEqual([0, 1]);
    // Numbers that are long have fewer beside them.
    expect(timeTicks(200_000, wide).map(({ step }) => step)).toEqual([0, 10, 100, 1000, 200_000]);
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1e7 }),
        fc.double({ min: 0.002, max: 0.06, noNaN: true }),
        (last, digit) => {
          const ticks = timeTicks(last, digit);
          const room = (step: number): number => digit * step.toLocaleString('en').length;
          expect([ticks[0]?.step, ticks.at(-1)?.step]).toEqual([0, last]);
          // The last one ends at its place. Where there is room for no more, it stands beside the first.
          ticks.slice(1).forEach(({ step, at }, i) => {
            const isLast = i === ticks.length - 2;
            const begins = isLast ? at - room(step) : at - room(step) / 2;
            const before = ticks[i] ?? { step: 0, at: 0 };
            if (isLast && i === 0) return;
            expect(begins - before.at - room(before.step) / 2).toBeGreaterThan(1.99 * digit);
          });
        },
      ),
    );
  });

  test('means the step that is nearest', () => {
    const steps = [0, 1, 10, 100, 1000];
    for (const step of steps) expect(stepAt(placeOf(step, 1000), steps, 1000)).toBe(step);
    expect(stepAt(-3, steps, 1000)).toBe(0);
    expect(stepAt(0.9, steps, 1000)).toBe(1000);
    expect(stepAt(0.5, [], 1000)).toBeNull();
  });

  test('is walked step by step, to its ends, and from between two steps', () => {
    const steps = [0, 1, 10, 100];
    expect([1, 0, -1, 9, -9].map((by) => stepBy(1, by, steps))).toEqual([10, 1, 0, 100, 0]);
    expect([1, 2, -1].map((by) => stepBy(5, by, steps))).toEqual([10, 100, 1]);
    expect([1, -1].map((by) => stepBy(500, by, steps))).toEqual([100, 100]);
    expect(stepBy(7, 1, [])).toBe(7);
  });

  test('has the mean loss of each place, the highest at the top', () => {
    const line = lossLine([1, 2, 3, 1000], [6, 4, Number.NaN, 1], 1000, 4);
    expect(line).toHaveLength(2);
    expect(line[0]).toEqual([0.125, 0]);
    expect(line[1]).toEqual([0.875, 1]);
    expect(lossLine([], [], 10, 8)).toEqual([]);
    expect(lossLine([5], [Number.NaN], 10, 8)).toEqual([]);
    // A loss that does not move is a line, and no division by nothing.
    expect(lossLine([1, 9], [2, 2], 10, 2).map(([, y]) => y)).toEqual([0, 0]);
  });
});

/** Snapshots of two layers with two heads; `induction` by step, a value a head. */
function snapshots(induction: Readonly<Record<number, readonly number[] | null>>): RunSnapshot[] {
  return Object.entries(induction).map(([step, values]) => {
    const of = (value: number): Float32Array => new Float32Array(4).fill(value);
    const scores = { first: of(0.5), previous: of(0), duplicate: of(Number.NaN) };
    return {
      step: Number(step),
      sizeBytes: 1,
      scores:
        values &&
        ({
          nLayer: 2,
          nHead: 2,
          size: 8,
          scores: { ...scores, local: of(0), broad: of(0), induction: Float32Array.from(values) },
          entropyBits: of(1),
        } satisfies HeadScores),
    };
  });
}

function ridge(induction: Parameters<typeof snapshots>[0], of: RidgeOf = 'induction'): Ridge {
  const found = ridgeOf(snapshots(induction), of);
  if (found === null) throw new Error('There is no ridge.');
  return found;
}

describe('a ridge', () => {
  const COPIES = {
    0: [0.04, 0.05, 0.02, 0.1],
    10: [0.05, 0.05, 0.03, 0.12],
    200: [0.06, 0.05, 0.04, 0.15],
    500: [0.07, 0.05, 0.61, 0.2],
    1000: [0.05, 0.05, 0.65, 0.22],
  };

  test('has a row a head, and names the moment that stands out', () => {
    const found = ridge(COPIES);
    expect(found.rows).toHaveLength(4);
    expect([...(found.rows[3] ?? [])]).toEqual([...Float32Array.of(0.1, 0.12, 0.15, 0.2, 0.22)]);
    expect(ridgeFinding(found)).toBe(
      'Head 1.0 starts to copy between step 200 and 500: 0.04 → 0.61.',
    );
  });

  test('takes a rise over several steps for one, and leaves out what hardly moves', () => {
    const slow = { 0: [0, 0, 0, 0], 1: [0.02, 0, 0, 0], 2: [0.3, 0, 0, 0], 5: [0.6, 0, 0, 0] };
    const found = ridge({ ...slow, 10: [0.78, 0, 0, 0], 20: [0.8, 0, 0, 0], 50: [0.1, 0, 0, 0] });
    expect(largestRise(found)).toMatchObject({ row: 0, from: 1, to: 4 });
    expect(ridgeFinding(found)).toContain('between step 1 and 10: 0.02 → 0.78');
  });

  test('knows no rise that came before its low, and none that is chance', () => {
    const falls = ridge({ 0: [0.9, 0, 0, 0], 5: [0.5, 0, 0, 0.05], 9: [0.1, 0, 0, 0.08] });
    expect(largestRise(falls)).toBeNull();
    expect(ridgeFinding(falls)).toBe(
      'No head starts to copy so far: the highest score is 0.90, of head 0.0 at step 0.',
    );
  });

  test('says what was not measured', () => {
    expect(ridgeOf(snapshots({ 0: null, 5: null }), 'induction')).toBeNull();
    expect(ridgeOf([], 'first')).toBeNull();
    const some = ridge({ 0: null, 5: [0, 0, 0, 0] });
    expect(some.steps).toEqual([5]);
    expect(ridgeFinding(ridge(COPIES, 'duplicate'))).toBe(
      'What heads do as duplicate token was not measured.',
    );
    const gap = ridge({ 0: [0, 0, 0, 0], 5: [Number.NaN, 0, 0, 0], 9: [0.5, 0, 0, 0] });
    expect(largestRise(gap)).toMatchObject({ row: 0, from: 0, to: 2 });
  });

  test('shades the moment that its words name, and none where they say that no head does', () => {
    const strips = (of: Ridge): number => {
      const figure = ridgeFigure(of, 'Foxes', { horizontal: 'log', last: 1000 }, null);
      const svg = createSvgPainter(600, figure.size(600).height);
      const filled: string[] = [];
      const lut = new Uint8ClampedArray(768);
      const theme = { lut, accent: '#0a0', edge: '#ccc', ink2: '#555' };
      const rect = (...box: Parameters<typeof svg.rect>): void => void filled.push(box[4]);
      figure.paint({ ...svg, rect }, theme as unknown as FigureTheme, 600);
      return filled.length;
    };
    expect(strips(ridge(COPIES))).toBe(1);
    const little = ridge({ 0: [0, 0, 0, 0], 10: [0.2, 0, 0, 0], 50: [0.3, 0, 0, 0] });
    expect(largestRise(little)).not.toBeNull();
    expect(ridgeFinding(little)).toContain('No head starts to copy so far');
    expect(strips(little)).toBe(0);
  });

  test('is in order whatever order its steps were kept in', () => {
    const all = snapshots(COPIES);
    expect(ridgeOf(all.toReversed(), 'induction')).toEqual(ridgeOf(all, 'induction'));
  });

  test.for(['log', 'linear'] as const)(
    'is a figure on a %s line: numbers, a table of all, a drawing within its bounds',
    (horizontal) => {
      const figure = ridgeFigure(ridge(COPIES), 'Foxes', { horizontal, last: 1000 }, 200);
      const { axes, values } = figure.data();
      expect(values).toHaveLength(axes.reduce((count, { labels }) => count * labels.length, 1));
      const { columns, rows } = figure.table();
      expect(rows.map(([head]) => head)).toEqual(['0.0', '0.1', '1.0', '1.1']);
      expect(rows.every((row) => row.length === columns.length)).toBe(true);
      expect(rows[2]?.[4]).toBeCloseTo(0.61);
      for (const width of [260, 900]) {
        const size = figure.size(width);
        const svg = createSvgPainter(width, size.height);
        const lut = new Uint8ClampedArray(768);
        const theme = {
          lut,
          ground: '#fff',
          ink: '#000',
          accent: '#0a0',
          edge: '#ccc',
          ink2: '#555',
        };
        figure.paint(svg, theme as unknown as FigureTheme, width);
        const drawn = svg.finish('', '', '');
        expect(drawn.match(/<polygon/gu)).toHaveLength(4);
        for (const [, x, y] of drawn.matchAll(/([\d.-]+),([\d.-]+)/gu)) {
          expect(Number(x)).toBeGreaterThanOrEqual(0);
          expect(Number(x)).toBeLessThanOrEqual(width);
          expect(Number(y)).toBeGreaterThanOrEqual(0);
          expect(Number(y)).toBeLessThanOrEqual(size.height);
        }
      }
    },
  );

  test('folded has a row a layer: its heads over each other, the one that stands out by its name', () => {
    const line = { horizontal: 'log', last: 1000 } as const;
    const theme = {
      lut: new Uint8ClampedArray(768),
      accent: '#0a0',
      edge: '#ccc',
      ink2: '#555',
    } as unknown as FigureTheme;
    const draw = (isFolded: boolean) => {
      const layout = layoutRidge(600, isFolded ? 2 : 4, line);
      const svg = createSvgPainter(600, layout.height);
      const words: string[] = [];
      const heads: number[] = [];
      drawRidge(
        {
          ...svg,
          text: (x, y, said, style) => {
            words.push(said);
            svg.text(x, y, said, style);
          },
          // Lines of heads; what is straight is a ground or a tick.
          line: (points, colour, width) => {
            if (points.length > 2) heads.push(points.length);
            svg.line(points, colour, width);
          },
        },
        theme,
        layout,
        ridge(COPIES),
        null,
        isFolded,
      );
      return { words, heads, height: layout.height };
    };
    const [each, folded] = [draw(false), draw(true)];
    expect(each.words).toEqual(expect.arrayContaining(['0.0', '0.1', '1.0', '1.1']));
    expect(folded.words).not.toContain('0.0');
    expect(folded.words).toEqual(expect.arrayContaining(['1', '1.0: 0.65']));
    // A step, and a layer.
    expect(folded.words.filter((word) => word === '0')).toHaveLength(2);
    // No head is left out.
    expect(folded.heads).toEqual(each.heads);
    expect(folded.height).toBeLessThan(each.height);
  });

  test('has room for the heads of any model', () => {
    for (const [heads, least] of [
      [4, 18],
      [36, 18],
      [144, 10],
    ] as const) {
      expect(layoutRidge(600, heads, { horizontal: 'log', last: 10 }).row).toBeGreaterThanOrEqual(
        least,
      );
    }
  });
});

describe('two steps beside each other', () => {
  const reading = (step: number, top: Readonly<Record<string, number>>, at = 5): StepReading =>
    ({
      step,
      tokens: [...'krbt|k'].map(toPiece),
      at,
      top: Object.entries(top).map(([sign, rawProbability]) => ({
        piece: toPiece(sign),
        rawProbability,
      })),
    }) as unknown as StepReading;
  /** With ordinary spaces. */
  const plain = (words: string): string => words.replaceAll('\u00A0', ' ');
  const early = reading(20, { a: 0.1, b: 0.06, r: 0.04 });
  const late = reading(1500, { r: 0.99, c: 0.005 });

  test('have the candidates of both, those first that either is surest of', () => {
    expect(
      besideRows([early, late], 3).map(({ piece, probabilities }) => [piece.text, probabilities]),
    ).toEqual([
      ['r', [0.04, 0.99]],
      ['a', [0.1, null]],
      ['b', [0.06, null]],
    ]);
  });

  test('are told apart in one sentence', () => {
    expect(plain(besideFinding([early, late]))).toBe(
      'At step 20 it expects “a” next (10 %), at step 1,500 “r” (99 %).',
    );
    expect(plain(besideFinding([late, reading(7, { r: 0.5 })]))).toBe(
      'Both expect “r” next: 99 % at step 1,500, 50 % at step 7.',
    );
    expect(besideFinding([late, reading(7, {})])).toBe('');
    expect(plain(besideFinding([reading(20, { a: 0.1 }, 2), reading(1500, { t: 0.9 }, 2)]))).toBe(
      'At step 20 it expects “a” after “b” (10 %), at step 1,500 “t” (90 %).',
    );
  });

  test('have a head’s map each, as figures of all weights', () => {
    const weights = new Float32Array(36);
    for (let q = 0; q < 6; q++) weights[q * 6 + Math.max(0, q - 4)] = 0.75;
    const map = { layer: 1, head: 2, size: 6, firstIndex: 0, weights };
    const figure = mapFigure(late, map, 'sqrt');
    expect(plain(figure.finding)).toBe('“k” looks most at “r”, 75 %.');
    const of = mapFigure({ ...late, at: 4 }, { ...map, weights: weights.with(4 * 6, 0.9) }, 'sqrt');
    expect(plain(of.finding)).toBe('“|” looks most at “k”, 90 %.');
    expect(of.table().rows).toHaveLength(5);
    expect(figure.title).toBe('Head 1.2 at step 1,500');
    expect(figure.table().rows).toHaveLength(6);
    expect(figure.data().values).toHaveLength(36);
    const { width, height } = figure.size(300);
    expect(width).toBeLessThanOrEqual(300);
    expect(height).toBeGreaterThan(60);
  });
});

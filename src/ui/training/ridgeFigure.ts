// The ridge as a figure: one row a head, its score over the steps of the run, and the moment that stands out. Where there is
// no room for so many rows, one a layer, with its heads over each other.
import type { Figure, FigureTheme } from '../figure/figure.ts';
import { shadeColour } from '../figure/colour.ts';
import type { Painter } from '../figure/painter.ts';
import { KINDS, probeWords } from '../../state/headLabels.ts';
import { formatCount } from '../format.ts';
import { MOMENT, momentOf, ridgeFinding, ridgeName, type Ridge } from './ridge.ts';
import { linearTicks } from './layout.ts';
import { placeOn, timeTicks } from './timeLine.ts';

/** As the loss curve has them, which may stand above. */
const LEFT = 44;
const RIGHT = 14;
const TOP = 6;
const FOOT = 22;
/** How far a row at its highest reaches into the one above it. */
const OVERLAP = 1.25;
/** A tick's number needs so much, in CSS pixels. */
const TICK = 58;
/** And the name of a row so much height. */
const NAME = 12;
/** And for a digit of it. */
const DIGIT = 6.7;

/** The line that steps stand on. */
export interface StepLine {
  readonly horizontal: 'linear' | 'log';
  /** Its end. */
  readonly last: number;
}

export interface RidgeLayout {
  readonly width: number;
  readonly height: number;
  readonly row: number;
  readonly left: number;
  readonly right: number;
  /** y of the ground of a row. */
  readonly ground: (row: number) => number;
  readonly x: (step: number) => number;
  /** Steps that are named. */
  readonly ticks: readonly number[];
}

/** How high a row is where nothing says how much room there is: of few heads they leave some for the loss above them. */
export function usualRow(rows: number): number {
  return rows <= 8 ? 22 : rows <= 16 ? 26 : rows <= 36 ? 18 : 11;
}

/** Of the picture with rows of this height. */
export function ridgeHeight(rows: number, row: number): number {
  return TOP + row * OVERLAP + (rows - 1) * row + FOOT;
}

export function layoutRidge(
  width: number,
  rows: number,
  line: StepLine,
  row = usualRow(rows),
): RidgeLayout {
  const { horizontal, last } = line;
  const first = TOP + row * OVERLAP;
  const [left, right] = [LEFT, width - RIGHT];
  const ticks =
    horizontal === 'log'
      ? timeTicks(last, DIGIT / (right - left)).map(({ step }) => step)
      : linearTicks(0, last, Math.max(2, Math.floor((right - left) / (2 * TICK))));
  return {
    width,
    height: Math.ceil(ridgeHeight(rows, row)),
    row,
    left,
    right,
    ground: (index) => first + index * row,
    x: (step) => left + (right - left) * placeOn(horizontal, step, last),
    ticks,
  };
}

/** Heads that lie on the same ground, from the first row to the last: each on its own, or folded by layer. */
function bandsOf(
  { rows, nLayer, nHead }: Ridge,
  isFolded: boolean,
): readonly (readonly number[])[] {
  return isFolded
    ? Array.from({ length: nLayer }, (_, layer) =>
        Array.from({ length: nHead }, (__, head) => layer * nHead + head),
      )
    : rows.map((_, row) => [row]);
}

/** `at`: the step that is looked at; null where none is. The layout has a row a head, or, folded, one a layer. */
export function drawRidge(
  painter: Painter,
  theme: FigureTheme,
  layout: RidgeLayout,
  ridge: Ridge,
  at: number | null,
  isFolded = false,
): void {
  const { row, left, right, ground, x, height, ticks } = layout;
  const { steps, rows, nHead } = ridge;
  // Shaded where the words say so, too.
  const rise = momentOf(ridge);
  const bottom = height - FOOT;
  const bands = bandsOf(ridge, isFolded);
  const risen = rise === null ? -1 : bands.findIndex((heads) => heads.includes(rise.row));
  // Small rows have the name of the first head of each layer, as far as names find room, and of the one that stands out.
  const layer = isFolded ? 1 : nHead;
  const every = row >= NAME ? 1 : layer * Math.ceil(NAME / (row * layer));
  const isNamed = (index: number): boolean =>
    index === risen ||
    (index % every === 0 && (risen < 0 || row >= NAME || Math.abs(index - risen) * row >= NAME));
  if (rise !== null) {
    const [from, to] = [x(steps[rise.from] ?? 0), x(steps[rise.to] ?? 0)];
    painter.rect(from, TOP, to - from, bottom - TOP, shadeColour(theme.lut, MOMENT));
  }
  for (const tick of ticks) {
    painter.line([[x(tick), TOP] as const, [x(tick), bottom] as const], theme.edge, 1);
    painter.text(x(tick), bottom + 12, formatCount(tick), {
      fill: theme.ink2,
      size: 10.5,
      align: x(tick) > right - RIGHT ? 'right' : 'center',
    });
  }
  bands.forEach((heads, index) => {
    const y = ground(index);
    const lineOf = (scores: ArrayLike<number>): readonly (readonly [number, number])[] =>
      Array.from(scores).flatMap((score, i) =>
        Number.isNaN(score) ? [] : [[x(steps[i] ?? 0), y - score * row * OVERLAP] as const],
      );
    const fill = (line: ReturnType<typeof lineOf>, shade: number): void => {
      const [first, end] = [line[0], line.at(-1)];
      if (first === undefined || end === undefined) return;
      painter.area([[first[0], y], ...line, [end[0], y]], shadeColour(theme.lut, shade));
    };
    const others = heads.filter((head) => head !== rise?.row);
    const scores = rise !== null && index === risen ? rows[rise.row] : undefined;
    // Areas lie under all lines, so that no head hides another.
    fill(lineOf(steps.map((_, i) => highest(others.map((head) => rows[head]?.[i])))), 44);
    if (scores !== undefined) fill(lineOf(scores), 92);
    for (const head of others) {
      painter.line(lineOf(rows[head] ?? []), theme.ink2, isFolded ? 0.9 : 1.25);
    }
    if (rise !== null && scores !== undefined) {
      const line = lineOf(scores);
      painter.line(line, theme.accent, 2);
      const score = (scores.findLast((one) => !Number.isNaN(one)) ?? 0).toFixed(2);
      painter.text(
        right,
        (line.at(-1)?.[1] ?? y) - 8,
        isFolded ? `${ridgeName(ridge, rise.row)}: ${score}` : score,
        { fill: theme.accent, size: 10.5, weight: 700, align: 'right' },
      );
    }
    painter.line([[left, y] as const, [right, y] as const], theme.edge, 1);
    if (isNamed(index)) {
      painter.text(left - 7, y - 4, isFolded ? String(index) : ridgeName(ridge, index), {
        fill: index === risen ? theme.accent : theme.ink2,
        weight: index === risen ? 700 : 400,
        size: 10.5,
        align: 'right',
      });
    }
  });
  if (at !== null) {
    painter.line([[x(at), TOP] as const, [x(at), bottom + 3] as const], theme.ink, 1.5);
  }
}

/** NaN where none was measured. */
function highest(scores: readonly (number | undefined)[]): number {
  const known = scores.flatMap((score = Number.NaN) => (Number.isNaN(score) ? [] : [score]));
  return known.length === 0 ? Number.NaN : Math.max(...known);
}

export function ridgeFigure(ridge: Ridge, run: string, line: StepLine, at: number | null): Figure {
  const { behaviour, steps, rows } = ridge;
  const { words, meaning } = KINDS[behaviour];
  const heads = rows.map((_, row) => ridgeName(ridge, row));
  return {
    name: `ridge-${behaviour}`,
    title: `${run}: heads and their ${words} scores over the steps`,
    finding: ridgeFinding(ridge),
    table: () => ({
      caption: `How much each head ${meaning}, on ${probeWords(ridge)}: the mean weight, 0 to 1, after so many steps.`,
      columns: ['Head', ...steps.map((step) => `Step ${formatCount(step)}`)],
      rows: rows.map((scores, row) => [heads[row] ?? '', ...scores]),
    }),
    data: () => ({
      axes: [
        { name: 'head', labels: heads },
        { name: 'step', labels: steps },
      ],
      quantity: `${words} score, mean attention weight`,
      values: Float32Array.from(rows.flatMap((scores) => [...scores])),
    }),
    size: (width) => layoutRidge(width, rows.length, line),
    paint: (painter, theme, width) =>
      drawRidge(painter, theme, layoutRidge(width, rows.length, line), ridge, at),
  };
}

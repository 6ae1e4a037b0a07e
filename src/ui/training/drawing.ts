// The loss of a run as one picture: raw, smooth and on unseen text, and two lines that give it meaning.
import type { Curve } from '../../state/training/curve.ts';
import type { ShownRun } from '../../state/training/facts.ts';
import { shadeColour } from '../figure/colour.ts';
import type { FigureTheme } from '../figure/figure.ts';
import { guessWidth, type Painter } from '../figure/painter.ts';
import { formatCount } from '../format.ts';
import { thin, type CurveLayout } from './layout.ts';
import { crossed, placeLabels, touches, type Box, type Line } from './levelLabels.ts';
import { MOMENT, momentOf, momentWords, ridgeOf } from './ridge.ts';
import { formatLoss } from './words.ts';

/** A blue that stays apart from the green for every common kind of colour-blindness. */
export const UNSEEN = 246;
const RAW = 104;
const DASH = 5;
/** Between lines that have no room for words of their own. */
const NEAR = 18;

type Lines = Parameters<typeof placeLabels>[2];

export function drawCurve(
  painter: Painter,
  theme: FigureTheme,
  layout: CurveLayout,
  run: ShownRun,
  curve: Curve,
  chosen: number | null,
): void {
  const { plot, x, y } = layout;
  const unseen = shadeColour(theme.signedLut, UNSEEN);
  const each = thin(curve.steps, curve.losses, layout);
  const smooth = thin(curve.steps, curve.smooth, layout);
  const measured = run.evaluations.map(({ step, loss }) => [x(step), y(loss)] as const);
  const moment = drawMoment(painter, theme, layout, run);
  drawAxes(painter, theme, layout);
  const beyond = drawBeyond(painter, theme, layout);
  const taken = [moment, beyond].filter((box) => box !== null);
  const marks = stacked(
    run.changes.map(({ step, words }) => ({ at: x(step), words })),
    plot,
    [smooth, measured, each],
    taken,
  );
  // Under the words of the levels, over which their own words may not lie.
  drawUprights(painter, theme, plot, marks);
  drawLevels(painter, theme, layout, run, {
    lines: [smooth, measured, each],
    taken: [...taken, ...marks.map((mark) => boxOf(plot, mark))],
  });
  for (const { at, words, row } of marks) labelAt(painter, theme, plot, at, words, row);
  if (chosen !== null) {
    painter.line(
      [[x(chosen), plot.top] as const, [x(chosen), layout.lane] as const],
      theme.accent,
      1,
    );
  }
  painter.line(each, shadeColour(theme.lut, RAW), 1);
  if (measured.length > 1) painter.line(measured, unseen, 1.5);
  for (const [left, top] of measured) painter.dot(left, top, 3, unseen);
  painter.line(smooth, theme.accent, 2.25);
  const last = curve.length - 1;
  if (last >= 0) {
    painter.dot(x(curve.steps[last] ?? 0), y(curve.smoothOf(last)), 3.5, theme.accent);
  }
  drawPins(painter, theme, layout, run, chosen);
  drawLegend(painter, theme, layout, [
    { colour: theme.accent, words: 'smoothed', line: 2.25 },
    { colour: shadeColour(theme.lut, RAW), words: 'each step', line: 1 },
    { colour: unseen, words: 'unseen text', line: 1.5 },
  ]);
}

/** When a head begins to copy: the strip that the ridge below has, too. Where its words are; null for none. */
function drawMoment(
  painter: Painter,
  theme: FigureTheme,
  { plot, x }: CurveLayout,
  { snapshots }: ShownRun,
): Box | null {
  const ridge = ridgeOf(snapshots, 'induction');
  const moment = ridge && momentOf(ridge);
  if (ridge === null || moment === null) return null;
  const [from, to] = [x(ridge.steps[moment.from] ?? 0), x(ridge.steps[moment.to] ?? 0)];
  const { top, bottom } = plot;
  painter.rect(from, top, to - from, bottom - top, shadeColour(theme.lut, MOMENT));
  const isLate = from > (plot.left + plot.right) / 2;
  const words = momentWords(ridge, moment);
  const at = isLate ? to - 5 : from + 5;
  painter.text(at, bottom - 9, words, {
    ...LABEL,
    fill: theme.accent,
    align: isLate ? 'right' : 'left',
  });
  const width = guessWidth(words, LABEL);
  const left = isLate ? at - width : at;
  return { left, right: left + width, top: bottom - 16, bottom };
}

/** That a line at the upper edge goes on above it, and how far. Where its words are; null for none. */
function drawBeyond(
  painter: Painter,
  theme: FigureTheme,
  { plot, beyond }: CurveLayout,
): Box | null {
  if (beyond === null) return null;
  const words = `↑ above this picture, up to ${formatLoss(beyond)}`;
  const [right, middle] = [plot.right, plot.top + 12];
  painter.text(right, middle, words, { ...LABEL, fill: theme.warn, align: 'right' });
  return { left: right - guessWidth(words, LABEL), right, top: middle - 7, bottom: middle + 7 };
}

export function drawAxes(painter: Painter, theme: FigureTheme, layout: CurveLayout): void {
  const { plot, xTicks, yTicks } = layout;
  for (const { at, value } of yTicks) {
    painter.line([[plot.left, at] as const, [plot.right, at] as const], theme.edge, 1);
    painter.text(plot.left - 8, at, String(value), {
      fill: theme.ink2,
      size: 10.5,
      align: 'right',
    });
  }
  for (const { at, value } of xTicks) {
    painter.text(at, plot.bottom + 11, formatCount(value), {
      fill: theme.ink2,
      size: 10.5,
      align: at > plot.right - 16 ? 'right' : 'center',
    });
  }
  painter.line(
    [[plot.left, plot.bottom] as const, [plot.right, plot.bottom] as const],
    theme.ink2,
    1,
  );
}

/** What guessing would come to, in words on its line, where they have room. */
function drawLevels(
  painter: Painter,
  theme: FigureTheme,
  { plot, y }: CurveLayout,
  { text }: ShownRun,
  { lines, taken }: { readonly lines: Lines; readonly taken: readonly Box[] },
): void {
  const { evenLoss, frequencyLoss } = text;
  const [even, frequency] = [y(evenLoss), y(frequencyLoss)];
  for (const at of [even, frequency]) {
    for (let left = plot.left; left < plot.right; left += 2 * DASH) {
      const right = Math.min(plot.right, left + DASH);
      painter.line([[left, at] as const, [right, at] as const], theme.ink2, 1);
    }
  }
  const [evenly, often] = [
    `guessing evenly ${formatLoss(evenLoss)}`,
    `by frequency ${formatLoss(frequencyLoss)}`,
  ];
  // Two that lie close have their words together, in their order.
  const levels = (
    frequency - even < NEAR
      ? [{ label: `${evenly}, ${often}`, over: even, under: frequency }]
      : [
          { label: evenly, over: even, under: even },
          { label: `guessing ${often}`, over: frequency, under: frequency },
        ]
  ).map((level) => ({ ...level, width: guessWidth(level.label, LABEL) }));
  placeLabels(levels, plot, lines, taken).forEach(({ left, right, top, bottom }, i) => {
    // No line of the grid goes through the words.
    painter.rect(left, top, right - left, bottom - top, theme.ground);
    const isRight = right === plot.right;
    painter.text(isRight ? right : left, (top + bottom) / 2, levels[i]?.label ?? '', {
      ...LABEL,
      fill: theme.ink2,
      align: isRight ? 'right' : 'left',
    });
  });
}

/** Changes of the settings: an upright line each. */
function drawUprights(
  painter: Painter,
  theme: FigureTheme,
  plot: CurveLayout['plot'],
  marks: readonly Mark[],
): void {
  for (const { at } of marks) {
    for (let top = plot.top; top < plot.bottom; top += 2 * DASH) {
      painter.line(
        [[at, top] as const, [at, Math.min(plot.bottom, top + DASH)] as const],
        theme.warn,
        1,
      );
    }
  }
}

/** A change, and the row of its words. */
interface Mark {
  readonly at: number;
  readonly words: string;
  readonly row: number;
}

const LABEL = { family: 'sans', size: 11 } as const;
const LABEL_HEIGHT = 14;

function boxOf(plot: CurveLayout['plot'], { at, words, row }: Mark): Box {
  const { from, to } = labelSpan(plot, at, words);
  const middle = middleOf(plot, row);
  return { left: from, right: to, top: middle - 6, bottom: middle + 6 };
}

function middleOf({ bottom }: CurveLayout['plot'], row: number): number {
  return bottom - 9 - row * LABEL_HEIGHT;
}

/** Where words beside an upright line begin and end: on the side that has room, and no further than that. */
function labelSpan(
  plot: CurveLayout['plot'],
  at: number,
  words: string,
): {
  readonly isLate: boolean;
  readonly room: number;
  readonly from: number;
  readonly to: number;
} {
  const isLate = at > (plot.left + plot.right) / 2;
  const room = isLate ? at - 5 - plot.left : plot.right - at - 5;
  const width = Math.min(room, guessWidth(words, LABEL));
  const from = isLate ? at - 5 - width : at + 5;
  return { isLate, room, from, to: from + width };
}

/**
 * Each mark with the lowest row in which its words lie on no others and under no line, or under as little of one as can be; 0
 * is at the bottom. `taken` are other words.
 */
export function stacked<T extends { readonly at: number; readonly words: string }>(
  marks: readonly T[],
  plot: CurveLayout['plot'],
  lines: readonly Line[] = [],
  taken: readonly Box[] = [],
): readonly (T & { readonly row: number })[] {
  const placed = [...taken];
  const most = Math.max(1, Math.floor((plot.bottom - plot.top) / LABEL_HEIGHT));
  return marks.map((mark) => {
    const boxIn = (row: number): Box => boxOf(plot, { ...mark, row });
    const free = Array.from({ length: most + placed.length }, (_, row) => row).filter(
      (row) => !placed.some((other) => touches(boxIn(row), other)),
    );
    const cost = (row: number): number =>
      // Above the plot is the legend.
      row < most ? lines.reduce((sum, line) => sum + crossed(boxIn(row), line), 0) : Infinity;
    const costs = free.map(cost);
    const row = free[costs.indexOf(Math.min(...costs))] ?? 0;
    placed.push(boxIn(row));
    return { ...mark, row };
  });
}

/** Words beside an upright line, so many rows above the bottom; no other line goes through them. */
export function labelAt(
  painter: Painter,
  theme: FigureTheme,
  plot: CurveLayout['plot'],
  at: number,
  words: string,
  row = 0,
): void {
  const { isLate, room, from, to } = labelSpan(plot, at, words);
  const middle = middleOf(plot, row);
  painter.rect(from, middle - 6, to - from, 12, theme.ground);
  painter.text(isLate ? to : from, middle, words, {
    ...LABEL,
    fill: theme.warn,
    align: isLate ? 'right' : 'left',
    maxWidth: room,
  });
}

function drawPins(
  painter: Painter,
  theme: FigureTheme,
  { plot, lane, x }: CurveLayout,
  { samples }: ShownRun,
  chosen: number | null,
): void {
  painter.text(plot.left - 8, lane, 'wrote', {
    fill: theme.ink2,
    family: 'sans',
    size: 11,
    align: 'right',
  });
  painter.line([[plot.left, lane] as const, [plot.right, lane] as const], theme.edge, 1);
  for (const { step } of samples) {
    const isChosen = step === chosen;
    painter.dot(x(step), lane, isChosen ? 6 : 4, isChosen ? theme.accent : theme.ink2);
  }
}

export interface LegendPart {
  readonly colour: string;
  readonly words: string;
  readonly line: number;
}

/** A line of the legend with its gap, and what keeps its parts apart. */
const SIGN = 21;
const APART = 10;

/** The greatest width at which all fit beside each other: only those that are wider are cut. */
function fitting(widths: readonly number[], room: number): number {
  let left = room;
  const sorted = widths.toSorted((a, b) => a - b);
  for (const [i, width] of sorted.entries()) {
    const share = left / (sorted.length - i);
    if (width > share) return share;
    left -= width;
  }
  return Infinity;
}

/** In one row above the plot; words that are too long for it are cut. */
export function drawLegend(
  painter: Painter,
  theme: FigureTheme,
  { plot }: CurveLayout,
  parts: readonly LegendPart[],
): void {
  const style = { fill: theme.ink2, family: 'sans', size: 11 } as const;
  const widths = parts.map(({ words }) => guessWidth(words, style));
  const room = plot.right - plot.left - parts.length * SIGN - (parts.length - 1) * APART;
  const most = fitting(widths, room);
  let left = plot.left;
  parts.forEach(({ colour, words, line }, i) => {
    painter.line([[left, 9] as const, [left + 16, 9] as const], colour, line);
    painter.text(left + SIGN, 9, words, { ...style, maxWidth: most });
    left += SIGN + Math.min(most, widths[i] ?? 0) + APART;
  });
  if (plot.right - left < 70) return;
  painter.text(plot.right, 9, 'nats a token', { ...style, align: 'right' });
}

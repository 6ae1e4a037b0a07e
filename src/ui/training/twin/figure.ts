// What a run and its twin differ in, as figures: both losses, what both expect next, surprise and heads.
import { headName } from '../../../state/facts/attention.ts';
import { KINDS } from '../../../state/headLabels.ts';
import { Curve } from '../../../state/training/curve.ts';
import type { PairReading, RunPair } from '../../../state/training/facts.ts';
import { shadeColour } from '../../figure/colour.ts';
import type { Figure, FigureTheme } from '../../figure/figure.ts';
import type { Painter } from '../../figure/painter.ts';
import type { Provenance } from '../../figure/takeAway.ts';
import { formatCount, formatPercent, quoteAxisToken, tokenAxisLabel } from '../../format.ts';
import { barsFigure } from '../../barsFigure.ts';
import { drawAxes, drawLegend, labelAt, UNSEEN } from '../drawing.ts';
import { provenanceOf } from '../figures.ts';
import { layoutCurve, thin, type CurveLayout } from '../layout.ts';
import {
  candidateRows,
  lossPairs,
  partingStep,
  sameCandidates,
  type HeadRow,
  type SurpriseRow,
} from './differences.ts';
import {
  candidatesFinding,
  formatSurprise,
  headsFinding,
  lossFinding,
  surpriseFinding,
  type PairNames,
} from './words.ts';

const HEIGHT = 300;
/** In a picture of bars; its table has all. */
const MOST_BARS = 48;

/** `layoutCurve` leaves room for pins under the steps, which this has none of. */
const PINS = 20;
/** The broad line lies under the thin one: where both are the same, both are seen. */
const BROAD = 5;
const BROAD_SHADE = 128;
const THIN = 1.75;

export function pairFigure({ first, twin }: RunPair, names: PairNames): Figure {
  const pairs = lossPairs(first.points, twin.points);
  const curves = { first: curveOf(first.points), twin: curveOf(twin.points) };
  const parting = partingStep(pairs);
  return {
    name: `twins-${twin.name.toLowerCase().replaceAll(/[^a-z0-9]+/gu, '-')}`,
    title: `Loss of ${first.name} and of ${twin.name}`,
    finding: lossFinding(pairs, names),
    table: () => ({
      caption: 'Nats a token, at each step that both made.',
      columns: ['Step', names.first, names.twin, 'Difference'],
      rows: pairs.map((pair) => [pair.step, pair.first, pair.twin, pair.twin - pair.first]),
    }),
    data: () => ({
      axes: [
        { name: 'step', labels: pairs.map(({ step }) => step) },
        { name: 'series', labels: [names.first, names.twin] },
      ],
      quantity: 'nats a token',
      values: pairs.flatMap((pair) => [pair.first, pair.twin]),
    }),
    size: (width) => ({ width, height: HEIGHT }),
    paint: (painter, theme, width) => {
      const layout = layoutPair(width, { first, twin }, curves);
      drawPair(painter, theme, layout, curves, names, parting);
    },
  };
}

interface Curves {
  readonly first: Curve;
  readonly twin: Curve;
}

function curveOf(points: RunPair['first']['points']): Curve {
  const curve = new Curve();
  curve.add(points);
  return curve;
}

function layoutPair(width: number, { first, twin }: RunPair, curves: Curves): CurveLayout {
  const smooth = [...curves.first.smooth, ...curves.twin.smooth];
  let least = Infinity;
  let most = 0;
  for (const loss of smooth) {
    least = Math.min(least, loss);
    most = Math.max(most, loss);
  }
  return layoutCurve(width, HEIGHT + PINS, {
    max_steps: Math.max(first.step, twin.step),
    evenLoss: most,
    frequencyLoss: Infinity,
    least,
    most,
    horizontal: 'linear',
  });
}

function drawPair(
  painter: Painter,
  theme: FigureTheme,
  layout: CurveLayout,
  { first, twin }: Curves,
  names: PairNames,
  parting: number | null,
): void {
  const blue = shadeColour(theme.signedLut, UNSEEN);
  const broad = shadeColour(theme.lut, BROAD_SHADE);
  drawAxes(painter, theme, layout);
  if (parting !== null) drawParting(painter, theme, layout, parting);
  painter.line(thin(first.steps, first.smooth, layout), broad, BROAD);
  painter.line(thin(twin.steps, twin.smooth, layout), blue, THIN);
  drawLegend(painter, theme, layout, [
    { colour: broad, words: names.first, line: BROAD },
    { colour: blue, words: names.twin, line: THIN },
  ]);
}

function drawParting(
  painter: Painter,
  theme: FigureTheme,
  { plot, x }: CurveLayout,
  step: number,
): void {
  const at = x(step);
  painter.line([[at, plot.top] as const, [at, plot.bottom] as const], theme.warn, 1);
  labelAt(painter, theme, plot, at, `part at step ${formatCount(step)}`);
}

/** What both expect after a text: under each token a bar of either. */
export function nextFigure(reading: PairReading, most: number, names: PairNames): Figure {
  const { first, twin } = reading;
  const rows = candidateRows(first.top, twin.top, most);
  const finding = candidatesFinding(
    rows,
    sameCandidates(first.top, twin.top),
    first.top.length,
    names,
  );
  return barsFigure({
    name: 'twins-next',
    title: `Next after ${JSON.stringify(reading.prompt)}`,
    finding,
    axis: 'token, and whose',
    names: rows.flatMap(({ piece }) => twoNames(quoteAxisToken(piece), names)),
    quantity: 'probability',
    values: rows.flatMap((row) => [row.first ?? 0, row.twin ?? 0]),
    words: formatPercent,
    caption: 'Probabilities of the next token; 0 for less than the last that was asked for.',
    columns: ['Next', names.first, names.twin, 'Difference'],
    rows: rows.map((row) => [
      tokenAxisLabel(row.piece),
      row.first ?? 0,
      row.twin ?? 0,
      (row.twin ?? 0) - (row.first ?? 0),
    ]),
  });
}

/** How surprising each token is for both: under each a bar of either. */
export function surpriseFigure(
  prompt: string,
  rows: readonly SurpriseRow[],
  names: PairNames,
): Figure {
  return barsFigure({
    name: 'twins-surprise',
    title: `Surprise in ${JSON.stringify(prompt)}`,
    finding: surpriseFinding(rows, names),
    axis: 'token, and whose',
    names: rows.flatMap(({ piece }, i) => twoNames(`${i + 1} ${quoteAxisToken(piece)}`, names)),
    quantity: 'bits',
    values: rows.flatMap((row) => [row.first, row.twin]),
    words: formatSurprise,
    most: MOST_BARS,
    caption: 'Bits of surprise, token by token; the first has nothing before it.',
    columns: ['Place', 'Token', names.first, names.twin, 'Difference'],
    rows: rows.map((row, i) => [
      i + 1,
      tokenAxisLabel(row.piece),
      row.first,
      row.twin,
      row.twin - row.first,
    ]),
  });
}

/** What the heads of both do at a step, those first that differ most. */
export function headsFigure(step: number, rows: readonly HeadRow[], names: PairNames): Figure {
  return barsFigure({
    name: `twins-heads-step-${step}`,
    title: `Heads at step ${formatCount(step)}`,
    finding: headsFinding(rows, names),
    axis: 'head, and whose',
    names: rows.flatMap((row) => twoNames(`${headName(row)} ${KINDS[row.behaviour].words}`, names)),
    quantity: 'score',
    values: rows.flatMap((row) => [row.first, row.twin]),
    full: 1,
    words: (score) => score.toFixed(2),
    most: MOST_BARS,
    caption: 'Of each head the score in which both are furthest apart.',
    columns: ['Head', 'Score', names.first, names.twin, 'Difference'],
    rows: rows.map((row) => [
      headName(row),
      KINDS[row.behaviour].words,
      row.first,
      row.twin,
      row.twin - row.first,
    ]),
  });
}

/** What both bars of a row are called. */
function twoNames(row: string, { first, twin }: PairNames): readonly string[] {
  return [`${row} ${first}`, `${row} ${twin}`];
}

/** Two runs as files name where they came from. */
export function pairProvenance(
  { first, twin }: RunPair,
  prompt: string = twin.settings.prompt,
): Provenance {
  const { settings, text } = twin;
  return {
    ...provenanceOf(twin, null),
    model: `${first.name}; ${twin.name}`,
    prompt,
    text: `SHA-256 ${first.text.sha256}; ${text.sha256}`,
    settings: {
      model: settings.model,
      tokenizer: settings.tokenizer,
      edits: settings.edits ?? [],
      ...settings.arguments,
    },
  };
}

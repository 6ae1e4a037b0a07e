// Two steps of a run beside each other: what both expect next, and a head's map at each, in rows, words and figures.
import type { AttentionMap, StepReading, TokenPiece } from '../../api.ts';
import { wholeOf } from '../attention/figures.ts';
import { layoutMatrix, paintMatrix } from '../attention/matrixDrawing.ts';
import { rowToken, strongest } from '../attention/weights.ts';
import { namesOf } from '../attention/words.ts';
import type { Figure } from '../figure/figure.ts';
import { formatCount, formatPercent, quoteToken } from '../format.ts';

/** A token that one of both expects; null where it is none of those that were asked for. */
export interface BesideRow {
  readonly piece: TokenPiece;
  readonly probabilities: readonly [number | null, number | null];
}

/** The most probable of both, those first that either is surest of. */
export function besideRows(
  readings: readonly [StepReading, StepReading],
  most: number,
): readonly BesideRow[] {
  const [first, second] = readings.map(
    ({ top }) => new Map(top.map(({ piece, rawProbability }) => [piece.id, rawProbability])),
  );
  const pieces = new Map(
    readings.flatMap(({ top }) => top.map(({ piece }) => [piece.id, piece] as const)),
  );
  const surest = ({ probabilities: [a, b] }: BesideRow): number => Math.max(a ?? 0, b ?? 0);
  return [...pieces]
    .map(([id, piece]): BesideRow => ({
      piece,
      probabilities: [first?.get(id) ?? null, second?.get(id) ?? null],
    }))
    .toSorted((a, b) => surest(b) - surest(a))
    .slice(0, most);
}

/** `At step 20 it expects “a” next (4 %), at step 1,500 “o” (99 %).`; where the token is not the last, `after “b”`. */
export function besideFinding([first, second]: readonly [StepReading, StepReading]): string {
  const [a, b] = [first.top[0], second.top[0]];
  if (a === undefined || b === undefined) return '';
  const step = ({ step: made }: StepReading): string => `step ${formatCount(made)}`;
  const [p, q] = [formatPercent(a.rawProbability), formatPercent(b.rawProbability)];
  const isLast = first.at === first.tokens.length - 1;
  const where = isLast ? 'next' : `after ${namesOf(first.tokens).quoted(first.at)}`;
  return a.piece.id === b.piece.id
    ? `Both expect ${quoteToken(a.piece)} ${where}: ${p} at ${step(first)}, ${q} at ${step(second)}.`
    : `At ${step(first)} it expects ${quoteToken(a.piece)} ${where} (${p}), at ${step(second)} ${quoteToken(b.piece)} (${q}).`;
}

/** Cells a side, and CSS pixels, that a map has at most. */
const MOST_CELLS = 128;
const MOST_SIDE = 340;

/** A head's map of a text at a step. */
export function mapFigure(
  { step, tokens, at }: StepReading,
  map: AttentionMap,
  scale: 'sqrt' | 'linear',
): Figure {
  const { layer, head, size, firstIndex } = map;
  const { quoted, axis } = namesOf(tokens);
  const shown = wholeOf(map, MOST_CELLS);
  const labels = Array.from({ length: shown.size }, (_, i) => axis(rowToken(shown, i)));
  const links = strongest(map, at);
  const [most] = links;
  const all = Array.from({ length: size }, (_, i) => axis(firstIndex + i));
  const layout = (width: number) => layoutMatrix(shown.size, width, Math.min(width, MOST_SIDE));
  return {
    name: `attention-${layer}-${head}-step-${step}`,
    title: `Head ${layer}.${head} at step ${formatCount(step)}`,
    finding:
      most === undefined
        ? 'There is nothing to look at.'
        : `${quoted(at)} looks most at ${quoted(most.index)}, ${formatPercent(most.weight)}.`,
    table: () => ({
      caption: `Head ${layer}.${head} at step ${formatCount(step)}: what ${quoted(at)} (token ${at + 1}) looks at, the strongest first.`,
      columns: ['Rank', 'Token', 'Looks at', 'Weight'],
      rows: links.map(({ index, weight }, i) => [i + 1, index + 1, axis(index), weight]),
    }),
    data: () => ({
      axes: [
        { name: 'looks', labels: all },
        { name: 'looked at', labels: all },
      ],
      quantity: 'attention weight',
      values: map.weights,
    }),
    size: layout,
    paint: (painter, theme, width) =>
      paintMatrix(painter, theme, layout(width), {
        shown,
        rowLabels: labels,
        columnLabels: labels,
        sinkLabel: '',
        scale,
        row: Math.floor((at - shown.firstRow) / shown.block),
        cursor: null,
      }),
  };
}

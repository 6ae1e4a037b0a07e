// What switching off shows, as figures: before and after, and the sweep over all heads.
import type { Sweep } from '../../state/facts/parts.ts';
import { modelOf } from '../../state/facts/model.ts';
import type { AppState } from '../../state/store.ts';
import type { TokenText } from '../../state/tokenText.ts';
import type { Figure } from '../figure/figure.ts';
import { formatBits, quoteToken, tokenAxisLabel } from '../format.ts';
import { comparisonSize, drawComparison, drawGrid, sweepScale } from './drawings.ts';
import { layoutGrid } from './layout.ts';
import { comparisonFinding, offList, sweepFinding } from './words.ts';

export function comparisonFigure({
  parts: { comparison, comparisonAt },
  view: { off },
  model,
}: Pick<AppState, 'parts' | 'view' | 'model'>): Figure {
  const shape = modelOf({ model });
  if (comparison === null) throw new Error('There is no comparison to save yet.');
  const { candidates } = comparison;
  return {
    name: `parts-off-${comparisonAt + 1}`,
    title: 'The next token with every part on, and with parts off',
    finding: comparisonFinding(comparison, off, shape),
    table: () => ({
      caption: `Probabilities with every part on and with ${offList(off, shape)} off, the largest change first. KL divergence ${formatBits(comparison.klBits)} bits.`,
      columns: ['Token', 'All on', 'Parts off', 'Change'],
      rows: candidates.map(({ piece, before, after }) => [
        tokenAxisLabel(piece),
        before,
        after,
        after - before,
      ]),
    }),
    data: () => ({
      axes: [
        { name: 'token', labels: candidates.map(({ piece }) => tokenAxisLabel(piece)) },
        { name: 'model', labels: ['all on', 'parts off'] },
      ],
      quantity: 'probability',
      values: candidates.flatMap(({ before, after }) => [before, after]),
    }),
    size: (width) => comparisonSize(comparison, width),
    paint: (painter, theme, width) => drawComparison(painter, theme, width, comparison),
  };
}

export function sweepFigure(
  { parts: { sweep }, view: { off } }: AppState,
  text: TokenText,
): Figure {
  if (sweep === null) throw new Error('There is no sweep to save yet.');
  const { nLayer, nHead, deltas } = sweep;
  return {
    name: `sweep-${sweep.at + 1}`,
    title: `What each head does to ${quoteToken(sweep.target)}`,
    finding: sweepFinding(sweep),
    table: () => ({
      caption: `Change in ln p of ${quoteToken(sweep.target)} with each head off (${sweep.by}) at token ${sweep.at + 1} of ${text.pieces.length}; full colour is ±${sweepScale(sweep).toFixed(2)}.`,
      columns: ['Head', 'Change in ln p', 'Probability'],
      rows: rowsOf(sweep),
    }),
    data: () => ({
      axes: [
        { name: 'layer', labels: Array.from({ length: nLayer }, (_, l) => l) },
        { name: 'head', labels: Array.from({ length: nHead }, (_, h) => h) },
      ],
      quantity: `change in ln p of ${quoteToken(sweep.target)}`,
      values: deltas,
    }),
    size: (width) => layoutGrid(width, nLayer, nHead),
    paint: (painter, theme, width) =>
      drawGrid(
        painter,
        theme,
        layoutGrid(width, nLayer, nHead),
        { nLayer, nHead, off, sweep },
        true,
      ),
  };
}

function rowsOf({ deltas, nHead, base }: Sweep): (string | number)[][] {
  return Array.from(deltas, (delta, i) => ({
    name: `${Math.floor(i / nHead)}.${i % nHead}`,
    delta,
  }))
    .filter(({ delta }) => !Number.isNaN(delta))
    .toSorted((a, b) => Math.abs(b.delta) - Math.abs(a.delta))
    .map(({ name, delta }) => [name, delta, Math.exp(base + delta)]);
}

// What switching off shows, as figures: before and after, and the sweep over all parts.
import { effectOf, headsOfLayer, isOfProbability, partsOfLayer } from '../../state/facts/parts.ts';
import { modelOf } from '../../state/facts/model.ts';
import type { AppState } from '../../state/store.ts';
import type { TokenText } from '../../state/tokenText.ts';
import type { Figure } from '../figure/figure.ts';
import { formatBits, tokenAxisLabel } from '../format.ts';
import { comparisonSize, drawComparison, drawGrid } from './drawings.ts';
import { layoutGrid } from './layout.ts';
import { drawScale, SCALE_HEIGHT } from './scale.ts';
import { effects, partName, strongest, sweepFinding, watchedWords } from './sweepWords.ts';
import { comparisonFinding, offList } from './words.ts';

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
  const { nLayer, nHead } = sweep;
  const heads = Array.from({ length: nHead }, (_, h) => h);
  const layers = Array.from({ length: nLayer }, (_, l) => l);
  return {
    name: `sweep-${sweep.at + 1}`,
    title:
      sweep.rest === null
        ? `What each part does to ${watchedWords(sweep)}`
        : `What each part adds to ${watchedWords(sweep)}`,
    finding: sweepFinding(sweep),
    table: () => ({
      caption:
        sweep.rest === null
          ? `Change in ${watchedWords(sweep)} with each head, attention and MLP off (${sweep.by}) at token ${sweep.at + 1} of ${text.pieces.length}; full colour is ±1.`
          : `What each head and MLP adds by itself to ${watchedWords(sweep)} at token ${sweep.at + 1} of ${text.pieces.length}; an attention is the sum of its heads and its bias. Token ${sweep.rest.embedding}, biases ${sweep.rest.biases}, sum ${sweep.base}.`,
      columns: [
        'Part',
        sweep.rest === null ? 'Change' : 'Adds',
        ...(isOfProbability(sweep) ? ['Probability'] : []),
      ],
      rows: strongest(effects(sweep)).map(({ part, delta }) => [
        partName(part),
        delta,
        ...(isOfProbability(sweep) ? [Math.exp(sweep.base + delta)] : []),
      ]),
    }),
    data: () => ({
      axes: [
        { name: 'layer', labels: layers },
        { name: 'part', labels: [...heads.map((h) => `head ${h}`), 'attention', 'MLP'] },
      ],
      quantity: `${sweep.rest === null ? 'change in' : 'added to'} ${watchedWords(sweep)}`,
      values: layers.flatMap((layer) =>
        [...headsOfLayer(layer, nHead), ...partsOfLayer(layer)].map((part) =>
          effectOf(sweep, part),
        ),
      ),
    }),
    size: (width) => {
      const grid = layoutGrid(width, nLayer, nHead);
      return { width: grid.width, height: grid.height + 10 + SCALE_HEIGHT };
    },
    paint: (painter, theme, width) => {
      const grid = layoutGrid(width, nLayer, nHead);
      drawGrid(painter, theme, grid, { nLayer, nHead, off, sweep }, true);
      drawScale(painter, theme, grid.label, grid.height + 10, grid.width - grid.label);
    },
  };
}

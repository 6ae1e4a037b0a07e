// Files and table of the candidates, which come with their first use.
import type { ReactNode } from 'react';
import type { AppState } from '../state/store.ts';
import { barsFigure } from './barsFigure.ts';
import { useApp } from './context.ts';
import type { Figure } from './figure/figure.ts';
import { FigureTools } from './figure/FigureTools.tsx';
import { formatCount, formatPercent, quoteToken, tokenAxisLabel } from './format.ts';

export interface NextToolsProps {
  readonly d: NonNullable<AppState['next']['distribution']>;
  readonly isNext: boolean;
}

export function NextTools({ d, isNext }: NextToolsProps): ReactNode {
  const { store } = useApp();
  return <FigureTools figure={() => nextFigure(store.getState(), d, isNext)} />;
}

function nextFigure(
  { next: { at } }: AppState,
  { top, kept, vocabSize }: NonNullable<AppState['next']['distribution']>,
  isNext: boolean,
): Figure {
  const names = top.map(({ piece }) => tokenAxisLabel(piece));
  const [best] = top;
  const place = isNext ? 'next' : `as token ${formatCount(at + 1)}`;
  const leads =
    best === undefined
      ? 'No candidates.'
      : `${quoteToken(best.piece)} leads with ${formatPercent(best.probability)}.`;
  return barsFigure({
    name: `next-token-${at + 1}`,
    title: `What could come ${place}, after sampling`,
    finding: `${leads} ${formatCount(kept)} of ${formatCount(vocabSize)} tokens are kept.`,
    caption: `The ${top.length} most probable tokens: after sampling, and as the model gave them.`,
    axis: 'token',
    names,
    quantity: 'probability after sampling',
    full: 1,
    values: top.map(({ probability }) => probability),
    words: formatPercent,
    columns: ['Token', 'Id', 'Sampled', 'Model'],
    rows: top.map((c, i) => [names[i] ?? '', c.piece.id, c.probability, c.rawProbability]),
  });
}

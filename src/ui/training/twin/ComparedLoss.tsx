// Both losses in one chart.
import { useMemo, type ReactNode } from 'react';
import type { RunPair } from '../../../state/training/facts.ts';
import controls from '../../controls.module.css';
import { Chart } from '../../figure/Chart.tsx';
import { FigureTools } from '../../figure/FigureTools.tsx';
import css from './comparison.module.css';
import { pairFigure, pairProvenance } from './figure.ts';
import type { PairNames } from './words.ts';

const NOTHING: readonly unknown[] = [];

export function ComparedLoss({
  pair,
  names,
}: {
  readonly pair: RunPair;
  readonly names: PairNames;
}): ReactNode {
  const { first, twin } = names;
  const figure = useMemo(() => pairFigure(pair, { first, twin }), [pair, first, twin]);
  return (
    <section className={css.part} aria-labelledby="twins-loss">
      <h3 className={controls.title} id="twins-loss">
        Loss
      </h3>
      <p className={css.finding} data-testid="twins-loss">
        {figure.finding}
      </p>
      <Chart
        aria-hidden="true"
        data-testid="twins-curve"
        watch={() => NOTHING}
        size={figure.size}
        paint={figure.paint}
      />
      <FigureTools figure={() => figure} provenance={() => pairProvenance(pair)} />
    </section>
  );
}

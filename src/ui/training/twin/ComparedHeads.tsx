// Which heads do something else in the twin, by the scores of both snapshots.
import type { ReactNode } from 'react';
import { headName } from '../../../state/facts/attention.ts';
import type { RunPair } from '../../../state/training/facts.ts';
import { KINDS, probeWords } from '../../../state/headLabels.ts';
import controls from '../../controls.module.css';
import { FigureTools } from '../../figure/FigureTools.tsx';
import { useTrainingFacts } from '../context.ts';
import css from './comparison.module.css';
import { headRows } from './differences.ts';
import { headsFigure, pairProvenance } from './figure.ts';
import { formatApart, headsFinding, type PairNames } from './words.ts';

/** Heads in the table. */
const MOST = 8;

export function ComparedHeads({
  pair,
  names,
}: {
  readonly pair: RunPair;
  readonly names: PairNames;
}): ReactNode {
  const { step } = useTrainingFacts((s) => ({ step: s.comparison.step }));
  const scoresOf = (of: keyof RunPair) =>
    pair[of].snapshots.find((snapshot) => snapshot.step === step)?.scores ?? null;
  const [first, twin] = [scoresOf('first'), scoresOf('twin')];
  if (step === null) return null;
  const rows = first === null || twin === null ? [] : headRows(first, twin);
  return (
    <section className={css.part} aria-labelledby="twins-heads">
      <h3 className={controls.title} id="twins-heads">
        What their heads do
      </h3>
      <p className={css.finding} data-testid="twins-heads">
        {headsFinding(rows, names)}
      </p>
      {rows.length > 0 && (
        <>
          <div className={css.tableFrame}>
            <table className={css.heads}>
              <caption className={controls.visuallyHidden}>
                The heads that differ most, each with the score in which it does; on{' '}
                {probeWords(first)}
              </caption>
              <thead>
                <tr>
                  <th scope="col">Head</th>
                  <th scope="col">Differs most in</th>
                  <th scope="col" data-of="first">
                    <span className={css.measure}>score</span> {names.first}
                  </th>
                  <th scope="col" data-of="twin">
                    <span className={css.measure}>score</span> {names.twin}
                  </th>
                  <th scope="col">Apart</th>
                </tr>
              </thead>
              <tbody>
                {rows.slice(0, MOST).map((row) => (
                  <tr key={headName(row)}>
                    <th scope="row">{headName(row)}</th>
                    <td className={css.kind}>{KINDS[row.behaviour].words}</td>
                    <td>{row.first.toFixed(2)}</td>
                    <td>{row.twin.toFixed(2)}</td>
                    <td>{formatApart(row)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          <FigureTools
            figure={() => headsFigure(step, rows, names)}
            provenance={() => pairProvenance(pair)}
          />
        </>
      )}
    </section>
  );
}

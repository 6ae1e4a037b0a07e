// What a comparison can tell: how much the passage makes beside another one of the same size.
import type { ReactNode } from 'react';
import { ownEdits, twinWords } from '../../../state/training/edits.ts';
import type { RunPair } from '../../../state/training/facts.ts';
import { whyNotNow } from '../../../state/training/live.ts';
import controls from '../../controls.module.css';
import { formatCount } from '../../format.ts';
import { useTraining, useTrainingFacts } from '../context.ts';
import css from './comparison.module.css';
import { measures, movedShare } from './differences.ts';
import { formatMeasure, yardstickFinding, type PairNames } from './words.ts';

const PARTING =
  'Any change of the text has a run read other pieces of it from the first batch on, so two such runs differ in every number, whatever the passage says. What this one made is what is larger than as many characters elsewhere make.';

export function Yardstick({
  pair,
  names,
}: {
  readonly pair: RunPair;
  readonly names: PairNames;
}): ReactNode {
  const { control } = useTrainingFacts((s) => ({ control: s.comparison.control }));
  if (ownEdits(pair.first.settings, pair.twin.settings).length === 0) return null;
  return (
    <section className={css.yardstick} aria-labelledby="twins-yardstick">
      <h3 className={controls.title} id="twins-yardstick">
        Is it the passage?
      </h3>
      {control === null ? (
        <Offer pair={pair} />
      ) : (
        <Measured
          pair={pair}
          control={control}
          names={{ ...names, control: twinWords(pair.first.settings, control.settings) }}
        />
      )}
    </section>
  );
}

function Offer({ pair: { twin } }: { readonly pair: RunPair }): ReactNode {
  const { actions } = useTraining();
  const { busy, why } = useTrainingFacts((s) => ({
    busy: whyNotNow(s),
    why: s.comparison.noControl,
  }));
  return (
    <>
      <p className={css.finding} data-testid="twins-yardstick">
        {PARTING}
      </p>
      <div className={css.tools}>
        <button
          className={controls.button}
          type="button"
          aria-disabled={busy !== null}
          aria-describedby="twins-control"
          onClick={() => {
            if (busy === null) actions.trainControl();
          }}
        >
          Compare with another passage taken out
        </button>
        <p id="twins-control" className={controls.quiet}>
          {why !== null
            ? `${why.message} ${why.hint ?? ''}`
            : (busy ??
              `Trains ${formatCount(twin.step)} steps once more, with the same done elsewhere in the text, to a passage as long and about as frequent, or one stretch as long as all places of this one.`)}
        </p>
      </div>
    </>
  );
}

function Measured({
  pair,
  control,
  names,
}: {
  readonly pair: RunPair;
  readonly control: RunPair['twin'];
  readonly names: PairNames & { readonly control: string };
}): ReactNode {
  const { step, reading } = useTrainingFacts((s) => ({
    step: s.comparison.step,
    reading: s.comparison.reading,
  }));
  const moved =
    reading?.control == null
      ? null
      : {
          twin: movedShare(reading.first.top, reading.twin.top),
          control: movedShare(reading.first.top, reading.control.top),
        };
  const rows = measures(pair, control, step, moved);
  return (
    <>
      <p className={css.finding} data-testid="twins-yardstick">
        {yardstickFinding(moved, names)}
      </p>
      <div className={css.tableFrame}>
        <table className={css.measures}>
          <caption className={controls.visuallyHidden}>
            How far the run is from its twin, and from one without another passage
          </caption>
          <thead>
            <tr>
              <th scope="col">How far apart</th>
              <th scope="col" data-of="twin">
                {names.twin}
              </th>
              <th scope="col">{names.control}</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.words}>
                <th scope="row">{row.words}</th>
                <td>{formatMeasure(row, row.twin)}</td>
                <td>{formatMeasure(row, row.control)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

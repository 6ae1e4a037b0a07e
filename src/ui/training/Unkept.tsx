// A run that found no room when it ended, and the press that keeps it.
import type { ReactNode } from 'react';
import type { ShownRun } from '../../state/training/facts.ts';
import controls from '../controls.module.css';
import { useTraining, useTrainingFacts } from './context.ts';
import css from './training.module.css';

/** It ended, and found no room: nothing keeps it but this tab. */
export function Unkept({ run }: { readonly run: ShownRun }): ReactNode {
  const { actions } = useTraining();
  const { now, taken } = useTrainingFacts((s) => ({
    now: s.out.now,
    taken: s.out.last?.id === run.id && s.out.last.what === 'run' ? s.out.last.name : null,
  }));
  const hasWeights = run.kept.includes(run.step);
  return (
    <div className={css.problem} data-testid="run-unkept">
      <p>
        <b>This run is not kept: it found no room in the browser’s storage.</b>{' '}
        {hasWeights
          ? 'It stands in this tab’s memory alone, and goes with the tab. Delete runs or models that you do not need, then keep it; or take it away as a file, which needs no room here, and which this page opens again.'
          : 'Its curve and samples stand in this tab’s memory alone, and go with the tab; its last weights were not kept. Delete runs or models that you do not need, then keep what there is; or take that away as a file, which needs no room here.'}
        {taken !== null && ` It was downloaded as ${taken}.`}
      </p>
      <button
        className={controls.primary}
        type="button"
        onClick={() => void actions.keepRun(run.id)}
      >
        Keep it now
      </button>
      <button
        className={controls.button}
        type="button"
        aria-disabled={now !== null}
        onClick={() => {
          if (now === null) actions.takeAway({ what: 'run', to: 'zip' });
        }}
      >
        Take it away as a file
      </button>
    </div>
  );
}

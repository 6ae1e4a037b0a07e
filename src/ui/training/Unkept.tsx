// A run that found no room when it ended, and the press that keeps it.
import type { ReactNode } from 'react';
import type { ShownRun } from '../../state/training/facts.ts';
import controls from '../controls.module.css';
import { useTraining } from './context.ts';
import css from './training.module.css';

/** It ended, and found no room: nothing keeps it but this tab. */
export function Unkept({ run }: { readonly run: ShownRun }): ReactNode {
  const { actions } = useTraining();
  // An archive is put together in the storage that is full.
  const canPick = 'showDirectoryPicker' in window;
  const hasWeights = run.kept.includes(run.step);
  return (
    <div className={css.problem} data-testid="run-unkept">
      <p>
        <b>This run is not kept: it found no room in the browser’s storage.</b>{' '}
        {hasWeights
          ? `It stands in this tab’s memory alone, and goes with the tab. Delete runs or models that you do not need, then keep it${canPick ? '; or save its model to a folder, below, which takes no room here' : ''}.`
          : 'Its curve and samples stand in this tab’s memory alone, and go with the tab; its last weights were not kept. Delete runs or models that you do not need, then keep what there is.'}
      </p>
      <button
        className={controls.primary}
        type="button"
        onClick={() => void actions.keepRun(run.id)}
      >
        Keep it now
      </button>
    </div>
  );
}

// What somebody brings: a run of another machine, or a receipt, whose first steps are made again here.
import type { ReactNode } from 'react';
import { later } from '../later.ts';
import { useTraining, useTrainingFacts } from './context.ts';
import { FileDoor } from './FileDoor.tsx';
import css from './TakeAway.module.css';

const outcome = later(
  async () => (await import('./BroughtFile.tsx')).BroughtFile,
  'What became of the file',
);

export function Brought(): ReactNode {
  const { actions } = useTraining();
  const { isThere } = useTrainingFacts((s) => ({ isThere: s.brought.at !== 'nothing' }));
  return (
    <div className={css.brought} data-testid="brought">
      <div className={css.doors}>
        <FileDoor words="Open a run…" label="A run’s file" accept=".zip" take={actions.bringRun} />
        <FileDoor
          words="Check a receipt…"
          label="A receipt’s file"
          accept=".json"
          take={actions.bringReceipt}
        />
      </div>
      {isThere && <outcome.Part />}
    </div>
  );
}

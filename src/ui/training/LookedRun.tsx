// The slider over training time with the run that the page's model is a step of: what trains is asked for it.
import { useEffect, useMemo, useState, type ReactNode } from 'react';
import type { Training } from '../../state/training/training.ts';
import { modelOf } from '../../state/facts/model.ts';
import { EXAMPLES } from '../../state/store.ts';
import { useApp, useFacts } from '../context.ts';
import controls from '../controls.module.css';
import { formatCount } from '../format.ts';
import { TrainingProvider, useTraining, useTrainingFacts } from './context.ts';
import { TimeBar, type LookedRun as Run } from './TimeBar.tsx';

export function LookedRun(): ReactNode {
  const { openTraining } = useApp();
  const [training, setTraining] = useState<Training | null>(null);
  useEffect(() => {
    // Where its code cannot be fetched, the views are there all the same; the workspace says what is wrong.
    openTraining().then(setTraining, () => {});
  }, [openTraining]);
  return (
    training && (
      <TrainingProvider value={training}>
        <Bar />
      </TrainingProvider>
    )
  );
}

function Bar(): ReactNode {
  const { actions } = useApp();
  const training = useTraining();
  const { step, failed, isOwn } = useFacts((s) => ({
    step: modelOf(s)?.origin?.run ?? null,
    failed: s.page.problem,
    // What greets a first visit is nobody's.
    isOwn:
      s.text.own !== null &&
      !['', ...EXAMPLES].includes(s.text.own) &&
      s.text.prompt === s.model.here?.wish.texts?.starts[0],
  }));
  const run = useRun(step?.id ?? '');
  if (step === null) return null;
  if (run === null) return <Unknown step={step.step} />;
  return (
    <TimeBar
      note={
        isOwn
          ? 'The prompt is out of its own text. Yours comes back with the other model, or by Undo.'
          : ''
      }
      run={run}
      at={step.step}
      failed={failed}
      onStep={(to) => actions.lookAt({ id: step.id, step: to }, run.name)}
      onNewest={() => training.actions.lookInside()}
      onBack={() => {
        const { at, run: watched } = training.store.getState().watch;
        // Another one that trains is not stopped for it.
        if (at === 'nothing' || at === 'resting' || watched?.id === run.id) {
          training.actions.open(run.id);
        }
        actions.openWorkspace('train');
      }}
    />
  );
}

/** The views are there, and why nothing moves through the run is said. */
function Unknown({ step }: { readonly step: number }): ReactNode {
  const { error } = useTrainingFacts((s) => ({ error: s.looked.error }));
  if (error === null) return null;
  return (
    <p className={controls.note} data-testid="time-bar-missing">
      This is step {formatCount(step)} of a run whose other steps cannot be chosen. {error.message}{' '}
      {error.hint}
    </p>
  );
}

/** The run that is watched, with what it learns meanwhile, or another one as it is kept. */
function useRun(snapshotsId: string): Run | null {
  const { curve, actions } = useTraining();
  const { watched, at, kept } = useTrainingFacts((s) => ({
    watched: s.watch.run?.snapshotsId === snapshotsId ? s.watch.run : null,
    at: s.watch.at,
    kept: s.looked.run?.snapshotsId === snapshotsId ? s.looked.run : null,
    revision: s.watch.revision,
  }));
  const isWatched = watched !== null;
  useEffect(() => {
    if (!isWatched && snapshotsId !== '') void actions.follow(snapshotsId);
  }, [actions, snapshotsId, isWatched]);
  const points = useMemo(
    () => ({
      steps: kept?.points.map(({ step }) => step) ?? [],
      losses: kept?.points.map(({ loss }) => loss) ?? [],
    }),
    [kept],
  );
  if (watched !== null) {
    const isLive = at === 'running' || at === 'paused';
    return { ...watched, isLive, steps: curve.steps, losses: curve.losses };
  }
  return kept === null ? null : { ...kept, isLive: false, ...points };
}

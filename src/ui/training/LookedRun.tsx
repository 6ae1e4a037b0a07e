// The slider over training time with the run that the page's model is a step of: what trains is asked for it.
import { useEffect, useMemo, useState, type ReactNode } from 'react';
import type { Training } from '../../state/training/training.ts';
import { lastUnseen } from '../../state/training/kept.ts';
import { isBusy, liveOf } from '../../state/training/live.ts';
import { modelOf } from '../../state/facts/model.ts';
import { EXAMPLES } from '../../state/store.ts';
import { useApp, useFacts } from '../context.ts';
import controls from '../controls.module.css';
import { focusSoon } from '../focusText.ts';
import { formatCount } from '../format.ts';
import { TrainingProvider, usePacedFacts, useTraining, useTrainingFacts } from './context.ts';
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
  const { isOther } = useTrainingFacts((s) => ({
    isOther: isBusy(s) && liveOf(s).run?.snapshotsId !== step?.id,
  }));
  if (step === null) return null;
  if (run === null) return <Unknown step={step.step} />;
  return (
    <TimeBar
      note={
        isOwn
          ? 'The prompt is out of its own text. Yours comes back with the other model, or by Undo.'
          : ''
      }
      meanwhile={isOther ? <Meanwhile /> : null}
      run={run}
      at={step.step}
      failed={failed}
      onStep={(to) => {
        // What only a checkpoint has is read from there.
        if (to === run.unseen) void training.actions.lookInside(to, run.id);
        else actions.lookAt({ id: step.id, step: to }, run.name);
      }}
      onNewest={() => training.actions.lookInside(undefined, run.id)}
      onBack={() => {
        focusSoon('#run-title');
        training.actions.open(run.id);
        actions.openWorkspace('train');
      }}
    />
  );
}

/** Another run trains while this one is looked into. */
function Meanwhile(): ReactNode {
  const { actions: page } = useApp();
  const { actions } = useTraining();
  const { run } = usePacedFacts((s) => ({ run: liveOf(s).run }));
  const name = run?.name ?? 'A new run';
  return (
    <>
      {name} trains meanwhile
      {run !== null && `, step ${formatCount(run.step)} of ${formatCount(run.max_steps)}`}.{' '}
      <button
        className={controls.link}
        type="button"
        aria-label={`Back to ${name}`}
        onClick={() => {
          focusSoon('#run-title');
          actions.showLive();
          page.openWorkspace('train');
        }}
      >
        Back to it
      </button>
    </>
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
  const { curve, beside, actions } = useTraining();
  const { watched, isAway, at, kept } = useTrainingFacts((s) => {
    const own = [s.watch, liveOf(s)].find(({ run }) => run?.snapshotsId === snapshotsId);
    return {
      watched: own?.run ?? null,
      isAway: own === s.live.away,
      at: own?.at ?? 'nothing',
      kept: s.looked.run?.snapshotsId === snapshotsId ? s.looked.run : null,
      revision: own?.revision ?? 0,
    };
  });
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
    const { steps, losses } = isAway ? beside : curve;
    return { ...watched, isLive, unseen: isLive ? null : lastUnseen(watched), steps, losses };
  }
  return kept && { ...kept, isLive: false, unseen: lastUnseen(kept), ...points };
}

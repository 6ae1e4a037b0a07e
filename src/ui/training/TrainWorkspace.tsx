// The workspace that trains: three choices, then the run they make; beside them all runs.
import { useEffect, useRef, useState, type ReactNode } from 'react';
import { isBusy } from '../../state/training/live.ts';
import type { Training } from '../../state/training/training.ts';
import { useApp } from '../context.ts';
import controls from '../controls.module.css';
import { later } from '../later.ts';
import { TrainingProvider, useTraining, useTrainingFacts } from './context.ts';
import { RunList } from './RunList.tsx';
import { Setup } from './Setup.tsx';
import { ShareRun } from './ShareRun.tsx';
import css from './training.module.css';

const live = later(async () => (await import('./LiveStrip.tsx')).LiveStrip, 'The run that trains');
const watch = later(async () => (await import('./Watch.tsx')).Watch, 'The run');
const comparison = later(
  async () => (await import('./twin/Comparison.tsx')).Comparison,
  'The comparison',
);

export function TrainWorkspace(): ReactNode {
  const { openTraining } = useApp();
  const [training, setTraining] = useState<Training | null>(null);
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    if (failed) return;
    openTraining().then(setTraining, () => setFailed(true));
  }, [openTraining, failed]);
  if (failed) {
    return (
      <main className={controls.note}>
        What trains could not be fetched: the page may be offline, or a newer one was published.{' '}
        <button className={controls.link} type="button" onClick={() => setFailed(false)}>
          Try again
        </button>
      </main>
    );
  }
  if (training === null) return <main className={css.main} aria-busy="true" />;
  return (
    <TrainingProvider value={training}>
      <Workspace />
    </TrainingProvider>
  );
}

function Workspace(): ReactNode {
  const { actions } = useTraining();
  const { isOpen, isCompared, isAway, isAwaited } = useTrainingFacts((s) => ({
    isAwaited: s.runs.isAwaited,
    isOpen: s.watch.at !== 'nothing',
    isCompared: s.comparison.pair.at !== 'none',
    isAway: s.live.away !== null || (s.comparison.pair.at !== 'none' && isBusy(s)),
  }));
  useEffect(() => {
    // It comes while the three choices are made.
    watch.preload();
    return actions.start();
  }, [actions]);
  const main = useRef<HTMLElement>(null);
  const shown = isCompared ? 'compared' : isOpen ? 'run' : 'setup';
  const before = useRef(shown);
  useEffect(() => {
    if (before.current === shown) return;
    before.current = shown;
    // What was pressed went with what was shown: the keyboard goes on from here.
    if (document.activeElement === document.body) main.current?.focus({ preventScroll: true });
  }, [shown]);
  return (
    <main ref={main} className={css.main} id="train" tabIndex={-1} data-testid="train">
      <ShareRun />
      {isAway && <live.Part />}
      <div className={css.side}>
        <RunList />
      </div>
      <div className={css.work} aria-busy={isAwaited}>
        {isCompared ? <comparison.Part /> : isOpen ? <watch.Part /> : isAwaited ? null : <Setup />}
      </div>
    </main>
  );
}

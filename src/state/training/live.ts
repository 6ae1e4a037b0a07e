// The run that runs, wherever its facts stand: it may be what is shown, or beside that.
import type { TrainingState, WatchFacts } from './facts.ts';

type Live = Pick<TrainingState, 'watch' | 'live'>;

export function liveOf({ watch, live }: Live): WatchFacts {
  return live.away ?? watch;
}

/** Whether one runs, is held, or gets ready: one at a time has the device. */
export function isBusy(state: Live): boolean {
  return ['preparing', 'running', 'paused'].includes(liveOf(state).at);
}

/** Why another run cannot begin or go on now, in words; null where it can. */
export function whyNotNow(state: Live): string | null {
  if (!isBusy(state)) return null;
  const { run, at } = liveOf(state);
  const name = run === null ? 'A new run' : `“${run.name}”`;
  const does = at === 'preparing' ? 'gets ready' : at === 'paused' ? 'is paused' : 'trains';
  return `${name} ${does}, and one run at a time has this computer: wait until it ends, or stop it.`;
}

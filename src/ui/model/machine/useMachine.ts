// What the picture shows follows the page: the token that is looked at, the parts that are off, the settings.
import { useEffect, useState } from 'react';
import { toErrorInfo } from '../../../errors.ts';
import { modelOf } from '../../../state/facts/model.ts';
import { createLatest } from '../../../state/latest.ts';
import { createPace } from '../../../state/pace.ts';
import { runAt } from '../../../state/runs.ts';
import { toSamplingOptions } from '../../../state/settings.ts';
import type { AppState } from '../../../state/store.ts';
import { useApp } from '../../context.ts';
import { readMachine, type MachineFacts } from './facts.ts';

export interface MachineView {
  /** Of the token that was answered last; null before. */
  readonly facts: MachineFacts | null;
  /** What went wrong, in words; '' where nothing did. */
  readonly trouble: string;
}

/** The token that is followed: the selected one, or the newest; −1 in an empty text. */
function focusOf({ view, text: { length } }: AppState): number {
  return Math.min(length - 1, view.selected ?? length - 1);
}

export function useMachine(): MachineView {
  const { store, text, actions } = useApp();
  const [view, setView] = useState<MachineView>({ facts: null, trouble: '' });
  useEffect(() => {
    const pace = createPace();
    /** What is shown, or asked for. */
    let about: readonly unknown[] = [];

    const latest = createLatest<void>(async (_, signal) => {
      const state = store.getState();
      const model = modelOf(state);
      const position = focusOf(state);
      if (model === null || position < 0) return;
      const { off } = state.run.off === null ? state.view : { off: state.run.off };
      const recipe = runAt(text.runs, position + 1) ?? null;
      const { settings } = state.run;
      const sampling = toSamplingOptions(settings);
      const { seed } = settings;
      const pieces = text.pieces.slice();
      const asked = { pieces, position, recipe, off, sampling, seed, model };
      try {
        const facts = await pace.timed(() => readMachine(actions.ask, asked, signal));
        if (!signal.aborted) setView({ facts, trouble: '' });
      } catch (error) {
        if (signal.aborted) return;
        const { code, message } = toErrorInfo(error);
        // Another model has come, and is asked as soon as it is there.
        if (code !== 'engine/superseded') setView((now) => ({ ...now, trouble: message }));
      }
    });

    function follow(state: AppState): void {
      const { model, text: facts, view: looked, run, busy } = state;
      if (model.at !== 'here' || !facts.tokenised) return;
      const writes = busy.has('run');
      const { off } = run.off === null ? looked : run;
      const { epoch, length } = facts;
      const now = [model.here, epoch, focusOf(state), length, off, run.settings, writes];
      if (now.every((fact, i) => Object.is(fact, about[i]))) return;
      const isLater = writes && about[6] === true;
      // A text that is being written is not slowed by who looks on.
      if (isLater && (latest.busy || !pace.due())) return;
      if (!isLater) latest.cancel();
      about = now;
      latest.ask();
    }

    follow(store.getState());
    const stop = store.subscribe(follow);
    return () => {
      stop();
      latest.cancel();
    };
  }, [store, text, actions]);
  return view;
}

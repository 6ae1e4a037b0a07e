// Hands the workspace's store and actions to its components.
import { createContext, useContext, useEffect, useRef, useState } from 'react';
import { useStore } from 'zustand';
import { useShallow } from 'zustand/react/shallow';
import { shallow } from 'zustand/shallow';
import type { TrainingState } from '../../state/training/facts.ts';
import type { Training } from '../../state/training/training.ts';
import { focusSoon } from '../focusText.ts';

export const TrainingProvider = createContext<Training | null>(null);

export function useTraining(): Training {
  const training = useContext(TrainingProvider);
  if (training === null) throw new Error('useTraining needs a TrainingProvider above it.');
  return training;
}

/** Puts a step of the run, the newest if none is named, under all views; the keyboard goes to the slider over its time. */
export function useLookInside(): (step?: number) => void {
  const { actions } = useTraining();
  return (step) => {
    focusSoon('[data-testid="time-bar"] input[type="range"]');
    void actions.lookInside(step);
  };
}

/** Renders again only when one of the picked facts changes. */
export function useTrainingFacts<T extends object>(pick: (state: TrainingState) => T): T {
  return useStore(useTraining().store, useShallow(pick));
}

/** Between two renderings of numbers that stream, in ms: nobody reads faster, and the processor is wanted elsewhere. */
const PACE_MS = 250;

/** The same for facts that change with every step: renders a few times a second, and at last what is. */
export function usePacedFacts<T extends object>(pick: (state: TrainingState) => T): T {
  const { store } = useTraining();
  const [facts, setFacts] = useState(() => pick(store.getState()));
  const picked = useRef(pick);
  useEffect(() => {
    picked.current = pick;
  });
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let last = -Infinity;
    const take = (): void => {
      timer = undefined;
      last = performance.now();
      const now = picked.current(store.getState());
      setFacts((old) => (shallow(old, now) ? old : now));
    };
    const unsubscribe = store.subscribe(() => {
      timer ??= setTimeout(take, Math.max(0, last + PACE_MS - performance.now()));
    });
    take();
    return () => {
      unsubscribe();
      clearTimeout(timer);
    };
  }, [store]);
  return facts;
}

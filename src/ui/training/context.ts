// Hands the workspace's store and actions to its components.
import { createContext, useContext } from 'react';
import { useStore } from 'zustand';
import { useShallow } from 'zustand/react/shallow';
import type { TrainingState } from '../../state/training/facts.ts';
import type { Training } from '../../state/training/training.ts';

export const TrainingProvider = createContext<Training | null>(null);

export function useTraining(): Training {
  const training = useContext(TrainingProvider);
  if (training === null) throw new Error('useTraining needs a TrainingProvider above it.');
  return training;
}

/** Renders again only when one of the picked facts changes. */
export function useTrainingFacts<T extends object>(pick: (state: TrainingState) => T): T {
  return useStore(useTraining().store, useShallow(pick));
}

// What the owners of the workspace's facts stand on.
import type { LoadedBase, Trainer } from '../../api.ts';
import type { Door, Facts } from '../door.ts';
import type { TrainingState } from './facts.ts';

export interface TrainingContext<N extends keyof TrainingState> {
  /** Started when it is asked for something for the first time. */
  readonly trainer: () => Trainer;
  readonly get: Door<TrainingState>['get'];
  /** Changes facts of the owner's own part. */
  readonly set: (facts: Facts<N, TrainingState>) => void;
  /** Says it to those who cannot see it. */
  readonly say: (words: string) => void;
}

/** What the page has loaded, for a trainer that may have to read it again. */
export function loadedOf({ loaded }: Pick<TrainingState, 'loaded'>): LoadedBase | null {
  return loaded.now?.loaded ?? null;
}

// The second composition root, fetched when somebody first trains: makes what trains, in a worker of its own.
import type { Actions } from './state/page.ts';
import { createTraining, type Training } from './state/training/training.ts';
import { WorkerTrainer } from './worker/workerTrainer.ts';

let training: Training | null = null;

/** The same each time. */
export function openTraining({ announce }: Pick<Actions, 'announce'>): Training {
  training ??= createTraining({
    makeTrainer: () => WorkerTrainer.create({ base: document.baseURI }),
    say: announce,
  });
  return training;
}

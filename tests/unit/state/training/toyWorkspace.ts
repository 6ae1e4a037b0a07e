// The workspace that trains over a toy trainer: opened, looked at, with a run that runs.
import { expect, vi } from 'vitest';
import type { RunEvent, RunPoint, RunRecord } from '../../../../src/api.ts';
import { createTraining, type TrainingOptions } from '../../../../src/state/training/training.ts';
import { DEVICE, MEMORY, recordOf, settle, ToyTrainer } from './toyTrainer.ts';

export const point = (step: number, loss = 5): RunPoint => ({
  step,
  loss,
  learning_rate: 1e-3,
  grad_norm: 1,
});
export const begun = (run: RunRecord): RunEvent => ({
  type: 'begun',
  run,
  memory: MEMORY,
  device: DEVICE,
  tokensAStep: 1024,
});
export const points = (...list: readonly RunPoint[]): RunEvent => ({
  type: 'points',
  points: list,
  tokensPerSecond: 9000,
});

export function open(more: Partial<TrainingOptions> = {}) {
  const trainer = new ToyTrainer();
  const said: string[] = [];
  const looked: unknown[] = [];
  const training = createTraining({
    makeTrainer: () => trainer,
    stillMs: 0,
    say: (words) => said.push(words),
    look: (step, name, _texts, files) => looked.push(files ? [step, name, files] : [step, name]),
    ...more,
  });
  const facts = () => training.store.getState();
  const settings = () => facts().draft.settings;
  return { trainer, training, said, looked, facts, settings };
}

export async function started(more: Partial<TrainingOptions> = {}) {
  const all = open(more);
  all.training.actions.start();
  await vi.waitFor(() => expect(all.facts().cost.estimate.at).toBe('here'));
  return all;
}

export async function running(more: Partial<TrainingOptions> = {}) {
  const all = await started(more);
  all.training.actions.train();
  await settle();
  await all.trainer.tell(begun(recordOf(all.settings())), points(point(1, 6.9), point(2, 6.5)));
  return all;
}

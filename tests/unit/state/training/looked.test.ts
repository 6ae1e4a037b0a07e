// The run that the page looks into is found by its snapshots, unless it is the one that is watched.
import { expect, it } from 'vitest';
import { createTraining } from '../../../../src/state/training/training.ts';
import { recordOf, ToyTrainer } from './toyTrainer.ts';

function open() {
  const trainer = new ToyTrainer();
  const training = createTraining({ makeTrainer: () => trainer, say: () => {}, look: () => {} });
  const { settings } = training.store.getState().draft;
  const run = recordOf(settings, { state: 'done', step: 9 });
  trainer.runs = [recordOf(settings, { id: 'other', snapshotsId: 'other.seen' }), run];
  trainer.records.set('one', run);
  return { trainer, training, run, looked: () => training.store.getState().looked };
}

it('is found by what its snapshots are called', async () => {
  const { training, run, looked } = open();
  await training.actions.follow('one.seen');
  expect(looked()).toEqual({ run, error: null });
});

it('is none where it was deleted, and what went wrong is kept', async () => {
  const { trainer, training, looked } = open();
  await training.actions.follow('gone.seen');
  expect(looked()).toEqual({ run: null, error: null });
  trainer.records.clear();
  await training.actions.follow('one.seen');
  expect(looked()).toMatchObject({ run: null, error: { message: 'There is no run one.' } });
});

it('is not asked for while it is watched', async () => {
  const { trainer, training, run } = open();
  training.actions.open('one');
  await expect.poll(() => training.store.getState().watch.run?.id).toBe(run.id);
  const asked = trainer.asked.length;
  await training.actions.follow('one.seen');
  expect(trainer.asked).toHaveLength(asked);
});

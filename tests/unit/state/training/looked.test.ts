// The run that the page looks into is found by its snapshots, unless it is the one that is watched.
import { expect, it } from 'vitest';
import type { StepReading } from '../../../../src/api.ts';
import { EngineError } from '../../../../src/errors.ts';
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
  expect(looked()).toMatchObject({ run, error: null });
});

it('is none where it was deleted, and what went wrong is kept', async () => {
  const { trainer, training, looked } = open();
  await training.actions.follow('gone.seen');
  expect(looked()).toMatchObject({ run: null, error: { code: 'training/run' } });
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

it('is read at two steps beside each other; of several questions the last is answered', async () => {
  const { trainer, training, looked } = open();
  const asked: ((error?: EngineError) => void)[] = [];
  trainer.answers.readAt = ({ step, text }) =>
    new Promise((resolve, reject) => {
      const reading = { step, tokens: [{ text }], top: [], attention: null };
      asked.push((error) => (error ? reject(error) : resolve(reading as unknown as StepReading)));
    });
  const read = (text: string) =>
    training.actions.readBeside({ id: 'one', steps: [5, 9], text, head: { layer: 1, head: 0 } });
  const old = read('old');
  const young = read('young');
  expect(trainer.of('readAt')).toMatchObject([5, 9, 5, 9].map((step) => ({ id: 'one', step })));
  // An answer that comes late is nobody's.
  asked.slice(2).forEach((answer) => answer());
  await young;
  asked.slice(0, 2).forEach((answer) => answer());
  await old;
  expect(looked().beside).toMatchObject([{ step: 5, tokens: [{ text: 'young' }] }, { step: 9 }]);

  const wrong = read('Ω');
  asked.at(-1)?.(
    new EngineError('It has no Ω.', { code: 'tokenizer/byte', hint: 'Leave it out.' }),
  );
  await wrong;
  expect(looked()).toMatchObject({ beside: null, refused: { message: 'It has no Ω.' } });
  training.actions.endBeside();
  expect(looked()).toMatchObject({ beside: null, refused: null });
});

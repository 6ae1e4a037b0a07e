// The notebook's model among the presets: what it brings along and takes away again, what is asked of it, and what is said
// of its numbers.
import { describe, expect, it, vi } from 'vitest';
import type { DrawEvent, NumberPair, RunPlan } from '../../../../src/api.ts';
import { EngineError } from '../../../../src/errors.ts';
import { plannedVocabulary, verdictOf } from '../../../../src/state/training/drawing.ts';
import { createTraining } from '../../../../src/state/training/training.ts';
import { measuredOf, obstacleOf } from '../../../../src/ui/training/obstacle.ts';
import { DEVICE, MEMORY, settle, TEXT, ToyTrainer } from './toyTrainer.ts';

const PLAN: RunPlan = {
  device: DEVICE,
  parameters: 163_009_536,
  withoutHead: 124_412_160,
  drawing: MEMORY,
  training: { ...MEMORY, problem: 'Too much.' },
  machineBytes: null,
};

const pair = (off: number, isUntold = false): NumberPair => ({
  there: '1.0000e-03',
  here: '1.0000e-03',
  off,
  difference: off * 1e-7,
  isUntold,
});
const logits = (...pairs: readonly NumberPair[]) => ({
  columns: [0, 1, 2],
  rows: [[{ token: 'a', logits: pairs }]],
});

async function started() {
  const trainer = new ToyTrainer();
  trainer.answers.planRun = () => PLAN;
  const said: string[] = [];
  const training = createTraining({
    makeTrainer: () => trainer,
    stillMs: 0,
    say: (words) => said.push(words),
    look: () => {},
  });
  const facts = () => training.store.getState();
  training.actions.start();
  await vi.waitFor(() => expect(facts().cost.estimate.at).toBe('here'));
  return { trainer, training, said, facts };
}

describe('the notebook’s preset', () => {
  it('brings its tokenizer, its seed and PyTorch’s generator; others have what they had before', async () => {
    const { trainer, training, facts } = await started();
    const before = facts().draft.settings;
    training.actions.choosePreset('notebook');
    expect(facts().draft.settings).toMatchObject({
      tokenizer: { kind: 'gpt2' },
      generator: 'torch',
      order: 'random',
      model: { kind: 'notebook', n_layer: 12, n_head: 12, n_embd: 768, n_ctx: 1024 },
      arguments: { seed: 123, embd_pdrop: 0.1, attn_pdrop: 0.1, resid_pdrop: 0.1 },
    });
    await vi.waitFor(() => expect(trainer.of('readText')).toHaveLength(2));
    expect(trainer.of('readText')[1]).toMatchObject({ tokenizer: { kind: 'gpt2' } });
    // Another text is read with it too, whatever suits that text.
    training.actions.chooseText({ kind: 'task', name: 'add' });
    await vi.waitFor(() => expect(trainer.of('readText')).toHaveLength(3));
    expect(facts().draft.settings.tokenizer).toEqual({ kind: 'gpt2' });
    training.actions.chooseText(before.text);
    training.actions.choosePreset('small');
    await vi.waitFor(() => expect(facts().text.read.at).toBe('here'));
    expect(facts().draft.settings).toEqual(before);
  });

  it('is too large to be measured: its time is reckoned from what was, or from what is then', async () => {
    const { trainer, training, facts } = await started();
    trainer.answers.readText = () => ({ ...TEXT, vocabSize: 50_257 });
    training.actions.choosePreset('notebook');
    await vi.waitFor(() => expect(facts().text.read.at).toBe('here'));
    await settle();
    expect(trainer.of('estimate')).toHaveLength(1);
    expect(facts().cost).toMatchObject({ estimate: { at: 'none' }, last: { vocabSize: 1024 } });
    // The narrow one is measured, and nothing is reckoned from a step that is over before it began.
    trainer.answers.readText = () => ({ ...TEXT, vocabSize: 60 });
    training.actions.choosePreset('narrow');
    await vi.waitFor(() => expect(trainer.of('estimate')).toHaveLength(2));
    await vi.waitFor(() => expect(facts().cost.estimate.at).toBe('here'));
    expect(facts().cost.last).toMatchObject({ vocabSize: 1024 });
  });
});

describe('a size of one’s own', () => {
  it('that is too large to be measured is counted, and what is not there is said before Train', async () => {
    const { trainer, training, facts } = await started();
    const problem = 'It takes 3 TB.';
    trainer.answers.planRun = () => ({ ...PLAN, training: { ...PLAN.training, problem } });
    training.actions.setField('n_embd', '2048');
    training.actions.setField('n_layer', '48');
    await vi.waitFor(() => expect(facts().cost.planned).toMatchObject({ problem }));
    expect(facts().cost.estimate.at).toBe('none');
    expect(obstacleOf(facts())?.words).toBe(problem);
    training.actions.choosePreset('small');
    await vi.waitFor(() => expect(facts().cost.estimate.at).toBe('here'));
    expect(facts().cost.planned).toBeNull();
    expect(obstacleOf(facts())).toBeNull();
  });

  it('for which there is no memory takes no time that anybody could know', async () => {
    const { trainer, training, facts } = await started();
    const { last } = facts().cost;
    trainer.answers.estimate = ({ settings }) => ({
      device: DEVICE,
      parameters: 1,
      secondsAStep: 0,
      steps: 0,
      memory: { ...MEMORY, problem: String(settings.arguments['per_device_train_batch_size']) },
    });
    training.actions.setField('per_device_train_batch_size', '20000');
    await vi.waitFor(() => expect(obstacleOf(facts())?.words).toBe('20000'));
    expect(measuredOf(facts().cost)).toBeNull();
    expect(facts().cost.last).toBe(last);
  });
});

describe('drawing it', () => {
  it('asks what it takes, for the chosen one alone', async () => {
    const { trainer, training, facts } = await started();
    const plan = () => training.actions.planDrawing(plannedVocabulary(facts()));
    await plan();
    expect(trainer.of('planRun')).toEqual([]);
    training.actions.choosePreset('notebook');
    await plan();
    expect(trainer.of('planRun')).toMatchObject([
      { settings: { model: { kind: 'notebook' } }, vocabSize: 50_257 },
    ]);
    expect(facts().drawing.plan).toEqual({ at: 'here', value: PLAN });
    // Letters are counted first.
    trainer.answers.readText = () => ({ ...TEXT, vocabSize: 61 });
    training.actions.choosePreset('narrow');
    await plan();
    expect(facts().drawing.plan).toEqual({ at: 'coming' });
    await vi.waitFor(() => expect(facts().text.read.at).toBe('here'));
    await plan();
    expect(trainer.of('planRun')).toMatchObject([{}, { vocabSize: 61 }]);
  });

  it('tells how far it is, its numbers, and at last a verdict', async () => {
    const { trainer, training, said, facts } = await started();
    const told = logits(pair(0), pair(1));
    const events: readonly DrawEvent[] = [
      { type: 'preparing', what: 'Drawing its weights', share: 0.5 },
      { type: 'weights', tensors: 44, same: 44 },
      { type: 'logits', ...told },
      { type: 'step', step: 1, there: 3, here: 3 },
      { type: 'done', seconds: 2, device: DEVICE },
    ];
    trainer.drawn = events;
    training.actions.draw('narrow');
    await vi.waitFor(() => expect(facts().drawing.at).toBe('done'));
    expect(facts().drawing).toMatchObject({
      which: 'narrow',
      weights: { tensors: 44, same: 44 },
      logits: told,
      steps: [{ step: 1, there: 3, here: 3 }],
      done: { seconds: 2 },
    });
    expect(said.at(-1)).toBe(
      'Of 2 logits 1 is the same digit for digit and 1 is 1 off in the last digit.',
    );
    // What was drawn is seen again by whoever comes back.
    training.actions.leaveDrawing();
    expect(facts().drawing.at).toBe('done');
  });

  it('is given up where somebody cancels or turns away, and hears of nothing after that', async () => {
    const { trainer, training, facts } = await started();
    trainer.drawn = [
      { type: 'preparing', what: '', share: 0 },
      { type: 'logits', ...logits() },
    ];
    for (const end of ['cancelDrawing', 'leaveDrawing'] as const) {
      training.actions.draw('whole');
      expect(facts().drawing.at).toBe('working');
      training.actions[end]();
      await settle();
      expect(facts().drawing).toMatchObject({ at: 'nothing', logits: null });
    }
  });

  it('says why it could not be', async () => {
    const { trainer, training, said, facts } = await started();
    trainer.drawn = [
      new EngineError('No memory.', { code: 'device/out-of-memory', hint: 'Less.' }),
    ];
    training.actions.draw('whole');
    await vi.waitFor(() =>
      expect(facts().drawing).toMatchObject({ at: 'failed', error: { hint: 'Less.' } }),
    );
    expect(said.at(-1)).toBe('No memory.');
  });
});

describe('a verdict', () => {
  it.each<[readonly NumberPair[], string, boolean]>([
    [[pair(0), pair(0)], 'Of 2 logits all are the same digit for digit.', true],
    [
      [pair(0), pair(0), pair(1), pair(1)],
      'Of 4 logits 2 are the same digit for digit and 2 are 1 off in the last digit.',
      true,
    ],
    [
      [pair(0), pair(1), pair(3, true)],
      'Of 3 logits 1 is the same digit for digit, 1 is 1 off in the last digit and 1 is more.',
      true,
    ],
    [
      [pair(3), pair(2, true)],
      'Of 2 logits none is the same digit for digit and 2 are more.',
      false,
    ],
    [[pair(NaN)], 'Of 1 logits none is the same digit for digit and 1 is more.', false],
  ])('counts what differs, and says what that means', (pairs, words, isRight) => {
    expect(verdictOf(logits(...pairs))).toMatchObject({ words, isRight });
  });
});

// The workspace that trains: what is asked of the trainer and when, and what becomes of what it tells.
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { EngineError } from '../../../../src/errors.ts';
import { problemsOf } from '../../../../src/state/training/draft.ts';
import { recordOf, settle, TEXT } from './toyTrainer.ts';
import { begun, open, point, points, running, started } from './toyWorkspace.ts';

describe('before a run', () => {
  it('nothing is asked until somebody looks; then the text is read and a step measured', async () => {
    const { trainer, training, facts } = open();
    await settle();
    expect(trainer.asked).toEqual([]);
    training.actions.start();
    await vi.waitFor(() => expect(facts().cost.estimate.at).toBe('here'));
    expect(trainer.asked.map(({ question }) => question)).toEqual(['runs', 'readText', 'estimate']);
    expect(facts().text.read).toEqual({ at: 'here', value: TEXT });
  });

  it('a text is read though a field is changed while it waits to be', async () => {
    const { training } = await started();
    training.actions.chooseText({ kind: 'own', name: 'My text', text: 'a b c d' });
    training.actions.setField('n_layer', '1');
    await vi.waitFor(() => expect(training.store.getState().text.read.at).toBe('here'));
  });

  it('one switch has all drawn as PyTorch draws it, pieces of the text at random, and goes with the run', async () => {
    const { trainer, training, facts, settings } = await started();
    training.actions.setField('order', 'shuffled');
    training.actions.drawAs('torch');
    expect(settings()).toMatchObject({ generator: 'torch', order: 'random' });
    expect(problemsOf(facts().draft)).toEqual({});
    // Masks are given then, which is other work.
    await vi.waitFor(() => expect(trainer.of('estimate')).toHaveLength(2));
    training.actions.choosePreset('tiny');
    training.actions.train();
    await settle();
    expect(trainer.requests).toMatchObject([{ run: { settings: { generator: 'torch' } } }]);
    training.actions.drawAs('philox');
    expect(settings()).toMatchObject({ generator: 'philox', order: 'random' });
  });

  it('the same work is measured once, whatever the number of steps and the rate', async () => {
    const { trainer, training, facts } = await started();
    training.actions.setField('max_steps', '900');
    training.actions.setField('learning_rate', '0.004');
    await settle();
    expect(trainer.of('estimate')).toHaveLength(1);
    expect(facts().cost.estimate.at).toBe('here');
    training.actions.setField('n_layer', '3');
    await vi.waitFor(() => expect(trainer.of('estimate')).toHaveLength(2));
  });

  it('what is asked of an old choice is given up when there is a newer one', async () => {
    const { trainer, training, facts } = await started();
    let answer: (facts: typeof TEXT) => void = () => {};
    trainer.answers.readText = () => new Promise((resolve) => (answer = resolve));
    training.actions.chooseText({ kind: 'task', name: 'repeat' });
    await settle();
    const old = answer;
    trainer.answers.readText = () => ({ ...TEXT, vocabSize: 99 });
    training.actions.chooseText({ kind: 'task', name: 'add' });
    await vi.waitFor(() => expect(facts().text.read.at).toBe('here'));
    old(TEXT);
    await settle();
    expect(facts().text.read).toMatchObject({ value: { vocabSize: 99 } });
  });

  it('a tokenizer follows the text until one is chosen by hand', async () => {
    const { training, settings, trainer } = await started();
    expect(settings().tokenizer).toEqual({ kind: 'bpe', vocab_size: 1024 });
    training.actions.chooseText({ kind: 'task', name: 'repeat' });
    expect(settings().tokenizer).toEqual({ kind: 'characters' });
    training.actions.setField('tokenizer', 'bytes');
    await vi.waitFor(() =>
      expect(trainer.of('readText').at(-1)).toMatchObject({ tokenizer: { kind: 'bytes' } }),
    );
    training.actions.chooseText({ kind: 'bundled', name: 'tales' });
    expect(settings().tokenizer).toEqual({ kind: 'bytes' });
  });

  it('what cannot be taken stands in its field with the reason, and nothing begins', async () => {
    const { training, facts, settings, trainer } = await started();
    training.actions.setField('n_layer', '2.5');
    expect(settings().model.n_layer).toBe(4);
    expect(facts().draft.refused['n_layer']).toEqual({
      typed: '2.5',
      why: 'n_layer is a whole number from 1 to 48.',
    });
    training.actions.train();
    await settle();
    expect(trainer.requests).toEqual([]);
    training.actions.setField('n_layer', '2');
    expect(facts().draft.refused).toEqual({});
    training.actions.train();
    await settle();
    expect(trainer.requests).toHaveLength(1);
  });

  it('a pasted text is still there after a look at another', async () => {
    const { training, facts } = await started();
    const mine = { kind: 'own', name: 'My text', text: 'la la la' } as const;
    training.actions.chooseText(mine);
    training.actions.chooseText({ kind: 'bundled', name: 'talk' });
    expect(facts().draft.own).toEqual(mine);
  });

  it('a file that is no text is refused in words, a .csv brings its columns', async () => {
    const { training, facts, settings } = await started();
    await training.actions.takeFile(new File(['x'], 'model.safetensors'));
    expect(facts().draft.refusedFile).toMatchObject({ code: 'training/file' });
    // What was there is there, and can be learned.
    expect(facts().text.read.at).toBe('here');
    await training.actions.takeFile(new File(['id,"a, b"\n1,2'], 'rows.csv'));
    expect(facts().draft.columns).toEqual(['id', 'a, b']);
    training.actions.chooseColumn('a, b');
    expect(settings().text).toMatchObject({ kind: 'own', name: 'rows', column: 'a, b' });
    // Where none is called a text, it begins with the one that looks most like it.
    await training.actions.takeFile(new File(['id,line\n7,the cat sat\n8,a hen'], 'rows.csv'));
    expect(settings().text).toMatchObject({ column: 'line' });
    await training.actions.takeFile(new File(['line,text\na long long line,b'], 'rows.csv'));
    expect(settings().text).toMatchObject({ column: 'text' });
  });

  it('a prompt that the text’s letters cannot write is refused at its field, until it or the text is another', async () => {
    const { trainer, training, facts, settings } = await started();
    const { actions } = training;
    const asked: string[] = [];
    trainer.answers.checkPrompt = ({ prompt }) => {
      asked.push(prompt);
      return prompt.includes('Z')
        ? { code: 'tokenizer/byte', message: 'No Z.', hint: 'abc' }
        : null;
    };
    // Bytes write everything: nobody is asked.
    expect(settings().tokenizer.kind).toBe('bpe');
    actions.setPrompt('Z');
    await settle();
    expect(asked).toEqual([]);
    actions.setField('tokenizer', 'characters');
    await vi.waitFor(() => expect(problemsOf(facts().draft)).toEqual({ prompt: 'No Z. abc' }));
    actions.train();
    await settle();
    expect(trainer.requests).toEqual([]);
    actions.setPrompt('a');
    expect(problemsOf(facts().draft)).toEqual({});
    actions.setPrompt('aZ');
    await settle();
    expect(problemsOf(facts().draft)).toEqual({ prompt: 'No Z. abc' });
    // Where nothing is written it is nobody's.
    actions.setField('sample_steps', '0');
    expect(problemsOf(facts().draft)).toEqual({});
    actions.setField('sample_steps', '5');
    actions.chooseText({ kind: 'bundled', name: 'names' });
    expect(problemsOf(facts().draft)).toEqual({});
    await vi.waitFor(() => expect(facts().text.read.at).toBe('here'));
    expect(facts().draft.promptRefused).toBeNull();
    expect(asked).toEqual(['Z', 'a', 'aZ', '']);
  });
});

describe('a run', () => {
  it('becomes facts and a curve; it is said when it begins and ends, and not at its steps', async () => {
    const { trainer, training, facts, said, settings } = await running();
    expect(trainer.requests).toEqual([{ run: { settings: settings() } }]);
    await trainer.tell(
      { type: 'evaluation', step: 2, loss: 6.2 },
      { type: 'sample', sample: { step: 2, prompt: 'Once', text: ' the' } },
      { type: 'snapshot', snapshot: { step: 2, sizeBytes: 9, scores: null } },
      { type: 'checkpoint', step: 2, kept: [2] },
      points(point(3, 6.1)),
    );
    const { watch } = facts();
    expect(watch).toMatchObject({
      at: 'running',
      last: { step: 3, loss: 6.1 },
      tokensPerSecond: 9000,
      run: { step: 3, kept: [2], evalLoss: 6.2, evaluations: [{ step: 2, loss: 6.2 }] },
    });
    expect(watch.run?.samples).toHaveLength(1);
    expect([...training.curve.steps]).toEqual([1, 2, 3]);
    await trainer.tell({ type: 'ended', state: 'done', step: 3 }, null);
    expect(facts().watch).toMatchObject({ at: 'resting', run: { state: 'done' } });
    expect(said).toEqual(['Tales 1: training began.', 'Tales 1: done, all 3 steps.']);
  });

  it('pauses, makes one step, and goes on by orders', async () => {
    const { trainer, training, facts, said } = await running();
    training.actions.pause();
    await trainer.tell({ type: 'paused', step: 2 });
    expect(facts().watch.at).toBe('paused');
    training.actions.oneStep();
    await trainer.tell(points(point(3)), { type: 'paused', step: 3 });
    training.actions.goOn();
    await trainer.tell({ type: 'going' });
    expect(facts().watch.at).toBe('running');
    expect(trainer.of('control')).toEqual([{ what: 'pause' }, { what: 'step' }, { what: 'go' }]);
    expect(said.slice(1)).toEqual(['Paused at step 2.']);
  });

  it('that failed says why and what to do; with half the rate it goes on from what is kept', async () => {
    const { trainer, training, facts, settings } = await running();
    await trainer.tell(
      { type: 'checkpoint', step: 2, kept: [2] },
      new EngineError('Step 3: the loss is NaN.', { code: 'training/not-finite', hint: 'Less.' }),
    );
    expect(facts().watch).toMatchObject({
      at: 'resting',
      error: { code: 'training/not-finite', hint: 'Less.' },
      // What was measured before is no result of weights that ran away.
      run: { state: 'failed', loss: null, evalLoss: null },
    });
    await training.actions.resume('one', { learning_rate: 1e-3 });
    await settle();
    expect(trainer.requests.at(-1)).toEqual({
      run: { id: 'one' },
      change: { learning_rate: 1e-3 },
    });
    // It begins again at step 2: what came behind is made anew.
    const again = recordOf(settings(), { step: 2, points: [point(1), point(2)] });
    await trainer.tell(begun(again), points(point(3, 4)));
    expect(facts().watch.error).toBeNull();
    // Step 2 was the last that was told, and the last that was kept: nothing is made again.
    expect(facts().watch.notice).toBeNull();
    expect([...training.curve.losses]).toEqual([5, 5, 4]);
  });

  it('that runs stops before it goes on with something changed', async () => {
    const { trainer, training } = await running();
    const resumed = training.actions.resume('one', { learning_rate: 5e-4 });
    await resumed;
    expect(trainer.of('control')).toEqual([{ what: 'stop' }]);
    expect(trainer.requests.at(-1)).toEqual({
      run: { id: 'one' },
      change: { learning_rate: 5e-4 },
    });
  });

  it('is one at a time: a second Train does nothing', async () => {
    const { trainer, training } = await running();
    training.actions.train();
    await settle();
    expect(trainer.requests).toHaveLength(1);
  });

  it('is looked into at a kept step, or at the weights of now', async () => {
    const { trainer, training, looked } = await running();
    await training.actions.lookInside(1);
    await training.actions.lookInside();
    expect(looked).toEqual([
      [{ id: 'one.seen', step: 1 }, 'Tales 1'],
      [{ id: 'one.seen', step: 7 }, 'Tales 1'],
    ]);
    expect(trainer.of('keepNow')).toHaveLength(1);
  });
});

describe('the list of runs', () => {
  let all: ReturnType<typeof open>;
  beforeEach(() => {
    all = open();
    const record = recordOf(all.settings(), {
      state: 'stopped',
      step: 2,
      points: [point(1), point(2)],
    });
    all.trainer.runs = [record, { ...record, id: 'two', lastStep: 2 }];
    all.trainer.records.set('one', record);
  });

  it('has the newest first, and opens one with its curve', async () => {
    all.training.actions.start();
    await settle();
    expect(all.facts().runs.all?.map(({ id }) => id)).toEqual(['two', 'one']);
    all.training.actions.open('one');
    await settle();
    expect(all.facts().watch).toMatchObject({ at: 'resting', last: { step: 2 } });
    expect(all.training.curve.length).toBe(2);
  });

  it('goes on with one after a reload by one click', async () => {
    await all.training.actions.resume('one');
    await settle();
    expect(all.trainer.requests).toEqual([{ run: { id: 'one' } }]);
    expect(all.facts().watch).toMatchObject({ at: 'preparing', run: { id: 'one' } });
  });

  it('says so where one that was broken off makes steps again', async () => {
    await all.training.actions.resume('one');
    await settle();
    await all.trainer.tell(begun(recordOf(all.settings(), { step: 1, points: [point(1)] })));
    expect(all.facts().watch.notice).toMatchObject({
      message: 'It goes on from step 1, the last that was kept.',
      hint: 'The step behind it is made again.',
    });
  });

  it('a new name is the heading’s too, and the old one where it could not be kept', async () => {
    const { actions } = all.training;
    actions.start();
    actions.open('one');
    await settle();
    const heading = () => all.facts().watch.run?.name;
    all.trainer.answers.renameRun = ({ id, name }) => {
      all.trainer.runs = all.trainer.runs.map((run) => (run.id === id ? { ...run, name } : run));
      return null;
    };
    actions.rename('one', ' Mine ');
    expect(heading()).toBe('Mine');
    await settle();
    expect(heading()).toBe('Mine');
    all.trainer.answers.renameRun = () => {
      throw new EngineError('The disk is full.', { code: 'storage/quota', hint: '' });
    };
    actions.rename('one', 'Yours');
    expect(heading()).toBe('Yours');
    await settle();
    expect(heading()).toBe('Mine');
    actions.rename('two', 'Other');
    expect(heading()).toBe('Mine');
  });

  it('a run that is deleted is shown no longer', async () => {
    all.training.actions.open('one');
    await settle();
    all.training.actions.removeRun('one');
    await settle();
    expect(all.facts().watch.at).toBe('nothing');
    expect(all.said).toEqual(['Deleted; 2.0 MB are free again.']);
  });

  it('says what could not be done, and shows what there is all the same', async () => {
    all.trainer.answers.removeRun = () => {
      throw new EngineError('It runs in another tab.', { code: 'storage/busy', hint: 'Stop it.' });
    };
    all.training.actions.start();
    await settle();
    all.training.actions.removeRun('two');
    await settle();
    expect(all.facts().runs).toMatchObject({ error: { code: 'storage/busy' } });
    expect(all.facts().runs.all).toHaveLength(2);
  });
});

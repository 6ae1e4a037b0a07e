// What goes wrong while something trains: what the workspace says of it, and the one gesture that helps.
import { describe, expect, it, vi } from 'vitest';
import type { RunEvent, RunModel, RunSettings } from '../../../../src/api.ts';
import { EngineError } from '../../../../src/errors.ts';
import { NO_BROWSER } from '../../../../src/state/training/browser.ts';
import { Curve } from '../../../../src/state/training/curve.ts';
import {
  calmerRate,
  goodStep,
  lastUnseen,
  storageOf,
} from '../../../../src/state/training/kept.ts';
import { smallerBatch } from '../../../../src/state/training/presets.ts';
import { Pace } from '../../../../src/state/training/pace.ts';
import { ownFields } from '../../../../src/state/training/usual.ts';
import { obstacleOf } from '../../../../src/ui/training/obstacle.ts';
import { recordOf, settle, TEXT } from './toyTrainer.ts';
import { begun, open, point, points, running, started } from './toyWorkspace.ts';

const { settings } = open().facts().draft;

const noting = (noted: () => number, note: (runs: number) => void) => ({
  ...NO_BROWSER,
  noted,
  note,
});

describe('a step to go back to', () => {
  const record = recordOf(settings);
  const curveOf = (losses: readonly number[]): Curve => {
    const curve = new Curve();
    curve.add(losses.map((loss, i) => point(i + 1, loss)));
    return curve;
  };

  it('is the last that is kept whose weights had not run away, and 0 where there is none', () => {
    const curve = curveOf([6.9, 6.5, 6.1, 300, 1e7]);
    expect(goodStep({ ...record, kept: [2, 3] }, curve)).toBe(3);
    expect(goodStep({ ...record, kept: [2, 4, 5] }, curve)).toBe(2);
    expect(goodStep({ ...record, kept: [4, 5] }, curve)).toBe(0);
    expect(goodStep({ ...record, kept: [] }, curve)).toBe(0);
  });

  const withRates = (learning_rate: number, min_lr: number, more: Partial<RunSettings> = {}) =>
    calmerRate({
      settings: {
        ...settings,
        ...more,
        arguments: { ...settings.arguments, learning_rate, min_lr },
      },
    });

  it('is gone on from with half the rate, and half of where that ends', () => {
    const change = { learning_rate: 0.01, min_lr: 0.001 };
    expect(withRates(0.02, 0.002)).toEqual({ learning_rate: 0.01, isUsual: false, change });
  });

  it('or with the usual rate of its size, where ten times that is less than what it had', () => {
    const usual = (more: Partial<RunSettings>) => withRates(1000, 100, more);
    const [rate, end] = [2e-3, 2e-4];
    expect(usual({})).toEqual({
      learning_rate: rate,
      isUsual: true,
      change: { learning_rate: rate, min_lr: end },
    });
    // Who typed a rate left its end where it was: it is the usual one's, and none where there was none.
    expect(withRates(1000, 2e-4).change).toEqual({ learning_rate: rate, min_lr: end });
    expect(withRates(1000, 0).change).toEqual({ learning_rate: rate, min_lr: 0 });
    // A size of one's own has the rate of the next larger one that is offered.
    expect(usual({ model: { ...settings.model, n_embd: 192 } }).learning_rate).toBe(1e-3);
    const rateOf = (kind: RunModel['kind'], n_layer: number, n_embd: number) =>
      usual({ model: { ...settings.model, kind, n_layer, n_embd } }).learning_rate;
    expect(rateOf('gpt2', 40, 2048)).toBe(6e-4);
    expect(rateOf('notebook', 12, 768)).toBe(3e-4);
    expect(rateOf('notebook', 3, 32)).toBe(1e-3);
    const base = { name: 'GPT-2', fingerprint: 'f', source: null };
    expect(usual({ base }).learning_rate).toBe(1e-4);
    expect(usual({ base: { ...base, lora: { r: 8, lora_alpha: 16 } } }).learning_rate).toBe(1e-3);
  });

  it('is what the trainer is asked for in one order', async () => {
    const { training, trainer } = open();
    trainer.records.set('one', recordOf(settings, { state: 'failed' }));
    await training.actions.resume('one', { learning_rate: 1 }, 3);
    await settle();
    expect(trainer.requests).toEqual([
      { run: { id: 'one' }, change: { learning_rate: 1 }, from: 3 },
    ]);
  });
});

describe('memory and room', () => {
  it('a smaller batch has the same windows a step, half of them or fewer at a time', () => {
    const withBatch = (batch: number, accumulation: number) =>
      smallerBatch({
        ...settings,
        arguments: {
          per_device_train_batch_size: batch,
          gradient_accumulation_steps: accumulation,
        },
      });
    expect(withBatch(8, 1)).toEqual({ batch: 4, accumulation: 2 });
    expect(withBatch(9, 2)).toEqual({ batch: 3, accumulation: 6 });
    expect(withBatch(7, 1)).toEqual({ batch: 1, accumulation: 7 });
    expect(withBatch(1, 4)).toBeNull();
  });

  it('what a run keeps is three checkpoints with their moments, and weights in halves at logarithmic steps', () => {
    const keeps = (args: Record<string, number>) =>
      storageOf({ ...settings, arguments: args }, 1000);
    // 0, 1, 2, 5, 10 and 12.
    expect(keeps({ max_steps: 12, save_steps: 4 })).toBe(1000 * (36 + 2 * 6));
    expect(keeps({ max_steps: 600, save_steps: 0 })).toBe(1000 * 2 * 11);
  });

  it('what finds no room is told and said once, and is over when something was kept', async () => {
    const { trainer, facts, said } = await running();
    const full = { code: 'training/storage-full', message: 'No room.', hint: 'Delete.' };
    await trainer.tell({ type: 'notice', info: full });
    expect(facts().watch).toMatchObject({ at: 'running', notice: full });
    expect(said).toContain('No room.');
    await trainer.tell({ type: 'checkpoint', step: 2, kept: [2] });
    expect(facts().watch.notice).toBeNull();
  });

  it('a run that ends without room says so, holds its tab, and is kept by one press when there is room', async () => {
    const held: boolean[] = [];
    const browser = { ...NO_BROWSER, holdTab: (isHeld: boolean) => held.push(isHeld) };
    const { trainer, facts, training, said } = await running({ browser });
    const record = recordOf(settings, { state: 'done', step: 2, kept: [2] });
    trainer.records.set('one', { ...record, unkept: true });
    trainer.runs = [{ ...record, unkept: true }];
    const full = { code: 'training/storage-full', message: 'No room.', hint: 'The next save.' };
    await trainer.tell({ type: 'notice', info: full });
    await trainer.tell({ type: 'ended', state: 'done', step: 2 }, null);
    await settle();
    expect(facts().watch).toMatchObject({ at: 'resting', notice: null });
    expect(facts().watch.run).toMatchObject({ unkept: true, kept: [2] });
    expect(said.at(-1)).toContain('found no room');
    expect(held).toEqual([true]);
    trainer.answers.keepRun = () => {
      throw new EngineError('Still no room.', { code: 'training/storage-full', hint: 'Delete.' });
    };
    await training.actions.keepRun('one');
    expect(facts().watch.error).toMatchObject({ message: 'Still no room.' });
    expect(held).toEqual([true]);
    trainer.answers.keepRun = () => record;
    trainer.runs = [record];
    await training.actions.keepRun('one');
    await settle();
    expect(facts().watch.run?.unkept).toBeUndefined();
    expect(facts().watch.error).toBeNull();
    expect(held).toEqual([true, false]);
  });

  it('the last step of one that found no room is looked at by the files of its checkpoint, a kept step as ever', async () => {
    const { trainer, training, looked } = await running();
    const seen = { step: 1, sizeBytes: 9, scores: null };
    const record = recordOf(settings, { state: 'done', step: 2, kept: [2], snapshots: [seen] });
    trainer.records.set('one', { ...record, unkept: true });
    trainer.files = [
      { type: 'start', files: [{ name: 'model.safetensors', sizeBytes: 3 }], step: 2 },
      { type: 'file', name: 'model.safetensors' },
      { type: 'bytes', bytes: new Uint8Array([1, 2]) },
      { type: 'bytes', bytes: new Uint8Array([3]) },
    ];
    await trainer.tell({ type: 'snapshot', snapshot: seen });
    await trainer.tell({ type: 'ended', state: 'done', step: 2 }, null);
    await settle();
    await training.actions.lookInside(1);
    expect(trainer.exported).toEqual([]);
    await training.actions.lookInside();
    expect(trainer.exported).toEqual([{ id: 'one', what: 'model' }]);
    expect(looked).toEqual([
      [{ id: 'one.seen', step: 1 }, 'Tales 1'],
      [{ id: 'one.seen', step: 2 }, 'Tales 1', [expect.any(File)]],
    ]);
    const [, , [file]] = looked[1] as [unknown, unknown, File[]];
    expect([file.name, ...new Uint8Array(await file.arrayBuffer())]).toEqual([
      'model.safetensors',
      1,
      2,
      3,
    ]);
    // A LoRA's checkpoint is no model alone.
    const lora = { base: { lora: { r: 8, lora_alpha: 16 } } as RunSettings['base'] };
    const tuned = { ...record, settings: { ...settings, ...lora } };
    expect([lastUnseen(record), lastUnseen(tuned)]).toEqual([2, null]);
    expect(lastUnseen({ ...record, snapshots: [{ ...seen, step: 2 }] })).toBeNull();
    expect(lastUnseen({ ...record, kept: [] })).toBeNull();
  });

  it('room is asked for anew when a run ends, and what is kept is counted anew while it grows', async () => {
    let free = 9e6;
    const browser = { ...NO_BROWSER, freeBytes: () => Promise.resolve(free) };
    const { trainer, facts, training } = await running({ browser });
    expect(facts().cost.freeBytes).toBe(9e6);
    const record = recordOf(settings, { sizeBytes: 47_000 });
    trainer.runs = [record];
    training.actions.start();
    trainer.runs = [{ ...record, sizeBytes: 17e6 }];
    const asked = trainer.of('runs').length;
    // Many checkpoints, and one look at the list.
    for (const step of [1, 2]) await trainer.tell({ type: 'checkpoint', step, kept: [step] });
    await vi.waitFor(() => expect(facts().runs.all?.[0].sizeBytes).toBe(17e6), 3000);
    expect(trainer.of('runs')).toHaveLength(asked + 1);
    free = 2e6;
    await trainer.tell({ type: 'ended', state: 'done', step: 2 }, null);
    await settle();
    expect(facts().cost.freeBytes).toBe(2e6);
  });

  it('what was deleted under a run is offered no more', async () => {
    const { trainer, training, facts, looked } = await running();
    for (const step of [0, 1, 2]) {
      await trainer.tell({ type: 'snapshot', snapshot: { step, sizeBytes: 9, scores: null } });
    }
    await trainer.tell({ type: 'checkpoint', step: 2, kept: [2] });
    await trainer.tell({ type: 'cleared', kept: [], snapshots: [1] });
    const { run, notice } = facts().watch;
    expect(run?.kept).toEqual([]);
    expect(run?.snapshots.map(({ sizeBytes }) => sizeBytes)).toEqual([0, 9, 0]);
    expect(notice).toMatchObject({ code: 'training/cleared' });
    // Weights of now that find no room cannot be looked at, and that is said.
    trainer.answers.keepNow = () => ({ step: 2, sizeBytes: 0, scores: null });
    await training.actions.lookInside();
    expect(looked).toEqual([]);
    expect(facts().watch.error).toMatchObject({ code: 'training/not-kept' });
  });

  it('runs that are gone without anybody deleting them are missed', async () => {
    let kept = 2;
    const { training, facts } = open({
      browser: noting(
        () => kept,
        (now) => (kept = now),
      ),
    });
    training.actions.start();
    await settle();
    expect(facts().runs).toMatchObject({ all: [], missed: 2 });
    expect(kept).toBe(0);
  });

  it('and so are those that go while the page is open, as long as it is', async () => {
    let kept = 0;
    const browser = noting(
      () => kept,
      (now) => (kept = now),
    );
    const hearers: (() => void)[] = [];
    const see = (): void => hearers.forEach((hear) => hear());
    const { training, trainer, facts } = open({
      browser: { ...browser, onSight: (hear) => hearers.push(hear) },
    });
    trainer.runs = [recordOf(settings, { state: 'done' })];
    training.actions.start();
    await settle();
    trainer.runs = [];
    for (const _ of [1, 2]) {
      see();
      await settle();
      expect(facts().runs).toMatchObject({ all: [], missed: 1 });
    }
    trainer.runs = [recordOf(settings, { state: 'done' })];
    see();
    await settle();
    expect(facts().runs).toMatchObject({ missed: 0 });
  });

  it('runs that somebody deleted are not', async () => {
    let kept = 0;
    const { training, trainer, facts } = open({
      browser: noting(
        () => kept,
        (now) => (kept = now),
      ),
    });
    trainer.runs = [recordOf(settings, { state: 'done' })];
    training.actions.start();
    await settle();
    expect(kept).toBe(1);
    trainer.runs = [];
    training.actions.removeRun('one');
    await settle();
    await settle();
    expect(facts().runs).toMatchObject({ all: [], missed: 0 });
    expect(kept).toBe(0);
  });
});

describe('a text of somebody’s own', () => {
  /** A browser that keeps texts of up to ten characters. */
  const keeping = (kept: string) => ({
    ...NO_BROWSER,
    keptText: () => kept,
    keepText: (text: string) => {
      kept = text.length <= 10 ? text : '';
      return kept !== '';
    },
  });

  it('that was pasted is there after a reload, until it is thrown away', async () => {
    const browser = keeping('');
    const first = await started({ browser });
    first.training.actions.pasteText('a hen, a');
    expect(first.facts().draft.isOwnKept).toBe(true);
    const second = await started({ browser });
    expect(second.settings().text).toMatchObject({ kind: 'own', text: 'a hen, a' });
    expect(second.trainer.of('readText').at(0)).toMatchObject({ text: { text: 'a hen, a' } });
    second.training.actions.pasteText('longer than ten');
    expect(second.facts().draft.isOwnKept).toBe(false);
    expect(second.settings().text).toMatchObject({ text: 'longer than ten' });
    second.training.actions.pasteText('a hen');
    second.training.actions.pasteText('');
    expect(open({ browser }).settings().text).toMatchObject({ kind: 'bundled' });
  });

  it('stays where a file that is dropped cannot be read, and comes back when one is taken away', async () => {
    const { training, trainer, facts, settings: now } = await started({ browser: keeping('') });
    training.actions.pasteText('a hen, a');
    await vi.waitFor(() => expect(facts().text.read.at).toBe('here'));
    const refused = new EngineError('Line 3.', { code: 'training/csv', hint: 'Close it.' });
    trainer.answers.readText = ({ text }) => {
      if (text.kind === 'own' && typeof text.text !== 'string') throw refused;
      return TEXT;
    };
    await training.actions.takeFile(new File(['text\n"a'], 'rows.csv'));
    await vi.waitFor(() => expect(facts().draft.refusedFile?.code).toBe('training/csv'));
    await vi.waitFor(() => expect(facts().text.read.at).toBe('here'));
    expect(now().text).toMatchObject({ name: 'My text', text: 'a hen, a' });
    expect(facts().draft.columns).toEqual([]);

    trainer.answers.readText = () => TEXT;
    await training.actions.takeFile(new File(['a cock'], 'cock.txt'));
    await vi.waitFor(() => expect(facts().text.read.at).toBe('here'));
    expect(facts().draft.refusedFile).toBeNull();
    expect(now().text).toMatchObject({ name: 'cock' });
    training.actions.takeFileAway();
    expect(now().text).toMatchObject({ name: 'My text', text: 'a hen, a' });
    expect(facts().draft.isOwnKept).toBe(true);
  });
});

describe('a field that somebody has set', () => {
  it('outlives a change of text and size, is named beside what is usual, and goes back by one click', async () => {
    const { training, facts, settings: now } = await started();
    const { actions } = training;
    const own = () => ownFields(facts().draft, facts().text.read).map((one) => Object.values(one));
    expect(own()).toEqual([]);
    actions.setField('vocab_size', '512');
    actions.setField('validation', '0.2');
    actions.setField('max_steps', '50');
    actions.setField('lr_scheduler_type', 'no such');
    // What cannot be taken is no field's value.
    expect(own()).toEqual([
      ['vocab_size', '512', '1024'],
      ['max_steps', '50', '600'],
      ['validation', '0.2', '0.1'],
    ]);
    // What goes with the length of a run went with it, and is nobody's choice.
    expect(now().arguments).toMatchObject({ eval_steps: 4, save_steps: 8, warmup_steps: 4 });
    actions.setField('save_steps', '25');
    actions.setField('max_steps', '5');
    expect(now().arguments).toMatchObject({ eval_steps: 1, save_steps: 25, sample_steps: 1 });
    expect(own().map(([name]) => name)).toEqual([
      'vocab_size',
      'max_steps',
      'validation',
      'save_steps',
    ]);
    // Another size brings its own steps.
    actions.choosePreset('tiny');
    actions.setField('seed', '7');
    actions.chooseText({ kind: 'bundled', name: 'talk' });
    await vi.waitFor(() => expect(facts().text.read.at).toBe('here'));
    expect(own()).toEqual([
      ['vocab_size', '512', '1024'],
      ['seed', '7', '42'],
      ['validation', '0.2', '0.1'],
    ]);
    // What nobody said follows what somebody did, and is not named.
    actions.setField('n_embd', '64');
    expect(own().slice(0, 2)).toEqual([
      ['n_embd', '64', '128'],
      ['vocab_size', '512', '1024'],
    ]);
    actions.setField('n_inner', '100');
    expect(own()[1]).toEqual(['n_inner', '100', '512']);
    actions.drawAs('torch');
    actions.takeUsual();
    expect(own()).toEqual([]);
    expect(facts().draft).toMatchObject({ preset: 'tiny', refused: {}, ownTokenizer: false });
    // What stands in sight stays.
    expect(now()).toMatchObject({ text: { name: 'talk' }, generator: 'torch' });
  });

  it('stays within bounds that are named, however far it is beyond them', async () => {
    const { training, facts } = await started();
    training.actions.setField('max_steps', '1e20');
    const bounds = 'max_steps is a whole number from 1 to 1,000,000,000.';
    expect(obstacleOf(facts())).toEqual({ words: bounds, passes: false });
    training.actions.takeUsual();
    // Reading a text is nothing that is wrong.
    expect(obstacleOf(facts())).toEqual({ words: 'Reading the text…', passes: true });
    await vi.waitFor(() => expect(obstacleOf(facts())).toBeNull());
  });
});

describe('a device that is lost', () => {
  it('leaves the run at what is kept, as it is after the loss', async () => {
    const { trainer, facts } = await running();
    await trainer.tell({ type: 'checkpoint', step: 2, kept: [1, 2] });
    trainer.records.set('one', recordOf(settings, { step: 2, kept: [1] }));
    await trainer.tell(new EngineError('The GPU went away.', { code: 'device/lost', hint: '' }));
    expect(facts().watch).toMatchObject({
      at: 'resting',
      error: { code: 'device/lost' },
      run: { state: 'failed', kept: [1] },
    });
  });
});

describe('a run of another tab', () => {
  it('is shown as it was kept; its end is heard, and shown', async () => {
    const { trainer, training, facts, said } = open();
    const record = recordOf(settings, { elsewhere: true, step: 2, points: [point(1), point(2)] });
    trainer.runs = [record];
    trainer.records.set('one', record);
    let end: (answer: null) => void = () => {};
    trainer.answers.untilEnded = () => new Promise((resolve) => (end = resolve));
    training.actions.start();
    training.actions.open('one');
    await settle();
    expect(facts().watch).toMatchObject({ at: 'resting', run: { elsewhere: true, step: 2 } });
    const done = { ...record, elsewhere: false, state: 'done', step: 3 } as const;
    trainer.runs = [done];
    trainer.records.set('one', { ...done, points: [point(1), point(2), point(3)] });
    end(null);
    await settle();
    await settle();
    expect(facts().watch).toMatchObject({ run: { elsewhere: false, state: 'done', step: 3 } });
    expect(training.curve.length).toBe(3);
    expect(said).toEqual(['Tales 1 trains no more in the other tab.']);
  });

  it('is looked for when the tab is seen again', async () => {
    const hears: (() => void)[] = [];
    const onSight = (hear: () => void): void => void hears.push(hear);
    const { trainer, training, facts } = open({ browser: { ...NO_BROWSER, onSight } });
    training.actions.start();
    await settle();
    expect(facts().runs.all).toEqual([]);
    trainer.runs = [recordOf(settings, { elsewhere: true })];
    for (const hear of hears) hear();
    await settle();
    expect(facts().runs.all).toHaveLength(1);
  });
});

describe('a tab that is hidden', () => {
  function paced() {
    let at = 0;
    const pace = new Pace(() => at);
    const pass = (ms: number, steps: number, from: number): number => {
      at += ms;
      pace.to(from + steps);
      return from + steps;
    };
    pace.run(0);
    return { pace, pass };
  }

  it('and slowed says how many steps it made, in what time, and how many it makes in sight', () => {
    const { pace, pass } = paced();
    let step = pass(10_000, 100, 0);
    pace.hide();
    step = pass(240_000, 12, step);
    expect(pace.show()).toBe(
      'The browser slowed this tab while it was hidden: 12 steps in 4 minutes, where it makes 2,400 in sight.',
    );
    // Once.
    expect(pace.show()).toBeNull();
  });

  it('knows what a step takes with its evaluations once a whole round of them was made, until it rests', () => {
    let now = 0;
    const pace = new Pace(() => now);
    pace.run(0);
    now = 4000; // the first evaluation, before any step
    pace.evaluated(0);
    expect(pace.secondsAStep()).toBeNull();
    now = 9000;
    pace.evaluated(50);
    expect(pace.secondsAStep()).toBeCloseTo(0.1);
    now = 15_000;
    pace.evaluated(100);
    expect(pace.secondsAStep()).toBeCloseTo(0.11);
    pace.rest();
    expect(pace.secondsAStep()).toBeNull();
    pace.evaluated(101);
    expect(pace.secondsAStep()).toBeNull();
  });

  it('and not slowed, or hidden for a moment, or paused, says nothing', () => {
    const even = paced();
    let step = even.pass(10_000, 100, 0);
    even.pace.hide();
    step = even.pass(60_000, 420, step);
    expect(even.pace.show()).toBeNull();
    even.pace.hide();
    even.pass(1500, 0, step);
    expect(even.pace.show()).toBeNull();

    const held = paced();
    step = held.pass(10_000, 100, 0);
    held.pace.hide();
    held.pace.rest();
    held.pass(60_000, 0, step);
    expect(held.pace.show()).toBeNull();

    // A run of slow steps, of which one was under way.
    const slow = paced();
    step = slow.pass(60_000, 6, 0);
    slow.pace.hide();
    slow.pass(19_000, 1, step);
    expect(slow.pace.show()).toBeNull();
  });

  it('is judged when what was told meanwhile has been heard', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'performance'], shouldAdvanceTime: false });
    try {
      let isHidden = false;
      const hears: (() => void)[] = [];
      const onSight = (hear: () => void): void => void hears.push(hear);
      const tick = (ms: number) => vi.advanceTimersByTimeAsync(ms);
      const { trainer, training, facts } = open({
        browser: { ...NO_BROWSER, isHidden: () => isHidden, onSight },
      });
      training.actions.start();
      await tick(10);
      training.actions.train();
      await tick(10);
      const tell = async (event: RunEvent): Promise<void> => {
        const told = trainer.tell(event);
        await tick(5);
        await told;
      };
      await tell(begun(recordOf(settings)));
      await tick(10_000);
      await tell(points(point(100)));
      isHidden = true;
      for (const hear of hears) hear();
      await tick(60_000);
      isHidden = false;
      for (const hear of hears) hear();
      await tell(points(point(110)));
      expect(facts().watch.notice).toBeNull();
      await tick(1000);
      expect(facts().watch.notice).toMatchObject({ code: 'training/slowed' });
      expect(facts().watch.notice?.message).toContain('10 steps in 61 seconds');
    } finally {
      vi.useRealTimers();
    }
  });
});

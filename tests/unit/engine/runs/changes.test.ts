// Runs that were changed on their way: what is in force when, what their receipts say, and twins that do the same.
import { describe, expect, test } from 'vitest';
import type { ReceiptEvent, RunReceipt } from '../../../../src/api.ts';
import type { LocalTrainer } from '../../../../src/engine/runs/localTrainer.ts';
import { madeAgain } from '../../../../src/engine/runs/receipt.ts';
import { firstSettings } from '../../../../src/runFiles.ts';
import { goOnWith, inForce } from '../../../../src/state/training/inForce.ts';
import { settingsPart } from '../../../../src/ui/training/twin/differences.ts';
import { idOf, lossesOf, readAll, settings, trainerAt } from './trainerKit.ts';

const SLOWER = { learning_rate: 1e-3, min_lr: 1e-4 };

async function check(trainer: LocalTrainer, receipt: unknown, all = false) {
  const events: ReceiptEvent[] = [];
  const file = new Blob([JSON.stringify(receipt)]);
  for await (const event of trainer.checkReceipt({ file, all, device: 'cpu' })) events.push(event);
  return events;
}

/** A run of 12 steps that goes on with another rate after 4, and with another again, for longer, after 8. */
async function changedRun(trainer: LocalTrainer) {
  let id = '';
  const part = async (request: Parameters<typeof readAll>[1], until: number) => {
    const stop = new AbortController();
    for await (const event of trainer.train({ device: 'cpu', ...request }, stop.signal)) {
      if (event.type === 'begun') ({ id } = event.run);
      if (event.type === 'checkpoint' && event.step >= until) stop.abort();
    }
  };
  const longer = { save_steps: 4, max_steps: 16 };
  await part({ run: { settings: settings({ arguments: longer }) } }, 4);
  await part({ run: { id }, change: SLOWER }, 8);
  await part({ run: { id }, change: { learning_rate: 0.02, max_steps: 24 } }, Infinity);
  return trainer.ask('run', { id });
}

describe('a run that was changed on its way', () => {
  test('that ran away and began anew has a receipt that is made again', async () => {
    const { trainer } = trainerAt();
    const broken = settings({ arguments: { learning_rate: 1e6, max_grad_norm: 0 } });
    let id = '';
    await expect(
      readAll(trainer, { run: { settings: broken } }, (event) => {
        if (event.type === 'begun') ({ id } = event.run);
      }),
    ).rejects.toMatchObject({ code: 'training/not-finite' });
    await readAll(trainer, { run: { id }, change: SLOWER, from: 0 });
    const run = await trainer.ask('run', { id });
    // No step was made with the first rate.
    expect(run.changes).toEqual([]);
    const receipt = await trainer.ask('receipt', { id });
    expect(receipt.settings.arguments).toMatchObject(SLOWER);
    expect((await check(trainerAt().trainer, receipt)).at(-1)).toEqual({
      type: 'done',
      steps: 12,
      parts: null,
    });
  });

  test('is made again with its changes, to its last step; another rate is found at its step', async () => {
    const { trainer } = trainerAt();
    const run = await changedRun(trainer);
    expect(run.changes.map(({ step }) => step)).toEqual([4, 8]);
    const receipt = await trainer.ask('receipt', { id: run.id });
    expect(receipt.settings.arguments).toEqual(firstSettings(run).arguments);
    expect(receipt.changes[0]?.arguments).toMatchObject({ ...SLOWER, max_steps: 16 });
    const again = trainerAt().trainer;
    expect((await check(again, receipt, true)).at(-1)).toEqual({
      type: 'done',
      steps: 24,
      parts: null,
    });
    const [first, ...later] = receipt.changes;
    const other = { ...first, arguments: { ...first?.arguments, learning_rate: 5e-3 } };
    // The loss of step 5 is of the weights before it, so that step 6 is the first that shows it.
    expect(
      (await check(again, { ...receipt, changes: [other, ...later] }, true)).at(-1),
    ).toMatchObject({ parts: 6 });
  });

  test('has a twin that is the same to the last bit, also where that is broken off before a change', async () => {
    const { trainer } = trainerAt();
    const run = await changedRun(trainer);
    const twin = {
      settings: run.settings,
      name: 'once more',
      twinOf: run.id,
      changes: run.changes,
    };
    const whole = await readAll(trainer, { run: twin });
    const its = await trainer.ask('run', { id: idOf(whole) });
    expect(its.points.map(({ loss }) => loss)).toEqual(run.points.map(({ loss }) => loss));
    expect(lossesOf(whole)).toHaveLength(24);
    const weights = async (id: string) => (await trainer.ask('receipt', { id })).weights;
    expect(await weights(its.id)).toEqual(await weights(run.id));
    expect(settingsPart(run, its)).toBeNull();

    const stop = new AbortController();
    let id = '';
    for await (const event of trainer.train({ device: 'cpu', run: twin }, stop.signal)) {
      if (event.type === 'begun') ({ id } = event.run);
      if (event.type === 'checkpoint') stop.abort();
    }
    expect((await trainer.ask('run', { id })).step).toBeLessThan(8);
    await readAll(trainer, { run: { id } });
    expect(await weights(id)).toEqual(await weights(run.id));
    // With the last arguments from the beginning it is another run, and that is known.
    const { changes: _, ...plain } = twin;
    const other = await trainer.ask('run', { id: idOf(await readAll(trainer, { run: plain })) });
    expect(settingsPart(run, other)).toBe(0);
  });

  test('that is held before a change of its way goes on with what somebody says then, which is noted there', async () => {
    const { trainer } = trainerAt();
    const run = await changedRun(trainer);
    const stop = new AbortController();
    let id = '';
    const twin = { settings: run.settings, twinOf: run.id, changes: run.changes };
    for await (const event of trainer.train({ device: 'cpu', run: twin }, stop.signal)) {
      if (event.type === 'begun') ({ id } = event.run);
      if (event.type === 'checkpoint') stop.abort();
    }
    const held = await trainer.ask('run', { id });
    expect(held.step).toBeLessThan(8);
    const rate = Number(inForce(held)['learning_rate']);
    expect(rate).not.toBe(0.02);
    // What was to come after step 8 comes now.
    const change = goOnWith(held, { learning_rate: 0.02, max_steps: held.max_steps });
    await readAll(trainer, { run: { id }, ...(change && { change }) });
    const done = await trainer.ask('run', { id });
    const added = done.changes.at(-1);
    expect(added?.step).toBe(held.step);
    const next = done.points.find(({ step }) => step === held.step + 1);
    expect(next?.learning_rate).toBeGreaterThan(2 * rate);
    expect(done.settings.arguments).toMatchObject({ learning_rate: 0.02 });
    expect(done.settings.arguments['min_lr']).toBe(inForce(held)['min_lr']);
  });

  test('goes back behind a change, and what was in force there is known', async () => {
    const { trainer } = trainerAt();
    const run = await changedRun(trainer);
    const [first] = run.changes;
    await readAll(trainer, { run: { id: run.id }, change: { learning_rate: 3e-3 }, from: 0 });
    const anew = await trainer.ask('run', { id: run.id });
    expect(anew.changes).toEqual([]);
    expect(anew.settings.arguments).toMatchObject({ learning_rate: 3e-3, max_steps: 24 });
    expect(first?.before).toMatchObject({ learning_rate: 0.01, max_steps: 16 });
  });

  test('cannot be one of more than the rate', async () => {
    const { trainer } = trainerAt();
    const now = settings();
    const before = { ...now.arguments, weight_decay: 0.5 };
    const changes = [{ step: 4, words: 'weight_decay 0.5 → 0.1', before }];
    await expect(readAll(trainer, { run: { settings: now, changes } })).rejects.toThrow(
      'After step 4 more than the rate would change.',
    );
  });
});

describe('a receipt of an earlier version', () => {
  const receipt: RunReceipt = {
    version: 1,
    settings: settings(),
    changes: [{ step: 4, words: 'learning_rate 0.01 → 0.001' }],
    text: 'a'.repeat(64),
    losses: [{ step: 1, loss: 2 }],
    step: 12,
    weights: null,
    device: '',
  };

  test('is made again up to its first change', () => {
    expect(madeAgain(receipt)).toMatchObject({ until: 4, changes: [] });
  });

  test('that was changed before its first step says what is missing', async () => {
    const changes = [{ step: 0, words: 'learning_rate 1000000 → 0.001' }];
    await expect(check(trainerAt().trainer, { ...receipt, changes })).rejects.toThrow(
      'Before its first step it was changed (learning_rate 1000000 → 0.001)',
    );
  });
});

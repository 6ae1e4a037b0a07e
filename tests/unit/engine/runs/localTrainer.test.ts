// A run on the page, without a page: what it tells, how it is held and goes on, and what is kept of it.
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { RunEvent, RunSettings } from '../../../../src/api.ts';
import { GPT2 } from '../../../../src/engine/gpt2.ts';
import { type KeptRun, readRun, writeRun } from '../../../../src/engine/runs/record.ts';
import { folder, idOf, lossesOf, PROCESSOR, readAll, settings, trainerAt } from './trainerKit.ts';

describe('a run', () => {
  test('tells its text, points, validation, samples and snapshots in order, and is kept', async () => {
    const { trainer, openStore, place } = trainerAt();
    const events = await readAll(trainer, { run: { settings: settings() } });
    const types = events.map(({ type }) => type);
    expect(types.indexOf('preparing')).toBe(0);
    expect(types.at(-1)).toBe('ended');
    expect(types.indexOf('begun')).toBeLessThan(types.indexOf('points'));
    expect(lossesOf(events)).toHaveLength(12);
    const id = idOf(events);
    const record = await trainer.ask('run', { id });
    expect(record).toMatchObject({
      id,
      state: 'done',
      step: 12,
      max_steps: 12,
      name: 'Repeat, 1 × 16',
    });
    // The list counts from its last step.
    expect(record.lastStep).toBeGreaterThan(record.begun);
    expect(record.lastStep).toBeLessThanOrEqual(Date.now());
    // A record of an earlier version does not say when that was.
    const { lastStep: _last, ...earlier } = await (await openStore()).get(id);
    expect(readRun(writeRun(earlier as KeptRun))?.lastStep).toBe(record.begun);
    expect(record.points.map(({ step }) => step)).toEqual(
      Array.from({ length: 12 }, (_, i) => i + 1),
    );
    expect(record.snapshots.map(({ step }) => step)).toEqual([0, 1, 2, 5, 10, 12]);
    expect(record.evaluations.map(({ step }) => step)).toEqual([0, 6, 12]);
    expect(record.samples.map(({ step }) => step)).toEqual([6, 12]);
    expect(record.snapshots[0].scores?.scores.induction).toHaveLength(2);
    expect(record.text.evenLoss).toBeCloseTo(Math.log(record.text.vocabSize));
    expect(record.text.frequencyLoss).toBeLessThan(record.text.evenLoss);
    expect(record.loss).toBe(record.points.at(-1)?.loss);
    expect(await trainer.ask('runs', {})).toMatchObject([{ id, sizeBytes: record.sizeBytes }]);
    // What is looked at is a model like any other.
    const snapshot = await (await openStore()).snapshots(id).list();
    expect(snapshot.map(({ step }) => step)).toEqual([0, 1, 2, 5, 10, 12]);
    const model = await GPT2.from_pretrained('', {
      run: { id: record.snapshotsId, step: 10 },
      cache_dir: join(folder(), place, 'models'),
      device: 'cpu',
      processor: PROCESSOR,
    });
    expect(model.encode('ab|')).toHaveLength(3);
    await model.dispose();
    expect(await trainer.ask('removeRun', { id })).toEqual({ freedBytes: record.sizeBytes });
    expect(await trainer.ask('runs', {})).toEqual([]);
    expect(await (await openStore()).snapshots(id).list()).toEqual([]);
  });

  test('has a name of its own: the next number, also where one before it is gone', async () => {
    const { trainer } = trainerAt();
    const short = settings();
    const begin = async (name?: string): Promise<string> =>
      idOf(await readAll(trainer, { run: { settings: short, ...(name && { name }) } }));
    const first = await begin();
    const second = await begin();
    await begin();
    await trainer.ask('removeRun', { id: second });
    await begin();
    await begin('Mine');
    await begin('Mine');
    const names = (await trainer.ask('runs', {})).map(({ name }) => name);
    expect(names.toSorted()).toEqual([
      'Mine',
      'Mine (2)',
      'Repeat, 1 × 16',
      'Repeat, 1 × 16 (3)',
      'Repeat, 1 × 16 (4)',
    ]);
    // Whoever goes on with one keeps its name.
    await readAll(trainer, { run: { id: first }, change: { max_steps: 2 } });
    expect((await trainer.ask('run', { id: first })).name).toBe('Repeat, 1 × 16');
  });

  test('is held, makes one step, keeps the step in hand, stops, and goes on elsewhere to the bit', async () => {
    const whole = lossesOf(await readAll(trainerAt().trainer, { run: { settings: settings() } }));
    const { trainer, place } = trainerAt();
    const held: number[] = [];
    const kept: number[] = [];
    const first = await readAll(trainer, { run: { settings: settings() } }, async (event) => {
      if (event.type === 'begun') await trainer.ask('control', { what: 'pause' });
      if (event.type !== 'paused') return;
      await trainer.ask('renameRun', { id: (await trainer.ask('runs', {}))[0].id, name: ' Mine ' });
      held.push(event.step);
      kept.push((await trainer.ask('keepNow', {})).step);
      const what = held.length < 4 ? 'step' : 'stop';
      await trainer.ask('control', { what });
    });
    expect(held.map((step) => step - held[0])).toEqual([0, 1, 2, 3]);
    expect(kept).toEqual(held);
    expect(first.at(-1)).toMatchObject({ type: 'ended', state: 'stopped', step: held[3] });
    const id = idOf(first);
    const other = trainerAt(place).trainer;
    expect(await other.ask('run', { id })).toMatchObject({
      name: 'Mine',
      state: 'stopped',
      step: held[3],
    });
    const rest = await readAll(other, { run: { id } });
    expect([...lossesOf(first), ...lossesOf(rest)]).toEqual(whole);
    const record = await other.ask('run', { id });
    expect(record.points.map(({ step }) => step)).toEqual(Array.from(whole, (_, i) => i + 1));
    expect(record.snapshots.map(({ step }) => step)).toEqual(
      [...new Set([0, 1, 2, 5, 10, 12, ...held])].toSorted((a, b) => a - b),
    );
  });

  test('goes on with another rate, which is noted; a broken one keeps its error', async () => {
    const { trainer } = trainerAt();
    const broken = settings({ arguments: { learning_rate: 1e5, max_grad_norm: 0, save_steps: 1 } });
    let id = '';
    await expect(
      readAll(trainer, { run: { settings: broken } }, (event) => {
        if (event.type === 'begun') ({ id } = event.run);
      }),
    ).rejects.toMatchObject({ code: 'training/not-finite' });
    expect(await trainer.ask('run', { id })).toMatchObject({
      state: 'failed',
      error: { code: 'training/not-finite' },
      loss: null,
      evalLoss: null,
    });
    const change = { learning_rate: 1e-3, min_lr: 1e-4, max_grad_norm: 1 };
    const events = await readAll(trainer, { run: { id }, change });
    expect(events.at(-1)).toMatchObject({ type: 'ended', state: 'done', step: 12 });
    const { changes, settings: now, error } = await trainer.ask('run', { id });
    expect(changes.at(-1)?.words).toContain('learning_rate 100000 → 0.001');
    expect(now.arguments).toMatchObject(change);
    expect(error).toBeNull();
  });

  test('has its heads measured between the steps that are kept, and keeps that where it goes on', async () => {
    const { trainer, place } = trainerAt();
    const often = { max_steps: 48, save_steps: 42, eval_steps: 0, sample_steps: 0 };
    const events = await readAll(
      trainer,
      { run: { settings: settings({ arguments: often }) } },
      (event) => event.type === 'checkpoint' && trainer.ask('control', { what: 'stop' }),
    );
    expect(events.at(-1)).toMatchObject({ type: 'ended', state: 'stopped' });
    const id = idOf(events);
    const other = trainerAt(place).trainer;
    await readAll(other, { run: { id } });
    const { snapshots } = await other.ask('run', { id });
    // On the line of the task: the context has room for it.
    expect(snapshots.filter(({ sizeBytes }) => sizeBytes === 0)).toMatchObject([
      { step: 40, scores: { nHead: 2, on: '\njxqkvbzmwp|jxqkvbzmwp' } },
    ]);
    expect(snapshots.map(({ step }) => step)).toEqual(
      expect.arrayContaining([0, 1, 2, 5, 10, 20, 40, 48]),
    );
    await expect(other.ask('readAt', { id, step: 40, text: 'ab|' })).rejects.toMatchObject({
      code: 'training/run',
    });
  });

  test('says what is wrong before it begins, and nothing is kept of it', async () => {
    const { trainer } = trainerAt();
    const short = settings({ text: { kind: 'own', name: 'x', text: 'too short' } });
    await expect(
      readAll(trainer, { run: { settings: { ...short, prompt: '' } } }),
    ).rejects.toMatchObject({
      code: 'training/text',
    });
    await expect(trainer.ask('control', { what: 'pause' })).rejects.toMatchObject({
      code: 'training/no-run',
    });
    await expect(trainer.ask('run', { id: 'none' })).rejects.toMatchObject({
      code: 'training/run',
    });
  });

  test('is one at a time; a measurement waits for none and breaks none', async () => {
    const { trainer } = trainerAt();
    const errors: unknown[] = [];
    await readAll(trainer, { run: { settings: settings() } }, async (event) => {
      if (event.type !== 'begun') return;
      const { id } = event.run;
      const input = { settings: settings(), vocabSize: 20 };
      for (const asking of [
        readAll(trainer, { run: { settings: settings() } }),
        trainer.ask('estimate', input),
        trainer.ask('removeRun', { id }),
      ]) {
        errors.push(await asking.catch((error: { code: string }) => error.code));
      }
    });
    expect(errors).toEqual(['training/busy', 'training/busy', 'storage/busy']);
  });
});

test('a prompt is tried with the tokens of the text that was read last', async () => {
  const { trainer } = trainerAt();
  expect(await trainer.ask('checkPrompt', { prompt: 'Zebra' })).toBeNull();
  const own = (text: string) => ({ kind: 'own', name: 'x', text }) as const;
  const tokenizer = { kind: 'characters' } as const;
  await trainer.ask('readText', { text: own('abc cab'), tokenizer });
  expect(await trainer.ask('checkPrompt', { prompt: 'cab' })).toBeNull();
  expect(await trainer.ask('checkPrompt', { prompt: 'caZ' })).toMatchObject({
    code: 'tokenizer/byte',
    message: expect.stringContaining('"Z" (U+005A)'),
  });
  await trainer.ask('readText', { text: own('abcZ'), tokenizer });
  expect(await trainer.ask('checkPrompt', { prompt: 'caZ' })).toBeNull();
  await trainer.ask('readText', { text: own('abc'), tokenizer: { kind: 'bytes' } });
  expect(await trainer.ask('checkPrompt', { prompt: 'Ü' })).toBeNull();
});

test('an estimate is measured, and says what does not fit', async () => {
  const { trainer } = trainerAt();
  const found = await trainer.ask('estimate', {
    settings: settings(),
    vocabSize: 27,
    device: 'cpu',
  });
  expect(found.steps).toBeGreaterThanOrEqual(2);
  expect(found.secondsAStep).toBeGreaterThan(0);
  expect(found.parameters).toBe(27 * 16 + 24 * 16 + 12 * 16 * 16 + 13 * 16 + 2 * 16);
  expect(found.memory.total).toBeGreaterThan(16 * found.parameters);
  expect(found.memory.problem).toBeNull();
  // A rate with which the run itself would end at once has nothing to do with how long its steps take.
  const wild = settings({ arguments: { learning_rate: 1e5, max_grad_norm: 0 } });
  const measured = await trainer.ask('estimate', { settings: wild, vocabSize: 27, device: 'cpu' });
  expect(measured.steps).toBeGreaterThanOrEqual(2);
});

test('a step that would take minutes is measured by a shorter one, and its memory is its own', async () => {
  const { trainer } = trainerAt();
  const ask = (args: Record<string, number>) =>
    trainer.ask('estimate', {
      settings: settings({ arguments: args }),
      vocabSize: 27,
      device: 'cpu',
    });
  // 24 tokens a row: 170 rows are measured.
  const short = await ask({ per_device_train_batch_size: 170 });
  const long = await ask({ per_device_train_batch_size: 17_000 });
  const often = await ask({ per_device_train_batch_size: 170, gradient_accumulation_steps: 1000 });
  expect(long.memory.total).toBeGreaterThan(50 * short.memory.activations);
  expect(often.memory.activations).toBe(short.memory.activations);
  for (const found of [long, often]) {
    expect(found.steps).toBeGreaterThanOrEqual(2);
    // A hundred times and a thousand times as long, by a clock that may stutter.
    expect(found.secondsAStep).toBeGreaterThan(short.secondsAStep);
  }
});

describe('a twin', () => {
  const TEXT = 'cat:meow dog:woof cow:moo '.repeat(80);
  const own = settings({
    text: { kind: 'own', name: 'Sounds', text: TEXT },
    model: { kind: 'gpt2', n_layer: 1, n_head: 2, n_embd: 32, n_ctx: 24 },
    prompt: 'dog:',
    arguments: { max_steps: 60, per_device_train_batch_size: 6, save_steps: 60, embd_pdrop: 0 },
  });

  test('without a change differs by nothing; without a fact it does not know that, and nothing else is different', async () => {
    const { trainer } = trainerAt();
    const first = await readAll(trainer, { run: { settings: own } });
    const id = idOf(first);
    const twin = (edits: RunSettings['edits'], name: string): Promise<RunEvent[]> => {
      // The text lies beside the record of the first.
      const text = { kind: 'own', name: 'Sounds', text: '' } as const;
      return readAll(trainer, { run: { settings: { ...own, text, edits }, name, twinOf: id } });
    };
    const same = await twin([], 'Same');
    expect(lossesOf(same)).toEqual(lossesOf(first));
    const without = await twin([{ what: 'remove', passage: 'dog:woof ' }], 'No dog');
    expect(lossesOf(without)).not.toEqual(lossesOf(first));
    const record = await trainer.ask('run', { id: idOf(without) });
    expect(record).toMatchObject({ name: 'No dog', twinOf: id });
    // Words that the text does not have are marked in what is kept as in what was told.
    const told = without.flatMap((event) => (event.type === 'sample' ? [event.sample] : []));
    expect(told[0].strange).toBeDefined();
    expect(record.samples).toEqual(told);
    expect(record.text.vocabSize).toBe((await trainer.ask('run', { id })).text.vocabSize);
    const found = (run: string, passage: string) => trainer.ask('passage', { id: run, passage });
    const woof = { passage: 'dog:woof ', times: 80, beginning: TEXT.slice(0, 600) };
    expect(await found(id, 'dog:woof ')).toEqual(woof);
    // By its place, of the text as it is with its edits; and where things stand in that.
    expect(await trainer.ask('passage', { id, passage: [9, 18] })).toEqual(woof);
    const hits = (run: string) => trainer.ask('findText', { id: run, find: 'WOOF', most: 1 });
    expect(await hits(id)).toMatchObject({ count: 80, hits: [{ before: 'cat:meow dog:' }] });
    expect(await hits(idOf(without))).toEqual({ count: 0, hits: [] });
    expect(await trainer.ask('otherPassage', { id, passage: 'dog:woof ' })).toHaveLength(9);
    expect((await trainer.ask('starts', { id: idOf(without) })).slice(0, 2)).toEqual([
      'dog:',
      'cow:moo',
    ]);
    // No place within another, and none of nothing.
    expect(await found(id, 'oo')).toMatchObject({ times: 160 });
    expect(await found(id, '')).toMatchObject({ times: 0 });
    expect(await found(idOf(without), 'dog:woof ')).toEqual({
      passage: 'dog:woof ',
      times: 0,
      beginning: TEXT.replaceAll('dog:woof ', '').slice(0, 600),
    });
    const asked = { step: 60, text: 'cat:meow dog:', head: { layer: 0, head: 1 } };
    const [knows, lacks, equal] = await Promise.all(
      [id, idOf(without), idOf(same)].map((run) => trainer.ask('readAt', { id: run, ...asked })),
    );
    expect(knows.top[0].piece.text).toBe('w');
    expect(lacks.top.find(({ piece }) => piece.text === 'w')?.probability ?? 0).toBeLessThan(0.05);
    expect(equal.logprobs).toEqual(knows.logprobs);
    expect(equal.attention?.weights).toEqual(knows.attention?.weights);
    expect(knows.tokens).toHaveLength(13);
    // Candidates after a token before the last are those of the text up to it; the map is of all of it.
    const inside = await trainer.ask('readAt', { id, ...asked, at: 3 });
    const cut = await trainer.ask('readAt', { id, ...asked, text: 'cat:' });
    expect([inside.at, knows.at, cut.at]).toEqual([3, 12, 3]);
    expect(inside.top).toEqual(cut.top);
    expect(inside.attention).toEqual(knows.attention);
    const receipts = await Promise.all(
      [id, idOf(same), idOf(without)].map((run) => trainer.ask('receipt', { id: run })),
    );
    expect(receipts[1].weights).toEqual(receipts[0].weights);
    expect(receipts[1].losses).toEqual(receipts[0].losses);
    expect(receipts[0].losses).toHaveLength(22);
    expect(receipts[2].weights?.sha256).toMatch(/^[0-9a-f]{64}$/u);
    expect(receipts[2].weights).not.toEqual(receipts[0].weights);
    expect(receipts[2].text).not.toBe(receipts[0].text);
    await expect(trainer.ask('readAt', { id, ...asked, step: 3 })).rejects.toMatchObject({
      code: 'training/run',
    });
  });

  test('says which passage its text does not have', async () => {
    const { trainer } = trainerAt();
    const edits = [{ what: 'double', passage: 'fish:' }] as const;
    await expect(readAll(trainer, { run: { settings: { ...own, edits } } })).rejects.toThrow(
      '"fish:" does not stand in the text.',
    );
  });
});

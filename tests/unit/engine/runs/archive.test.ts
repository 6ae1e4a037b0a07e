// A run that leaves one machine and goes on at another, to the bit; what cannot be one is refused, and nothing of it stays.
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type {
  ReceiptEvent,
  RunEvent,
  RunExportRequest,
  RunReceipt,
  RunRequest,
  RunSettings,
} from '../../../../src/api.ts';
import { GPT2 } from '../../../../src/engine/gpt2.ts';
import { LocalTrainer } from '../../../../src/engine/runs/localTrainer.ts';
import { RunStore } from '../../../../src/engine/runs/runStore.ts';
import { openDirectory } from '../../../../src/kept/nodeFiles.ts';

const PROCESSOR = { wasm: 'exact', threads: 1 } as const;
const TEXT = 'the cat sat on the mat and the dog sat on the log\n'.repeat(30);

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'glass-gpt-archive-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

let machines = 0;
function machine() {
  const place = join(folder, `machine-${machines++}`);
  const openStore = async (): Promise<RunStore> =>
    new RunStore(
      await openDirectory(join(place, 'runs')),
      await openDirectory(join(place, 'models')),
    );
  const cache_dir = join(place, 'models');
  const base = 'http://localhost/';
  const trainer = new LocalTrainer({ base, openStore, processor: PROCESSOR, cache_dir });
  return { trainer, cache_dir, place };
}

const SETTINGS: RunSettings = {
  text: { kind: 'task', name: 'add' },
  tokenizer: { kind: 'characters' },
  model: { kind: 'gpt2', n_layer: 1, n_head: 2, n_embd: 16, n_ctx: 16 },
  validation: 0.1,
  generator: 'philox',
  order: 'random',
  prompt: '1+2=',
  arguments: {
    max_steps: 24,
    per_device_train_batch_size: 2,
    save_steps: 10,
    eval_steps: 4,
    max_eval_samples: 4,
    sample_steps: 4,
    warmup_steps: 0,
    learning_rate: 0.01,
    embd_pdrop: 0.1,
  },
};
const OWN: RunSettings = {
  ...SETTINGS,
  text: { kind: 'own', name: 'Cat', text: TEXT },
  prompt: '',
};

/** Runs to its end, or stops behind a step; its losses and its id. */
async function run(trainer: LocalTrainer, request: RunRequest, stopAt = Infinity) {
  const losses: number[] = [];
  let id = '';
  const hear = async (event: RunEvent): Promise<void> => {
    if (event.type === 'begun') ({ id } = event.run);
    if (event.type === 'points') losses.push(...event.points.map(({ loss }) => loss));
    // Held at the beginning and led there a step at a time.
    if (event.type === 'begun' && stopAt < Infinity) {
      await trainer.ask('control', { what: 'pause' });
    }
    if (event.type === 'paused') {
      await trainer.ask('control', { what: event.step < stopAt ? 'step' : 'stop' });
    }
  };
  for await (const event of trainer.train({ device: 'cpu', ...request })) await hear(event);
  return { id, losses };
}

async function take(trainer: LocalTrainer, request: RunExportRequest) {
  const files: Record<string, Uint8Array> = {};
  const sizes: Record<string, number> = {};
  let name = '';
  for await (const event of trainer.exportRun(request)) {
    if (event.type === 'start') {
      for (const file of event.files) sizes[file.name] = file.sizeBytes;
    } else if (event.type === 'file') {
      ({ name } = event);
      files[name] = new Uint8Array();
    } else files[name] = new Uint8Array(Buffer.concat([files[name], event.bytes]));
  }
  expect(Object.fromEntries(Object.entries(files).map(([n, f]) => [n, f.length]))).toEqual(sizes);
  return files;
}

const inFolder = (files: Record<string, Uint8Array>): Record<string, Uint8Array> =>
  Object.fromEntries(Object.entries(files).map(([name, bytes]) => [`My run/${name}`, bytes]));

function pack(files: Record<string, Uint8Array>, level: 0 | 6 = 0): Blob {
  return new Blob([zipSync(inFolder(files), { level }).slice()]);
}

const json = (bytes: Uint8Array) => JSON.parse(new TextDecoder().decode(bytes));
const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

function without(files: Record<string, Uint8Array>, name: string): Record<string, Uint8Array> {
  return Object.fromEntries(Object.entries(files).filter(([each]) => each !== name));
}

/** Nothing of a run lies there. */
async function expectEmpty({ trainer, place }: ReturnType<typeof machine>): Promise<void> {
  expect(await trainer.ask('runs', {})).toEqual([]);
  for (const part of ['runs', 'models']) {
    expect(await readdir(join(place, part)).catch(() => [])).toEqual([]);
  }
}

describe('a run as one file', () => {
  let files: Record<string, Uint8Array> = {};
  let whole: number[] = [];
  let first: number[] = [];
  beforeAll(async () => {
    whole = (await run(machine().trainer, { run: { settings: SETTINGS } })).losses;
    const { trainer } = machine();
    const begun = await run(trainer, { run: { settings: SETTINGS } }, 5);
    first = begun.losses;
    files = await take(trainer, { id: begun.id, what: 'run' });
  }, 120_000);

  test('is taken while it is paused, with what was kept until then, and goes on elsewhere too', async () => {
    const { trainer } = machine();
    let taken: Record<string, Uint8Array> = {};
    const hear = async (event: RunEvent): Promise<void> => {
      if (event.type === 'begun') await trainer.ask('control', { what: 'pause' });
      if (event.type !== 'paused') return;
      if (event.step === 12) taken = await take(trainer, { id: runId, what: 'run' });
      await trainer.ask('control', { what: event.step < 12 ? 'step' : 'stop' });
    };
    let runId = '';
    for await (const event of trainer.train({ device: 'cpu', run: { settings: SETTINGS } })) {
      if (event.type === 'begun') runId = event.run.id;
      await hear(event);
    }
    const other = machine();
    const { id } = await other.trainer.ask('importRun', { file: pack(taken) });
    const record = await other.trainer.ask('run', { id });
    expect(record).toMatchObject({ state: 'stopped', step: 12, kept: [10] });
    const rest = await run(other.trainer, { run: { id } });
    expect(rest.losses).toEqual(whole.slice(10));
  });

  test('has what people read, and goes on elsewhere with the losses that it would have had', async () => {
    expect(Object.keys(files).filter((name) => !name.startsWith('checkpoint-5/'))).toEqual([
      'run.json',
      'receipt.json',
      'curve.csv',
      'samples.txt',
    ]);
    const lines = new TextDecoder().decode(files['curve.csv']).trim().split('\r\n');
    expect(lines[0]).toBe('step,loss,learning_rate,grad_norm,eval_loss');
    // Validation at steps 0, 4 and 5; 0 has no point.
    expect(lines).toHaveLength(1 + 1 + 5);
    expect(lines[1]).toMatch(/^0,,,,[\d.]+$/u);
    expect(lines[5].split(',').every((cell) => Number(cell) > 0)).toBe(true);
    expect(new TextDecoder().decode(files['samples.txt'])).toContain('── step 4 ──\n1+2=');

    for (const level of [0, 6] as const) {
      const other = machine();
      const { id } = await other.trainer.ask('importRun', { file: pack(files, level) });
      const record = await other.trainer.ask('run', { id });
      expect(record).toMatchObject({
        state: 'stopped',
        step: 5,
        max_steps: 24,
        name: 'Add, 1 × 16',
        // All of it so far is what the file says.
        claimed: 5,
      });
      expect(record.points.map(({ loss }) => loss)).toEqual(
        first.map((loss) => Number(loss.toPrecision(7))),
      );
      // The step that it stands at can be looked at.
      expect(record.snapshots.map(({ step }) => step)).toEqual([5]);
      const reading = await other.trainer.ask('readAt', { id, step: 5, text: '1+2=' });
      expect(reading.tokens).toHaveLength(4);
      const rest = await run(other.trainer, { run: { id } });
      expect([...first, ...rest.losses]).toEqual(whole);
      // Brought once more, it is told apart; what was made here is not claimed.
      expect(await other.trainer.ask('run', { id })).toMatchObject({ step: 24, claimed: 5 });
      const again = await other.trainer.ask('importRun', { file: pack(files, level) });
      expect((await other.trainer.ask('run', again)).name).toBe('Add, 1 × 16 (2)');
    }
  });

  test('its model is a folder of its own, with the weights as they were', async () => {
    const { trainer } = machine();
    const { id } = await trainer.ask('importRun', { file: pack(files) });
    const model = await take(trainer, { id, what: 'model' });
    expect(Object.keys(model)).toContain('config.json');
    expect(Object.keys(model).some((name) => name.includes('optimizer'))).toBe(false);
    expect(model['model.safetensors']).toEqual(files['checkpoint-5/model.safetensors']);
    const place = join(folder, 'model');
    await mkdir(place);
    for (const [name, bytes] of Object.entries(model)) await writeFile(join(place, name), bytes);
    const loaded = await GPT2.from_pretrained(place, { device: 'cpu', processor: PROCESSOR });
    expect(loaded.encode('1+2')).toHaveLength(3);
    await loaded.dispose();
  });

  test.each<[string, (files: Record<string, Uint8Array>) => Record<string, Uint8Array>, string]>([
    ['no run', (all) => without(all, 'run.json'), 'has no run.json'],
    ['no record', (all) => ({ ...all, 'run.json': encode({ version: 1 }) }), 'is not the record'],
    [
      'a newer one',
      (all) => ({ ...all, 'run.json': encode({ ...json(all['run.json']), version: 9 }) }),
      'is not the record',
    ],
    [
      'an option that is none',
      (all) => {
        const record = json(all['run.json']);
        record.settings.arguments.learning_rate = -1;
        return { ...all, 'run.json': encode(record) };
      },
      'learning_rate is -1',
    ],
    [
      'weights of another model',
      (all) => {
        const record = json(all['run.json']);
        record.settings.model.n_embd = 18;
        return { ...all, 'run.json': encode(record) };
      },
      'nEmbd = 16',
    ],
    [
      'weights larger than any of its model',
      (all) => ({ ...all, 'checkpoint-5/model.safetensors': new Uint8Array(5e6) }),
      'takes up to 4.01 MB there',
    ],
    [
      'a file that would be ours',
      (all) => ({ ...all, 'checkpoint-5/manifest.json': encode({}) }),
      'has a file',
    ],
    ['a folder in the folder', (all) => ({ ...all, 'checkpoint-5/x/y': encode({}) }), 'has a file'],
    [
      'no state',
      (all) => without(all, 'checkpoint-5/trainer_state.json'),
      'has no trainer_state.json',
    ],
    [
      'no weights',
      (all) => without(all, 'checkpoint-5/model.safetensors'),
      'has no model.safetensors',
    ],
    [
      'no moments',
      (all) => without(all, 'checkpoint-5/optimizer.safetensors'),
      'has no optimizer.safetensors',
    ],
    [
      'a weight that is another',
      (all) => {
        const weights = Uint8Array.from(all['checkpoint-5/model.safetensors'] ?? []);
        weights[weights.length - 1] ^= 1;
        return { ...all, 'checkpoint-5/model.safetensors': weights };
      },
      'has other weights than its receipt names',
    ],
    ['no receipt', (all) => without(all, 'receipt.json'), 'has no receipt.json'],
    ...(
      [
        ['a step that is none', { step: -3 }, 'step of -3'],
        ['a step beyond all numbers', { step: 1e300 }, 'step of 1e+300'],
        ['more steps than it was to make', { max_steps: 4 }, '5 steps of 4'],
        ['fewer steps than its losses', { step: 4 }, 'points of step 5, and made 4'],
        ['a name that is too long', { name: 'x'.repeat(300) }, 'name of "xxx'],
        ['a name that turns its line', { name: 'Mine \u202E' }, 'signs that nobody sees'],
        ['a name of two lines', { name: 'Mine\nYours' }, 'signs that nobody sees'],
        ['no name', { name: '  ' }, 'has no name'],
        ['a time that is none', { begun: 1e17 }, 'begun of 100000000000000000'],
        ['a last step at no time', { lastStep: -1 }, 'lastStep of -1'],
        ['parameters of another model', { parameters: 7 }, 'says 7 parameters'],
        ['a state that is none', { state: 'perfect' }, 'state of "perfect"'],
        ['samples that are none', { samples: [{ step: 1 }] }, 'samples of [{"step":1}]'],
        ['losses of a step twice', { evaluations: [0, 4, 4] }, 'evaluations of step 4 behind'],
        ['a loss below nothing', { evaluations: [0, 4], loss: -1 }, 'a eval_loss of -1 at step 0'],
        [
          'a loss of a run that is none',
          { evaluations: [0, 4], loss: 1e9 },
          'eval_loss of 1000000000',
        ],
        ['a text that it has not', { text: { vocabSize: 999 } }, 'of guessing evenly'],
      ] as const
    ).map(
      ([what, { ...change }, words]) =>
        [
          `a record with ${what}`,
          (all: Record<string, Uint8Array>) => {
            const record = json(all['run.json']);
            const { evaluations, loss = 2, text, ...rest } = change as Record<string, unknown>;
            if (Array.isArray(evaluations)) {
              record.evaluations = evaluations.map((step) => ({ step, loss }));
            }
            Object.assign(record.text, text);
            return { ...all, 'run.json': encode({ ...record, ...rest }) };
          },
          words,
        ] as [string, (files: Record<string, Uint8Array>) => Record<string, Uint8Array>, string],
    ),
    [
      'a record with a loss beyond all numbers',
      (all) => {
        const text = new TextDecoder().decode(all['run.json']);
        return {
          ...all,
          'run.json': new TextEncoder().encode(text.replace(/"loss":\[[\d.]+/u, '"loss":[1e999')),
        };
      },
      'points.step of',
    ],
    [
      'a record with another loss than its receipt',
      (all) => {
        const record = json(all['run.json']);
        record.points.loss[2] -= 0.01;
        return { ...all, 'run.json': encode(record) };
      },
      'losses[2].loss of',
    ],
    [
      'a record and a receipt with another loss than its curve',
      (all) => {
        const [record, receipt] = [json(all['run.json']), json(all['receipt.json'])];
        record.points.loss[2] -= 0.01;
        receipt.losses[2].loss = record.points.loss[2];
        return { ...all, 'run.json': encode(record), 'receipt.json': encode(receipt) };
      },
      'in its curve, and',
    ],
    [
      'a receipt of other settings',
      (all) => {
        const receipt = json(all['receipt.json']);
        receipt.settings.arguments.seed = 7;
        return { ...all, 'receipt.json': encode(receipt) };
      },
      'settings.arguments.seed of 7 in its receipt',
    ],
    [
      'a receipt that names no weights',
      (all) => ({
        ...all,
        'receipt.json': encode({ ...json(all['receipt.json']), weights: null }),
      }),
      'has weights of step 5, and its receipt those of step none',
    ],
    [
      'a checkpoint beyond its end',
      (all) => {
        const state = json(all['checkpoint-5/trainer_state.json']);
        return {
          ...all,
          'checkpoint-99/trainer_state.json': encode({ ...state, global_step: 99 }),
        };
      },
      'is of step 99',
    ],
    [
      'another text',
      (all) => ({ ...all, 'text.txt': encode('something else') }),
      'is not the one that it learned',
    ],
  ])('%s is refused, and nothing stays', async (_, spoil, words) => {
    const other = machine();
    await expect(other.trainer.ask('importRun', { file: pack(spoil(files)) })).rejects.toThrow(
      words,
    );
    await expectEmpty(other);
  });

  test('a file that is damaged behind its head is refused when it is copied, and nothing stays', async () => {
    const bytes = zipSync(inFolder(files), { level: 0 });
    const at = bytes.length - 4000;
    bytes[at] ^= 1;
    const other = machine();
    await expect(
      other.trainer.ask('importRun', { file: new Blob([bytes.slice()]) }),
    ).rejects.toMatchObject({ code: 'zip/damaged' });
    await expectEmpty(other);
  });
});

test('a text of one’s own stays at home unless it is wanted along; without it the right one is asked for', async () => {
  const { trainer } = machine();
  const { id } = await run(trainer, { run: { settings: OWN } }, 3);
  const bare = await take(trainer, { id, what: 'run' });
  for (const bytes of Object.values(bare)) {
    expect(new TextDecoder().decode(bytes)).not.toContain('the dog sat on the log');
  }
  expect(json(bare['run.json']).text.beginning).toEqual([]);
  const other = machine();
  const file = pack(bare);
  const bring = (text?: string) =>
    other.trainer.ask('importRun', {
      file,
      ...(text !== undefined && { text: { kind: 'own' as const, name: 'x', text } }),
    });
  await expect(bring()).rejects.toMatchObject({ code: 'training/text-needed' });
  await expect(bring(`${TEXT} `)).rejects.toMatchObject({ code: 'training/text-other' });
  await expectEmpty(other);
  const brought = await bring(TEXT);
  const rest = await run(other.trainer, { run: brought });
  expect(rest.losses).toHaveLength(21);
  const { text } = await other.trainer.ask('run', brought);
  expect(text.beginning.length).toBeGreaterThan(100);

  const along = await take(trainer, { id, what: 'run', text: true });
  expect(new TextDecoder().decode(along['text.txt'])).toBe(TEXT);
  const third = machine();
  const there = await third.trainer.ask('importRun', { file: pack(along) });
  expect((await run(third.trainer, { run: there })).losses).toEqual(rest.losses);
});

describe('a receipt', () => {
  async function check(trainer: LocalTrainer, receipt: unknown, all = false) {
    const events: ReceiptEvent[] = [];
    const file = new Blob([JSON.stringify(receipt)]);
    const asked = { file, all, device: 'cpu' } as const;
    for await (const event of trainer.checkReceipt(asked)) events.push(event);
    return events;
  }

  test.each(['philox', 'torch'] as const)(
    'is made again from its seed (%s), and a difference is found at its step',
    async (generator) => {
      const { trainer } = machine();
      const { id } = await run(trainer, { run: { settings: { ...SETTINGS, generator } } });
      const receipt = await trainer.ask('receipt', { id });
      const same = await check(machine().trainer, receipt);
      expect(same.at(-1)).toEqual({ type: 'done', steps: 20, parts: null });
      const steps = same.flatMap((event) => (event.type === 'step' ? [event] : []));
      expect(steps).toHaveLength(20);
      for (const { here, there } of steps) expect(here).toBeCloseTo(there, 5);

      const losses = receipt.losses.map((one) =>
        one.step < 7 ? one : { ...one, loss: one.loss + 2e-4 },
      );
      const other = await check(machine().trainer, { ...receipt, losses });
      expect(other.at(-1)).toEqual({ type: 'done', steps: 20, parts: 7 });
    },
  );

  test('is made again to its last step where somebody asks for all', async () => {
    const { trainer } = machine();
    const { id } = await run(trainer, { run: { settings: SETTINGS } });
    const receipt = await trainer.ask('receipt', { id });
    const checked = await check(machine().trainer, receipt, true);
    expect(checked.at(-1)).toEqual({ type: 'done', steps: 24, parts: null });
    expect(checked.at(-2)).toMatchObject({ type: 'step', step: 24 });
    // And the text that all of it comes from is given out.
    const { text } = await trainer.ask('run', { id });
    const bytes = await (await trainer.ask('textOf', { id })).arrayBuffer();
    expect(createHash('sha256').update(new Uint8Array(bytes)).digest('hex')).toBe(text.sha256);
  });

  test('of a run that went on with another rate begins as it did, and goes on so', async () => {
    const { trainer } = machine();
    const { id } = await run(trainer, { run: { settings: SETTINGS } }, 4);
    await run(trainer, { run: { id }, change: { learning_rate: 0.002, min_lr: 0.001 } });
    const receipt = await trainer.ask('receipt', { id });
    expect(receipt.settings.arguments).toEqual(SETTINGS.arguments);
    expect(receipt.changes).toMatchObject([{ step: 4 }]);
    expect((await check(machine().trainer, receipt)).at(-1)).toEqual({
      type: 'done',
      steps: 20,
      parts: null,
    });
  });

  test.each<[string, (receipt: RunReceipt) => unknown, string]>([
    ['another file', () => 'hello', 'version'],
    ['no settings', (one) => ({ ...one, settings: {} }), 'settings'],
    ['no losses', (one) => ({ ...one, losses: [] }), 'no loss of a step'],
    ['losses that are none', (one) => ({ ...one, losses: [{ step: 1, loss: 'x' }] }), 'losses'],
    ['losses that none has', (one) => ({ ...one, losses: [{ step: 1, loss: 1e30 }] }), 'losses'],
    ['another text', (one) => ({ ...one, text: '0'.repeat(64) }), 'is not the one that it learned'],
    [
      'a text that is somebody’s own',
      (one) => ({ ...one, settings: { ...one.settings, text: { kind: 'own', name: 'Letters' } } }),
      'It learned "Letters", which is not in the file',
    ],
  ])('%s is refused in words', async (_, spoil, words) => {
    const receipt: RunReceipt = {
      version: 1,
      settings: SETTINGS,
      changes: [],
      text: 'a'.repeat(64),
      losses: [{ step: 1, loss: 2 }],
      step: 1,
      weights: null,
      device: '',
    };
    const { trainer } = machine();
    await expect(check(trainer, spoil(receipt))).rejects.toThrow(words);
    // It is free for the next.
    expect(await trainer.ask('runs', {})).toEqual([]);
    await expect(check(trainer, spoil(receipt))).rejects.toThrow(words);
  });
});

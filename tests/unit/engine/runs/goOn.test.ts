// Runs that go on training a model that is there: from its files, from a step of another run; all of it, or a LoRA.
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import type {
  LoadedBase,
  RunBase,
  RunExportRequest,
  RunRequest,
  RunSettings,
} from '../../../../src/api.ts';
import { GPT2 } from '../../../../src/engine/gpt2.ts';
import { LocalTrainer } from '../../../../src/engine/runs/localTrainer.ts';
import { prepareText } from '../../../../src/engine/runs/prepare.ts';
import { RunStore } from '../../../../src/engine/runs/runStore.ts';
import { splitCorpus } from '../../../../src/engine/training/split.ts';
import { train } from '../../../../src/engine/training/train.ts';
import { openDirectory } from '../../../../src/kept/nodeFiles.ts';

const PROCESSOR = { wasm: 'exact', threads: 1 } as const;
const BASE = 'http://localhost/';
const ARGUMENTS = {
  max_steps: 8,
  per_device_train_batch_size: 2,
  save_steps: 4,
  eval_steps: 4,
  max_eval_samples: 4,
  sample_steps: 0,
  warmup_steps: 0,
  learning_rate: 0.003,
  attn_pdrop: 0.1,
} as const;
const LESSON = `${Array.from({ length: 60 }, (_, i) => 'abcd'.slice(i % 3).repeat(5)).join('|')}\n`;

let folder = '';
let places = 0;
/** The model that the runs go on from: its files, and how the page would hand it over. */
let files: File[] = [];
let weights: Uint8Array = new Uint8Array();
let loaded: LoadedBase;
let base: RunBase;
/** Validation loss of that model on its own text, as its own run measured it last. */
let ownLoss = NaN;

function machine(place = `machine-${places++}`) {
  const [runs, models] = [join(folder, place, 'runs'), join(folder, place, 'models')];
  const openStore = async (): Promise<RunStore> =>
    new RunStore(await openDirectory(runs), await openDirectory(models));
  const how = { base: BASE, processor: PROCESSOR, cache_dir: models };
  return { trainer: new LocalTrainer({ ...how, openStore }), place, openStore };
}

const begins = (lora?: RunBase['lora']): RunSettings => ({
  text: { kind: 'own', name: 'Lesson', text: LESSON },
  tokenizer: { kind: 'model' },
  model: { kind: 'gpt2', n_layer: 1, n_head: 2, n_embd: 16, n_ctx: 24 },
  base: { ...base, ...(lora && { lora }) },
  validation: 0.2,
  generator: 'philox',
  order: 'random',
  prompt: '',
  arguments: ARGUMENTS,
});

/** Losses by step, the first validation, the run's id. `until` stops it there. */
async function run(trainer: LocalTrainer, request: RunRequest, until = Infinity) {
  const losses: number[] = [];
  const evaluations: number[] = [];
  let id = '';
  const stop = new AbortController();
  for await (const event of trainer.train({ device: 'cpu', ...request }, stop.signal)) {
    if (event.type === 'begun') ({ id } = event.run);
    if (event.type === 'points') losses.push(...event.points.map(({ loss }) => loss));
    if (event.type === 'evaluation') evaluations.push(event.loss);
    if (event.type === 'checkpoint' && event.step >= until) stop.abort();
  }
  return { id, losses, evaluations };
}

async function take(trainer: LocalTrainer, request: RunExportRequest) {
  const found: Record<string, Uint8Array> = {};
  let name = '';
  for await (const event of trainer.exportRun(request)) {
    if (event.type === 'file') ({ name } = event);
    if (event.type === 'bytes') {
      found[name] = new Uint8Array(Buffer.concat([found[name] ?? new Uint8Array(), event.bytes]));
    }
  }
  return found;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'glass-gpt-go-on-'));
  const { trainer } = machine('school');
  const first = await run(trainer, {
    run: {
      settings: {
        ...begins(),
        text: { kind: 'own', name: 'First', text: 'abcd|dcba\n'.repeat(80) },
        tokenizer: { kind: 'characters' },
        base: undefined,
        arguments: { ...ARGUMENTS, max_steps: 20, learning_rate: 0.01 },
      },
    },
  });
  ownLoss = first.evaluations.at(-1) ?? NaN;
  const saved = await take(trainer, { id: first.id, what: 'model' });
  files = Object.entries(saved).map(([name, bytes]) => new File([bytes.slice()], name));
  weights = saved['model.safetensors'];
  const model = await GPT2.from_pretrained('letters', {
    files,
    device: 'cpu',
    processor: PROCESSOR,
  });
  const { fingerprint } = model;
  await model.dispose();
  loaded = { fingerprint, source: { source: 'letters', files } };
  base = { name: 'letters', fingerprint, source: null };
});
afterAll(() => rm(folder, { recursive: true, force: true }));
afterEach(() => vi.unstubAllGlobals());

describe('going on with a model', () => {
  test('begins as the model is: its loss before the first step, its weights in the record, its halves at step 0', async () => {
    const { trainer, openStore } = machine();
    const settings = {
      ...begins(),
      text: { kind: 'own', name: 'First', text: 'abcd|dcba\n'.repeat(80) },
      arguments: { ...ARGUMENTS, sample_steps: 8 },
    } as const;
    const facts = await trainer.ask('readText', { ...settings, loaded });
    expect(facts.vocabSize).toBe(6);
    expect(facts.beginning.map(({ text }) => text).slice(0, 5)).toEqual(['a', 'b', 'c', 'd', '|']);
    const cost = await trainer.ask('estimate', { settings, vocabSize: 6, loaded, device: 'cpu' });
    const done = await run(trainer, { run: { settings }, loaded });
    expect(done.evaluations[0]).toBe(ownLoss);
    const record = await trainer.ask('run', { id: done.id });
    expect(record.name).toBe('First, on letters');
    expect(record.parameters).toBe(cost.parameters);
    expect(record.evaluations[0]).toEqual({ step: 0, loss: ownLoss });
    // What it wrote before is there to be compared; words that the text has not are its own.
    expect(record.samples.map(({ step }) => step)).toEqual([0, 8]);
    expect(record.samples.every(({ strange }) => strange === undefined)).toBe(true);
    const hash = createHash('sha256').update(weights).digest('hex');
    expect(record.settings.base).toEqual({ ...base, sha256: hash });
    // What is looked at as step 0 is that model in halves.
    const model = await GPT2.from_pretrained('letters', {
      files,
      device: 'cpu',
      processor: PROCESSOR,
    });
    const halves = await model.save_pretrained({ dtype: 'fp16' });
    const chunks: Uint8Array[] = [];
    const file = halves.files.find(({ name }) => name === 'model.safetensors');
    for await (const bytes of file?.chunks() ?? []) chunks.push(bytes.slice());
    await model.dispose();
    const [seen] = await (await openStore()).snapshots(done.id).list();
    expect(seen.step).toBe(0);
    const kept = await seen.read('model.safetensors');
    expect(kept && Buffer.compare(kept, Buffer.concat(chunks))).toBe(0);
  });

  test('makes the steps that the library makes with the model loaded', async () => {
    const here = await run(machine().trainer, { run: { settings: begins() }, loaded });
    const model = await GPT2.from_pretrained('letters', {
      files,
      device: 'cpu',
      dtype: 'fp32',
      processor: PROCESSOR,
    });
    const { tokenizer, tokenizerFiles, config, gpt } = model;
    if (!tokenizer) throw new Error('It reads letters.');
    const known = { name: 'letters', tokenizer, tokenizerFiles, config };
    const { corpus } = await prepareText(
      new TextEncoder().encode(LESSON),
      { kind: 'model' },
      { base: known },
    );
    const losses: number[] = [];
    for await (const event of train({
      ...ARGUMENTS,
      model,
      ...splitCorpus(corpus, { by: 'share', validation: 0.2 }),
      save_steps: 0,
    })) {
      if (event.type === 'step') losses.push(event.loss);
      if (event.type === 'done') await event.model.dispose();
    }
    expect(losses).toHaveLength(8);
    expect(here.losses).toEqual(losses);
    expect(gpt.config.nEmbd).toBe(16);
    await model.dispose();
  });

  test('goes on after its files are gone, to the bit: its weights are in its own checkpoint', async () => {
    const whole = await run(machine().trainer, { run: { settings: begins() }, loaded });
    const { trainer, place } = machine();
    const begun = await run(trainer, { run: { settings: begins() }, loaded }, 4);
    expect(begun.losses).toHaveLength(4);
    const other = machine(place).trainer;
    const rest = await run(other, { run: { id: begun.id } });
    expect([...begun.losses, ...rest.losses]).toEqual(whole.losses);
    expect((await other.ask('run', { id: begun.id })).settings.base?.name).toBe('letters');
    // Before its first checkpoint there is nothing but them.
    const early = machine();
    const stopped = await run(early.trainer, {
      run: { settings: { ...begins(), arguments: { ...ARGUMENTS, save_steps: 0 } } },
      loaded,
    });
    for (const each of await (await early.openStore()).checkpoints(stopped.id).list()) {
      await (await early.openStore()).checkpoints(stopped.id).remove(each.step);
    }
    await expect(
      run(machine(early.place).trainer, { run: { id: stopped.id } }),
    ).rejects.toMatchObject({
      code: 'training/base',
      message: expect.stringContaining('the weights of letters, which are not at hand.'),
      hint: expect.stringMatching(/Load letters .* begins with [0-9a-f]{12}/u),
    });
  });

  test('goes on from the checkpoint before one that is damaged', async () => {
    const settings = { ...begins(), arguments: { ...ARGUMENTS, save_steps: 2 } };
    const whole = await run(machine().trainer, { run: { settings }, loaded });
    const { trainer, place } = machine();
    const begun = await run(trainer, { run: { settings }, loaded }, 4);
    const kept = join(folder, place, 'models');
    const last = (await readdir(kept)).find((name) => name.endsWith('4') && !name.includes('seen'));
    const file = join(kept, last ?? '', 'model.safetensors');
    const bytes = await readFile(file);
    await writeFile(file, bytes.fill(255, 8, 64));
    const rest = await run(machine(place).trainer, { run: { id: begun.id } });
    expect(rest.losses).toEqual(whole.losses.slice(2));
  });

  test('goes on from a step of a run that is kept', async () => {
    const { trainer } = machine('school');
    const [first] = await trainer.ask('runs', {});
    const step = { id: first.snapshotsId, step: 20 };
    const model = await GPT2.from_pretrained('', {
      run: step,
      device: 'cpu',
      processor: PROCESSOR,
      cache_dir: join(folder, 'school', 'models'),
    });
    const source = { source: 'First · step 20', run: step };
    const from: RunBase = {
      name: 'First · step 20',
      fingerprint: await fingerprintOf(model),
      source,
    };
    const { losses } = await run(trainer, { run: { settings: { ...begins(), base: from } } });
    expect(losses).toHaveLength(8);
  });
});

describe('a LoRA beside a model', () => {
  const lora = { r: 2, lora_alpha: 4 };

  test('learns, says what the model beside it takes, and is saved as an adapter', async () => {
    const { trainer } = machine();
    const settings = begins(lora);
    const cost = await trainer.ask('estimate', { settings, vocabSize: 6, loaded, device: 'cpu' });
    expect(cost.memory.base).toBeGreaterThan(0);
    expect(cost.memory.gradients).toBeLessThan(cost.memory.base ?? 0);
    const done = await run(trainer, { run: { settings }, loaded });
    expect(done.evaluations.at(-1)).toBeLessThan(done.evaluations[0]);
    const saved = await take(trainer, { id: done.id, what: 'model' });
    expect(Object.keys(saved)).toEqual(['adapter_config.json', 'adapter_model.safetensors']);
    expect(JSON.parse(new TextDecoder().decode(saved['adapter_config.json']))).toMatchObject(lora);
    const { weights: told } = await trainer.ask('receipt', { id: done.id });
    expect(told?.sha256).toBe(
      createHash('sha256').update(saved['adapter_model.safetensors']).digest('hex'),
    );
  });

  test('goes on beside the same model alone, to the bit', async () => {
    const whole = await run(machine().trainer, { run: { settings: begins(lora) }, loaded });
    const { trainer, place } = machine();
    const begun = await run(trainer, { run: { settings: begins(lora) }, loaded }, 4);
    const other = machine(place).trainer;
    await expect(run(other, { run: { id: begun.id } })).rejects.toMatchObject({
      code: 'training/base',
    });
    expect((await other.ask('run', { id: begun.id })).step).toBe(4);
    const rest = await run(other, { run: { id: begun.id }, loaded });
    expect([...begun.losses, ...rest.losses]).toEqual(whole.losses);
  });
});

describe('what does not go together is said', () => {
  test('a text with letters that the model has no token for', async () => {
    const text = { kind: 'own', name: 'Other', text: 'abcd\nab!d' } as const;
    await expect(
      machine().trainer.ask('readText', { ...begins(), text, loaded }),
    ).rejects.toMatchObject({
      code: 'tokenizer/byte',
      message: expect.stringMatching(/^The tokenizer of letters has no token for "!".*line 2/u),
      hint: expect.stringContaining('train a new model'),
    });
  });

  test('files that are another model by now, though they begin alike', async () => {
    const settings = { ...begins(), base: { ...base, sha256: 'a'.repeat(64) } };
    await expect(run(machine().trainer, { run: { settings }, loaded })).rejects.toMatchObject({
      code: 'training/base',
      message: expect.stringContaining('other weights'),
    });
  });

  test('a model of a Hub that is not kept, without asking anybody', async () => {
    const fetched = vi.fn<typeof fetch>(() => Promise.reject(new Error('Nobody may be asked.')));
    vi.stubGlobal('fetch', fetched);
    const settings = { ...begins(), base: { ...base, source: { source: 'owner/model' } } };
    await expect(machine().trainer.ask('readText', settings)).rejects.toMatchObject({
      code: 'training/base',
      message:
        'This stands on the weights of letters, which are not at hand: owner/model is not kept in this browser.',
    });
    expect(fetched).not.toHaveBeenCalled();
  });

  test('a model without a tokenizer', async () => {
    const bare = files.filter(({ name }) => /^(?:config\.json|model\.safetensors)$/u.test(name));
    await expect(
      machine().trainer.ask('readText', {
        ...begins(),
        loaded: { ...loaded, source: { source: 'bare', files: bare } },
      }),
    ).rejects.toMatchObject({ code: 'training/reads' });
  });
});

describe('a run that goes on with a model leaves, and comes back', () => {
  test.each([
    ['all of it', undefined],
    ['a LoRA', { r: 2, lora_alpha: 4 }],
  ])('as one file: %s', async (_, lora) => {
    const whole = await run(machine().trainer, { run: { settings: begins(lora) }, loaded });
    const { trainer } = machine();
    const begun = await run(trainer, { run: { settings: begins(lora) }, loaded }, 4);
    const out = await take(trainer, { id: begun.id, what: 'run', text: true });
    const said = JSON.parse(new TextDecoder().decode(out['receipt.json'])) as {
      settings: RunSettings;
    };
    expect(said.settings.base).toMatchObject({
      name: 'letters',
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/u),
    });
    const other = machine().trainer;
    const { id } = await other.ask('importRun', { file: new Blob([zipSync(out).slice()]) });
    const rest = await run(other, { run: { id }, loaded: lora ? loaded : null });
    expect([...begun.losses, ...rest.losses]).toEqual(whole.losses);
  });

  test('as a receipt, which whoever has the model checks', async () => {
    const { trainer } = machine();
    const done = await run(trainer, { run: { settings: begins() }, loaded });
    const receipt = await trainer.ask('receipt', { id: done.id });
    const file = new Blob([JSON.stringify(receipt)]);
    const text = { kind: 'own', name: 'text', text: LESSON } as const;
    const events: string[] = [];
    let parts: number | null | undefined;
    for await (const event of machine().trainer.checkReceipt({
      file,
      text,
      loaded,
      device: 'cpu',
    })) {
      events.push(event.type);
      if (event.type === 'done') ({ parts } = event);
    }
    expect(parts).toBeNull();
    expect(events.filter((type) => type === 'step')).toHaveLength(8);
    const alone = machine().trainer.checkReceipt({ file, text, device: 'cpu' });
    await expect(readAll(alone)).rejects.toMatchObject({ code: 'training/base' });
  });

  test('what a stranger wrote of its source is asked of nobody', async () => {
    const { trainer } = machine();
    const done = await run(trainer, { run: { settings: begins() }, loaded }, 4);
    const receipt = await trainer.ask('receipt', { id: done.id });
    const evil = structuredClone(receipt) as { settings: { base: { source: unknown } } };
    evil.settings.base.source = { source: 'https://evil.example/model/' };
    const fetched = vi.fn<typeof fetch>(() => Promise.reject(new Error('Nobody may be asked.')));
    vi.stubGlobal('fetch', fetched);
    const text = { kind: 'own', name: 'text', text: LESSON } as const;
    const file = new Blob([JSON.stringify(evil)]);
    const checked = readAll(machine().trainer.checkReceipt({ file, text, device: 'cpu' }));
    await expect(checked).rejects.toMatchObject({ code: 'training/base' });
    expect(fetched).not.toHaveBeenCalled();
  });
});

async function fingerprintOf(model: GPT2): Promise<string> {
  const { fingerprint } = model;
  await model.dispose();
  return fingerprint;
}

async function readAll(events: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of events);
}

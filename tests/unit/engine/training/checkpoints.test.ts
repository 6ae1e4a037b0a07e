// Checkpoints of a run: nothing is lost in them to the last bit, and what is wrong with one is said.
import { afterAll, describe, expect, it } from 'vitest';
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GPT2 } from '../../../../src/engine/gpt2.ts';
import { forward } from '../../../../src/engine/reading/forward.ts';
import { type SavedFile, textFile, writeFolder } from '../../../../src/engine/save.ts';
import { openCheckpointFolder } from '../../../../src/engine/training/checkpointFolder.ts';
import {
  type CheckpointStore,
  lastCheckpoint,
  removeOldest,
  savedModelOf,
  sizeOf,
} from '../../../../src/engine/training/checkpointStore.ts';
import { checkpointFiles, readState } from '../../../../src/engine/training/checkpoints.ts';
import { restore } from '../../../../src/engine/training/restore.ts';
import { openKeptCheckpoints } from '../../../../src/engine/training/keptCheckpoints.ts';
import {
  readTrainerState,
  writeTrainerState,
} from '../../../../src/engine/training/trainerState.ts';
import { EngineError } from '../../../../src/errors.ts';
import { createProcessor } from '../../../../src/engine/load/processor.ts';
import { type Disk, toWriteError } from '../../../../src/kept/disk.ts';
import { ownerHere } from '../../../../src/kept/folderLock.ts';
import { takeLock } from '../../../../src/kept/locks.ts';
import { openDirectory } from '../../../../src/kept/nodeFiles.ts';
import { ModelStore, keyOf, lockOf } from '../../../../src/kept/store.ts';
import type { GptConfig } from '../../../../src/model/config.ts';
import {
  ODD,
  type TestLearner,
  createLearner,
  describedAs,
  stateOf,
} from '../../../support/learner.ts';

const CPU = { device: 'cpu', dtype: 'fp32', processor: { threads: 1 } } as const;
// As CPU has it: results are compared to the bit.
const device = await createProcessor(CPU.processor);
const away = mkdtempSync(join(tmpdir(), 'glass-gpt-checkpoints-'));
afterAll(() => {
  device.dispose();
  rmSync(away, { recursive: true, force: true });
});
let folders = 0;
const newFolder = (): string => join(away, `run-${folders++}`);

const CONFIGS: Readonly<Record<string, GptConfig>> = {
  'odd widths, tied head': ODD,
  'no biases, untied head': {
    ...ODD,
    qkvBias: false,
    bias: false,
    layerNormBias: false,
    tiedHead: false,
    activation: 'gelu-exact',
  },
  'the notebook: LayerNorm by standard deviation': {
    ...ODD,
    qkvBias: false,
    layerNormDenominator: 'std',
    tiedHead: false,
  },
  'a tied head under names that never tie it': { ...ODD, layerNormDenominator: 'std' },
};

const filesOf = (learner: TestLearner): Promise<SavedFile[]> => {
  const { config } = learner.model;
  const beside = { tokenizerFiles: null, dropRates: { embd: 0.1, attn: 0.1, resid: 0.1 } };
  return checkpointFiles(learner, describedAs(config), beside, stateOf(config, 3, null));
};

async function errorOf(work: Promise<unknown> | (() => unknown)): Promise<EngineError> {
  const error: unknown = await (async () => (typeof work === 'function' ? work() : work))().then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(EngineError);
  return error as EngineError;
}

const IDS = [5, 17, 3, 22, 0];

describe('a checkpoint', () => {
  for (const [name, config] of Object.entries(CONFIGS)) {
    it(`gives every weight and moment back bit for bit, and loads as a model: ${name}`, async () => {
      const learner = await createLearner(device, config, 1);
      const folder = newFolder();
      const store = openCheckpointFolder(folder);
      const written = await store.write(3, await filesOf(learner));
      expect(readdirSync(folder)).toEqual(['checkpoint-3']);
      expect(readdirSync(join(folder, 'checkpoint-3')).toSorted()).toEqual([
        'config.json',
        'generation_config.json',
        'model.safetensors',
        'optimizer.safetensors',
        'trainer_state.json',
      ]);

      const again = await createLearner(device, config);
      expect(await restore(again, written)).toEqual(stateOf(config, 3, null));
      expect(again.resumed).toEqual([3, 6]);
      const [before, after] = [await learner.bits(), await again.bits()];
      expect(before.size).toBeGreaterThan(30);
      for (const [path, values] of before) expect(after.get(path), path).toEqual(values);

      await using model = await GPT2.from_pretrained(join(folder, 'checkpoint-3'), CPU);
      const { logits } = await model.forward(IDS);
      expect(logits.data).toEqual((await forward(learner.model, IDS, {})).logits.data);
      expect(model.summary.assumed ?? []).toEqual([]);
    });
  }

  it('of another model, or not whole, is refused before anything is overwritten', async () => {
    const learner = await createLearner(device, ODD, 1);
    const folder = newFolder();
    const files = await openCheckpointFolder(folder).write(3, await filesOf(learner));
    const deeper = await createLearner(device, { ...ODD, nLayer: 3 });
    expect(await errorOf(restore(deeper, files))).toMatchObject({
      code: 'training/checkpoint',
      message: "checkpoint-3 is of a model with nLayer = 2; this run's has nLayer = 3.",
    });
    const again = await createLearner(device, ODD, 2);
    const before = await again.bits();
    const lacking = (absent: string) => ({
      ...files,
      open: (file: string) => (file === absent ? Promise.resolve(null) : files.open(file)),
    });
    expect(await errorOf(restore(again, lacking('optimizer.safetensors')))).toMatchObject({
      code: 'training/checkpoint',
      message: 'checkpoint-3 has no optimizer.safetensors.',
    });
    // The weights alone, where the moments should be.
    const swapped = { ...files, open: () => files.open('model.safetensors') };
    const error = await errorOf(restore(again, swapped));
    expect(error).toMatchObject({ code: 'checkpoint/missing' });
    expect(error.message).toContain('exp_avg.transformer.wte.weight');
    const path = join(folder, 'checkpoint-3/optimizer.safetensors');
    writeFileSync(path, readFileSync(path).subarray(0, -8));
    expect((await errorOf(restore(again, files))).code).toMatch(/^safetensors\//);
    expect(again.resumed).toBeNull();
    expect(await again.bits()).toEqual(before);
  });
});

describe('trainer_state.json', () => {
  const utf8 = new TextEncoder();
  const valid = (): Record<string, unknown> =>
    JSON.parse(writeTrainerState(stateOf(ODD, 7, 1.5))) as Record<string, unknown>;
  const read = (json: unknown) => readTrainerState(utf8.encode(JSON.stringify(json)));

  it('comes back as it was, the last thousand steps of the log with it', () => {
    const state = stateOf(ODD, 7, 1.5);
    const log = Array.from({ length: 1500 }, (_, i) => ({ step: i, loss: Math.sqrt(i) }));
    const text = writeTrainerState({ ...state, log });
    expect(readTrainerState(utf8.encode(text))).toEqual({ ...state, log: log.slice(-1000) });
  });

  it('is refused by name where anything in it is wrong', async () => {
    const model = valid().model as object;
    const generator = valid().generator as object;
    const cases: readonly (readonly [change: object, message: string])[] = [
      [{ format: undefined }, 'not one that this program wrote'],
      [{ version: 2 }, 'has the version 2'],
      [{ run: 1 }, 'run = 1; expected a text'],
      [{ global_step: -1 }, 'global_step = -1'],
      [{ micro_steps: 1.5 }, 'micro_steps = 1.5'],
      [{ eval_loss: 'low' }, 'eval_loss = "low"'],
      [{ options: [] }, 'options = []'],
      [{ model: { ...model, nHead: 4 } }, 'nEmbd must be divisible by nHead'],
      [{ model: { ...model, nEmbd: 1e9 } }, 'nEmbd is 1000000000'],
      [{ model: { ...model, tiedHead: 'yes' } }, 'model.tiedHead = "yes"'],
      [{ model: { ...model, activation: 'none' } }, 'model.activation = "none"'],
      [{ model: { ...model, activation: '__proto__' } }, 'model.activation'],
      [{ model: { ...model, layerNormDenominator: 0 } }, 'model.layerNormDenominator = 0'],
      [{ generator: { ...generator, words: [1, 2] } }, 'generator.words = [1,2]; expected 624'],
      [{ generator: { ...generator, drawn: null } }, 'generator.drawn = null'],
      [{ log_history: [{ step: 1, loss: null }] }, 'log_history[0].loss = null'],
      [{ log_history: {} }, 'log_history = {}'],
    ];
    for (const [change, message] of cases) {
      const error = await errorOf(() => read({ ...valid(), ...change }));
      expect(error.code).toBe('training/checkpoint');
      expect(error.message).toContain(message);
    }
    for (const text of ['', '{', '[]', 'null', '\xff']) {
      expect((await errorOf(() => readTrainerState(utf8.encode(text)))).code).toBe(
        'training/checkpoint',
      );
    }
    expect(
      (await errorOf(() => readTrainerState(new Uint8Array((8 << 20) + 1)))).message,
    ).toContain('larger than');
  });

  it('takes no number that JSON cannot say', () => {
    const state = stateOf(ODD, 7, Number.NaN);
    expect(() => writeTrainerState(state)).toThrow('eval_loss = NaN');
  });
});

/** As the store sees them: of the files, it reads trainer_state.json alone. */
const smallFiles = (step: number, evalLoss: number | null = null): SavedFile[] => [
  textFile('config.json', '{}'),
  textFile('model.safetensors', 'x'.repeat(20_000)),
  textFile('optimizer.safetensors', 'y'.repeat(40_000)),
  textFile('trainer_state.json', writeTrainerState(stateOf(ODD, step, evalLoss))),
];

/** The disk is full in the middle of the third file. */
function broken(files: readonly SavedFile[]): SavedFile[] {
  return files.map((file, i) => ({
    ...file,
    async *chunks() {
      for await (const bytes of file.chunks()) {
        yield bytes;
        if (i === 2) throw Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC' });
      }
    },
  }));
}

for (const kind of ['a folder', 'kept files'] as const) {
  const open = async (): Promise<{ store: CheckpointStore; folder: string; disk: Disk }> => {
    const folder = newFolder();
    const disk = await openDirectory(folder);
    const isFolder = kind === 'a folder';
    const store = isFolder ? openCheckpointFolder(folder) : openKeptCheckpoints(disk, 'tales');
    return { store, folder, disk };
  };
  const steps = async (store: CheckpointStore): Promise<number[]> =>
    (await store.list()).map(({ step }) => step);

  describe(`${kind} of checkpoints`, () => {
    it('keeps them by step, replaces one of the same step, and removes', async () => {
      const { store, folder } = await open();
      expect(await store.list()).toEqual([]);
      for (const step of [100, 20, 3]) await store.write(step, smallFiles(step));
      expect(await steps(store)).toEqual([3, 20, 100]);
      const [first] = await store.list();
      expect(first.name).toBe('checkpoint-3');
      const files = smallFiles(3, 0.5);
      expect(sizeOf(await store.write(3, files))).toBe(
        files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      );
      expect((await readState((await store.list())[0])).evalLoss).toBe(0.5);
      await store.remove(20);
      await store.remove(21);
      expect(await steps(store)).toEqual([3, 100]);
      expect(readdirSync(folder)).toHaveLength(2);
    });

    it('that fills up in the middle keeps nothing of the new one, and all of the others', async () => {
      const { store, folder } = await open();
      await store.write(1, smallFiles(1));
      const error = await errorOf(store.write(2, broken(smallFiles(2))));
      expect(error.code).toBe('training/storage-full');
      expect(error.message).toMatch(/^There is no room for checkpoint-2, which takes 0\.0\d MB\.$/);
      expect(await steps(store)).toEqual([1]);
      expect(readdirSync(folder)).toHaveLength(1);
      await store.write(2, smallFiles(2));
      expect(await steps(store)).toEqual([1, 2]);
    });

    it('keeps nothing of one that is stopped', async () => {
      const { store, folder } = await open();
      const stop = new AbortController();
      const [first, ...rest] = smallFiles(1);
      const stopping = {
        ...first,
        async *chunks() {
          yield* first.chunks();
          stop.abort();
        },
      };
      const writing = store.write(1, [stopping, ...rest], stop.signal);
      await expect(writing).rejects.toMatchObject({ name: 'AbortError' });
      expect(await store.list()).toEqual([]);
      expect(readdirSync(folder)).toEqual([]);
    });

    it('drops the oldest, but never the last nor the best', async () => {
      const { store } = await open();
      for (const [step, loss] of [
        [1, 3],
        [2, 1],
        [3, null],
        [4, 2],
        [5, null],
      ] as const) {
        await store.write(step, smallFiles(step, loss));
      }
      expect(await removeOldest(store, {})).toEqual([]);
      expect(await removeOldest(store, { save_total_limit: 4 })).toEqual([1]);
      const [one] = await store.list();
      expect(await removeOldest(store, { maxBytes: 3.5 * sizeOf(one) })).toEqual([3]);
      expect(await removeOldest(store, { save_total_limit: 1, maxBytes: 1 })).toEqual([4]);
      expect(await steps(store)).toEqual([2, 5]);
      expect((await lastCheckpoint(store))?.step).toBe(5);
    });

    it('drops one that cannot be read before any other, and goes on from the one before it', async () => {
      const { store, disk } = await open();
      for (const step of [1, 2, 3]) await store.write(step, smallFiles(step));
      const last = kind === 'a folder' ? 'checkpoint-3' : 'run~tales~3';
      const size = (await disk.files(last)).get('trainer_state.json') ?? 0;
      await disk.write(last, 'trainer_state.json', new Uint8Array(size).fill(0x20));
      expect((await lastCheckpoint(store))?.step).toBe(2);
      expect(await removeOldest(store, { save_total_limit: 2 })).toEqual([3]);
      expect(await removeOldest(store, { save_total_limit: 1 })).toEqual([1]);
    });

    it('gives back the files of the model alone, which load', async () => {
      const { store } = await open();
      const trained = await createLearner(device, ODD, 1);
      const checkpoint = await store.write(3, await filesOf(trained));
      const files = savedModelOf(checkpoint);
      expect(files.map(({ name }) => name).toSorted()).toEqual([
        'config.json',
        'generation_config.json',
        'model.safetensors',
      ]);
      const out = newFolder();
      await writeFolder(out, files);
      for (const { name, sizeBytes } of files) {
        expect(readFileSync(join(out, name))).toHaveLength(sizeBytes);
      }
      await using model = await GPT2.from_pretrained(out, CPU);
      expect(model.config).toEqual(ODD);
    });
  });
}

async function taken(store: CheckpointStore): Promise<() => void | Promise<void>> {
  if (!store.take) throw new Error('It is nobody’s.');
  return store.take();
}

/** The owner of what a process made that has ended. */
async function endedOwner(): Promise<string> {
  const [host] = (await ownerHere()).split('.');
  const pid = execFileSync(process.execPath, ['-p', 'process.pid'], { encoding: 'utf8' });
  return `${host}.${pid.trim()}`;
}

describe('a folder of checkpoints', () => {
  it('passes over what is none, and clears away what a killed run left', async () => {
    const folder = newFolder();
    const store = openCheckpointFolder(folder);
    await store.write(1, smallFiles(1));
    const unfinished = (owner: string): string => `tmp-checkpoint-2.${owner}.0a`;
    const made = (name: string): string => {
      mkdirSync(join(folder, name));
      writeFileSync(join(folder, name, 'model.safetensors'), 'x');
      return join(folder, name);
    };
    const ended = unfinished(await endedOwner());
    const earlier = unfinished(await ownerHere());
    const gone = [made(ended), made(earlier)];
    utimesSync(gone[1], new Date(0), new Date(0));
    // One that is written by a process that is there, or of which nobody here can know; another program's; somebody's.
    const [host] = (await ownerHere()).split('.');
    const stays = [`${host}.${process.ppid}`, 'elsewhere.1'].map(unfinished);
    const others = [...stays, 'tmp-checkpoint-3', 'checkpoint-9', 'checkpoint-007', 'notes'];
    for (const name of others) made(name);
    writeFileSync(join(folder, 'checkpoint-10'), 'x');
    expect((await store.list()).map(({ step }) => step)).toEqual([1]);
    await store.write(3, smallFiles(3));
    for (const path of gone) expect(existsSync(path)).toBe(false);
    for (const name of others) expect(existsSync(join(folder, name))).toBe(true);
  });

  it('keeps what two write at once, be it of the same step', async () => {
    const folder = newFolder();
    const [one, other] = [openCheckpointFolder(folder), openCheckpointFolder(folder)];
    for (const [step, its] of [
      [1, 2],
      [3, 3],
    ]) {
      const [first, ...rest] = smallFiles(step);
      const slow = {
        ...first,
        async *chunks() {
          yield* first.chunks();
          // All of the other's is written and kept in the midst of this.
          await other.write(its, smallFiles(its));
        },
      };
      await one.write(step, [slow, ...rest]);
    }
    expect((await one.list()).map(({ step }) => step)).toEqual([1, 2, 3]);
    expect(readdirSync(folder)).toHaveLength(3);
  });

  it('is one run’s at a time, as long as its process is there', async () => {
    const folder = join(newFolder(), 'a');
    const [one, other] = [openCheckpointFolder(folder), openCheckpointFolder(folder)];
    const release = await taken(one);
    const error = await errorOf(taken(other));
    expect(error.code).toBe('storage/busy');
    expect(error.message).toContain(
      `keeps its checkpoints in ${folder} (process ${process.pid} on`,
    );
    expect(error.hint).toContain(join(folder, 'run.lock'));
    await release();
    // Nothing was kept, so nothing is left.
    expect(existsSync(folder)).toBe(false);
    const lock = join(folder, 'run.lock');
    mkdirSync(folder);
    for (const owner of [await endedOwner(), await ownerHere()]) {
      writeFileSync(lock, owner);
      utimesSync(lock, new Date(0), new Date(0));
      const free = await taken(other);
      await free();
      expect(readdirSync(folder)).toEqual([]);
    }
    // A disk that was full took no more than the name.
    for (const owner of ['elsewhere.1', '']) {
      writeFileSync(lock, owner);
      expect((await errorOf(taken(other))).code).toBe('storage/busy');
      expect(readFileSync(lock, 'utf8')).toBe(owner);
    }
  });
});

describe('kept checkpoints', () => {
  it('are one run’s at a time', async () => {
    const disk = await openDirectory(newFolder());
    const open = (run: string): CheckpointStore => openKeptCheckpoints(disk, run);
    const release = await taken(open('a'));
    expect(await errorOf(taken(open('a')))).toMatchObject({
      code: 'storage/busy',
      message: 'The run a keeps its checkpoints already, here or in another tab.',
    });
    const other = await taken(open('b'));
    await release();
    const again = await taken(open('a'));
    for (const free of [other, again]) await free();
  });

  it('load by their run, and say so; one that went is missed by name', async () => {
    const folder = newFolder();
    const trained = await createLearner(device, CONFIGS['no biases, untied head'], 1);
    const store = openKeptCheckpoints(await openDirectory(folder), 'tales');
    await store.write(3, await filesOf(trained));
    const options = { ...CPU, cache_dir: folder };
    const run = { id: 'tales', step: 3 };
    await using model = await GPT2.from_pretrained('my tales', { ...options, run });
    const expected = (await forward(trained.model, IDS, {})).logits.data;
    expect((await model.forward(IDS)).logits.data).toEqual(expected);
    expect(model.summary).toMatchObject({
      name: 'my tales',
      origin: { kind: 'run', id: 'tales/checkpoint-3', keptIn: 'directory', host: null },
    });
    await using again = await model.again({});
    expect((await again.forward(IDS)).logits.data).toEqual(expected);
    await store.remove(3);
    expect(await errorOf(GPT2.from_pretrained('', { ...options, run }))).toMatchObject({
      code: 'storage/key',
      message: 'There is no checkpoint of step 3 of this run here.',
    });
  });

  it('are those of one run, and clear away what it left half written unless somebody writes it', async () => {
    const disk = await openDirectory(newFolder());
    const [mine, other] = [openKeptCheckpoints(disk, 'a'), openKeptCheckpoints(disk, 'b')];
    await other.write(1, smallFiles(1));
    const models = new ModelStore(disk);
    const listed = new Map([['config.json', { size: 10, sha256: null, blob: null }]]);
    const half = async (step: number): Promise<string> => {
      const identity = { kind: 'run', id: 'a', step } as const;
      await models.begin(identity, null, listed);
      return keyOf(identity);
    };
    const [left, busy] = [await half(1), await half(2)];
    const release = await takeLock(lockOf(busy), () => {});
    expect(await mine.list()).toEqual([]);
    await mine.write(3, smallFiles(3));
    release();
    const there = await disk.folders();
    expect(there).not.toContain(left);
    expect(there).toContain(busy);
    expect((await mine.list()).map(({ step }) => step)).toEqual([3]);
    expect((await other.list()).map(({ step }) => step)).toEqual([1]);
  });

  it('say that there is no room where the browser gives none', async () => {
    const inner = await openDirectory(newFolder());
    let room = 20_000;
    const disk: Disk = {
      ...inner,
      async grow(folder, file) {
        const growing = await inner.grow(folder, file);
        return {
          ...growing,
          append(bytes) {
            room -= bytes.length;
            if (room >= 0) return growing.append(bytes);
            const full = new DOMException('No room.', 'QuotaExceededError');
            return Promise.reject(toWriteError(full, file));
          },
        };
      },
    };
    const store = openKeptCheckpoints(disk, 'tales');
    expect((await errorOf(store.write(2, smallFiles(2)))).code).toBe('training/storage-full');
    expect(await disk.folders()).toEqual([]);
  });

  it('want an id that no other run’s can be taken for', async () => {
    const disk = await openDirectory(newFolder());
    for (const id of ['', '../x', 'a b', 'x'.repeat(101)]) {
      expect((await errorOf(() => openKeptCheckpoints(disk, id))).code).toBe('training/run');
    }
  });
});

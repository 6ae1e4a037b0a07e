// Steps of a run that are read ahead: from memory while the store has them as they were, and never else.
import { beforeEach, expect, test, vi } from 'vitest';
import { openKeptCheckpoints } from '../../../src/engine/training/keptCheckpoints.ts';
import { writeSafetensors } from '../../../src/formats/safetensors.ts';
import { Ahead, type KeptStep } from '../../../src/hub/ahead.ts';
import type { Disk } from '../../../src/kept/disk.ts';
import { memoryDisk } from '../../../src/kept/memoryDisk.ts';
import { ModelStore } from '../../../src/kept/store.ts';

const STEPS = [0, 1, 2, 5, 10];
const WEIGHTS = 'model.safetensors';

let disk: Disk;
let store: ModelStore;
/** Files of the weights that were read from the disk. */
let read: string[];
const at = (step: number, id = 'run.seen') => ({ kind: 'run', id, step }) as const;

function write(step: number, bytes: Uint8Array<ArrayBuffer>, id = 'run.seen'): Promise<unknown> {
  const file = (name: string, of: Uint8Array<ArrayBuffer>) => ({
    name,
    sizeBytes: of.length,
    async *chunks() {
      yield await Promise.resolve(of.slice());
    },
  });
  const files = [file('config.json', new Uint8Array([1])), file(WEIGHTS, bytes)];
  return openKeptCheckpoints(disk, id).write(step, files);
}

beforeEach(async () => {
  read = [];
  const memory = memoryDisk();
  disk = {
    ...memory,
    read(folder, file) {
      if (file === WEIGHTS) read.push(folder);
      return memory.read(folder, file);
    },
  };
  store = new ModelStore(disk);
  for (const step of STEPS) await write(step, new Uint8Array(1000).fill(step));
  await write(3, new Uint8Array(10), 'other.seen');
});

const weightsOf = async (step: KeptStep | null): Promise<number[]> => {
  const source = await step?.open(WEIGHTS);
  return source ? [...(await source.read(0, source.size))] : [];
};

test('the others of the same run are read, the nearest first, and then come from memory', async () => {
  const ahead = new Ahead({ waitMs: 0 });
  expect(ahead.take(at(2))).toBeNull();
  // The first may be all that is wanted: its others are read later.
  ahead.readFrom(store, at(1));
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(read).toEqual([]);
  ahead.readFrom(store, at(2));
  await vi.waitFor(() => expect(read).toHaveLength(STEPS.length));
  expect(read.map((folder) => Number(/\d+$/u.exec(folder)?.[0]))).toEqual([2, 1, 5, 0, 10]);
  const open = vi.spyOn(disk, 'open');
  const step = ahead.take(at(5));
  expect(await weightsOf(step)).toEqual(Array.from({ length: 1000 }, () => 5));
  expect(await step?.read('config.json')).toEqual(new Uint8Array([1]));
  expect(open).not.toHaveBeenCalled();
  // One of another run is none of these.
  expect(ahead.take(at(3, 'other.seen'))).toBeNull();
});

test('the others of a run are read when its first was seen for a while', async () => {
  const ahead = new Ahead({ firstMs: 5 });
  ahead.readFrom(store, at(10));
  await vi.waitFor(() => expect(read).toHaveLength(STEPS.length));
  expect(ahead.take(at(0))).not.toBeNull();
});

test('what was written anew since, or deleted, is not what was read', async () => {
  const ahead = new Ahead({ waitMs: 0 });
  ahead.readFrom(store, at(0));
  ahead.readFrom(store, at(2));
  await vi.waitFor(() => expect(read).toHaveLength(STEPS.length));
  // Of the same size, as the weights of a run are that went back.
  await write(5, new Uint8Array(1000).fill(77));
  await vi.waitFor(() => expect(ahead.take(at(5))).toBeNull());
  expect(await weightsOf(await store.at(at(5)))).toContain(77);
  await openKeptCheckpoints(disk, 'run.seen').remove(1);
  await vi.waitFor(() => expect(ahead.take(at(1))).toBeNull());
  expect(ahead.take(at(0))).not.toBeNull();
  // Another run has steps of the same numbers.
  await write(0, new Uint8Array(10), 'other.seen');
  await write(10, new Uint8Array(1000).fill(78));
  await vi.waitFor(() => expect(ahead.take(at(10))).toBeNull());
  expect(ahead.take(at(0))).not.toBeNull();
});

test('what is written anew while it is read is not what was read', async () => {
  const ahead = new Ahead({ waitMs: 0 });
  ahead.readFrom(store, at(0));
  const before = { ...disk };
  disk.read = async (folder, file) => {
    const found = await before.read(folder, file);
    if (folder.endsWith('~5') && file === WEIGHTS && found?.[0] === 5) {
      await write(5, new Uint8Array(1000).fill(77));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return found;
  };
  ahead.readFrom(store, at(2));
  await vi.waitFor(() => expect(read).toHaveLength(STEPS.length));
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(ahead.take(at(10))).not.toBeNull();
  expect(ahead.take(at(5))).toBeNull();
  // The next time it is there.
  ahead.readFrom(store, at(2));
  await vi.waitFor(() => expect(read).toHaveLength(STEPS.length + 1));
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(await weightsOf(ahead.take(at(5)))).toContain(77);
});

test('what was read ahead is arranged as the model that is here has its own, the ends first', async () => {
  const weights = (value: number) =>
    writeSafetensors(
      new Map([['w', { dtype: 'F32', shape: [2], data: new Float32Array(2).fill(value) }]]),
    );
  for (const step of STEPS) await write(step, weights(step));
  const ahead = new Ahead({ waitMs: 0, mostArranged: 24 });
  const made: number[] = [];
  const teach = (key: string, step: KeptStep): void =>
    ahead.alikeOf(at(2), step).teach(key, async (source) => {
      const [value = -1] = await source.read('w');
      made.push(value);
      return { bytes: 8, value };
    });
  const stored = await store.at(at(2));
  if (stored === null) throw new Error('There is no step 2.');
  ahead.readFrom(store, at(0));
  ahead.readFrom(store, at(2));
  teach('fox', stored);
  await vi.waitFor(() => expect(made).toEqual([0, 10, 2]));
  const arranged = async (step: number, key = 'fox'): Promise<unknown> => {
    const taken = ahead.take(at(step));
    return taken && ahead.alikeOf(at(step), taken).arranged(key);
  };
  expect(await arranged(10)).toMatchObject({ value: 10 });
  expect(await arranged(10, 'owl')).toBeUndefined();
  // There was room for three, and what came from the store itself is none of them.
  expect(await arranged(5)).toBeUndefined();
  expect(ahead.alikeOf(at(2), stored).arranged('fox')).toBeUndefined();
  // At the other end others are near.
  ahead.readFrom(store, at(5));
  await vi.waitFor(() => expect(made).toEqual([0, 10, 2, 5]));
  expect(await arranged(2)).toBeUndefined();
  // A model of another form has none of it, and its own from then on.
  teach('owl', stored);
  expect(await arranged(10)).toBeUndefined();
  ahead.readFrom(store, at(5));
  await vi.waitFor(() => expect(made).toEqual([0, 10, 2, 5, 0, 10, 5]));
  expect(await arranged(10, 'owl')).toMatchObject({ value: 10 });
});

test('what nobody comes back to is given back', async () => {
  const ahead = new Ahead({ waitMs: 0, idleMs: 500 });
  ahead.readFrom(store, at(0));
  ahead.readFrom(store, at(2));
  await vi.waitFor(() => expect(read).toHaveLength(STEPS.length));
  await vi.waitFor(async () => expect(ahead.take(at(2))).toBeNull(), 10_000);
  // Whoever does come back has it read again.
  ahead.readFrom(store, at(2));
  await vi.waitFor(() => expect(read).toHaveLength(2 * STEPS.length));
});

test('what is wanted goes before what is read ahead, and there is an end to what is held', async () => {
  const ahead = new Ahead({ waitMs: 0, mostBytes: 2500 });
  ahead.readFrom(store, at(1));
  ahead.readFrom(store, at(0));
  await vi.waitFor(() => expect(read).toHaveLength(2));
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(ahead.take(at(1))).not.toBeNull();
  expect(ahead.take(at(0))).not.toBeNull();
  expect(ahead.take(at(10))).toBeNull();
  // At the other end the near ones take the place of the far.
  ahead.readFrom(store, at(10));
  await vi.waitFor(() => expect(read.filter((folder) => folder.endsWith('~10'))).toHaveLength(1));
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(ahead.take(at(10))).not.toBeNull();
  expect(ahead.take(at(0))).toBeNull();

  const idle = new Ahead({ waitMs: 5 });
  read = [];
  idle.readFrom(store, at(0));
  idle.readFrom(store, at(2));
  idle.take(at(5));
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect(read).toEqual([]);
});

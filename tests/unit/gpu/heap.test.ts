// The heap: memory side by side, used again once it was freed, and what happens at its end.
import { expect, it } from 'vitest';
import { createCpuDevice } from '../../../src/gpu/cpu/device.ts';
import { Heap, createSharedMemory } from '../../../src/gpu/cpu/heap.ts';
import { type WeightFormat, createWeightMatrix } from '../../../src/kernels/weightMatrix.ts';
import { PRESETS } from '../../../src/model/config.ts';
import { createParameters } from '../../../src/model/parameters.ts';

const MIB = 2 ** 20;

/** A heap that ends after `mib` MiB. */
function heapOf(mib: number): Heap {
  const maximum = mib * 16;
  const memory = new WebAssembly.Memory({ initial: 1, maximum, shared: true });
  return new Heap(100, { memory, maxBytes: maximum * 65536 });
}

it('gives memory that is zero and at the beginning of a cache line, packed weights in their own bytes', () => {
  const heap = heapOf(1);
  const taken = [
    heap.take('f32', [3]),
    heap.take('f16', [2, 8]),
    heap.take('int8', [2, 40]),
    heap.take('u32', [5]),
    heap.take('f32', [0]),
  ];
  expect(taken.map((slot) => heap.view(slot).constructor.name)).toEqual([
    'Float32Array',
    'Uint16Array',
    'Uint32Array',
    'Uint32Array',
    'Float32Array',
  ]);
  // A row of 40 int8 weights is two groups of 32 and one vec4 of scales.
  expect(taken.map(({ sizeBytes }) => sizeBytes)).toEqual([12, 32, 2 * 80, 20, 0]);
  const starts = taken.map((slot) => heap.view(slot).byteOffset);
  expect(new Set(starts).size).toBe(5);
  for (const start of starts) expect(start % 64).toBe(0);
  expect(Math.min(...starts)).toBeGreaterThanOrEqual(100);
});

it('uses what was freed again, in whatever order it was freed, and clears it', () => {
  for (const order of [
    [0, 1, 2],
    [2, 1, 0],
    [1, 0, 2],
    [0, 2, 1],
  ]) {
    const heap = heapOf(4);
    const slots = [0, 1, 2].map(() => heap.take('f32', [MIB / 4]));
    for (const slot of slots) heap.view(slot).fill(7);
    const end = heap.endBytes;
    for (const i of order) heap.free(slots[i]);
    heap.free(slots[1]); // A second time changes nothing.
    const whole = heap.take('f32', [(3 * MIB) / 4]);
    expect(heap.endBytes).toBe(end);
    expect(heap.view(whole).every((v) => v === 0)).toBe(true);
    expect(() => heap.view(slots[0])).toThrow(/given back/u);
  }
});

it('keeps views right while it grows', () => {
  const heap = heapOf(4);
  const first = heap.take('f32', [4]);
  const view = heap.view(first);
  view[0] = 3;
  heap.take('f32', [(2 * MIB) / 4]);
  expect(view.length).toBe(4);
  heap.view(first)[1] = 4;
  expect([view[0], view[1]]).toEqual([3, 4]);
});

it('says that there is no memory, and goes on with what it has', async () => {
  const heap = heapOf(2);
  const device = createCpuDevice('f32', { memory: heap });
  const arena = device.createArena('test');
  const kept = arena.upload('kept', [2], 'f32', Float32Array.of(1, 2));
  expect(() => arena.zeros('large', [MIB], 'f32')).toThrow(
    expect.objectContaining({
      code: 'device/out-of-memory',
      message: expect.stringMatching(
        /^large needs 4194304 bytes.*ends at 0\.00195\d+ GiB/u,
      ) as string,
    }) as Error,
  );
  const enc = device.createEncoder();
  const reading = enc.read(kept, 0, 2);
  enc.submit();
  expect(await reading).toEqual(Float32Array.of(1, 2));
  arena.zeros('small', [16], 'f32');
  device.dispose();
});

it('is a shared memory of up to 4 GiB', () => {
  const { memory, maxBytes } = createSharedMemory();
  expect(memory.buffer).toBeInstanceOf(SharedArrayBuffer);
  expect(maxBytes).toBe(2 ** 32);
});

/** Takes what a model of this shape holds, without its numbers: pages that nobody writes cost no memory. */
function takeParameters(preset: keyof typeof PRESETS, format: WeightFormat): number {
  const device = createCpuDevice('f32', { memory: new Heap(0) });
  const arena = device.createArena('parameters');
  try {
    createParameters(PRESETS[preset], {
      matrix: ({ path, padded: [rows, columns] }) =>
        createWeightMatrix(device, arena, path, rows, columns, format),
      vector: (path, length) => arena.zeros(path, [length], 'f32'),
    });
    return arena.sizeBytes;
  } finally {
    device.dispose();
  }
}

it.each([
  ['gpt2', 'int8', 0.133],
  ['gpt2-large', 'f16', 1.55],
  ['gpt2-large', 'int8', 0.824],
  ['gpt2-xl', 'f16', 3.12],
] as const)('holds %s in %s, packed: %d GB', (preset, format, gigabytes) => {
  expect(takeParameters(preset, format) / 1e9).toBeCloseTo(gigabytes, 2);
});

it('names its end where GPT-2 XL in f32 does not fit', () => {
  expect(() => takeParameters('gpt2-xl', 'f32')).toThrow(
    expect.objectContaining({
      code: 'device/out-of-memory',
      message: expect.stringContaining('A WebAssembly memory ends at 4 GiB here.') as string,
    }) as Error,
  );
});

// Threads that share a call: whoever is there takes pieces, and whoever dies is not missed.
import { Worker } from 'node:worker_threads';
import { afterEach, expect, it, vi } from 'vitest';
import { createProcessor } from '../../../src/engine/load/processor.ts';
import type { HelperStart } from '../../../src/gpu/cpu/threads.ts';
import type { Device } from '../../../src/gpu/device.ts';
import { linear } from '../../../src/kernels/linear.ts';
import { createWeightMatrix, writeRows } from '../../../src/kernels/weightMatrix.ts';
import { noise } from '../../support/random.ts';

const [ROWS, K, N] = [16, 256, 1024];

afterEach(() => vi.restoreAllMocks());

/** A product large enough to be shared, `times` one after the other. */
async function product(device: Device, times: number): Promise<Float32Array> {
  const arena = device.createArena('test');
  const x = arena.upload('x', [ROWS, K], 'f32', noise(ROWS * K, 1));
  const weight = createWeightMatrix(device, arena, 'weight', N, K, 'f32');
  writeRows(arena, weight, 0, noise(N * K, 2));
  const zero = arena.zeros('zero', [N], 'f32');
  const one = arena.upload('one', [1], 'f32', Float32Array.of(1));
  const out = arena.zeros('out', [ROWS, N], 'f32');
  const enc = device.createEncoder();
  for (let i = 0; i < times; i++) {
    const tensors = { x, weight, bias: [zero], scale: one, out };
    linear(enc, tensors, { rows: ROWS, accumulate: true });
  }
  const reading = enc.read(out, 0, ROWS * N);
  enc.submit();
  const values = await reading;
  arena.dispose();
  return values;
}

const wordsOf = (device: Device, count: number) =>
  expect
    .poll(() => device.summary.description, { timeout: 60_000 })
    .toBe(`WebAssembly, ${count === 1 ? '1 thread' : `${count} threads`}`);

it('gives the same numbers with helpers as alone, and ends them with the device', async () => {
  const ended = vi.spyOn(Worker.prototype, 'terminate');
  const [alone, shared] = [
    await createProcessor({ wasm: 'exact', threads: 1 }),
    await createProcessor({ wasm: 'exact', threads: 3 }),
  ];
  await wordsOf(shared, 3);
  expect(await product(shared, 5)).toEqual(await product(alone, 5));
  alone.dispose();
  expect(ended).toHaveBeenCalledTimes(0);
  shared.dispose();
  expect(ended).toHaveBeenCalledTimes(2);
  await wordsOf(shared, 1);
});

/** A device with a helper; the helper, and what it was told at its start. */
async function watched() {
  const seen: { helper: Worker; start: HelperStart }[] = [];
  const post = Reflect.get(Worker.prototype, 'postMessage') as (message: unknown) => void;
  vi.spyOn(Worker.prototype, 'postMessage').mockImplementation(function (this: Worker, message) {
    seen.push({ helper: this, start: message as HelperStart });
    post.call(this, message);
  });
  const device = await createProcessor({ wasm: 'exact', threads: 2 });
  vi.restoreAllMocks();
  await wordsOf(device, 2);
  expect(seen).toHaveLength(1);
  return { device, ...seen[0] };
}

it('goes on without a helper that dies', async () => {
  const { device, helper } = await watched();
  const expected = await product(device, 3);
  // It ends at some time of its own, perhaps in the middle of what is computed here at once.
  const dying = helper.terminate();
  expect(await product(device, 3)).toEqual(expected);
  await dying;
  await wordsOf(device, 1);
  expect(await product(device, 3)).toEqual(expected);
  device.dispose();
});

it('does again what somebody took and never ended, and trusts no helper from then on', async () => {
  const { device, start } = await watched();
  const expected = await product(device, 1);
  const thief = new Worker(new URL('../../support/thief.mjs', import.meta.url));
  const said = (): Promise<unknown> => new Promise((resolve) => thief.once('message', resolve));
  thief.postMessage(start);
  expect(await said()).toBe('waits');
  // Sooner or later it is the quicker one.
  const stolen = said().then(() => true);
  while (!(await Promise.race([stolen, Promise.resolve(false)])))
    expect(await product(device, 1)).toEqual(expected);
  await wordsOf(device, 1);
  expect(await product(device, 1)).toEqual(expected);
  await thief.terminate();
  device.dispose();
});

// Steps of a run that is kept in the browser, on both devices: each has the bits of a load by itself, nothing stays of
// those that were left, and the GPU is asked for once.
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { LocalEngine } from '../../src/engine/localEngine.ts';
import { openOpfs } from '../../src/kept/opfs.ts';
import { MILLION, keepSteps } from '../support/runSteps.ts';

const ID = 'million.seen';
const STEPS = [0, 1, 10, 100];
const IDS = Array.from({ length: 64 }, (_, i) => (i * 37 + 11) % 256);

async function clear(): Promise<void> {
  const disk = await openOpfs();
  for (const folder of (await disk?.folders()) ?? [])
    if (folder.startsWith(`run~${ID}`)) await disk?.remove(folder);
}

beforeAll(async () => {
  await clear();
  const disk = await openOpfs();
  if (!disk) throw new Error('This browser keeps no files.');
  await keepSteps(disk, ID, MILLION, STEPS);
});
afterAll(clear);

it('reads a step from memory without a look into the store, and anew when it was written anew', async () => {
  const disk = await openOpfs();
  if (!disk) throw new Error('This browser keeps no files.');
  const engine = new LocalEngine();
  const looked = vi.spyOn(FileSystemFileHandle.prototype, 'getFile');
  onTestFinished(() => void vi.restoreAllMocks());
  const read = async (step: number): Promise<Float32Array> => {
    await engine.load('', { run: { id: ID, step }, device: 'cpu' });
    return (await engine.ask('score', { ids: IDS, off: [] })).logprobs;
  };
  const [first, ten] = [await read(0), await read(10)];
  expect(ten).not.toEqual(first);
  await vi.waitFor(
    async () => {
      await read(0);
      await new Promise((resolve) => setTimeout(resolve, 2500));
      looked.mockClear();
      await engine.load('', { run: { id: ID, step: 10 }, device: 'cpu' });
      expect(looked).not.toHaveBeenCalled();
    },
    { timeout: 40_000 },
  );
  await keepSteps(disk, ID, MILLION, [10], () => 0);
  await vi.waitFor(async () => expect(await read(10)).toEqual(first), { timeout: 10_000 });
  await keepSteps(disk, ID, MILLION, [10]);
  await vi.waitFor(async () => expect(await read(10)).toEqual(ten), { timeout: 10_000 });
  await engine.dispose();
}, 90_000);

/** Devices that were asked for, and bytes in buffers that nobody has destroyed. */
function watchGpu(): { readonly devices: number; readonly bytes: number } {
  const asked = vi.spyOn(GPUAdapter.prototype, 'requestDevice');
  const created = vi.spyOn(GPUDevice.prototype, 'createBuffer');
  const destroyed = vi.spyOn(GPUBuffer.prototype, 'destroy');
  onTestFinished(() => void vi.restoreAllMocks());
  return {
    get devices() {
      return asked.mock.calls.length;
    },
    get bytes() {
      const gone = new Set(destroyed.mock.contexts);
      let bytes = 0;
      for (const { value } of created.mock.results) {
        const buffer = value as GPUBuffer;
        if (!gone.has(buffer)) bytes += buffer.size;
      }
      return bytes;
    },
  };
}

describe.for(['cpu', 'webgpu'] as const)('a run of a million parameters on %s', (device) => {
  const load = (engine: LocalEngine, step: number) =>
    engine.load('', { run: { id: ID, step }, device });
  const map = async (engine: LocalEngine) =>
    (await engine.ask('attention', { ids: IDS, off: [], layer: 1, head: 2 })).weights;
  const scores = async (engine: LocalEngine) =>
    (await engine.ask('score', { ids: IDS, off: [] })).logprobs;

  it('has the bits of each step, one device, and no more memory than one step takes', async () => {
    const gpu = watchGpu();
    const engine = new LocalEngine();
    await load(engine, 0);
    await map(engine);
    await scores(engine);
    const { bytes } = gpu;
    expect(bytes > 0).toBe(device === 'webgpu');
    const found: Float32Array[] = [];
    for (const step of [1, 10, 100, 0]) {
      await load(engine, step);
      found.push(await map(engine), await scores(engine));
    }
    expect(gpu.bytes).toBe(bytes);
    expect(gpu.devices).toBe(device === 'cpu' ? 0 : 1);
    for (const [i, step] of [1, 10, 100, 0].entries()) {
      // Each opens a device, whose compiler begins anew.
      if (device === 'webgpu' && step !== 100) continue;
      const alone = new LocalEngine();
      await load(alone, step);
      expect(await map(alone)).toEqual(found[2 * i]);
      expect(await scores(alone)).toEqual(found[2 * i + 1]);
      await alone.dispose();
    }
    expect(found[0]).not.toEqual(found[2]);
    await engine.dispose();
  });

  it('shows the last of many moves at once, on a device that is still there', async () => {
    const engine = new LocalEngine();
    const lost: string[] = [];
    engine.onLost((reason) => lost.push(reason));
    await load(engine, 0);
    const moves = Array.from({ length: 8 }, (_, i) => load(engine, STEPS[(i + 1) % 4] ?? 0));
    await Promise.allSettled(moves);
    expect(await moves.at(-1)).toMatchObject({ name: 'checkpoint-0' });
    const last = await scores(engine);
    await load(engine, 1);
    await load(engine, 0);
    expect(await scores(engine)).toEqual(last);
    expect(lost).toEqual([]);
    await engine.dispose();
  });
});

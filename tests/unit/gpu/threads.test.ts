// Threads that share a call: whoever is there takes pieces, and whoever dies is not missed.
import * as threads from 'node:worker_threads';
import { afterEach, expect, it, vi } from 'vitest';
import { createProcessor } from '../../../src/engine/load/processor.ts';
import type { HelperStart } from '../../../src/gpu/cpu/threads.ts';
import type { Device } from '../../../src/gpu/device.ts';
import { linear } from '../../../src/kernels/linear.ts';
import { createWeightMatrix, writeRows } from '../../../src/kernels/weightMatrix.ts';
import { noise } from '../../support/random.ts';

const { Worker } = threads;
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
  const seen: { helper: threads.Worker; start: HelperStart }[] = [];
  const post = Reflect.get(Worker.prototype, 'postMessage') as (message: unknown) => void;
  vi.spyOn(Worker.prototype, 'postMessage').mockImplementation(function (
    this: threads.Worker,
    message,
  ) {
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

/** A thread that takes one piece of a device's calls and never ends it; waits for one now. */
async function waitingThief(start: HelperStart) {
  const thief = new Worker(new URL('../../support/thief.mjs', import.meta.url));
  const said = (): Promise<unknown> => new Promise((resolve) => thief.once('message', resolve));
  thief.postMessage(start);
  expect(await said()).toBe('waits');
  return { thief, stolen: said().then(() => true) };
}

/** Computes until a thief has a piece. */
async function robbed(device: Device, start: HelperStart, compute: () => Promise<void>) {
  const { thief, stolen } = await waitingThief(start);
  // Sooner or later it is the quicker one.
  while (!(await Promise.race([stolen, Promise.resolve(false)]))) await compute();
  await wordsOf(device, 1);
  await thief.terminate();
}

it('computes again what somebody took and never ended, and trusts no helper from then on', async () => {
  const { device, start } = await watched();
  const expected = await product(device, 1);
  const compute = async (): Promise<void> => expect(await product(device, 1)).toEqual(expected);
  await robbed(device, start, compute);
  await compute();
  device.dispose();
});

/** A large tensor of a new device, all of whose memory is new. */
async function largeOf(device: Device) {
  const values = noise(4 << 20, 3);
  const arena = device.createArena('large');
  const tensor = arena.zeros('large', [values.length], 'f32');
  await Promise.resolve();
  arena.write(tensor, values);
  const isAsWritten = async (): Promise<boolean> => {
    const enc = device.createEncoder();
    const reading = enc.read(tensor, 0, values.length);
    enc.submit();
    // A matcher looks at numbers one by one.
    return Buffer.from((await reading).buffer).equals(Buffer.from(values.buffer));
  };
  return { isAsWritten };
}

it('has helpers touch new memory, which changes nothing in it, and takes that back for the next call', async () => {
  const { device, start } = await watched();
  const control = new Uint32Array(start.memory.buffer, start.control, 8);
  const call = control[1];
  const large = await largeOf(device);
  // Nobody waits for it: the helper alone takes all 64 pieces.
  await expect.poll(() => [control[1], control[0]]).toEqual([call + 1, (64 << 16) | 64]);
  expect(await large.isAsWritten()).toBe(true);
  const alone = await createProcessor({ wasm: 'exact', threads: 1 });
  const expected = await product(alone, 2);
  await largeOf(device);
  expect(await product(device, 2)).toEqual(expected);
  alone.dispose();
  device.dispose();
});

it('goes on where somebody who was to touch memory never ended', async () => {
  const { device, helper, start } = await watched();
  const expected = await product(device, 1);
  await helper.terminate();
  await wordsOf(device, 1);
  const { thief, stolen } = await waitingThief(start);
  const large = await largeOf(device);
  await stolen;
  expect(await product(device, 1)).toEqual(expected);
  expect(await large.isAsWritten()).toBe(true);
  device.dispose();
  await thief.terminate();
});

it('takes nobody for late because the machine slept: three seconds are as many looks', async () => {
  const { device, start } = await watched();
  const control = new Uint32Array(start.memory.buffer, start.control, 8);
  let looks = 0;
  // While somebody's piece is waited for (share.c), each look at the clock is an hour after the one before.
  const real = performance.now.bind(performance);
  vi.spyOn(performance, 'now').mockImplementation(() => {
    const [pieces, taken, done, stop] = [
      control[0] >>> 16,
      control[0] & 0xffff,
      control[6],
      control[7],
    ];
    const isWaiting = taken === pieces && done < pieces && stop === 0;
    return isWaiting ? 3.6e6 * ++looks : real();
  });
  let most = 0;
  await robbed(device, start, async () => {
    looks = 0;
    await product(device, 1);
    most = Math.max(most, looks);
  });
  expect(most).toBeGreaterThan(100);
  device.dispose();
});

/** Node with another kind of worker. */
function workersAre(Kind: typeof threads.Worker): void {
  const real = process.getBuiltinModule.bind(process);
  vi.spyOn(process, 'getBuiltinModule').mockImplementation((name: string) =>
    name === 'node:worker_threads' ? { ...threads, Worker: Kind } : real(name),
  );
}

it('waits until a helper that was late has ended: it writes on as long as it lives', async () => {
  workersAre(
    class extends Worker {
      constructor() {
        super(new URL('../../support/lateHelper.mjs', import.meta.url));
      }

      /** A script is not broken off at once everywhere. */
      override async terminate(): Promise<number> {
        await new Promise((resolve) => setTimeout(resolve, 300));
        return super.terminate();
      }
    },
  );
  const device = await createProcessor({ wasm: 'exact', threads: 2 });
  vi.restoreAllMocks();
  const alone = await createProcessor({ wasm: 'exact', threads: 1 });
  const expected = await product(alone, 3);
  await wordsOf(device, 2);
  while (!device.summary.description.endsWith('1 thread'))
    expect(await product(device, 3)).toEqual(expected);
  expect(await product(device, 3)).toEqual(expected);
  device.dispose();
  alone.dispose();
});

it('computes alone where no helper may start', async () => {
  workersAre(
    class extends Worker {
      constructor() {
        super(new URL('nowhere:helper.js'));
      }
    },
  );
  const device = await createProcessor({ wasm: 'exact', threads: 3 });
  await device.prepare(() => {});
  vi.restoreAllMocks();
  await wordsOf(device, 1);
  expect(await product(device, 1)).toHaveLength(ROWS * N);
  device.dispose();
});

it('goes on alone where a helper never says that it is ready', async () => {
  workersAre(
    class extends Worker {
      constructor() {
        super('setInterval(() => {}, 1e6)', { eval: true });
      }
    },
  );
  const device = await createProcessor({ wasm: 'exact', threads: 2 });
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const settled = device.prepare(() => {});
  await vi.advanceTimersByTimeAsync(5000);
  vi.useRealTimers();
  await settled;
  vi.restoreAllMocks();
  await wordsOf(device, 1);
  expect(await product(device, 1)).toHaveLength(ROWS * N);
  device.dispose();
});

it('waits no longer for helpers once the device is disposed', async () => {
  // A page hears nothing of a worker that it has ended.
  workersAre(
    class extends Worker {
      constructor(url: URL) {
        super(url);
        queueMicrotask(() => this.removeAllListeners('exit'));
      }
    },
  );
  const device = await createProcessor({ wasm: 'exact', threads: 3 });
  const settled = device.prepare(() => {}).then(() => 'settled');
  device.dispose();
  // Far less than it would wait for a line that hangs.
  const late = new Promise((resolve) => setTimeout(() => resolve('late'), 3000));
  expect(await Promise.race([settled, late])).toBe('settled');
});

it('leaves no thread behind, however many devices come and go', async () => {
  const started: threads.Worker[] = [];
  workersAre(
    class extends Worker {
      constructor(url: URL) {
        super(url);
        started.push(this);
      }
    },
  );
  for (let i = 0; i < 30; i++) {
    // oxlint-disable no-await-in-loop -- one after the other
    const device = await createProcessor({ wasm: 'exact', threads: 2 });
    // Some are disposed before their helper has started.
    if (i % 3 > 0) await product(device, 1);
    if (i % 3 > 1) await wordsOf(device, 2);
    device.dispose();
    // oxlint-enable no-await-in-loop
  }
  expect(started).toHaveLength(30);
  // What has ended has no id any more.
  await expect.poll(() => started.every(({ threadId }) => threadId === -1)).toBe(true);
});

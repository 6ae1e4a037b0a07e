// The processor as a device: what every device promises, and what is its own.
import { describe, expect, it } from 'vitest';
import { createCpuDevice } from '../../../src/gpu/cpu/device.ts';
import { Heap } from '../../../src/gpu/cpu/heap.ts';
import type { Arena, Device, Encoder, Tensor } from '../../../src/gpu/device.ts';
import { defineKernel } from '../../../src/gpu/kernel.ts';
import { describeDevice } from '../../support/deviceContract.ts';

describeDevice('the processor with its numbers in a heap', () =>
  Promise.resolve(createCpuDevice('f32', { memory: new Heap(0) })),
);

for (const precision of ['f32', 'f64'] as const) {
  describeDevice(`the processor in ${precision}`, () =>
    Promise.resolve(createCpuDevice(precision)),
  );
}

/** A kernel of one tensor that does `work`. */
function kernelOf(name: string, work: (x: { [i: number]: number }) => void) {
  return defineKernel({
    name,
    source: '',
    params: {},
    bindings: { x: 'write' },
    overrides: [],
    meaning: ({ x }) => work(x),
  });
}

const run = (enc: Encoder, kernel: ReturnType<typeof kernelOf>, x: Tensor): void =>
  enc.dispatch(kernel, { x }, {}, [1, 1, 1], {});

/** Takes five milliseconds. */
const slow = kernelOf('slow', (x) => {
  const end = performance.now() + 5;
  while (performance.now() < end);
  x[0] += 1;
});

async function using(use: (device: Device, arena: Arena) => Promise<void>): Promise<void> {
  const device = createCpuDevice();
  const arena = device.createArena('test');
  try {
    await use(device, arena);
  } finally {
    arena.dispose();
    device.dispose();
  }
}

describe('a long pass on the processor', () => {
  it('lets the thread hear others between its steps', () =>
    using(async (device, arena) => {
      const x = arena.zeros('x', [1], 'f32');
      const enc = device.createEncoder();
      for (let i = 0; i < 60; i++) run(enc, slow, x);
      const reading = enc.read(x, 0, 1);
      enc.submit();
      let ended = false;
      void reading.then(() => (ended = true));
      await new Promise((resolve) => setTimeout(resolve));
      expect(ended).toBe(false);
      expect([...(await reading)]).toEqual([60]);
    }));

  it('ends where the device is disposed, and says so', () =>
    using(async (device, arena) => {
      const x = arena.zeros('x', [1], 'f32');
      const enc = device.createEncoder();
      for (let i = 0; i < 60; i++) run(enc, slow, x);
      const reading = enc.read(x, 0, 1);
      enc.submit();
      setTimeout(() => device.dispose());
      await expect(reading).rejects.toMatchObject({ code: 'engine/disposed' });
    }));

  it('is left where its signal aborts: its reads hear the reason, and nobody else', () =>
    using(async (device, arena) => {
      const x = arena.zeros('x', [1], 'f32');
      const controller = new AbortController();
      const enc = device.createEncoder();
      for (let i = 0; i < 60; i++) run(enc, slow, x);
      const reading = enc.read(x, 0, 1);
      enc.submit(controller.signal);
      const next = device.createEncoder();
      const after = next.read(x, 0, 1);
      next.submit();
      const reason = new Error('nobody waits');
      setTimeout(() => controller.abort(reason));
      await expect(reading).rejects.toBe(reason);
      const [count] = await after;
      expect(count).toBeGreaterThan(0);
      expect(count).toBeLessThan(60);
      await device.idle();
      // One that is aborted before its turn does not run at all.
      const late = device.createEncoder();
      run(late, slow, x);
      late.submit(controller.signal);
      const last = device.createEncoder();
      const found = last.read(x, 0, 1);
      last.submit();
      expect([...(await found)]).toEqual([count]);
    }));

  it('is waited for by idle', () =>
    using(async (device, arena) => {
      const x = arena.zeros('x', [1], 'f32');
      let count = 0;
      const enc = device.createEncoder();
      const counting = kernelOf('counting', () => void count++);
      for (let i = 0; i < 30; i++) run(enc, slow, x);
      run(enc, counting, x);
      enc.submit();
      await device.idle();
      expect(count).toBe(1);
    }));
});

describe('a kernel that fails on the processor', () => {
  const failing = kernelOf('failing', () => {
    throw new TypeError('that is no number');
  });
  const starving = kernelOf('starving', () => void new Float64Array(2 ** 45));
  const record = (enc: Encoder, kernel: typeof failing, x: Tensor): void =>
    enc.within('h.0', () => enc.within('attn', () => run(enc, kernel, x)));

  it('names itself and the step it stood in to every read of its submit, and to no other', () =>
    using(async (device, arena) => {
      const x = arena.zeros('x', [1], 'f32');
      const enc = device.createEncoder();
      const first = enc.read(x, 0, 1);
      record(enc, failing, x);
      run(enc, slow, x);
      const second = enc.read(x, 0, 1);
      enc.submit();
      const next = device.createEncoder();
      const after = next.read(x, 0, 1);
      next.submit();
      const told = await Promise.allSettled([first, second]);
      expect(told.map((one) => one.status === 'rejected' && (one.reason as unknown))).toEqual(
        Array.from({ length: 2 }, () =>
          expect.objectContaining({
            code: 'device/refused',
            message: 'h.0.attn: failing failed: that is no number',
          }),
        ),
      );
      // Nothing behind it ran.
      expect([...(await after)]).toEqual([0]);
      await device.idle();
    }));

  it('is heard by idle where nothing was read, once', () =>
    using(async (device, arena) => {
      const x = arena.zeros('x', [1], 'f32');
      const enc = device.createEncoder();
      record(enc, starving, x);
      enc.submit();
      await expect(device.idle()).rejects.toMatchObject({
        code: 'device/out-of-memory',
        message: expect.stringMatching(/^h\.0\.attn: starving failed: /u) as string,
      });
      await device.idle();
    }));
});

describe('memory on the processor', () => {
  it('that is not there is refused in words, with the bytes, and what was there stays', () => {
    const device = createCpuDevice();
    const arena = device.createArena('test');
    try {
      arena.zeros('small', [4], 'f32');
      const before = arena.sizeBytes;
      // More than any engine gives one array.
      const huge = (): unknown => arena.zeros('huge', [2 ** 40], 'f32');
      expect(huge).toThrow(expect.objectContaining({ code: 'device/out-of-memory' }));
      expect(huge).toThrow(/huge needs 4398046511104 bytes/u);
      expect(arena.sizeBytes).toBe(before);
      expect(() => arena.zeros('next', [4], 'f32')).not.toThrow();
    } finally {
      arena.dispose();
      device.dispose();
    }
  });

  it('that was given back is computed with by nobody', () =>
    using(async (device) => {
      const gone = device.createArena('gone');
      const x = gone.zeros('x', [1], 'f32');
      gone.dispose();
      const enc = device.createEncoder();
      const reading = enc.read(x, 0, 1);
      enc.submit();
      await expect(reading).rejects.toMatchObject({
        code: 'engine/disposed',
        message: 'reading x failed: What is computed with was given back already.',
      });
    }));
});

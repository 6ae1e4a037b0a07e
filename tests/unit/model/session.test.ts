// What a session takes of the device's memory, and what becomes of it where there is none.
import { describe, expect, it } from 'vitest';
import { EngineError } from '../../../src/errors.ts';
import { type CpuTwins, createCpuDevice } from '../../../src/gpu/cpu/device.ts';
import { type Device, bytesOf, elementCount } from '../../../src/gpu/device.ts';
import { LINEAR } from '../../../src/kernels/linear.ts';
import { planTensor } from '../../../src/kernels/weightMatrix.ts';
import { planParameters } from '../../../src/model/checkpoint.ts';
import { PRESETS } from '../../../src/model/config.ts';
import { Gpt } from '../../../src/model/gpt.ts';
import { Session } from '../../../src/model/session.ts';
import { loadPackCase } from '../../support/packOnDisk.ts';

/** A device on which everything has its size and nothing its memory. */
function planningDevice(): Device {
  return {
    ...createCpuDevice(),
    createArena: (label) => {
      let sizeBytes = 0;
      const plan = (shape: readonly number[]) => {
        sizeBytes += bytesOf(elementCount(shape), shape, 'f32');
        return planTensor(shape, 'f32');
      };
      return {
        label,
        get sizeBytes() {
          return sizeBytes;
        },
        failure: null,
        zeros: (_label, shape) => plan(shape),
        upload: (_label, shape) => plan(shape),
        view: (_of, _label, shape) => planTensor(shape, 'f32'),
        write: () => {},
        dispose: () => (sizeBytes = 0),
      };
    },
  };
}

describe('a session', () => {
  it('takes 60 MB for the first token of GPT-2 XL, not 950', async () => {
    const device = planningDevice();
    const config = PRESETS['gpt2-xl'];
    const gpt = new Gpt(
      device,
      device.createArena('plan'),
      config,
      planParameters(device, config, 'f32'),
    );
    // A position: queries, keys and values of 1,600 channels in 48 layers, and the final residual; 4 bytes each.
    const each = 4 * (48 * 3 * 1600 + 1600);
    expect(each).toBe(928_000);
    expect(new Session(gpt, { capacity: 1024 }).sizeBytes).toBe(1024 * each);
    const session = new Session(gpt);
    expect(session.capacity).toBe(1024);
    expect(session.sizeBytes).toBe(64 * each);
    for (const [length, room] of [
      [64, 64],
      [65, 128],
      [600, 1024],
      [1024, 1024],
    ]) {
      await session.reserve(length);
      expect(session.sizeBytes).toBe(room * each);
    }
  });

  it('has failed where there is no memory to grow into, and another one begins small', async () => {
    const device = createCpuDevice();
    let isFull = false;
    const createArena: Device['createArena'] = (label) => {
      const arena = device.createArena(label);
      const zeros: typeof arena.zeros = (...of) => {
        if (isFull && of[0] === 'qkv.2') {
          throw new EngineError('It is full.', { code: 'device/out-of-memory', hint: 'None.' });
        }
        return arena.zeros(...of);
      };
      // On top of it, so that it goes on counting its bytes.
      return Object.assign(Object.create(arena) as typeof arena, { zeros });
    };
    const { model } = await loadPackCase({ ...device, createArena }, 'gpt2');
    const session = new Session(model);
    await session.append([[1, 2, 3]]);
    isFull = true;
    await expect(session.cache.grow(40, 3)).rejects.toThrow('It is full.');
    expect(session.failed).toBe(true);
    expect(session.sizeBytes).toBe(0);
    await expect(session.append([[4]])).rejects.toThrow('It is full.');
    session.dispose();
    isFull = false;
    const next = new Session(model);
    expect(next.failed).toBe(false);
    await next.append([[1, 2, 3]]);
    next.dispose();
    model.dispose();
  });

  it('that is given back while it grows leaves nothing behind', async () => {
    const device = createCpuDevice();
    const held = new Set<object>();
    const createArena: Device['createArena'] = (label) => {
      const arena = device.createArena(label);
      const own = {
        ...arena,
        dispose: () => {
          held.delete(own);
          arena.dispose();
        },
      };
      held.add(own);
      return own;
    };
    const { model } = await loadPackCase({ ...device, createArena }, 'gpt2');
    const before = held.size;
    const session = new Session(model);
    await session.append([[1, 2, 3]]);
    const growing = session.cache.grow(80, 3);
    session.dispose();
    await expect(growing).rejects.toMatchObject({ code: 'engine/disposed' });
    expect(held.size).toBe(before);
    model.dispose();
  });

  it('is given up in the middle of a piece, and reads it anew as if nothing had been', async () => {
    // Each kernel takes longer than the thread goes without a breath.
    const slow: CpuTwins = new Map(
      LINEAR.map(({ kernel }) => [
        kernel,
        (arrays, sizes) => {
          const end = performance.now() + 50;
          while (performance.now() < end);
          kernel.meaning(arrays, sizes);
        },
      ]),
    );
    const load = async (device: Device) => {
      const { model } = await loadPackCase(device, 'gpt2');
      return model;
    };
    const ids = [5, 42, 79, 116, 153, 190];
    const [plain, device] = [createCpuDevice(), createCpuDevice('f32', { twins: slow })];
    const [expected] = await new Session(await load(plain)).append([ids], { lastLogits: true });
    const model = await load(device);
    const session = new Session(model);
    const controller = new AbortController();
    const reason = new Error('stop');
    setTimeout(() => controller.abort(reason), 60);
    const { signal } = controller;
    await expect(session.append([ids], { lastLogits: true, signal })).rejects.toBe(reason);
    expect(session.length).toBe(0);
    const [found] = await session.append([ids], { lastLogits: true });
    expect(found).toEqual(expected);
  });
});

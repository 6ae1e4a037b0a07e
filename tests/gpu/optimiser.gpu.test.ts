// Dropout, the length of all gradients and AdamW: shaders against their meanings in float64, masks bit for bit, AdamW
// against PyTorch's own operations.
import { describe, expect, it } from 'vitest';
import { createCpuDevice } from '../../src/gpu/cpu/device.ts';
import type { Arena, Device, Encoder, Tensor } from '../../src/gpu/device.ts';
import { adamWKernel } from '../../src/kernels/adamW.ts';
import { addDropped, dropoutMask, dropoutMaskKernel, dropped } from '../../src/kernels/dropout.ts';
import {
  GRADIENT_NORM,
  GRADIENT_SQUARES,
  gradientNorm,
  gradientNormCall,
  gradientSquaresCalls,
  partialSums,
} from '../../src/kernels/gradientNorm.ts';
import { expectClose, sumBound } from '../support/close.ts';
import {
  ADAM_W,
  DROPS,
  MASKS,
  POOLS,
  dropTensors,
  expectedAdamW,
  maskWords,
  recordAdamW,
} from '../support/optimiserCases.ts';
import { noise } from '../support/random.ts';
import {
  LANES,
  deviceWith,
  expectMeaning,
  expectTried,
  expectVariants,
  gpuDevice,
  scoped,
} from './fixture.ts';

/** What the GPU and both kinds of plain numbers give for an op. */
async function onAll(
  op: (device: Device, enc: Encoder, arena: Arena) => { out: Tensor; count: number; u32?: boolean },
): Promise<readonly (Float32Array | Uint32Array)[]> {
  const gpu = await gpuDevice();
  const found: (Float32Array | Uint32Array)[] = [];
  for (const device of [gpu, createCpuDevice('f32'), createCpuDevice('f64')]) {
    const arena = device.createArena('test');
    const run = async (): Promise<Float32Array | Uint32Array> => {
      const enc = device.createEncoder();
      const { out, count, u32 } = op(device, enc, arena);
      const reading = u32 ? enc.readU32(out, 0, count) : enc.read(out, 0, count);
      enc.submit();
      return reading;
    };
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    found.push(await scoped(gpu.gpu, run));
    arena.dispose();
    if (device !== gpu) device.dispose();
  }
  return found;
}

describe('dropoutMask', () => {
  for (const { place, start, words, keep, next } of MASKS) {
    it(`has the random bits of ${JSON.stringify(place)} from word ${start} on, ${words} of them${next ? `, others from ${next.start} on` : ''}`, async () => {
      const before = Array.from({ length: start + words + 2 }, () => 12345);
      const expected = [...before];
      expected.splice(start, words, ...maskWords(place, start, words, keep, next));
      const all = await onAll((_d, enc, arena) => {
        const out = arena.upload('out', [before.length], 'u32', Uint32Array.from(before));
        dropoutMask(enc, { out }, { ...place, start, words, keep, next });
        return { out, count: before.length, u32: true };
      });
      for (const found of all) expect([...found]).toEqual(expected);
    });
  }

  it('takes words row by row where a side of the grid has too few workgroups', async () => {
    const [found] = await onAll((_d, enc, arena) => {
      const out = arena.zeros('out', [300], 'u32');
      const params = {
        seedLow: 5,
        seedHigh: 0,
        step: 1,
        layer: 2,
        threshold: 2 ** 31,
        nextThreshold: 0,
        start: 0,
        next: 300,
      };
      enc.dispatch(dropoutMaskKernel, { out }, { ...params, words: 300 }, [2, 3, 1], {});
      return { out, count: 300, u32: true };
    });
    expect([...found]).toEqual(maskWords({ seed: 5, step: 1, layer: 2 }, 0, 300, 0.5));
  });

  it('refuses what is no share, and a tensor that is too small', () => {
    const device = createCpuDevice();
    const out = device.createArena('test').zeros('out', [4], 'u32');
    const making = (keep: number, words: number) => () =>
      dropoutMask(device.createEncoder(), { out }, { seed: 1, step: 1, layer: 0, words, keep });
    for (const keep of [0, 1, -1, NaN]) expect(making(keep, 4)).toThrow(`keep is ${keep}`);
    const next = { start: 2, keep: 1 };
    expect(() =>
      dropoutMask(
        device.createEncoder(),
        { out },
        { seed: 1, step: 1, layer: 0, words: 4, keep: 0.5, next },
      ),
    ).toThrow('keep is 1');
    expect(making(0.5, 5)).toThrow('out has 4 words of 5');
  });
});

describe('dropout', () => {
  for (const drop of DROPS) {
    it(`keeps what ${JSON.stringify(drop)} keeps, and leaves zeros in the padding`, async () => {
      const gpu = await gpuDevice();
      await expectMeaning(
        gpu,
        'dropped',
        (_d, enc, arena) => {
          const { count, x, mask, out } = dropTensors(arena, drop);
          dropped(enc, { x, mask, out }, drop);
          return { out, count };
        },
        sumBound(1, 2 / drop.keep),
      );
      await expectMeaning(
        gpu,
        'addDropped',
        (_d, enc, arena) => {
          const { count, ...t } = dropTensors(arena, drop);
          addDropped(enc, t, drop);
          return { out: t.out, count };
        },
        sumBound(2, 2 / drop.keep),
      );
    });
  }

  it('multiplies by 1 / keep what its bit keeps', () => {
    const device = createCpuDevice('f64');
    const arena = device.createArena('test');
    const x = arena.upload('x', [1, 8], 'f32', Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8));
    const mask = arena.upload('mask', [2], 'u32', Uint32Array.of(0, 0b10110));
    const out = arena.zeros('out', [1, 8], 'f32');
    const enc = device.createEncoder();
    dropped(enc, { x, mask, out }, { rows: 1, channels: 5, maskStart: 1, keep: 0.5 });
    const reading = enc.read(out, 0, 8);
    enc.submit();
    return expect(reading).resolves.toEqual(Float32Array.of(0, 4, 6, 0, 10, 0, 0, 0));
  });
});

/** Pools of noise, and room for what comes of them. */
function poolTensors(arena: Arena, sizes: readonly number[], spoil?: number) {
  const pools = sizes.map((count, i) => {
    const values = noise(count, 10 + i);
    if (spoil !== undefined && i === sizes.length - 1) values[count - 3] = spoil;
    return arena.upload(`pool ${i}`, [count], 'f32', values);
  });
  return {
    pools,
    partials: arena.zeros('partials', [partialSums(pools) + 1], 'f32'),
    scalars: arena.zeros('scalars', [2], 'f32'),
  };
}

describe('gradientNorm', () => {
  for (const sizes of POOLS) {
    it(`sums the squares of pools of ${sizes.join(', ')}`, async () => {
      await expectVariants(
        sizes.join(),
        GRADIENT_SQUARES,
        (device, arena) => {
          const t = poolTensors(arena, sizes);
          const calls = gradientSquaresCalls(t, device.traits);
          return { calls, out: t.partials, count: partialSums(t.pools) + 1 };
        },
        sumBound(2048, 1),
      );
      for (const maxNorm of [0, 1, 1e6]) {
        // oxlint-disable-next-line no-await-in-loop -- one after the other
        await expectVariants(
          `√, at most ${maxNorm}`,
          GRADIENT_NORM,
          (_d, arena) => {
            const t = poolTensors(arena, sizes);
            const sums = noise(partialSums(t.pools) + 1, 3, 2048, 100);
            arena.write(t.partials, sums);
            return { calls: [gradientNormCall(t, { maxNorm })], out: t.scalars, count: 2 };
          },
          sumBound(64, 400),
        );
      }
    });
  }

  for (const lanes of LANES) {
    it(`is the length of all pools where lanes are ${lanes}, the same to the bit each time, and shows what is no number`, async () => {
      const device = await deviceWith({ lanes });
      const normOf = async (spoil?: number): Promise<number[]> => {
        const arena = device.createArena('test');
        const t = poolTensors(arena, [5000, 64, 70_000], spoil);
        const enc = device.createEncoder();
        gradientNorm(enc, t, { maxNorm: 1 });
        const reading = enc.read(t.scalars, 0, 2);
        enc.submit();
        const values = [...(await reading)];
        arena.dispose();
        return values;
      };
      const squares = [5000, 64, 70_000].flatMap((count, i) => [...noise(count, 10 + i)]);
      const expected = Math.sqrt(squares.reduce((sum, g) => sum + g * g, 0));
      const [norm, factor] = await normOf();
      expectClose('norm', [norm, factor], [expected, 1 / expected], 1e-6 * expected);
      expect(await normOf()).toEqual([norm, factor]);
      expect(await normOf(Infinity)).toEqual([Infinity, 0]);
      expect(await normOf(-Infinity)).toEqual([Infinity, 0]);
      expect(await normOf(NaN)).toEqual([NaN, 0]);
    });
  }

  it('has every variant tried', () => {
    expectTried(GRADIENT_SQUARES);
    expectTried(GRADIENT_NORM);
  });
});

describe('adamW', () => {
  for (const one of ADAM_W) {
    it(`does ${one.steps} steps over ${one.count} elements as PyTorch does`, async () => {
      const expected = expectedAdamW(one);
      for (const found of await onAll((d, enc, arena) => recordAdamW(d, enc, arena, one))) {
        expectClose('adamW', found, expected, 2e-6);
        // Padding: what was zero stays zero, in all three.
        found.forEach((value, i) => (i % one.count) % 64 >= 60 && expect(value).toBe(0));
      }
    });
  }

  it('leaves what lies before and behind its stretch, row by row of the grid', async () => {
    const [found] = await onAll((_d, enc, arena) => {
      const ones = (label: string): Tensor =>
        arena.upload(label, [2048], 'f32', new Float32Array(2048).fill(1));
      const decays = arena.zeros('decays', [32], 'u32');
      const t = { weights: ones('w'), gradients: ones('g'), m: ones('m'), v: ones('v'), decays };
      const rates = { shrink: 0, rest1: 0.5, beta2: 0.5, rest2: 0.5, inverseRoot: 1, epsilon: 0.5 };
      const params = { start4: 100, count4: 300, ...rates, stepSize: 0.75 };
      const scalars = ones('scalars');
      enc.dispatch(adamWKernel, { ...t, scalars }, params, [3, 2, 1], {});
      return { out: t.weights, count: 2048 };
    });
    const expected = Float32Array.from({ length: 2048 }, (_, i) =>
      i >= 400 && i < 1600 ? 0.5 : 1,
    );
    expectClose('weights', found, expected, 1e-6);
  });
});

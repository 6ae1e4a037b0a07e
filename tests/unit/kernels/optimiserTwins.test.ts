// The twins of dropout and the optimiser: masks bit for bit, the rest against meanings in float64 and PyTorch's operations;
// what is no number, what is subnormal, and what a tensor's end is for.
import { afterAll, describe, expect, it } from 'vitest';
import type { Arena, Encoder, Tensor } from '../../../src/gpu/device.ts';
import { addDropped, dropoutMask, dropped } from '../../../src/kernels/dropout.ts';
import { adamW, adamWKernel } from '../../../src/kernels/adamW.ts';
import { gradientNorm, partialSums } from '../../../src/kernels/gradientNorm.ts';
import { expectClose, sumBound } from '../../support/close.ts';
import {
  ADAM_W,
  DROPS,
  MASKS,
  POOLS,
  dropTensors,
  expectedAdamW,
  maskWords,
  recordAdamW,
} from '../../support/optimiserCases.ts';
import { noise } from '../../support/random.ts';
import { expectMeaning, openTwins, run } from '../../support/twins.ts';

const twins = await openTwins();

afterAll(() => {
  for (const { device } of twins) device.dispose();
});

describe('dropoutMask', () => {
  for (const { place, start, words, keep, next } of MASKS) {
    it(`has the random bits of ${JSON.stringify(place)}, ${words} words${next ? `, others from ${next.start} on` : ''}`, async () => {
      const expected = maskWords(place, start, words, keep, next);
      for (const { wasm, threads, device } of twins) {
        // oxlint-disable-next-line no-await-in-loop -- one after the other, as on a page
        const found = await run(device, (_d, enc, arena) => {
          const before = new Uint32Array(start + words + 2).fill(9);
          const out = arena.upload('out', [before.length], 'u32', before);
          dropoutMask(enc, { out }, { ...place, start, words, keep, next });
          return { out, count: before.length, u32: true };
        });
        expect([...found.subarray(start)], `${wasm}, ${threads}`).toEqual([...expected, 9, 9]);
        expect(found.subarray(0, start).every((word) => word === 9)).toBe(true);
      }
    });
  }
});

describe('dropout', () => {
  for (const drop of DROPS) {
    it(`keeps what ${JSON.stringify(drop)} keeps`, async () => {
      await expectMeaning(
        twins,
        'dropped',
        (_d, enc, arena) => {
          const { count, x, mask, out } = dropTensors(arena, drop);
          dropped(enc, { x, mask, out }, drop);
          return { out, count };
        },
        sumBound(1, 2 / drop.keep),
      );
      await expectMeaning(
        twins,
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

  it('in pieces is the same, and what is no number stays so where it is dropped', async () => {
    await expectMeaning(
      twins,
      'a large one',
      (_d, enc, arena) => {
        const drop = { rows: 500, channels: 131, maskStart: 3, keep: 0.5 };
        const { count, ...t } = dropTensors(arena, drop);
        arena.write(t.y, Float32Array.of(NaN, Infinity, -Infinity, NaN, Infinity), 40);
        addDropped(enc, t, drop);
        return { out: t.out, count };
      },
      1e-6,
    );
  });
});

function norm(enc: Encoder, arena: Arena, values: readonly Float32Array[]) {
  const pools = values.map((each) => arena.upload('pool', [each.length], 'f32', each));
  const partials = arena.zeros('partials', [partialSums(pools)], 'f32');
  const scalars = arena.zeros('scalars', [2], 'f32');
  gradientNorm(enc, { pools, partials, scalars }, { maxNorm: 10 });
  return { out: scalars, count: 2 };
}

describe('gradientNorm', () => {
  for (const sizes of [...POOLS, [2 ** 20 + 2052, 8]]) {
    it(`is the length of pools of ${sizes.join(', ')}`, async () => {
      const values = sizes.map((count, i) => noise(count, i));
      const elements = sizes.reduce((sum, count) => sum + count, 0);
      await expectMeaning(
        twins,
        'norm',
        (_d, enc, arena) => norm(enc, arena, values),
        sumBound(16, Math.sqrt(elements)),
      );
    });
  }

  it('shows what is no finite number', async () => {
    for (const [spoil, expected] of [
      [[Infinity, 1], Infinity],
      [[-Infinity, Infinity], Infinity],
      [[NaN, Infinity], NaN],
    ] as const) {
      const values = [noise(3000, 1), noise(8, 2)];
      values[0].set(spoil, 1);
      for (const { device } of twins) {
        // oxlint-disable-next-line no-await-in-loop -- one after the other
        const found = await run(device, (_d, enc, arena) => norm(enc, arena, values));
        expect([...found]).toEqual([expected, 0]);
      }
    }
  });
});

describe('adamW', () => {
  for (const one of ADAM_W) {
    it(`does ${one.steps} steps over ${one.count} elements as PyTorch does`, async () => {
      const expected = expectedAdamW(one);
      for (const { wasm, device } of twins) {
        // oxlint-disable-next-line no-await-in-loop -- one after the other
        const found = await run(device, (d, enc, arena) => recordAdamW(d, enc, arena, one));
        expectClose(wasm, found, expected, 2e-6);
        // Padding: what was zero stays zero, in all three.
        expect(found.every((value, i) => (i % one.count) % 64 < 60 || value === 0)).toBe(true);
      }
    });
  }

  it('leaves nothing out and nothing twice where it goes in stretches', async () => {
    const count = 2 ** 20 + 64;
    const [{ device }] = twins;
    const found = await run(device, (_d, enc, arena) => {
      const ones = (label: string): Tensor =>
        arena.upload(label, [count], 'f32', new Float32Array(count).fill(1));
      const decays = arena.zeros('decays', [count / 64], 'u32');
      const [gradients, m, v, scalars] = ['g', 'm', 'v', 's'].map(ones);
      const t = { weights: ones('w'), gradients, m, v, decays, scalars };
      const rates = { beta1: 0.5, beta2: 0.5, epsilon: 1e-8, weightDecay: 0 };
      adamW(enc, t, { ...rates, count, learningRate: 0.25, step: 1 });
      return { out: t.weights, count };
    });
    // A moment of 1, twice as much without its bias, over the root of another.
    const expected = 1 - (0.25 * 2) / Math.SQRT2;
    expectClose('weights', found, new Float32Array(count).fill(expected), 1e-6);
  });

  it('keeps what is no number, and makes zeros of moments below every normal number', async () => {
    for (const { device } of twins) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const found = await run(device, (_d, enc, arena) => {
        const [weights, m, v, gradients] = [
          [1, 1, 1, 1],
          [1e-38, 1, 1, -1e-38],
          [1e-38, 1, 1, 1e-38],
          [0, NaN, Infinity, 0],
        ].map((values) => arena.upload('t', [4], 'f32', Float32Array.from(values)));
        const t = { weights, m, v, gradients, ...small(arena) };
        const options = { count: 4, learningRate: 0.1, beta1: 0.9, beta2: 0.9 };
        adamW(enc, t, { ...options, epsilon: 1e-8, weightDecay: 0, step: 1 });
        const out = arena.zeros('out', [12], 'f32');
        [weights, m, v].forEach((from, i) => {
          enc.copy(from, out, { from: 0, to: 4 * i, count: 4 });
        });
        return { out, count: 12 };
      });
      expect([...found]).toEqual([1, NaN, NaN, 1, 0, NaN, Infinity, 0, 0, NaN, Infinity, 0]);
    }
  });
});

function small(arena: Arena) {
  return {
    decays: arena.zeros('decays', [1], 'u32'),
    scalars: arena.upload('scalars', [2], 'f32', Float32Array.of(1, 1)),
  };
}

it('computes nothing beyond the end of a tensor, nor outside of a view', async () => {
  const [{ device }] = twins;
  const arena = device.createArena('test');
  const pool = arena.zeros('pool', [256], 'f32');
  const f32 = (count: number): Tensor => arena.view(pool, 'part', [count], 64);
  const rates = { shrink: 1, rest1: 1, beta2: 0, rest2: 1, stepSize: 1, inverseRoot: 1 };
  const step =
    (own: Partial<Record<'weights' | 'm' | 'v' | 'gradients', Tensor>>, end: number) =>
    (enc: Encoder): void => {
      const [weights, m, v, gradients] = [f32(64), f32(64), f32(64), f32(64)];
      const t = { weights, m, v, gradients, ...small(arena), ...own };
      const params = { start4: 8, count4: end / 4 - 8, ...rates, epsilon: 1 };
      enc.dispatch(adamWKernel, t, params, [1, 1, 1], {});
    };
  const refused: Readonly<Record<string, (enc: Encoder) => void>> = {
    'weights has 60 elements of 64': step({ weights: f32(60) }, 64),
    'gradients has 60 elements of 64': step({ gradients: f32(60) }, 64),
    'm has 60 elements of 64': step({ m: f32(60) }, 64),
    'v has 60 elements of 64': step({ v: f32(60) }, 64),
    'decays has 1 elements of 2': step({ weights: pool, m: pool, v: pool, gradients: pool }, 68),
  };
  for (const [words, record] of Object.entries(refused)) {
    const enc = device.createEncoder();
    record(enc);
    const reading = enc.read(pool, 0, 1);
    enc.submit();
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await expect(reading, words).rejects.toMatchObject({
      code: 'device/refused',
      message: expect.stringContaining(words) as string,
    });
  }
  arena.dispose();
});

// The gradients of the linear layer and the activations on the GPU, against their meanings in float64: odd sizes, all
// weight formats, every variant. Their second runs are in add.gpu.test.ts.
import { describe, expect, it } from 'vitest';
import type { Arena, Device, Encoder } from '../../src/gpu/device.ts';
import { ACTIVATIONS } from '../../src/kernels/activation.ts';
import { activationBackward } from '../../src/kernels/activationBackward.ts';
import {
  LINEAR_BACKWARD_INPUT,
  LINEAR_BACKWARD_WEIGHT,
  linearBackwardInput,
  linearBackwardInputCalls,
  linearBackwardWeight,
  linearBackwardWeightCalls,
} from '../../src/kernels/linearBackward.ts';
import {
  WEIGHT_FORMATS,
  type WeightFormat,
  createWeightMatrix,
  writeRows,
} from '../../src/kernels/weightMatrix.ts';
import { sumBound } from '../support/close.ts';
import { noise } from '../support/random.ts';
import { expectMeaning, expectTried, expectVariants, gpuDevice } from './fixture.ts';

function weights(
  device: Device,
  arena: Arena,
  format: WeightFormat,
  rows: number,
  columns: number,
) {
  const matrix = createWeightMatrix(device, arena, 'weight', rows, columns, format);
  writeRows(arena, matrix, 0, noise(rows * columns, 6));
  return matrix;
}

/** The device, as if a binding could show no more than some rows of `columns` f32. */
function capped(device: Device, rows: number, columns: number): Device {
  return { ...device, traits: { ...device.traits, maxBindingBytes: rows * columns * 4 } };
}

const CASES = [
  { rows: 1, n: 8, k: 8, reason: 'the smallest' },
  { rows: 9, n: 40, k: 24, reason: 'ragged tiles of sixteen' },
  { rows: 37, n: 72, k: 104, reason: 'one more row than two turns of four, ragged tiles of 32' },
  { rows: 64, n: 64, k: 64, reason: 'whole tiles' },
  { rows: 100, n: 136, k: 72, reason: 'several tiles each way' },
];

describe('linearBackwardInput', () => {
  for (const format of WEIGHT_FORMATS) {
    for (const { rows, n, k, reason } of CASES) {
      it(`multiplies ${rows} × ${n} by ${n} × ${k} in ${format}: ${reason}`, async () => {
        for (const accumulate of [false, true]) {
          await expectVariants(
            `accumulate ${accumulate}`,
            LINEAR_BACKWARD_INPUT,
            (d, arena) => {
              const dOut = arena.upload('dOut', [rows + 2, n], 'f32', noise((rows + 2) * n, 5));
              const weight = weights(d, arena, format, n, k);
              const dX = arena.upload('dX', [rows + 4, k], 'f32', noise((rows + 4) * k, 7));
              const options = { rows, accumulate, dOutStart: 2, dXStart: 3 };
              const calls = linearBackwardInputCalls({ dOut, weight, dX }, options);
              return { calls, out: dX, count: (rows + 4) * k };
            },
            sumBound(n, 3),
          );
        }
      });
    }
  }

  it('adds up the parts of a weight that is larger than a binding', async () => {
    const [rows, n, k] = [11, 200, 64];
    let parts = 0;
    for (const accumulate of [false, true]) {
      await expectMeaning(
        await gpuDevice(),
        `accumulate ${accumulate}`,
        (d, enc, arena) => {
          const weight = weights(capped(d, 64, k), arena, 'f32', n, k);
          parts = weight.parts.length;
          const dOut = arena.upload('dOut', [rows, n], 'f32', noise(rows * n, 5));
          const dX = arena.upload('dX', [rows, k], 'f32', noise(rows * k, 7));
          linearBackwardInput(enc, { dOut, weight, dX }, { rows, accumulate });
          return { out: dX, count: rows * k };
        },
        sumBound(n, 3),
      );
      expect(parts).toBe(4);
    }
  });
});

describe('linearBackwardWeight', () => {
  for (const { rows, n, k, reason } of CASES) {
    it(`multiplies ${n} × ${rows} by ${rows} × ${k}: ${reason}`, async () => {
      for (const accumulate of [false, true]) {
        for (const of of ['weight', 'bias']) {
          await expectVariants(
            `${of}, accumulate ${accumulate}`,
            LINEAR_BACKWARD_WEIGHT,
            (d, arena) => {
              const dOut = arena.upload('dOut', [rows + 2, n], 'f32', noise((rows + 2) * n, 5));
              const x = arena.upload('x', [rows + 4, k], 'f32', noise((rows + 4) * k, 7));
              const dWeight = weights(d, arena, 'f32', n, k);
              const dBias = [arena.upload('dBias', [n], 'f32', noise(n, 8))];
              const options = { rows, accumulate, dOutStart: 1, xStart: 3 };
              const calls = linearBackwardWeightCalls({ dOut, x, dWeight, dBias }, options);
              return of === 'weight'
                ? { calls, out: dWeight.parts[0].tensor, count: n * k }
                : { calls, out: dBias[0], count: n };
            },
            sumBound(rows, 3),
          );
        }
      }
    });
  }

  it('takes the columns of each part of a weight that is larger than a binding', async () => {
    const [rows, n, k] = [11, 200, 64];
    for (const part of [0, 1, 3]) {
      for (const of of ['weight', 'bias']) {
        await expectMeaning(
          await gpuDevice(),
          `${of}, part ${part}`,
          (d, enc, arena) => {
            const dWeight = weights(capped(d, 64, k), arena, 'f32', n, k);
            const dOut = arena.upload('dOut', [rows, n], 'f32', noise(rows * n, 5));
            const x = arena.upload('x', [rows, k], 'f32', noise(rows * k, 7));
            const dBias = dWeight.parts.map((p) => arena.zeros('dBias', [p.rows], 'f32'));
            linearBackwardWeight(enc, { dOut, x, dWeight, dBias }, { rows });
            const { tensor, rows: count } = dWeight.parts[part];
            return of === 'weight'
              ? { out: tensor, count: count * k }
              : { out: dBias[part], count };
          },
          sumBound(rows, 3),
        );
      }
    }
  });
});

describe('activationBackward', () => {
  for (const activation of ACTIVATIONS) {
    it(`${activation} is right from −1000 to 1000, without overflow`, async () => {
      const far = [-1000, -100, -88, -50, 50, 88, 100, 1000, 1e-4, -1e-4, 1e-30];
      const values = Float32Array.from({ length: 4012 }, (_, i) =>
        i < 4001 ? (i - 2000) / 200 : far[i - 4001],
      );
      await expectMeaning(
        await gpuDevice(),
        activation,
        (_d, enc, arena) => {
          const x = arena.upload('x', [4012], 'f32', values);
          const dOut = arena.upload('dOut', [4012], 'f32', noise(4012, 1));
          const dX = arena.zeros('dX', [4012], 'f32');
          activationBackward(enc, { x, dOut, dX }, { count: 4012, activation });
          return { out: dX, count: 4012 };
        },
        4e-6,
      );
    });
  }

  it('goes on in the next row of a large grid', async () => {
    const count = 4 * 64 * 1024 + 12;
    await expectMeaning(
      await gpuDevice(),
      'relu',
      (_d: Device, enc: Encoder, arena: Arena) => {
        const x = arena.upload('x', [count], 'f32', noise(count, 1));
        const dX = arena.zeros('dX', [count], 'f32');
        activationBackward(enc, { x, dOut: x, dX }, { count, activation: 'relu' });
        return { out: dX, count };
      },
      0,
    );
  });
});

it('every variant was compared with its meaning', () => {
  expectTried(LINEAR_BACKWARD_INPUT);
  expectTried(LINEAR_BACKWARD_WEIGHT);
});

// The twins of the linear layer's gradients and the activations' against their meanings in float64: odd sizes, all weight
// formats, both modules, and one, two and three threads, whose results are the same to the last bit.
import { afterAll, describe, expect, it } from 'vitest';
import { ACTIVATIONS } from '../../../src/kernels/activation.ts';
import { activationBackward } from '../../../src/kernels/activationBackward.ts';
import { linearBackwardInput, linearBackwardWeight } from '../../../src/kernels/linearBackward.ts';
import { WEIGHT_FORMATS } from '../../../src/kernels/weightMatrix.ts';
import { sumBound } from '../../support/close.ts';
import { noise } from '../../support/random.ts';
import { expectMeaning, openTwins, run, weights } from '../../support/twins.ts';

const twins = await openTwins();

afterAll(() => {
  for (const { device } of twins) device.dispose();
});

const CASES = [
  { rows: 1, n: 8, k: 8, reason: 'the smallest' },
  { rows: 5, n: 40, k: 24, reason: 'an odd row, half a panel of columns' },
  { rows: 37, n: 264, k: 48, reason: 'outputs of three panels' },
  { rows: 259, n: 16, k: 40, reason: 'rows of three panels and of two tiles' },
];

describe('linearBackwardInput', () => {
  for (const format of WEIGHT_FORMATS) {
    for (const { rows, n, k, reason } of CASES) {
      it(`multiplies ${rows} × ${n} by ${n} × ${k} in ${format}: ${reason}`, async () => {
        for (const accumulate of [false, true]) {
          await expectMeaning(
            twins,
            `accumulate ${accumulate}`,
            (d, enc, arena) => {
              const dOut = arena.upload('dOut', [rows + 2, n], 'f32', noise((rows + 2) * n, 5));
              const weight = weights(d, arena, format, n, k);
              const dX = arena.upload('dX', [rows + 4, k], 'f32', noise((rows + 4) * k, 7));
              const options = { rows, accumulate, dOutStart: 2, dXStart: 3 };
              linearBackwardInput(enc, { dOut, weight, dX }, options);
              return { out: dX, count: (rows + 4) * k };
            },
            sumBound(n, 3),
          );
        }
      });
    }
  }
});

describe('linearBackwardWeight', () => {
  for (const { rows, n, k, reason } of CASES) {
    it(`multiplies ${n} × ${rows} by ${rows} × ${k}: ${reason}`, async () => {
      for (const accumulate of [false, true]) {
        for (const of of ['weight', 'bias']) {
          await expectMeaning(
            twins,
            `${of}, accumulate ${accumulate}`,
            (d, enc, arena) => {
              const dOut = arena.upload('dOut', [rows + 2, n], 'f32', noise((rows + 2) * n, 5));
              const x = arena.upload('x', [rows + 4, k], 'f32', noise((rows + 4) * k, 7));
              const dWeight = weights(d, arena, 'f32', n, k);
              const dBias = arena.upload('dBias', [n], 'f32', noise(n, 8));
              const options = { rows, accumulate, dOutStart: 1, xStart: 3 };
              linearBackwardWeight(enc, { dOut, x, dWeight, dBias: [dBias] }, options);
              return of === 'weight'
                ? { out: dWeight.parts[0].tensor, count: n * k }
                : { out: dBias, count: n };
            },
            sumBound(rows, 3),
          );
        }
      }
    });
  }

  it('takes the columns of one part, and writes zeros where there are no rows', async () => {
    for (const rows of [0, 7]) {
      await expectMeaning(
        twins,
        `${rows} rows`,
        (d, enc, arena) => {
          const whole = weights(d, arena, 'f32', 24, 16);
          const { tensor } = weights(d, arena, 'f32', 8, 16).parts[0];
          const dWeight = { ...whole, parts: [{ start: 8, rows: 8, tensor }] };
          const dOut = arena.upload('dOut', [8, 24], 'f32', noise(8 * 24, 5));
          const x = arena.upload('x', [8, 16], 'f32', noise(8 * 16, 7));
          const dBias = [arena.upload('dBias', [8], 'f32', noise(8, 8))];
          linearBackwardWeight(enc, { dOut, x, dWeight, dBias }, { rows });
          return { out: tensor, count: 8 * 16 };
        },
        sumBound(8, 3),
      );
    }
  });

  it('refuses what goes on beyond a tensor', async () => {
    const { device } = twins[0];
    await expect(
      run(device, (d, enc, arena) => {
        const dOut = arena.zeros('dOut', [4, 8], 'f32');
        const x = arena.zeros('x', [3, 8], 'f32');
        const dWeight = weights(d, arena, 'f32', 8, 8);
        const dBias = [arena.zeros('dBias', [8], 'f32')];
        linearBackwardWeight(enc, { dOut, x, dWeight, dBias }, { rows: 4 });
        return { out: dBias[0], count: 8 };
      }),
    ).rejects.toThrow(/x has 24 elements of 32/u);
  });
});

it('a gradient that is no number stays so', async () => {
  await expectMeaning(
    twins,
    'NaN',
    (d, enc, arena) => {
      const values = noise(4 * 8, 5);
      values[9] = NaN;
      values[18] = Infinity;
      const dOut = arena.upload('dOut', [4, 8], 'f32', values);
      const weight = weights(d, arena, 'f32', 8, 8);
      const dX = arena.zeros('dX', [4, 8], 'f32');
      linearBackwardInput(enc, { dOut, weight, dX }, { rows: 4 });
      return { out: dX, count: 4 * 8 };
    },
    sumBound(8, 3),
  );
});

describe('activationBackward', () => {
  for (const activation of ACTIVATIONS) {
    it(`${activation} is right from −1000 to 1000, and what is no number stays so`, async () => {
      const far = [-1000, -100, -88, -50, 50, 88, 100, 1000, 1e-4, NaN, 1e-30];
      const values = Float32Array.from({ length: 4012 }, (_, i) =>
        i < 4001 ? (i - 2000) / 200 : far[i - 4001],
      );
      await expectMeaning(
        twins,
        activation,
        (_d, enc, arena) => {
          const x = arena.upload('x', [4012], 'f32', values);
          const dOut = arena.upload('dOut', [4012], 'f32', noise(4012, 1));
          const dX = arena.zeros('dX', [4012], 'f32');
          activationBackward(enc, { x, dOut, dX }, { count: 4012, activation });
          return { out: dX, count: 4012 };
        },
        2e-6,
      );
    });
  }
});

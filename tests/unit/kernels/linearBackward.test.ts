// The gradients of the linear layer and of the activations, against central differences in float64.
import { expect, it } from 'vitest';
import { ACTIVATIONS, activate } from '../../../src/kernels/activation.ts';
import { activationBackward } from '../../../src/kernels/activationBackward.ts';
import { linear } from '../../../src/kernels/linear.ts';
import { linearBackwardInput, linearBackwardWeight } from '../../../src/kernels/linearBackward.ts';
import { createWeightMatrix, writeRows } from '../../../src/kernels/weightMatrix.ts';
import { type Differentiable, expectGradients } from '../../support/backwardCheck.ts';
import { noise } from '../../support/random.ts';

const [ROWS, N, K] = [5, 24, 16];

it.each(ACTIVATIONS)(
  'linear and %s: input, weight and bias have their gradients',
  async (activation) => {
    await expectGradients(activation, (device, arena): Differentiable => {
      const x = arena.upload('x', [ROWS, K], 'f32', noise(ROWS * K, 1));
      const weight = createWeightMatrix(device, arena, 'weight', N, K, 'f32');
      writeRows(arena, weight, 0, noise(N * K, 2, 0, 0.3));
      const bias = arena.upload('bias', [N], 'f32', noise(N, 3));
      const scale = arena.zeros('scale', [1], 'f32');
      const [y, dY, out] = ['y', 'dY', 'out'].map((label) => arena.zeros(label, [ROWS, N], 'f32'));
      const dOut = arena.upload('dOut', [ROWS, N], 'f32', noise(ROWS * N, 4));
      const dX = arena.zeros('dX', [ROWS, K], 'f32');
      const dWeight = createWeightMatrix(device, arena, 'dWeight', N, K, 'f32');
      const dBias = arena.zeros('dBias', [N], 'f32');
      const rows = ROWS;
      return {
        inputs: { x, weight: weight.parts[0].tensor, bias },
        out,
        dOut,
        gradients: { x: dX, weight: dWeight.parts[0].tensor, bias: dBias },
        forward(enc) {
          linear(enc, { x, weight, bias: [bias], scale, out: y }, { rows });
          activate(enc, { x: y, out }, activation);
        },
        backward(enc) {
          activationBackward(enc, { x: y, dOut, dX: dY }, { count: ROWS * N, activation });
          linearBackwardInput(enc, { dOut: dY, weight, dX }, { rows });
          linearBackwardWeight(enc, { dOut: dY, x, dWeight, dBias: [dBias] }, { rows });
        },
      };
    });
  },
);

it('a gradient that is wrong by a thousandth is found', async () => {
  const check = expectGradients('none', (_device, arena): Differentiable => {
    const x = arena.upload('x', [8], 'f32', noise(8, 1));
    const dOut = arena.upload('dOut', [8], 'f32', noise(8, 2));
    const wrong = arena.upload(
      'dX',
      [8],
      'f32',
      noise(8, 2).map((value) => value * 1.001),
    );
    const out = arena.zeros('out', [8], 'f32');
    return {
      inputs: { x },
      out,
      dOut,
      gradients: { x: wrong },
      forward: (enc) => activate(enc, { x, out }, 'none'),
      backward: () => {},
    };
  });
  await expect(check).rejects.toThrow(/its gradient says/u);
});

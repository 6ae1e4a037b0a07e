// Kernels that add to what is there: the second run adds as much as the first, on the GPU and on the processor.
import { expect, it } from 'vitest';
import { createCpuDevice } from '../../src/gpu/cpu/device.ts';
import type { Arena, Device, Encoder, Tensor } from '../../src/gpu/device.ts';
import { addRow } from '../../src/kernels/addRow.ts';
import { CPU_TWINS } from '../../src/kernels/cpuTwins.ts';
import {
  embeddingBackward,
  groupByToken,
  positionBackward,
} from '../../src/kernels/embeddingBackward.ts';
import {
  LAYER_NORM_BACKWARD_WEIGHT,
  layerNormBackwardCalls,
} from '../../src/kernels/layerNormBackward.ts';
import { LINEAR, linearCalls } from '../../src/kernels/linear.ts';
import {
  LINEAR_BACKWARD_INPUT,
  LINEAR_BACKWARD_WEIGHT,
  linearBackwardInputCalls,
  linearBackwardWeightCalls,
} from '../../src/kernels/linearBackward.ts';
import {
  type WeightMatrix,
  createWeightMatrix,
  writeRows,
} from '../../src/kernels/weightMatrix.ts';
import { allKernels } from '../support/kernels.ts';
import { noise } from '../support/random.ts';
import { expectClose } from '../support/close.ts';
import { gpuDevice, scoped } from './fixture.ts';

const [ROWS, N, K] = [8, 24, 16];

/** Records one run on `out` (ROWS, N). */
type Run = (device: Device, arena: Arena, out: Tensor) => (enc: Encoder) => void;

/** `out` as a matrix in one part. */
function matrixOf(out: Tensor): WeightMatrix {
  return { rows: ROWS, columns: N, format: 'f32', parts: [{ start: 0, rows: ROWS, tensor: out }] };
}

const runs = new Map<string, Run>([
  [
    'addRow',
    (_device, arena, out) => {
      const row = arena.upload('row', [1, N], 'f32', noise(N, 1));
      const all = { rows: ROWS, start: 0, from: 0, count: N };
      return (enc) => addRow(enc, { row, out }, all);
    },
  ],
  ...LINEAR.map(({ kernel, record }): [string, Run] => [
    kernel.name,
    (device, arena, out) => {
      const weight = createWeightMatrix(device, arena, 'weight', N, K, 'f32');
      writeRows(arena, weight, 0, noise(N * K, 2));
      const t = {
        x: arena.upload('x', [ROWS, K], 'f32', noise(ROWS * K, 3)),
        weight,
        bias: [arena.upload('bias', [N], 'f32', noise(N, 4))],
        scale: arena.upload('scale', [1], 'f32', Float32Array.of(0.5)),
        out,
      };
      const [call] = linearCalls(t, { rows: ROWS, accumulate: true });
      return (enc) => record(enc, call);
    },
  ]),
  ...LINEAR_BACKWARD_INPUT.map(({ kernel, record }): [string, Run] => [
    kernel.name,
    (device, arena, dX) => {
      const weight = createWeightMatrix(device, arena, 'weight', K, N, 'f32');
      writeRows(arena, weight, 0, noise(N * K, 2));
      const dOut = arena.upload('dOut', [ROWS, K], 'f32', noise(ROWS * K, 3));
      const options = { rows: ROWS, accumulate: true };
      const [call] = linearBackwardInputCalls({ dOut, weight, dX }, options);
      return (enc) => record(enc, call);
    },
  ]),
  ...LINEAR_BACKWARD_WEIGHT.flatMap(({ kernel, record }) =>
    (['weight', 'bias'] as const).map((of): [string, Run] => [
      of === 'weight' ? kernel.name : `${kernel.name}, bias`,
      (_device, arena, out) => {
        // `out` is a weight of (ROWS, N), or the bias of one of (ROWS · N, 8).
        const [n, k] = of === 'weight' ? [ROWS, N] : [ROWS * N, 8];
        const other = arena.zeros('other', [n, k], 'f32');
        const parts = [{ start: 0, rows: n, tensor: of === 'weight' ? out : other }];
        const t = {
          dOut: arena.upload('dOut', [K, n], 'f32', noise(K * n, 3)),
          x: arena.upload('x', [K, k], 'f32', noise(K * k, 4)),
          dWeight: { rows: n, columns: k, format: 'f32' as const, parts },
          dBias: [of === 'weight' ? other : out],
        };
        const [call] = linearBackwardWeightCalls(t, { rows: K, accumulate: true });
        return (enc) => record(enc, call);
      },
    ]),
  ),
  [
    'embeddingBackward',
    (_device, arena, out) => {
      const lists = groupByToken(Uint32Array.of(5, 0, 5, 7, 5, 1));
      const list = (label: 'order' | 'starts' | 'tokens') =>
        arena.upload(label, [lists[label].length], 'u32', lists[label]);
      const t = {
        dX: arena.upload('dX', [6, N], 'f32', noise(6 * N, 1)),
        order: list('order'),
        starts: list('starts'),
        tokens: list('tokens'),
        dWte: matrixOf(out),
      };
      return (enc) => embeddingBackward(enc, t, { distinct: lists.tokens.length });
    },
  ],
  [
    'positionBackward',
    (_device, arena, out) => {
      const dX = arena.upload('dX', [6, N], 'f32', noise(6 * N, 1));
      const options = { batch: 2, tokens: 3, accumulate: true };
      return (enc) => positionBackward(enc, { dX, dWpe: matrixOf(out) }, options);
    },
  ],
  ...LAYER_NORM_BACKWARD_WEIGHT.flatMap(({ kernel, record }) =>
    (['dWeight', 'dBias'] as const).map((of): [string, Run] => [
      of === 'dWeight' ? kernel.name : `${kernel.name}, bias`,
      (_device, arena, out) => {
        // Weight and bias of as many channels as `out` has elements.
        const channels = ROWS * N;
        const [x, dOut, residual, dX] = [1, 2, 3, 4].map((seed) =>
          arena.upload(`${seed}`, [K, channels], 'f32', noise(K * channels, seed)),
        );
        const [weight, dWeight, dBias] = ['weight', 'dWeight', 'dBias'].map((label) =>
          arena.zeros(label, [channels], 'f32'),
        );
        const statistics = arena.upload('statistics', [K, 2], 'f32', noise(2 * K, 5));
        const call = layerNormBackwardCalls(
          { x, weight, dOut, residual, statistics, dX, dWeight, dBias },
          { rows: K, channels, epsilon: 1e-5, byVariance: true, accumulate: true },
        ).weight;
        const tensors = { ...call.tensors, [of]: out };
        return (enc) => record(enc, { ...call, tensors });
      },
    ]),
  ),
]);

/** What `out` holds before the first run and after each of two. */
async function twice(device: Device, run: Run): Promise<Float32Array[]> {
  const arena = device.createArena('add');
  const out = arena.upload('out', [ROWS, N], 'f32', noise(ROWS * N, 5));
  const record = run(device, arena, out);
  const enc = device.createEncoder();
  const reading = [enc.read(out, 0, ROWS * N)];
  for (let i = 0; i < 2; i++) {
    record(enc);
    reading.push(enc.read(out, 0, ROWS * N));
  }
  enc.submit();
  const values = await Promise.all(reading);
  arena.dispose();
  return values;
}

it('every kernel that says it adds is tried here', () => {
  const adding = allKernels().filter(({ bindings }) => Object.values(bindings).includes('add'));
  const names = [...runs.keys()].map((name) => name.split(',')[0]);
  expect(new Set(names)).toEqual(new Set(adding.map(({ name }) => name)));
});

for (const [name, run] of runs) {
  it(`${name} adds the same once more`, async () => {
    const gpu = await gpuDevice();
    const cpu = createCpuDevice('f32', { twins: CPU_TWINS });
    const found = [await scoped(gpu.gpu, () => twice(gpu, run)), await twice(cpu, run)];
    cpu.dispose();
    for (const [before, once, after] of found) {
      const added = once.map((value, i) => value - before[i]);
      expect(Math.max(...added.map(Math.abs))).toBeGreaterThan(0.1);
      expectClose(
        name,
        after,
        before.map((value, i) => value + 2 * added[i]),
        1e-5,
      );
    }
    expectClose(`${name} on both`, found[0][2], found[1][2], 1e-4);
  });
}

// Which kernel an op takes, by the device's traits and the sizes of the call.
import { afterAll, describe, expect, it } from 'vitest';
import { createCpuDevice } from '../../../src/gpu/cpu/device.ts';
import type { Traits } from '../../../src/gpu/device.ts';
import { ATTENTION, attentionCall } from '../../../src/kernels/attention.ts';
import {
  ATTENTION_BACKWARD_KEYS,
  ATTENTION_BACKWARD_QUERIES,
  attentionBackwardCalls,
} from '../../../src/kernels/attentionBackward.ts';
import {
  ATTENTION_TRAINING,
  attentionTrainingCall,
} from '../../../src/kernels/attentionTraining.ts';
import { CROSS_ENTROPY, crossEntropyCall } from '../../../src/kernels/crossEntropy.ts';
import {
  CROSS_ENTROPY_BACKWARD,
  crossEntropyBackwardCall,
} from '../../../src/kernels/crossEntropyBackward.ts';
import { LAYER_NORM, layerNormCall } from '../../../src/kernels/layerNorm.ts';
import {
  LAYER_NORM_BACKWARD_INPUT,
  LAYER_NORM_BACKWARD_WEIGHT,
  layerNormBackwardCalls,
} from '../../../src/kernels/layerNormBackward.ts';
import { LINEAR, linearCalls } from '../../../src/kernels/linear.ts';
import {
  LINEAR_BACKWARD_INPUT,
  LINEAR_BACKWARD_WEIGHT,
  linearBackwardInputCalls,
  linearBackwardWeightCalls,
} from '../../../src/kernels/linearBackward.ts';
import { TOP_TOKEN, topTokenCall } from '../../../src/kernels/topToken.ts';
import { MOST_WORKGROUPS, choose, gridOf, stretches } from '../../../src/kernels/variants.ts';
import { planTensor, planWeightMatrix } from '../../../src/kernels/weightMatrix.ts';

const device = createCpuDevice();
afterAll(() => device.dispose());
const real: Traits = { ...device.traits, lanes: 'real' };
const imitated: Traits = { ...device.traits, lanes: 'imitated' };
const f32 = (...shape: number[]) => planTensor(shape, 'f32');

describe('linear', () => {
  const taken = (traits: Traits, rows: number, n: number, k: number, often = false): string => {
    const weight = planWeightMatrix(device, n, k, 'f32');
    const t = { x: f32(rows, k), weight, bias: [f32(n)], scale: f32(1), out: f32(rows, n) };
    const [call] = linearCalls(t, { rows, often });
    return choose(LINEAR, traits, call).kernel.name;
  };
  it.each([
    [1, 64, 64, false, 'matvec', 'matvecWorkgroup'],
    [2, 768, 768, false, 'matvec', 'matvecWorkgroup'],
    // More workgroups than a side of a grid has: two rows of weights each.
    [1, 8 * 65535, 8, false, 'matvec', 'matvecWorkgroup'],
    [1, 8 * 65536, 8, false, 'matvec', 'matvec'],
    [3, 64, 64, false, 'matmul', 'matmul'],
    [8, 768, 768, false, 'matmul', 'matmul'],
    [9, 64, 64, false, 'matmul', 'matmul'],
    [9, 64, 64, true, 'matmulWide', 'matmul'],
    [9, 512, 512, false, 'matmulWide', 'matmul'],
  ])('takes %i rows by %i × %i, often %s, to %s or %s', (rows, n, k, often, plain, lanes) => {
    expect(taken(imitated, rows, n, k, often)).toBe(plain);
    expect(taken(real, rows, n, k, often)).toBe(lanes);
  });
});

it('gradients of a linear layer share tiles of workgroup memory where lanes are real', () => {
  const [rows, n, k] = [9, 24, 16];
  const [weight, dOut] = [planWeightMatrix(device, n, k, 'f32'), f32(rows, n)];
  const [input] = linearBackwardInputCalls({ dOut, weight, dX: f32(rows, k) }, { rows });
  const t = { dOut, x: f32(rows, k), dWeight: weight, dBias: [f32(n)] };
  const [ofWeight] = linearBackwardWeightCalls(t, { rows });
  const names = (traits: Traits): string[] => [
    choose(LINEAR_BACKWARD_INPUT, traits, input).kernel.name,
    choose(LINEAR_BACKWARD_WEIGHT, traits, ofWeight).kernel.name,
  ];
  expect(names(imitated)).toEqual(['linearBackwardInput', 'linearBackwardWeight']);
  expect(names(real)).toEqual(['linearBackwardInputWorkgroup', 'linearBackwardWeightWorkgroup']);
});

describe('attention', () => {
  const taken = (traits: Traits, rows: number, options: object = {}): string => {
    const layout = { nHead: 2, headSize: 64, headStride: 64, partStride: 128, rowStride: 384 };
    const o = {
      ...layout,
      rows,
      tokens: rows,
      past: 0,
      scaleStart: 0,
      scoreScale: 0.125,
      ...options,
    };
    const t = { qkv: f32(1, 1024, o.rowStride), headScale: f32(2), out: f32(rows, o.partStride) };
    return choose(ATTENTION, traits, attentionCall(t, o)).kernel.name;
  };
  it.each([
    [1, {}, 'attention', 'attentionWorkgroup'],
    [4, { often: true }, 'attentionTile', 'attentionWorkgroup'],
    [3, { often: true }, 'attention', 'attentionWorkgroup'],
    [128, {}, 'attentionTile', 'attentionWorkgroup'],
    [64, {}, 'attention', 'attentionWorkgroup'],
    // Rows of several sequences share no keys.
    [128, { tokens: 64 }, 'attention', 'attentionWorkgroup'],
    // A head wider than the lanes of a workgroup own.
    [1, { headStride: 260, partStride: 520, rowStride: 1560 }, 'attention', 'attention'],
  ])('takes %i rows with %o to %s or %s', (rows, options, plain, lanes) => {
    expect(taken(imitated, rows, options)).toBe(plain);
    expect(taken(real, rows, options)).toBe(lanes);
  });
});

describe("training's attention", () => {
  const taken = (traits: Traits, headStride: number): string[] => {
    const o = {
      nHead: 2,
      headSize: headStride,
      headStride,
      partStride: 2 * headStride,
      rowStride: 6 * headStride,
      rows: 8,
      tokens: 4,
      scoreScale: 0.125,
      dropout: null,
    };
    const [qkv, dQkv] = [f32(8, o.rowStride), f32(8, o.rowStride)];
    const [out, dOut] = [f32(8, o.partStride), f32(8, o.partStride)];
    const [lse, delta] = [f32(8, 2), f32(8, 2)];
    const t = { qkv, mask: null, out, lse, dOut, delta, dQkv };
    const calls = attentionBackwardCalls(t, o);
    return [
      choose(ATTENTION_TRAINING, traits, attentionTrainingCall(t, o)),
      choose(ATTENTION_BACKWARD_QUERIES, traits, calls.queries),
      choose(ATTENTION_BACKWARD_KEYS, traits, calls.keys),
    ].map(({ kernel }) => kernel.name);
  };
  const plain = ['attentionTraining', 'attentionBackwardQueries', 'attentionBackwardKeys'];
  it.each([
    [4, plain.map((name) => `${name}Workgroup`)],
    [64, plain.map((name) => `${name}Workgroup`)],
    // Wider than a lane's registers.
    [68, plain],
  ])('takes heads of %i to the plain kernels or to %o', (headStride, lanes) => {
    expect(taken(imitated, headStride)).toEqual(plain);
    expect(taken(real, headStride)).toEqual(lanes);
  });
});

it('ops of rows take a workgroup a row where lanes are real', () => {
  const [rows, width] = [3, 16];
  const norm = { x: f32(rows, width), weight: f32(width), bias: f32(width), out: f32(rows, width) };
  const options = { rows, channels: width, epsilon: 1e-5, byVariance: true };
  const u32 = planTensor([rows], 'u32');
  const logits = f32(rows, width);
  const scores = { logits, targets: u32, loss: f32(rows), rank: u32 };
  const top = { logits, token: u32, logprob: f32(rows) };
  const [dX, dOut, weight] = [f32(rows, width), f32(rows, width), f32(width)];
  const statistics = f32(rows, 2);
  const gradients = { dWeight: f32(width), dBias: f32(width), residual: null };
  const t = { x: norm.x, weight, dOut, statistics, dX, ...gradients };
  const back = layerNormBackwardCalls(t, options);
  const loss = crossEntropyBackwardCall(scores, { rows, vocab: 9, start: 0, scale: 1 });
  const names = (traits: Traits): string[] => [
    choose(LAYER_NORM, traits, layerNormCall(norm, options)).kernel.name,
    choose(LAYER_NORM_BACKWARD_INPUT, traits, back.input).kernel.name,
    choose(LAYER_NORM_BACKWARD_WEIGHT, traits, back.weight).kernel.name,
    choose(CROSS_ENTROPY_BACKWARD, traits, loss).kernel.name,
    choose(CROSS_ENTROPY, traits, crossEntropyCall(scores, { rows, vocab: 9 })).kernel.name,
    choose(TOP_TOKEN, traits, topTokenCall(top, { rows, vocab: 9 })).kernel.name,
  ];
  const plain = [
    'layerNorm',
    'layerNormBackwardInput',
    'layerNormBackwardWeight',
    'crossEntropyBackward',
    'crossEntropy',
    'topToken',
  ];
  expect(names(imitated)).toEqual(plain);
  expect(names(real)).toEqual(plain.map((name) => `${name}Workgroup`));
});

it('a grid has rows where a side of it has too few workgroups', () => {
  expect(gridOf(0.5)).toEqual([1, 1, 1]);
  expect(gridOf(MOST_WORKGROUPS)).toEqual([MOST_WORKGROUPS, 1, 1]);
  expect(gridOf(MOST_WORKGROUPS + 0.5)).toEqual([32_768, 2, 1]);
  expect(gridOf(1e6)).toEqual([62_500, 16, 1]);
});

it('long tensors go in stretches where lanes are imitated, and at once where they are real', () => {
  const count = 2 ** 21 + 64;
  expect(stretches(real, count, 64)).toEqual([{ from: 0, length: count }]);
  expect(stretches(imitated, count, 64)).toEqual([
    { from: 0, length: 2 ** 20 },
    { from: 2 ** 20, length: 2 ** 20 },
    { from: 2 ** 21, length: 64 },
  ]);
  expect(stretches(imitated, 0, 64)).toEqual([]);
});

// The gradients of the linear layer: of what went in (`linearBackwardInput`), and of its weight and bias
// (`linearBackwardWeight`). Both are outer products added up, so both read rows as they lie.
import inputSource from '../../shaders/linearBackwardInput.wgsl?raw';
import inputWorkgroupSource from '../../shaders/linearBackwardInputWorkgroup.wgsl?raw';
import weightSource from '../../shaders/linearBackwardWeight.wgsl?raw';
import weightWorkgroupSource from '../../shaders/linearBackwardWeightWorkgroup.wgsl?raw';
import type { Encoder, Tensor } from '../gpu/device.ts';
import { bytesOf } from '../gpu/device.ts';
import {
  type Arrays,
  type Kernel,
  type Sizes,
  type TwinTools,
  defineKernel,
} from '../gpu/kernel.ts';
import { type Variant, choose } from './variants.ts';
import { PIECE_WORK, addressOf } from './wasm/address.ts';
import { WEIGHT_FORMATS, type WeightMatrix } from './weightMatrix.ts';

const input = {
  params: {
    rows: 'u32',
    columns4: 'u32',
    dOutStride4: 'u32',
    dOutColumn4: 'u32',
    accumulate: 'u32',
    dOutStart: 'u32',
    dXStart: 'u32',
    width: 'u32',
  },
  bindings: { dOut: 'read', weight: 'read', dX: 'add' },
  meaning: inputMeaning,
  twin: inputTwin,
} as const;

const weight = {
  params: {
    rows: 'u32',
    columns4: 'u32',
    dOutStride4: 'u32',
    dOutColumn4: 'u32',
    accumulate: 'u32',
    dOutStart: 'u32',
    xStart: 'u32',
    width: 'u32',
  },
  bindings: { dOut: 'read', x: 'read', dWeight: 'add', dBias: 'add' },
  meaning: weightMeaning,
  twin: weightTwin,
} as const;

export const linearBackwardInputKernel = defineKernel({
  name: 'linearBackwardInput',
  source: inputSource,
  ...input,
  overrides: ['WEIGHT_FORMAT'],
});

export const linearBackwardInputWorkgroupKernel = defineKernel({
  name: 'linearBackwardInputWorkgroup',
  source: inputWorkgroupSource,
  ...input,
  overrides: ['WEIGHT_FORMAT'],
});

export const linearBackwardWeightKernel = defineKernel({
  name: 'linearBackwardWeight',
  source: weightSource,
  ...weight,
  overrides: [],
});

export const linearBackwardWeightWorkgroupKernel = defineKernel({
  name: 'linearBackwardWeightWorkgroup',
  source: weightWorkgroupSource,
  ...weight,
  overrides: [],
});

export interface LinearBackwardInputTensors {
  /** (·, N) with N padded as the weight's rows are, with zeros. */
  readonly dOut: Tensor;
  readonly weight: WeightMatrix;
  /** (·, K) */
  readonly dX: Tensor;
}

export interface LinearBackwardInputOptions {
  readonly rows: number;
  /** Adds to `dX` instead of overwriting it. */
  readonly accumulate?: boolean;
  /** First row of `dOut`; 0 by default. */
  readonly dOutStart?: number;
  /** First row of `dX`; 0 by default. */
  readonly dXStart?: number;
}

export interface LinearBackwardWeightTensors {
  /** (·, N) with N padded as the weight's rows are, with zeros. */
  readonly dOut: Tensor;
  /** (·, K) with K padded as the weight's columns are, with zeros. */
  readonly x: Tensor;
  /** f32 */
  readonly dWeight: WeightMatrix;
  /** (N) for each part of the weight, in order; where the model has no bias, one that nobody reads. */
  readonly dBias: readonly Tensor[];
}

export interface LinearBackwardWeightOptions {
  readonly rows: number;
  /** Adds to `dWeight` and `dBias` instead of overwriting them. */
  readonly accumulate?: boolean;
  /** First row of `dOut`; 0 by default. */
  readonly dOutStart?: number;
  /** First row of `x`; 0 by default. */
  readonly xStart?: number;
}

/** What one part of the weight comes to. */
interface InputCall {
  readonly tensors: Readonly<Record<keyof typeof input.bindings, Tensor>>;
  readonly params: Readonly<Record<keyof typeof input.params, number>>;
  readonly overrides: Readonly<Record<'WEIGHT_FORMAT', number>>;
}

interface WeightCall {
  readonly tensors: Readonly<Record<keyof typeof weight.bindings, Tensor>>;
  readonly params: Readonly<Record<keyof typeof weight.params, number>>;
}

export const LINEAR_BACKWARD_INPUT: readonly Variant<InputCall>[] = [
  {
    kernel: linearBackwardInputWorkgroupKernel,
    fits: ({ lanes }) => lanes === 'real',
    record: (enc, { tensors, params, overrides }) => {
      const grid = [Math.ceil(params.width / 32), Math.ceil(params.rows / 32), 1] as const;
      enc.dispatch(linearBackwardInputWorkgroupKernel, tensors, params, grid, overrides);
    },
  },
  {
    kernel: linearBackwardInputKernel,
    fits: () => true,
    record: (enc, { tensors, params, overrides }) => {
      const grid = [Math.ceil(params.width / 64), Math.ceil(params.rows / 16), 1] as const;
      enc.dispatch(linearBackwardInputKernel, tensors, params, grid, overrides);
    },
  },
];

export const LINEAR_BACKWARD_WEIGHT: readonly Variant<WeightCall>[] = [
  {
    kernel: linearBackwardWeightWorkgroupKernel,
    fits: ({ lanes }) => lanes === 'real',
    record: (enc, { tensors, params }) => {
      const grid = [Math.ceil(params.width / 32), Math.ceil(params.columns4 / 8), 1] as const;
      enc.dispatch(linearBackwardWeightWorkgroupKernel, tensors, params, grid, {});
    },
  },
  {
    kernel: linearBackwardWeightKernel,
    fits: () => true,
    record: (enc, { tensors, params }) => {
      const grid = [Math.ceil(params.width / 64), Math.ceil(params.columns4 / 4), 1] as const;
      enc.dispatch(linearBackwardWeightKernel, tensors, params, grid, {});
    },
  },
];

/** Records dX[dXStart + r] = dOut[dOutStart + r] · weight, or dX += that. */
export function linearBackwardInput(
  enc: Encoder,
  t: LinearBackwardInputTensors,
  options: LinearBackwardInputOptions,
): void {
  for (const call of linearBackwardInputCalls(t, options)) {
    choose(LINEAR_BACKWARD_INPUT, enc.traits, call).record(enc, call);
  }
}

/** Records dWeight = Σ_r dOut[dOutStart + r]ᵀ · x[xStart + r] and dBias = Σ_r dOut[dOutStart + r], or adds them. */
export function linearBackwardWeight(
  enc: Encoder,
  t: LinearBackwardWeightTensors,
  options: LinearBackwardWeightOptions,
): void {
  for (const call of linearBackwardWeightCalls(t, options)) {
    choose(LINEAR_BACKWARD_WEIGHT, enc.traits, call).record(enc, call);
  }
}

/** A call for each part of the weight; those after the first add to what the first gave. */
export function linearBackwardInputCalls(
  { dOut, weight: of, dX }: LinearBackwardInputTensors,
  options: LinearBackwardInputOptions,
): InputCall[] {
  const { rows, accumulate = false, dOutStart = 0, dXStart = 0 } = options;
  return of.parts.map((part, i) => ({
    tensors: { dOut, weight: part.tensor, dX },
    params: {
      rows,
      columns4: part.rows / 4,
      dOutStride4: of.rows / 4,
      dOutColumn4: part.start / 4,
      accumulate: accumulate || i > 0 ? 1 : 0,
      dOutStart,
      dXStart,
      width: of.columns,
    },
    overrides: { WEIGHT_FORMAT: WEIGHT_FORMATS.indexOf(of.format) },
  }));
}

/** A call for each part of the weight. */
export function linearBackwardWeightCalls(
  { dOut, x, dWeight, dBias }: LinearBackwardWeightTensors,
  options: LinearBackwardWeightOptions,
): WeightCall[] {
  const { rows, accumulate = false, dOutStart = 0, xStart = 0 } = options;
  return dWeight.parts.map((part, i) => ({
    tensors: { dOut, x, dWeight: part.tensor, dBias: dBias[i] },
    params: {
      rows,
      columns4: part.rows / 4,
      dOutStride4: dWeight.rows / 4,
      dOutColumn4: part.start / 4,
      accumulate: accumulate ? 1 : 0,
      dOutStart,
      xStart,
      width: dWeight.columns,
    },
  }));
}

/** dX[dXStart + r, k] ← Σ_n dOut[dOutStart + r, dOutColumn + n] · weight[n, k], or dX += that */
function inputMeaning(
  { dOut, weight: w, dX }: Arrays<keyof typeof input.bindings>,
  s: Sizes<keyof typeof input.params>,
): void {
  for (let r = 0; r < s.rows; r++) {
    const from = ((s.dOutStart + r) * s.dOutStride4 + s.dOutColumn4) * 4;
    for (let k = 0; k < s.width; k++) {
      let sum = 0;
      for (let n = 0; n < s.columns4 * 4; n++) sum += dOut[from + n] * w[n * s.width + k];
      const at = (s.dXStart + r) * s.width + k;
      dX[at] = s.accumulate ? dX[at] + sum : sum;
    }
  }
}

/** dWeight[n, k] ← Σ_r dOut[dOutStart + r, dOutColumn + n] · x[xStart + r, k], dBias[n] ← Σ_r dOut[…], or += those */
function weightMeaning(
  { dOut, x, dWeight, dBias }: Arrays<keyof typeof weight.bindings>,
  s: Sizes<keyof typeof weight.params>,
): void {
  const stride = s.dOutStride4 * 4;
  for (let n = 0; n < s.columns4 * 4; n++) {
    const from = s.dOutStart * stride + s.dOutColumn4 * 4 + n;
    let bias = 0;
    for (let r = 0; r < s.rows; r++) bias += dOut[from + r * stride];
    dBias[n] = s.accumulate ? dBias[n] + bias : bias;
    for (let k = 0; k < s.width; k++) {
      let sum = 0;
      for (let r = 0; r < s.rows; r++)
        sum += dOut[from + r * stride] * x[(s.xStart + r) * s.width + k];
      const at = n * s.width + k;
      dWeight[at] = s.accumulate ? dWeight[at] + sum : sum;
    }
  }
}

/** The number of both in share.c: they are one product over other strides. */
const LINEAR_BACKWARD = 7;
/** Floats that a thread keeps: a panel of 128 rows by sixteen, and a row that goes nowhere (linearBackward.c). */
const SCRATCH = 128 * 16 + 16;
const F32 = WEIGHT_FORMATS.indexOf('f32');

/** What linearBackward.c multiplies: out (I, K) = a (I, L) · b (L, K), by addresses and sizes in elements. */
interface Product {
  readonly a: number;
  readonly b: number;
  readonly sum: number;
  readonly I: number;
  readonly L: number;
  readonly aRow: number;
  readonly aColumn: number;
  readonly K: number;
  readonly format: number;
}

function product(tools: TwinTools, out: number, p: Product): void {
  const tiles = Math.ceil(p.I / 256) * Math.ceil(p.K / 16);
  tools.share(
    LINEAR_BACKWARD,
    [p.a, p.b, out, p.sum, p.I, p.L, p.aRow, p.aColumn, p.K, p.format],
    Math.min(tiles, (p.I * p.L * p.K) / PIECE_WORK),
    SCRATCH * 4,
  );
}

/** Runs `compute` with the address to write to: of `out` itself, or of room whose numbers are then added to it. */
function into(
  tools: TwinTools,
  name: string,
  out: number,
  length: number,
  accumulate: number,
  compute: (to: number) => void,
): void {
  const to = accumulate ? tools.room(name, length) : out;
  compute(to);
  if (accumulate) tools.call('added', [to, out, length / 4]);
}

function inputTwin(
  tools: TwinTools,
): Kernel<keyof typeof input.params, keyof typeof input.bindings, 'WEIGHT_FORMAT'>['meaning'] {
  return ({ dOut, weight: w, dX }, s) => {
    const [N, stride] = [s.columns4 * 4, s.dOutStride4 * 4];
    const bytes = bytesOf(N * s.width, [s.width], WEIGHT_FORMATS[s.WEIGHT_FORMAT]);
    const from = s.dOutStart * stride + s.dOutColumn4 * 4;
    const p: Product = {
      a: addressOf('dOut', dOut, from + (s.rows - 1) * stride + N) + from * 4,
      b: addressOf('weight', w, bytes / w.BYTES_PER_ELEMENT),
      sum: 0,
      I: s.rows,
      L: N,
      aRow: stride,
      aColumn: 1,
      K: s.width,
      format: s.WEIGHT_FORMAT,
    };
    const out = addressOf('dX', dX, (s.dXStart + s.rows) * s.width) + s.dXStart * s.width * 4;
    into(tools, 'dX', out, s.rows * s.width, s.accumulate, (to) => product(tools, to, p));
  };
}

function weightTwin(
  tools: TwinTools,
): Kernel<keyof typeof weight.params, keyof typeof weight.bindings, never>['meaning'] {
  return ({ dOut, x, dWeight, dBias }, s) => {
    const [N, stride] = [s.columns4 * 4, s.dOutStride4 * 4];
    const from = s.dOutStart * stride + s.dOutColumn4 * 4;
    const p = {
      a: addressOf('dOut', dOut, from + (s.rows - 1) * stride + N) + from * 4,
      b: addressOf('x', x, (s.xStart + s.rows) * s.width) + s.xStart * s.width * 4,
      I: N,
      L: s.rows,
      aRow: 1,
      aColumn: stride,
      K: s.width,
      format: F32,
    };
    const out = addressOf('dWeight', dWeight, N * s.width);
    into(tools, 'dWeight', out, N * s.width, s.accumulate, (to) => {
      const bias = addressOf('dBias', dBias, N);
      into(tools, 'dBias', bias, N, s.accumulate, (sum) => product(tools, to, { ...p, sum }));
    });
  };
}

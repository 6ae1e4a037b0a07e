// The linear layer in four shapes: matvec (few rows, no lanes), matvecWorkgroup (few rows, real
// lanes), matmul (more rows) and matmulWide (many rows, no lanes), all with bias, activation, residual
// and part switch fused.
import matmulSource from '../../shaders/matmul.wgsl?raw';
import matmulWideSource from '../../shaders/matmulWide.wgsl?raw';
import matvecSource from '../../shaders/matvec.wgsl?raw';
import matvecWorkgroupSource from '../../shaders/matvecWorkgroup.wgsl?raw';
import type { Encoder, Tensor } from '../gpu/device.ts';
import { type Arrays, type NumberArray, type Sizes, defineKernel } from '../gpu/kernel.ts';
import { ACTIVATIONS, type Activation, activated } from './activation.ts';
import { type RowMap, identityRows, mapRow } from './rowMap.ts';
import { MOST_WORKGROUPS, type Variant, choose } from './variants.ts';
import { WEIGHT_FORMATS, type WeightMatrix } from './weightMatrix.ts';

const interface_ = {
  params: {
    rows: 'u32',
    columns4: 'u32',
    outStride4: 'u32',
    outColumn4: 'u32',
    accumulate: 'u32',
    scaleIndex: 'u32',
    outT: 'u32',
    outS: 'u32',
    outStart: 'u32',
    xStart: 'u32',
  },
  bindings: { x: 'read', weight: 'read', bias: 'read', scale: 'read', out: 'add' },
  meaning,
} as const;

export const matvecKernel = defineKernel({
  name: 'matvec',
  source: matvecSource,
  ...interface_,
  overrides: ['K', 'WEIGHT_FORMAT', 'ACTIVATION', 'WIDTH'],
});

export const matvecWorkgroupKernel = defineKernel({
  name: 'matvecWorkgroup',
  source: matvecWorkgroupSource,
  ...interface_,
  overrides: ['K', 'WEIGHT_FORMAT', 'ACTIVATION'],
});

export const matmulKernel = defineKernel({
  name: 'matmul',
  source: matmulSource,
  ...interface_,
  overrides: ['K', 'WEIGHT_FORMAT', 'ACTIVATION'],
});

export const matmulWideKernel = defineKernel({
  name: 'matmulWide',
  source: matmulWideSource,
  ...interface_,
  overrides: ['K', 'WEIGHT_FORMAT', 'ACTIVATION'],
});

export interface LinearTensors {
  /** (·, K) with K padded to a multiple of 8. */
  readonly x: Tensor;
  readonly weight: WeightMatrix;
  /** (N) for each part of the weight, in order; zeros where the model has no bias. */
  readonly bias: readonly Tensor[];
  /** One-element-or-more tensor of switches; see `scaleIndex`. */
  readonly scale: Tensor;
  /** (·, N) */
  readonly out: Tensor;
}

export interface LinearOptions {
  readonly rows: number;
  readonly activation?: Activation;
  /** Adds to `out` instead of overwriting it: the residual connection. */
  readonly accumulate?: boolean;
  /** Which element of `scale` multiplies what is added; only with `accumulate`. */
  readonly scaleIndex?: number;
  readonly outRows?: RowMap;
  /** First row of `x`; 0 by default. */
  readonly xStart?: number;
  /** True where products of this shape come by the hundred, so that a slow compile pays. */
  readonly often?: boolean;
}

/** Up to this many rows, reading each weight once a row beats a register tile of eight. */
const FEW_ROWS = 2;

/**
 * With more rows than a tile of eight takes, and this many weights, a software adapter gains from
 * a tile of sixteen. Its shader takes seconds to compile there, which a small model would never
 * earn back.
 */
const WIDE = { rows: 9, weights: 1 << 18 };

/** Threads in a workgroup of `matvec`; a software adapter spreads workgroups over its cores. */
const MATVEC_WIDTH = 8;

/** What one part of a weight comes to. */
interface LinearCall {
  readonly tensors: Readonly<Record<Binding, Tensor>>;
  readonly params: Readonly<Record<keyof typeof interface_.params, number>>;
  readonly overrides: Readonly<Record<'K' | 'WEIGHT_FORMAT' | 'ACTIVATION', number>>;
  /** Of all parts together. */
  readonly weights: number;
  readonly often: boolean;
}

export const LINEAR: readonly Variant<LinearCall>[] = [
  {
    kernel: matmulWideKernel,
    fits: ({ lanes }, { params: { rows }, weights, often }) =>
      lanes === 'imitated' && rows >= WIDE.rows && (often || weights >= WIDE.weights),
    record: (enc, { tensors, params, overrides }) => {
      const grid = [Math.ceil(params.columns4 / 16), Math.ceil(params.rows / 16), 1] as const;
      enc.dispatch(matmulWideKernel, tensors, params, grid, overrides);
    },
  },
  {
    kernel: matmulKernel,
    fits: (_traits, { params }) => params.rows > FEW_ROWS,
    record: (enc, { tensors, params, overrides }) => {
      const grid = [Math.ceil(params.columns4 / 16), Math.ceil(params.rows / 8), 1] as const;
      enc.dispatch(matmulKernel, tensors, params, grid, overrides);
    },
  },
  {
    kernel: matvecWorkgroupKernel,
    can: ({ params }) => params.columns4 / 2 <= MOST_WORKGROUPS,
    fits: ({ lanes }) => lanes === 'real',
    record: (enc, { tensors, params, overrides }) => {
      const grid = [Math.ceil(params.columns4 / 2), params.rows, 1] as const;
      enc.dispatch(matvecWorkgroupKernel, tensors, params, grid, overrides);
    },
  },
  {
    kernel: matvecKernel,
    fits: () => true,
    record: (enc, { tensors, params, overrides }) => {
      const grid = [Math.ceil(params.columns4 / MATVEC_WIDTH), params.rows, 1] as const;
      const width = { ...overrides, WIDTH: MATVEC_WIDTH };
      enc.dispatch(matvecKernel, tensors, params, grid, width);
    },
  },
];

/** Records out[m(r)] = act(x[r] · weightᵀ + bias), or out[m(r)] += scale · that. */
export function linear(enc: Encoder, t: LinearTensors, options: LinearOptions): void {
  for (const call of linearCalls(t, options)) {
    choose(LINEAR, enc.traits, call).record(enc, call);
  }
}

/** A call for each part of the weight. */
export function linearCalls(t: LinearTensors, options: LinearOptions): LinearCall[] {
  const { rows, activation = 'none', accumulate = false, scaleIndex = 0, xStart = 0 } = options;
  const outRows = options.outRows ?? identityRows(rows);
  return t.weight.parts.map((part, i) => ({
    tensors: { x: t.x, weight: part.tensor, bias: t.bias[i], scale: t.scale, out: t.out },
    params: {
      rows,
      columns4: part.rows / 4,
      outStride4: t.weight.rows / 4,
      outColumn4: part.start / 4,
      accumulate: accumulate ? 1 : 0,
      scaleIndex,
      outT: outRows.tokens,
      outS: outRows.capacity,
      outStart: outRows.start,
      xStart,
    },
    overrides: {
      K: t.weight.columns,
      WEIGHT_FORMAT: WEIGHT_FORMATS.indexOf(t.weight.format),
      ACTIVATION: ACTIVATIONS.indexOf(activation),
    },
    weights: t.weight.rows * t.weight.columns,
    often: options.often === true,
  }));
}

type Binding = 'x' | 'weight' | 'bias' | 'scale' | 'out';
type Size = keyof typeof interface_.params | 'K' | 'WEIGHT_FORMAT' | 'ACTIVATION';

/** y[r, n] = act(Σ_k x[xStart + r, k] · weight[n, k] + bias[n]);  out[m(r), n] = y, or += scale · y */
function meaning({ x, weight, bias, scale, out }: Arrays<Binding>, s: Sizes<Size>): void {
  for (let r = 0; r < s.rows; r++) {
    for (let n = 0; n < s.columns4 * 4; n++) {
      let sum = 0;
      for (let k = 0; k < s.K; k++) sum += x[(s.xStart + r) * s.K + k] * weight[n * s.K + k];
      store(sum, r, n, bias, scale, out, s);
    }
  }
}

function store(
  sum: number,
  r: number,
  n: number,
  bias: NumberArray,
  scale: NumberArray,
  out: NumberArray,
  s: Sizes<Size>,
): void {
  const y = activated(s.ACTIVATION, sum + bias[n]);
  const at = mapRow(r, s.outT, s.outS, s.outStart) * s.outStride4 * 4 + s.outColumn4 * 4 + n;
  out[at] = s.accumulate ? out[at] + scale[s.scaleIndex] * y : y;
}

/**
 * The meaning again, four weight rows at a time with four sums each in registers: what the page
 * runs where there is no WebGPU. Exact to f32 rounding.
 */
export function linearFast({ x, weight, bias, scale, out }: Arrays<Binding>, s: Sizes<Size>): void {
  const { K } = s;
  for (let n = 0; n < s.columns4 * 4; n += 4) {
    const w0 = n * K;
    const w1 = w0 + K;
    const w2 = w1 + K;
    const w3 = w2 + K;
    for (let r = 0; r < s.rows; r++) {
      const x0 = (s.xStart + r) * K;
      let a0 = 0;
      let a1 = 0;
      let a2 = 0;
      let a3 = 0;
      let b0 = 0;
      let b1 = 0;
      let b2 = 0;
      let b3 = 0;
      for (let k = 0; k < K; k += 2) {
        const v = x[x0 + k];
        const u = x[x0 + k + 1];
        a0 += v * weight[w0 + k];
        b0 += u * weight[w0 + k + 1];
        a1 += v * weight[w1 + k];
        b1 += u * weight[w1 + k + 1];
        a2 += v * weight[w2 + k];
        b2 += u * weight[w2 + k + 1];
        a3 += v * weight[w3 + k];
        b3 += u * weight[w3 + k + 1];
      }
      store(a0 + b0, r, n, bias, scale, out, s);
      store(a1 + b1, r, n + 1, bias, scale, out, s);
      store(a2 + b2, r, n + 2, bias, scale, out, s);
      store(a3 + b3, r, n + 3, bias, scale, out, s);
    }
  }
}

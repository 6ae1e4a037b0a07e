// LayerNorm: one workgroup a row where lanes are real, one thread a row where they are imitated.
import plainSource from '../../shaders/layerNorm.wgsl?raw';
import workgroupSource from '../../shaders/layerNormWorkgroup.wgsl?raw';
import type { Encoder, Tensor } from '../gpu/device.ts';
import { type Arrays, type Sizes, defineKernel } from '../gpu/kernel.ts';
import { checkShape } from './checkShape.ts';
import { type RowMap, identityRows, mapRow } from './rowMap.ts';
import { type Variant, choose } from './variants.ts';

const interface_ = {
  params: {
    rows: 'u32',
    channels: 'u32',
    stride4: 'u32',
    outT: 'u32',
    outS: 'u32',
    outStart: 'u32',
  },
  bindings: { x: 'read', weight: 'read', bias: 'read', out: 'write' },
  overrides: ['EPSILON', 'BY_VARIANCE'],
  meaning,
} as const;

const layerNormKernel = defineKernel({
  name: 'layerNorm',
  source: plainSource,
  ...interface_,
});

const layerNormWorkgroupKernel = defineKernel({
  name: 'layerNormWorkgroup',
  source: workgroupSource,
  ...interface_,
});

export interface LayerNormTensors {
  /** (R, C') residual stream; C' is `channels` rounded up to 8, zeros beyond. */
  readonly x: Tensor;
  readonly weight: Tensor;
  readonly bias: Tensor;
  /** (·, C'), rows placed by `outRows`. */
  readonly out: Tensor;
}

export interface LayerNormOptions {
  readonly rows: number;
  /** True C, without padding. */
  readonly channels: number;
  readonly epsilon: number;
  /** False divides by the unbiased standard deviation instead, as the notebook prints it. */
  readonly byVariance: boolean;
  readonly outRows?: RowMap;
}

interface LayerNormCall {
  readonly tensors: LayerNormTensors;
  readonly params: Readonly<Record<keyof typeof interface_.params, number>>;
  readonly overrides: Readonly<Record<(typeof interface_.overrides)[number], number>>;
}

export const LAYER_NORM: readonly Variant<LayerNormCall>[] = [
  {
    kernel: layerNormWorkgroupKernel,
    fits: ({ lanes }) => lanes === 'real',
    record: (enc, { tensors, params, overrides }) =>
      enc.dispatch(layerNormWorkgroupKernel, tensors, params, [params.rows, 1, 1], overrides),
  },
  {
    kernel: layerNormKernel,
    fits: () => true,
    record: (enc, { tensors, params, overrides }) => {
      const grid = [Math.ceil(params.rows / 8), 1, 1] as const;
      enc.dispatch(layerNormKernel, tensors, params, grid, overrides);
    },
  },
];

/** Records out[m(r)] = (x[r] − mean) / deviation · weight + bias. */
export function layerNorm(enc: Encoder, t: LayerNormTensors, options: LayerNormOptions): void {
  const call = layerNormCall(t, options);
  choose(LAYER_NORM, enc.traits, call).record(enc, call);
}

export function layerNormCall(t: LayerNormTensors, options: LayerNormOptions): LayerNormCall {
  const { rows, channels, epsilon, byVariance, outRows = identityRows(rows) } = options;
  const stride = t.x.shape.at(-1) ?? 0;
  checkShape('layerNorm', { weight: [t.weight, [stride]], bias: [t.bias, [stride]] });
  return {
    tensors: t,
    params: {
      rows,
      channels,
      stride4: stride / 4,
      outT: outRows.tokens,
      outS: outRows.capacity,
      outStart: outRows.start,
    },
    overrides: { EPSILON: epsilon, BY_VARIANCE: byVariance ? 1 : 0 },
  };
}

type Binding = 'x' | 'weight' | 'bias' | 'out';
type Size = keyof typeof interface_.params | (typeof interface_.overrides)[number];

/** out[m(r), c] = (x[r, c] − mean[r]) / deviation[r] · weight[c] + bias[c] */
function meaning({ x, weight, bias, out }: Arrays<Binding>, s: Sizes<Size>): void {
  const stride = s.stride4 * 4;
  for (let r = 0; r < s.rows; r++) {
    const start = r * stride;
    const end = start + s.channels;
    // By index: an iterator takes three times as long, and the page runs this where there is no WebGPU.
    let mean = 0;
    for (let i = start; i < end; i++) mean += x[i] / s.channels;
    let squares = 0;
    for (let i = start; i < end; i++) squares += (x[i] - mean) ** 2;
    const spread = s.BY_VARIANCE ? squares / s.channels : Math.sqrt(squares / (s.channels - 1));
    const deviation = Math.sqrt(spread + s.EPSILON);
    const at = mapRow(r, s.outT, s.outS, s.outStart) * stride;
    // Beyond C weight and bias are zero, so the padding of `out` becomes zero too.
    for (let c = 0; c < stride; c++) {
      out[at + c] = ((x[start + c] - mean) / deviation) * weight[c] + bias[c];
    }
  }
}

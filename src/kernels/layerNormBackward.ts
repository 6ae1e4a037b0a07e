// LayerNorm backwards: the gradient of the rows, then that of weight and bias.
import inputSource from '../../shaders/layerNormBackwardInput.wgsl?raw';
import inputWorkgroupSource from '../../shaders/layerNormBackwardInputWorkgroup.wgsl?raw';
import weightSource from '../../shaders/layerNormBackwardWeight.wgsl?raw';
import weightWorkgroupSource from '../../shaders/layerNormBackwardWeightWorkgroup.wgsl?raw';
import type { Encoder, Tensor } from '../gpu/device.ts';
import { type Arrays, type Sizes, type TwinTools, defineKernel, floatBits } from '../gpu/kernel.ts';
import { checkShape } from './checkShape.ts';
import { MOST_WORKGROUPS, type Variant, choose } from './variants.ts';
import { PIECE_WORK, addressOf } from './wasm/address.ts';

const input = {
  params: { rows: 'u32', channels: 'u32', stride4: 'u32', hasResidual: 'u32' },
  bindings: {
    x: 'read',
    weight: 'read',
    dOut: 'read',
    residual: 'read',
    statistics: 'write',
    dX: 'write',
  },
  overrides: ['EPSILON', 'BY_VARIANCE'],
  meaning: inputMeaning,
  twin: inputTwin,
} as const;

const weight = {
  params: { rows: 'u32', stride4: 'u32', accumulate: 'u32' },
  bindings: { x: 'read', dOut: 'read', statistics: 'read', dWeight: 'add', dBias: 'add' },
  overrides: [],
  meaning: weightMeaning,
  twin: weightTwin,
} as const;

const inputKernel = defineKernel({
  name: 'layerNormBackwardInput',
  source: inputSource,
  ...input,
});

const inputWorkgroupKernel = defineKernel({
  name: 'layerNormBackwardInputWorkgroup',
  source: inputWorkgroupSource,
  ...input,
});

const weightKernel = defineKernel({
  name: 'layerNormBackwardWeight',
  source: weightSource,
  ...weight,
});

const weightWorkgroupKernel = defineKernel({
  name: 'layerNormBackwardWeightWorkgroup',
  source: weightWorkgroupSource,
  ...weight,
});

export interface LayerNormBackwardTensors {
  /** (R, C') what was normalised; C' is `channels` rounded up to 8, zeros beyond. */
  readonly x: Tensor;
  /** (C') */
  readonly weight: Tensor;
  /** (R, C') gradient of the normalised rows. */
  readonly dOut: Tensor;
  /** (R, C') gradient that flows past the normalisation, added to dX; null where there is none. */
  readonly residual: Tensor | null;
  /** (R, 2) mean and 1 / deviation of each row, written by the first dispatch for the second. */
  readonly statistics: Tensor;
  /** (R, C'), another tensor than dOut and `residual`. */
  readonly dX: Tensor;
  /** (C'), dBias alike; tensors that nobody reads where the layer has none. */
  readonly dWeight: Tensor;
  readonly dBias: Tensor;
}

/** Of a layer whose weight and bias get no gradient. */
export type FrozenLayerNormTensors = Omit<LayerNormBackwardTensors, 'dWeight' | 'dBias'>;

export interface LayerNormBackwardOptions {
  readonly rows: number;
  /** True C, without padding. */
  readonly channels: number;
  readonly epsilon: number;
  /** False where the forward pass divided by √(s + ε), s the unbiased standard deviation. */
  readonly byVariance: boolean;
  /** Adds to dWeight and dBias, which are overwritten otherwise. */
  readonly accumulate?: boolean;
}

interface InputCall {
  readonly tensors: Readonly<Record<keyof typeof input.bindings, Tensor>>;
  readonly params: Readonly<Record<keyof typeof input.params, number>>;
  readonly overrides: Readonly<Record<(typeof input.overrides)[number], number>>;
}

interface WeightCall {
  readonly tensors: Readonly<Record<keyof typeof weight.bindings, Tensor>>;
  readonly params: Readonly<Record<keyof typeof weight.params, number>>;
}

export const LAYER_NORM_BACKWARD_INPUT: readonly Variant<InputCall>[] = [
  {
    kernel: inputWorkgroupKernel,
    can: ({ params }) => params.rows <= MOST_WORKGROUPS,
    fits: ({ lanes }) => lanes === 'real',
    record: (enc, { tensors, params, overrides }) =>
      enc.dispatch(inputWorkgroupKernel, tensors, params, [params.rows, 1, 1], overrides),
  },
  {
    kernel: inputKernel,
    fits: () => true,
    record: (enc, { tensors, params, overrides }) => {
      const grid = [Math.ceil(params.rows / 8), 1, 1] as const;
      enc.dispatch(inputKernel, tensors, params, grid, overrides);
    },
  },
];

export const LAYER_NORM_BACKWARD_WEIGHT: readonly Variant<WeightCall>[] = [
  {
    kernel: weightWorkgroupKernel,
    fits: ({ lanes }) => lanes === 'real',
    record: (enc, { tensors, params }) => {
      const grid = [Math.ceil(params.stride4 / 8), 1, 1] as const;
      enc.dispatch(weightWorkgroupKernel, tensors, params, grid, {});
    },
  },
  {
    kernel: weightKernel,
    fits: () => true,
    record: (enc, { tensors, params }) => {
      const grid = [Math.ceil(params.stride4 / 4), 1, 1] as const;
      enc.dispatch(weightKernel, tensors, params, grid, {});
    },
  },
];

/**
 * Records dX[r] = residual[r] + (∂ normalised / ∂ x)ᵀ dOut[r], zero beyond `channels`, and
 * dWeight (+)= Σ_r dOut[r] · (x[r] − mean[r]) / deviation[r], dBias (+)= Σ_r dOut[r].
 */
export function layerNormBackward(
  enc: Encoder,
  t: LayerNormBackwardTensors,
  o: LayerNormBackwardOptions,
): void {
  const calls = layerNormBackwardCalls(t, o);
  choose(LAYER_NORM_BACKWARD_INPUT, enc.traits, calls.input).record(enc, calls.input);
  choose(LAYER_NORM_BACKWARD_WEIGHT, enc.traits, calls.weight).record(enc, calls.weight);
}

/** Records the first of both: dX, and nothing for weight and bias. */
export function layerNormBackwardInput(
  enc: Encoder,
  t: FrozenLayerNormTensors,
  o: Omit<LayerNormBackwardOptions, 'accumulate'>,
): void {
  const call = inputCall(t, o);
  choose(LAYER_NORM_BACKWARD_INPUT, enc.traits, call).record(enc, call);
}

export function layerNormBackwardCalls(
  t: LayerNormBackwardTensors,
  o: LayerNormBackwardOptions,
): { readonly input: InputCall; readonly weight: WeightCall } {
  const { rows, accumulate = false } = o;
  const { x, dOut, statistics, dWeight, dBias } = t;
  const stride = x.shape.at(-1) ?? 0;
  checkShape('layerNormBackward', { dWeight: [dWeight, [stride]], dBias: [dBias, [stride]] });
  return {
    input: inputCall(t, o),
    weight: {
      tensors: { x, dOut, statistics, dWeight, dBias },
      params: { rows, stride4: stride / 4, accumulate: accumulate ? 1 : 0 },
    },
  };
}

function inputCall(
  { x, weight: w, dOut, residual, statistics, dX }: FrozenLayerNormTensors,
  { rows, channels, epsilon, byVariance }: LayerNormBackwardOptions,
): InputCall {
  const stride = x.shape.at(-1) ?? 0;
  checkShape('layerNormBackward', { weight: [w, [stride]] });
  return {
    // A shader has all its tensors: where nothing flows past, another one stands there unread.
    tensors: { x, weight: w, dOut, residual: residual ?? dOut, statistics, dX },
    params: { rows, channels, stride4: stride / 4, hasResidual: residual ? 1 : 0 },
    overrides: { EPSILON: epsilon, BY_VARIANCE: byVariance ? 1 : 0 },
  };
}

type InputSize = keyof typeof input.params | (typeof input.overrides)[number];

/** dX = residual + (g − mean(g)) / deviation − factor · (x − mean) · Σ g (x − mean),  g = dOut · weight */
function inputMeaning(
  { x, weight: w, dOut, residual, statistics, dX }: Arrays<keyof typeof input.bindings>,
  s: Sizes<InputSize>,
): void {
  const [stride, count] = [s.stride4 * 4, s.channels];
  for (let r = 0; r < s.rows; r++) {
    const at = r * stride;
    let mean = 0;
    for (let c = 0; c < count; c++) mean += x[at + c] / count;
    let [squares, sum, product] = [0, 0, 0];
    for (let c = 0; c < count; c++) {
      const [d, g] = [x[at + c] - mean, dOut[at + c] * w[c]];
      squares += d * d;
      sum += g;
      product += g * d;
    }
    const spread = s.BY_VARIANCE ? squares / count : Math.sqrt(squares / (count - 1));
    const scale = 1 / Math.sqrt(spread + s.EPSILON);
    // What a channel's distance from the mean adds to the deviation. Rows that are all one number have none.
    const divisor = s.BY_VARIANCE ? count : 2 * (count - 1) * spread;
    const factor = divisor > 0 ? (product * scale ** 3) / divisor : 0;
    for (let c = 0; c < stride; c++) {
      const g = dOut[at + c] * w[c];
      const own = (g - sum / count) * scale - factor * (x[at + c] - mean);
      dX[at + c] = c < count ? own + (s.hasResidual ? residual[at + c] : 0) : 0;
    }
    statistics[2 * r] = mean;
    statistics[2 * r + 1] = scale;
  }
}

/** dWeight (+)= Σ_r dOut · (x − mean) / deviation,  dBias (+)= Σ_r dOut */
function weightMeaning(
  { x, dOut, statistics, dWeight, dBias }: Arrays<keyof typeof weight.bindings>,
  s: Sizes<keyof typeof weight.params>,
): void {
  const stride = s.stride4 * 4;
  for (let c = 0; c < stride; c++) {
    let [ofWeight, ofBias] = [0, 0];
    for (let r = 0; r < s.rows; r++) {
      const g = dOut[r * stride + c];
      ofWeight += g * (x[r * stride + c] - statistics[2 * r]) * statistics[2 * r + 1];
      ofBias += g;
    }
    dWeight[c] = ofWeight + (s.accumulate ? dWeight[c] : 0);
    dBias[c] = ofBias + (s.accumulate ? dBias[c] : 0);
  }
}

/** Their numbers in share.c. */
const [INPUT_TWIN, WEIGHT_TWIN] = [14, 15];
/** What an element costs in multiply-adds. */
const ELEMENT_WORK = 8;

function inputTwin(
  tools: TwinTools,
): (arrays: Arrays<keyof typeof input.bindings>, sizes: Sizes<InputSize>) => void {
  return ({ x, weight: w, dOut, residual, statistics, dX }, s) => {
    const count = s.rows * s.stride4 * 4;
    tools.share(
      INPUT_TWIN,
      [
        [addressOf('x', x, count), addressOf('weight', w, s.stride4 * 4)],
        [addressOf('dOut', dOut, count), addressOf('residual', residual, count)],
        [addressOf('statistics', statistics, s.rows * 2), addressOf('dX', dX, count)],
        [s.rows, s.channels, s.stride4, s.hasResidual, floatBits(s.EPSILON), s.BY_VARIANCE],
      ].flat(),
      Math.min(s.rows, (count * ELEMENT_WORK) / PIECE_WORK),
    );
  };
}

function weightTwin(
  tools: TwinTools,
): (
  arrays: Arrays<keyof typeof weight.bindings>,
  sizes: Sizes<keyof typeof weight.params>,
) => void {
  return ({ x, dOut, statistics, dWeight, dBias }, s) => {
    const [stride, count] = [s.stride4 * 4, s.rows * s.stride4 * 4];
    const places = [addressOf('dWeight', dWeight, stride), addressOf('dBias', dBias, stride)];
    // What is added is computed apart: a piece of it may be done twice.
    const room = s.accumulate ? tools.room('layerNorm', 2 * stride) : 0;
    const sums = s.accumulate ? [room, room + stride * 4] : places;
    tools.share(
      WEIGHT_TWIN,
      [
        [addressOf('x', x, count), addressOf('dOut', dOut, count)],
        [addressOf('statistics', statistics, s.rows * 2), ...sums],
        [s.rows, s.stride4],
      ].flat(),
      Math.min(s.stride4 / 2, (count * ELEMENT_WORK) / PIECE_WORK),
    );
    if (!s.accumulate) return;
    sums.forEach((sum, i) => tools.call('added', [sum, places[i], s.stride4]));
  };
}

// AdamW, a whole pool at a time: weights and both moments in place, in the order of torch.optim.AdamW.
import source from '../../shaders/adamW.wgsl?raw';
import { type Encoder, type Tensor, elementCount } from '../gpu/device.ts';
import { type Arrays, type Sizes, defineKernel, floatBits } from '../gpu/kernel.ts';
import { gridOf, stretches } from './variants.ts';
import { addressOf } from './wasm/address.ts';

/** Elements that decay or do not together: regions of a pool begin at multiples of it. */
const TOGETHER = 64;

const params = {
  start4: 'u32',
  count4: 'u32',
  shrink: 'f32',
  rest1: 'f32',
  beta2: 'f32',
  rest2: 'f32',
  stepSize: 'f32',
  inverseRoot: 'f32',
  epsilon: 'f32',
} as const;

export const adamWKernel = defineKernel({
  name: 'adamW',
  source,
  params,
  bindings: {
    weights: 'write',
    gradients: 'read',
    m: 'write',
    v: 'write',
    decays: 'read',
    scalars: 'read',
  },
  overrides: [],
  meaning,
  twin:
    (tools) =>
    ({ weights, gradients, m, v, decays, scalars }, s) => {
      const end = (s.start4 + s.count4) * 4;
      tools.call(
        'adamW',
        [
          [addressOf('weights', weights, end), addressOf('gradients', gradients, end)],
          [addressOf('m', m, end), addressOf('v', v, end)],
          [
            addressOf('decays', decays, Math.ceil(end / TOGETHER)),
            addressOf('scalars', scalars, 2),
          ],
          [s.start4, s.count4],
          [s.shrink, s.rest1, s.beta2, s.rest2].map(floatBits),
          [s.stepSize, s.inverseRoot, s.epsilon].map(floatBits),
        ].flat(),
      );
    },
});

export interface AdamWTensors {
  /** f32, `count` of each. */
  readonly weights: Tensor;
  readonly gradients: Tensor;
  readonly m: Tensor;
  readonly v: Tensor;
  /** (⌈count / 64⌉) u32: 1 where these 64 elements decay. */
  readonly decays: Tensor;
  /** f32: [1] is what gradients are multiplied by first, as `gradientNorm` leaves it. */
  readonly scalars: Tensor;
}

export interface AdamWOptions {
  /** Elements, from the first one on: a multiple of four. */
  readonly count: number;
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  /** Above 0 as an f32: padding, where all is zero, is divided by it. */
  readonly epsilon: number;
  readonly weightDecay: number;
  /** From 1 on: how many steps there will have been. */
  readonly step: number;
}

/**
 * Records w ← w · (1 − lr · decay) − lr / (1 − β₁ᵗ) · m / (√v / √(1 − β₂ᵗ) + ε), with the moments of the scaled gradient, in
 * pieces that are short where a thread has to breathe between them. What is zero everywhere stays zero.
 */
export function adamW(enc: Encoder, t: AdamWTensors, options: AdamWOptions): void {
  const { count, learningRate, beta1, beta2, epsilon, weightDecay, step } = options;
  check(t, options);
  const rates = {
    shrink: 1 - learningRate * weightDecay,
    rest1: 1 - beta1,
    beta2,
    rest2: 1 - beta2,
    stepSize: learningRate / (1 - beta1 ** step),
    inverseRoot: 1 / Math.sqrt(1 - beta2 ** step),
    epsilon,
  };
  for (const { from, length } of stretches(enc.traits, count, TOGETHER)) {
    const count4 = length / 4;
    const part = { start4: from / 4, count4, ...rates };
    enc.dispatch(adamWKernel, t, part, gridOf(count4 / 64), {});
  }
}

function check(t: AdamWTensors, { count, beta1, beta2, epsilon, step }: AdamWOptions): void {
  const { decays, scalars, ...pools } = t;
  for (const [name, tensor] of Object.entries(pools)) {
    const has = elementCount(tensor.shape);
    if (has < count) throw new Error(`adamW: ${name} (${tensor.label}) has ${has} of ${count}.`);
  }
  if (elementCount(decays.shape) * TOGETHER < count || elementCount(scalars.shape) < 2) {
    throw new Error(`adamW: ${decays.label} or ${scalars.label} is too small for ${count}.`);
  }
  if (count % 4 !== 0 || !(Math.fround(epsilon) > 0) || !(step >= 1)) {
    throw new Error(`adamW: count ${count}, epsilon ${epsilon}, step ${step} cannot be computed.`);
  }
  if (!(beta1 >= 0 && beta1 < 1 && beta2 >= 0 && beta2 < 1)) {
    throw new Error(`adamW: betas are ${beta1} and ${beta2}; expected from 0 up to 1.`);
  }
}

type Binding = keyof AdamWTensors;

function meaning(a: Arrays<Binding>, s: Sizes<keyof typeof params>): void {
  const { weights, gradients, m, v, decays, scalars } = a;
  for (let i = s.start4 * 4; i < (s.start4 + s.count4) * 4; i++) {
    const g = gradients[i] * scalars[1];
    const first = m[i] + s.rest1 * (g - m[i]);
    const second = s.beta2 * v[i] + s.rest2 * g * g;
    const left = weights[i] * (decays[i >>> 6] === 0 ? 1 : s.shrink);
    m[i] = first;
    v[i] = second;
    weights[i] = left - (s.stepSize * first) / (Math.sqrt(second) * s.inverseRoot + s.epsilon);
  }
}

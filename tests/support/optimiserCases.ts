// What dropout and the optimiser are tried with, by shaders and by twins alike.
import type { Arena, Device, Encoder, Tensor } from '../../src/gpu/device.ts';
import { type RandomPlace, fillRandom } from '../../src/gpu/philox.ts';
import { adamW } from '../../src/kernels/adamW.ts';
import type { DropoutMaskOptions, DroppedOptions } from '../../src/kernels/dropout.ts';
import { noise } from './random.ts';
import { type AdamWState, torchAdamW } from './torchAdamW.ts';

/** Words of a mask, from the random bits themselves. */
export function maskWords(
  place: { readonly seed: number; readonly step: number; readonly layer: number },
  start: number,
  words: number,
  keep: number,
  next?: DropoutMaskOptions['next'],
): number[] {
  const drawn = new Uint32Array(32);
  return Array.from({ length: words }, (_, i) => {
    fillRandom(drawn, place, 32 * (start + i));
    const share = next && start + i >= next.start ? next.keep : keep;
    return drawn.reduce(
      (bits, word, b) => bits + (word < Math.floor(share * 2 ** 32) ? 2 ** b : 0),
      0,
    );
  });
}

interface MaskCase extends Pick<DropoutMaskOptions, 'words' | 'keep' | 'next'> {
  readonly place: RandomPlace;
  readonly start: number;
}

/** Places with every word of the counter and the key in use, words that no workgroup divides, the ends of keep. */
export const MASKS: readonly MaskCase[] = [
  { place: { seed: 0, step: 0, layer: 0 }, start: 0, words: 1, keep: 0.5 },
  { place: { seed: 2 ** 53 - 1, step: 4e9, layer: 3e9 }, start: 0, words: 65, keep: 0.9 },
  { place: { seed: 2 ** 40 + 5, step: 7, layer: 11 }, start: 3, words: 130, keep: 0.1 },
  { place: { seed: 123, step: 1, layer: 2 }, start: 67, words: 3, keep: 1e-9 },
  { place: { seed: 123, step: 1, layer: 2 }, start: 5, words: 62, keep: 1 - 2 ** -32 },
  ...[71, 5, 6, 134, 135, 301, 2].map((next) => ({
    place: { seed: 9, step: 3, layer: 4 },
    start: 5,
    words: 130,
    keep: 0.9,
    next: { start: next, keep: 0.3 },
  })),
];

/** Rows of widths that nothing divides, masks that begin within their tensor. */
export const DROPS: readonly DroppedOptions[] = [
  { rows: 1, channels: 1, maskStart: 0, keep: 0.5 },
  { rows: 3, channels: 5, maskStart: 2, keep: 0.8 },
  { rows: 17, channels: 33, maskStart: 1, keep: 0.9 },
  { rows: 9, channels: 64, maskStart: 0, keep: 0.1 },
  { rows: 5, channels: 67, maskStart: 4, keep: 0.75 },
];

/** What a place of dropout needs: two matrices with padding that is larger than anything, and a mask of noise. */
export function dropTensors(arena: Arena, { rows, channels, maskStart }: DroppedOptions) {
  const stride = Math.ceil(channels / 8) * 8;
  const words = maskStart + Math.ceil((rows * channels) / 32);
  const matrix = (label: string, seed: number): Tensor => {
    const values = noise(rows * stride, seed);
    for (let i = 0; i < values.length; i++) if (i % stride >= channels) values[i] = 99;
    return arena.upload(label, [rows, stride], 'f32', values);
  };
  const bits = Uint32Array.from(noise(words, 3, 0.5, 0.25), (v) => Math.floor(v * 2 ** 32));
  return {
    x: matrix('x', 1),
    y: matrix('y', 2),
    mask: arena.upload('mask', [words], 'u32', bits),
    out: arena.upload('out', [rows, stride], 'f32', new Float32Array(rows * stride).fill(7)),
    count: rows * stride,
  };
}

export const POOLS = [[4], [2048], [2052, 8], [5000, 2048, 64, 70_000]] as const;

export interface AdamWCase {
  readonly count: number;
  readonly steps: number;
  readonly rates: Parameters<typeof torchAdamW>[2];
  readonly factor: number;
}

export const ADAM_W: readonly AdamWCase[] = [
  {
    count: 4,
    steps: 1,
    rates: { lr: 1e-3, beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0.1 },
    factor: 1,
  },
  {
    count: 1000,
    steps: 5,
    rates: { lr: 0.01, beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0.5 },
    factor: 0.25,
  },
  {
    count: 20_004,
    steps: 3,
    rates: { lr: 6e-4, beta1: 0, beta2: 0.99, eps: 1e-5, weightDecay: 0 },
    factor: 1,
  },
];

/** Of a pool's 64 elements some are padding, and every other group decays. */
const isPadding = (i: number): boolean => i % 64 >= 60;
const isDecayed = (i: number): boolean => Math.floor(i / 64) % 2 === 0;
const gradientsOf = (count: number, step: number): Float32Array =>
  noise(count, 1000 * step, 0, 0.01 * step).map((v, i) => (isPadding(i) ? 0 : v));
const weightsOf = (count: number): Float32Array =>
  noise(count, 77).map((v, i) => (isPadding(i) ? 0 : v));

/** Weights and both moments one behind the other, after all steps of a case. */
export function expectedAdamW({ count, steps, rates, factor }: AdamWCase): Float64Array {
  const state: AdamWState = {
    weights: Float64Array.from(weightsOf(count)),
    m: new Float64Array(count),
    v: new Float64Array(count),
  };
  for (let step = 1; step <= steps; step++) {
    const scaled = Float64Array.from(gradientsOf(count, step), (g) => g * factor);
    torchAdamW(state, scaled, rates, step, isDecayed);
  }
  return Float64Array.of(...state.weights, ...state.m, ...state.v);
}

/** Records all steps of a case. */
export function recordAdamW(
  _device: Device,
  enc: Encoder,
  arena: Arena,
  { count, steps, rates, factor }: AdamWCase,
): { readonly out: Tensor; readonly count: number } {
  const groups = Math.ceil(count / 64);
  const zeros = (label: string): Tensor => arena.zeros(label, [count], 'f32');
  const [m, v, out] = [zeros('m'), zeros('v'), arena.zeros('out', [3 * count], 'f32')];
  const weights = arena.upload('weights', [count], 'f32', weightsOf(count));
  const decays = Uint32Array.from({ length: groups }, (_, i) => (isDecayed(64 * i) ? 1 : 0));
  const t = {
    weights,
    m,
    v,
    decays: arena.upload('decays', [groups], 'u32', decays),
    scalars: arena.upload('scalars', [2], 'f32', Float32Array.of(99, factor)),
  };
  const { lr: learningRate, eps: epsilon, ...others } = rates;
  for (let step = 1; step <= steps; step++) {
    const gradients = arena.upload('g', [count], 'f32', gradientsOf(count, step));
    adamW(enc, { ...t, gradients }, { count, learningRate, epsilon, ...others, step });
  }
  [weights, m, v].forEach((tensor, i) => {
    enc.copy(tensor, out, { from: 0, to: i * count, count });
  });
  return { out, count: 3 * count };
}

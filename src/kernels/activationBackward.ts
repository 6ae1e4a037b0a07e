// The gradient of the activation: what comes back from the MLP's second linear layer, on its way to the first.
import source from '../../shaders/activationBackward.wgsl?raw';
import type { Encoder, Tensor } from '../gpu/device.ts';
import { type Arrays, type Sizes, defineKernel } from '../gpu/kernel.ts';
import { ACTIVATIONS, type Activation, erf } from './activation.ts';
import { PIECE_WORK, addressOf } from './wasm/address.ts';

/** act′ in the order of `ACTIVATIONS`. */
const SLOPES: readonly ((x: number) => number)[] = [
  () => 1,
  geluTanhSlope,
  geluExactSlope,
  (x) => (x <= 0 ? 0 : 1),
  (x) => swishSlope(x, x, 1),
  (x) => swishSlope(x, 1.702 * x, 1.702),
  (x) => 1 - Math.tanh(x) ** 2,
];

export const activationBackwardKernel = defineKernel({
  name: 'activationBackward',
  source,
  params: { count4: 'u32' },
  bindings: { x: 'read', dOut: 'read', dX: 'write' },
  overrides: ['ACTIVATION'],
  meaning,
  twin:
    (tools) =>
    ({ x, dOut, dX }, s) => {
      const count = s.count4 * 4;
      const addresses = Object.entries({ x, dOut, dX }).map(([name, array]) =>
        addressOf(name, array, count),
      );
      // A slope is some sixteen multiply-adds.
      const pieces = (count * 16) / PIECE_WORK;
      tools.share(ACTIVATION_BACKWARD, [...addresses, s.count4, s.ACTIVATION], pieces);
    },
});

/** Its number in share.c. */
const ACTIVATION_BACKWARD = 9;

export interface ActivationBackwardTensors {
  /** What went into the activation. */
  readonly x: Tensor;
  readonly dOut: Tensor;
  readonly dX: Tensor;
}

export interface ActivationBackwardOptions {
  /** Elements, a multiple of 4. */
  readonly count: number;
  readonly activation: Activation;
}

/** Records dX = act′(x) · dOut, element by element. */
export function activationBackward(
  enc: Encoder,
  t: ActivationBackwardTensors,
  { count, activation }: ActivationBackwardOptions,
): void {
  const count4 = count / 4;
  const overrides = { ACTIVATION: ACTIVATIONS.indexOf(activation) };
  const { x, dOut, dX } = t;
  enc.dispatch(
    activationBackwardKernel,
    { x, dOut, dX },
    { count4 },
    // A side of a grid ends at 65,535 workgroups: rows of 1024 of them.
    [Math.min(Math.ceil(count4 / 64), GRID_ROW), Math.ceil(count4 / 64 / GRID_ROW), 1],
    overrides,
  );
}

/** Workgroups in a row of the grid, as in the shader. */
const GRID_ROW = 1024;

function meaning(
  { x, dOut, dX }: Arrays<'x' | 'dOut' | 'dX'>,
  s: Sizes<'count4' | 'ACTIVATION'>,
): void {
  const slope = SLOPES[s.ACTIVATION];
  for (let i = 0; i < s.count4 * 4; i++) dX[i] = slope(x[i]) * dOut[i];
}

/** Of x · σ(z): σ + x · σ (1 − σ) · z′. */
function swishSlope(x: number, z: number, dz: number): number {
  const sigmoid = 1 / (1 + Math.exp(-z));
  return sigmoid + x * sigmoid * (1 - sigmoid) * dz;
}

/** ½ x (1 + tanh u) is x · σ(2u), with u = √(2/π) (x + 0.044715 x³). */
function geluTanhSlope(x: number): number {
  const scale = 2 * Math.sqrt(2 / Math.PI);
  return swishSlope(x, scale * (x + 0.044715 * x ** 3), scale * (1 + 3 * 0.044715 * x * x));
}

/** Φ(x) + x · φ(x): the normal distribution and its density. */
function geluExactSlope(x: number): number {
  const density = Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
  return 0.5 * (1 + erf(x / Math.SQRT2)) + x * density;
}

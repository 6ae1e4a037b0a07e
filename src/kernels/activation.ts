// What stands between the MLP's two linear layers: the functions as numbers, for the linear layer's meaning, and
// a kernel of them alone.
import source from '../../shaders/activation.wgsl?raw';
import { type Encoder, type Tensor, elementCount } from '../gpu/device.ts';
import { type Arrays, type Sizes, defineKernel } from '../gpu/kernel.ts';

/** In the order of their numbers in the shaders' and linear.c's ACTIVATION. */
export const ACTIVATIONS = [
  'none',
  'gelu-tanh',
  'gelu-exact',
  'relu',
  'silu',
  'gelu-quick',
  'tanh',
] as const;

export type Activation = (typeof ACTIVATIONS)[number];

const FUNCTIONS: readonly ((x: number) => number)[] = [
  (x) => x,
  geluTanh,
  geluExact,
  (x) => (x < 0 ? 0 : x),
  (x) => x / (1 + Math.exp(-x)),
  (x) => x / (1 + Math.exp(-1.702 * x)),
  Math.tanh,
];

/** One number through the activation of this place in `ACTIVATIONS`. */
export function activated(activation: number, x: number): number {
  return FUNCTIONS[activation](x);
}

export const activationKernel = defineKernel({
  name: 'activation',
  source,
  params: { count4: 'u32' },
  bindings: { x: 'read', out: 'write' },
  overrides: ['ACTIVATION'],
  meaning,
});

/** Records out = act(x), element by element; the number of elements is a multiple of 4. */
export function activate(
  enc: Encoder,
  t: { readonly x: Tensor; readonly out: Tensor },
  activation: Activation,
): void {
  const count4 = elementCount(t.x.shape) / 4;
  const overrides = { ACTIVATION: ACTIVATIONS.indexOf(activation) };
  enc.dispatch(activationKernel, t, { count4 }, [Math.ceil(count4 / 64), 1, 1], overrides);
}

function meaning({ x, out }: Arrays<'x' | 'out'>, s: Sizes<'count4' | 'ACTIVATION'>): void {
  for (let i = 0; i < s.count4 * 4; i++) out[i] = activated(s.ACTIVATION, x[i]);
}

/** ½ x (1 + tanh(√(2/π) (x + 0.044715 x³))), GPT-2's own form. */
function geluTanh(x: number): number {
  return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));
}

/** ½ x (1 + erf(x / √2)), PyTorch's `nn.GELU()`. */
function geluExact(x: number): number {
  return 0.5 * x * (1 + erf(x / Math.SQRT2));
}

/**
 * The error function to double precision: its Maclaurin series near zero, erfc's continued
 * fraction further out (Abramowitz & Stegun 7.1.5 and 7.1.14).
 */
export function erf(x: number): number {
  const z = Math.abs(x);
  if (z < 2.5) {
    let term = x;
    let sum = x;
    for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
      term *= -(x * x) / n;
      sum += term / (2 * n + 1);
      if (n > 200) break;
    }
    return (2 / Math.sqrt(Math.PI)) * sum;
  }
  if (z > 6) return Math.sign(x);
  let fraction = z;
  for (let n = 60; n >= 1; n--) fraction = z + n / 2 / fraction;
  return Math.sign(x) * (1 - Math.exp(-z * z) / (Math.sqrt(Math.PI) * fraction));
}

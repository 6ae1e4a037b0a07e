// The length of all gradients, and what clips it: squares summed in chunks, a pool after the other, then their sum.
import plainNormSource from '../../shaders/gradientNorm.wgsl?raw';
import workgroupNormSource from '../../shaders/gradientNormWorkgroup.wgsl?raw';
import plainSquaresSource from '../../shaders/gradientSquares.wgsl?raw';
import workgroupSquaresSource from '../../shaders/gradientSquaresWorkgroup.wgsl?raw';
import { type Encoder, type Tensor, type Traits, elementCount } from '../gpu/device.ts';
import { type Arrays, type Sizes, type TwinTools, defineKernel } from '../gpu/kernel.ts';
import { type Variant, choose, gridOf, stretches } from './variants.ts';
import { PIECE_WORK, addressOf } from './wasm/address.ts';

/** The number of `gradientSquares` in share.c. */
const SHARED = 23;

/** Elements whose squares are one partial sum, in the shaders and in optimiser.c too. */
const CHUNK = 2048;

const squares = {
  params: { count4: 'u32', first: 'u32', chunks: 'u32', start: 'u32' },
  bindings: { gradients: 'read', partials: 'write' },
  overrides: [],
  meaning: squaresMeaning,
  twin: squaresTwin,
} as const;

const gradientSquaresKernel = defineKernel({
  name: 'gradientSquares',
  source: plainSquaresSource,
  ...squares,
});

const gradientSquaresWorkgroupKernel = defineKernel({
  name: 'gradientSquaresWorkgroup',
  source: workgroupSquaresSource,
  ...squares,
});

interface SquaresCall {
  readonly tensors: { readonly gradients: Tensor; readonly partials: Tensor };
  readonly params: Readonly<Record<keyof typeof squares.params, number>>;
}

export const GRADIENT_SQUARES: readonly Variant<SquaresCall>[] = [
  {
    kernel: gradientSquaresWorkgroupKernel,
    fits: ({ lanes }) => lanes === 'real',
    record: (enc, { tensors, params }) =>
      enc.dispatch(gradientSquaresWorkgroupKernel, tensors, params, gridOf(params.chunks), {}),
  },
  {
    kernel: gradientSquaresKernel,
    fits: () => true,
    record: (enc, { tensors, params }) =>
      enc.dispatch(gradientSquaresKernel, tensors, params, gridOf(params.chunks / 8), {}),
  },
];

const norm = {
  params: { count: 'u32', maxNorm: 'f32' },
  bindings: { partials: 'read', scalars: 'write' },
  overrides: [],
  meaning: normMeaning,
} as const;

const gradientNormKernel = defineKernel({
  name: 'gradientNorm',
  source: plainNormSource,
  ...norm,
});

const gradientNormWorkgroupKernel = defineKernel({
  name: 'gradientNormWorkgroup',
  source: workgroupNormSource,
  ...norm,
});

interface NormCall {
  readonly tensors: { readonly partials: Tensor; readonly scalars: Tensor };
  readonly params: Readonly<Record<keyof typeof norm.params, number>>;
}

export const GRADIENT_NORM: readonly Variant<NormCall>[] = [
  {
    kernel: gradientNormWorkgroupKernel,
    fits: ({ lanes }) => lanes === 'real',
    record: (enc, { tensors, params }) =>
      enc.dispatch(gradientNormWorkgroupKernel, tensors, params, [1, 1, 1], {}),
  },
  {
    kernel: gradientNormKernel,
    fits: () => true,
    record: (enc, { tensors, params }) =>
      enc.dispatch(gradientNormKernel, tensors, params, [1, 1, 1], {}),
  },
];

export interface GradientNormTensors {
  /** f32, each of a multiple of four elements. */
  readonly pools: readonly Tensor[];
  /** f32, at least `partialSums(pools)`. */
  readonly partials: Tensor;
  /** f32, at least two. */
  readonly scalars: Tensor;
}

/** How many partial sums the squares of these pools come to. */
export function partialSums(pools: readonly Tensor[]): number {
  return pools.reduce((sum, { shape }) => sum + Math.ceil(elementCount(shape) / CHUNK), 0);
}

/**
 * Records scalars[0] = the length of all gradients together, ∞ or NaN where one of them is, and scalars[1] = what they are
 * to be multiplied by so that it is at most `maxNorm`: 1 where that is 0, and 0 where the length is no finite number.
 */
export function gradientNorm(
  enc: Encoder,
  t: GradientNormTensors,
  options: { readonly maxNorm: number },
): void {
  for (const call of gradientSquaresCalls(t, enc.traits)) {
    choose(GRADIENT_SQUARES, enc.traits, call).record(enc, call);
  }
  const call = gradientNormCall(t, options);
  choose(GRADIENT_NORM, enc.traits, call).record(enc, call);
}

export function gradientSquaresCalls(
  { pools, partials }: GradientNormTensors,
  traits: Traits,
): readonly SquaresCall[] {
  const has = elementCount(partials.shape);
  if (has < partialSums(pools)) {
    throw new Error(`gradientNorm: ${partials.label} has ${has} sums of ${partialSums(pools)}.`);
  }
  let start = 0;
  return pools.flatMap((gradients) => {
    const count = elementCount(gradients.shape);
    const own = { count4: count / 4, start };
    start += Math.ceil(count / CHUNK);
    return stretches(traits, count, CHUNK).map(({ from, length }) => ({
      tensors: { gradients, partials },
      params: { ...own, first: from / CHUNK, chunks: Math.ceil(length / CHUNK) },
    }));
  });
}

export function gradientNormCall(
  { pools, partials, scalars }: GradientNormTensors,
  { maxNorm }: { readonly maxNorm: number },
): NormCall {
  if (!(maxNorm >= 0)) throw new Error(`gradientNorm: maxNorm is ${maxNorm}; expected 0 or more.`);
  return { tensors: { partials, scalars }, params: { count: partialSums(pools), maxNorm } };
}

/** partials[start + j] = Σ g² over chunk j */
function squaresMeaning(
  { gradients, partials }: Arrays<'gradients' | 'partials'>,
  s: Sizes<keyof typeof squares.params>,
): void {
  for (let j = s.first; j < s.first + s.chunks; j++) {
    const end = Math.min((j + 1) * CHUNK, s.count4 * 4);
    let sum = 0;
    for (let i = j * CHUNK; i < end; i++) sum += gradients[i] * gradients[i];
    partials[s.start + j] = sum;
  }
}

function squaresTwin(tools: TwinTools) {
  return (
    { gradients, partials }: Arrays<'gradients' | 'partials'>,
    s: Sizes<keyof typeof squares.params>,
  ): void => {
    const end = Math.min((s.first + s.chunks) * CHUNK, s.count4 * 4);
    tools.share(
      SHARED,
      [
        addressOf('gradients', gradients, end),
        addressOf('partials', partials, s.start + s.first + s.chunks) + 4 * s.start,
        s.count4,
        s.first,
        s.chunks,
      ],
      Math.min(s.chunks, (s.chunks * CHUNK * 2) / PIECE_WORK),
    );
  };
}

/** scalars = √ Σ partials, and min(1, maxNorm / (that + 10⁻⁶)) */
function normMeaning(
  { partials, scalars }: Arrays<'partials' | 'scalars'>,
  s: Sizes<keyof typeof norm.params>,
): void {
  let sum = 0;
  for (let j = 0; j < s.count; j++) sum += partials[j];
  const length = Math.sqrt(sum);
  const factor = Number.isFinite(length) ? Math.min(1, s.maxNorm / (length + 1e-6)) : 0;
  scalars[0] = length;
  scalars[1] = s.maxNorm === 0 ? 1 : factor;
}

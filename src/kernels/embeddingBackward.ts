// Gradients of the token and the position embedding: sums of the rows that have looked a row up. No float
// atomics: the rows of each token come as a list, made by the host.
import positionSource from '../../shaders/positionBackward.wgsl?raw';
import tokenSource from '../../shaders/embeddingBackward.wgsl?raw';
import type { Encoder, Tensor } from '../gpu/device.ts';
import { type Arrays, type Sizes, defineKernel } from '../gpu/kernel.ts';
import { checkShape } from './checkShape.ts';
import type { WeightMatrix } from './weightMatrix.ts';

const tokenParams = {
  distinct: 'u32',
  stride4: 'u32',
  partStart: 'u32',
  partRows: 'u32',
} as const;

const positionParams = {
  batch: 'u32',
  tokens: 'u32',
  stride4: 'u32',
  accumulate: 'u32',
} as const;

export const embeddingBackwardKernel = defineKernel({
  name: 'embeddingBackward',
  source: tokenSource,
  params: tokenParams,
  bindings: { dX: 'read', order: 'read', starts: 'read', tokens: 'read', dWte: 'add' },
  overrides: [],
  meaning: tokenMeaning,
});

export const positionBackwardKernel = defineKernel({
  name: 'positionBackward',
  source: positionSource,
  params: positionParams,
  bindings: { dX: 'read', dWpe: 'add' },
  overrides: [],
  meaning: positionMeaning,
});

/** Which rows each token of a batch stands in. */
export interface TokenGroups {
  /** The distinct ids, ascending. */
  readonly tokens: Uint32Array<ArrayBuffer>;
  /** Where the rows of each of them begin in `order`, and where the last one's end: one more than `tokens`. */
  readonly starts: Uint32Array<ArrayBuffer>;
  /** All rows, those of one token together and ascending. */
  readonly order: Uint32Array<ArrayBuffer>;
}

/** The rows of each token, in an order that depends on nothing but the ids. */
export function groupByToken(ids: Uint32Array): TokenGroups {
  const counts = new Map<number, number>();
  for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1);
  const tokens = Uint32Array.from(counts.keys()).toSorted();
  const starts = new Uint32Array(tokens.length + 1);
  const next = new Map<number, number>();
  for (let u = 0; u < tokens.length; u++) {
    next.set(tokens[u], starts[u]);
    starts[u + 1] = starts[u] + (counts.get(tokens[u]) ?? 0);
  }
  const order = new Uint32Array(ids.length);
  for (let r = 0; r < ids.length; r++) {
    const at = next.get(ids[r]) ?? 0;
    order[at] = r;
    next.set(ids[r], at + 1);
  }
  return { tokens, starts, order };
}

export interface EmbeddingBackwardTensors {
  /** (R, C') gradient of the sum of both embeddings. */
  readonly dX: Tensor;
  /** u32, as `groupByToken` makes them; they may be longer. */
  readonly order: Tensor;
  readonly starts: Tensor;
  readonly tokens: Tensor;
  /** (V', C') f32. */
  readonly dWte: WeightMatrix;
}

/** Records dWte[tokens[u]] += Σ dX[order[i]] over i in starts[u] … starts[u + 1], for u < distinct. It always adds. */
export function embeddingBackward(
  enc: Encoder,
  { dX, order, starts, tokens, dWte }: EmbeddingBackwardTensors,
  { distinct }: { readonly distinct: number },
): void {
  checkShape('embeddingBackward', { dX: [dX, [dX.shape[0], dWte.columns]] });
  const stride4 = dWte.columns / 4;
  for (const part of dWte.parts) {
    enc.dispatch(
      embeddingBackwardKernel,
      { dX, order, starts, tokens, dWte: part.tensor },
      { distinct, stride4, partStart: part.start, partRows: part.rows },
      [Math.ceil(stride4 / 8), distinct, 1],
      {},
    );
  }
}

/** Records dWpe[t] (+)= Σ_b dX[b · tokens + t] for t < tokens; later positions are left as they are. */
export function positionBackward(
  enc: Encoder,
  { dX, dWpe }: { readonly dX: Tensor; readonly dWpe: WeightMatrix },
  o: { readonly batch: number; readonly tokens: number; readonly accumulate?: boolean },
): void {
  checkShape('positionBackward', { dX: [dX, [dX.shape[0], dWpe.columns]] });
  const { batch, tokens, accumulate = false } = o;
  const stride4 = dWpe.columns / 4;
  enc.dispatch(
    positionBackwardKernel,
    { dX, dWpe: dWpe.parts[0].tensor },
    { batch, tokens, stride4, accumulate: accumulate ? 1 : 0 },
    [Math.ceil(stride4 / 8), tokens, 1],
    {},
  );
}

function tokenMeaning(
  { dX, order, starts, tokens, dWte }: Arrays<'dX' | 'order' | 'starts' | 'tokens' | 'dWte'>,
  s: Sizes<keyof typeof tokenParams>,
): void {
  const stride = s.stride4 * 4;
  for (let u = 0; u < s.distinct; u++) {
    const row = tokens[u] - s.partStart;
    if (row < 0 || row >= s.partRows) continue;
    for (let i = starts[u]; i < starts[u + 1]; i++) {
      const from = order[i] * stride;
      for (let c = 0; c < stride; c++) dWte[row * stride + c] += dX[from + c];
    }
  }
}

function positionMeaning(
  { dX, dWpe }: Arrays<'dX' | 'dWpe'>,
  s: Sizes<keyof typeof positionParams>,
): void {
  const size = s.tokens * s.stride4 * 4;
  if (!s.accumulate) dWpe.fill(0, 0, size);
  for (let b = 0; b < s.batch; b++) {
    for (let i = 0; i < size; i++) dWpe[i] += dX[b * size + i];
  }
}

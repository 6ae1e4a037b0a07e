// Causal attention backwards: gradients of the queries, then those of keys and values. Weights are computed again from
// what the forward pass kept (its outputs and ln Σ e^score), so none is ever stored; each gradient is summed by one
// thread, so none is added atomically.
import keysSource from '../../shaders/attentionBackwardKeys.wgsl?raw';
import keysWorkgroupSource from '../../shaders/attentionBackwardKeysWorkgroup.wgsl?raw';
import queriesSource from '../../shaders/attentionBackwardQueries.wgsl?raw';
import queriesWorkgroupSource from '../../shaders/attentionBackwardQueriesWorkgroup.wgsl?raw';
import type { Encoder, Tensor } from '../gpu/device.ts';
import { type Arrays, type Sizes, type TwinTools, defineKernel } from '../gpu/kernel.ts';
import {
  ATTENTION_TRAINING_OVERRIDES,
  ATTENTION_TRAINING_PARAMS,
  type AttentionTrainingOptions,
  type AttentionTrainingSize,
  type AttentionTrainingSizes,
  attentionTrainingSizes,
  isNarrow,
  keptScale,
  maskAddress,
  shareHeads,
  tileGrid,
  workgroupGrid,
} from './attentionTraining.ts';
import { checkShape } from './checkShape.ts';
import { type Variant, choose } from './variants.ts';
import { addressOf } from './wasm/address.ts';

const queries = {
  params: ATTENTION_TRAINING_PARAMS,
  bindings: {
    qkv: 'read',
    mask: 'read',
    out: 'read',
    dOut: 'read',
    lse: 'read',
    delta: 'write',
    dQkv: 'write',
  },
  overrides: ATTENTION_TRAINING_OVERRIDES,
  meaning: queriesMeaning,
  twin: queriesTwin,
} as const;

const keys = {
  params: ATTENTION_TRAINING_PARAMS,
  bindings: {
    qkv: 'read',
    mask: 'read',
    dOut: 'read',
    lse: 'read',
    delta: 'read',
    dQkv: 'write',
  },
  overrides: ATTENTION_TRAINING_OVERRIDES,
  meaning: keysMeaning,
  twin: keysTwin,
} as const;

const queriesKernel = defineKernel({
  name: 'attentionBackwardQueries',
  source: queriesSource,
  ...queries,
});

const queriesWorkgroupKernel = defineKernel({
  name: 'attentionBackwardQueriesWorkgroup',
  source: queriesWorkgroupSource,
  ...queries,
});

const keysKernel = defineKernel({
  name: 'attentionBackwardKeys',
  source: keysSource,
  ...keys,
});

const keysWorkgroupKernel = defineKernel({
  name: 'attentionBackwardKeysWorkgroup',
  source: keysWorkgroupSource,
  ...keys,
});

export interface AttentionBackwardTensors {
  /** (R, Q) or (B, T, Q): queries, keys and values of the forward pass, R = B · T. */
  readonly qkv: Tensor;
  /** The forward pass's; null where nothing is dropped. */
  readonly mask: Tensor | null;
  /** (R, A) what the forward pass gave. */
  readonly out: Tensor;
  /** (R, A) its gradient, zeros where `out` has padding. */
  readonly dOut: Tensor;
  /** (R, H) ln Σ_s e^score, of the forward pass. */
  readonly lse: Tensor;
  /** (R, H) Σ_d dOut · out, written by the first dispatch for the second. */
  readonly delta: Tensor;
  /** As `qkv`; zeros where that has padding. */
  readonly dQkv: Tensor;
}

interface QueriesCall extends AttentionTrainingSizes {
  readonly tensors: Readonly<Record<keyof typeof queries.bindings, Tensor>>;
}

interface KeysCall extends AttentionTrainingSizes {
  readonly tensors: Readonly<Record<keyof typeof keys.bindings, Tensor>>;
}

export const ATTENTION_BACKWARD_QUERIES: readonly Variant<QueriesCall>[] = [
  {
    kernel: queriesWorkgroupKernel,
    can: ({ options }) => isNarrow(options),
    fits: ({ lanes }) => lanes === 'real',
    record: (enc, { tensors, params, overrides, options }) =>
      enc.dispatch(queriesWorkgroupKernel, tensors, params, workgroupGrid(options, 1), overrides),
  },
  {
    kernel: queriesKernel,
    fits: () => true,
    record: (enc, { tensors, params, overrides, options }) =>
      enc.dispatch(queriesKernel, tensors, params, tileGrid(options, 32), overrides),
  },
];

export const ATTENTION_BACKWARD_KEYS: readonly Variant<KeysCall>[] = [
  {
    kernel: keysWorkgroupKernel,
    can: ({ options }) => isNarrow(options),
    fits: ({ lanes }) => lanes === 'real',
    // Keys and values apart.
    record: (enc, { tensors, params, overrides, options }) =>
      enc.dispatch(keysWorkgroupKernel, tensors, params, workgroupGrid(options, 2), overrides),
  },
  {
    kernel: keysKernel,
    fits: () => true,
    record: (enc, { tensors, params, overrides, options }) =>
      enc.dispatch(keysKernel, tensors, params, tileGrid(options, 16), overrides),
  },
];

/** Records dQkv, the gradients of queries, keys and values; options are those of `attentionTraining`. */
export function attentionBackward(
  enc: Encoder,
  t: AttentionBackwardTensors,
  o: AttentionTrainingOptions,
): void {
  const calls = attentionBackwardCalls(t, o);
  choose(ATTENTION_BACKWARD_QUERIES, enc.traits, calls.queries).record(enc, calls.queries);
  choose(ATTENTION_BACKWARD_KEYS, enc.traits, calls.keys).record(enc, calls.keys);
}

export function attentionBackwardCalls(
  t: AttentionBackwardTensors,
  o: AttentionTrainingOptions,
): { readonly queries: QueriesCall; readonly keys: KeysCall } {
  const { qkv, out, dOut, lse, delta, dQkv } = t;
  const sizes = attentionTrainingSizes('attentionBackward', { qkv, out, lse }, o);
  checkShape('attentionBackward', {
    dOut: [dOut, [dOut.shape[0], out.shape[1]]],
    delta: [delta, [delta.shape[0], o.nHead]],
    dQkv: [dQkv, [...dQkv.shape.slice(0, -1), o.rowStride]],
  });
  const mask = t.mask ?? qkv;
  return {
    queries: { tensors: { qkv, mask, out, dOut, lse, delta, dQkv }, ...sizes },
    keys: { tensors: { qkv, mask, dOut, lse, delta, dQkv }, ...sizes },
  };
}

/** Σ_d a[i + d] · b[j + d], for d < count */
function dot(a: ArrayLike<number>, i: number, b: ArrayLike<number>, j: number, count: number) {
  let sum = 0;
  for (let d = 0; d < count; d++) sum += a[i + d] * b[j + d];
  return sum;
}

/**
 * dq[t] = scoreScale · Σ_s dScore[s] · k[s],  s ≤ t
 * dScore[s] = e^(score[s] − lse) · (kept[s] · dOut · v[s] − delta),  delta = dOut · out
 */
function queriesMeaning(
  { qkv, mask, out, dOut, lse, delta, dQkv }: Arrays<keyof typeof queries.bindings>,
  s: Sizes<AttentionTrainingSize>,
): void {
  const [row, part, stride] = [s.rowStride4 * 4, s.partStride4 * 4, s.HEAD_STRIDE4 * 4];
  for (let r = 0; r < s.rows; r++) {
    const [b, t] = [Math.floor(r / s.tokens), r % s.tokens];
    dQkv.fill(0, r * row, r * row + part);
    dQkv.fill(0, r * row + 3 * part, (r + 1) * row);
    for (let h = 0; h < s.heads; h++) {
      const [own, at] = [r * row + h * stride, r * s.outStride4 * 4 + h * stride];
      const difference = dot(dOut, at, out, at, stride);
      delta[r * s.heads + h] = difference;
      for (let key = 0; key <= t; key++) {
        const other = (r - t + key) * row + h * stride;
        const score = s.scoreScale * dot(qkv, own, qkv, other + part, stride);
        const dWeight =
          keptScale(mask, s, [b, h, t, key]) * dot(dOut, at, qkv, other + 2 * part, stride);
        const dScore = Math.exp(score - lse[r * s.heads + h]) * (dWeight - difference);
        for (let d = 0; d < stride; d++) {
          dQkv[own + d] += s.scoreScale * dScore * qkv[other + part + d];
        }
      }
    }
  }
}

/**
 * dk[s] = scoreScale · Σ_t dScore[t] · q[t],  dv[s] = Σ_t kept[t] · e^(score[t] − lse[t]) · dOut[t],  t ≥ s
 */
function keysMeaning(
  { qkv, mask, dOut, lse, delta, dQkv }: Arrays<keyof typeof keys.bindings>,
  s: Sizes<AttentionTrainingSize>,
): void {
  const [row, part, stride] = [s.rowStride4 * 4, s.partStride4 * 4, s.HEAD_STRIDE4 * 4];
  for (let r = 0; r < s.rows; r++) {
    const [b, key] = [Math.floor(r / s.tokens), r % s.tokens];
    dQkv.fill(0, r * row + part, r * row + 3 * part);
    for (let h = 0; h < s.heads; h++) {
      const own = r * row + h * stride;
      for (let t = key; t < s.tokens; t++) {
        const q = r - key + t;
        const [other, at] = [q * row + h * stride, q * s.outStride4 * 4 + h * stride];
        const score = s.scoreScale * dot(qkv, other, qkv, own + part, stride);
        const weight = Math.exp(score - lse[q * s.heads + h]);
        const kept = keptScale(mask, s, [b, h, t, key]);
        const dWeight = kept * dot(dOut, at, qkv, own + 2 * part, stride);
        const dScore = weight * (dWeight - delta[q * s.heads + h]);
        for (let d = 0; d < stride; d++) {
          dQkv[own + part + d] += s.scoreScale * dScore * qkv[other + d];
          dQkv[own + 2 * part + d] += weight * kept * dOut[at + d];
        }
      }
    }
  }
}

/** Their numbers in share.c. */
const [QUERIES_TWIN, KEYS_TWIN] = [11, 12];

function queriesTwin(
  tools: TwinTools,
): (arrays: Arrays<keyof typeof queries.bindings>, sizes: Sizes<AttentionTrainingSize>) => void {
  return ({ qkv, mask, out, dOut, lse, delta, dQkv }, s) =>
    shareHeads(tools, QUERIES_TWIN, s, [
      addressOf('qkv', qkv, s.rows * s.rowStride4 * 4),
      maskAddress(mask, s),
      addressOf('out', out, s.rows * s.outStride4 * 4),
      addressOf('dOut', dOut, s.rows * s.outStride4 * 4),
      addressOf('lse', lse, s.rows * s.heads),
      addressOf('delta', delta, s.rows * s.heads),
      addressOf('dQkv', dQkv, s.rows * s.rowStride4 * 4),
    ]);
}

function keysTwin(
  tools: TwinTools,
): (arrays: Arrays<keyof typeof keys.bindings>, sizes: Sizes<AttentionTrainingSize>) => void {
  return ({ qkv, mask, dOut, lse, delta, dQkv }, s) =>
    shareHeads(tools, KEYS_TWIN, s, [
      addressOf('qkv', qkv, s.rows * s.rowStride4 * 4),
      maskAddress(mask, s),
      addressOf('dOut', dOut, s.rows * s.outStride4 * 4),
      addressOf('lse', lse, s.rows * s.heads),
      addressOf('delta', delta, s.rows * s.heads),
      addressOf('dQkv', dQkv, s.rows * s.rowStride4 * 4),
    ]);
}

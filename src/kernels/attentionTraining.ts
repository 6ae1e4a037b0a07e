// Causal attention of whole texts, with dropout on its weights; what its backward pass needs is kept.
import plainSource from '../../shaders/attentionTraining.wgsl?raw';
import workgroupSource from '../../shaders/attentionTrainingWorkgroup.wgsl?raw';
import type { Encoder, Tensor } from '../gpu/device.ts';
import {
  type Arrays,
  type NumberArray,
  type Sizes,
  type TwinTools,
  defineKernel,
  floatBits,
} from '../gpu/kernel.ts';
import type { HeadLayout } from './attention.ts';
import { checkShape } from './checkShape.ts';
import { isKept } from './dropout.ts';
import { type Variant, choose } from './variants.ts';
import { PIECE_WORK, addressOf } from './wasm/address.ts';

/** Sizes of the forward and of both backward kernels. */
export const ATTENTION_TRAINING_PARAMS = {
  rows: 'u32',
  tokens: 'u32',
  rowStride4: 'u32',
  partStride4: 'u32',
  outStride4: 'u32',
  heads: 'u32',
  maskStart: 'u32',
  scoreScale: 'f32',
  keptScale: 'f32',
} as const;

export const ATTENTION_TRAINING_OVERRIDES = ['HEAD_STRIDE4', 'DROPS'] as const;

export type AttentionTrainingSize =
  | keyof typeof ATTENTION_TRAINING_PARAMS
  | (typeof ATTENTION_TRAINING_OVERRIDES)[number];

const interface_ = {
  params: ATTENTION_TRAINING_PARAMS,
  bindings: { qkv: 'read', mask: 'read', out: 'write', lse: 'write' },
  overrides: ATTENTION_TRAINING_OVERRIDES,
  meaning,
  twin,
} as const;

const attentionTrainingKernel = defineKernel({
  name: 'attentionTraining',
  source: plainSource,
  ...interface_,
});

const attentionTrainingWorkgroupKernel = defineKernel({
  name: 'attentionTrainingWorkgroup',
  source: workgroupSource,
  ...interface_,
});

/** Rows of a text, or keys, that a workgroup of the kernels for real lanes takes, a lane each. */
const WORKGROUP_ROWS = 64;
/** Rows of a text that a thread of the plain kernels takes, and keys. */
const TILE_ROWS = 4;

export interface AttentionTrainingTensors {
  /** (R, Q) or (B, T, Q): queries, keys and values of whole texts, R = B · T. */
  readonly qkv: Tensor;
  /** u32, a bit for each of (B, H, T, T): 1 keeps the weight. Null where nothing is dropped. */
  readonly mask: Tensor | null;
  /** (R, A) heads side by side, zeros beyond them. */
  readonly out: Tensor;
  /** (R, H) ln Σ_s e^score. */
  readonly lse: Tensor;
}

export interface AttentionTrainingOptions extends HeadLayout {
  readonly rows: number;
  /** T of each text; `rows` is a multiple of it. */
  readonly tokens: number;
  /** What products of queries and keys are multiplied by: 1/√D in GPT-2. */
  readonly scoreScale: number;
  /** The first word of `mask`, and the probability that a weight is kept; null where nothing is dropped. */
  readonly dropout: { readonly maskStart: number; readonly keep: number } | null;
}

export interface AttentionTrainingSizes {
  readonly params: Readonly<Record<keyof typeof ATTENTION_TRAINING_PARAMS, number>>;
  readonly overrides: Readonly<Record<(typeof ATTENTION_TRAINING_OVERRIDES)[number], number>>;
  readonly options: AttentionTrainingOptions;
}

interface AttentionTrainingCall extends AttentionTrainingSizes {
  readonly tensors: Readonly<Record<keyof typeof interface_.bindings, Tensor>>;
}

export const ATTENTION_TRAINING: readonly Variant<AttentionTrainingCall>[] = [
  {
    kernel: attentionTrainingWorkgroupKernel,
    can: ({ options }) => isNarrow(options),
    fits: ({ lanes }) => lanes === 'real',
    record: (enc, { tensors, params, overrides, options }) =>
      enc.dispatch(
        attentionTrainingWorkgroupKernel,
        tensors,
        params,
        workgroupGrid(options, 1),
        overrides,
      ),
  },
  {
    kernel: attentionTrainingKernel,
    fits: () => true,
    record: (enc, { tensors, params, overrides, options }) =>
      enc.dispatch(attentionTrainingKernel, tensors, params, tileGrid(options, 32), overrides),
  },
];

/** Whether a row of a head fits the registers of a lane. */
export function isNarrow({ headStride }: HeadLayout): boolean {
  return headStride <= 64;
}

/** Workgroups of 64 rows of one text, `times` of them for the same rows, and a head. */
export function workgroupGrid(
  o: AttentionTrainingOptions,
  times: number,
): readonly [number, number, number] {
  return [times * Math.ceil(o.tokens / WORKGROUP_ROWS), o.nHead, o.rows / o.tokens];
}

/** A thread of the plain kernels takes a head, `channels` of its channels, and four rows (or keys) of one text. */
export function tileGrid(
  o: AttentionTrainingOptions,
  channels: number,
): readonly [number, number, number] {
  const across = Math.ceil((o.nHead * Math.ceil(o.headStride / channels)) / 4);
  return [across, Math.ceil(o.tokens / TILE_ROWS), o.rows / o.tokens];
}

/** Records out[r, h] = Σ_s kept[s] · softmax(scoreScale · q · k)[s] · v[s] over s ≤ t, and lse[r, h] = ln Σ_s e^score. */
export function attentionTraining(
  enc: Encoder,
  t: AttentionTrainingTensors,
  o: AttentionTrainingOptions,
): void {
  const call = attentionTrainingCall(t, o);
  choose(ATTENTION_TRAINING, enc.traits, call).record(enc, call);
}

export function attentionTrainingCall(
  { qkv, mask, out, lse }: AttentionTrainingTensors,
  o: AttentionTrainingOptions,
): AttentionTrainingCall {
  const sizes = attentionTrainingSizes('attentionTraining', { qkv, out, lse }, o);
  // A shader has all its tensors: where nothing is dropped, another one stands there unread.
  return { tensors: { qkv, mask: mask ?? qkv, out, lse }, ...sizes };
}

/** What all kernels of training's attention are told; throws where the tensors do not go with the options. */
export function attentionTrainingSizes(
  op: string,
  { qkv, out, lse }: Readonly<Record<'qkv' | 'out' | 'lse', Tensor>>,
  o: AttentionTrainingOptions,
): AttentionTrainingSizes {
  const width = out.shape.at(-1) ?? 0;
  checkShape(op, {
    qkv: [qkv, [...qkv.shape.slice(0, -1), o.rowStride]],
    lse: [lse, [lse.shape[0], o.nHead]],
  });
  if (o.rows % o.tokens !== 0 || width < o.partStride) {
    throw new Error(`${op}: ${o.rows} rows of texts of ${o.tokens}, ${width} columns.`);
  }
  return {
    params: {
      rows: o.rows,
      tokens: o.tokens,
      rowStride4: o.rowStride / 4,
      partStride4: o.partStride / 4,
      outStride4: width / 4,
      heads: o.nHead,
      maskStart: o.dropout?.maskStart ?? 0,
      scoreScale: o.scoreScale,
      keptScale: o.dropout ? 1 / o.dropout.keep : 1,
    },
    overrides: { HEAD_STRIDE4: o.headStride / 4, DROPS: o.dropout ? 1 : 0 },
    options: o,
  };
}

/** What the weight of row t, key s in head h of text b is multiplied by: 0, or 1 / keep. */
export function keptScale(
  mask: NumberArray,
  s: Sizes<AttentionTrainingSize>,
  [b, h, t, key]: readonly [b: number, h: number, t: number, key: number],
): number {
  if (!s.DROPS) return 1;
  const element = ((b * s.heads + h) * s.tokens + t) * s.tokens + key;
  return isKept(mask, s.maskStart, element) * s.keptScale;
}

/** out[r, h, d] = Σ_s kept[s] · softmax_s(scoreScale · q[r, h] · k[s, h]) · v[s, h, d],  s ≤ t */
function meaning(
  { qkv, mask, out, lse }: Arrays<keyof typeof interface_.bindings>,
  s: Sizes<AttentionTrainingSize>,
): void {
  const [row, part, stride] = [s.rowStride4 * 4, s.partStride4 * 4, s.HEAD_STRIDE4 * 4];
  for (let r = 0; r < s.rows; r++) {
    const [b, t] = [Math.floor(r / s.tokens), r % s.tokens];
    out.fill(0, r * s.outStride4 * 4, (r + 1) * s.outStride4 * 4);
    for (let h = 0; h < s.heads; h++) {
      const base = b * s.tokens * row + h * stride;
      const scores = new Float64Array(t + 1);
      let largest = -Infinity;
      for (let key = 0; key <= t; key++) {
        let product = 0;
        for (let d = 0; d < stride; d++) {
          product += qkv[base + t * row + d] * qkv[base + key * row + part + d];
        }
        scores[key] = product * s.scoreScale;
        if (scores[key] > largest) largest = scores[key];
      }
      let sum = 0;
      for (let key = 0; key <= t; key++) sum += Math.exp(scores[key] - largest);
      lse[r * s.heads + h] = largest + Math.log(sum);
      const at = r * s.outStride4 * 4 + h * stride;
      for (let key = 0; key <= t; key++) {
        const p = Math.exp(scores[key] - largest) / sum;
        const weight = p * keptScale(mask, s, [b, h, t, key]);
        for (let d = 0; d < stride; d++) {
          out[at + d] += weight * qkv[base + key * row + 2 * part + d];
        }
      }
    }
  }
}

/** Its number in share.c. */
const TWIN = 10;

function twin(
  tools: TwinTools,
): (arrays: Arrays<keyof typeof interface_.bindings>, sizes: Sizes<AttentionTrainingSize>) => void {
  return ({ qkv, mask, out, lse }, s) =>
    shareHeads(tools, TWIN, s, [
      addressOf('qkv', qkv, s.rows * s.rowStride4 * 4),
      maskAddress(mask, s),
      addressOf('out', out, s.rows * s.outStride4 * 4),
      addressOf('lse', lse, s.rows * s.heads),
    ]);
}

/** Where the mask lies; nothing is read of it where nothing is dropped. */
export function maskAddress(mask: NumberArray, s: Sizes<AttentionTrainingSize>): number {
  const words = s.maskStart + Math.ceil((s.rows * s.heads * s.tokens) / 32);
  return addressOf('mask', mask, s.DROPS ? words : 0);
}

/** Runs one of attentionBackward.c's kernels by its number in share.c: they have the same sizes behind their tensors. */
export function shareHeads(
  tools: TwinTools,
  kernel: number,
  s: Sizes<AttentionTrainingSize>,
  addresses: readonly number[],
): void {
  if (s.rows === 0) return;
  const pairs = (s.rows / s.tokens) * s.heads * Math.ceil(s.tokens / 2);
  tools.share(
    kernel,
    [
      addresses,
      [s.rows, s.tokens, s.rowStride4, s.partStride4, s.outStride4, s.heads, s.maskStart],
      [floatBits(s.scoreScale), floatBits(s.keptScale), s.HEAD_STRIDE4, s.DROPS],
    ].flat(),
    Math.min(pairs, (s.rows * s.heads * s.tokens * s.HEAD_STRIDE4 * 4) / PIECE_WORK),
    4 * (s.tokens + 4) * 4,
  );
}

// Causal softmax attention against the cache, fused: no weight is ever stored.
import plainSource from '../../shaders/attention.wgsl?raw';
import tileSource from '../../shaders/attentionTile.wgsl?raw';
import workgroupSource from '../../shaders/attentionWorkgroup.wgsl?raw';
import type { Encoder, Tensor } from '../gpu/device.ts';
import { type Arrays, type NumberArray, type Sizes, defineKernel } from '../gpu/kernel.ts';
import { checkShape } from './checkShape.ts';
import { type Variant, choose } from './variants.ts';

const interface_ = {
  params: {
    rows: 'u32',
    tokens: 'u32',
    past: 'u32',
    capacity: 'u32',
    rowStride4: 'u32',
    partStride4: 'u32',
    outStride4: 'u32',
    scaleStart: 'u32',
    heads: 'u32',
    scoreScale: 'f32',
  },
  bindings: { qkv: 'read', headScale: 'read', out: 'write' },
  overrides: ['HEAD_STRIDE4'],
  meaning,
} as const;

const attentionKernel = defineKernel({
  name: 'attention',
  source: plainSource,
  ...interface_,
});

const attentionTileKernel = defineKernel({
  name: 'attentionTile',
  source: tileSource,
  ...interface_,
});

const attentionWorkgroupKernel = defineKernel({
  name: 'attentionWorkgroup',
  source: workgroupSource,
  ...interface_,
});

/** Rows of a text that a thread of `attentionTile` takes. */
const TILE_ROWS = 4;
/**
 * From so many channels × rows × keys on the tile is worth its compile, a fifth of a second on a
 * software adapter: a dozen layers of this gain about as much at their first pass.
 */
const TILE_WORK = 1 << 21;

/** How heads lie in a row of the cache, in elements. */
export interface HeadLayout {
  readonly nHead: number;
  /** D, the true width of a head. */
  readonly headSize: number;
  /** D', D rounded up to 4. */
  readonly headStride: number;
  /** From the queries to the keys, and from the keys to the values. */
  readonly partStride: number;
  /** Q, one position in the cache. */
  readonly rowStride: number;
}

export interface AttentionTensors {
  /** (B, S, Q): queries, keys and values of every position. */
  readonly qkv: Tensor;
  /** Per head 1, or 0 to switch it off; `scaleStart` is head 0's element. */
  readonly headScale: Tensor;
  /** (R, A), R = B · tokens. */
  readonly out: Tensor;
}

export interface AttentionOptions extends HeadLayout {
  readonly rows: number;
  readonly tokens: number;
  readonly past: number;
  readonly scaleStart: number;
  /** What products of queries and keys are multiplied by: 1/√D in GPT-2. */
  readonly scoreScale: number;
  /** True where such passes come by the hundred, so that a slow compile pays. */
  readonly often?: boolean;
}

interface AttentionCall {
  readonly tensors: AttentionTensors;
  readonly params: Readonly<Record<keyof typeof interface_.params, number>>;
  readonly overrides: Readonly<Record<(typeof interface_.overrides)[number], number>>;
  readonly options: AttentionOptions;
}

export const ATTENTION: readonly Variant<AttentionCall>[] = [
  {
    kernel: attentionTileKernel,
    // Its rows share their keys, so they are of one sequence.
    can: ({ options: o }) => o.rows === o.tokens,
    fits: ({ lanes }, { options: o }) =>
      lanes === 'imitated' &&
      o.rows >= TILE_ROWS &&
      (o.often === true || o.partStride * o.rows * (o.past + o.rows) >= TILE_WORK),
    record: (enc, { tensors, params, overrides, options: o }) => {
      const grid = [workgroupsAcross(o), Math.ceil(o.rows / TILE_ROWS), 1] as const;
      enc.dispatch(attentionTileKernel, tensors, params, grid, overrides);
    },
  },
  {
    kernel: attentionWorkgroupKernel,
    // A lane owns one vec4 of a head's channels.
    can: ({ options: o }) => o.headStride <= 256,
    fits: ({ lanes }) => lanes === 'real',
    record: (enc, { tensors, params, overrides, options: o }) =>
      enc.dispatch(attentionWorkgroupKernel, tensors, params, [o.rows, o.nHead, 1], overrides),
  },
  {
    kernel: attentionKernel,
    fits: () => true,
    record: (enc, { tensors, params, overrides, options: o }) =>
      enc.dispatch(attentionKernel, tensors, params, [workgroupsAcross(o), o.rows, 1], overrides),
  },
];

/** Workgroups for the heads of a row: four threads each, with 32 channels a thread. */
function workgroupsAcross({ nHead, headStride }: HeadLayout): number {
  return Math.ceil((nHead * Math.ceil(headStride / 32)) / 4);
}

/** Records out[r, h] = Σ_s softmax(scoreScale · q · k)[s] · v[s] over every position up to the row's own. */
export function attention(enc: Encoder, t: AttentionTensors, o: AttentionOptions): void {
  const call = attentionCall(t, o);
  choose(ATTENTION, enc.traits, call).record(enc, call);
}

export function attentionCall(t: AttentionTensors, o: AttentionOptions): AttentionCall {
  const capacity = t.qkv.shape[1];
  checkShape('attention', { qkv: [t.qkv, [t.qkv.shape[0], capacity, o.rowStride]] });
  return {
    tensors: t,
    params: {
      rows: o.rows,
      tokens: o.tokens,
      past: o.past,
      capacity,
      rowStride4: o.rowStride / 4,
      partStride4: o.partStride / 4,
      outStride4: (t.out.shape.at(-1) ?? 0) / 4,
      scaleStart: o.scaleStart,
      heads: o.nHead,
      scoreScale: o.scoreScale,
    },
    overrides: { HEAD_STRIDE4: o.headStride / 4 },
    options: o,
  };
}

type Size = keyof typeof interface_.params | (typeof interface_.overrides)[number];

/** out[r, h, d] = headScale[h] · Σ_s softmax_s(scoreScale · q[r, h] · k[s, h]) · v[s, h, d],  s ≤ past + t */
function meaning(
  { qkv, headScale, out }: Arrays<'qkv' | 'headScale' | 'out'>,
  s: Sizes<Size>,
): void {
  const [row, part, stride] = [s.rowStride4 * 4, s.partStride4 * 4, s.HEAD_STRIDE4 * 4];
  for (let r = 0; r < s.rows; r++) {
    const own = s.past + (r % s.tokens);
    for (let h = 0; h < s.heads; h++) {
      const base = Math.floor(r / s.tokens) * s.capacity * row + h * stride;
      const weights = new Float64Array(own + 1);
      for (let key = 0; key <= own; key++) {
        for (let d = 0; d < stride; d++) {
          weights[key] += qkv[base + own * row + d] * qkv[base + key * row + part + d];
        }
        weights[key] *= s.scoreScale;
      }
      softmaxInPlace(weights);
      const at = r * s.outStride4 * 4 + h * stride;
      for (let d = 0; d < stride; d++) {
        let sum = 0;
        for (let key = 0; key <= own; key++)
          sum += weights[key] * qkv[base + key * row + 2 * part + d];
        out[at + d] = headScale[s.scaleStart + h] * sum;
      }
    }
  }
}

/** x ← exp(x − max) / Σ exp(x − max) */
export function softmaxInPlace(x: NumberArray): void {
  let largest = -Infinity;
  for (const v of x) if (v > largest) largest = v;
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i] = Math.exp(x[i] - largest);
  for (let i = 0; i < x.length; i++) x[i] /= sum;
}

// Query-key products of some heads, recomputed from the cache when somebody looks.
import source from '../../shaders/attentionScores.wgsl?raw';
import type { Encoder, Tensor } from '../gpu/device.ts';
import { type Arrays, type Sizes, defineKernel } from '../gpu/kernel.ts';
import type { HeadLayout } from './attention.ts';

const params = {
  rows: 'u32',
  seen: 'u32',
  first: 'u32',
  sequenceStart4: 'u32',
  rowStride4: 'u32',
  partStride4: 'u32',
  head: 'u32',
  heads: 'u32',
  outHead: 'u32',
  scoreScale: 'f32',
} as const;

export const attentionScoresKernel = defineKernel({
  name: 'attentionScores',
  source,
  params,
  bindings: { qkv: 'read', out: 'write' },
  overrides: ['HEAD_STRIDE4'],
  meaning,
});

export interface AttentionScoresOptions extends HeadLayout {
  /** T queries, of positions `first` … `first` + T. */
  readonly rows: number;
  readonly first: number;
  /** Keys 0 … seen. */
  readonly seen: number;
  readonly sequence: number;
  readonly head: number;
  readonly heads: number;
  /** What products of queries and keys are multiplied by: 1/√D in GPT-2. */
  readonly scoreScale: number;
  /** First map of `out` that is written; 0 by default. */
  readonly outHead?: number;
}

/**
 * Records out[outHead + h, t, s] = scoreScale · q[first + t] · k[s] for s ≤ first + t; the rest is left as
 * it is. `out` is (·, T, seen).
 */
export function attentionScores(
  enc: Encoder,
  t: { qkv: Tensor; out: Tensor },
  o: AttentionScoresOptions,
): void {
  enc.dispatch(
    attentionScoresKernel,
    t,
    {
      rows: o.rows,
      seen: o.seen,
      first: o.first,
      sequenceStart4: (o.sequence * t.qkv.shape[1] * o.rowStride) / 4,
      rowStride4: o.rowStride / 4,
      partStride4: o.partStride / 4,
      head: o.head,
      heads: o.heads,
      outHead: o.outHead ?? 0,
      scoreScale: o.scoreScale,
    },
    [Math.ceil((Math.ceil(o.rows / 4) * Math.ceil(o.seen / 16)) / 8), o.heads, 1],
    { HEAD_STRIDE4: o.headStride / 4 },
  );
}

type Size = keyof typeof params | 'HEAD_STRIDE4';

function meaning({ qkv, out }: Arrays<'qkv' | 'out'>, s: Sizes<Size>): void {
  const [row, part, stride] = [s.rowStride4 * 4, s.partStride4 * 4, s.HEAD_STRIDE4 * 4];
  for (let h = 0; h < s.heads; h++) {
    const base = s.sequenceStart4 * 4 + (s.head + h) * stride;
    for (let t = 0; t < s.rows; t++) {
      for (let key = 0; key <= s.first + t && key < s.seen; key++) {
        let sum = 0;
        for (let d = 0; d < stride; d++) {
          sum += qkv[base + (s.first + t) * row + d] * qkv[base + part + key * row + d];
        }
        out[((s.outHead + h) * s.rows + t) * s.seen + key] = s.scoreScale * sum;
      }
    }
  }
}

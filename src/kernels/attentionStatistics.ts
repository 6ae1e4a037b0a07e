// What each row of some attention maps does, in six numbers: the raw material of head scores.
import source from '../../shaders/attentionStatistics.wgsl?raw';
import type { Encoder, Tensor } from '../gpu/device.ts';
import { type Arrays, type Sizes, defineKernel } from '../gpu/kernel.ts';

/** The numbers of a row, in order. Weights from 0 to 1; entropy in bits. */
export const ROW_STATISTICS = [
  'previous',
  'first',
  'duplicate',
  'induction',
  'local',
  'entropy',
] as const;

export const attentionStatisticsKernel = defineKernel({
  name: 'attentionStatistics',
  source,
  params: { size: 'u32', heads: 'u32' },
  bindings: { x: 'read', ids: 'read', out: 'write' },
  overrides: [],
  meaning,
});

export interface AttentionStatisticsTensors {
  /** (H', T, T) probabilities. */
  readonly x: Tensor;
  /** (T) u32 tokens. */
  readonly ids: Tensor;
  /** (H', T, 6). */
  readonly out: Tensor;
}

/** Records out[h, t] = `ROW_STATISTICS` of row t of map h, for T = `size` and H' = `heads`. */
export function attentionStatistics(
  enc: Encoder,
  t: AttentionStatisticsTensors,
  sizes: { size: number; heads: number },
): void {
  const grid = [Math.ceil(sizes.size / 8), sizes.heads, 1] as const;
  enc.dispatch(attentionStatisticsKernel, t, sizes, grid, {});
}

function meaning({ x, ids, out }: Arrays<'x' | 'ids' | 'out'>, s: Sizes<'size' | 'heads'>): void {
  for (let row = 0; row < s.heads * s.size; row++) {
    const t = row % s.size;
    const w = x.subarray(row * s.size, (row + 1) * s.size);
    let [duplicate, induction, local, entropy] = [0, 0, 0, 0];
    for (let key = 0; key <= t; key++) {
      if (w[key] !== 0) entropy -= w[key] * Math.log2(w[key]);
      if (key + 4 >= t) local += w[key];
      if (key === t || ids[key] !== ids[t]) continue;
      duplicate += w[key];
      induction += w[key + 1];
    }
    out.set([t > 0 ? w[t - 1] : 0, w[0], duplicate, induction, local, entropy], row * 6);
  }
}

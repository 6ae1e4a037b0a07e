// Maps of attention made small enough to read back: the strongest weight of every block.
import source from '../../shaders/attentionThumbnails.wgsl?raw';
import type { Encoder, Tensor } from '../gpu/device.ts';
import { type Arrays, type Sizes, defineKernel } from '../gpu/kernel.ts';

const params = { size: 'u32', cells: 'u32', block: 'u32', heads: 'u32', outHead: 'u32' } as const;

export const attentionThumbnailsKernel = defineKernel({
  name: 'attentionThumbnails',
  source,
  params,
  bindings: { x: 'read', out: 'write' },
  overrides: [],
  meaning,
});

export interface AttentionThumbnailsOptions {
  /** T of the maps (H', T, T) in `x`. */
  readonly size: number;
  readonly heads: number;
  /** K, tokens a cell; `out` has P = ⌈T/K⌉ cells a side. */
  readonly block: number;
  /** First thumbnail of `out` that is written. */
  readonly outHead: number;
}

/** Records out[outHead + h, a, b] = the largest x[h, t, s] of block (a, b). `out` is (·, P, P). */
export function attentionThumbnails(
  enc: Encoder,
  t: { x: Tensor; out: Tensor },
  o: AttentionThumbnailsOptions,
): void {
  const cells = Math.ceil(o.size / o.block);
  const grid = [Math.ceil(cells / 8), cells, o.heads] as const;
  enc.dispatch(attentionThumbnailsKernel, t, { ...o, cells }, grid, {});
}

function meaning({ x, out }: Arrays<'x' | 'out'>, s: Sizes<keyof typeof params>): void {
  const { size, cells, block } = s;
  for (let h = 0; h < s.heads; h++) {
    const start = (s.outHead + h) * cells * cells;
    out.fill(0, start, start + cells * cells);
    for (let t = 0; t < size; t++) {
      for (let key = 0; key <= t; key++) {
        const at = start + Math.floor(t / block) * cells + Math.floor(key / block);
        out[at] = Math.max(out[at], x[(h * size + t) * size + key]);
      }
    }
  }
}

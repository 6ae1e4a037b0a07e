// Softmax over what came before, in place: the plain form of what attention fuses.
import source from '../../shaders/causalSoftmax.wgsl?raw';
import type { Encoder, Tensor } from '../gpu/device.ts';
import { type Arrays, type Sizes, defineKernel } from '../gpu/kernel.ts';
import { softmaxInPlace } from './attention.ts';

export const causalSoftmaxKernel = defineKernel({
  name: 'causalSoftmax',
  source,
  params: { rows: 'u32', columns: 'u32', first: 'u32' },
  bindings: { x: 'write' },
  overrides: [],
  meaning,
});

/** Records x[h, t, s] ← softmax over s ≤ first + t, 0 beyond. `x` is (H, T, S). */
export function causalSoftmax(enc: Encoder, x: Tensor, first: number): void {
  const [heads, rows, columns] = x.shape;
  const grid = [Math.ceil(rows / 8), heads, 1] as const;
  enc.dispatch(causalSoftmaxKernel, { x }, { rows, columns, first }, grid, {});
}

function meaning({ x }: Arrays<'x'>, s: Sizes<'rows' | 'columns' | 'first'>): void {
  const heads = x.length / (s.rows * s.columns);
  for (let i = 0; i < heads * s.rows; i++) {
    const seen = Math.min(s.first + (i % s.rows) + 1, s.columns);
    softmaxInPlace(x.subarray(i * s.columns, i * s.columns + seen));
    x.fill(0, i * s.columns + seen, (i + 1) * s.columns);
  }
}

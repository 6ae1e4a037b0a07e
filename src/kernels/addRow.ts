// One row added to some columns of every row: what a part says on average, in place of it.
import source from '../../shaders/addRow.wgsl?raw';
import type { Encoder, Tensor } from '../gpu/device.ts';
import { type Arrays, type Sizes, defineKernel } from '../gpu/kernel.ts';

const params = { rows: 'u32', count4: 'u32', start4: 'u32', from4: 'u32', stride4: 'u32' } as const;

export const addRowKernel = defineKernel({
  name: 'addRow',
  source,
  params,
  bindings: { row: 'read', out: 'add' },
  overrides: [],
  meaning,
});

export interface AddRowOptions {
  /** Rows of `out` that are added to, from 0 on. */
  readonly rows: number;
  /** First element of `row`, first column of `out`, and how many: multiples of 4. */
  readonly start: number;
  readonly from: number;
  readonly count: number;
}

/** Records out[r, from + c] += row[start + c] for c < count, r < rows. `out` is (·, C). */
export function addRow(enc: Encoder, t: { row: Tensor; out: Tensor }, o: AddRowOptions): void {
  const count4 = o.count / 4;
  enc.dispatch(
    addRowKernel,
    t,
    {
      rows: o.rows,
      count4,
      start4: o.start / 4,
      from4: o.from / 4,
      stride4: (t.out.shape.at(-1) ?? 0) / 4,
    },
    [Math.ceil(count4 / 8), o.rows, 1],
    {},
  );
}

function meaning({ row, out }: Arrays<'row' | 'out'>, s: Sizes<keyof typeof params>): void {
  for (let r = 0; r < s.rows; r++) {
    for (let c = 0; c < s.count4 * 4; c++) {
      out[(r * s.stride4 + s.from4) * 4 + c] += row[s.start4 * 4 + c];
    }
  }
}

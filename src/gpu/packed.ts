// Weights as they are packed, back to numbers.
import type { Format } from './device.ts';
import { halfToFloat } from './half.ts';
import { fromInt8Rows } from './int8.ts';
import type { NumberArray } from './kernel.ts';

/**
 * What lies in `data` into `target` from element `at` on: half bits, whole int8 rows of `columns` weights, or
 * numbers as they are.
 */
export function unpack(
  data: NumberArray,
  columns: number,
  format: Format,
  target: NumberArray,
  at: number,
): void {
  if (format === 'f16') {
    for (let i = 0; i < data.length; i++) target[at + i] = halfToFloat(data[i]);
  } else if (format === 'int8') fromInt8Rows(data as Uint32Array, columns, target, at);
  else target.set(data, at);
}

// A matrix of weights as kernels read it: rows of K contiguous values, cut into parts where a
// binding could not show it whole.
import {
  type Arena,
  type Device,
  type Format,
  type Tensor,
  type TensorData,
  bytesOf,
} from '../gpu/device.ts';
import { toHalf } from '../gpu/half.ts';
import { toInt8Rows } from '../gpu/int8.ts';
import type { NumberArray } from '../gpu/kernel.ts';
import { unpack } from '../gpu/packed.ts';

/** How weights are stored; sums are f32 whatever it is. */
export type WeightFormat = Exclude<Format, 'u32'>;

/** What a shader's `WEIGHT_FORMAT` says: its index here. */
export const WEIGHT_FORMATS: readonly WeightFormat[] = ['f32', 'f16', 'int8'];

export interface WeightMatrix {
  /** Output features N, padded to a multiple of 8 with rows of zeros. */
  readonly rows: number;
  /** Input features K, padded to a multiple of 8 with zeros. */
  readonly columns: number;
  readonly format: WeightFormat;
  readonly parts: readonly WeightPart[];
}

export interface WeightPart {
  readonly start: number;
  readonly rows: number;
  readonly tensor: Tensor;
}

/** Rows of `columns` values that one binding can show, a multiple of 8. */
function rowsPerPart(
  device: Pick<Device, 'traits'>,
  columns: number,
  format: WeightFormat,
): number {
  const rows = Math.floor(device.traits.maxBindingBytes / bytesOf(columns, [columns], format));
  return Math.max(8, rows - (rows % 8));
}

/** The parts that `createWeightMatrix` would make, without their memory: enough to compile for. */
export function planWeightMatrix(
  device: Pick<Device, 'traits'>,
  rows: number,
  columns: number,
  format: WeightFormat,
): WeightMatrix {
  const step = rowsPerPart(device, columns, format);
  const parts: WeightPart[] = [];
  for (let start = 0; start < rows; start += step) {
    const count = Math.min(step, rows - start);
    parts.push({ start, rows: count, tensor: planTensor([count, columns], format) });
  }
  return { rows, columns, format, parts };
}

/** A tensor of this shape that nothing may be computed with. */
export function planTensor(shape: readonly number[], format: Format): Tensor {
  return { id: 0, label: 'planned', shape, format, sizeBytes: 0 };
}

/**
 * Makes a matrix of zeros (rows and columns multiples of 8), in as many parts as the device's
 * binding limit asks for.
 */
export function createWeightMatrix(
  device: Pick<Device, 'traits'>,
  arena: Pick<Arena, 'zeros'>,
  label: string,
  rows: number,
  columns: number,
  format: WeightFormat,
): WeightMatrix {
  const plan = planWeightMatrix(device, rows, columns, format);
  const parts = plan.parts.map(({ start, rows: count }): WeightPart => {
    const name = count < rows ? `${label}[${start}…${start + count}]` : label;
    return { start, rows: count, tensor: arena.zeros(name, [count, columns], format) };
  });
  return { ...plan, parts };
}

/** Overwrites whole rows from `firstRow` on, rounded to the matrix's format. */
export function writeRows(
  arena: Pick<Arena, 'write'>,
  matrix: WeightMatrix,
  firstRow: number,
  values: Float32Array,
): void {
  const { columns, format } = matrix;
  const endRow = firstRow + values.length / columns;
  for (const { start, rows, tensor } of matrix.parts) {
    const from = Math.max(firstRow, start);
    const to = Math.min(endRow, start + rows);
    if (from >= to) continue;
    const part = values.subarray((from - firstRow) * columns, (to - firstRow) * columns);
    arena.write(tensor, packed(part, columns, format), (from - start) * columns);
  }
}

function packed(values: Float32Array, columns: number, format: WeightFormat): TensorData {
  if (format === 'f16') return toHalf(values);
  if (format === 'int8') return toInt8Rows(values, columns);
  return values;
}

/** Row `row` of a matrix as it lies in memory, packed or not, into `target`, whose length is the matrix's width. */
export function unpackRow(
  matrix: NumberArray,
  row: number,
  format: WeightFormat,
  target: Float32Array,
): void {
  const stride = bytesOf(target.length, [target.length], format) / matrix.BYTES_PER_ELEMENT;
  unpack(matrix.subarray(row * stride, (row + 1) * stride), target.length, format, target, 0);
}

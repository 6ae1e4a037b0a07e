// Parameters as they are on the device, back on this side as plain floats, and the way there for vectors.
import type { Arena, Device, Tensor } from '../gpu/device.ts';
import type { WeightMatrix } from '../kernels/weightMatrix.ts';

/** Rows of a matrix as they are on the device, decoded, (rows, K). */
export async function readRows(
  device: Device,
  { parts, columns }: WeightMatrix,
  firstRow: number,
  count: number,
): Promise<Float32Array> {
  const values = new Float32Array(count * columns);
  for (const { start, rows, tensor } of parts) {
    const from = Math.max(firstRow, start);
    const to = Math.min(firstRow + count, start + rows);
    if (from >= to) continue;
    const enc = device.createEncoder();
    const reading = enc.read(tensor, (from - start) * columns, (to - from) * columns);
    enc.submit();
    values.set(await reading, (from - firstRow) * columns);
  }
  return values;
}

/** A vector as it is on the device, padding included, from the tensors in which it lies one after the other. */
export async function readVector(
  device: Device,
  tensors: readonly Tensor[],
): Promise<Float32Array> {
  const parts: Float32Array[] = [];
  for (const tensor of tensors) {
    const enc = device.createEncoder();
    const reading = enc.read(tensor, 0, tensor.shape[0]);
    enc.submit();
    parts.push(await reading);
  }
  const values = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    values.set(part, at);
    at += part.length;
  }
  return values;
}

/** The way back: a whole vector, padding included, into the tensors in which it lies. */
export function writeVector(
  arena: Pick<Arena, 'write'>,
  tensors: readonly Tensor[],
  values: Float32Array,
): void {
  let at = 0;
  for (const tensor of tensors) {
    const [length] = tensor.shape;
    arena.write(tensor, values.subarray(at, at + length));
    at += length;
  }
}

// A safetensors file as a source of tensors, read in the order of its bytes and never held whole.
import { type ByteSource, inMemory } from './byteSource.ts';
import {
  type SafetensorsHeader,
  parseSafetensorsHeader,
  readHeaderLength,
  toFloat32,
} from './safetensors.ts';
import type { TensorSource } from './tensorSource.ts';

const WEIGHT_TYPES = new Set(['F32', 'F16', 'BF16']);
/** Bytes in front of the header: its length. */
export const LENGTH_BYTES = 8;

/** Opens a file that is in memory. Throws `safetensors/…`. */
export function openSafetensors(file: Uint8Array): TensorSource {
  return toSource(parseSafetensorsHeader(file, file.byteLength), inMemory(file));
}

/** As `openSafetensors`, for a file that may still be on its way: only its header is awaited. */
export async function streamSafetensors(file: ByteSource): Promise<TensorSource> {
  const start = await file.read(0, Math.min(LENGTH_BYTES, file.size));
  const length = readHeaderLength(start, file.size);
  const header = new Uint8Array(LENGTH_BYTES + length);
  header.set(start);
  header.set(await file.read(LENGTH_BYTES, length), LENGTH_BYTES);
  return toSource(parseSafetensorsHeader(header, file.size), file);
}

/** The tensors of a checked header, read from its file. */
export function toSource({ tensors }: SafetensorsHeader, file: ByteSource): TensorSource {
  const shapes = new Map<string, readonly number[]>();
  const unreadable = new Map<string, string>();
  for (const [name, { dtype, shape }] of tensors) {
    shapes.set(name, shape);
    if (!WEIGHT_TYPES.has(dtype)) unreadable.set(name, dtype);
  }
  /** Halves on their way to become floats. */
  let halves = new Uint8Array(0);
  return {
    shapes,
    unreadable,
    async read(name, from = 0, count, into) {
      const entry = tensors.get(name);
      if (!entry) throw new Error(`No tensor ${name}.`);
      const { dtype, shape } = entry;
      const each = (entry.end - entry.begin) / shape.reduce((product, n) => product * n, 1) || 0;
      const begin = entry.begin + from * each;
      const bytes = count === undefined ? entry.end - begin : count * each;
      if (!into || into.byteLength * each < bytes * 4) {
        return toFloat32(await file.read(begin, bytes), dtype);
      }
      let room = new Uint8Array(into.buffer, into.byteOffset, into.byteLength);
      if (each !== 4) room = halves = halves.length < bytes ? new Uint8Array(bytes) : halves;
      return toFloat32(await file.read(begin, bytes, room), dtype, into);
    },
  };
}

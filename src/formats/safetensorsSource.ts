// A safetensors file as a source of tensors, read in the order of its bytes and never held whole.
import { type ByteSource, inMemory } from './byteSource.ts';
import { EngineError } from '../errors.ts';
import {
  type SafetensorsHeader,
  WEIGHT_TYPES,
  checkBrace,
  parseSafetensorsHeader,
  readHeaderLength,
  toFloat32,
} from './safetensors.ts';
import type { TensorSource } from './tensorSource.ts';
import { explained, explainedBy } from './whatItIs.ts';

/** Bytes in front of the header: its length. */
export const LENGTH_BYTES = 8;

/** Opens a file that is in memory. Throws `safetensors/…`. */
export function openSafetensors(file: Uint8Array): TensorSource {
  return toSource(parseSafetensorsHeader(file, file.byteLength), inMemory(file));
}

/** As `openSafetensors`, for a file that may still be on its way: only its header is awaited. */
export async function streamSafetensors(
  file: ByteSource,
  name = 'The file',
): Promise<TensorSource> {
  const header = await readHeader(file, name);
  try {
    return toSource(parseSafetensorsHeader(header, file.size), file);
  } catch (error) {
    throw explainedBy(error, name, header, file.size);
  }
}

/**
 * A file from its first byte to the end of its header, which takes `most` bytes. Throws `safetensors/…`, or what the
 * file is if it is something else: `files/…`.
 */
export async function readHeader(
  file: ByteSource,
  name: string,
  most?: number,
): Promise<Uint8Array> {
  const start = await file.read(0, Math.min(LENGTH_BYTES, file.size));
  let seen = start;
  try {
    const length = readHeaderLength(start, file.size, most);
    const header = new Uint8Array(LENGTH_BYTES + length);
    header.set(start);
    header.set(await file.read(LENGTH_BYTES, 1), LENGTH_BYTES);
    seen = header.subarray(0, LENGTH_BYTES + 1);
    // What is something else is not read on for a length that it never meant.
    checkBrace(header[LENGTH_BYTES]);
    header.set(await file.read(LENGTH_BYTES + 1, length - 1), LENGTH_BYTES + 1);
    return header;
  } catch (error) {
    throw await explained(error, name, file, seen);
  }
}

/** The tensors of a checked header, read from its file. */
export function toSource({ tensors }: SafetensorsHeader, file: ByteSource): TensorSource {
  const shapes = new Map<string, readonly number[]>();
  const unreadable = new Map<string, string>();
  for (const [name, { dtype, shape }] of tensors) {
    shapes.set(name, shape);
    if (!WEIGHT_TYPES.has(dtype)) unreadable.set(name, dtype);
  }
  /** Halves and doubles on their way to become floats. */
  let others = new Uint8Array(0);
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
      const fits = into !== undefined && into.byteLength * each >= bytes * 4;
      let room: Uint8Array | undefined;
      if (fits && each === 4) room = new Uint8Array(into.buffer, into.byteOffset, into.byteLength);
      else if (fits) room = others = others.length < bytes ? new Uint8Array(bytes) : others;
      const stored = await file.read(begin, bytes, room);
      const values = toFloat32(stored, dtype, fits ? into : undefined);
      if (dtype === 'F64') checkRange(name, stored, values, from);
      return values;
    },
  };
}

/** Throws `safetensors/range` for a double that is a number and no float32. */
function checkRange(name: string, stored: Uint8Array, values: Float32Array, from: number): void {
  const at = values.findIndex(
    (value, i) => !Number.isFinite(value) && Number.isFinite(doubleAt(stored, i)),
  );
  if (at < 0) return;
  throw new EngineError(
    `${name} has the value ${doubleAt(stored, at)} at place ${from + at}, which is beyond float32.`,
    {
      code: 'safetensors/range',
      hint: 'Weights are computed in float32 here. Such a value is damage, or its model needs float64.',
    },
  );
}

function doubleAt(bytes: Uint8Array, index: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset + 8 * index, 8).getFloat64(0, true);
}

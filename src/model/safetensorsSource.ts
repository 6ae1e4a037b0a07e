// A safetensors file in memory as a source of tensors.
import { EngineError } from '../errors.ts';
import type { TensorSource } from './checkpoint.ts';
import { isStoredMask } from './layouts.ts';
import { parseSafetensorsHeader, toFloat32 } from './safetensors.ts';

const WEIGHT_TYPES = new Set(['F32', 'F16', 'BF16']);

/**
 * Opens a safetensors file. Stored masks are left out; any other tensor that is not F32, F16 or
 * BF16 is refused by name. Throws `safetensors/…`.
 */
export function openSafetensors(file: Uint8Array): TensorSource {
  const { tensors } = parseSafetensorsHeader(file, file.byteLength);
  const shapes = new Map<string, readonly number[]>();
  for (const [name, { dtype, shape }] of tensors) {
    if (isStoredMask(name) && shape.length !== 1) continue;
    if (!WEIGHT_TYPES.has(dtype)) {
      throw new EngineError(`${name} is stored as ${dtype}; expected F32, F16 or BF16.`, {
        code: 'safetensors/dtype',
        hint: 'Convert the checkpoint to one of these types and save it again.',
      });
    }
    shapes.set(name, shape);
  }
  return {
    shapes,
    read(name) {
      const entry = tensors.get(name);
      if (!entry) return Promise.reject(new Error(`No tensor ${name}.`));
      return Promise.resolve(toFloat32(file.subarray(entry.begin, entry.end), entry.dtype));
    },
  };
}

// Where the numbers of the processor's tensors lie. Another allocator may stand here: one that gives views of
// a WebAssembly.Memory, for instance, which is why nobody else holds an array for longer than a kernel runs.
import { EngineError } from '../../errors.ts';
import type { Format } from '../device.ts';
import type { NumberArray } from '../kernel.ts';

/** A piece of memory; what lies in it is asked for by `view`. */
export interface Slot {
  readonly sizeBytes: number;
}

export interface CpuMemory {
  /** Room for `length` elements, all zero. Throws a `RangeError` where there is none. */
  take(format: Format, length: number): Slot;
  /** The elements, until something is taken or freed. Throws `engine/disposed` once it was freed. */
  view(slot: Slot): NumberArray;
  free(slot: Slot): void;
}

interface ArraySlot extends Slot {
  array: NumberArray | null;
}

/**
 * Memory of typed arrays, one a slot. u32 stays u32; packed weights are decoded when they come, so f16 and
 * int8 are floats of the `precision` like everything else.
 */
export function createArrays(precision: 'f32' | 'f64'): CpuMemory {
  const Floats = precision === 'f64' ? Float64Array : Float32Array;
  return {
    take(format, length): ArraySlot {
      const array = format === 'u32' ? new Uint32Array(length) : new Floats(length);
      return { sizeBytes: array.byteLength, array };
    },
    view(slot) {
      const { array } = slot as ArraySlot;
      if (array) return array;
      throw new EngineError('What is computed with was given back already.', {
        code: 'engine/disposed',
        hint: 'Load the model again.',
      });
    },
    free(slot) {
      (slot as ArraySlot).array = null;
    },
  };
}

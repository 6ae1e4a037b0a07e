// Where the numbers of the processor's tensors lie: in arrays of their own (`createArrays`), or side by side in one
// WebAssembly.Memory (heap.ts).
import { EngineError } from '../../errors.ts';
import { type Format, elementCount } from '../device.ts';
import type { NumberArray } from '../kernel.ts';

/** A piece of memory; what lies in it is asked for by `view`. */
export interface Slot {
  readonly sizeBytes: number;
}

export interface CpuMemory {
  /**
   * Whether f16 and int8 tensors lie as they were packed, in `Uint16Array` and `Uint32Array`. Otherwise they are
   * decoded when they come, and are floats like everything else.
   */
  readonly packs: boolean;
  /** Room for a tensor, all zero. Throws a `RangeError` where there is none. */
  take(format: Format, shape: readonly number[]): Slot;
  /** The elements. Throws `engine/disposed` once the slot was freed. */
  view(slot: Slot): NumberArray;
  free(slot: Slot): void;
}

interface ArraySlot extends Slot {
  array: NumberArray | null;
}

/** Memory of typed arrays, one a slot. u32 stays u32, everything else becomes floats of the `precision`. */
export function createArrays(precision: 'f32' | 'f64'): CpuMemory {
  const Floats = precision === 'f64' ? Float64Array : Float32Array;
  return {
    packs: false,
    take(format, shape): ArraySlot {
      const length = elementCount(shape);
      const array = format === 'u32' ? new Uint32Array(length) : new Floats(length);
      return { sizeBytes: array.byteLength, array };
    },
    view(slot) {
      return (slot as ArraySlot).array ?? gone();
    },
    free(slot) {
      (slot as ArraySlot).array = null;
    },
  };
}

/** What a view of freed memory comes to. */
export function gone(): never {
  throw new EngineError('What is computed with was given back already.', {
    code: 'engine/disposed',
    hint: 'Load the model again.',
  });
}

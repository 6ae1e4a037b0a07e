// A tensor in GPU memory, as this room sees it: everybody else sees a `Tensor`.
import type { Arena, Tensor } from '../device.ts';

export interface GpuTensor extends Tensor {
  readonly buffer: GPUBuffer;
  /** Where it begins in its buffer: 0, but for views. */
  readonly startBytes: number;
  /** Who answers for it where it got no memory. */
  readonly arena: Arena;
}

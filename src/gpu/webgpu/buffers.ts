// Buffers that may get no memory, and those that results are read back through.
import type { EngineError } from '../../errors.ts';
import { roundUp } from '../device.ts';
import { type Faults, outOfMemory } from './errors.ts';

/** A buffer, and word if there is no memory for it; a device that is lost says so itself. */
export function createBuffer(
  gpu: GPUDevice,
  descriptor: GPUBufferDescriptor,
  onFailure: (error: GPUError) => void,
): GPUBuffer {
  gpu.pushErrorScope('out-of-memory');
  const buffer = gpu.createBuffer(descriptor);
  gpu.popErrorScope().then(
    (error) => error && onFailure(error),
    () => {},
  );
  return buffer;
}

/** Read-back buffers, used again and again. */
export class Readbacks {
  readonly #gpu: GPUDevice;
  readonly #faults: Faults;
  readonly #free: GPUBuffer[] = [];
  readonly #starved = new WeakMap<GPUBuffer, EngineError>();

  constructor(gpu: GPUDevice, faults: Faults) {
    this.#gpu = gpu;
    this.#faults = faults;
  }

  take(sizeBytes: number): GPUBuffer {
    const index = this.#free.findIndex(
      (b) => b.size >= sizeBytes && b.size <= sizeBytes * 4 + 65536,
    );
    if (index >= 0) return this.#free.splice(index, 1)[0];
    const descriptor = {
      label: 'readback',
      size: roundUp(sizeBytes, 4096),
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    };
    const buffer = createBuffer(this.#gpu, descriptor, (error) => {
      this.#faults.noteStarved();
      this.#starved.set(buffer, outOfMemory(error, ' to read results back'));
    });
    return buffer;
  }

  /** Why a buffer is not there, or null. */
  failureOf(buffer: GPUBuffer): EngineError | null {
    return this.#starved.get(buffer) ?? null;
  }

  giveBack(buffer: GPUBuffer): void {
    // A few small ones are worth keeping; a large one would hold memory for nothing.
    if (this.#free.length < 16 && buffer.size <= 4 << 20) this.#free.push(buffer);
    else buffer.destroy();
  }

  dispose(): void {
    for (const buffer of this.#free) buffer.destroy();
  }
}

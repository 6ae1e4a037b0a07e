// Tensors in GPU memory: one owner for all of a lifetime, which alone answers for memory that is not there.
import { EngineError } from '../../errors.ts';
import { type Arena, type Format, bytesOf, elementCount, newTensorId, roundUp } from '../device.ts';
import { checkElements, checkView } from '../steps.ts';
import { createBuffer } from './buffers.ts';
import { type Faults, outOfMemory } from './errors.ts';
import type { Pipelines } from './pipelines.ts';
import type { GpuTensor } from './tensor.ts';

/** Browsers copy what is written on its way to the GPU's process: a matrix at once is one more matrix in memory. */
const WRITE_BYTES = 1 << 20;

export function createGpuArena(
  gpu: GPUDevice,
  faults: Faults,
  pipelines: Pipelines,
  maxBindingBytes: number,
  label: string,
): Arena {
  /** Views too: their buffers are others' as well, and destroyed but once, however often. */
  const owned: GpuTensor[] = [];
  let sizeBytes = 0;
  let freed = false;
  let failure: EngineError | null = null;

  /** What it did get is no use without the rest, and others may need the memory. */
  function fail(error: GPUError, name: string, bytes: number): void {
    if (failure) return;
    const size = bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
    failure = outOfMemory(error, ` for the ${label} (${name}, ${size})`);
    faults.noteStarved();
    release();
  }

  function release(): void {
    pipelines.forget(new Set(owned.map((tensor) => tensor.id)));
    for (const tensor of owned) tensor.buffer.destroy();
    sizeBytes = 0;
  }

  function allocate(name: string, shape: readonly number[], format: Format): GpuTensor {
    faults.checkUsable();
    if (failure) throw failure;
    // Kernels read whole vec4s, so a buffer is never smaller than one.
    const bytes = Math.max(16, roundUp(bytesOf(elementCount(shape), shape, format), 16));
    if (bytes > maxBindingBytes) {
      throw new EngineError(
        `${name} (${shape.join(' × ')}) needs a binding of ${bytes} bytes; this adapter allows ${maxBindingBytes}.`,
        {
          code: 'device/binding-size',
          hint: 'Shorten the text or the batch, or choose a smaller model.',
        },
      );
    }
    const descriptor = {
      label: `${label}/${name}`,
      size: bytes,
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC,
    };
    const buffer = createBuffer(gpu, descriptor, (error) => fail(error, name, bytes));
    const id = newTensorId();
    sizeBytes += bytes;
    return keep({ id, label: name, shape, format, sizeBytes: bytes, buffer, startBytes: 0, arena });
  }

  function keep(tensor: GpuTensor): GpuTensor {
    owned.push(tensor);
    return tensor;
  }

  const arena: Arena = {
    label,
    get sizeBytes() {
      return sizeBytes;
    },
    get failure() {
      return failure;
    },
    zeros: allocate,
    upload(name, shape, format, data) {
      if (data.byteLength !== bytesOf(elementCount(shape), shape, format)) {
        throw new Error(`${name}: ${data.length} values for shape ${shape.join(' × ')}.`);
      }
      const tensor = allocate(name, shape, format);
      this.write(tensor, data);
      return tensor;
    },
    view(of, name, shape, from) {
      if (failure) throw failure;
      checkView(of, name, shape, from);
      const { buffer, startBytes, format, arena: owner } = of as GpuTensor;
      if (owner !== arena) throw new Error(`${name}: ${of.label} is no tensor of the ${label}.`);
      return keep({
        id: newTensorId(),
        label: name,
        shape,
        format,
        sizeBytes: bytesOf(elementCount(shape), shape, format),
        buffer,
        startBytes: startBytes + bytesOf(from, shape, format),
        arena,
        viewOf: of.viewOf ?? of,
      });
    },
    write(tensor, data, offset = 0) {
      const { buffer, startBytes, format, shape, arena: owner } = tensor as GpuTensor;
      if (owner.failure) throw owner.failure;
      if (tensor.viewOf) checkElements('', tensor, offset, data.length);
      const byteOffset = startBytes + bytesOf(offset, shape, format);
      // writeBuffer takes multiples of four bytes; an odd number of halves gets one zero more.
      const source =
        data.byteLength % 4 === 0
          ? data
          : Uint16Array.from({ length: data.length + 1 }, (_, i) => data[i] ?? 0);
      const { buffer: bytes, byteOffset: start, byteLength } = source;
      faults.send(
        () => {
          for (let at = 0; at < byteLength; at += WRITE_BYTES) {
            const count = Math.min(WRITE_BYTES, byteLength - at);
            gpu.queue.writeBuffer(buffer, byteOffset + at, bytes, start + at, count);
          }
        },
        () => owner.failure,
      );
    },
    dispose() {
      if (freed) return;
      freed = true;
      if (!failure) release();
    },
  };
  return arena;
}

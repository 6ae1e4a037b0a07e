// What the rest of the engine knows of a device: tensors, arenas, encoders. Two kinds implement it:
// WebGPU (webGpuDevice.ts) and the processor running the kernels' plain meanings (cpuDevice.ts).
import type { DeviceSummary } from '../api.ts';
import type { Kernel } from './kernel.ts';

/** How elements are stored. `f16` tensors are packed two to a u32 on the GPU. */
export type Format = 'f32' | 'f16' | 'u32';

/** A block of device memory with a shape; created by an arena and valid until it is disposed. */
export interface Tensor {
  readonly id: number;
  readonly label: string;
  readonly shape: readonly number[];
  readonly format: Format;
  readonly sizeBytes: number;
}

/** Values that can be put into a tensor: f32 for `f32`, half bits for `f16`, u32 for `u32`. */
export type TensorData = Float32Array | Uint16Array | Uint32Array;

/** Owner of every tensor of one lifetime: parameters, activations, cache. Freeing is one call. */
export interface Arena {
  readonly label: string;
  /** Bytes held now. */
  readonly sizeBytes: number;
  /** A tensor of zeros. Throws `device/out-of-memory` or `device/binding-size`. */
  zeros(label: string, shape: readonly number[], format: Format): Tensor;
  /** A tensor with these values; `data` must have exactly the shape's number of elements. */
  upload(label: string, shape: readonly number[], format: Format, data: TensorData): Tensor;
  /** Overwrites elements from `offset` on; queued before any later submit. */
  write(tensor: Tensor, data: TensorData, offset?: number): void;
  /** Frees everything. Idempotent. */
  dispose(): void;
}

export type Grid = readonly [x: number, y: number, z: number];

/** Records kernels and read-backs in order; nothing runs before `submit`. */
export interface Encoder {
  /** Records one run of `kernel`. `grid` counts workgroups. */
  dispatch(
    kernel: Kernel,
    tensors: Readonly<Record<string, Tensor>>,
    params: Readonly<Record<string, number>>,
    grid: Grid,
    overrides?: Readonly<Record<string, number>>,
  ): void;
  /** Values of `count` elements from `from`, as they are at this point of the recording. */
  read(tensor: Tensor, from: number, count: number): Promise<Float32Array>;
  /** As `read`, for `u32` tensors. */
  readU32(tensor: Tensor, from: number, count: number): Promise<Uint32Array>;
  submit(): void;
}

export interface Device {
  readonly summary: DeviceSummary;
  /**
   * True where kernels without barriers and workgroup memory are the fast ones: software adapters
   * run lanes of a workgroup one after another, and the processor has no lanes at all.
   */
  readonly prefersPlain: boolean;
  /** Rows of a prompt that go into one submit: few enough that stopping is heard at once. */
  readonly rowsPerPass: number;
  /** Largest tensor that one binding can show to a kernel, in bytes. */
  readonly maxBindingBytes: number;
  /** Resolves with the reason when the device is gone for good. */
  readonly lost: Promise<string>;
  createArena(label: string): Arena;
  createEncoder(): Encoder;
  /** Compiles what `use` records, without running it, so that the first token does not wait. */
  prepare(use: (encoder: Encoder) => void): Promise<void>;
  /** Resolves when everything submitted so far has run. */
  idle(): Promise<void>;
  dispose(): void;
}

let nextTensorId = 1;

/** Ids are never used again, so that a cached bind group can never meet another tensor's id. */
export function newTensorId(): number {
  return nextTensorId++;
}

export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, 1);
}

export function bytesPerElement(format: Format): number {
  return format === 'f16' ? 2 : 4;
}

/** `n` rounded up to a multiple of `step`. */
export function roundUp(n: number, step: number): number {
  return Math.ceil(n / step) * step;
}

// What the rest of the engine knows of a device: tensors, arenas, encoders. Two kinds implement it:
// WebGPU (webgpu/) and the processor running the kernels' plain meanings (cpu/).
import type { DeviceSummary } from '../api.ts';
import type { EngineError } from '../errors.ts';
import { int8RowWords } from './int8.ts';
import type { Kernel } from './kernel.ts';

/**
 * How elements are stored. On the GPU `f16` tensors are packed two to a u32, and `int8` tensors are
 * rows as `int8.ts` packs them.
 */
export type Format = 'f32' | 'f16' | 'int8' | 'u32';

/** A block of device memory with a shape; created by an arena and valid until it is disposed. */
export interface Tensor {
  readonly id: number;
  readonly label: string;
  readonly shape: readonly number[];
  readonly format: Format;
  readonly sizeBytes: number;
  /** Whose memory it lies in, where it is a view: a tensor that is none. */
  readonly viewOf?: Tensor;
}

/** What can be put into a tensor: f32 for `f32`, half bits for `f16`, packed rows for `int8`, u32 for `u32`. */
export type TensorData = Float32Array | Uint16Array | Uint32Array;

/** Owner of every tensor of one lifetime: parameters, activations, cache. Freeing is one call. */
export interface Arena {
  readonly label: string;
  /** Bytes held now. */
  readonly sizeBytes: number;
  /** Why nothing of it can be used: a GPU says only later that it has no memory. Others are as they were. */
  readonly failure: EngineError | null;
  /** A tensor of zeros. Throws `device/out-of-memory` or `device/binding-size`. */
  zeros(label: string, shape: readonly number[], format: Format): Tensor;
  /** A tensor with these values; `data` must have exactly the shape's number of elements (packed rows: all of them). */
  upload(label: string, shape: readonly number[], format: Format, data: TensorData): Tensor;
  /**
   * A tensor that lies in `of`, one of this arena, from its element `from` on; it takes no memory and is freed with it.
   * Both are of one format, f32 or u32. Kernels are shown it like any other, so `from` is a multiple of `VIEW_STEP`, and it
   * has a multiple of four elements; throws else, and where `of` ends before it does. One kernel may not write to one view
   * of a tensor and be shown another.
   */
  view(of: Tensor, label: string, shape: readonly number[], from: number): Tensor;
  /** Overwrites elements from `offset` on (whole rows of `int8`): after every submit so far, before any later one. */
  write(tensor: Tensor, data: TensorData, offset?: number): void;
  /** Frees everything, once what was submitted has run. Idempotent. */
  dispose(): void;
}

/** Which elements are copied, and to where. */
export interface CopyRange {
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

/** Where views may begin, in elements: the 256 bytes that WebGPU asks of an offset. */
export const VIEW_STEP = 64;

export type Grid = readonly [x: number, y: number, z: number];

/** Records kernels, copies and read-backs in order; nothing runs before `submit`. */
export interface Encoder {
  /** Of the device that it records for. */
  readonly traits: Traits;
  /**
   * Records one run of `kernel`. `grid` counts workgroups. Throws where a name is missing or not the kernel's,
   * and where a param is no number of its type.
   */
  dispatch<P extends string, B extends string, O extends string>(
    kernel: Kernel<P, B, O>,
    tensors: Readonly<Record<NoInfer<B>, Tensor>>,
    params: Readonly<Record<NoInfer<P>, number>>,
    grid: Grid,
    overrides: Readonly<Record<NoInfer<O>, number>>,
  ): void;
  /**
   * Records that all of `to` becomes what `from` is at this point; both of one format and size. With `range`,
   * only those elements do, of `f32` and `u32` tensors.
   */
  copy(from: Tensor, to: Tensor, range?: CopyRange): void;
  /** Records that all of `tensor` becomes zero. */
  clear(tensor: Tensor): void;
  /**
   * Names what `record` records, for whoever hears of a fault in it. Names in one another are joined: `attn`
   * within `h.3` is `h.3.attn`. What `record` gives is given.
   */
  within<T>(name: string, record: () => T): T;
  /**
   * Values of `count` elements from `from`, as they are at this point of the recording; whole rows of
   * `int8`, an even `from` of `f16`. Rejects where a step of its submit fails, and says which.
   */
  read(tensor: Tensor, from: number, count: number): Promise<Float32Array>;
  /** As `read`, for `u32` tensors. */
  readU32(tensor: Tensor, from: number, count: number): Promise<Uint32Array>;
  /**
   * Sends what was recorded. Where `signal` aborts before it has run, a device may leave out what is left of it: its reads
   * then reject with the signal's reason, and what it was to write is anything. A GPU runs it all.
   */
  submit(signal?: AbortSignal): void;
}

/** What a device is good at: ops choose their kernels by it, and passes their sizes. */
export interface Traits {
  /**
   * `imitated` where kernels without barriers and workgroup memory are the fast ones: software adapters
   * run lanes of a workgroup one after another, and the processor has no lanes at all.
   */
  readonly lanes: 'imitated' | 'real';
  /** How many lanes can share values without memory; null where shaders may not ask. */
  readonly subgroups: { readonly min: number; readonly max: number } | null;
  /** Whether passes can be timed on the device. */
  readonly timestamps: boolean;
  /** Rows of a prompt that go into one submit: few enough that stopping is heard at once. */
  readonly rowsPerPass: number;
  /** Largest tensor that one binding can show to a kernel, in bytes. */
  readonly maxBindingBytes: number;
}

export interface Device {
  readonly summary: DeviceSummary;
  readonly traits: Traits;
  /** Resolves with the reason when the device is gone for good. */
  readonly lost: Promise<string>;
  createArena(label: string): Arena;
  createEncoder(): Encoder;
  /** Compiles what `use` records, without running it, so that the first token does not wait. */
  prepare(use: (encoder: Encoder) => void): Promise<void>;
  /** Resolves when everything submitted so far has run; rejects where something failed that no read told. */
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

/** Bytes of the first `count` elements of a tensor; whole rows of `int8`. */
export function bytesOf(count: number, shape: readonly number[], format: Format): number {
  if (format !== 'int8') return count * (format === 'f16' ? 2 : 4);
  const columns = shape[shape.length - 1];
  return (count / columns) * int8RowWords(columns) * 4;
}

/** `n` rounded up to a multiple of `step`. */
export function roundUp(n: number, step: number): number {
  return Math.ceil(n / step) * step;
}

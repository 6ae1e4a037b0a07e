// The processor as a device: an encoder that records the kernels' meanings and runs them in order.
import type { DeviceSummary } from '../../api.ts';
import { EngineError } from '../../errors.ts';
import {
  type Arena,
  type Device,
  type Encoder,
  type Tensor,
  type TensorData,
  type Traits,
  bytesOf,
  elementCount,
  newTensorId,
} from '../device.ts';
import {
  type Kernel,
  type NumberArray,
  type TwinTools,
  checkCall,
  said,
  toSizes,
} from '../kernel.ts';
import { unpack } from '../packed.ts';
import { checkCopy, checkElements, checkView, createNames } from '../steps.ts';
import { type CpuMemory, type Slot, createArrays } from './memory.ts';
import { JobQueue, NotYet } from './queue.ts';

interface CpuTensor extends Tensor {
  readonly slot: Slot;
  /** Its first element in the slot: 0, but for views. */
  readonly start: number;
}

/** Kernels whose plain meaning is too slow to stream with may bring a faster twin. */
export type CpuTwins = ReadonlyMap<Kernel, Kernel['meaning']>;

/** What a processor computes with, where it is not the plain meanings in arrays of their own. */
export interface CpuParts {
  readonly twins?: CpuTwins;
  /** Only twins read weights that lie packed. */
  readonly memory?: CpuMemory;
  /** What the twins that kernels bring themselves compute with; the tensors then lie in its memory. */
  readonly tools?: TwinTools;
  /** Rows of a prompt that are worth a pass. */
  readonly rowsPerPass?: number;
  /** The largest that can be had, where anything limits it. */
  readonly limits?: DeviceSummary['limits'];
  /** Whether WebGPU was waited for in vain. */
  readonly standsIn?: boolean;
  /** What computes, in words; asked for when somebody reads the summary. */
  readonly describe?: () => string;
  /** Resolves when what the parts have started is there. */
  readonly ready?: () => Promise<void>;
  /** Ends what the parts have started. */
  readonly dispose?: () => void;
}

/**
 * A device made of plain loops. `precision` chooses the arrays: `f64` is the oracle that shaders
 * are tested against, `f32` is what the page uses where there is no WebGPU.
 */
export function createCpuDevice(precision: 'f32' | 'f64' = 'f32', parts: CpuParts = {}): Device {
  const {
    twins = new Map() as CpuTwins,
    memory = createArrays(precision),
    rowsPerPass = 16,
    tools,
  } = parts;
  /** Made of those that kernels bring. */
  const ownTwins = new Map<Kernel, Kernel['meaning']>();
  const describe = parts.describe ?? ((): string => `Plain TypeScript kernels, ${precision}`);
  const summary: DeviceSummary = {
    kind: 'cpu',
    isSoftware: true,
    label: "This computer's processor",
    vendor: '',
    architecture: '',
    description: '',
    features: [],
    limits: parts.limits ?? {},
    ...(!memory.packs && { unpacks: true }),
    ...(parts.standsIn === true && { standsIn: true }),
  };
  const traits: Traits = {
    lanes: 'imitated',
    subgroups: null,
    timestamps: false,
    rowsPerPass,
    maxBindingBytes: Number.MAX_SAFE_INTEGER,
  };
  const queue = new JobQueue();
  /** What failed in a submit without a read that could tell. */
  let untold: EngineError | null = null;
  let disposed = false;

  function checkUsable(): void {
    if (disposed) throw disposedError();
  }

  function viewOf(tensor: Tensor): NumberArray {
    const { slot, start, viewOf: whole, shape } = tensor as CpuTensor;
    const array = memory.view(slot);
    return whole ? array.subarray(start, start + elementCount(shape)) : array;
  }

  /** What computes a kernel here. */
  function meaningOf(kernel: Kernel): Kernel['meaning'] {
    const found = twins.get(kernel) ?? ownTwins.get(kernel);
    if (found) return found;
    if (!tools || !kernel.twin) return kernel.meaning;
    const twin = kernel.twin(tools);
    ownTwins.set(kernel, twin);
    return twin;
  }

  /** Runs `step` behind what was submitted, or now where nothing was. */
  function inOrder(what: string, step: () => void): void {
    if (queue.busy) queue.push({ steps: [guarded('', what, step)], done: tell });
    else step();
  }

  function tell(fault: EngineError | null): void {
    if (fault) untold ??= fault;
  }

  function createArena(label: string): Arena {
    let sizeBytes = 0;
    let owned: Slot[] = [];
    return {
      label,
      get sizeBytes() {
        return sizeBytes;
      },
      failure: null,
      zeros(name, shape, format): CpuTensor {
        try {
          const slot = memory.take(format, shape);
          owned.push(slot);
          sizeBytes += slot.sizeBytes;
          return {
            id: newTensorId(),
            label: name,
            shape,
            format,
            sizeBytes: slot.sizeBytes,
            slot,
            start: 0,
          };
        } catch (cause) {
          const bytes = bytesOf(elementCount(shape), shape, format);
          const why =
            cause instanceof Error && /GiB/u.test(cause.message) ? ` ${cause.message}` : '';
          throw new EngineError(
            `${name} needs ${bytes} bytes, more than this page can get.${why}`,
            { ...NO_MEMORY, cause },
          );
        }
      },
      upload(name, shape, format, data) {
        if (data.byteLength !== bytesOf(elementCount(shape), shape, format)) {
          throw new Error(`${name}: ${data.length} values for shape ${shape.join(' × ')}.`);
        }
        const tensor = this.zeros(name, shape, format);
        // Nothing that was submitted knows it yet.
        put(tensor, data, 0);
        return tensor;
      },
      view(of, name, shape, from): CpuTensor {
        checkView(of, name, shape, from);
        const { slot, start, format } = of as CpuTensor;
        if (!owned.includes(slot)) {
          throw new Error(`${name}: ${of.label} is no tensor of the ${label}.`);
        }
        return {
          id: newTensorId(),
          label: name,
          shape,
          format,
          sizeBytes: (slot.sizeBytes / memory.view(slot).length) * elementCount(shape),
          slot,
          start: start + from,
          viewOf: of.viewOf ?? of,
        };
      },
      write(tensor, data, offset = 0) {
        if (tensor.viewOf) checkElements('', tensor, offset, data.length);
        // Who writes may use the data for something else before it is its turn.
        const kept = queue.busy ? data.slice() : data;
        inOrder(`writing ${tensor.label}`, () => put(tensor, kept, offset));
      },
      dispose() {
        const slots = owned;
        owned = [];
        sizeBytes = 0;
        inOrder('freeing memory', () => slots.forEach((slot) => memory.free(slot)));
      },
    };
  }

  function put(tensor: Tensor, data: TensorData, offset: number): void {
    const { format, shape } = tensor;
    const array = viewOf(tensor);
    // Where nothing lies packed, weights are decoded once, here; the loops then read plain floats.
    if (memory.packs) array.set(data, elementsBefore(tensor, offset));
    else unpack(data, shape[shape.length - 1], format, array, offset);
  }

  /** Elements of the tensor's array that lie before its value `at`. */
  function elementsBefore({ format, shape }: Tensor, at: number): number {
    return memory.packs && format === 'int8' ? bytesOf(at, shape, format) / 4 : at;
  }

  /** Values of a tensor, unpacked. */
  function valuesOf(tensor: Tensor, from: number, count: number): NumberArray {
    const { format, shape } = tensor;
    const [start, end] = [elementsBefore(tensor, from), elementsBefore(tensor, from + count)];
    const found = viewOf(tensor).subarray(start, end);
    if (!memory.packs || format === 'f32' || format === 'u32') return found;
    const values = new Float32Array(count);
    unpack(found, shape[shape.length - 1], format, values, 0);
    return values;
  }

  interface Reading {
    readonly resolve: () => void;
    readonly reject: (reason: unknown) => void;
  }

  function createEncoder(): Encoder {
    const { now, within } = createNames();
    let steps: (() => void)[] = [];
    let readings: Reading[] = [];

    function record(what: string, step: () => void): void {
      const run = guarded(now(), what, step);
      steps.push(() => {
        checkUsable();
        run();
      });
    }

    function recordRead<T extends Float32Array | Uint32Array>(
      tensor: Tensor,
      from: number,
      count: number,
      copy: (values: NumberArray) => T,
    ): Promise<T> {
      return new Promise((resolve, reject) => {
        if (tensor.viewOf) checkElements(now(), tensor, from, count);
        let values: T;
        record(`reading ${tensor.label}`, () => {
          values = copy(valuesOf(tensor, from, count));
        });
        readings.push({ resolve: () => resolve(values), reject });
      });
    }

    return {
      traits,
      dispatch(kernel, tensors, params, _grid, overrides) {
        checkUsable();
        const call = { tensors, params, overrides };
        checkCall(kernel, call, now());
        const sizes = toSizes(kernel, call);
        const run = meaningOf(kernel);
        const names = Object.keys(kernel.bindings) as (keyof typeof tensors)[];
        record(kernel.name, () => {
          const arrays: Record<string, NumberArray> = {};
          for (const name of names) arrays[name] = viewOf(tensors[name]);
          run(arrays, sizes);
        });
      },
      copy(from, to, range) {
        checkCopy(now(), from, to, range);
        record(`copying ${from.label}`, () => {
          const array = viewOf(from);
          const taken = range ? array.subarray(range.from, range.from + range.count) : array;
          viewOf(to).set(taken, range?.to);
        });
      },
      clear(tensor) {
        record(`clearing ${tensor.label}`, () => viewOf(tensor).fill(0));
      },
      within,
      read: (tensor, from, count) =>
        recordRead(tensor, from, count, (values) => new Float32Array(values)),
      readU32: (tensor, from, count) =>
        recordRead(tensor, from, count, (values) => new Uint32Array(values)),
      submit(signal) {
        checkUsable();
        const waiting = readings;
        const done = (fault: EngineError | null, reason: unknown = fault): void => {
          if (reason === null) for (const { resolve } of waiting) resolve();
          // Whoever gave it up knows.
          else if (waiting.length === 0) tell(fault);
          else for (const { reject } of waiting) reject(reason);
        };
        queue.push({ steps, signal, done });
        steps = [];
        readings = [];
      },
    };
  }

  return {
    get summary() {
      return { ...summary, description: describe() };
    },
    traits,
    lost: new Promise(() => {}),
    createArena,
    createEncoder,
    prepare: () => parts.ready?.() ?? Promise.resolve(),
    idle: () =>
      new Promise((resolve, reject) => {
        checkUsable();
        // A step of nothing: a breath is taken before it where one is due.
        const done = (): void => {
          const fault = untold;
          untold = null;
          if (fault) reject(fault);
          else resolve();
        };
        queue.push({ steps: [() => {}], done });
      }),
    dispose() {
      disposed = true;
      parts.dispose?.();
    },
  };
}

/** The same step; what it throws says what it was to do, and where. */
function guarded(at: string, what: string, step: () => void): () => void {
  return () => {
    try {
      step();
    } catch (cause) {
      if (cause instanceof NotYet) throw cause;
      const message = cause instanceof Error ? cause.message : String(cause);
      const known =
        cause instanceof EngineError ? cause : isAllocation(cause) ? NO_MEMORY : REFUSED;
      const { code, hint } = known;
      throw new EngineError(`${said(at)}${what} failed: ${message}`, { code, hint, cause });
    }
  };
}

const NO_MEMORY = {
  code: 'device/out-of-memory',
  hint: 'Close other tabs or choose a smaller model.',
};
const REFUSED = { code: 'device/refused', hint: 'Load the model again.' };

/** Engines say it in words only: a `RangeError` is also what an index out of bounds is. */
function isAllocation(cause: unknown): boolean {
  return cause instanceof RangeError && /alloc|memory|array length/iu.test(cause.message);
}

function disposedError(): EngineError {
  return new EngineError('This device was disposed.', {
    code: 'engine/disposed',
    hint: 'Load the model again.',
  });
}

// The processor as a device: an encoder that runs the kernels' meanings at once, in order.
import type { DeviceSummary } from '../api.ts';
import { EngineError } from '../errors.ts';
import {
  type Arena,
  type Device,
  type Encoder,
  type Format,
  type Tensor,
  bytesOf,
  checkCopy,
  createNames,
  elementCount,
  newTensorId,
  said,
} from './device.ts';
import { halfToFloat } from './half.ts';
import { fromInt8Rows } from './int8.ts';
import type { FloatArray, Kernel } from './kernel.ts';

interface CpuTensor extends Tensor {
  array: FloatArray;
}

/** Kernels whose plain meaning is too slow to stream with may bring a faster twin. */
export type CpuTwins = ReadonlyMap<Kernel, Kernel['meaning']>;

/**
 * A device made of plain loops. `precision` chooses the arrays: `f64` is the oracle that shaders
 * are tested against, `f32` is what the page uses where there is no WebGPU. Ids are kept in float
 * arrays too: every u32 below 2²⁴ is exact there, and so is every id.
 */
export function createCpuDevice(
  precision: 'f32' | 'f64' = 'f32',
  twins: CpuTwins = new Map(),
): Device {
  const createArray = (length: number): FloatArray =>
    precision === 'f64' ? new Float64Array(length) : new Float32Array(length);
  const summary: DeviceSummary = {
    kind: 'cpu',
    isSoftware: true,
    label: "This computer's processor",
    vendor: '',
    architecture: '',
    description: `Plain TypeScript kernels, ${precision}`,
    features: [],
    limits: {},
  };
  let disposed = false;

  function createArena(label: string): Arena {
    let sizeBytes = 0;
    const owned: CpuTensor[] = [];
    const allocate = (
      name: string,
      shape: readonly number[],
      format: Format,
      array: FloatArray,
    ): CpuTensor => {
      const tensor = {
        id: newTensorId(),
        label: name,
        shape,
        format,
        sizeBytes: array.byteLength,
        array,
      };
      sizeBytes += array.byteLength;
      owned.push(tensor);
      return tensor;
    };
    return {
      label,
      get sizeBytes() {
        return sizeBytes;
      },
      failure: null,
      zeros(name, shape, format) {
        try {
          return allocate(name, shape, format, createArray(elementCount(shape)));
        } catch (cause) {
          throw new EngineError(
            `${name} needs ${bytesOf(elementCount(shape), shape, format)} bytes, more than this page can get.`,
            {
              code: 'device/out-of-memory',
              hint: 'Close other tabs or choose a smaller model.',
              cause,
            },
          );
        }
      },
      upload(name, shape, format, data) {
        const tensor = this.zeros(name, shape, format);
        this.write(tensor, data);
        return tensor;
      },
      write(tensor, data, offset = 0) {
        const { array, format, shape } = tensor as CpuTensor;
        // Packed weights are decoded once, here; the loops then read plain floats.
        if (format === 'f16') {
          for (let i = 0; i < data.length; i++) array[offset + i] = halfToFloat(data[i]);
        } else if (format === 'int8') {
          fromInt8Rows(data as Uint32Array, shape[shape.length - 1], array, offset);
        } else array.set(data, offset);
      },
      dispose() {
        // Whoever still holds a tensor holds no memory with it.
        for (const tensor of owned) tensor.array = new Float32Array(0);
        sizeBytes = 0;
      },
    };
  }

  function createEncoder(): Encoder {
    const { now, within } = createNames();
    return {
      within,
      copy(from, to, range) {
        if (disposed) throw disposedError();
        checkCopy(now(), from, to, range);
        const { array } = from as CpuTensor;
        const taken = range ? array.subarray(range.from, range.from + range.count) : array;
        (to as CpuTensor).array.set(taken, range?.to);
      },
      clear(tensor) {
        if (disposed) throw disposedError();
        (tensor as CpuTensor).array.fill(0);
      },
      dispatch(kernel, tensors, params, _grid, overrides = {}) {
        if (disposed) throw disposedError();
        const arrays: Record<string, FloatArray> = {};
        for (const name of Object.keys(kernel.bindings)) {
          arrays[name] = (tensors[name] as CpuTensor).array;
        }
        const run = twins.get(kernel) ?? kernel.meaning;
        try {
          run(arrays, { ...params, ...overrides });
        } catch (cause) {
          throw faultIn(now(), kernel, cause);
        }
      },
      read(tensor, from, count) {
        const values = Float32Array.from((tensor as CpuTensor).array.subarray(from, from + count));
        return breathe().then(() => values);
      },
      readU32(tensor, from, count) {
        const values = Uint32Array.from((tensor as CpuTensor).array.subarray(from, from + count));
        return breathe().then(() => values);
      },
      submit() {},
    };
  }

  return {
    summary,
    prefersPlain: true,
    rowsPerPass: 16,
    maxBindingBytes: Number.MAX_SAFE_INTEGER,
    lost: new Promise(() => {}),
    createArena,
    createEncoder,
    prepare: () => Promise.resolve(),
    idle: breathe,
    dispose() {
      disposed = true;
    },
  };
}

const BREATH_EVERY_MS = 40;
let lastBreath = 0;

/**
 * Lets messages in now and then: the work above never leaves the thread, so without this a worker
 * would not hear "stop" before the last token. A timer, because a message to oneself can overtake
 * the page's messages for ever; not every time, because nested timers wait for 4 ms.
 */
function breathe(): Promise<void> {
  if (performance.now() - lastBreath < BREATH_EVERY_MS) return Promise.resolve();
  return new Promise((resolve) => {
    setTimeout(() => {
      lastBreath = performance.now();
      resolve();
    });
  });
}

/** What went wrong in a kernel, and where it stood. */
function faultIn(at: string, { name }: Kernel, cause: unknown): EngineError {
  return new EngineError(
    `${said(at)}${name} failed: ${cause instanceof Error ? cause.message : String(cause)}`,
    {
      code: cause instanceof RangeError ? 'device/out-of-memory' : 'device/refused',
      hint: 'Load the model again, or choose a smaller one.',
      cause,
    },
  );
}

function disposedError(): EngineError {
  return new EngineError('This device was disposed.', {
    code: 'engine/disposed',
    hint: 'Load the model again.',
  });
}

// The project's benchmark of training, in the browser: steps, what of them is not computing, each kernel, pauses.
import type { DeviceRequest } from '../../src/api.ts';
import { openDevice } from '../../src/engine/load/openDevice.ts';
import type { ProcessorOptions } from '../../src/engine/load/processor.ts';
import { Wasm } from '../../src/gpu/cpu/wasm.ts';
import type { Device, Encoder } from '../../src/gpu/device.ts';
import type { Kernel, TwinTools } from '../../src/gpu/kernel.ts';
import type { WebGpuDevice } from '../../src/gpu/webgpu/device.ts';
import { CPU_TWINS } from '../../src/kernels/cpuTwins.ts';
import { wasmTwins } from '../../src/kernels/wasm/twins.ts';
import type { Trainer } from '../../src/model/training/trainer.ts';
import {
  LEARNING_RATE,
  type Recorded,
  TRAINING_SHAPES,
  type TrainingShapeName,
  createTrainer,
  noting,
  trainingBatch,
} from './trainingRig.ts';

export interface TrainingBenchOptions {
  readonly device: Exclude<DeviceRequest, 'auto'>;
  readonly processor?: ProcessorOptions;
  readonly shape: TrainingShapeName;
  /** Steps timed one by one. */
  readonly steps: number;
  /** Share of everything that dropout takes away. */
  readonly dropout?: number;
  /** Leaves the table of kernels out. */
  readonly quick?: boolean;
}

export interface TrainingKernelTime {
  readonly kernel: string;
  /** Calls in a step. */
  readonly calls: number;
  /** Of all these calls. */
  readonly ms: number;
  /** Of the longest, on the processor: its thread hears nothing meanwhile. */
  readonly longestMs?: number;
}

export interface TrainingBenchResult {
  readonly shape: TrainingShapeName;
  readonly device: string;
  readonly adapter: string;
  /** Median, and the least. */
  readonly stepMs: number;
  readonly stepBestMs: number;
  /** Median of the way forward and the loss of the same windows. */
  readonly forwardMs: number;
  readonly tokensPerSecond: number;
  /** Share of a step in which no kernel runs; on WebGPU, what the fastest step takes beyond its dispatches alone. */
  readonly overhead: number;
  /** Dispatches of a step, those of its first block, and submits. */
  readonly dispatches: number;
  readonly dispatchesOfBlock: number;
  readonly submits: number;
  /** What the trainer says that it takes on the device. */
  readonly sizeBytes: number;
  /** The slowest first. */
  readonly kernels: readonly TrainingKernelTime[];
}

/** Stay between calls, so that somebody outside can look at the process's memory meanwhile. */
let standing: { device: Device; trainer: Trainer | null } | null = null;

/** Opens a device, whose own memory is no trainer's. */
export async function holdDevice(options: TrainingBenchOptions): Promise<void> {
  const device = await openDevice(options.device, options);
  await device.prepare(() => {});
  standing = { device, trainer: null };
}

/** Makes a trainer on that device and takes two steps with it. */
export async function holdTrainer(options: TrainingBenchOptions): Promise<void> {
  if (standing === null) throw new Error('No device was opened to train on.');
  const shape = TRAINING_SHAPES[options.shape];
  const trainer = await createTrainer(standing.device, shape, options.dropout);
  standing = { ...standing, trainer };
  for (let i = 0; i < 2; i++) await trainer.step([trainingBatch(shape, i)], LEARNING_RATE);
}

export function letGo(): void {
  standing?.trainer?.dispose();
  standing?.device.dispose();
  standing = null;
}

/** Steps of a shape on a device, and where their time goes. */
export async function benchTraining(options: TrainingBenchOptions): Promise<TrainingBenchResult> {
  const shape = TRAINING_SHAPES[options.shape];
  const opened = await openDevice(options.device, options);
  const clock = new KernelClock();
  const { device, recorded } = noting(opened);
  const heard = options.device === 'cpu' ? clock.around(device) : device;
  const trainer = await createTrainer(heard, shape, options.dropout);
  try {
    const step = (i: number): Promise<unknown> =>
      trainer.step([trainingBatch(shape, i)], LEARNING_RATE);
    await step(0);
    recorded.dispatches.length = 0;
    recorded.submits = 0;
    await step(1);
    const { submits } = recorded;
    const dispatches = [...recorded.dispatches];
    clock.reset();
    const times = await timesOf(options.steps, (i) => step(2 + i));
    const { kernels, overhead } =
      options.device === 'cpu'
        ? clock.shares(times)
        : await replayed(opened as WebGpuDevice, dispatches, times, options.quick);
    const forward = await timesOf(options.steps, (i) => trainer.evaluate(trainingBatch(shape, i)));
    const stepMs = median(times);
    const { kind, label, description } = opened.summary;
    return {
      shape: options.shape,
      device: kind,
      adapter: kind === 'cpu' ? description : label,
      stepMs,
      stepBestMs: Math.min(...times),
      forwardMs: median(forward),
      tokensPerSecond: (1000 * shape.batch * shape.tokens) / stepMs,
      overhead,
      dispatches: dispatches.length,
      dispatchesOfBlock: dispatches.filter(({ at }) => /^h\.0\b/.test(at)).length,
      submits,
      sizeBytes: trainer.sizeBytes,
      kernels: options.quick ? [] : kernels.toSorted((a, b) => b.ms - a.ms),
    };
  } finally {
    trainer.dispose();
    opened.dispose();
  }
}

/** Milliseconds of each of `count` runs, one after the other. */
async function timesOf(count: number, run: (i: number) => Promise<unknown>): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    const start = performance.now();
    await run(i);
    times.push(performance.now() - start);
  }
  return times;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}

/** Where the time of steps that took `times` milliseconds went. */
type Shares = Pick<TrainingBenchResult, 'kernels' | 'overhead'>;

/** A step's dispatches once more, all in as few submits as fit; then each kernel's over and over. */
async function replayed(
  device: WebGpuDevice,
  dispatches: Recorded['dispatches'],
  times: readonly number[],
  quick = false,
): Promise<Shares> {
  const again = device.record((enc) => dispatches.forEach(({ call }) => enc.dispatch(...call)));
  let alone = Infinity;
  for (let i = 0; i < times.length; i++) {
    alone = Math.min(alone, 1000 * (await device.replay(again, 1)));
  }
  const kernels: TrainingKernelTime[] = [];
  for (const [kernel, calls] of quick ? [] : Map.groupBy(again, (one) => one.kernel.name)) {
    const once = await device.replay(calls, 1);
    const repeats = Math.max(2, Math.min(100, Math.ceil(0.2 / once)));
    const ms = (1000 * (await device.replay(calls, repeats))) / repeats;
    kernels.push({ kernel, calls: calls.length, ms });
  }
  return { kernels, overhead: 1 - alone / Math.min(...times) };
}

/** Times what kernels compute on the processor, whatever else a step does. */
class KernelClock {
  readonly #timed = new Map<Kernel, Kernel>();
  readonly #times = new Map<string, { calls: number; ms: number; longestMs: number }>();

  reset(): void {
    this.#times.clear();
  }

  /** Of one of the steps that took `times` and were all that ran since `reset`. */
  shares(times: readonly number[]): Shares {
    const kernels = [...this.#times].map(([kernel, { calls, ms, longestMs }]) => ({
      kernel,
      calls: calls / times.length,
      ms: ms / times.length,
      longestMs,
    }));
    const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
    const alone = sum(kernels.map(({ ms }) => ms));
    return { kernels, overhead: 1 - (alone * times.length) / sum(times) };
  }

  /** The device, with every kernel timed that is recorded for it. */
  around(device: Device): Device {
    const createEncoder = (): Encoder => {
      const encoder = device.createEncoder();
      return {
        ...encoder,
        dispatch: (kernel, ...rest) => encoder.dispatch(this.#of(kernel), ...rest),
      };
    };
    return Object.create(device, { createEncoder: { value: createEncoder } }) as Device;
  }

  /** The kernel, whose meaning and twin are those that the device would take, with a clock around them. */
  #of<K extends Kernel>(kernel: K): K {
    const found = this.#timed.get(kernel);
    if (found) return found as K;
    const timed = {
      ...kernel,
      meaning: this.#around(kernel.name, CPU_TWINS.get(kernel) ?? kernel.meaning),
      twin: (tools: TwinTools) => {
        const own = tools instanceof Wasm ? wasmTwins(tools).get(kernel) : undefined;
        return this.#around(kernel.name, own ?? kernel.twin?.(tools) ?? kernel.meaning);
      },
    };
    this.#timed.set(kernel, timed);
    return timed;
  }

  #around(name: string, run: Kernel['meaning']): Kernel['meaning'] {
    return (arrays, sizes) => {
      const start = performance.now();
      run(arrays, sizes);
      const took = performance.now() - start;
      const { calls, ms, longestMs } = this.#times.get(name) ?? { calls: 0, ms: 0, longestMs: 0 };
      this.#times.set(name, {
        calls: calls + 1,
        ms: ms + took,
        longestMs: Math.max(longestMs, took),
      });
    };
  }
}

/** The longest time, in milliseconds, in which a worker that trains hears nothing, over some steps. */
export function longestPause(options: TrainingBenchOptions): Promise<number> {
  const worker = new Worker(new URL('trainingWorker.ts', import.meta.url), { type: 'module' });
  return new Promise<number>((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<number | string>): void => {
      if (typeof data === 'number') resolve(data);
      else reject(new Error(data));
    };
    worker.onerror = ({ message }): void => reject(new Error(message));
    worker.postMessage(options);
  }).finally(() => worker.terminate());
}

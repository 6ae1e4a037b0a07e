// A GPUDevice as the engine's device: explicit bind group layouts, one pass and one uniform upload
// a submit, pooled read-back buffers, bind groups made once per set of tensors.
import type { DeviceSummary } from '../../api.ts';
import type { Device, Encoder, Traits } from '../device.ts';
import { createGpuArena } from './arena.ts';
import { Readbacks } from './buffers.ts';
import { createGpuEncoder } from './encoder.ts';
import { Faults } from './errors.ts';
import { Pipelines, UNIFORM_SLOT_BYTES } from './pipelines.ts';
import { type Dispatch, type Step, Submitter, UNIFORM_SLOTS } from './submit.ts';

export interface WebGpuDevice extends Device {
  readonly gpu: GPUDevice;
  /** What `use` records, kept instead of submitted: the list can be timed with `replay`. For benchmarks. */
  record(use: (encoder: Encoder) => void): Dispatch[];
  /** Runs recorded dispatches `times` over, in as few submits as fit, and resolves with the seconds it took. */
  replay(dispatches: readonly Dispatch[], times: number): Promise<number>;
}

export interface WebGpuOptions {
  /** Traits that are other than the adapter's: tests try kernels of other devices with it. */
  readonly traits?: Partial<Traits>;
  /** Disposing the device also destroys the `GPUDevice`. */
  readonly ownsGpu?: boolean;
}

/** Wraps a `GPUDevice`, from a page, a worker or Dawn in Node. */
export function createWebGpuDevice(
  gpu: GPUDevice,
  summary: DeviceSummary,
  options: WebGpuOptions = {},
): WebGpuDevice {
  const traits = { ...traitsOf(gpu, summary), ...options.traits };
  const uniforms = gpu.createBuffer({
    label: 'uniforms',
    size: UNIFORM_SLOT_BYTES * UNIFORM_SLOTS,
    usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
  });
  const faults = new Faults(gpu);
  const pipelines = new Pipelines(gpu, uniforms);
  const readbacks = new Readbacks(gpu, faults);
  const submitter = new Submitter(gpu, faults, pipelines, readbacks, uniforms);
  let disposed = false;

  const encoderFor = (submit: (steps: readonly Step[]) => void): Encoder =>
    createGpuEncoder({
      traits,
      mostWorkgroups: gpu.limits.maxComputeWorkgroupsPerDimension,
      pipelineOf: (kernel, overrides, at) =>
        pipelines.find(kernel, overrides) ??
        faults.send(
          () => pipelines.create(kernel, overrides),
          () => null,
          () => Promise.resolve({ at, what: kernel.name }),
        ),
      submit,
    });

  return {
    gpu,
    summary,
    traits,
    lost: faults.lost,
    createArena: (label) => createGpuArena(gpu, faults, pipelines, traits.maxBindingBytes, label),
    createEncoder: () => encoderFor((steps) => submitter.submit(steps)),
    async prepare(use) {
      faults.checkUsable();
      const compiling: Promise<void>[] = [];
      use({
        traits,
        dispatch: (kernel, _tensors, _params, _grid, overrides) =>
          void compiling.push(pipelines.compile(kernel, overrides)),
        copy() {},
        clear() {},
        within: (_name, record) => record(),
        read: () => Promise.resolve(new Float32Array(0)),
        readU32: () => Promise.resolve(new Uint32Array(0)),
        submit() {},
      });
      try {
        await Promise.all(compiling);
      } catch (cause) {
        throw faults.uncompiled(cause);
      }
    },
    record(use) {
      const recorded: Dispatch[] = [];
      const encoder = encoderFor((steps) =>
        recorded.push(...steps.filter((step) => step.kind === 'dispatch')),
      );
      use(encoder);
      encoder.submit();
      return recorded;
    },
    async replay(dispatches, times) {
      const all = Array.from({ length: times }, () => dispatches).flat();
      await gpu.queue.onSubmittedWorkDone();
      const start = performance.now();
      submitter.submit(all);
      await gpu.queue.onSubmittedWorkDone();
      return (performance.now() - start) / 1000;
    },
    async idle() {
      await gpu.queue.onSubmittedWorkDone();
      faults.checkUsable();
    },
    dispose() {
      if (disposed) return;
      disposed = true;
      readbacks.dispose();
      uniforms.destroy();
      faults.dispose();
      if (options.ownsGpu) gpu.destroy();
    },
  };
}

/** What features, limits and name of an adapter say about it. */
function traitsOf(gpu: GPUDevice, summary: DeviceSummary): Traits {
  const { limits, features, adapterInfo } = gpu;
  return {
    lanes: summary.isSoftware ? 'imitated' : 'real',
    subgroups: features.has('subgroups')
      ? { min: adapterInfo.subgroupMinSize, max: adapterInfo.subgroupMaxSize }
      : null,
    timestamps: features.has('timestamp-query'),
    rowsPerPass: summary.isSoftware ? 64 : 256,
    maxBindingBytes: Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize),
  };
}

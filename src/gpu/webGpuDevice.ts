// A GPUDevice as the engine's device: explicit bind group layouts, one pass and one uniform upload
// a submit, pooled read-back buffers, bind groups made once per set of tensors.
import type { DeviceSummary } from '../api.ts';
import { EngineError } from '../errors.ts';
import {
  type Arena,
  type Device,
  type Encoder,
  type Format,
  type Tensor,
  bytesOf,
  type CopyRange,
  checkCopy,
  createNames,
  elementCount,
  newTensorId,
  roundUp,
  said,
} from './device.ts';
import { halfToFloat } from './half.ts';
import { fromInt8Rows } from './int8.ts';
import type { Kernel } from './kernel.ts';

interface GpuTensor extends Tensor {
  readonly buffer: GPUBuffer;
  readonly arena: Arena;
}

/** One recorded dispatch, ready to be encoded; the benchmark replays these. */
export interface RecordedDispatch {
  /** The names it was recorded within. */
  readonly at: string;
  readonly kernel: Kernel;
  readonly pipeline: GPUComputePipeline;
  /** Made when it is submitted: of buffers that are known not to be there, nothing is made. */
  bindGroup?: GPUBindGroup;
  readonly uniform: Uint32Array;
  readonly grid: readonly [number, number, number];
  readonly tensors: Readonly<Record<string, Tensor>>;
}

export interface WebGpuDevice extends Device {
  readonly gpu: GPUDevice;
  /**
   * Runs `use` with an encoder that keeps its dispatches instead of submitting them: the list can
   * be timed with `replay`. For benchmarks.
   */
  record(use: (encoder: Encoder) => void): RecordedDispatch[];
  /** Runs recorded dispatches `times` over, in as few submits as fit, and resolves with the seconds it took. */
  replay(dispatches: readonly RecordedDispatch[], times: number): Promise<number>;
}

/** Browsers copy what is written on its way to the GPU's process: a matrix at once is one more matrix in memory. */
const WRITE_BYTES = 1 << 20;
const STORAGE_TYPES = { read: 'read-only-storage', write: 'storage' } as const;
const UNIFORM_SLOT_BYTES = 256;
const UNIFORM_SLOTS = 1024;

/**
 * Wraps a `GPUDevice`, from a page, a worker or Dawn in Node. `maxBindingBytes` can be set lower
 * than the device's limit, which tests use to exercise weights split over several bindings. With
 * `ownsGpu` disposing also destroys the `GPUDevice`.
 */
export function createWebGpuDevice(
  gpu: GPUDevice,
  summary: DeviceSummary,
  options: { maxBindingBytes?: number; prefersPlain?: boolean; ownsGpu?: boolean } = {},
): WebGpuDevice {
  const maxBindingBytes = Math.min(
    options.maxBindingBytes ?? Infinity,
    gpu.limits.maxStorageBufferBindingSize,
    gpu.limits.maxBufferSize,
  );
  const uniforms = gpu.createBuffer({
    label: 'uniforms',
    size: UNIFORM_SLOT_BYTES * UNIFORM_SLOTS,
    usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
  });
  const uniformStaging = new Uint32Array((UNIFORM_SLOT_BYTES / 4) * UNIFORM_SLOTS);
  const layouts = new Map<Kernel, { group: GPUBindGroupLayout; pipeline: GPUPipelineLayout }>();
  const modules = new Map<Kernel, GPUShaderModule>();
  const pipelines = new Map<string, GPUComputePipeline>();
  const compiling = new Map<string, Promise<void>>();
  const bindGroups = new Map<string, { group: GPUBindGroup; tensorIds: readonly number[] }>();
  const readbacks: GPUBuffer[] = [];
  let disposed = false;
  let lostReason: string | null = null;
  /** The first error that no scope caught: from then on results would be garbage. */
  let refused: EngineError | null = null;
  /** Read-back buffers that got no memory. */
  const starved = new WeakMap<GPUBuffer, EngineError>();
  /** Until something gets no memory, nobody has to look for it. */
  let anyFailed = false;

  const lost = gpu.lost.then((info) => {
    lostReason = info.message || info.reason || 'unknown reason';
    return lostReason;
  });

  const hearError = ({ error }: { readonly error: GPUError }): void => {
    refused ??= toEngineError(error);
  };
  gpu.addEventListener('uncapturederror', hearError);

  /**
   * Sends commands. What uses a buffer that is not there is refused as a whole: whoever waits for it hears
   * why from `failure`, and the device is as good as before. A device that is lost says so itself.
   */
  function send<T>(commands: () => T, failure: () => EngineError | null): T {
    gpu.pushErrorScope('validation');
    try {
      return commands();
    } finally {
      gpu.popErrorScope().then(
        (error) => {
          if (error && !failure()) hearError({ error });
        },
        () => {},
      );
    }
  }

  function checkUsable(): void {
    if (disposed) {
      throw new EngineError('This device was disposed.', {
        code: 'engine/disposed',
        hint: 'Load the model again.',
      });
    }
    if (lostReason !== null) throw deviceLost(lostReason);
    if (refused) throw refused;
  }

  function layoutOf(kernel: Kernel) {
    let layout = layouts.get(kernel);
    if (!layout) {
      const group = gpu.createBindGroupLayout({
        label: kernel.name,
        entries: [
          {
            binding: 0,
            visibility: GPUShaderStage.COMPUTE,
            buffer: { type: 'uniform', hasDynamicOffset: true },
          },
          ...Object.values(kernel.bindings).map((access, i) => ({
            binding: i + 1,
            visibility: GPUShaderStage.COMPUTE,
            buffer: { type: STORAGE_TYPES[access] },
          })),
        ],
      });
      const pipeline = gpu.createPipelineLayout({ label: kernel.name, bindGroupLayouts: [group] });
      layout = { group, pipeline };
      layouts.set(kernel, layout);
    }
    return layout;
  }

  function pipelineKey(kernel: Kernel, overrides: Readonly<Record<string, number>>): string {
    let key = kernel.name;
    for (const name of kernel.overrides) key += `|${overrides[name] ?? ''}`;
    return key;
  }

  function pipelineDescriptor(
    kernel: Kernel,
    overrides: Readonly<Record<string, number>>,
  ): GPUComputePipelineDescriptor {
    let module = modules.get(kernel);
    if (!module) {
      module = gpu.createShaderModule({ label: kernel.name, code: kernel.source });
      modules.set(kernel, module);
    }
    return {
      label: pipelineKey(kernel, overrides),
      layout: layoutOf(kernel).pipeline,
      compute: { module, entryPoint: kernel.name, constants: { ...overrides } },
    };
  }

  function pipelineOf(kernel: Kernel, overrides: Readonly<Record<string, number>>) {
    const key = pipelineKey(kernel, overrides);
    let pipeline = pipelines.get(key);
    if (!pipeline) {
      pipeline = gpu.createComputePipeline(pipelineDescriptor(kernel, overrides));
      pipelines.set(key, pipeline);
    }
    return pipeline;
  }

  function bindGroupOf(kernel: Kernel, tensors: Readonly<Record<string, Tensor>>) {
    const names = Object.keys(kernel.bindings);
    let key = kernel.name;
    for (const name of names) {
      const tensor = tensors[name];
      if (!tensor) throw new Error(`${kernel.name}: no tensor for binding ${name}.`);
      key += `|${tensor.id}`;
    }
    let entry = bindGroups.get(key);
    if (!entry) {
      const group = gpu.createBindGroup({
        label: kernel.name,
        layout: layoutOf(kernel).group,
        entries: [
          { binding: 0, resource: { buffer: uniforms, offset: 0, size: UNIFORM_SLOT_BYTES } },
          ...names.map((name, i) => ({
            binding: i + 1,
            resource: { buffer: (tensors[name] as GpuTensor).buffer },
          })),
        ],
      });
      entry = { group, tensorIds: names.map((name) => tensors[name].id) };
      bindGroups.set(key, entry);
    }
    return entry.group;
  }

  function takeReadback(sizeBytes: number): GPUBuffer {
    const index = readbacks.findIndex(
      (b) => b.size >= sizeBytes && b.size <= sizeBytes * 4 + 65536,
    );
    if (index >= 0) return readbacks.splice(index, 1)[0];
    const descriptor = {
      label: 'readback',
      size: roundUp(sizeBytes, 4096),
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    };
    const buffer = createBuffer(descriptor, (error) => {
      anyFailed = true;
      starved.set(buffer, outOfMemory(error, ' to read results back'));
    });
    return buffer;
  }

  /** A buffer, and word if there is no memory for it; a device that is lost says so itself. */
  function createBuffer(
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

  function returnReadback(buffer: GPUBuffer): void {
    // A few small ones are worth keeping; a large one would hold memory for nothing.
    if (readbacks.length < 16 && buffer.size <= 4 << 20) readbacks.push(buffer);
    else buffer.destroy();
  }

  function createArena(label: string): Arena {
    const owned: GpuTensor[] = [];
    let sizeBytes = 0;
    let freed = false;
    let failure: EngineError | null = null;

    /** What it did get is no use without the rest, and others may need the memory. */
    function fail(error: GPUError, name: string, bytes: number): void {
      if (failure) return;
      const size =
        bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
      failure = outOfMemory(error, ` for the ${label} (${name}, ${size})`);
      anyFailed = true;
      release();
    }

    function release(): void {
      const ids = new Set(owned.map((tensor) => tensor.id));
      for (const [key, entry] of bindGroups) {
        if (entry.tensorIds.some((id) => ids.has(id))) bindGroups.delete(key);
      }
      for (const tensor of owned) tensor.buffer.destroy();
      sizeBytes = 0;
    }

    function allocate(name: string, shape: readonly number[], format: Format): GpuTensor {
      checkUsable();
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
      const buffer = createBuffer(descriptor, (error) => fail(error, name, bytes));
      const id = newTensorId();
      const tensor = { id, label: name, shape, format, sizeBytes: bytes, buffer, arena };
      owned.push(tensor);
      sizeBytes += bytes;
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
      write(tensor, data, offset = 0) {
        const { buffer, format, shape, arena: owner } = tensor as GpuTensor;
        if (owner.failure) throw owner.failure;
        const byteOffset = bytesOf(offset, shape, format);
        // writeBuffer takes multiples of four bytes; an odd number of halves gets one zero more.
        const source =
          data.byteLength % 4 === 0
            ? data
            : Uint16Array.from({ length: data.length + 1 }, (_, i) => data[i] ?? 0);
        const { buffer: bytes, byteOffset: start, byteLength } = source;
        send(
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

  function toUniform(kernel: Kernel, params: Readonly<Record<string, number>>): Uint32Array {
    const uniform = new Uint32Array(kernel.params.length);
    for (let i = 0; i < kernel.params.length; i++) uniform[i] = params[kernel.params[i]];
    return uniform;
  }

  interface Copy {
    readonly at: string;
    /** Null for zeros. */
    readonly from: GpuTensor | null;
    readonly to: GpuTensor;
    /** All of it where there is none. */
    readonly range?: CopyRange;
  }
  interface PendingRead {
    readonly at: string;
    readonly tensor: GpuTensor;
    readonly fromBytes: number;
    readonly sizeBytes: number;
    readonly staging: GPUBuffer;
    readonly resolve: (data: ArrayBuffer) => void;
    readonly reject: (error: unknown) => void;
  }
  type Step = RecordedDispatch | Copy | PendingRead;

  /** Why the steps compute nothing, or null. */
  function failureOf(steps: readonly Step[]): EngineError | null {
    if (!anyFailed) return null;
    for (const step of steps) {
      for (const tensor of tensorsOf(step)) {
        const { failure } = (tensor as GpuTensor).arena;
        if (failure) return named(failure, step.at);
      }
      // A copy into a buffer that is not there takes all of its submit with it.
      const full = 'staging' in step && starved.get(step.staging);
      if (full) return named(full, step.at);
    }
    return null;
  }

  function tensorsOf(step: Step): readonly Tensor[] {
    if ('kernel' in step) return Object.values(step.tensors);
    if ('to' in step) return step.from ? [step.from, step.to] : [step.to];
    return [step.tensor];
  }

  function encodeSteps(steps: readonly Step[]): void {
    const encoder = gpu.createCommandEncoder();
    let pass: GPUComputePassEncoder | null = null;
    let current: GPUComputePipeline | null = null;
    let slot = 0;
    for (const step of steps) {
      if ('kernel' in step) {
        if (!pass) {
          pass = encoder.beginComputePass();
          current = null;
        }
        uniformStaging.set(step.uniform, (slot * UNIFORM_SLOT_BYTES) / 4);
        if (step.pipeline !== current) {
          pass.setPipeline(step.pipeline);
          current = step.pipeline;
        }
        step.bindGroup ??= bindGroupOf(step.kernel, step.tensors);
        pass.setBindGroup(0, step.bindGroup, [slot * UNIFORM_SLOT_BYTES]);
        pass.dispatchWorkgroups(...step.grid);
        slot++;
      } else {
        pass?.end();
        pass = null;
        if ('to' in step) {
          const { from, to, range } = step;
          if (!from) encoder.clearBuffer(to.buffer);
          else if (!range) encoder.copyBufferToBuffer(from.buffer, 0, to.buffer, 0, to.sizeBytes);
          else {
            const bytes = 4 * range.count;
            encoder.copyBufferToBuffer(from.buffer, 4 * range.from, to.buffer, 4 * range.to, bytes);
          }
          continue;
        }
        encoder.copyBufferToBuffer(
          step.tensor.buffer,
          step.fromBytes,
          step.staging,
          0,
          step.sizeBytes,
        );
      }
    }
    pass?.end();
    if (slot > 0)
      gpu.queue.writeBuffer(uniforms, 0, uniformStaging, 0, (slot * UNIFORM_SLOT_BYTES) / 4);
    gpu.queue.submit([encoder.finish()]);
  }

  function submitSteps(steps: readonly Step[]): void {
    checkUsable();
    const reads = steps.filter((step) => 'staging' in step);
    const whyNot = (): EngineError | null => failureOf(steps);
    const failure = whyNot();
    if (failure) {
      for (const { staging } of reads) staging.destroy();
      throw failure;
    }
    send(() => encodeSteps(steps), whyNot);
    for (const step of reads) {
      const mapping = send(() => step.staging.mapAsync(GPUMapMode.READ, 0, step.sizeBytes), whyNot);
      const reading = mapping.then(() => {
        const data = step.staging.getMappedRange(0, step.sizeBytes).slice(0);
        step.staging.unmap();
        return data;
      });
      reading.then(
        (data) => {
          returnReadback(step.staging);
          const error = refused ?? whyNot();
          if (error) step.reject(error);
          else step.resolve(data);
        },
        (cause: unknown) => {
          step.staging.destroy();
          // It is this side that has no memory for a copy: a RangeError.
          const error =
            cause instanceof RangeError
              ? outOfMemory(cause, ` to read ${step.tensor.label} back`, 'page')
              : whyNot();
          if (error) {
            step.reject(error);
            return;
          }
          // Mapping fails when the device goes away under it; say that rather than "mapAsync".
          void Promise.race([lost, Promise.resolve(null)]).then((reason) =>
            step.reject(
              disposed
                ? new EngineError('The device was disposed while a result was awaited.', {
                    code: 'engine/disposed',
                    hint: 'Load the model again.',
                    cause,
                  })
                : deviceLost(reason ?? lostReason ?? 'a result could not be read back', cause),
            ),
          );
        },
      );
    }
  }

  function createEncoder(): Encoder & { readonly steps: Step[] } {
    let steps: Step[] = [];
    let dispatches = 0;
    const { now, within } = createNames();

    function recordRead(tensor: Tensor, from: number, count: number): Promise<ArrayBuffer> {
      const { shape, format } = tensor;
      const fromBytes = bytesOf(from, shape, format);
      const sizeBytes = roundUp(bytesOf(count, shape, format), 4);
      return new Promise((resolve, reject) => {
        steps.push({
          at: now(),
          tensor: tensor as GpuTensor,
          fromBytes,
          sizeBytes,
          staging: takeReadback(sizeBytes),
          resolve,
          reject,
        });
      });
    }

    return {
      steps,
      dispatch(kernel, tensors, params, grid, overrides = {}) {
        if (dispatches === UNIFORM_SLOTS) this.submit();
        dispatches++;
        steps.push({
          at: now(),
          kernel,
          pipeline: pipelineOf(kernel, overrides),
          uniform: toUniform(kernel, params),
          grid: checkGrid(kernel, grid, gpu.limits.maxComputeWorkgroupsPerDimension),
          tensors,
        });
      },
      copy(from, to, range) {
        checkCopy(now(), from, to, range);
        steps.push({ at: now(), from: from as GpuTensor, to: to as GpuTensor, range });
      },
      clear(tensor) {
        steps.push({ at: now(), from: null, to: tensor as GpuTensor });
      },
      within,
      read: async (tensor, from, count) =>
        toFloats(await recordRead(tensor, from, count), count, tensor),
      readU32: async (tensor, from, count) =>
        new Uint32Array(await recordRead(tensor, from, count), 0, count),
      submit() {
        const taken = steps;
        steps = [];
        dispatches = 0;
        submitSteps(taken);
      },
    };
  }

  function record(use: (encoder: Encoder) => void): RecordedDispatch[] {
    const encoder = createEncoder();
    use({ ...encoder, submit() {} });
    return encoder.steps.filter((step) => 'kernel' in step);
  }

  return {
    gpu,
    summary,
    prefersPlain: options.prefersPlain ?? summary.isSoftware,
    rowsPerPass: summary.isSoftware ? 64 : 256,
    maxBindingBytes,
    lost,
    createArena,
    createEncoder,
    async prepare(use) {
      checkUsable();
      const waiting: Promise<void>[] = [];
      const collector: Encoder = {
        dispatch(kernel, _tensors, _params, _grid, overrides = {}) {
          const key = pipelineKey(kernel, overrides);
          if (pipelines.has(key)) return;
          let compile = compiling.get(key);
          if (!compile) {
            compile = gpu
              .createComputePipelineAsync(pipelineDescriptor(kernel, overrides))
              .then((pipeline) => void pipelines.set(key, pipeline))
              .finally(() => compiling.delete(key));
            compiling.set(key, compile);
          }
          waiting.push(compile);
        },
        copy() {},
        clear() {},
        within: (_name, step) => step(),
        read: () => Promise.resolve(new Float32Array(0)),
        readU32: () => Promise.resolve(new Uint32Array(0)),
        submit() {},
      };
      use(collector);
      try {
        await Promise.all(waiting);
      } catch (cause) {
        if (lostReason !== null) throw deviceLost(lostReason, cause);
        throw new EngineError(
          `A shader could not be compiled here: ${cause instanceof Error ? cause.message : String(cause)}`,
          {
            code: 'device/shader',
            hint: 'Update the browser or graphics driver, or compute on the processor.',
            cause,
          },
        );
      }
    },
    record,
    async replay(dispatches, times) {
      const all = Array.from({ length: times }, () => dispatches).flat();
      await gpu.queue.onSubmittedWorkDone();
      const start = performance.now();
      for (let at = 0; at < all.length; at += UNIFORM_SLOTS) {
        submitSteps(all.slice(at, at + UNIFORM_SLOTS));
      }
      await gpu.queue.onSubmittedWorkDone();
      return (performance.now() - start) / 1000;
    },
    async idle() {
      await gpu.queue.onSubmittedWorkDone();
      checkUsable();
    },
    dispose() {
      if (disposed) return;
      disposed = true;
      for (const buffer of readbacks) buffer.destroy();
      uniforms.destroy();
      gpu.removeEventListener('uncapturederror', hearError);
      if (options.ownsGpu) gpu.destroy();
    },
  };
}

/** Values of the `count` elements that were read back. */
function toFloats(data: ArrayBuffer, count: number, { format, shape }: Tensor): Float32Array {
  if (format === 'f16') return Float32Array.from(new Uint16Array(data, 0, count), halfToFloat);
  if (format !== 'int8') return new Float32Array(data, 0, count);
  const values = new Float32Array(count);
  fromInt8Rows(new Uint32Array(data), shape[shape.length - 1], values, 0);
  return values;
}

function checkGrid(kernel: Kernel, grid: readonly [number, number, number], max: number) {
  for (const n of grid) {
    if (!Number.isInteger(n) || n < 1 || n > max) {
      throw new Error(`${kernel.name}: grid ${grid.join(' × ')} is outside 1…${max}.`);
    }
  }
  return grid;
}

function outOfMemory(cause: unknown, what = '', who = 'GPU'): EngineError {
  return new EngineError(`The ${who} has no memory left${what}.`, {
    code: 'device/out-of-memory',
    hint: 'Close other tabs, choose fp16 or a smaller model, or compute on the processor.',
    cause,
  });
}

/** The same failure, with the step that met it. */
function named(failure: EngineError, at: string): EngineError {
  if (at === '') return failure;
  const { code, hint } = failure;
  return new EngineError(`${said(at)}${failure.message}`, { code, hint, cause: failure });
}

function toEngineError(error: GPUError): EngineError {
  if (error instanceof GPUOutOfMemoryError) return outOfMemory(error);
  return new EngineError(`The GPU refused a command: ${error.message}`, {
    code: 'device/refused',
    hint: 'Load the model again, or compute on the processor.',
  });
}

function deviceLost(reason: string, cause?: unknown): EngineError {
  return new EngineError(`The GPU was lost: ${reason}`, {
    code: 'device/lost',
    hint: 'Your text is kept. Load the model again, or compute on the processor.',
    cause,
  });
}

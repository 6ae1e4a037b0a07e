// Recorded steps on their way to the GPU: one pass for as many kernels as follow one another, one upload for
// all their params, and read-backs that know why nothing came.
import type { EngineError } from '../../errors.ts';
import { type CopyRange, type Grid, type Tensor, roundUp } from '../device.ts';
import type { Kernel } from '../kernel.ts';
import type { Readbacks } from './buffers.ts';
import { type Faults, type Place, named, outOfMemory } from './errors.ts';
import { type Pipelines, UNIFORM_SLOT_BYTES } from './pipelines.ts';
import type { GpuTensor } from './tensor.ts';

/** One recorded run of a kernel; the benchmark replays these. */
export interface Dispatch {
  readonly kind: 'dispatch';
  /** The names it was recorded within. */
  readonly at: string;
  readonly kernel: Kernel;
  readonly pipeline: GPUComputePipeline;
  readonly tensors: Readonly<Record<string, Tensor>>;
  readonly params: Readonly<Record<string, number>>;
  readonly uniform: Uint32Array;
  readonly grid: Grid;
  /** Made when it is submitted: of buffers that are known not to be there, nothing is made. */
  bindGroup?: GPUBindGroup;
}

export interface Copy {
  readonly kind: 'copy';
  readonly at: string;
  /** Null for zeros. */
  readonly from: Tensor | null;
  readonly to: Tensor;
  /** All of it where there is none. */
  readonly range?: CopyRange;
}

export interface Read {
  readonly kind: 'read';
  readonly at: string;
  readonly tensor: Tensor;
  readonly fromBytes: number;
  readonly sizeBytes: number;
  readonly resolve: (data: ArrayBuffer) => void;
  readonly reject: (error: unknown) => void;
}

export type Step = Dispatch | Copy | Read;

/** Kernels in one submit: as many as the uniform buffer has slots for. */
export const UNIFORM_SLOTS = 1024;

export class Submitter {
  readonly #gpu: GPUDevice;
  readonly #faults: Faults;
  readonly #pipelines: Pipelines;
  readonly #readbacks: Readbacks;
  readonly #uniforms: GPUBuffer;
  readonly #staged = new Uint32Array((UNIFORM_SLOT_BYTES / 4) * UNIFORM_SLOTS);

  constructor(
    gpu: GPUDevice,
    faults: Faults,
    pipelines: Pipelines,
    readbacks: Readbacks,
    uniforms: GPUBuffer,
  ) {
    this.#gpu = gpu;
    this.#faults = faults;
    this.#pipelines = pipelines;
    this.#readbacks = readbacks;
    this.#uniforms = uniforms;
  }

  /** Sends all steps. Throws where nothing can be computed any more, or what they work on is not there. */
  submit(steps: readonly Step[]): void {
    this.#faults.checkUsable();
    const failure = this.#failureOf(steps, new Map());
    if (failure) throw failure;
    let from = 0;
    let kernels = 0;
    for (const [i, { kind }] of steps.entries()) {
      if (kind !== 'dispatch' || ++kernels <= UNIFORM_SLOTS) continue;
      this.#send(steps.slice(from, i));
      [from, kernels] = [i, 1];
    }
    this.#send(steps.slice(from));
  }

  #send(steps: readonly Step[]): void {
    const staging = new Map<Step, GPUBuffer>();
    for (const step of steps) {
      if (step.kind === 'read') staging.set(step, this.#readbacks.take(roundUp(step.sizeBytes, 4)));
    }
    const whyNot = (): EngineError | null => this.#failureOf(steps, staging);
    this.#faults.send(
      () => this.#encode(steps, staging),
      whyNot,
      () => this.#blame(steps),
    );
    for (const [step, buffer] of staging) {
      if (step.kind === 'read') void this.#deliver(step, buffer, whyNot);
    }
  }

  #encode(steps: readonly Step[], staging: ReadonlyMap<Step, GPUBuffer>): void {
    const encoder = this.#gpu.createCommandEncoder();
    let pass: GPUComputePassEncoder | null = null;
    let current: GPUComputePipeline | null = null;
    let slot = 0;
    for (const step of steps) {
      if (step.kind === 'dispatch') {
        if (!pass) {
          pass = encoder.beginComputePass();
          current = null;
        }
        this.#staged.set(step.uniform, (slot * UNIFORM_SLOT_BYTES) / 4);
        if (step.pipeline !== current) {
          pass.setPipeline(step.pipeline);
          current = step.pipeline;
        }
        step.bindGroup ??= this.#pipelines.bindGroup(step.kernel, step.tensors);
        pass.setBindGroup(0, step.bindGroup, [slot * UNIFORM_SLOT_BYTES]);
        pass.dispatchWorkgroups(...step.grid);
        slot++;
        continue;
      }
      pass?.end();
      pass = null;
      if (step.kind === 'read') {
        const target = staging.get(step);
        if (!target) throw new Error('A read-back has no buffer.');
        const { buffer, startBytes } = step.tensor as GpuTensor;
        encoder.copyBufferToBuffer(buffer, startBytes + step.fromBytes, target, 0, step.sizeBytes);
      } else {
        const to = step.to as GpuTensor;
        if (!step.from) encoder.clearBuffer(to.buffer, to.startBytes, to.sizeBytes);
        else {
          const from = step.from as GpuTensor;
          const range = step.range ?? { from: 0, to: 0, count: from.sizeBytes / 4 };
          encoder.copyBufferToBuffer(
            from.buffer,
            from.startBytes + 4 * range.from,
            to.buffer,
            to.startBytes + 4 * range.to,
            4 * range.count,
          );
        }
      }
    }
    pass?.end();
    if (slot > 0) {
      const words = (slot * UNIFORM_SLOT_BYTES) / 4;
      this.#gpu.queue.writeBuffer(this.#uniforms, 0, this.#staged, 0, words);
    }
    this.#gpu.queue.submit([encoder.finish()]);
  }

  async #deliver(step: Read, buffer: GPUBuffer, whyNot: () => EngineError | null): Promise<void> {
    try {
      await this.#faults.send(() => buffer.mapAsync(GPUMapMode.READ, 0, step.sizeBytes), whyNot);
      const data = buffer.getMappedRange(0, step.sizeBytes).slice(0);
      buffer.unmap();
      this.#readbacks.giveBack(buffer);
      const error = (await this.#faults.refusal()) ?? whyNot();
      if (error) step.reject(error);
      else step.resolve(data);
    } catch (cause) {
      buffer.destroy();
      // It is this side that has no memory for a copy: a RangeError.
      const error =
        cause instanceof RangeError
          ? outOfMemory(cause, ` to read ${step.tensor.label} back`, 'page')
          : whyNot();
      step.reject(error ?? (await this.#faults.unreadable(cause)));
    }
  }

  /** Why the steps compute nothing, or null. */
  #failureOf(steps: readonly Step[], staging: ReadonlyMap<Step, GPUBuffer>): EngineError | null {
    if (!this.#faults.anyStarved) return null;
    for (const step of steps) {
      for (const tensor of tensorsOf(step)) {
        const { failure } = (tensor as GpuTensor).arena;
        if (failure) return named(failure, step.at);
      }
      // A copy into a buffer that is not there takes all of its submit with it.
      const buffer = staging.get(step);
      const full = buffer && this.#readbacks.failureOf(buffer);
      if (full) return named(full, step.at);
    }
    return null;
  }

  /**
   * The first step that is refused by itself. The GPU says only that something of a submit was; as none of it
   * ran, and nothing will be read from this device again, each is sent once more alone.
   */
  async #blame(steps: readonly Step[]): Promise<Place | null> {
    const answers = steps.map((step) => {
      const buffer = step.kind === 'read' ? this.#readbacks.take(step.sizeBytes) : null;
      this.#gpu.pushErrorScope('validation');
      try {
        this.#encode([step], new Map(buffer ? [[step, buffer]] : []));
      } finally {
        if (buffer) this.#readbacks.giveBack(buffer);
      }
      return this.#gpu.popErrorScope();
    });
    const errors = await Promise.all(answers);
    const first = errors.findIndex((error) => error !== null);
    return first < 0 ? null : { at: steps[first].at, what: whatOf(steps[first]) };
  }
}

function tensorsOf(step: Step): readonly Tensor[] {
  if (step.kind === 'dispatch') return Object.values(step.tensors);
  if (step.kind === 'read') return [step.tensor];
  return step.from ? [step.from, step.to] : [step.to];
}

function whatOf(step: Step): string {
  if (step.kind === 'dispatch') return step.kernel.name;
  if (step.kind === 'read') return `reading ${step.tensor.label}`;
  return step.from ? `copying ${step.from.label}` : `clearing ${step.to.label}`;
}

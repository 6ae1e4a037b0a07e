// Kernels compiled: a layout and a module a kernel, a pipeline for each set of its overrides, a bind group for
// each set of its tensors. All are made once and found again without a string being built.
import type { Tensor } from '../device.ts';
import type { Kernel } from '../kernel.ts';
import type { GpuTensor } from './tensor.ts';

/** Room for the params of one dispatch, as WebGPU aligns dynamic offsets. */
export const UNIFORM_SLOT_BYTES = 256;

const STORAGE_TYPES = { read: 'read-only-storage', write: 'storage', add: 'storage' } as const;

type Overrides = Readonly<Record<string, number>>;
type Tensors = Readonly<Record<string, Tensor>>;

interface Compiled {
  readonly bindings: readonly string[];
  readonly groupLayout: GPUBindGroupLayout;
  readonly pipelineLayout: GPUPipelineLayout;
  /** Made with the first pipeline, so that who asks for that hears what is wrong with it. */
  module: GPUShaderModule | null;
  /** A few for each kernel: as many as sets of overrides. */
  readonly pipelines: {
    readonly overrides: Overrides;
    pipeline: GPUComputePipeline | null;
    compiling: Promise<void> | null;
  }[];
  /** By a hash of the tensors' ids, those of one hash in a list. */
  readonly groups: Map<number, { readonly ids: readonly number[]; readonly group: GPUBindGroup }[]>;
}

export class Pipelines {
  readonly #gpu: GPUDevice;
  readonly #uniforms: GPUBuffer;
  readonly #compiled = new Map<Kernel, Compiled>();

  /** `uniforms` is the buffer that every kernel reads its params from. */
  constructor(gpu: GPUDevice, uniforms: GPUBuffer) {
    this.#gpu = gpu;
    this.#uniforms = uniforms;
  }

  /** The pipeline if it was made already. */
  find(kernel: Kernel, overrides: Overrides): GPUComputePipeline | null {
    return this.#entryOf(kernel, overrides).pipeline;
  }

  /** Makes a pipeline at once: the page waits for the compiler. */
  create(kernel: Kernel, overrides: Overrides): GPUComputePipeline {
    const pipeline = this.#gpu.createComputePipeline(this.#descriptor(kernel, overrides));
    this.#entryOf(kernel, overrides).pipeline = pipeline;
    return pipeline;
  }

  /** Makes a pipeline while others go on. */
  compile(kernel: Kernel, overrides: Overrides): Promise<void> {
    const entry = this.#entryOf(kernel, overrides);
    if (entry.pipeline) return Promise.resolve();
    entry.compiling ??= this.#gpu
      .createComputePipelineAsync(this.#descriptor(kernel, overrides))
      .then((pipeline) => void (entry.pipeline ??= pipeline))
      .finally(() => (entry.compiling = null));
    return entry.compiling;
  }

  bindGroup(kernel: Kernel, tensors: Tensors): GPUBindGroup {
    const { bindings, groupLayout, groups } = this.#of(kernel);
    let hash = 0;
    for (const name of bindings) hash = (Math.imul(hash, 31) + tensors[name].id) | 0;
    let alike = groups.get(hash);
    if (!alike) groups.set(hash, (alike = []));
    const found = alike.find(({ ids }) => bindings.every((name, i) => tensors[name].id === ids[i]));
    if (found) return found.group;
    const group = this.#gpu.createBindGroup({
      label: kernel.name,
      layout: groupLayout,
      entries: [
        { binding: 0, resource: { buffer: this.#uniforms, offset: 0, size: UNIFORM_SLOT_BYTES } },
        ...bindings.map((name, i) => {
          const { buffer, startBytes, sizeBytes } = tensors[name] as GpuTensor;
          return { binding: i + 1, resource: { buffer, offset: startBytes, size: sizeBytes } };
        }),
      ],
    });
    alike.push({ ids: bindings.map((name) => tensors[name].id), group });
    return group;
  }

  /** Drops every bind group of a tensor that is going. */
  forget(ids: ReadonlySet<number>): void {
    for (const { groups } of this.#compiled.values()) {
      for (const [hash, alike] of groups) {
        const left = alike.filter((entry) => !entry.ids.some((id) => ids.has(id)));
        if (left.length === 0) groups.delete(hash);
        else if (left.length < alike.length) groups.set(hash, left);
      }
    }
  }

  #entryOf(kernel: Kernel, overrides: Overrides): Compiled['pipelines'][number] {
    const { pipelines } = this.#of(kernel);
    const same = (other: Overrides): boolean =>
      kernel.overrides.every((name) => other[name] === overrides[name]);
    let entry = pipelines.find((one) => same(one.overrides));
    if (!entry) {
      entry = { overrides: { ...overrides }, pipeline: null, compiling: null };
      pipelines.push(entry);
    }
    return entry;
  }

  #descriptor(kernel: Kernel, overrides: Overrides): GPUComputePipelineDescriptor {
    const label = kernel.name;
    const compiled = this.#of(kernel);
    const module = (compiled.module ??= this.#gpu.createShaderModule({
      label,
      code: kernel.source,
    }));
    return {
      label,
      layout: compiled.pipelineLayout,
      compute: { module, entryPoint: kernel.name, constants: { ...overrides } },
    };
  }

  #of(kernel: Kernel): Compiled {
    let compiled = this.#compiled.get(kernel);
    if (!compiled) {
      const label = kernel.name;
      const groupLayout = this.#gpu.createBindGroupLayout({
        label,
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
      compiled = {
        bindings: Object.keys(kernel.bindings),
        groupLayout,
        pipelineLayout: this.#gpu.createPipelineLayout({ label, bindGroupLayouts: [groupLayout] }),
        module: null,
        pipelines: [],
        groups: new Map(),
      };
      this.#compiled.set(kernel, compiled);
    }
    return compiled;
  }
}

// What every GPU test stands on: one real adapter, a canary whose numbers are checked, error
// scopes around every test, arenas that must be given back, and a comparison that explains itself.
import { expect, onTestFinished } from 'vitest';
import { createCpuDevice } from '../../src/gpu/cpu/device.ts';
import type { Arena, Device, Encoder, Tensor, Traits } from '../../src/gpu/device.ts';
import { type WebGpuDevice, createWebGpuDevice } from '../../src/gpu/webgpu/device.ts';
import { requestWebGpuDevice } from '../../src/gpu/webgpu/request.ts';
import { type Variant, choose } from '../../src/kernels/variants.ts';
import { expectClose } from '../support/close.ts';

/** Both ways that lanes can be, whatever the adapter is. */
export const LANES = ['imitated', 'real'] as const;

let shared: Promise<WebGpuDevice> | null = null;

/** The one device of the tests. A machine without WebGPU fails here, loudly: it never skips. */
export function gpuDevice(): Promise<WebGpuDevice> {
  shared ??= requestWebGpuDevice().then(async (device) => {
    await canary(device.gpu);
    keepPipelines(device.gpu);
    console.info(
      `adapter: ${device.summary.label}; binding limit ${device.traits.maxBindingBytes}`,
    );
    return device;
  });
  return shared;
}

/**
 * A browser compiles a pipeline once for as long as one like it is alive. Here that is the whole run, so models
 * of one width wait for the compiler once, whatever their weights are.
 */
function keepPipelines(gpu: GPUDevice): void {
  const kept: GPUComputePipeline[] = [];
  const keep = (pipeline: GPUComputePipeline): GPUComputePipeline => {
    kept.push(pipeline);
    return pipeline;
  };
  const now = gpu.createComputePipeline.bind(gpu);
  const later = gpu.createComputePipelineAsync.bind(gpu);
  gpu.createComputePipeline = (descriptor) => keep(now(descriptor));
  gpu.createComputePipelineAsync = async (descriptor) => keep(await later(descriptor));
}

/** The same GPUDevice once more, with other traits; disposed after the test. */
export async function deviceWith(traits: Partial<Traits> = {}): Promise<WebGpuDevice> {
  const { gpu, summary } = await gpuDevice();
  const device = createWebGpuDevice(gpu, summary, { traits });
  onTestFinished(() => device.dispose());
  return device;
}

async function canary(gpu: GPUDevice): Promise<void> {
  const code = `@group(0) @binding(0) var<storage, read_write> x: array<u32>;
    @compute @workgroup_size(4) fn main(@builtin(global_invocation_id) id: vec3<u32>) {
      x[id.x] = id.x * 3u + 1u;
    }`;
  const pipeline = gpu.createComputePipeline({
    layout: 'auto',
    compute: { module: gpu.createShaderModule({ code }) },
  });
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC;
  const x = gpu.createBuffer({ size: 16, usage });
  const back = gpu.createBuffer({
    size: 16,
    usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ,
  });
  const encoder = gpu.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  const entries = [{ binding: 0, resource: { buffer: x } }];
  pass.setBindGroup(0, gpu.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
  pass.dispatchWorkgroups(1);
  pass.end();
  encoder.copyBufferToBuffer(x, 0, back, 0, 16);
  gpu.queue.submit([encoder.finish()]);
  await back.mapAsync(GPUMapMode.READ);
  const values = [...new Uint32Array(back.getMappedRange())];
  if (values.join() !== '1,4,7,10')
    throw new Error(`The GPU computes ${values.join()}, not 1,4,7,10.`);
}

/** Runs `body` inside validation and out-of-memory scopes; either kind of error fails the test. */
export async function scoped<T>(gpu: GPUDevice, body: () => Promise<T>): Promise<T> {
  gpu.pushErrorScope('validation');
  gpu.pushErrorScope('out-of-memory');
  const [outcome] = await Promise.allSettled([body()]);
  for (const error of [await gpu.popErrorScope(), await gpu.popErrorScope()]) {
    if (error) throw new Error(`WebGPU: ${error.message}`);
  }
  if (outcome.status === 'rejected') throw outcome.reason;
  return outcome.value;
}

/** What to read back of an op. */
interface Result {
  readonly out: Tensor;
  readonly count: number;
  readonly u32?: boolean;
}

/** Records an op on a device. */
export type Op = (device: Device, enc: Encoder, arena: Arena) => Result;

/** Makes an op's tensors on a device, and says what its calls come to. */
export type Calls<C> = (device: Device, arena: Arena) => Result & { readonly calls: readonly C[] };

/** Runs `op` on a device in an arena of its own. */
async function run(device: Device, op: Op): Promise<Float32Array | Uint32Array> {
  const arena = device.createArena('test');
  const enc = device.createEncoder();
  const { out, count, u32 } = op(device, enc, arena);
  const reading = u32 ? enc.readU32(out, 0, count) : enc.read(out, 0, count);
  enc.submit();
  const values = await reading;
  arena.dispose();
  expect(arena.sizeBytes, 'bytes not given back').toBe(0);
  return values;
}

/** What the meanings make of an op, in float64. */
async function meant(op: Op): Promise<Float32Array | Uint32Array> {
  const oracle = createCpuDevice('f64');
  try {
    return await run(oracle, op);
  } finally {
    oracle.dispose();
  }
}

/** The op on the GPU against the same op's meanings in float64. */
export async function expectMeaning(
  device: WebGpuDevice,
  name: string,
  op: Op,
  bound: number,
): Promise<void> {
  const expected = await meant(op);
  const actual = await scoped(device.gpu, () => run(device, op));
  expectClose(name, actual, expected, bound);
}

const tried = new Set<Variant<never>>();

/**
 * Every variant that can take the calls, whatever the adapter, against their meaning in float64. With `taken`,
 * only those that some device takes: slow compilers leave no time for every variant of every case.
 */
export async function expectVariants<C>(
  name: string,
  variants: readonly Variant<C>[],
  calls: Calls<C>,
  bound: number,
  which: 'all' | 'taken' = 'all',
): Promise<void> {
  const device = await gpuDevice();
  const by =
    (variantOf: (call: C, traits: Traits) => Variant<C>): Op =>
    (d, enc, arena) => {
      const { calls: all, ...result } = calls(d, arena);
      for (const call of all) variantOf(call, d.traits).record(enc, call);
      return result;
    };
  const expected = await meant(by((call, traits) => choose(variants, traits, call)));
  const plan = planned(calls);
  for (const variant of variants) {
    const suits = (call: C): boolean =>
      which === 'all'
        ? (variant.can?.(call) ?? true)
        : LANES.some((lanes) => choose(variants, { ...device.traits, lanes }, call) === variant);
    if (!plan.every((call) => suits(call))) continue;
    tried.add(variant);
    const actual = await scoped(device.gpu, () =>
      run(
        device,
        by(() => variant),
      ),
    );
    expectClose(`${variant.kernel.name}, ${name}`, actual, expected, bound);
  }
}

/** What the calls come to, on a device that compiles nothing. */
function planned<C>(calls: Calls<C>): readonly C[] {
  const device = createCpuDevice();
  const arena = device.createArena('test');
  try {
    return calls(device, arena).calls;
  } finally {
    arena.dispose();
    device.dispose();
  }
}

/** Fails where a variant was compared with its meaning in no case. */
export function expectTried<C>(variants: readonly Variant<C>[]): void {
  const left = variants.filter((variant) => !tried.has(variant));
  expect(left.map(({ kernel }) => kernel.name)).toEqual([]);
}

// The project's benchmark, in the browser: load, prompts, decode, each kernel beside the ceilings.
import type { DeviceRequest, Dtype } from '../../src/api.ts';
import { answer } from '../../src/engine/questions/answers.ts';
import { GPT2 } from '../../src/engine/gpt2.ts';
import type { Encoder } from '../../src/gpu/device.ts';
import type { WebGpuDevice } from '../../src/gpu/webgpu/device.ts';
import type { Dispatch } from '../../src/gpu/webgpu/submit.ts';
import { readConfigFile } from '../../src/model/configFile.ts';
import { encodePass } from '../../src/model/forward.ts';
import { Reruns } from '../../src/model/rerun.ts';
import { Session } from '../../src/model/session.ts';
import { openDevice } from '../../src/engine/load/openDevice.ts';
import type { ProcessorOptions } from '../../src/engine/load/processor.ts';
import { type Recipe, recipeSource } from './hashModel.ts';
import { type Ceilings, probeCeilings } from './probes.ts';

export interface BenchOptions {
  readonly device: DeviceRequest;
  readonly processor?: ProcessorOptions;
  readonly dtype: Dtype;
  /** Decode steps timed one by one. */
  readonly steps: number;
  /** Leaves the table of kernels out. */
  readonly quick?: boolean;
}

export interface KernelTime {
  /** `decode` or `prompt 64`. */
  readonly phase: string;
  readonly kernel: string;
  /** What it works on: the weight's name without its layer. */
  readonly on: string;
  readonly calls: number;
  readonly ms: number;
  /** Weight bytes read, in 10⁹ a second. */
  readonly GBps: number;
  readonly gflops: number;
}

export interface BenchResult {
  readonly model: string;
  readonly device: string;
  readonly adapter: string;
  readonly isSoftware: boolean;
  readonly dtype: Dtype;
  readonly parameters: number;
  readonly loadMs: number;
  readonly prompt16Ms: number;
  readonly prompt64Ms: number;
  /** Median of one step with the logits read back, at a context of 64 and more. */
  readonly decodeMs: number;
  readonly decodeBestMs: number;
  readonly tokensPerSecond: number;
  /** Answers about 128 tokens (or the context) that are in the cache. */
  readonly looking: LookingTimes;
  readonly kernels: readonly KernelTime[];
}

export interface LookingTimes {
  /** Where one token looks, in every head. */
  readonly attentionRowsMs: number;
  /** One head's whole map. */
  readonly headMapMs: number;
  /** Every head's thumbnail and scores. */
  readonly atlasMs: number;
  /** One head of the first layer, swept; the others take less. */
  readonly sweptHeadMs: number;
}

/** Ceilings of the adapter, or null where there is none. */
export async function benchCeilings(): Promise<Ceilings | null> {
  const device = await openDevice('webgpu').catch(() => null);
  if (!device) return null;
  try {
    return await probeCeilings((device as WebGpuDevice).gpu);
  } finally {
    device.dispose();
  }
}

/** Benchmarks the model in the folder at `url`; a `recipe.json` there stands for weights. */
export async function benchModel(url: string, options: BenchOptions): Promise<BenchResult> {
  const loadStart = performance.now();
  const model = await loadModel(url, options);
  await model.gpt.device.idle();
  const loadMs = performance.now() - loadStart;
  try {
    const prompt16Ms = await promptMs(model, 16);
    const prompt64Ms = await promptMs(model, 64);
    const looking = await lookingTimes(model);
    const session = new Session(model.gpt, { capacity: Math.min(256, model.config.nCtx) });
    const times: number[] = [];
    const kernels: KernelTime[] = [];
    try {
      await session.append([someIds(model, 64)], { lastLogits: true });
      for (let i = 0; i < options.steps; i++) {
        const start = performance.now();
        await session.append([someIds(model, 1)], { lastLogits: true });
        times.push(performance.now() - start);
      }
      if (!options.quick && model.device.kind === 'webgpu') {
        session.truncate(64);
        kernels.push(...(await kernelTimes(session, 'decode', 1)));
        session.truncate(0);
        kernels.push(...(await kernelTimes(session, 'prompt 64', 64)));
      }
    } finally {
      session.dispose();
    }
    times.sort((a, b) => a - b);
    const decodeMs = times[Math.floor(times.length / 2)];
    return {
      model: model.summary.name,
      device: model.device.kind,
      adapter: model.device.kind === 'cpu' ? model.device.description : model.device.label,
      isSoftware: model.device.isSoftware,
      dtype: model.summary.dtype,
      parameters: model.summary.parameterCount,
      loadMs,
      prompt16Ms,
      prompt64Ms,
      decodeMs,
      decodeBestMs: times[0],
      tokensPerSecond: 1000 / decodeMs,
      looking,
      kernels,
    };
  } finally {
    await model.dispose();
  }
}

async function loadModel(url: string, { device, dtype, processor }: BenchOptions): Promise<GPT2> {
  const recipe = await fetch(`${url}recipe.json`);
  if (!recipe.ok) return GPT2.from_pretrained(url, { device, dtype, processor });
  const opened = await openDevice(device, { processor });
  return GPT2.from_source(recipeSource((await recipe.json()) as Recipe), {
    device: opened,
    ownsDevice: true,
    name: 'gpt2-124m-hash',
    file: readConfigFile({ model_type: 'gpt2', n_head: 12 }),
    dtype,
  });
}

function someIds(model: GPT2, count: number): number[] {
  return Array.from({ length: count }, (_, i) => (i * 7919 + 13) % model.config.vocabSize);
}

/** Best of two, after one to warm up: reading a prompt up to the logits of its last token. */
async function promptMs(model: GPT2, tokens: number): Promise<number> {
  const session = new Session(model.gpt, { capacity: tokens });
  let best = Infinity;
  try {
    for (let i = 0; i < 3; i++) {
      session.truncate(0);
      const start = performance.now();
      await session.append([someIds(model, tokens)], { lastLogits: true });
      if (i > 0) best = Math.min(best, performance.now() - start);
    }
  } finally {
    session.dispose();
  }
  return best;
}

/** Best of three, after one to warm up. */
async function lookingTimes(model: GPT2): Promise<LookingTimes> {
  const ids = someIds(model, Math.min(128, model.config.nCtx));
  const best = async (work: () => Promise<unknown>): Promise<number> => {
    let ms = Infinity;
    for (let i = 0; i < 4; i++) {
      const start = performance.now();
      await work();
      if (i > 0) ms = Math.min(ms, performance.now() - start);
    }
    return ms;
  };
  const session = new Session(model.gpt, { capacity: ids.length });
  try {
    await session.append([ids]);
    const reruns = new Reruns(session);
    await reruns.prepare();
    const filled = (width: number): Float32Array =>
      new Float32Array(ids.length * width).map((_, i) => (i % 7) / 7);
    const inputs = {
      residual: filled(model.config.nEmbd),
      heads: filled(model.gpt.widths.heads),
    };
    return {
      attentionRowsMs: await best(() =>
        answer(model, 'attentionRows', { ids, query: ids.length - 1 }),
      ),
      headMapMs: await best(() => answer(model, 'attention', { ids, layer: 0, head: 0 })),
      atlasMs: await best(() => answer(model, 'atlas', { ids, cells: 32 })),
      sweptHeadMs: await best(() => reruns.run(0, inputs)),
    };
  } finally {
    session.dispose();
  }
}

/** Replays the dispatches of one pass, kernel by kernel, often enough to time them. */
async function kernelTimes(session: Session, phase: string, tokens: number): Promise<KernelTime[]> {
  const { model, length: start } = session;
  const device = model.device as WebGpuDevice;
  const recorded = device.record((enc: Encoder) =>
    encodePass(enc, model, session.pass({ tokens, start }, { lastLogits: true })),
  );
  const groups = new Map<string, Dispatch[]>();
  for (const dispatch of recorded) {
    const weight = dispatch.tensors.weight?.label ?? dispatch.tensors.wte?.label ?? '';
    const on = weight
      .replace(/^transformer\./, '')
      .replace(/\.\d+\./, '.*.')
      .replace(/\[.*/, '');
    const key = `${dispatch.kernel.name}|${dispatch.kernel.name.startsWith('layerNorm') ? '' : on}`;
    groups.set(key, [...(groups.get(key) ?? []), dispatch]);
  }
  const times: KernelTime[] = [];
  for (const [key, dispatches] of groups) {
    const [kernel, on] = key.split('|');
    const once = await device.replay(dispatches, 1);
    const repeats = Math.max(2, Math.min(200, Math.ceil(0.2 / once)));
    const seconds = (await device.replay(dispatches, repeats)) / repeats;
    let bytes = 0;
    let operations = 0;
    for (const { kernel: k, tensors, params } of dispatches) {
      if (!k.name.startsWith('mat')) continue;
      const { rows } = params;
      bytes += tensors.weight.sizeBytes;
      operations += 2 * rows * tensors.weight.shape[0] * tensors.weight.shape[1];
    }
    times.push({
      phase,
      kernel,
      on,
      calls: dispatches.length,
      ms: seconds * 1000,
      GBps: bytes / seconds / 1e9,
      gflops: operations / seconds / 1e9,
    });
  }
  return times.toSorted((a, b) => b.ms - a.ms);
}

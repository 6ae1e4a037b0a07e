// What `npm run bench:peers` trains inside the page: this engine, @genai-fi/nanogpt, and a GPT written with tfjs' own
// operations. The last two are no dependencies of the repository, and are imported from wherever they are served.
import type { DeviceRequest } from '../../src/api.ts';
import { openDevice } from '../../src/engine/load/openDevice.ts';
import type { ProcessorOptions } from '../../src/engine/load/processor.ts';
import type { Batch } from '../../src/model/training/trainer.ts';
import { createTfjsGpt } from './tfjsGpt.ts';
import {
  ADAM_W,
  LEARNING_RATE,
  TRAINING_SHAPES,
  createTrainer,
  trainingBatch,
  trainingWeights,
} from './trainingRig.ts';

const SHAPE = TRAINING_SHAPES.small;

/** What is trained, for whoever trains the same outside of a page. */
export function sizes(): Record<string, number> {
  const { config, batch, tokens } = SHAPE;
  const { nLayer: layers, nHead: heads, nEmbd: channels, vocabSize: vocabulary } = config;
  return { layers, heads, channels, vocabulary, batch, tokens };
}

interface Learner {
  /** What computes, in its own words. */
  readonly description: string;
  /** One step of AdamW; the loss before it, once the step is done. */
  step(batch: Batch): Promise<number>;
  /** The loss alone. */
  readonly evaluate?: (batch: Batch) => Promise<number>;
}

const learners = new Map<string, Learner>();

function learner(name: string): Learner {
  const found = learners.get(name);
  if (!found) throw new Error(`Nobody was loaded as ${name}.`);
  return found;
}

/** This engine's trainer, under `name`. */
export async function loadOurs(
  name: string,
  wish: DeviceRequest,
  processor?: ProcessorOptions,
): Promise<void> {
  const device = await openDevice(wish, { processor });
  const trainer = await createTrainer(device, SHAPE);
  learners.set(name, {
    get description() {
      const { kind, label, description } = device.summary;
      return kind === 'cpu' ? description : `WebGPU, ${label}`;
    },
    step: async (batch) => (await trainer.step([batch], LEARNING_RATE)).loss,
    async evaluate(batch) {
      const { sum, count } = await trainer.evaluate(batch);
      return sum / count;
    },
  });
}

/** tfjs from its bundles at `urls`, on its WebGPU backend, with the same weights as ours. */
export async function loadTfjs(name: string, urls: readonly string[]): Promise<void> {
  for (const url of urls) await loadScript(url);
  const { tf } = globalThis as unknown as { tf: Parameters<typeof createTfjsGpt>[0] };
  await tf.setBackend('webgpu');
  await tf.ready();
  const step = await createTfjsGpt(tf, SHAPE, trainingWeights(SHAPE.config), {
    ...ADAM_W,
    learningRate: LEARNING_RATE,
  });
  learners.set(name, { description: `its ${tf.getBackend()} backend`, step });
}

function loadScript(url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const script = document.createElement('script');
    script.src = url;
    script.onload = (): void => resolve();
    script.onerror = (): void => reject(new Error(`${url} could not be loaded.`));
    document.head.append(script);
  });
}

/** What is used of @genai-fi/nanogpt, in which tfjs is built in. */
interface NanoGpt {
  readonly model: new (config: Record<string, unknown>) => unknown;
  readonly trainer: new (
    model: unknown,
    tokenizer: unknown,
    config: Record<string, unknown>,
  ) => {
    readonly datasetBuilder: {
      createTextDataset(
        store: unknown,
        options: { batchSize: number; noShuffle: boolean },
      ): Promise<{ dataset: { iterator(): Promise<AsyncIterator<Windows>> } }>;
    };
    configure(options: Record<string, unknown>): void;
    trainStep(state: Record<string, unknown>, batch: Windows): Scalar;
  };
}

interface Scalar {
  data(): Promise<Float32Array>;
  dispose(): void;
}

interface Windows {
  readonly xs: Scalar;
  readonly ys: Scalar;
}

/**
 * The trainer of @genai-fi/nanogpt in the folder at `base`, on its WebGPU backend with its own kernels. Its first model is
 * the one nearest to GPT-2: learned positions, a tied head; it has no biases, and norms without a mean. Weights are its
 * own, and batches come from its own reader, of the text that the others learn.
 */
export async function loadNanoGpt(name: string, base: string): Promise<void> {
  const load = async (path: string): Promise<Record<string, unknown>> =>
    (await import(/* @vite-ignore */ new URL(path, new URL(base, location.href)).href)) as Record<
      string,
      unknown
    >;
  const { selectBackend } = (await load('backend.js')) as {
    selectBackend: (name: string) => Promise<void>;
  };
  await selectBackend('webgpu');
  const Model = (await load('models/NanoGPTV1.js')).default as NanoGpt['model'];
  const PreTrainer = (await load('training/PreTrainer.js')).default as NanoGpt['trainer'];
  const { config, batch, tokens } = SHAPE;
  const { vocabSize, nLayer, nHead, nEmbd: nEmbed } = config;
  const shape = { vocabSize, blockSize: tokens, nLayer, nHead, nEmbed, mlpFactor: 4 };
  const model = new Model({ ...shape, modelType: 'GenAI_NanoGPT_v1', useRope: false });
  const { beta1, beta2, epsilon, weightDecay, maxGradNorm: clipNorm } = ADAM_W;
  const optimiser = { learningRate: LEARNING_RATE, beta1, beta2, epsilon, weightDecay, clipNorm };
  const trainer = new PreTrainer(model, null, { ...optimiser, warmupSteps: 0 });
  trainer.configure({
    method: { type: 'pretraining' },
    batchSize: batch,
    learningRate: LEARNING_RATE,
  });
  const text = textOf(64);
  const store = {
    shardSize: text.length,
    getTokenCount: () => text.length,
    getShardCount: () => 1,
    getShardLength: () => text.length,
    getShard: () => Promise.resolve(text),
    hasMask: () => false,
  };
  const { dataset } = await trainer.datasetBuilder.createTextDataset(store, {
    batchSize: batch,
    noShuffle: true,
  });
  const windows = await dataset.iterator();
  learners.set(name, {
    description: 'its WebGPU backend, its own kernels',
    async step() {
      const next = await windows.next();
      if (next.done) throw new Error(`${name} has no more text.`);
      const loss = trainer.trainStep({}, next.value);
      const [value] = await loss.data();
      for (const tensor of [next.value.xs, next.value.ys, loss]) tensor.dispose();
      return value;
    },
  });
}

/** So many windows of the text one after the other. */
function textOf(windows: number): Uint16Array {
  const text = new Uint16Array(windows * SHAPE.tokens + 1);
  for (let w = 0; w < windows; w++) {
    const { ids } = trainingBatch({ ...SHAPE, batch: 1 }, w);
    text.set(ids, w * SHAPE.tokens);
  }
  return text;
}

export function describe(name: string): string {
  return learner(name).description;
}

export interface TimedStep {
  readonly ms: number;
  readonly loss: number;
}

/** One step over windows that are drawn from `seed`. */
export async function timeStep(name: string, seed: number): Promise<TimedStep> {
  return timed(trainingBatch(SHAPE, seed), (batch) => learner(name).step(batch));
}

/** The same windows without a step: the way forward and the loss. */
export async function timeForward(name: string, seed: number): Promise<TimedStep> {
  const { evaluate } = learner(name);
  if (!evaluate) throw new Error(`${name} computes no loss alone.`);
  return timed(trainingBatch(SHAPE, seed), evaluate);
}

async function timed(batch: Batch, work: (batch: Batch) => Promise<number>): Promise<TimedStep> {
  const start = performance.now();
  const loss = await work(batch);
  return { ms: performance.now() - start, loss };
}

// A model to train in benchmarks: sizes, weights that are drawn the same everywhere, and windows of text to learn.
import type { TensorSource } from '../../src/formats/tensorSource.ts';
import type { Device, Encoder, Traits } from '../../src/gpu/device.ts';
import { fillParameters } from '../../src/model/checkpoint.ts';
import { type GptConfig, PRESETS } from '../../src/model/config.ts';
import { HUGGING_FACE } from '../../src/model/layouts.ts';
import { parameterTable } from '../../src/model/parameters.ts';
import type { Dropout } from '../../src/model/training/dropout.ts';
import { type Batch, Trainer } from '../../src/model/training/trainer.ts';
import { recipeSource } from './hashModel.ts';
import { lowbias32 } from './random.ts';

/** What is trained: B windows of T tokens a step. */
export interface TrainingShape {
  readonly config: GptConfig;
  readonly batch: number;
  readonly tokens: number;
}

function shapeOf(
  batch: number,
  tokens: number,
  sizes: Pick<GptConfig, 'nLayer' | 'nHead' | 'nEmbd' | 'vocabSize'>,
): TrainingShape {
  const config = { ...PRESETS.gpt2, ...sizes, nCtx: tokens, nInner: 4 * sizes.nEmbd };
  return { config, batch, tokens };
}

/** `small` is what other trainers in browsers are measured at; `tales-7m` is the page's own model. */
export const TRAINING_SHAPES = {
  small: shapeOf(8, 128, { nLayer: 4, nHead: 4, nEmbd: 128, vocabSize: 128 }),
  'tales-7m': shapeOf(8, 256, { nLayer: 12, nHead: 12, nEmbd: 192, vocabSize: 8192 }),
} as const satisfies Readonly<Record<string, TrainingShape>>;

export type TrainingShapeName = keyof typeof TRAINING_SHAPES;

/** AdamW as every trainer that is measured is told to do it. */
export const ADAM_W = {
  beta1: 0.9,
  beta2: 0.99,
  epsilon: 1e-8,
  weightDecay: 0.1,
  maxGradNorm: 1,
  decay: 'nanogpt',
} as const;
export const LEARNING_RATE = 1e-3;

/** Parameters under Hugging Face's names: weights N-like with deviation 0.02, norms about 1, biases not 0. */
export function trainingWeights(config: GptConfig, seed = 20): TensorSource {
  return recipeSource({
    seed,
    tensors: parameterTable(config).map(({ path, kind, shape }) => ({
      name: HUGGING_FACE.namesOf(path)[0],
      shape: kind === 'matrix' ? shape.toReversed() : shape,
      mean: kind === 'norm' && path.endsWith('.weight') ? 1 : 0,
      std: 0.02,
    })),
  });
}

/** Windows of a text in which every token says much about the next: there is something to learn. */
export function trainingBatch({ config, batch, tokens }: TrainingShape, seed: number): Batch {
  const ids = new Uint32Array(batch * tokens);
  const targets = new Uint32Array(batch * tokens);
  for (let b = 0; b < batch; b++) {
    let id = lowbias32(seed * 4096 + b) % config.vocabSize;
    for (let t = 0; t < tokens; t++) {
      const i = b * tokens + t;
      ids[i] = id;
      id = (5 * id + 1 + (lowbias32(seed * 65_536 + i) % 4)) % config.vocabSize;
      targets[i] = id;
    }
  }
  return { ids, targets };
}

/** A trainer on `device` with those weights, and everything compiled that a step needs. */
export async function createTrainer(
  device: Device,
  { config, batch, tokens }: TrainingShape,
  dropout: number | Dropout = 0,
): Promise<Trainer> {
  const trainer = new Trainer(device, config, {
    batch,
    tokens,
    optimiser: ADAM_W,
    dropout:
      typeof dropout === 'number' ? { embd: dropout, attn: dropout, resid: dropout } : dropout,
  });
  const { parameters } = trainer.trainables;
  await fillParameters(trainer.arena, parameters, trainingWeights(config), HUGGING_FACE, config);
  await trainer.prepare();
  return trainer;
}

/** What an encoder was asked to run, and in how many submits. */
export interface Recorded {
  readonly dispatches: { readonly at: string; readonly call: Parameters<Encoder['dispatch']> }[];
  submits: number;
}

/** The device, with everything noted that its encoders are asked for; `traits` may be others, to choose other kernels. */
export function noting(
  device: Device,
  traits: Partial<Traits> = {},
): { device: Device; recorded: Recorded } {
  const recorded: Recorded = { dispatches: [], submits: 0 };
  const seen = { ...device.traits, ...traits };
  const createEncoder = (): Encoder => {
    const encoder = device.createEncoder();
    let at: string[] = [];
    return {
      traits: seen,
      dispatch(...call) {
        recorded.dispatches.push({
          at: at.join('.'),
          call,
        });
        encoder.dispatch(...call);
      },
      copy: (...args) => encoder.copy(...args),
      clear: (tensor) => encoder.clear(tensor),
      within(name, record) {
        const before = at;
        at = [...at, name];
        try {
          return encoder.within(name, record);
        } finally {
          at = before;
        }
      },
      read: (...args) => encoder.read(...args),
      readU32: (...args) => encoder.readU32(...args),
      submit(signal) {
        recorded.submits++;
        encoder.submit(signal);
      },
    };
  };
  return {
    recorded,
    // The summary of a processor is read anew each time.
    device: Object.create(device, {
      traits: { value: seen },
      createEncoder: { value: createEncoder },
    }) as Device,
  };
}

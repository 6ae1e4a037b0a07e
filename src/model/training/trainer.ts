// A model that learns: one step of AdamW after the other, over batches that somebody brings. What text they come from, how
// large steps are, when to stop and what to keep is the loop's matter (engine/training).
import { EngineError } from '../../errors.ts';
import type { Arena, Device, Encoder, Tensor } from '../../gpu/device.ts';
import { adamW } from '../../kernels/adamW.ts';
import { groupByToken } from '../../kernels/embeddingBackward.ts';
import { gradientNorm, partialSums } from '../../kernels/gradientNorm.ts';
import type { GptConfig } from '../config.ts';
import { encodeLogits } from '../forward.ts';
import { Gpt } from '../gpt.ts';
import { withoutPadding } from '../padding.ts';
import type { Parameters } from '../parameters.ts';
import { encodeBackward } from './backward.ts';
import { type StepSizes, type TrainingBuffers, createBuffers } from './buffers.ts';
import { type TrainingPass, encodeForward } from './forward.ts';
import { encodeLoss } from './loss.ts';
import {
  type Dropout,
  type Masks,
  NO_DROPOUT,
  createGivenMasks,
  createPhiloxMasks,
  drops,
} from './dropout.ts';
import type { Adapters } from './lora/adapterPass.ts';
import {
  type DecayRule,
  type Trainables,
  type Trained,
  allParameters,
  createTrainables,
} from './pools.ts';

/** AdamW as PyTorch has it. Source: Loshchilov & Hutter 2017, arXiv:1711.05101. */
export interface OptimiserOptions {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  /** Gradients are scaled down to this global norm where theirs is larger; 0 leaves them as they are. */
  readonly maxGradNorm: number;
  readonly decay: DecayRule;
}

export interface TrainerOptions {
  /** Windows of a micro-batch, and tokens of each. */
  readonly batch: number;
  readonly tokens: number;
  readonly optimiser: OptimiserOptions;
  readonly dropout?: Dropout;
  /** Of the dropout masks; a whole number from 0 to 2⁵³ − 1. */
  readonly seed?: number;
  /** `given`: masks come with each batch, drawn by somebody else, rather than from `seed`. */
  readonly masks?: 'philox' | 'given';
}

/** A micro-batch: B windows of T ids, and for each what comes next. */
export interface Batch {
  /** (B · T) */
  readonly ids: Uint32Array;
  /** (B · T); 0xffffffff, or any id that the model has not, where nothing is to be learned. */
  readonly targets: Uint32Array;
  /** The masks of this pass, where they are `given`. */
  readonly masks?: Uint32Array;
}

export interface StepResult {
  /** Mean cross-entropy of the step's targets, before it. */
  readonly loss: number;
  /** Of all gradients, before clipping. */
  readonly gradientNorm: number;
}

/** Multiply-adds that one submit holds at most, about: a software adapter has no more time, if a page is to breathe. */
const SUBMIT_WORK = { imitated: 2e8, real: 1e10 } as const;

/** What a step learns: which parameters, and in which model. */
export interface Lesson<P> {
  readonly config: GptConfig;
  readonly trained: Trained<P>;
  /** Whether it drops anything besides what `TrainerOptions.dropout` says. */
  readonly drops?: boolean;
  /** Called once, with memory for what trains: `weights` owns that, `working` is for what a step works in. */
  begin(
    trainables: Trainables<P>,
    arenas: { readonly weights: Arena; readonly working: Arena },
    sizes: StepSizes,
  ): TrainedModel;
}

/** The model that is read forward, and what learns on the way back. */
export interface TrainedModel {
  readonly model: Gpt;
  /** Of the model's own parameters; null where they are frozen. */
  readonly gradients: Parameters | null;
  /** Null where the model has none. */
  readonly adapters: Adapters | null;
}

/**
 * Takes steps of AdamW, whatever it is that trains: all parameters (`Trainer`), or the factors of a LoRA (`LoraTrainer`).
 * Throws `device/out-of-memory`. Dispose it when done.
 */
export class AnyTrainer<P> {
  /** An ordinary model, to read with at any time between two steps; what adapters add is not in it. */
  readonly model: Gpt;
  readonly trainables: Trainables<P>;
  readonly options: TrainerOptions;
  /** Owner of the weights that train. */
  readonly arena: Arena;
  /** Owner of gradients and moments. */
  readonly #learning: Arena;
  readonly #device: Device;
  readonly #working: Arena;
  readonly #buffers: TrainingBuffers;
  readonly #gradients: Parameters | null;
  readonly #adapters: Adapters | null;
  /** Partial sums of the gradient's norm; the norm, and what clipping multiplies by. */
  readonly #partials: Tensor;
  readonly #scalars: Tensor;
  readonly #masks: Masks | null;
  readonly #given: ReturnType<typeof createGivenMasks> | null;
  /** Steps done, and passes through the model with dropout. */
  #steps = 0;
  #microSteps = 0;

  constructor(device: Device, lesson: Lesson<P>, options: TrainerOptions) {
    this.options = options;
    this.#device = device;
    const { config, trained } = lesson;
    const { batch, tokens, optimiser, dropout = NO_DROPOUT } = options;
    if (tokens > config.nCtx) {
      throw new EngineError(
        `A window of ${tokens} tokens is longer than the model's context of ${config.nCtx}.`,
        { code: 'training/window', hint: 'Make windows shorter, or the context longer.' },
      );
    }
    this.arena = device.createArena('parameters');
    this.#learning = device.createArena('training');
    this.#working = device.createArena('training activations');
    const [weights, working] = [this.arena, this.#working];
    try {
      const sizes = { batch, tokens, drops: drops(dropout) };
      this.trainables = createTrainables(device, weights, this.#learning, trained, optimiser.decay);
      const { pools } = this.trainables;
      const begun = lesson.begin(this.trainables, { weights, working }, sizes);
      this.model = begun.model;
      this.#gradients = begun.gradients;
      this.#adapters = begun.adapters;
      const sums = partialSums(pools.map(({ gradients }) => gradients));
      this.#partials = working.zeros('partials', [sums], 'f32');
      this.#scalars = working.zeros('scalars', [4], 'f32');
      this.#buffers = createBuffers(device, working, config, sizes);
      this.#given =
        options.masks === 'given' ? createGivenMasks(working, config, sizes, dropout) : null;
      const isDropping = sizes.drops || lesson.drops === true;
      this.#masks =
        this.#given ?? (isDropping ? createPhiloxMasks(working, config, sizes, dropout) : null);
    } catch (error) {
      this.release();
      this.arena.dispose();
      throw error;
    }
  }

  /** Steps done so far. */
  get steps(): number {
    return this.#steps;
  }

  /** Where the masks' generator stands: passes with dropout so far. */
  get microSteps(): number {
    return this.#microSteps;
  }

  /** Goes on where another run stood; weights and moments are written by whoever has them. */
  resume(steps: number, microSteps: number): void {
    this.#steps = steps;
    this.#microSteps = microSteps;
  }

  /** Bytes that it took: weights that train, gradients and moments; and what a step works in. */
  get sizeBytes(): number {
    return this.arena.sizeBytes + this.#learning.sizeBytes + this.#working.sizeBytes;
  }

  /** Why nothing can be computed with it, or null: a GPU says only later that it has no memory. */
  get failure(): EngineError | null {
    return this.arena.failure ?? this.#learning.failure ?? this.#working.failure;
  }

  /** One step over one micro-batch or several. What it resolves with was measured before the weights changed. */
  async step(batches: readonly Batch[], learningRate: number): Promise<StepResult> {
    const scale = 1 / batches.reduce((sum, { targets }) => sum + this.#counted(targets), 0);
    const enc = this.#device.createEncoder();
    const losses: Promise<Float32Array>[] = [];
    batches.forEach((batch, i) => {
      const pass = this.#pass(enc, batch, true);
      this.#encodeBothWays(pass, scale, i > 0, this.#group(batch.ids));
      losses.push(enc.read(this.#buffers.loss, 0, batch.ids.length));
      enc.submit();
    });
    this.#update(enc, learningRate);
    const reading = enc.read(this.#scalars, 0, 1);
    enc.submit();
    this.#steps++;
    const [[norm], ...rows] = await Promise.all([reading, ...losses]);
    return { loss: rows.reduce((sum, row) => sum + total(row), 0) * scale, gradientNorm: norm };
  }

  /** Loss of a batch without dropout, and nothing learned from it: the sum over its targets, and how many they are. */
  async evaluate(batch: Batch): Promise<{ readonly sum: number; readonly count: number }> {
    const count = this.#counted(batch.targets);
    const enc = this.#device.createEncoder();
    const pass = this.#pass(enc, batch, false);
    encodeForward(pass);
    encodeLoss(pass, { scale: 1, wayBack: null });
    const reading = enc.read(this.#buffers.loss, 0, batch.ids.length);
    enc.submit();
    return { sum: total(await reading), count };
  }

  /** Logits of a batch, (B · T, V), with dropout where `drops`: what a training pass computes on its way to the loss. */
  async logits(batch: Batch, withDropout: boolean): Promise<Float32Array> {
    const { vocabSize } = this.model.config;
    const { logits, final } = this.#buffers;
    const enc = this.#device.createEncoder();
    const pass = this.#pass(enc, batch, withDropout);
    encodeForward(pass);
    const rows = batch.ids.length;
    const found = new Float32Array(rows * vocabSize);
    const [step, stride] = logits.shape;
    for (let start = 0; start < rows; start += step) {
      const count = Math.min(step, rows - start);
      encodeLogits(enc, this.model, final, logits, { rows: count, xStart: start });
      const reading = enc.read(logits, 0, count * stride);
      enc.submit();
      found.set(withoutPadding(await reading, count, stride, vocabSize), start * vocabSize);
    }
    return found;
  }

  /** Compiles what a step needs, so that the first is not slower than the others. */
  async prepare(): Promise<void> {
    const { batch, tokens } = this.options;
    const ids = new Uint32Array(batch * tokens);
    const microSteps = this.#microSteps;
    await this.#device.prepare((enc) => {
      const pass = { ...this.#pass(enc, { ids, targets: ids }, true), onPiece: undefined };
      this.#encodeBothWays(pass, 1, false, 1);
      this.#update(enc, 0);
    });
    // Nothing ran: a run that goes on draws the masks that come next.
    this.#microSteps = microSteps;
  }

  /** The gradient of the loss, times `scale`, with respect to everything that trains. */
  #encodeBothWays(pass: TrainingPass, scale: number, accumulate: boolean, distinct: number): void {
    const gradients = this.#gradients;
    encodeForward(pass);
    encodeLoss(pass, { scale, wayBack: { gradients, accumulate } });
    encodeBackward(pass, { gradients, accumulate, distinct });
  }

  /** The beginning of a pass over a batch, which is on the device when the pass runs. */
  #pass(enc: Encoder, { ids, targets, masks }: Batch, withDropout: boolean): TrainingPass {
    const { batch, tokens, seed = 0 } = this.options;
    if (ids.length !== batch * tokens || targets.length !== ids.length) {
      throw new Error(`A batch of ${ids.length} ids; ${batch} × ${tokens} are expected.`);
    }
    // What was submitted reads the last batch; a write lands behind it.
    this.#working.write(this.#buffers.ids, ids);
    this.#working.write(this.#buffers.targets, targets);
    if (withDropout && masks) this.#given?.write(masks);
    let work = 0;
    const most = SUBMIT_WORK[enc.traits.lanes];
    return {
      enc,
      model: this.model,
      buffers: this.#buffers,
      batch,
      tokens,
      dropout:
        withDropout && this.#masks
          ? { masks: this.#masks, moment: { seed, microStep: this.#microSteps++ } }
          : null,
      adapters: this.#adapters,
      onPiece: (done) => {
        work += done;
        if (work < most) return;
        work = 0;
        enc.submit();
      },
    };
  }

  /** Rows of the batch by token, on the device; how many tokens there are. */
  #group(ids: Uint32Array): number {
    const { order, starts, tokens } = groupByToken(ids);
    this.#working.write(this.#buffers.order, order);
    this.#working.write(this.#buffers.starts, starts);
    this.#working.write(this.#buffers.tokens, tokens);
    return tokens.length;
  }

  #update(enc: Encoder, learningRate: number): void {
    const { optimiser } = this.options;
    const [partials, scalars] = [this.#partials, this.#scalars];
    const { pools } = this.trainables;
    enc.within('optimiser', () => {
      const gradients = pools.map((pool) => pool.gradients);
      const maxNorm = optimiser.maxGradNorm;
      gradientNorm(enc, { pools: gradients, partials, scalars }, { maxNorm });
      for (const pool of pools) {
        const [count] = pool.weights.shape;
        const step = this.#steps + 1;
        const { beta1, beta2, epsilon, weightDecay } = optimiser;
        const rates = { learningRate, beta1, beta2, epsilon, weightDecay };
        adamW(enc, { ...pool, scalars }, { count, step, ...rates });
      }
    });
  }

  /** How many targets of a batch there are to learn. */
  #counted(targets: Uint32Array): number {
    const { vocabSize } = this.model.config;
    let count = 0;
    for (let i = 0; i < targets.length; i++) if (targets[i] < vocabSize) count++;
    return count;
  }

  /** Frees everything but the weights: gradients, moments, what a step works in. Idempotent. */
  protected release(): void {
    this.#working.dispose();
    this.#learning.dispose();
  }

  /** Frees all memory that it took. Idempotent. */
  dispose(): void {
    this.release();
    this.arena.dispose();
  }
}

/** Trains all parameters of a model that is its own: zeros, until somebody writes to them (`initialise`, `adopt`). */
export class Trainer extends AnyTrainer<Parameters> {
  constructor(device: Device, config: GptConfig, options: TrainerOptions) {
    const lesson: Lesson<Parameters> = {
      config,
      trained: allParameters(config),
      begin: ({ parameters, gradients }, { weights }) => ({
        model: new Gpt(device, weights, config, parameters),
        gradients,
        adapters: null,
      }),
    };
    super(device, lesson, options);
  }

  /** Ends the training: what is left is the model, which is the caller's to dispose of. */
  finish(): Gpt {
    this.release();
    return this.model;
  }

  /** Frees all memory, the model's too. Idempotent. */
  override dispose(): void {
    super.dispose();
    this.model.dispose();
  }
}

/** In double: thousands of losses lose digits else. */
function total(values: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return sum;
}

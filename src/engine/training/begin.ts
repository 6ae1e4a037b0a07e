// From what a caller asks for to a trainer that is ready for its first step.
import type { DeviceRequest, GenerationOptions } from '../../api.ts';
import { EngineError } from '../../errors.ts';
import { type JsonValue, show } from '../../json.ts';
import type { Device } from '../../gpu/device.ts';
import { type GptConfig, checkConfig } from '../../model/config.ts';
import { drops } from '../../model/training/dropout.ts';
import {
  type InitialRule,
  initialise,
  philoxInitial,
  torchInitial,
} from '../../model/training/initialise.ts';
import { type MaskPlan, drawMasks, planMasks } from '../../model/training/masks.ts';
import { type MemoryPlan, planMemory } from '../../model/training/plan.ts';
import { TorchRandom } from '../../model/training/torchRandom.ts';
import { type Batch, Trainer } from '../../model/training/trainer.ts';
import type { Tokenizer } from '../../text/tokenizer.ts';
import { openDevice } from '../load/openDevice.ts';
import type { ProcessorOptions } from '../load/processor.ts';
import { checkRun } from './checkRun.ts';
import { type CheckpointStore, type KeepLimits, lastCheckpoint } from './checkpointStore.ts';
import { restore } from './checkpoints.ts';
import { type TrainingArguments, dropoutOf, toArguments } from './options.ts';
import type { Ids } from './tokenIds.ts';
import type { LogEntry, TrainerState } from './trainerState.ts';
import { type Batches, orderedWindows, randomWindows } from './windows.ts';

/** A model that begins with this run. */
export interface NewModel {
  readonly config: GptConfig;
  /** Whose initial weights it has: `nanogpt` by default, which are GPT-2's. */
  readonly initial?: InitialRule;
}

export interface TrainOptions extends Partial<TrainingArguments> {
  readonly model: NewModel;
  /** What it learns from, and what says how well; see `readCorpus` and `splitCorpus`. */
  readonly train: Ids;
  readonly validation?: Ids | null;
  /** Null for a model that reads ids alone. */
  readonly tokenizer: Tokenizer | null;
  /** The tokenizer's files by name, for checkpoints; null for GPT-2's own. */
  readonly tokenizerFiles?: ReadonlyMap<string, string> | null;
  /**
   * Where initial weights, windows and masks come from: `philox`, functions of the seed, by default; or `torch`,
   * PyTorch's generator on a CPU, as a program in it would draw them.
   */
  readonly generator?: 'philox' | 'torch';
  /** Windows anywhere in the text, as nanoGPT; `shuffled` epochs, as transformers; or one behind the other. */
  readonly order?: 'random' | 'shuffled' | 'sequential';
  /** Where checkpoints are kept, and how many. */
  readonly checkpoints?: CheckpointStore | null;
  readonly keep?: KeepLimits;
  /** Goes on from the last checkpoint that is kept, where there is one. */
  readonly resume_from_checkpoint?: boolean;
  /** The run's own id: what it is called. */
  readonly run?: string;
  /** What the model goes on from when it writes; '' begins a text. */
  readonly prompts?: readonly string[];
  readonly sampling?: Partial<GenerationOptions>;
  readonly device?: DeviceRequest | GPUDevice;
  readonly processor?: ProcessorOptions;
  /** Aborting stops after the step in hand. */
  readonly signal?: AbortSignal;
}

/** A run that is known, and nothing of it made. */
export interface PlannedRun {
  readonly options: TrainOptions;
  readonly args: TrainingArguments;
  readonly config: GptConfig;
  readonly device: Device;
  /** Whether the device goes with the model. */
  readonly ownsDevice: boolean;
  readonly plan: MemoryPlan;
}

/** A run between two steps. */
export interface Run extends PlannedRun {
  readonly trainer: Trainer;
  /** Where batches come from, and at what they are. */
  readonly batches: Batches;
  /** PyTorch's generator, where it draws. */
  readonly random: TorchRandom | null;
  /** The next micro-batch. */
  draw(): Batch;
  /** The checkpoint that it goes on from. */
  readonly resumed: string | null;
  /** Steps whose checkpoints are known to be there, the last one last. */
  readonly kept: number[];
  readonly log: LogEntry[];
}

const DEFAULT_ORDER = 'random';
const DEFAULT_GENERATOR = 'philox';

/**
 * Checks everything that can be checked before memory is taken, and plans that. Throws `training/options`,
 * `training/text`, `training/checkpoint`, `tokens/vocabulary`, `tokenizer/byte`, `sampling/options`, `config/…`,
 * `webgpu/…`.
 */
export async function planRun(options: TrainOptions): Promise<PlannedRun> {
  const { config } = options.model;
  checkConfig(config);
  const args = toArguments(argumentsOf(options), config.nCtx);
  const { per_device_train_batch_size: batch, block_size: tokens } = args;
  await checkRun(options, args, config);
  const { device: wish, processor } = options;
  const device = await openDevice(wish, { processor });
  try {
    const plan = planMemory(device, config, {
      batch,
      tokens,
      accumulation: args.gradient_accumulation_steps,
      dropout: dropoutOf(args),
      decay: args.decay,
      masks: options.generator === 'torch' ? 'given' : 'philox',
    });
    return { options, args, config, device, ownsDevice: true, plan };
  } catch (error) {
    device.dispose();
    throw error;
  }
}

/** What of the options are arguments of the run. */
function argumentsOf(options: TrainOptions): Partial<TrainingArguments> {
  const {
    model: _model,
    train: _train,
    validation: _validation,
    tokenizer: _tokenizer,
    tokenizerFiles: _files,
    generator: _generator,
    order: _order,
    checkpoints: _checkpoints,
    keep: _keep,
    resume_from_checkpoint: _resume,
    run: _run,
    prompts: _prompts,
    sampling: _sampling,
    device: _device,
    processor: _processor,
    signal: _signal,
    ...args
  } = options;
  return args;
}

/**
 * Takes the memory, and puts the first weights there, or those of the last checkpoint. Throws
 * `device/out-of-memory`, `training/checkpoint`, the signal's reason; nothing stays allocated then.
 */
export async function beginRun(planned: PlannedRun): Promise<Run> {
  const { options, args, config, device } = planned;
  const { per_device_train_batch_size: batch, block_size: tokens, seed } = args;
  const { generator = DEFAULT_GENERATOR, order = DEFAULT_ORDER, model, signal } = options;
  const dropout = dropoutOf(args);
  const size = { batch, tokens };
  const trainer = new Trainer(device, config, {
    ...size,
    seed,
    dropout,
    masks: generator === 'torch' ? 'given' : 'philox',
    optimiser: {
      beta1: args.adam_beta1,
      beta2: args.adam_beta2,
      epsilon: args.adam_epsilon,
      weightDecay: args.weight_decay,
      maxGradNorm: args.max_grad_norm,
      decay: args.decay,
    },
  });
  try {
    const checkpoint = options.resume_from_checkpoint
      ? await lastCheckpoint(options.checkpoints ?? noStore())
      : null;
    let random = generator === 'torch' ? new TorchRandom(seed) : null;
    let position = 0;
    const log: LogEntry[] = [];
    if (checkpoint) {
      const state = await restore(trainer, checkpoint, signal);
      checkSameRun(state.options, optionsToKeep(planned), checkpoint.name);
      if (random) random = generatorOf(state, checkpoint.name);
      position = positionOf(state, checkpoint.name);
      log.push(...state.log);
    } else {
      const draws = random ? torchInitial(random) : philoxInitial(seed);
      const { arena, trainables } = trainer;
      const rule = model.initial ?? 'nanogpt';
      await initialise(arena, trainables.parameters, config, rule, draws, undefined, signal);
    }
    const batches =
      order === 'random'
        ? randomWindows(options.train, size, { seed, ...(random ? { draws: random } : {}) })
        : orderedWindows(options.train, size, order === 'shuffled' ? { seed } : {});
    batches.position = position;
    const masks = random && drops(dropout) ? planMasks(config, size, dropout) : null;
    await trainer.prepare();
    await device.idle();
    if (trainer.failure) throw trainer.failure;
    const resumed = checkpoint?.name ?? null;
    const draw = (): Batch => drawBatch(batches, random, masks);
    const kept = checkpoint ? [checkpoint.step] : [];
    return { ...planned, trainer, batches, random, draw, resumed, kept, log };
  } catch (error) {
    trainer.dispose();
    throw error;
  }
}

/** Where PyTorch's generator stood. Throws `training/checkpoint`. */
function generatorOf({ generator }: TrainerState, name: string): TorchRandom {
  if (generator) return TorchRandom.restore(generator);
  throw damaged(name, "where PyTorch's generator stood");
}

/** Batches drawn. Throws `training/checkpoint`. */
function positionOf({ position }: TrainerState, name: string): number {
  if (Number.isSafeInteger(position) && Number(position) >= 0) return Number(position);
  throw damaged(name, 'how many batches were drawn');
}

function damaged(name: string, what: string): EngineError {
  return new EngineError(`${name} does not say ${what}.`, {
    code: 'training/checkpoint',
    hint: 'Go on from the checkpoint before it.',
  });
}

/** In PyTorch's order: windows first, then the pass draws its masks. */
function drawBatch(batches: Batches, random: TorchRandom | null, masks: MaskPlan | null): Batch {
  const batch = batches.next();
  return random && masks ? { ...batch, masks: drawMasks(random, masks) } : batch;
}

function noStore(): never {
  throw new EngineError('There is no store of checkpoints to go on from.', {
    code: 'training/options',
    hint: 'Name the store that the run has kept its checkpoints in (checkpoints).',
  });
}

/** What a checkpoint says of how its run was asked for. */
export function optionsToKeep({ args, options }: PlannedRun): Record<string, JsonValue> {
  return {
    ...(args as unknown as Record<string, JsonValue>),
    generator: options.generator ?? DEFAULT_GENERATOR,
    order: options.order ?? DEFAULT_ORDER,
    train_tokens: options.train.length,
  };
}

/** What decides which batch and which mask comes next: with another value, a run that goes on is another run. */
const SAME = [
  'seed',
  'generator',
  'order',
  'train_tokens',
  'block_size',
  'per_device_train_batch_size',
  'gradient_accumulation_steps',
] as const;

function checkSameRun(
  stored: Readonly<Record<string, JsonValue>>,
  own: Readonly<Record<string, JsonValue>>,
  name: string,
): void {
  const other = SAME.find((key) => stored[key] !== own[key]);
  if (other === undefined) return;
  throw new EngineError(
    `${name} is of a run with ${other} ${show(stored[other])}; this one has ${show(own[other])}.`,
    {
      code: 'training/checkpoint',
      hint: `Give ${other} as it was, or begin a run of its own from the checkpoint's weights.`,
    },
  );
}

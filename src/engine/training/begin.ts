// From what a caller asks for to a trainer that is ready for its first step.
import type { DeviceRequest, GenerationOptions } from '../../api.ts';
import { EngineError } from '../../errors.ts';
import { type JsonValue, show } from '../../json.ts';
import type { Device } from '../../gpu/device.ts';
import { type GptConfig, checkConfig } from '../../model/config.ts';
import { drops } from '../../model/training/dropout.ts';
import { type Initial, type InitialRule, philoxInitial } from '../../model/training/initialise.ts';
import type { LoraConfig } from '../../model/training/lora/loraConfig.ts';
import { type MaskPlan, drawMasks, planMasks } from '../../model/training/masks.ts';
import { type MemoryPlan, planMemory } from '../../model/training/plan.ts';
import type { TorchRandom, TorchRandomState } from '../../model/training/torchRandom.ts';
import type { Batch, TrainerOptions } from '../../model/training/trainer.ts';
import type { Tokenizer } from '../../text/tokenizer.ts';
import type { GPT2 } from '../gpt2.ts';
import type { ProcessorOptions } from '../load/processor.ts';
import { checkRun, claimStore } from './checkRun.ts';
import {
  type CheckpointStore,
  type KeepLimits,
  type StoredCheckpoint,
  lastCheckpoints,
} from './checkpointStore.ts';
import type { NoticeEvent } from './events.ts';
import { type FirstWeights, type Learner, deviceOf, isLoaded, wholeLearner } from './learner.ts';
import { type TrainingArguments, dropoutOf, toArguments } from './options.ts';
import type { ScheduleOptions } from './schedule.ts';
import { type Ids, identityOf } from './tokenIds.ts';
import type { LogEntry, TrainerState } from './trainerState.ts';
import { type Batches, orderedWindows, randomWindows } from './windows.ts';

/** A model that begins with this run. */
export interface NewModel {
  readonly config: GptConfig;
  /** Whose initial weights it has: `nanogpt` by default, which are GPT-2's. */
  readonly initial?: InitialRule;
  /** Standard deviation of what `mingpt` and `nanogpt` draw; 0.02 by default. */
  readonly initializer_range?: number;
  /** Weights that it begins with in place of such: another model's of this shape. */
  readonly first?: FirstWeights;
}

export interface TrainOptions extends Partial<TrainingArguments> {
  /** A new one, or a loaded one to go on with: that stays as it is, on its device, and what learns begins as it. */
  readonly model: NewModel | GPT2;
  /** Trains an adapter of the loaded model in place of all its parameters; what is left out is PEFT's (`LORA_DEFAULTS`). */
  readonly lora?: Partial<LoraConfig>;
  /** What it learns from, and what says how well; see `readCorpus` and `splitCorpus`. */
  readonly train: Ids;
  readonly validation?: Ids | null;
  /** Null for a model that reads ids alone; a loaded model's own by default. */
  readonly tokenizer?: Tokenizer | null;
  /** The tokenizer's files by name, for checkpoints; null for GPT-2's own. Those of a loaded model by default. */
  readonly tokenizerFiles?: ReadonlyMap<string, string> | null;
  /**
   * Where initial weights, windows and masks come from: `philox`, functions of the seed, by default; or `torch`,
   * PyTorch's generator on a CPU, as a program in it would draw them.
   */
  readonly generator?: 'philox' | 'torch';
  /** Windows anywhere in the text, as nanoGPT; `shuffled` epochs, as transformers; or one behind the other. */
  readonly order?: 'random' | 'shuffled' | 'sequential';
  /**
   * Arguments that hold until a step, in ascending order; the others hold behind the last of them. Of these the rate's alone
   * are read: `ScheduleOptions`.
   */
  readonly changes?: readonly {
    readonly step: number;
    readonly before: Partial<TrainingArguments>;
  }[];
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
  /**
   * Called before the first step and after each, when all that is due has been told, and awaited: here somebody looks at
   * the model as it is, or has the run wait. What `model` gives is freed when this resolves; what this throws ends the run.
   */
  readonly between?: (step: number, model: () => Promise<GPT2>) => Promise<void>;
  readonly device?: DeviceRequest | GPUDevice;
  readonly processor?: ProcessorOptions;
  /** Aborting stops after the step in hand. */
  readonly signal?: AbortSignal;
}

/** A run that is known, and nothing of it made. */
export interface PlannedRun {
  readonly options: TrainOptions;
  readonly args: TrainingArguments;
  /** Rates that hold until a step. */
  readonly earlier: readonly { readonly step: number; readonly schedule: ScheduleOptions }[];
  readonly config: GptConfig;
  /** The loaded model that it goes on with. */
  readonly base: GPT2 | null;
  readonly lora: LoraConfig | null;
  readonly tokenizer: Tokenizer | null;
  readonly tokenizerFiles: ReadonlyMap<string, string> | null;
  readonly device: Device;
  /** Whether the device goes with the model. */
  readonly ownsDevice: boolean;
  readonly plan: MemoryPlan;
  /** Gives the store of checkpoints back, when the run has ended. */
  readonly release: () => void | Promise<void>;
}

/** A run between two steps. */
export interface Run extends PlannedRun {
  readonly learner: Learner;
  readonly trainer: Learner['trainer'];
  /** Where batches come from, and at what they are. */
  readonly batches: Batches;
  /** PyTorch's generator, where it draws. */
  readonly random: TorchRandom | null;
  /** The next micro-batch. */
  draw(): Batch;
  /** The checkpoint that it goes on from. */
  readonly resumed: string | null;
  /** Why later checkpoints than that were not gone on from. */
  readonly passedOver: readonly NoticeEvent[];
  /** Steps whose checkpoints are known to be there, the last one last. */
  readonly kept: number[];
  readonly log: LogEntry[];
}

const DEFAULT_RULE: InitialRule = 'nanogpt';
const DEFAULT_ORDER = 'random';
const DEFAULT_GENERATOR = 'philox';

/**
 * Checks everything that can be checked before memory is taken, takes the store of checkpoints, and plans the memory.
 * Throws `training/options`, `training/text`, `training/checkpoint`, `tokens/vocabulary`, `tokenizer/byte`,
 * `sampling/options`, `storage/busy`, `config/…`, `webgpu/…`.
 */
export async function planRun(options: TrainOptions): Promise<PlannedRun> {
  const { model, generator } = options;
  const base = isLoaded(model) ? model : null;
  const { config } = model;
  checkConfig(config, 'Give the model other sizes.');
  const args = toArguments(argumentsOf(options), config.nCtx);
  const earlier = (options.changes ?? []).map(({ step, before }) => ({
    step,
    schedule: toArguments(before, config.nCtx),
  }));
  const lora = await loraOf(options, base);
  const tokenizer = options.tokenizer === undefined ? (base?.tokenizer ?? null) : options.tokenizer;
  const tokenizerFiles =
    options.tokenizer === undefined && base
      ? base.tokenizerFiles
      : (options.tokenizerFiles ?? null);
  checkRun({ ...options, model: isLoaded(model) ? {} : model, tokenizer }, args, config);
  const release = await claimStore(options, args);
  let opened: Awaited<ReturnType<typeof deviceOf>> | null = null;
  try {
    opened = await deviceOf(base, options.device, options.processor);
    const { device, ownsDevice } = opened;
    const plan = planMemory(device, config, {
      batch: args.per_device_train_batch_size,
      tokens: args.block_size,
      accumulation: args.gradient_accumulation_steps,
      dropout: dropoutOf(args),
      decay: args.decay,
      masks: generator === 'torch' ? 'given' : 'philox',
      ...(lora && { adapter: (await loraPlans()).planLora(config, lora) }),
      ...(base && { base: base.gpt.sizeBytes }),
    });
    const what = { options, args, earlier, config, base, lora, tokenizer, tokenizerFiles };
    return { ...what, device, ownsDevice, plan, release };
  } catch (error) {
    if (opened?.ownsDevice) opened.device.dispose();
    await release();
    throw error;
  }
}

/** A LoRA, which few runs are, comes when it is asked for. */
const loraPlans = async () => ({
  ...(await import('../../model/training/lora/adapters.ts')),
  ...(await import('../../model/training/lora/loraConfig.ts')),
});

/** Throws `training/options` for an adapter of nothing, or a device beside the loaded model's. */
async function loraOf(
  { lora, device, processor }: TrainOptions,
  base: GPT2 | null,
): Promise<LoraConfig | null> {
  if (base && (device !== undefined || processor !== undefined)) {
    throw new EngineError('A loaded model is trained on its own device; another one was named.', {
      code: 'training/options',
      hint: 'Leave device and processor out, or load the model on that device.',
    });
  }
  if (!lora) return null;
  if (base?.config.layerNormDenominator === 'std') {
    throw new EngineError(
      'A PEFT adapter belongs to a model of transformers, which has no GPT-2 whose LayerNorm divides by the standard deviation.',
      { code: 'training/lora', hint: 'Train all parameters of this model: leave lora out.' },
    );
  }
  if (base) return { ...(await loraPlans()).LORA_DEFAULTS, ...lora };
  throw new EngineError('A LoRA is trained beside a loaded model; this one begins with the run.', {
    code: 'training/options',
    hint: 'Give a model that from_pretrained loaded, or leave lora out.',
  });
}

/** What of the options are arguments of the run. */
function argumentsOf(options: TrainOptions): Partial<TrainingArguments> {
  const {
    model: _model,
    lora: _lora,
    train: _train,
    validation: _validation,
    tokenizer: _tokenizer,
    tokenizerFiles: _files,
    generator: _generator,
    order: _order,
    changes: _changes,
    checkpoints: _checkpoints,
    keep: _keep,
    resume_from_checkpoint: _resume,
    run: _run,
    prompts: _prompts,
    sampling: _sampling,
    between: _between,
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
  const { options, args, config, device, base, lora } = planned;
  const { per_device_train_batch_size: batch, block_size: tokens, seed } = args;
  const { generator = DEFAULT_GENERATOR, order = DEFAULT_ORDER, model, signal } = options;
  const dropout = dropoutOf(args);
  const size = { batch, tokens };
  const how: TrainerOptions = {
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
  };
  const first = isLoaded(model) ? { rule: DEFAULT_RULE } : (model.first ?? initialOf(model));
  const learner =
    base && lora
      ? (await import('./loraLearner.ts')).loraLearner(base, lora, how)
      : wholeLearner(device, base ?? config, first, how);
  const { trainer } = learner;
  try {
    const found = options.resume_from_checkpoint
      ? await restoreLast(learner, options.checkpoints ?? noStore(), signal)
      : null;
    const torch = generator === 'torch' ? await torchs() : null;
    let random = torch && new torch.TorchRandom(seed);
    let position = 0;
    const log: LogEntry[] = [];
    if (found) {
      const { state, checkpoint } = found;
      checkSameRun(state.options, optionsToKeep(planned), checkpoint.name);
      if (torch) random = torch.TorchRandom.restore(generatorOf(state, checkpoint.name));
      position = positionOf(state, checkpoint.name);
      log.push(...state.log);
    } else {
      const draws = torch && random ? torch.torchInitial(random) : philoxInitial(seed);
      await learner.begin(draws, signal);
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
    const resumed = found?.checkpoint.name ?? null;
    const passedOver = found?.passedOver ?? [];
    const draw = (): Batch => drawBatch(batches, random, masks);
    const kept = found ? [found.checkpoint.step] : [];
    const stands = { batches, random, draw, resumed, passedOver, kept, log };
    return { ...planned, learner, trainer, ...stands };
  } catch (error) {
    trainer.dispose();
    throw error;
  }
}

function initialOf({ initial = DEFAULT_RULE, initializer_range }: NewModel): Initial {
  return { rule: initial, initializer_range };
}

/** A run as a checkpoint left it. */
interface Restored {
  readonly state: TrainerState;
  readonly checkpoint: StoredCheckpoint;
  readonly passedOver: readonly NoticeEvent[];
}

/**
 * Makes the learner what it was at its last checkpoint that can be read; null where there is none at all. Where none can
 * be, throws what is wrong with the last one.
 */
async function restoreLast(
  learner: Learner,
  store: CheckpointStore,
  signal: AbortSignal | undefined,
): Promise<Restored | null> {
  const passedOver: NoticeEvent[] = [];
  let first: unknown = null;
  for await (const checkpoint of lastCheckpoints(store)) {
    try {
      return { state: await learner.restore(checkpoint, signal), checkpoint, passedOver };
    } catch (error) {
      if (!(error instanceof EngineError) || error.code.startsWith('device/')) throw error;
      first ??= error;
      const { name, step } = checkpoint;
      const { code, message } = error;
      passedOver.push({
        type: 'notice',
        step,
        code,
        message: `${name} cannot be gone on from. ${message}`,
        hint: 'The run goes on from the one before it.',
      });
    }
  }
  if (first) throw first;
  return null;
}

/** PyTorch's generator, which few runs draw from. */
const torchs = async () => ({
  ...(await import('../../model/training/torchRandom.ts')),
  ...(await import('../../model/training/torchInitial.ts')),
});

/** Where PyTorch's generator stood. Throws `training/checkpoint`. */
function generatorOf({ generator }: TrainerState, name: string): TorchRandomState {
  if (generator) return generator;
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
export function optionsToKeep({ args, options, base }: PlannedRun): Record<string, JsonValue> {
  return {
    ...(args as unknown as Record<string, JsonValue>),
    generator: options.generator ?? DEFAULT_GENERATOR,
    order: options.order ?? DEFAULT_ORDER,
    train_tokens: options.train.length,
    train_text: identityOf(options.train),
    // Of an adapter's run, weights that no checkpoint holds.
    base: base?.fingerprint ?? null,
  };
}

/** What decides which batch and which mask comes next: with another value, a run that goes on is another run. */
const SAME = [
  'seed',
  'generator',
  'order',
  'train_tokens',
  'train_text',
  'base',
  'block_size',
  'per_device_train_batch_size',
  'gradient_accumulation_steps',
] as const;

function checkSameRun(
  stored: Readonly<Record<string, JsonValue>>,
  own: Readonly<Record<string, JsonValue>>,
  name: string,
): void {
  // What an older checkpoint does not say cannot differ.
  const other = SAME.find((key) => stored[key] !== undefined && stored[key] !== own[key]);
  if (other === undefined) return;
  throw new EngineError(
    `${name} is of a run with ${other} ${show(stored[other])}; this one has ${show(own[other])}.`,
    {
      code: 'training/checkpoint',
      hint: `Give ${other} as it was, or begin a run of its own from the checkpoint's weights.`,
    },
  );
}

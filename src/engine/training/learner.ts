// What learns in a run: a new model, all of a loaded one, or a LoRA beside it, in `loraLearner.ts`. The loop knows no
// difference.
import type { DeviceRequest, GenerationOptions } from '../../api.ts';
import type { Device } from '../../gpu/device.ts';
import type { Gpt } from '../../model/gpt.ts';
import { parameterCount } from '../../model/parameters.ts';
import type { LayoutName } from '../../model/layouts.ts';
import type { ConfigFile } from '../../model/configFile.ts';
import type { Adopter } from '../../model/training/adopt.ts';
import { type Initial, type InitialRandom, initialise } from '../../model/training/initialise.ts';
import { type AnyTrainer, Trainer, type TrainerOptions } from '../../model/training/trainer.ts';
import type { GPT2 } from '../gpt2.ts';
import { openDevice } from '../load/openDevice.ts';
import type { ProcessorOptions } from '../load/processor.ts';
import type { BesideWeights, SavedFile } from '../save.ts';
import { type CheckpointFiles, checkpointFiles } from './checkpoints.ts';
import type { TrainerState } from './trainerState.ts';

/** Weights that a new model begins with in place of drawn ones: another model's, which need not stay. */
export interface FirstWeights {
  /** Writes them. Not called for a run that goes on from a checkpoint. */
  write(to: Adopter, signal?: AbortSignal): Promise<void>;
  /** What was said of that model beside its weights, and is said of this one. */
  readonly like: LikeModel;
}

/** What is said of a model beside its weights, its configuration and its tokenizer. */
export interface LikeModel extends Pick<ConfigFile, 'bosTokenId' | 'eosTokenIds'> {
  readonly layout: LayoutName;
  readonly defaults: Partial<GenerationOptions>;
}

/** A trainer, and what a run does with it whatever it is. */
export interface Learner {
  readonly trainer: Pick<
    AnyTrainer<unknown>,
    'step' | 'evaluate' | 'prepare' | 'steps' | 'microSteps' | 'failure' | 'sizeBytes' | 'dispose'
  >;
  /** How many parameters learn. */
  readonly parameters: number;
  /** Writes the first weights. */
  begin(draws: InitialRandom, signal?: AbortSignal): Promise<void>;
  /** Makes the trainer what it was when a checkpoint was written. */
  restore(files: CheckpointFiles, signal?: AbortSignal): Promise<TrainerState>;
  checkpoint(described: GPT2, beside: BesideWeights, state: TrainerState): Promise<SavedFile[]>;
  /** The model as it is now, to write with: `isOwn` is for whoever asked to dispose of. */
  current(): Promise<{ readonly gpt: Gpt; readonly isOwn: boolean }>;
  /** Ends the training: what is left is the model, which is the caller's, and an adapter's files, where that is what learned. */
  finish(): Promise<{ readonly gpt: Gpt; readonly adapter: SavedFile[] | null }>;
}

/** What runs need that do not begin anew. */
const adopting = () => import('../../model/training/adopt.ts');
const restoring = () => import('./restore.ts');

/** Where a run computes, and whether that ends with its model: a loaded model's device is its own. */
export async function deviceOf(
  base: GPT2 | null,
  wish: DeviceRequest | GPUDevice | undefined,
  processor: ProcessorOptions | undefined,
): Promise<{ readonly device: Device; readonly ownsDevice: boolean }> {
  if (base) return { device: base.gpt.device, ownsDevice: false };
  return { device: await openDevice(wish, { processor }), ownsDevice: true };
}

/**
 * All parameters: of a new model, by the rule of a codebase or with the weights of one that goes; or of a loaded one, which
 * stays as it is.
 */
export function wholeLearner(
  device: Device,
  from: Gpt['config'] | GPT2,
  first: Initial | FirstWeights,
  options: TrainerOptions,
): Learner {
  const base = isLoaded(from) ? from : null;
  const config = isLoaded(from) ? from.config : from;
  const trainer = new Trainer(device, config, options);
  return {
    trainer,
    parameters: parameterCount(config),
    async begin(draws, signal) {
      const { arena, trainables } = trainer;
      if (base) await (await adopting()).adopt(trainer, base.gpt, signal);
      else if ('write' in first) await first.write(trainer, signal);
      else await initialise(arena, trainables.parameters, config, first, draws, undefined, signal);
    },
    restore: async (files, signal) => (await restoring()).restore(trainer, files, signal),
    checkpoint: (described, beside, state) => checkpointFiles(trainer, described, beside, state),
    current: () => Promise.resolve({ gpt: trainer.model, isOwn: false }),
    finish: () => Promise.resolve({ gpt: trainer.finish(), adapter: null }),
  };
}

/** Whether a run goes on from a model that somebody loaded. */
export function isLoaded(from: object): from is GPT2 {
  return 'gpt' in from;
}

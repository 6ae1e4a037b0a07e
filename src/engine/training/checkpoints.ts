// A checkpoint is a model's folder, which loads and saves like any other, with two files more: the moments under the
// weights' own names, and where the run stands. Written a piece at a time, read into a trainer that is there, to the bit.
import { EngineError } from '../../errors.ts';
import type { ByteSource } from '../../formats/byteSource.ts';
import { streamSafetensors } from '../../formats/safetensorsSource.ts';
import type { TensorSource } from '../../formats/tensorSource.ts';
import type { Arena } from '../../gpu/device.ts';
import { fillParameters } from '../../model/checkpoint.ts';
import type { GptConfig } from '../../model/config.ts';
import { type ExportedTensor, exportTensors, savedLayout } from '../../model/exportTensors.ts';
import type { Gpt } from '../../model/gpt.ts';
import { type Layout, checkTensors } from '../../model/layouts.ts';
import type { Parameters } from '../../model/parameters.ts';
import {
  type BesideWeights,
  type Described,
  type SavedFile,
  modelFiles,
  tensorsFile,
  textFile,
} from '../save.ts';
import {
  TRAINER_STATE,
  type TrainerState,
  readTrainerState,
  writeTrainerState,
} from './trainerState.ts';

/** What of a `Trainer` a checkpoint holds. */
export interface Learner {
  readonly model: Gpt;
  readonly trainables: { readonly m: Parameters; readonly v: Parameters };
  /** Owner of weights and moments. */
  readonly arena: Arena;
  resume(steps: number, microSteps: number): void;
}

/** A checkpoint's files, wherever they are kept. */
export interface CheckpointFiles {
  /** `checkpoint-500` */
  readonly name: string;
  /** All bytes of a small file, or null where there is none. */
  read(file: string): Promise<Uint8Array | null>;
  /** A file, to be read once in its order and closed; null where there is none. */
  open(file: string): Promise<ByteSource | null>;
}

export const WEIGHTS = 'model.safetensors';
export const OPTIMIZER = 'optimizer.safetensors';

/** What the moments' names begin with: PyTorch's words for the running means of the gradient, and of its square. */
export const MOMENTS = { m: 'exp_avg.', v: 'exp_avg_sq.' } as const;

/**
 * The files of a checkpoint, where a run stands last. Their chunks are made as they are asked for, and
 * `exportTensors` reads vectors at once: no step may come before the last chunk.
 */
export async function checkpointFiles(
  { model, trainables }: Pick<Learner, 'model' | 'trainables'>,
  described: Described,
  beside: BesideWeights,
  state: TrainerState,
): Promise<SavedFile[]> {
  const { device, config } = model;
  const tensorsOf = (parameters: Parameters) =>
    exportTensors({ device, config, parameters }, 'F32');
  const moments = { m: await tensorsOf(trainables.m), v: await tensorsOf(trainables.v) };
  return [...(await modelFiles(model, described, beside, 'fp32')), ...runFiles(moments, state)];
}

/** What a checkpoint has beside what was learned: both moments, and where the run stands. */
export function runFiles(
  moments: Readonly<Record<keyof typeof MOMENTS, ReadonlyMap<string, ExportedTensor>>>,
  state: TrainerState,
): SavedFile[] {
  const tensors = new Map<string, ExportedTensor>();
  for (const key of ['m', 'v'] as const) {
    for (const [name, tensor] of moments[key]) tensors.set(MOMENTS[key] + name, tensor);
  }
  return [tensorsFile(OPTIMIZER, tensors), textFile(TRAINER_STATE, writeTrainerState(state))];
}

/** Where the run of a checkpoint stands. Throws `training/checkpoint`. */
export async function readState(files: CheckpointFiles): Promise<TrainerState> {
  const bytes = await files.read(TRAINER_STATE);
  if (!bytes) throw lacks(files, TRAINER_STATE);
  return readTrainerState(bytes);
}

/**
 * Makes a trainer what it was when the checkpoint was written: weights, moments, steps. All shapes are checked before
 * anything is overwritten; where reading fails later (`checkpoint/not-finite`, `storage/gone`), the trainer holds
 * parts of both: dispose it. Throws `training/checkpoint`, `checkpoint/…`, `safetensors/…`.
 */
export async function restore(
  learner: Learner,
  files: CheckpointFiles,
  signal?: AbortSignal,
): Promise<TrainerState> {
  const state = await readState(files);
  const { arena, model, trainables } = learner;
  const { config } = model;
  checkSame(state.config, config, files.name);
  const layout = savedLayout(config);
  await withTensors(files, WEIGHTS, async (weights, moments) => {
    const parts: readonly [Parameters, TensorSource, Layout][] = [
      [model.parameters, weights, layout],
      [trainables.m, moments, prefixed(layout, MOMENTS.m)],
      [trainables.v, moments, prefixed(layout, MOMENTS.v)],
    ];
    for (const [, { shapes, unreadable }, names] of parts) {
      checkTensors(names, config, shapes, unreadable);
    }
    for (const [parameters, tensors, names] of parts) {
      await fillParameters(arena, parameters, tensors, names, config, () => {}, signal);
    }
  });
  learner.resume(state.step, state.microSteps);
  return state;
}

/** Opens what was learned, and its moments, for as long as `use` takes. Throws `training/checkpoint`, `safetensors/…`. */
export async function withTensors(
  files: CheckpointFiles,
  learned: string,
  use: (learned: TensorSource, moments: TensorSource) => Promise<void>,
): Promise<void> {
  const weights = await openTensors(files, learned);
  try {
    const moments = await openTensors(files, OPTIMIZER);
    try {
      await use(weights.tensors, moments.tensors);
    } finally {
      await moments.close();
    }
  } finally {
    await weights.close();
  }
}

async function openTensors(
  files: CheckpointFiles,
  name: string,
): Promise<{ readonly tensors: TensorSource; close(): Promise<void> }> {
  const file = await files.open(name);
  if (!file) throw lacks(files, name);
  try {
    return { tensors: await streamSafetensors(file, name), close: () => file.close() };
  } catch (error) {
    await file.close();
    throw error;
  }
}

function prefixed(layout: Layout, prefix: string): Layout {
  return { ...layout, namesOf: (path) => layout.namesOf(path).map((name) => prefix + name) };
}

/** Throws `training/checkpoint` where a checkpoint is of another model. */
export function checkSame(stored: GptConfig, own: GptConfig, name: string): void {
  const keys = Object.keys(own) as (keyof GptConfig)[];
  const other = keys.find((key) => stored[key] !== own[key]);
  if (other === undefined) return;
  throw new EngineError(
    `${name} is of a model with ${other} = ${stored[other]}; this run's has ${other} = ${own[other]}.`,
    {
      code: 'training/checkpoint',
      hint: 'Go on with the model that the run began with, or begin a run of its own.',
    },
  );
}

export function lacks({ name }: CheckpointFiles, file: string): EngineError {
  return new EngineError(`${name} has no ${file}.`, {
    code: 'training/checkpoint',
    hint: 'The checkpoint is not whole: go on from the one before it.',
  });
}

// A checkpoint is a model's folder, which loads and saves like any other, with two files more: the moments under the
// weights' own names, and where the run stands. Written a piece at a time here, and read in `restore.ts`.
import { EngineError } from '../../errors.ts';
import type { ByteSource } from '../../formats/byteSource.ts';
import type { Arena } from '../../gpu/device.ts';
import { type ExportedTensor, exportTensors } from '../../model/exportTensors.ts';
import type { Gpt } from '../../model/gpt.ts';
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

export function lacks({ name }: CheckpointFiles, file: string): EngineError {
  return new EngineError(`${name} has no ${file}.`, {
    code: 'training/checkpoint',
    hint: 'The checkpoint is not whole: go on from the one before it.',
  });
}

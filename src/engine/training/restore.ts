// From a checkpoint back to a trainer that is there, to the bit. Most runs are never gone on with, and fetch none of this.
import { EngineError } from '../../errors.ts';
import { streamSafetensors } from '../../formats/safetensorsSource.ts';
import type { TensorSource } from '../../formats/tensorSource.ts';
import { fillParameters } from '../../model/checkpoint.ts';
import type { GptConfig } from '../../model/config.ts';
import { savedLayout } from '../../model/exportTensors.ts';
import { type Layout, checkTensors } from '../../model/layouts.ts';
import type { Parameters } from '../../model/parameters.ts';
import {
  type CheckpointFiles,
  type Learner,
  MOMENTS,
  OPTIMIZER,
  WEIGHTS,
  lacks,
  readState,
} from './checkpoints.ts';
import type { TrainerState } from './trainerState.ts';

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

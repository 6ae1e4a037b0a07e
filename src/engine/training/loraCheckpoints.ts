// A checkpoint of a LoRA is the adapter's folder, as transformers keeps one of PEFT, with the same two files more as any
// checkpoint. The model beside which it learns is in none: it does not change.
import { EngineError } from '../../errors.ts';
import type { TensorSource } from '../../formats/tensorSource.ts';
import { ADAPTER_CONFIG, ADAPTER_WEIGHTS, parseJsonFile } from '../../hub/modelFolder.ts';
import { isObject, show } from '../../json.ts';
import { type MatrixFilling, fillAll } from '../../model/checkpoint.ts';
import type { LoraTrainer } from '../../model/training/lora/loraTrainer.ts';
import { exportFactors, factorFillings, toAdapterConfig } from '../../model/training/lora/saved.ts';
import type { SavedFile } from '../save.ts';
import { adapterFiles } from './adapterFiles.ts';
import { type CheckpointFiles, MOMENTS, lacks, readState, runFiles } from './checkpoints.ts';
import { checkSame, withTensors } from './restore.ts';
import type { TrainerState } from './trainerState.ts';

/** What of a `LoraTrainer` a checkpoint holds. */
type LoraLearner = Pick<LoraTrainer, 'model' | 'lora' | 'trainables' | 'arena' | 'resume'>;

/**
 * The files of a checkpoint; `baseName` is where the model is found that it learns beside (an id on a Hub), or null. Their
 * chunks are made as they are asked for: no step may come before the last. Throws `training/lora` for a model that
 * transformers has none for.
 */
export function loraCheckpointFiles(
  trainer: Pick<LoraLearner, 'model' | 'lora' | 'trainables'>,
  baseName: string | null,
  state: TrainerState,
): SavedFile[] {
  const { m, v } = trainer.trainables;
  const moments = { m: exportFactors(trainer, m), v: exportFactors(trainer, v) };
  return [...adapterFiles(trainer, baseName), ...runFiles(moments, state)];
}

/**
 * Makes a trainer what it was when the checkpoint was written: factors, moments, steps. As with `restore`, names and
 * shapes are checked before anything is overwritten. That the model beside it has the same weights is the caller's to
 * know: the checkpoint tells its shape alone. `lora_dropout` may be another than it was, as other dropout may. Throws
 * `training/checkpoint`, `config/format`, `checkpoint/not-finite`, `safetensors/…`.
 */
export async function restoreLora(
  trainer: LoraLearner,
  files: CheckpointFiles,
  signal?: AbortSignal,
): Promise<TrainerState> {
  const state = await readState(files);
  const { arena, model, trainables } = trainer;
  checkSame(state.config, model.config, files.name);
  const stored = await readConfig(files);
  const own = toAdapterConfig(trainer.lora, null);
  const other = ['r', 'lora_alpha'].find((key) => stored[key] !== own[key]);
  if (other !== undefined) throw otherLora(files, [other], stored, own);
  const factors = factorFillings(trainer, trainables.parameters);
  const m = factorFillings(trainer, trainables.m, MOMENTS.m);
  const v = factorFillings(trainer, trainables.v, MOMENTS.v);
  await withTensors(files, ADAPTER_WEIGHTS, async (weights, moments) => {
    // What both keys say is which tensors there are: a list that is spelt otherwise may mean the same.
    if (!areOf(factors, weights)) {
      throw otherLora(files, ['target_modules', 'layers_to_transform'], stored, own);
    }
    const parts = [
      [factors, weights],
      [m, moments],
      [v, moments],
    ] as const;
    for (const [fillings, source] of parts) checkFactors(fillings, source, files);
    for (const [fillings, source] of parts) {
      await fillAll(arena, fillings, source, () => {}, signal);
    }
  });
  trainer.resume(state.step, state.microSteps);
  return state;
}

async function readConfig(files: CheckpointFiles): Promise<Record<string, unknown>> {
  const bytes = await files.read(ADAPTER_CONFIG);
  if (!bytes) throw lacks(files, ADAPTER_CONFIG);
  const json = parseJsonFile(bytes, ADAPTER_CONFIG);
  if (isObject(json)) return json;
  throw damaged(`${ADAPTER_CONFIG} of ${files.name} is no JSON object`);
}

/** Whether a source has the tensors of these names, and no others. */
function areOf(fillings: readonly MatrixFilling[], { shapes }: TensorSource): boolean {
  return (
    fillings.length === shapes.size &&
    fillings.every(({ names }) => names.every((name) => shapes.has(name)))
  );
}

/** Throws `training/checkpoint` where a tensor is not there, of another shape, or of a type that holds no weights. */
function checkFactors(
  fillings: readonly MatrixFilling[],
  { shapes, unreadable }: TensorSource,
  { name: checkpoint }: CheckpointFiles,
): void {
  for (const { names, spec } of fillings) {
    const [name] = names;
    const found = shapes.get(name);
    if (!found) throw damaged(`${checkpoint} has no tensor ${name}`);
    const type = unreadable?.get(name);
    if (type !== undefined) throw damaged(`${name} of ${checkpoint} is of the type ${type}`);
    if (found.length === 2 && found.every((size, i) => size === spec.shape[i])) continue;
    throw damaged(
      `${name} of ${checkpoint} is (${found.join(', ')}); expected (${spec.shape.join(', ')})`,
    );
  }
}

function otherLora(
  { name }: CheckpointFiles,
  keys: readonly string[],
  stored: Readonly<Record<string, unknown>>,
  own: Readonly<Record<string, unknown>>,
): EngineError {
  const say = (config: Readonly<Record<string, unknown>>): string =>
    keys.map((key) => `${key} = ${show(config[key])}`).join(', ');
  return new EngineError(`${name} is of a LoRA with ${say(stored)}; this run's has ${say(own)}.`, {
    code: 'training/checkpoint',
    hint: `Give ${keys.join(' and ')} as ${keys.length > 1 ? 'they were' : 'it was'}, or begin a run of its own.`,
  });
}

function damaged(problem: string): EngineError {
  return new EngineError(`${problem}.`, {
    code: 'training/checkpoint',
    hint: 'The checkpoint is damaged: go on from the one before it.',
  });
}

// Which of a folder's files are its weights.
import { EngineError } from '../errors.ts';
import { byName } from '../formats/whatItIs.ts';
import type { Weights } from '../formats/shards.ts';
import { ADAPTER_CONFIG, INDEX, type StoredAdapter, WEIGHTS } from './modelFolder.ts';

const SAFETENSORS = /\.safetensors$/i;
/** A part of a model, by the name that transformers gives it. */
export const SHARD = /-\d+-of-\d+\.safetensors$/i;
const ADAPTER = /^adapter_model\.(?:safetensors|bin)$/i;
/** What training leaves beside weights. */
const OTHER_STATE =
  /^(?:optimizer|scheduler|scaler|training_args|rng_state|random_states|meta\.pkl$)/i;

/** Whether a file is one of weights, in whatever format. */
export function isWeights(name: string): boolean {
  return SAFETENSORS.test(name) || byName(name) !== null;
}

/** Whether a file holds safetensors, by its name. */
export function isSafetensors(name: string): boolean {
  return SAFETENSORS.test(name);
}

/** How an adapter lies among the files of a folder; null where there is none. */
export function findAdapter(
  names: readonly string[],
): { readonly file: string | null; readonly hasModel: boolean } | null {
  if (!names.includes(ADAPTER_CONFIG)) return null;
  const file = names.find((name) => ADAPTER.test(name) && SAFETENSORS.test(name));
  const foreign = names.find((name) => ADAPTER.test(name));
  const hasModel =
    names.includes(INDEX) || names.some((name) => SAFETENSORS.test(name) && !ADAPTER.test(name));
  return { file: file ?? foreign ?? null, hasModel };
}

/** What a folder whose files can be listed has to give for its adapter. */
interface ListedFolder {
  readonly names: readonly string[];
  readonly read: (file: string, optional: boolean) => Promise<Uint8Array | null>;
  readonly openWeights: () => Promise<Weights>;
  readonly openFile: (file: string) => Promise<Weights>;
}

/** The adapter of a folder; null where there is none. */
export async function listedAdapter({
  names,
  read,
  openWeights,
  openFile,
}: ListedFolder): Promise<StoredAdapter | null> {
  const found = findAdapter(names);
  const config = found && (await read(ADAPTER_CONFIG, true));
  if (!config) return null;
  const { file, hasModel } = found;
  const open = async (): Promise<Weights> => (file === null ? openWeights() : openFile(file));
  return { config, hasModel, isBesideLayers: file === null, open };
}

/**
 * The file of weights among these names: model.safetensors, the only safetensors file there is, or one of another format,
 * which opening will name. Throws `files/none`, `files/several`, `files/missing`, `files/unknown`.
 */
export function pickWeights(all: readonly string[]): string {
  if (all.includes(WEIGHTS)) return WEIGHTS;
  // An adapter is no model, unless there is nothing else.
  const others = all.filter((name) => !ADAPTER.test(name));
  const names = others.some(isWeights) ? others : all;
  const isOfModel = (name: string): boolean => !OTHER_STATE.test(name);
  const files = names.filter((name) => SAFETENSORS.test(name));
  const found = files.some(isOfModel) ? files.filter(isOfModel) : files;
  if (found.length === 1) return found[0];
  if (found.length > 1 && found.every((name) => SHARD.test(name))) {
    throw new EngineError(
      `There are shards of one model, ${list(found)}, but no ${INDEX}, which says what is in each.`,
      {
        code: 'files/missing',
        hint: `Put ${INDEX} beside them, from the folder that they came from.`,
      },
    );
  }
  if (found.length > 1) {
    throw new EngineError(`There are several files of weights: ${list(found)}.`, {
      code: 'files/several',
      hint: `Drop one of them, or all shards of one model together with ${INDEX}.`,
    });
  }
  const foreign = names.filter((name) => byName(name) !== null);
  const other = foreign.find(isOfModel) ?? foreign.at(0);
  if (other !== undefined) return other;
  if (names.length === 0) {
    throw new EngineError('No file was dropped.', {
      code: 'files/none',
      hint: 'Drop a folder or files: model.safetensors, and config.json if there is one.',
    });
  }
  throw new EngineError(`There are no weights among ${list(names)}.`, {
    code: 'files/unknown',
    hint: 'A model needs a .safetensors file; config.json and tokenizer files may lie beside it.',
  });
}

/** Names, the first of them where they are many. */
export function list(names: readonly string[]): string {
  const shown = names.slice(0, 5).join(', ');
  return names.length > 5 ? `${shown} and ${names.length - 5} more` : shown || 'none';
}

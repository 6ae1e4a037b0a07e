// Which of a folder's files are its weights.
import { EngineError } from '../errors.ts';
import { byName } from '../formats/whatItIs.ts';
import { INDEX, WEIGHTS } from './modelFolder.ts';

const SAFETENSORS = /\.safetensors$/i;
/** What training leaves beside weights. */
const OTHER_STATE = /^(?:optimizer|scheduler|scaler|training_args|rng_state)/i;

/** Whether a file is one of weights, in whatever format. */
export function isWeights(name: string): boolean {
  return SAFETENSORS.test(name) || byName(name) !== null;
}

/**
 * The file of weights among `names`: model.safetensors, the only safetensors file there is, or one of another format,
 * which opening will name. Throws `files/none`, `files/several`, `files/unknown`.
 */
export function pickWeights(names: readonly string[]): string {
  if (names.includes(WEIGHTS)) return WEIGHTS;
  const found = names.filter((name) => SAFETENSORS.test(name));
  if (found.length === 1) return found[0];
  if (found.length > 1) {
    throw new EngineError(`There are several files of weights: ${list(found)}.`, {
      code: 'files/several',
      hint: `Drop one of them, or all shards of one model together with ${INDEX}.`,
    });
  }
  const foreign = names.filter((name) => byName(name) !== null);
  const other = foreign.find((name) => !OTHER_STATE.test(name)) ?? foreign.at(0);
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

// How a model wants to be sampled, by its generation_config.json.
import type { GenerationOptions } from '../../api.ts';
import { EngineError } from '../../errors.ts';
import { type ModelFolder, parseJsonFile } from '../../hub/modelFolder.ts';
import { isObject } from '../../json.ts';
import { type ConfigFile, readConfigFile } from '../../model/configFile.ts';

const FILE = 'generation_config.json';

/**
 * What the file says that is a setting; nothing where there is no file. It decides nothing of what a model computes, so a
 * broken one is not used, and a note says so.
 */
export async function readDefaults(folder: Pick<ModelFolder, 'read'>): Promise<{
  defaults: Partial<GenerationOptions>;
  eosTokenIds?: ConfigFile['eosTokenIds'];
  note?: string;
}> {
  const bytes = await folder.read(FILE, true);
  if (!bytes) return { defaults: {} };
  let file: unknown;
  try {
    file = parseJsonFile(bytes, FILE);
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    return notUsed(error.message);
  }
  if (!isObject(file)) return notUsed(`${FILE} is no JSON object.`);
  const numbers: Record<string, number> = {};
  for (const key of [
    'temperature',
    'top_k',
    'top_p',
    'min_p',
    'repetition_penalty',
    'max_new_tokens',
  ]) {
    const value = file[key];
    if (typeof value === 'number' && Number.isFinite(value)) numbers[key] = value;
  }
  // Other programs write -1 for a top-k that is off, and 0 for a length that nobody chose.
  if (numbers.top_k < 0) numbers.top_k = 0;
  if (numbers.max_new_tokens < 1) delete numbers.max_new_tokens;
  const { do_sample } = file;
  const defaults = typeof do_sample === 'boolean' ? { ...numbers, do_sample } : numbers;
  const { eosTokenIds } = readConfigFile({ eos_token_id: file.eos_token_id });
  return { defaults, eosTokenIds };
}

function notUsed(problem: string): { defaults: Partial<GenerationOptions>; note: string } {
  return {
    defaults: {},
    note: `${problem} The model’s own settings for writing are not used; it writes with the usual ones.`,
  };
}

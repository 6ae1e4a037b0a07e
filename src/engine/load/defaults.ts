// How a model wants to be sampled, by its generation_config.json.
import type { GenerationOptions } from '../../api.ts';
import { type ModelFolder, parseJsonFile } from '../../hub/modelFolder.ts';
import { type ConfigFile, readConfigFile } from '../../model/configFile.ts';

/** What the file says that is a setting; nothing where there is no file. */
export async function readDefaults(folder: Pick<ModelFolder, 'read'>): Promise<{
  defaults: Partial<GenerationOptions>;
  eosTokenIds?: ConfigFile['eosTokenIds'];
}> {
  const bytes = await folder.read('generation_config.json', true);
  if (!bytes) return { defaults: {} };
  const json = parseJsonFile(bytes, 'generation_config.json');
  if (typeof json !== 'object' || json === null) return { defaults: {} };
  const file = json as Record<string, unknown>;
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

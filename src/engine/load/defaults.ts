// How a model wants to be sampled, by its generation_config.json.
import type { GenerationOptions } from '../../api.ts';
import { type ModelFolder, parseJsonFile } from '../../hub/modelFolder.ts';
import { type ConfigFile, readConfigFile } from '../../model/configFile.ts';

/** What the file says that is a setting; nothing where there is no file. */
export async function readDefaults(folder: ModelFolder): Promise<{
  defaults: Partial<GenerationOptions>;
  eosTokenIds?: ConfigFile['eosTokenIds'];
}> {
  const bytes = await folder.read('generation_config.json', true);
  if (!bytes) return { defaults: {} };
  const json = parseJsonFile(bytes, 'generation_config.json');
  if (typeof json !== 'object' || json === null) return { defaults: {} };
  const file = json as Record<string, unknown>;
  const defaults: Record<string, number | boolean> = {};
  for (const key of [
    'temperature',
    'top_k',
    'top_p',
    'min_p',
    'repetition_penalty',
    'max_new_tokens',
  ]) {
    const value = file[key];
    if (typeof value === 'number' && Number.isFinite(value)) defaults[key] = value;
  }
  if (typeof file.do_sample === 'boolean') defaults.do_sample = file.do_sample;
  const { eosTokenIds } = readConfigFile({ eos_token_id: file.eos_token_id });
  return { defaults, eosTokenIds };
}

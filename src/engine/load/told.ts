// What is said of a model beside its tensors, by config.json and by whoever loads it.
import type { Reading } from '../../api.ts';
import { EngineError } from '../../errors.ts';
import type { TensorSource } from '../../formats/tensorSource.ts';
import { type ConfigFile, readConfigFile } from '../../model/configFile.ts';
import { openCheckpoint } from '../../model/openCheckpoint.ts';

/** As the caller spells them. */
const OPTIONS = {
  layerNormDenominator: 'layer_norm_denominator',
  activation: 'activation_function',
} as const;

/**
 * config.json, and what the caller adds to it. Throws `config/heads` or `config/contradiction` where the two
 * contradict each other, `config/unsupported` for what is none.
 */
export function toldOf(file: ConfigFile, { nHead, ...others }: Reading): ConfigFile {
  const { layer_norm_denominator, activation_function } = others;
  const caller = readConfigFile({ n_head: nHead, layer_norm_denominator, activation_function });
  const told = { ...file };
  for (const key of ['nHead', 'layerNormDenominator', 'activation'] as const) {
    const value = caller[key];
    if (value === undefined) continue;
    if (file[key] !== undefined && file[key] !== value) {
      const [has, asked, name] =
        key === 'nHead'
          ? [`${file[key]} heads`, `${value} were`, 'nHead']
          : [`${OPTIONS[key]} ${file[key]}`, `${value} was`, OPTIONS[key]];
      throw new EngineError(`config.json says ${has}; ${asked} asked for.`, {
        code: key === 'nHead' ? 'config/heads' : 'config/contradiction',
        hint: `Leave ${name} out: config.json knows.`,
      });
    }
    Object.assign(told, { [key]: value });
  }
  return told;
}

/** Shape of the token embedding, (V, C); null where the tensors are none of a GPT, which loading will say. */
function embeddingOf(tensors: TensorSource, file: ConfigFile): readonly number[] | null {
  try {
    const { source, layout } = openCheckpoint(tensors, file);
    return source.shapes.get(layout.namesOf('wte.weight')[0]) ?? null;
  } catch {
    return null;
  }
}

/** The vocabulary's size, by the tensors; any where the layout is unknown, which loading will say. */
export function vocabSizeOf(tensors: TensorSource, file: ConfigFile): number {
  return file.vocabSize ?? embeddingOf(tensors, file)?.[0] ?? Infinity;
}

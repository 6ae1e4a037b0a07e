// What the steps of a run have in common, so that another one is read beside the one that is here.
import type { ConfigFile } from '../../model/configFile.ts';
import type { readDefaults } from './defaults.ts';
import type { FoundTokenizer } from './otherTokenizer.ts';
import type { FromPretrainedOptions } from './options.ts';
import type { TokenizerTexts } from './tokenizerOf.ts';

/** All that is known of a step but its weights. */
export interface OfRun {
  /** The same for steps that may share a device: of one run, and asked for in the same way. */
  readonly asked: string;
  readonly config: ConfigFile;
  readonly tokenizerFiles: TokenizerTexts;
  readonly tokenizer: FoundTokenizer;
  readonly extra: Awaited<ReturnType<typeof readDefaults>>;
}

/** Null for what is no step of a run, and for a device that is the caller's own. */
export function askedOfRun(options: FromPretrainedOptions): string | null {
  const { run, files, base_model, device, dtype, plain, processor, cache_dir } = options;
  if (!run || files || base_model !== undefined || typeof device === 'object') return null;
  const { nHead, layer_norm_denominator, activation_function } = options;
  const { wasm, threads } = processor ?? {};
  const where = [run.id, cache_dir, device ?? 'auto', wasm, threads, plain];
  const how = [dtype, nHead, layer_norm_denominator, activation_function];
  return JSON.stringify([where, how]);
}

export function isSameConfig(a: ConfigFile, b: ConfigFile): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

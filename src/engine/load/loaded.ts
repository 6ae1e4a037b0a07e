// What is known of a model that was loaded, and how tensors become one, wherever they come from.
import type { Dtype, GenerationOptions, ModelOrigin, ModelSummary } from '../../api.ts';
import type { TensorSource } from '../../formats/tensorSource.ts';
import type { Device } from '../../gpu/device.ts';
import type { ConfigFile } from '../../model/config.ts';
import { parameterCount } from '../../model/parameters.ts';
import type { Gpt } from '../../model/gpt.ts';
import type { LayoutName } from '../../model/layouts.ts';
import { loadGpt } from '../../model/load.ts';
import type { BytePairEncoder } from '../../text/bytePairEncoder.ts';
import { type FromPretrainedOptions, checkDtype } from './options.ts';

export interface Loaded {
  readonly device: Device;
  /** False where the device is somebody else's and outlives the model. */
  readonly ownsDevice: boolean;
  readonly gpt: Gpt;
  readonly layout: LayoutName;
  readonly dtype: Dtype;
  readonly source: string;
  readonly name: string;
  readonly tokenizer: BytePairEncoder | null;
  /** The tokenizer's own files by name; null where it came with none and is GPT-2's. */
  readonly tokenizerFiles: ReadonlyMap<string, string> | null;
  readonly file: ConfigFile;
  readonly defaults: Partial<GenerationOptions>;
  readonly origin?: ModelOrigin;
  /** Heads that fit, where their number was guessed. */
  readonly headsToChoose?: readonly number[];
  /** What its files hold that is not used, or is not as it could be: sentences for people. */
  readonly notes?: readonly string[];
  /** Loads the same model once more, with other options. */
  readonly again?: (options: FromPretrainedOptions) => Promise<Loaded>;
  readonly fingerprint: string;
}

/** What is said of tensors that are loaded; the rest they say themselves. */
export type TensorOptions = Partial<Omit<Loaded, 'gpt' | 'layout' | 'fingerprint'>> &
  Pick<Loaded, 'device' | 'file'> & { readonly signal?: AbortSignal };

/** Uploads tensors to a device that is open. Throws as `loadGpt` does; nothing stays allocated then. */
export async function fromTensors(tensors: TensorSource, options: TensorOptions): Promise<Loaded> {
  const { device, file, signal } = options;
  checkDtype(options.dtype);
  const { model, layout, dtype, fingerprint } = await loadGpt(device, tensors, file, {
    dtype: options.dtype,
    signal,
  });
  return {
    ownsDevice: false,
    source: '',
    name: 'model',
    tokenizer: null,
    tokenizerFiles: null,
    defaults: {},
    ...options,
    dtype,
    gpt: model,
    layout,
    fingerprint,
  };
}

/** The tokens that begin and end a text. */
export interface SpecialIds {
  readonly bosTokenId: number | null;
  readonly eosTokenIds: readonly number[];
}

/**
 * As config.json says, or the tokenizer where that is silent; none that the model has not: 50256 stands in
 * the config.json of many a small one that ends before.
 */
export function specialIdsOf({ gpt, file, tokenizer }: Loaded): SpecialIds {
  const { vocabSize } = gpt.config;
  const among = (...ids: readonly (number | null | undefined)[]): number[] =>
    ids.filter((id) => typeof id === 'number' && id >= 0 && id < vocabSize) as number[];
  const { bosTokenId, eosTokenIds } = file;
  const [bos = null] = among(bosTokenId, ...(eosTokenIds ?? []), tokenizer?.endOfTextId);
  const told = among(...(eosTokenIds ?? []));
  // None at all may be what config.json wants.
  const isTold = eosTokenIds?.length === told.length || told.length > 0;
  return { bosTokenId: bos, eosTokenIds: isTold ? told : among(tokenizer?.endOfTextId) };
}

/** What a page shows of it. */
export function summaryOf(loaded: Loaded): ModelSummary {
  const { source, name, layout, dtype, gpt, defaults, device, origin, headsToChoose } = loaded;
  const { nLayer, nHead, nEmbd, nCtx, vocabSize } = gpt.config;
  return {
    source,
    name,
    layout,
    fingerprint: loaded.fingerprint,
    nLayer,
    nHead,
    nEmbd,
    nCtx,
    vocabSize,
    parameterCount: parameterCount(gpt.config),
    dtype,
    memoryBytes: gpt.sizeBytes,
    ...specialIdsOf(loaded),
    defaults,
    device: device.summary,
    ...(origin ? { origin } : {}),
    ...(headsToChoose ? { headsToChoose } : {}),
    ...(loaded.notes?.length ? { notes: loaded.notes } : {}),
  };
}

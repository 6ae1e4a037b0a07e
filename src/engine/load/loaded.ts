// What is known of a model that was loaded, and how tensors become one, wherever they come from.
import type {
  AdapterFacts,
  Assumption,
  Dtype,
  GenerationOptions,
  ModelOrigin,
  ModelSummary,
} from '../../api.ts';
import { EngineError } from '../../errors.ts';
import type { TensorSource } from '../../formats/tensorSource.ts';
import type { Device } from '../../gpu/device.ts';
import type { ConfigFile } from '../../model/configFile.ts';
import { parameterCount } from '../../model/parameters.ts';
import type { Gpt } from '../../model/gpt.ts';
import type { LayoutName } from '../../model/layouts.ts';
import { loadGpt } from '../../model/load.ts';
import { END_OF_TEXT, type Tokenizer } from '../../text/tokenizer.ts';
import type { OfRun } from './ofRun.ts';
import { type FromPretrainedOptions, checkDtype } from './options.ts';

export interface Loaded {
  readonly device: Device;
  /** False where the device is somebody else's and outlives the model; else it lasts until the last that holds it lets go. */
  readonly ownsDevice: boolean;
  readonly gpt: Gpt;
  readonly layout: LayoutName;
  readonly dtype: Dtype;
  readonly source: string;
  readonly name: string;
  readonly tokenizer: Tokenizer | null;
  /** What can be done where it has none. */
  readonly tokenizerAdvice?: string;
  /** The tokenizer's own files by name; null where it came with none and is GPT-2's. */
  readonly tokenizerFiles: ReadonlyMap<string, string> | null;
  readonly file: ConfigFile;
  readonly defaults: Partial<GenerationOptions>;
  readonly origin?: ModelOrigin;
  /** What was merged into it. */
  readonly adapter?: AdapterFacts;
  /** What no file says, and how it was decided. */
  readonly assumed?: readonly Assumption[];
  /** What its files hold that is not used, or is not as it could be: sentences for people. */
  readonly notes?: readonly string[];
  /** Loads the same model once more, with other options. */
  readonly again?: (options: FromPretrainedOptions) => Promise<Loaded>;
  /** Of a step of a run: what other steps take over from it. */
  readonly ofRun?: OfRun;
  readonly fingerprint: string;
}

/** What is said of tensors that are loaded; the rest they say themselves. */
export type TensorOptions = Partial<Omit<Loaded, 'gpt' | 'layout' | 'fingerprint' | 'assumed'>> &
  Pick<Loaded, 'device' | 'file'> & {
    readonly signal?: AbortSignal;
    /** Told when what no file says is being measured. */
    readonly onMeasure?: () => void;
  };

/** Uploads tensors to a device that is open. Throws as `loadGpt` does; nothing stays allocated then. */
export async function fromTensors(tensors: TensorSource, options: TensorOptions): Promise<Loaded> {
  const { device, file, signal, onMeasure, tokenizer = null } = options;
  checkDtype(options.dtype);
  const { model, layout, dtype, fingerprint, assumed, notes } = await loadGpt(
    device,
    tensors,
    file,
    {
      dtype: options.dtype,
      text: async (sizes) => {
        if (tokenizer === null) return [];
        return (await import('./measuringText.ts')).measuringText(tokenizer, sizes);
      },
      onMeasure,
      signal,
    },
  );
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
    notes: [...(options.notes ?? []), ...notes],
    assumed,
  };
}

/** The tokens that begin and end a text. */
export interface SpecialIds {
  readonly bosTokenId: number | null;
  readonly eosTokenIds: readonly number[];
  /** Of tokens that the files name and nobody knows. */
  readonly notes: readonly string[];
}

/**
 * As config.json says, or the tokenizer where that is silent; none that the model has not: 50256 stands in
 * the config.json of many a small one that ends before. A text for an id is looked up in the tokenizer.
 */
export function specialIdsOf({ gpt, file, tokenizer }: Loaded): SpecialIds {
  const { vocabSize } = gpt.config;
  const notes: string[] = [];
  const among = (...ids: readonly (number | null | undefined)[]): number[] =>
    ids.filter((id) => typeof id === 'number' && id >= 0 && id < vocabSize) as number[];
  const toId = (token: number | string, key: string): number | undefined => {
    if (typeof token === 'number') return token;
    const id = idOf(token, tokenizer);
    if (id === undefined) {
      const why = tokenizer
        ? 'the tokenizer has no such token'
        : 'the model has no tokenizer that could say its id';
      notes.push(
        `${key} is the text ${JSON.stringify(token.slice(0, 40))}; ${why}, so it is not used.`,
      );
    }
    return id;
  };
  const bosTokenId =
    file.bosTokenId === undefined ? undefined : toId(file.bosTokenId, 'bos_token_id');
  const eosTokenIds = file.eosTokenIds?.map((token) => toId(token, 'eos_token_id'));
  const [bos = null] = among(bosTokenId, ...(eosTokenIds ?? []), tokenizer?.endOfTextId);
  const told = among(...(eosTokenIds ?? []));
  // None at all may be what config.json wants.
  const isTold = eosTokenIds?.length === told.length || told.length > 0;
  return { bosTokenId: bos, eosTokenIds: isTold ? told : among(tokenizer?.endOfTextId), notes };
}

/** The id of a token by its text; undefined for what is no token, or no text of this vocabulary at all. */
function idOf(text: string, tokenizer: Tokenizer | null): number | undefined {
  const special = tokenizer?.specialTokens.get(text);
  if (!tokenizer || special !== undefined) return special;
  try {
    const ids = tokenizer.encode(text, { allowedSpecial: 'all', add_special_tokens: false });
    return ids.length === 1 ? ids[0] : undefined;
  } catch (error) {
    if (error instanceof EngineError) return undefined;
    throw error;
  }
}

/** What a page shows of it. */
export function summaryOf(loaded: Loaded): ModelSummary {
  const { source, name, layout, dtype, gpt, defaults, device, origin } = loaded;
  const { nLayer, nHead, nEmbd, nCtx, vocabSize, layerNormDenominator } = gpt.config;
  const { notes: ofTokens, ...specialIds } = specialIdsOf(loaded);
  const notes = [...(loaded.notes ?? []), ...ofTokens];
  const controlWords = controlWordsOf(loaded.tokenizer);
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
    layerNormDenominator,
    parameterCount: parameterCount(gpt.config),
    dtype,
    memoryBytes: gpt.sizeBytes,
    ...specialIds,
    reads: loaded.tokenizer === null ? 'ids' : 'text',
    defaults,
    device: device.summary,
    ...(origin ? { origin } : {}),
    ...(loaded.adapter ? { adapter: loaded.adapter } : {}),
    ...(loaded.assumed?.length ? { assumed: loaded.assumed } : {}),
    ...(notes.length > 0 ? { notes } : {}),
    ...(controlWords.length > 0 ? { controlWords } : {}),
  };
}

/** Names that count in a text that somebody types: those of a model's own added tokens, not the end of a text. */
export function controlWordsOf(tokenizer: Tokenizer | null): string[] {
  return tokenizer?.addedTokens.filter((name) => name !== END_OF_TEXT) ?? [];
}

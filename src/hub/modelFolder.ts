// What loading needs of a model's files, wherever they are.
import type { ModelOrigin, ProgressInfo } from '../api.ts';
import { EngineError } from '../errors.ts';
import type { Weights } from '../formats/shards.ts';
import { checkText } from '../formats/whatItIs.ts';
import { parseJson } from '../json.ts';
import type { Patience } from './network.ts';

export interface FolderOptions {
  readonly signal?: AbortSignal;
  /** For tests. */
  readonly patience?: Patience;
  readonly progress_callback?: (info: ProgressInfo) => void;
}

/** Close it when the model is loaded, or when that failed. */
export interface ModelFolder {
  /** As it was given. */
  readonly source: string;
  /** The last part of the source, for people. */
  readonly name: string;
  readonly origin: ModelOrigin;
  /** All bytes of a small file, or null when it is optional and absent. Throws `network/…`. */
  read(file: string, optional?: boolean): Promise<Uint8Array | null>;
  /** The weights, to be read once in their order, finished and closed. Throws `network/…`, `safetensors/…`. */
  openWeights(): Promise<Weights>;
  /** The adapter that lies here, beside a model or by itself; null where there is none. Throws `network/…`. */
  openAdapter(): Promise<StoredAdapter | null>;
  /** What lies beside the weights in files that are not loaded; only folders on this machine can say. */
  shapesBeside?(): Promise<ShapesByFile>;
  /** Whether `error` came from damage that was dropped now, so that opening the weights again may help. */
  recover(error: unknown): Promise<boolean>;
  /** Idempotent. */
  close(): Promise<void>;
}

/** Names and shapes of tensors, by the file that they lie in. */
export type ShapesByFile = ReadonlyMap<string, ReadonlyMap<string, readonly number[]>>;

/** An adapter of PEFT in a folder. */
export interface StoredAdapter {
  /** `adapter_config.json`. */
  readonly config: Uint8Array;
  /** Whether there are weights of a model beside it. */
  readonly hasModel: boolean;
  /** Whether its tensors lie in the file of these weights. */
  readonly isBesideLayers: boolean;
  /** Its tensors, as `openWeights`, as often as they are read. */
  readonly open: () => Promise<Weights>;
}

/** What folders on this machine have in common: kept where they are, nothing to fetch again or to close. */
export function onThisMachine(
  kind: Exclude<ModelOrigin['kind'], 'hub'>,
  id: string,
): Pick<ModelFolder, 'origin' | 'recover' | 'close'> {
  return {
    origin: { kind, id, host: null, commit: null, keptIn: 'disk', isVerified: false },
    recover: () => Promise.resolve(false),
    close: () => Promise.resolve(),
  };
}

export const WEIGHTS = 'model.safetensors';
export const INDEX = 'model.safetensors.index.json';
export const ADAPTER_CONFIG = 'adapter_config.json';
export const ADAPTER_WEIGHTS = 'adapter_model.safetensors';

/** No file but weights is larger, in bytes. */
export const SMALL_FILE_BYTES = 64 << 20;

/** The last part of a path or address. */
export function nameOf(source: string): string {
  const path = source.replace(/[?#].*$/, '').replace(/[/\\]+$/, '');
  return path.split(/[/\\]/).at(-1) || source;
}

/** A text file of the folder. Throws `files/…` for what is something else under its name. */
export function toText(bytes: Uint8Array, file: string): string {
  checkText(file, bytes);
  return new TextDecoder().decode(bytes);
}

/** Parses a JSON file of the folder; says which file is broken. */
export function parseJsonFile(bytes: Uint8Array, file: string): unknown {
  const text = toText(bytes, file);
  try {
    return parseJson(text);
  } catch (cause) {
    throw new EngineError(`${file} is not JSON: ${(cause as Error).message}.`, {
      code: 'config/format',
      hint: `Take ${file} from the model's own folder again.`,
      cause,
    });
  }
}

// A checkpoint's files of weights as one source of tensors: one safetensors file, or several with an
// index. Files are read in order, each from its beginning to its end, and never held whole.
import { EngineError } from '../errors.ts';
import { isObject, show } from '../json.ts';
import type { ByteSource } from './byteSource.ts';
import { parseSafetensorsHeader, readHeaderLength, sizeByHeader } from './safetensors.ts';
import { LENGTH_BYTES, streamSafetensors, toSource } from './safetensorsSource.ts';
import type { TensorSource } from './tensorSource.ts';
import { checkText, explainedBy } from './whatItIs.ts';

/** Which file holds each tensor, as `model.safetensors.index.json` says. */
export interface ShardIndex {
  /** In the order in which they are read. */
  readonly files: readonly string[];
  /** Tensor name → file. */
  readonly fileOf: ReadonlyMap<string, string>;
}

/** Where the files of a sharded checkpoint come from. */
export interface ShardFiles {
  /** The first `count` bytes of a file (fewer where it is shorter), and its size in bytes where it is known. */
  peek(
    file: string,
    count: number,
  ): Promise<{ readonly bytes: Uint8Array; readonly size: number | null }>;
  /** A file, to be read once from its beginning to its end. */
  open(file: string): Promise<ByteSource>;
}

/** Weights that are being read. */
export interface Weights {
  readonly tensors: TensorSource;
  /** Takes in what nobody read, and checks all files. Throws `download/…` and `network/…`. */
  finish(): Promise<void>;
  /** Idempotent. */
  close(): Promise<void>;
}

const MOST_SHARDS = 1000;
/** Holds the headers of most files, so that one request a file is enough. */
const PEEK_BYTES = 64 << 10;

/** A file name that leads nowhere else, on a disk or in an address; letters of any language, and spaces, are none. */
const SHARD_NAME = /^(?![.\s])[^/\\:?#%*"<>|\p{C}]{1,200}\.safetensors$/u;

/** Reads an index; nothing in it is believed. Throws `safetensors/index`. */
export function parseShardIndex(bytes: Uint8Array, name: string): ShardIndex {
  const fail = (problem: string, cause?: unknown): never => {
    throw new EngineError(`${name}: ${problem}.`, {
      code: 'safetensors/index',
      hint: 'Take the index from the folder of the model again, together with its shards.',
      cause,
    });
  };
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    checkText(name, bytes);
    return fail('it is no JSON in UTF-8', cause);
  }
  const map = isObject(json) ? json.weight_map : undefined;
  if (!isObject(map)) return fail('it has no weight_map');
  const fileOf = new Map<string, string>();
  const files = new Set<string>();
  for (const [tensor, told] of Object.entries(map)) {
    const file = typeof told === 'string' ? told.replace(/^(?:\.\/)+/, '') : '';
    if (!SHARD_NAME.test(file)) {
      return fail(
        `${tensor.slice(0, 80)} is said to be in ${show(told)}, which is no name of a shard`,
      );
    }
    fileOf.set(tensor, file);
    files.add(file);
  }
  if (files.size === 0) return fail('it names no shard');
  if (files.size > MOST_SHARDS) {
    return fail(`it names ${files.size} shards; expected at most ${MOST_SHARDS}`);
  }
  return { files: [...files].toSorted(), fileOf };
}

/** One file as weights. Throws `safetensors/…` and `files/…`, and closes what cannot be used. */
export async function streamWeights(file: ByteSource, name: string): Promise<Weights> {
  try {
    return {
      tensors: await streamSafetensors(file, name),
      finish: async () => file.finish?.(),
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/**
 * Several files as weights: only their headers are awaited. A file is opened when its first tensor is
 * asked for, and the one before it is finished then. The index rules, as in transformers: of a tensor that it
 * assigns to no shard, or to another one, nothing is read. Throws `safetensors/…`.
 */
export async function streamShards(index: ShardIndex, from: ShardFiles): Promise<Weights> {
  const shapes = new Map<string, readonly number[]>();
  const unreadable = new Map<string, string>();
  const sourceOf = new Map<string, TensorSource>();
  const absent = new Map(index.fileOf);
  const unassigned: string[] = [];
  const shards: Shard[] = [];
  let current: Shard | null = null;

  /** Opens a shard, and finishes the one that was read before it. */
  const turnTo = async (shard: Shard): Promise<ByteSource> => {
    if (current !== shard) {
      await current?.finish();
      current = shard;
    }
    return shard.open();
  };
  for (const name of index.files) {
    const { header, size } = await readHead(name, from);
    const shard = new Shard(name, header, from);
    shards.push(shard);
    const source = toSource(parseSafetensorsHeader(header, size), {
      size,
      read: async (begin, count, into) => (await turnTo(shard)).read(begin, count, into),
      close: () => Promise.resolve(),
    });
    for (const [tensor, shape] of source.shapes) {
      const assigned = index.fileOf.get(tensor);
      if (assigned === undefined) unassigned.push(`${tensor} (${name})`);
      if (assigned !== name) continue;
      absent.delete(tensor);
      sourceOf.set(tensor, source);
      shapes.set(tensor, shape);
      const type = source.unreadable?.get(tensor);
      if (type !== undefined) unreadable.set(tensor, type);
    }
  }
  return {
    tensors: {
      shapes,
      unreadable,
      absent,
      notes: unassigned.length > 0 ? [notInIndex(unassigned)] : [],
      read: (name, begin, count, into) => {
        const source = sourceOf.get(name);
        if (!source) throw new Error(`No tensor ${name}.`);
        return source.read(name, begin, count, into);
      },
    },
    async finish() {
      for (const shard of shards) {
        if (shard.isFinished) continue;
        await turnTo(shard);
        await shard.finish();
      }
    },
    async close() {
      for (const shard of shards) await shard.close();
    },
  };
}

/** A file of a sharded checkpoint that opens when it is needed. */
class Shard {
  isFinished = false;
  #file: ByteSource | null = null;
  readonly #name: string;
  readonly #header: Uint8Array;
  readonly #from: ShardFiles;

  constructor(name: string, header: Uint8Array, from: ShardFiles) {
    this.#name = name;
    this.#header = header;
    this.#from = from;
  }

  async open(): Promise<ByteSource> {
    if (this.#file) return this.#file;
    const file = await this.#from.open(this.#name);
    this.#file = file;
    const header = await file.read(0, Math.min(this.#header.length, file.size));
    // The tensors' places were taken from the header that was seen first.
    if (header.length !== this.#header.length || header.some((b, i) => b !== this.#header[i])) {
      throw inconsistent(`${this.#name} changed while it was read`);
    }
    return file;
  }

  async finish(): Promise<void> {
    if (this.isFinished) return;
    await this.#file?.finish?.();
    await this.close();
    this.isFinished = true;
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = null;
    await file?.close();
  }
}

async function readHead(
  name: string,
  from: ShardFiles,
): Promise<{ header: Uint8Array; size: number }> {
  const first = await from.peek(name, PEEK_BYTES);
  let end: number;
  try {
    end = LENGTH_BYTES + readHeaderLength(first.bytes, first.size ?? Number.MAX_SAFE_INTEGER);
  } catch (error) {
    throw explainedBy(error, name, first.bytes, first.size);
  }
  const { bytes } = end <= first.bytes.length ? first : await from.peek(name, end);
  const header = bytes.subarray(0, end);
  return { header, size: first.size ?? sizeByHeader(header) };
}

function notInIndex(tensors: readonly string[]): string {
  const shown = tensors.slice(0, 3).join(', ');
  const more = tensors.length > 3 ? ` and ${tensors.length - 3} more` : '';
  return `The index of the shards does not name ${shown}${more}: not used, as in transformers.`;
}

function inconsistent(problem: string): EngineError {
  return new EngineError(`The shards do not belong together: ${problem}.`, {
    code: 'safetensors/index',
    hint: 'Take the index and all its shards from the same folder again.',
  });
}

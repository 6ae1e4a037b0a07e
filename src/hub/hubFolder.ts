// A model of a Hub as a folder: from the store where it is whole, else from the network and into the store.
import { sha1 } from '@noble/hashes/legacy.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, concatBytes } from '@noble/hashes/utils.js';
import type { ModelOrigin } from '../api.ts';
import { EngineError } from '../errors.ts';
import type { ByteSource } from '../formats/byteSource.ts';
import { type Weights, parseShardIndex, streamShards, streamWeights } from '../formats/shards.ts';
import { openDownload } from './download.ts';
import { readStart } from './httpFolder.ts';
import {
  type HubAddress,
  type HubModel,
  chooseFiles,
  fileUrl,
  resolveModel,
  shardsOf,
  toHubError,
} from './hubClient.ts';
import { takeLock } from '../kept/locks.ts';
import { Meter } from './meter.ts';
import {
  ADAPTER_WEIGHTS,
  type FolderOptions,
  INDEX,
  type ModelFolder,
  SMALL_FILE_BYTES,
  type StoredAdapter,
} from './modelFolder.ts';
import { listedAdapter } from './pickWeights.ts';
import { type Patience, readAll, requestPatiently, sleep, waitFor } from './network.ts';
import {
  type HubIdentity,
  type ListedFile,
  type ModelStore,
  type StoredModel,
  keyOf,
  lockOf,
} from '../kept/store.ts';

type Stored = StoredModel<HubIdentity>;

export interface HubFolderOptions extends FolderOptions {
  /** Null keeps nothing. */
  readonly store: ModelStore | null;
  /** Why nothing is kept, in words. */
  readonly note?: string;
  readonly patience: Patience;
  /** Bytes that may still be stored here; null where nobody can say. */
  readonly freeBytes: () => Promise<number | null>;
}

/** Opens a model of a Hub. Throws `hub/…`, `network/…`, `storage/…`. */
export async function openHub(
  source: string,
  address: HubAddress,
  options: HubFolderOptions,
): Promise<ModelFolder> {
  const { store, signal } = options;
  const { host, id, revision, commit } = address;
  const meter = new Meter(id.split('/').at(-1) ?? id, options.progress_callback);
  const stored = await store?.find(host, id, commit ?? revision);
  if (stored)
    return new HubFolder(source, address, toListed(stored), stored, meter, options).used();
  const model = await resolveModel(address, options);
  const needed = chooseFiles(model);
  let release = (): void => {};
  if (store) {
    release = await takeLock(
      lockOf(keyOf(model)),
      () => meter.note('Another tab is downloading this model; this one waits for it.'),
      signal,
    );
  }
  try {
    const before = (await store?.at(model)) ?? null;
    const listed = new Map<string, ListedFile>();
    const list = (names: readonly string[]): void => {
      for (const name of names) {
        const file = model.files.get(name);
        if (file) listed.set(name, file);
      }
    };
    list(needed.small);
    const folder = new HubFolder(source, address, { ...model, files: listed }, null, meter, {
      ...options,
      release,
    });
    if (needed.isIndex) {
      const index = (await before?.read(INDEX)) ?? (await folder.read(INDEX));
      if (index) list(shardsOf(index, model));
    } else if (needed.weights !== null) list([needed.weights]);
    if (needed.adapter !== null) list([needed.adapter]);
    if (store) {
      await checkRoom(id, listed, (await before?.storedBytes()) ?? new Map(), options);
      await folder.keepIn(await store.begin(model, revision, listed));
    }
    return folder;
  } catch (error) {
    release();
    throw error;
  }
}

/** Throws `storage/quota` where what is missing will not fit. */
async function checkRoom(
  id: string,
  files: ReadonlyMap<string, ListedFile>,
  there: ReadonlyMap<string, number>,
  { freeBytes }: HubFolderOptions,
): Promise<void> {
  let missing = 0;
  for (const [name, { size }] of files) missing += size - (there.get(name) ?? 0);
  const free = await freeBytes();
  if (free === null || missing <= free) return;
  throw new EngineError(
    `${id} needs ${toMb(missing)} more, and there is room for ${toMb(free)} here.`,
    {
      code: 'storage/quota',
      hint: 'Delete stored models, free disk space, or load it without keeping it.',
    },
  );
}

function toListed({ manifest }: Stored): HubModel {
  return { ...manifest.identity, files: new Map(Object.entries(manifest.files)) };
}

class HubFolder implements ModelFolder {
  readonly source: string;
  readonly name: string;
  readonly #address: HubAddress;
  readonly #model: HubModel;
  readonly #meter: Meter;
  readonly #options: HubFolderOptions & { readonly release?: () => void };
  #stored: Stored | null;
  /** Small files that are here, for those who keep nothing. */
  readonly #small = new Map<string, Uint8Array>();
  /** Files whose bytes came over the network and were not checked to their end. */
  readonly #unchecked = new Set<string>();
  #hasRecovered = false;
  #isOpen = true;

  constructor(
    source: string,
    address: HubAddress,
    model: HubModel,
    stored: Stored | null,
    meter: Meter,
    options: HubFolderOptions & { readonly release?: () => void },
  ) {
    this.source = source;
    this.name = model.id.split('/').at(-1) ?? model.id;
    this.#address = address;
    this.#model = model;
    this.#stored = stored;
    this.#meter = meter;
    this.#options = options;
    for (const [name, { size }] of model.files) meter.expect(name, size);
  }

  get origin(): ModelOrigin {
    const { host, id, commit } = this.#model;
    const note = this.#stored ? undefined : this.#options.note;
    const sums = this.#weights().map((name) => this.#listed(name).sha256);
    const [sum] = sums;
    return {
      kind: 'hub',
      id,
      host,
      commit,
      keptIn: this.#stored ? (this.#options.store?.kind ?? 'memory') : 'memory',
      isVerified: sums.every((each) => each !== null),
      ...(sums.length === 1 && sum ? { sha256: sum } : {}),
      ...(note === undefined ? {} : { note }),
    };
  }

  /** Notes that a stored model is used again. */
  async used(): Promise<this> {
    // A full disk is no reason not to read from it.
    await this.#stored?.use().catch(() => {});
    return this;
  }

  /** From now on what comes is stored. */
  async keepIn(stored: Stored): Promise<void> {
    this.#stored = stored;
    for (const [name, { size }] of this.#model.files) this.#meter.expect(name, size);
    for (const [name, bytes] of this.#small) await stored.write(name, bytes);
  }

  async read(file: string, optional = false): Promise<Uint8Array | null> {
    const listed = this.#model.files.get(file);
    if (!listed) {
      if (optional) return null;
      throw new EngineError(`${this.#model.id} has no ${file}.`, {
        code: 'network/not-found',
        hint: 'Choose a repository with config.json and model.safetensors.',
      });
    }
    const here = this.#small.get(file);
    if (here) return here;
    this.#meter.begin(file);
    let bytes = (await this.#stored?.has(file)) ? await this.#stored?.read(file) : null;
    if (!bytes) {
      bytes = await this.#fetch(file, listed);
      await this.#stored?.write(file, bytes);
      if (!this.#stored) this.#small.set(file, bytes);
    }
    this.#meter.done(file);
    return bytes;
  }

  async openWeights(): Promise<Weights> {
    const [name] = this.#weights();
    const index = this.#model.files.has(INDEX) ? await this.read(INDEX) : null;
    if (!index) return this.#kept(await streamWeights(await this.#open(name), name));
    const shards = await streamShards(parseShardIndex(index, INDEX), {
      open: (file) => this.#open(file),
      peek: (file, count) => this.#peek(file, count),
    });
    return this.#kept(shards);
  }

  openAdapter(): Promise<StoredAdapter | null> {
    return listedAdapter({
      names: [...this.#model.files.keys()],
      read: (file) => this.read(file),
      openWeights: () => this.openWeights(),
      openFile: async (file) => this.#kept(await streamWeights(await this.#open(file), file)),
    });
  }

  /** Weights that are kept when they have been read. */
  #kept(weights: Weights): Weights {
    return {
      ...weights,
      finish: async () => {
        await weights.finish();
        if (!this.#stored) return;
        // What nobody asked for is fetched too: the next start may be offline.
        for (const name of this.#model.files.keys()) {
          if (!name.endsWith('.safetensors')) await this.read(name);
        }
        await this.#stored.use();
      },
    };
  }

  async recover(error: unknown): Promise<boolean> {
    const code = error instanceof EngineError ? error.code : '';
    if (
      this.#hasRecovered ||
      !/^(?:download|safetensors|files|checkpoint|storage\/gone)/.test(code)
    )
      return false;
    // Damage shows in the header before the sum of the whole can be known. What else broke was no weights.
    if (this.#unchecked.size === 0) return false;
    this.#hasRecovered = true;
    for (const file of this.#unchecked) await this.#stored?.drop(file);
    this.#unchecked.clear();
    this.#meter.note(`${(error as Error).message} It is fetched again.`);
    return true;
  }

  close(): Promise<void> {
    if (this.#isOpen) this.#options.release?.();
    this.#isOpen = false;
    return Promise.resolve();
  }

  /** Files of the model's weights; of an adapter's, where there is no model. */
  #weights(): string[] {
    const all = [...this.#model.files.keys()].filter((name) => name.endsWith('.safetensors'));
    const model = all.filter((name) => name !== ADAPTER_WEIGHTS);
    return model.length > 0 ? model : all;
  }

  #listed(file: string): ListedFile {
    const listed = this.#model.files.get(file);
    if (listed) return listed;
    throw new EngineError(`${this.#model.id} has no ${file}, which its index names.`, {
      code: 'safetensors/index',
      hint: 'The repository is incomplete at this commit. Choose another revision.',
    });
  }

  async #open(file: string): Promise<ByteSource> {
    const { size, sha256: sum } = this.#listed(file);
    this.#meter.begin(file);
    if (await this.#stored?.has(file)) return this.#openStored(file);
    const { patience, signal } = this.#options;
    const stored = this.#stored;
    const part = (await stored?.grow(file)) ?? null;
    this.#unchecked.add(file);
    let before = 0;
    return openDownload({
      url: fileUrl(this.#model, file),
      file,
      size,
      sha256: sum,
      part,
      etag: stored?.manifest.files[file]?.etag ?? null,
      patience,
      signal,
      onEtag: async (etag) => stored?.setEtag(file, etag),
      onBytes: (loaded, kept) => {
        this.#meter.move(file, loaded, loaded - before - kept);
        before = loaded;
      },
      onNote: (note) => this.#meter.note(note, file),
      onWhole: async () => {
        await stored?.keep(file);
        this.#unchecked.delete(file);
        this.#meter.done(file);
      },
    });
  }

  async #openStored(file: string): Promise<ByteSource> {
    const source = await this.#stored?.open(file);
    if (!source) {
      throw new EngineError(`${file} is gone from this browser's storage.`, {
        code: 'storage/gone',
        hint: 'Load the model again: what is missing is fetched.',
      });
    }
    const { signal } = this.#options;
    return {
      size: source.size,
      read: async (from, count, into) => {
        signal?.throwIfAborted();
        const bytes = await source.read(from, count, into);
        this.#meter.move(file, from + bytes.length, 0);
        return bytes;
      },
      close: async () => {
        await source.close();
        this.#meter.done(file);
      },
    };
  }

  /** The first bytes of a shard, before its turn has come. */
  async #peek(file: string, count: number): Promise<{ bytes: Uint8Array; size: number }> {
    const { size } = this.#listed(file);
    const stored = (await this.#stored?.has(file)) ? await this.#stored?.open(file) : null;
    if (stored) {
      try {
        return { bytes: await stored.read(0, Math.min(count, size)), size };
      } finally {
        await stored.close();
      }
    }
    const { patience, signal } = this.#options;
    const headers = { Range: `bytes=0-${Math.min(count, size) - 1}` };
    const url = fileUrl(this.#model, file);
    return this.#patiently(file, async () => {
      const response = await requestPatiently(url, patience, { signal, headers });
      if (!response.ok) throw await toHubError(response, this.#address, this.#options);
      const { bytes } = await readStart(response, file, Math.min(count, size), patience);
      return { bytes, size };
    });
  }

  /** Small things are asked for again from their beginning where the connection broke. */
  async #patiently<T>(file: string, work: () => Promise<T>): Promise<T> {
    const { patience, signal } = this.#options;
    const { host } = new URL(this.#model.host);
    for (let failures = 1; ; failures++) {
      try {
        return await work();
      } catch (error) {
        const { code } = error as { code?: string };
        if (code !== 'network/broken' || failures >= patience.tries) throw error;
        const ms = waitFor(failures, null, patience, host);
        this.#meter.note(
          `The connection to ${host} broke; trying again in ${Math.ceil(ms / 1000)} s (${failures} of ${patience.tries - 1}).`,
          file,
        );
        await sleep(ms, signal);
      }
    }
  }

  /** A small file from the network, checked as well as the Hub's list allows. */
  async #fetch(file: string, { size, sha256: sum, blob }: ListedFile): Promise<Uint8Array> {
    const { patience, signal } = this.#options;
    const url = fileUrl(this.#model, file);
    let problem = '';
    // Twice, because damage on the way does not come twice.
    for (let tries = 0; tries < 2; tries++) {
      const bytes = await this.#patiently(file, async () => {
        const response = await requestPatiently(url, patience, { signal });
        if (!response.ok) throw await toHubError(response, this.#address, this.#options);
        let before = 0;
        const onBytes = (loaded: number): void => {
          this.#meter.move(file, loaded, loaded - before);
          before = loaded;
        };
        return readAll(response, file, SMALL_FILE_BYTES, { signal, onBytes, patience });
      });
      problem = '';
      if (bytes.length !== size) problem = `has ${bytes.length} bytes; its list says ${size}`;
      else if (sum !== null && bytesToHex(sha256(bytes)) !== sum) problem = 'has another SHA-256';
      else if (blob !== null && gitName(bytes) !== blob)
        problem = 'has another sum than its list says';
      if (problem === '') return bytes;
    }
    throw new EngineError(`${file} from ${url.host} ${problem}.`, {
      code: problem.startsWith('has another') ? 'download/hash' : 'download/size',
      hint: 'It was changed on its way or on the server. Try again, or another host.',
    });
  }
}

/** What git calls a file with these contents. */
function gitName(bytes: Uint8Array): string {
  const head = new TextEncoder().encode(`blob ${bytes.length}\0`);
  return bytesToHex(sha1(concatBytes(head, bytes)));
}

function toMb(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 1e8 ? 1 : 0)} MB`;
}

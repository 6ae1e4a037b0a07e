// Models of Hubs: opened, planned, kept and deleted.
import type { ModelPlan, ModelRequest, RunStep, StorageFacts, StoredModelFacts } from '../api.ts';
import { EngineError } from '../errors.ts';
import { readAdapterConfig } from '../model/adapters/adapterConfig.ts';
import { adapterAlone } from '../model/adapters/refuse.ts';
import { readConfigFile } from '../model/configFile.ts';
import { parseShardIndex } from '../formats/shards.ts';
import type { Address } from '../modelAddress.ts';
import { freeBytes, storageEstimate } from '../storageRoom.ts';
import type { Disk } from '../kept/disk.ts';
import { openDiskFolder } from './diskFolder.ts';
import { openHttpFolder } from './httpFolder.ts';
import { type HubAddress, chooseFiles, fileUrl, resolveModel, shardsOf } from './hubClient.ts';
import { openHub } from './hubFolder.ts';
import { openKept } from './keptFolder.ts';
import { isLocked } from '../kept/locks.ts';
import {
  ADAPTER_CONFIG,
  ADAPTER_WEIGHTS,
  INDEX,
  type ModelFolder,
  SMALL_FILE_BYTES,
  WEIGHTS,
  parseJsonFile,
} from './modelFolder.ts';
import { PATIENCE, discard, readAll, request, requestPatiently } from './network.ts';
import { Ahead } from './ahead.ts';
import { isNode } from './isNode.ts';
import { openDirectory } from '../kept/nodeFiles.ts';
import { openOpfs } from '../kept/opfs.ts';
import {
  type ModelIdentity,
  ModelStore,
  type StoredFacts,
  isMeantBy,
  keyOf,
  lockOf,
} from '../kept/store.ts';
import { type OpenOptions, plainFolder, toAddress } from './where.ts';

const ahead = new Ahead();

/** Opens a checkpoint that is kept here. Throws `storage/key` where it is not. */
export async function openRun(
  source: string,
  run: RunStep,
  options: OpenOptions,
): Promise<ModelFolder> {
  const { store } = await storeFor(options);
  const identity = { kind: 'run', ...run } as const;
  const stored = store && (ahead.take(identity) ?? (await store.at(identity)));
  if (store && stored?.manifest.complete) {
    // A directory of Node's answers at once.
    if (store.kind === 'opfs') ahead.readFrom(store, identity);
    return openKept(source, stored, store.kind, options, ahead.alikeOf(identity, stored));
  }
  throw new EngineError(`There is no checkpoint of step ${run.step} of this run here.`, {
    code: 'storage/key',
    hint: 'It may have been deleted, to make room for later ones: look at what the run has.',
  });
}

/** Opens a model of a Hub; a host that is none may have it as a plain folder. */
export async function openFromHub(
  source: string,
  address: HubAddress,
  options: OpenOptions,
): Promise<ModelFolder> {
  const { signal, progress_callback, patience = PATIENCE } = options;
  const { store, note } = await storeFor(options);
  try {
    return await openHub(source, address, {
      signal,
      progress_callback,
      patience,
      store,
      note,
      freeBytes,
    });
  } catch (error) {
    const url = await plainFolder(address, error, options);
    if (!url) throw error;
    return openHttpFolder(source, url, options);
  }
}

// — The store ————————————————————————————————————————————————————————————————————————————————————

const directories = new Map<string, Promise<Disk>>();
let browser: Promise<Disk | null> | undefined;

/** The store of this page, or of a directory; null where nothing can be kept. */
async function openStore(directory?: string): Promise<ModelStore | null> {
  if (directory !== undefined && isNode()) {
    const opening = directories.get(directory) ?? openDirectory(directory);
    directories.set(directory, opening);
    return new ModelStore(await opening);
  }
  browser ??= openOpfs();
  const disk = await browser;
  return disk && new ModelStore(disk);
}

async function storeFor(
  options: OpenOptions,
): Promise<{ store: ModelStore | null; note?: string }> {
  if (options.keep === false) {
    return { store: null, note: 'It was loaded without keeping it, as asked.' };
  }
  const store = await openStore(options.cache_dir);
  if (store) return { store };
  return {
    store: null,
    note: isNode()
      ? 'No cache_dir was given, so nothing is kept.'
      : 'This browser keeps no files for this page here, so the next start downloads the model again.',
  };
}

/** All that came from elsewhere: checkpoints of a run are its own matter, and nobody could fetch them again. */
async function listFetched(store: ModelStore | null): Promise<StoredFacts[]> {
  const all = (await store?.list()) ?? [];
  return all.filter(({ key, manifest, bytes }) =>
    // A browser that gave up what it kept may leave empty folders of what were checkpoints.
    manifest ? manifest.identity.kind !== 'run' : bytes > 0 || !key.startsWith('run~'),
  );
}

/** Every model that is kept here, whole or in part, the last used first. */
export async function storedModels(): Promise<StoredModelFacts[]> {
  const all = await listFetched(await openStore());
  return all.map(({ key, manifest, bytes, complete }) => {
    let totalBytes = bytes;
    if (manifest) {
      totalBytes = Object.values(manifest.files).reduce((sum, { size }) => sum + size, 0);
    }
    return {
      key,
      ...(manifest ? namesOf(manifest.identity) : { id: key, host: null, commit: null }),
      revisions: manifest?.revisions ?? [],
      bytes,
      totalBytes,
      lastUsed: manifest?.lastUsed ?? null,
      complete,
    };
  });
}

/** How people know a kept model. */
function namesOf(identity: ModelIdentity): {
  id: string;
  host: string | null;
  commit: string | null;
} {
  const { id, host, commit } = { id: '', host: null, commit: null, ...identity };
  return { id: identity.kind === 'folder' ? identity.url : id, host, commit };
}

/** What is kept of a model on a Hub, the whole one before a part; asks nobody. */
export async function findStored({
  source,
  base_model,
  base_revision,
  ...wish
}: ModelRequest): Promise<StoredModelFacts | null> {
  const found = await findOne(source, wish);
  if (found === null || base_model === undefined) return found;
  // An adapter is whole together with its model.
  const base = await findOne(base_model, { ...wish, revision: base_revision });
  return { ...found, complete: found.complete && (base?.complete ?? false) };
}

async function findOne(source: string, wish: OpenOptions): Promise<StoredModelFacts | null> {
  const address = await toAddress(source, wish);
  if (address.kind !== 'hub') return null;
  const { host, id, revision } = address;
  const meant = (await storedModels()).filter(
    (model) => model.host === host && model.id === id && isMeantBy(revision, model),
  );
  return meant.find(({ complete }) => complete) ?? meant[0] ?? null;
}

/** Whether all of a model at this commit is in the store now. */
export async function isKept(model: ModelIdentity, options: OpenOptions): Promise<boolean> {
  const { store } = await storeFor(options);
  return (await store?.at(model))?.manifest.complete ?? false;
}

/** Deletes a stored model; the bytes that this frees. Throws `storage/key`, `storage/busy`. */
export async function deleteStored(key: string): Promise<{ freedBytes: number }> {
  const store = await openStore();
  const found = (await store?.list())?.find((model) => model.key === key);
  if (await isLocked(lockOf(key))) {
    throw new EngineError(
      `${found?.manifest ? namesOf(found.manifest.identity).id : key} is being downloaded.`,
      {
        code: 'storage/busy',
        hint: 'Stop the download, here or in the other tab, and delete it then.',
      },
    );
  }
  if (store) await store.delete(key);
  return { freedBytes: found?.bytes ?? 0 };
}

/** Deletes every stored model that nobody is downloading; the bytes that this frees. */
export async function deleteAllStored(): Promise<{ freedBytes: number }> {
  const store = await openStore();
  let freedBytes = 0;
  for (const { key, bytes } of await listFetched(store)) {
    if (await isLocked(lockOf(key))) continue;
    await store?.delete(key);
    freedBytes += bytes;
  }
  return { freedBytes };
}

export async function storageFacts(): Promise<StorageFacts> {
  const available = (await openStore()) !== null;
  const storage = typeof navigator === 'object' ? navigator.storage : undefined;
  const persistent = (await storage?.persisted?.().catch(() => false)) ?? false;
  return { available, persistent, ...(await storageEstimate()) };
}

// — Plans ————————————————————————————————————————————————————————————————————————————————————————

type PlanOptions = Pick<OpenOptions, 'signal' | 'cache_dir' | 'patience'>;

/** What loading would fetch; asks for nothing but small JSON. Throws as loading would. */
export async function planModel(
  { base_model, base_revision, ...named }: ModelRequest,
  options: PlanOptions = {},
): Promise<ModelPlan> {
  if (base_model === undefined) return planOne(named, options, false);
  const [plan, base] = await Promise.all([
    planOne(named, options, true),
    planOne({ ...named, source: base_model, revision: base_revision }, options, false),
  ]);
  const sum = (a: number | null, b: number | null): number | null =>
    a === null || b === null ? null : a + b;
  return {
    ...plan,
    kind: base.kind === 'stored' ? plan.kind : base.kind,
    files: [
      ...plan.files,
      ...base.files.map((file) => ({ ...file, name: `${base.id}/${file.name}` })),
    ],
    totalBytes: sum(plan.totalBytes, base.totalBytes),
    storedBytes: plan.storedBytes + base.storedBytes,
    keptIn: plan.kind === 'folder' ? base.keptIn : plan.keptIn,
    baseCommit: base.commit,
  };
}

async function planOne(
  { source, ...wish }: ModelRequest,
  options: PlanOptions,
  hasBase: boolean,
): Promise<ModelPlan> {
  const all: OpenOptions = { ...wish, ...options };
  const address = await toAddress(source, all);
  if (address.kind !== 'hub') return planFolder(source, address, all, hasBase);
  try {
    return await planHub(address, all, hasBase);
  } catch (error) {
    const url = await plainFolder(address, error, all);
    if (!url) throw error;
    return planFolder(source, { kind: 'folder', url }, all, hasBase);
  }
}

async function planHub(
  address: HubAddress,
  options: OpenOptions,
  hasBase: boolean,
): Promise<ModelPlan> {
  const { host, id, revision } = address;
  const { store } = await storeFor(options);
  const patience = options.patience ?? PATIENCE;
  const hub = { patience, signal: options.signal };
  const whole = await store?.find(host, id, revision);
  let commit: string;
  let files: { name: string; size: number }[];
  let stored = whole ?? null;
  if (whole) {
    ({ commit } = whole.manifest.identity);
    files = Object.entries(whole.manifest.files).map(([name, { size }]) => ({ name, size }));
  } else {
    const model = await resolveModel(address, hub);
    ({ commit } = model);
    const needed = chooseFiles(model);
    const readSmall = async (file: string): Promise<Uint8Array> => {
      const answer = await requestPatiently(fileUrl(model, file), patience, hub);
      if (answer.ok) return readAll(answer, file, SMALL_FILE_BYTES, hub);
      await discard(answer);
      throw new EngineError(`${new URL(host).host} answered ${answer.status} to ${file}.`, {
        code: 'network/http',
        hint: 'Try again later, or give another host.',
      });
    };
    // Refuses what is no GPT-2, or an adapter that is not merged, before anybody agrees to a download.
    if (needed.weights !== null) {
      readConfigFile(parseJsonFile(await readSmall('config.json'), 'config.json'));
    }
    if (model.files.has(ADAPTER_CONFIG)) {
      const isAlone = needed.weights === null && !hasBase;
      checkAdapter(await readSmall(ADAPTER_CONFIG), id, isAlone);
    }
    const weights = needed.isIndex ? shardsOf(await readSmall(INDEX), model) : [needed.weights];
    const all = [...needed.small, ...weights, needed.adapter].filter((name) => name !== null);
    files = all.map((name) => ({
      name,
      size: model.files.get(name)?.size ?? 0,
    }));
    stored = (await store?.at(model)) ?? null;
  }
  const there = (await stored?.storedBytes()) ?? new Map<string, number>();
  return {
    kind: whole ? 'stored' : 'hub',
    id,
    commit,
    host,
    key: store ? keyOf({ kind: 'hub', host, id, commit }) : null,
    files: files.map((file) => ({ ...file, stored: there.get(file.name) === file.size })),
    totalBytes: files.reduce((sum, { size }) => sum + size, 0),
    storedBytes: files.reduce((sum, { name }) => sum + (there.get(name) ?? 0), 0),
    freeBytes: await freeBytes(),
    keptIn: store?.kind ?? 'memory',
  };
}

async function planFolder(
  source: string,
  address: Exclude<Address, HubAddress>,
  options: OpenOptions,
  hasBase: boolean,
): Promise<ModelPlan> {
  const folder =
    address.kind === 'path'
      ? openDiskFolder(address.path, options)
      : openHttpFolder(source, address.url, options);
  const config = await folder.read('config.json', true);
  if (config) readConfigFile(parseJsonFile(config, 'config.json'));
  else {
    const adapter = await folder.openAdapter();
    if (adapter) checkAdapter(adapter.config, folder.name, !adapter.hasModel && !hasBase);
    // Says that it is missing, and where.
    else await folder.read('config.json');
  }
  const files: { name: string; size: number | null; stored: boolean }[] = [];
  if (address.kind === 'folder') {
    const look = (name: string): Promise<Look> =>
      lookAt(new URL(name, address.url), options.signal);
    const add = (name: string, { size }: Look): unknown =>
      files.push({ name, size, stored: false });
    const single = await look(WEIGHTS);
    const index = single.isThere ? null : await folder.read(INDEX, true);
    if (index) {
      for (const name of parseShardIndex(index, INDEX).files) add(name, await look(name));
    } else if (single.isThere !== false) add(WEIGHTS, single);
    if (hasBase) add(ADAPTER_WEIGHTS, await look(ADAPTER_WEIGHTS));
  }
  const sizes = files.map(({ size }) => size);
  const isKnown = sizes.length > 0 && sizes.every((size) => size !== null);
  return {
    kind: 'folder',
    id: folder.origin.id,
    commit: null,
    host: folder.origin.host,
    key: null,
    files,
    totalBytes: isKnown ? sizes.reduce((sum: number, size) => sum + (size ?? 0), 0) : null,
    storedBytes: 0,
    freeBytes: null,
    keptIn: folder.origin.keptIn,
  };
}

/** Throws `adapter/…` for what is not merged here; where it is alone, says which model it wants. */
function checkAdapter(bytes: Uint8Array, name: string, isAlone: boolean): void {
  const config = readAdapterConfig(parseJsonFile(bytes, ADAPTER_CONFIG));
  if (isAlone) throw adapterAlone(`${name} is`, config);
}

/** What a server says of a file without sending it. */
interface Look {
  /** Null where it does not say, as servers that answer GET alone. */
  readonly isThere: boolean | null;
  /** In bytes; null where it does not say. */
  readonly size: number | null;
}

async function lookAt(url: URL, signal: AbortSignal | undefined): Promise<Look> {
  const { ok, status, headers } = await request(url, { method: 'HEAD', signal });
  // Servers of single-page apps answer every path with their page.
  const isPage = headers.get('content-type')?.startsWith('text/html') ?? false;
  if (status === 404 || status === 410 || (ok && isPage)) return { isThere: false, size: null };
  if (!ok) return { isThere: null, size: null };
  const length = headers.get('content-encoding') ? null : headers.get('content-length');
  return { isThere: true, size: length === null ? null : Number(length) };
}

// Models that are kept: one folder a model and commit, with a manifest that says what is in it. A file has its
// own name once all of it was checked, and ends in .part before; the manifest says `complete` last of all.
import { EngineError } from '../errors.ts';
import { isObject } from '../json.ts';
import type { ByteSource } from '../formats/byteSource.ts';
import type { Disk, GrowingFile } from './disk.ts';

/** A file of a model as its Hub lists it. */
export interface ListedFile {
  /** In bytes. */
  readonly size: number;
  /** Of the whole file, in hex; null where the Hub gives none. */
  readonly sha256: string | null;
  /** Git's name of a small file's contents, in hex; null for large files. */
  readonly blob: string | null;
}

/** A model at one commit, on one host. */
export interface HubIdentity {
  readonly kind: 'hub';
  readonly host: string;
  readonly id: string;
  /** 40 hex digits. */
  readonly commit: string;
}

/** A training run, after so many steps. */
export interface RunIdentity {
  readonly kind: 'run';
  readonly id: string;
  readonly step: number;
}

/** What a kept model is, for good: the same identity is the same weights. */
export type ModelIdentity =
  | HubIdentity
  /** A folder on the page's own site, at an absolute address. */
  | { readonly kind: 'folder'; readonly url: string }
  | RunIdentity;

interface ManifestFile extends ListedFile {
  /** As the host called the version whose first bytes are here. */
  readonly etag: string | null;
}

export interface Manifest<I extends ModelIdentity = ModelIdentity> {
  readonly identity: I;
  /** Names that meant this identity when they were asked for: of a Hub's model, branches and tags. */
  readonly revisions: readonly string[];
  readonly files: Readonly<Record<string, ManifestFile>>;
  /** Milliseconds since 1970. */
  readonly lastUsed: number;
  readonly complete: boolean;
}

/** One stored model, whole or in part. */
export interface StoredFacts {
  readonly key: string;
  /** Null where the manifest cannot be read. */
  readonly manifest: Manifest | null;
  /** Bytes that are here. */
  readonly bytes: number;
  readonly complete: boolean;
}

const MANIFEST = 'manifest.json';
const PART = '.part';
/** The channel on which every tab and worker hears of steps that are not in the store any more as they were. */
const DROPPED = 'glass-gpt dropped steps';
/** A manifest is small; more is none. */
const MANIFEST_BYTES = 1 << 20;

export class ModelStore {
  readonly kind: Disk['kind'];
  readonly #disk: Disk;

  constructor(disk: Disk) {
    this.kind = disk.kind;
    this.#disk = disk;
  }

  /** The complete model of a Hub that a revision meant when it was stored, or whose commit begins with it. */
  async find(host: string, id: string, revision: string): Promise<StoredModel<HubIdentity> | null> {
    let best: Manifest<HubIdentity> | null = null;
    for (const key of await this.#disk.folders()) {
      const manifest = await this.#manifest(key);
      if (!manifest?.complete || (best && best.lastUsed >= manifest.lastUsed)) continue;
      const { identity, revisions } = manifest;
      if (identity.kind !== 'hub' || identity.host !== host || identity.id !== id) continue;
      if (!isMeantBy(revision, { commit: identity.commit, revisions })) continue;
      if (await this.#isWhole(key, manifest)) best = { ...manifest, identity };
    }
    return best && new StoredModel(this.#disk, best);
  }

  /** What is stored of a model, whole or not; null where there is nothing to go on with. */
  async at<I extends ModelIdentity>(identity: I): Promise<StoredModel<I> | null> {
    const key = keyOf(identity);
    const manifest = await this.#manifest(key);
    if (!manifest || !isSame(manifest.identity, identity)) return null;
    const whole = manifest.complete && (await this.#isWhole(key, manifest));
    return new StoredModel(this.#disk, { ...manifest, identity, complete: whole });
  }

  /** Deletes a step of a run, or makes room to write it anew; absent is fine. Whoever asked by `hearOfDropped` hears of it then. */
  async drop(identity: RunIdentity): Promise<void> {
    await this.#disk.remove(keyOf(identity));
    const channel = new BroadcastChannel(DROPPED);
    channel.postMessage(identity);
    channel.close();
  }

  /** Steps that a run has folders of, ascending; whether they are whole is not looked at. */
  async stepsOf(id: string): Promise<number[]> {
    const beginning = keyOf({ kind: 'run', id, step: 0 }).slice(0, -1);
    const keys = (await this.#disk.folders()).filter((key) => key.startsWith(beginning));
    return keys
      .map((key) => Number(key.slice(beginning.length)))
      .filter((step) => Number.isSafeInteger(step))
      .toSorted((a, b) => a - b);
  }

  /** Begins a model, or goes on with what is there of it; `revision` is how it was asked for, if by a name. */
  async begin<I extends ModelIdentity>(
    identity: I,
    revision: string | null,
    files: ReadonlyMap<string, ListedFile>,
  ): Promise<StoredModel<I>> {
    const there = await this.#manifest(keyOf(identity));
    // Files are known by name and size: those of another model may not pass for this one's.
    if (there && !isSame(there.identity, identity)) await this.#disk.remove(keyOf(identity));
    const before = (await this.at(identity))?.manifest;
    const listed: Record<string, ManifestFile> = {};
    for (const [name, file] of files) {
      listed[name] = { ...file, etag: before?.files[name]?.etag ?? null };
    }
    const model = new StoredModel(this.#disk, {
      identity,
      revisions: [
        ...new Set([...(before?.revisions ?? []), ...(revision === null ? [] : [revision])]),
      ],
      files: listed,
      lastUsed: Date.now(),
      complete: before?.complete ?? false,
    });
    await model.save();
    if (identity.kind === 'hub' && revision !== null) {
      await this.#forgetElsewhere(model.key, identity, revision);
    }
    return model;
  }

  /** The last used first. Folders that are not meant are not looked into. */
  async list(isMeant: (key: string) => boolean = () => true): Promise<StoredFacts[]> {
    const all: StoredFacts[] = [];
    for (const key of await this.#disk.folders()) {
      if (!isMeant(key)) continue;
      const sizes = await this.#disk.files(key);
      const manifest = await this.#manifest(key);
      const complete = manifest !== null && manifest.complete && isWhole(manifest, sizes);
      let bytes = 0;
      for (const size of sizes.values()) bytes += size;
      all.push({ key, manifest, bytes, complete });
    }
    return all.toSorted((a, b) => (b.manifest?.lastUsed ?? 0) - (a.manifest?.lastUsed ?? 0));
  }

  /** Throws `storage/key` for what is no stored model. */
  async delete(key: string): Promise<void> {
    if (!(await this.#disk.folders()).includes(key)) {
      throw new EngineError(`There is no stored model ${JSON.stringify(key.slice(0, 120))}.`, {
        code: 'storage/key',
        hint: 'It may have been deleted in another tab; look at the list again.',
      });
    }
    await this.#disk.remove(key);
  }

  /** A branch means one commit: the one that was asked for last. */
  async #forgetElsewhere(key: string, { host, id }: HubIdentity, revision: string): Promise<void> {
    for (const other of await this.#disk.folders()) {
      if (other === key) continue;
      const manifest = await this.#manifest(other);
      if (!manifest?.revisions.includes(revision)) continue;
      const { identity } = manifest;
      if (identity.kind !== 'hub' || identity.host !== host || identity.id !== id) continue;
      const revisions = manifest.revisions.filter((name) => name !== revision);
      await new StoredModel(this.#disk, { ...manifest, revisions }).save();
    }
  }

  async #isWhole(key: string, manifest: Manifest): Promise<boolean> {
    return isWhole(manifest, await this.#disk.files(key));
  }

  async #manifest(key: string): Promise<Manifest | null> {
    try {
      const bytes = await this.#disk.read(key, MANIFEST);
      if (!bytes || bytes.length > MANIFEST_BYTES) return null;
      return toManifest(JSON.parse(new TextDecoder().decode(bytes)));
    } catch {
      // Half a manifest, or no JSON: as if nothing were stored.
      return null;
    }
  }
}

/** A folder of the store. */
export class StoredModel<I extends ModelIdentity = ModelIdentity> {
  readonly key: string;
  manifest: Manifest<I>;
  readonly #disk: Disk;

  constructor(disk: Disk, manifest: Manifest<I>) {
    this.#disk = disk;
    this.manifest = manifest;
    this.key = keyOf(manifest.identity);
  }

  /** Whether all of a file is here and was checked. */
  async has(file: string): Promise<boolean> {
    const listed = this.manifest.files[file];
    return listed !== undefined && (await this.#disk.files(this.key)).get(file) === listed.size;
  }

  /** Bytes of each listed file that are here, checked or not. */
  async storedBytes(): Promise<Map<string, number>> {
    const sizes = await this.#disk.files(this.key);
    const stored = new Map<string, number>();
    for (const [name, { size }] of Object.entries(this.manifest.files)) {
      const whole = sizes.get(name) === size;
      stored.set(name, whole ? size : Math.min(size, sizes.get(name + PART) ?? 0));
    }
    return stored;
  }

  read(file: string): Promise<Uint8Array | null> {
    return this.#disk.read(this.key, file);
  }

  open(file: string): Promise<ByteSource | null> {
    return this.#disk.open(this.key, file);
  }

  /** A small file that was checked. */
  write(file: string, bytes: Uint8Array): Promise<void> {
    return this.#disk.write(this.key, file, bytes);
  }

  /** The part of a large file that is on its way. */
  grow(file: string): Promise<GrowingFile> {
    return this.#disk.grow(this.key, file + PART);
  }

  /** The part was checked and is the file now. It must be closed. */
  keep(file: string): Promise<void> {
    return this.#disk.rename(this.key, file + PART, file);
  }

  /** Drops a file that turned out wrong, and its part. */
  async drop(file: string): Promise<void> {
    await this.#disk.remove(this.key, file);
    await this.#disk.remove(this.key, file + PART);
  }

  async setEtag(file: string, etag: string | null): Promise<void> {
    const listed = this.manifest.files[file];
    if (!listed || listed.etag === etag) return;
    const files = { ...this.manifest.files, [file]: { ...listed, etag } };
    this.manifest = { ...this.manifest, files };
    await this.save();
  }

  /** Notes that the model was used, and whether all of its files are here. */
  async use(): Promise<void> {
    const complete = isWhole(this.manifest, await this.#disk.files(this.key));
    this.manifest = { ...this.manifest, complete, lastUsed: Date.now() };
    await this.save();
  }

  async save(): Promise<void> {
    const bytes = new TextEncoder().encode(JSON.stringify(toJson(this.manifest)));
    await this.#disk.write(this.key, MANIFEST, bytes);
  }
}

/** Calls back for every step that is dropped from now on, in this thread, in other workers and in other tabs. */
export function hearOfDropped(hear: (identity: RunIdentity) => void): void {
  const channel = new BroadcastChannel(DROPPED);
  channel.onmessage = ({ data }: MessageEvent<RunIdentity>) => hear(data);
  // Node would wait for it to its end.
  (channel as { unref?: () => void }).unref?.();
}

/** The lock of whoever writes the model with this key. */
export const lockOf = (key: string): string => `glass-gpt download ${key}`;

/** Whether a branch, tag or commit, or the beginning of one, names what is stored here. */
export function isMeantBy(
  revision: string,
  { commit, revisions }: { readonly commit: string | null; readonly revisions: readonly string[] },
): boolean {
  if (revisions.includes(revision)) return true;
  return /^[0-9a-f]{7,40}$/.test(revision) && (commit?.startsWith(revision) ?? false);
}

/** Different models may make the same key. */
function isSame(a: ModelIdentity, b: ModelIdentity): boolean {
  if (a.kind === 'hub' && b.kind === 'hub') {
    return a.host === b.host && a.id === b.id && a.commit === b.commit;
  }
  if (a.kind === 'run' && b.kind === 'run') return a.id === b.id && a.step === b.step;
  return a.kind === 'folder' && b.kind === 'folder' && a.url === b.url;
}

/** File systems take names of 255 bytes. */
const MOST_NAME = 200;

/** The folder of a model: a name that every file system takes. */
export function keyOf(identity: ModelIdentity): string {
  const safe = (text: string): string => text.replace(/[^A-Za-z0-9._-]+/g, '~').slice(0, MOST_NAME);
  switch (identity.kind) {
    case 'hub': {
      const { host, id, commit } = identity;
      return `${safe(host.replace(/^https?:\/\//, ''))}~${safe(id)}~${commit}`;
    }
    case 'folder':
      return `folder~${safe(identity.url.replace(/^https?:\/\//, ''))}`;
    case 'run':
      return `run~${safe(identity.id)}~${identity.step}`;
  }
}

function isWhole(manifest: Manifest, sizes: ReadonlyMap<string, number>): boolean {
  return Object.entries(manifest.files).every(([name, { size }]) => sizes.get(name) === size);
}

/** As it is written: the identity's fields beside the others, as when Hubs had the only models. */
function toJson({ identity, ...facts }: Manifest): object {
  return { version: 1, ...identity, ...facts };
}

/** A manifest whose every field is what it should be, or null. */
function toManifest(json: unknown): Manifest | null {
  if (!isObject(json) || json.version !== 1 || !isObject(json.files)) return null;
  const { revisions, lastUsed, complete } = json;
  const identity = toIdentity(json);
  if (identity === null) return null;
  if (!Array.isArray(revisions) || !revisions.every(isText)) return null;
  if (typeof lastUsed !== 'number' || typeof complete !== 'boolean') return null;
  const files: Record<string, ManifestFile> = {};
  for (const [name, file] of Object.entries(json.files)) {
    if (!isObject(file) || !Number.isSafeInteger(file.size) || Number(file.size) < 0) return null;
    const textOrNull = (value: unknown): string | null => (isText(value) ? value : null);
    files[name] = {
      size: Number(file.size),
      sha256: textOrNull(file.sha256),
      blob: textOrNull(file.blob),
      etag: textOrNull(file.etag),
    };
  }
  return { identity, revisions, files, lastUsed, complete };
}

function toIdentity({
  kind = 'hub',
  host,
  id,
  commit,
  url,
  step,
}: Record<string, unknown>): ModelIdentity | null {
  if (kind === 'hub' && isText(host) && isText(id) && isText(commit)) {
    return /^[0-9a-f]{40}$/.test(commit) ? { kind, host, id, commit } : null;
  }
  if (kind === 'folder' && isText(url)) return { kind, url };
  const isStep = Number.isSafeInteger(step) && Number(step) >= 0;
  return kind === 'run' && isText(id) && isStep ? { kind, id, step: Number(step) } : null;
}

const isText = (value: unknown): value is string => typeof value === 'string';

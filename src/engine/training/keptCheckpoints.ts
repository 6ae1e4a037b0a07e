// A run's checkpoints in the browser's private file system, beside the models that it keeps.
import { EngineError } from '../../errors.ts';
import type { Disk } from '../../kept/disk.ts';
import { isLocked, takeFreeLock, takeLock } from '../../kept/locks.ts';
import {
  type ListedFile,
  ModelStore,
  type RunIdentity,
  type StoredModel,
  keyOf,
  lockOf,
} from '../../kept/store.ts';
import type { SavedFile } from '../save.ts';
import {
  type CheckpointStore,
  type StoredCheckpoint,
  nameOf,
  toFull,
  written,
} from './checkpointStore.ts';

/** A run's own name: it is part of a folder's, and no two runs may share one. */
const RUN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

/**
 * Checkpoints in the browser's private file system (or a directory of downloads) under the identity of their run: a
 * model whose manifest says `complete` last. From there `from_pretrained` takes them as `{ run: { id, step } }`.
 * Throws `training/run` for an id of other letters than A–Z, a–z, 0–9, `.`, `_`, `-`.
 */
export function openKeptCheckpoints(disk: Disk, run: string): CheckpointStore {
  if (!RUN.test(run)) {
    throw new EngineError(`The run's id is ${JSON.stringify(run.slice(0, 120))}.`, {
      code: 'training/run',
      hint: 'Take up to 100 letters from A to Z, digits, and ". _ -".',
    });
  }
  const store = new ModelStore(disk);
  const identityOf = (step: number): RunIdentity => ({ kind: 'run', id: run, step });
  const lock = (step: number): string => lockOf(keyOf(identityOf(step)));
  /** What the names of all its folders begin with. */
  const folders = keyOf(identityOf(0)).slice(0, -1);
  const toCheckpoint = (stored: StoredModel<RunIdentity>): StoredCheckpoint => {
    const { identity, files } = stored.manifest;
    const sizes = new Map(Object.entries(files).map(([name, { size }]) => [name, size]));
    return {
      name: nameOf(identity.step),
      step: identity.step,
      sizes,
      read: async (file) => (sizes.has(file) ? stored.read(file) : null),
      open: async (file) => (sizes.has(file) ? stored.open(file) : null),
    };
  };
  /** Steps of this run, and whether all of each is there. */
  async function stepsKept(): Promise<{ step: number; complete: boolean }[]> {
    // A run has dozens of them, and a browser many runs: those of others are not opened to be passed over.
    const all = await store.list((key) => key.startsWith(folders));
    return all.flatMap(({ manifest, complete }) => {
      const { identity } = manifest ?? {};
      return identity?.kind === 'run' && identity.id === run
        ? [{ step: identity.step, complete }]
        : [];
    });
  }
  async function at(step: number): Promise<StoredCheckpoint | null> {
    const stored = await store.at(identityOf(step));
    return stored?.manifest.complete ? toCheckpoint(stored) : null;
  }
  const remove = (step: number): Promise<void> => store.drop(identityOf(step));
  return {
    async take() {
      const release = await takeFreeLock(`glass-gpt checkpoints ${run}`);
      if (release) return release;
      throw new EngineError(
        `The run ${run} keeps its checkpoints already, here or in another tab.`,
        {
          code: 'storage/busy',
          hint: 'Wait until it ends, or give this run an id of its own.',
        },
      );
    },
    async list() {
      const found: StoredCheckpoint[] = [];
      for (const { step } of await stepsKept()) {
        const checkpoint = await at(step);
        if (checkpoint) found.push(checkpoint);
      }
      return found.toSorted((a, b) => a.step - b.step);
    },
    async write(step, files, signal) {
      const release = await takeLock(lock(step), () => {}, signal);
      try {
        // What a page left that was closed while it wrote; another tab's has its lock.
        for (const each of await stepsKept()) {
          if (!each.complete && !(await isLocked(lock(each.step)))) {
            await remove(each.step);
          }
        }
        await remove(step);
        try {
          await writeKept(store, identityOf(step), files, signal);
        } catch (error) {
          await remove(step).catch(() => {});
          throw toFull(error, step, files);
        }
        return written(await at(step), step);
      } finally {
        release();
      }
    },
    remove,
  };
}

async function writeKept(
  store: ModelStore,
  identity: RunIdentity,
  files: readonly SavedFile[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const listed = files.map(({ name, sizeBytes }): [string, ListedFile] => [
    name,
    { size: sizeBytes, sha256: null, blob: null },
  ]);
  const stored = await store.begin(identity, null, new Map(listed));
  for (const { name, chunks } of files) {
    const growing = await stored.grow(name);
    try {
      for await (const bytes of chunks()) {
        signal?.throwIfAborted();
        await growing.append(bytes);
      }
    } finally {
      await growing.close();
    }
    await stored.keep(name);
  }
  // From here on it counts.
  await stored.use();
  if (stored.manifest.complete) return;
  throw new EngineError(`Not all of ${nameOf(identity.step)} is there any more.`, {
    code: 'storage/gone',
    hint: 'It was deleted while it was written; the next one is kept anew.',
  });
}

// A run's checkpoints in a folder of the disk, in Node.
import { hasEnded, ownerHere, takeFolder, uniqueName } from '../../kept/folderLock.ts';
import { isFolder, nodeFiles, openNodeFile } from '../../kept/nodeFiles.ts';
import { writeFolder } from '../save.ts';
import {
  type CheckpointStore,
  type StoredCheckpoint,
  nameOf,
  toFull,
  written,
} from './checkpointStore.ts';
import { TRAINER_STATE } from './trainerState.ts';

/**
 * What is being written, and by whom: another run's is not ours to clear away, nor its name ours to take. transformers'
 * `get_last_checkpoint` passes over what begins so.
 */
const UNFINISHED = /^tmp-checkpoint-\d+\.(.+)\.[0-9a-f]+$/;

/**
 * Checkpoints as folders `checkpoint-500` in `folder`, which is made when the first is written. They are written under
 * another name, and have their own once all of it is on the disk.
 */
export function openCheckpointFolder(folder: string): CheckpointStore {
  const pathOf = (step: number): string => `${folder}/${nameOf(step)}`;
  const remove = async (path: string): Promise<void> =>
    (await nodeFiles()).rm(path, { recursive: true, force: true });
  async function entries(path: string): Promise<string[]> {
    return (await nodeFiles()).readdir(path).catch((error: unknown) => {
      if ((error as { code?: string }).code === 'ENOENT') return [];
      throw error;
    });
  }
  async function at(step: number): Promise<StoredCheckpoint | null> {
    const fs = await nodeFiles();
    const path = pathOf(step);
    const sizes = new Map<string, number>();
    for (const name of await entries(path)) {
      const found = await fs.stat(`${path}/${name}`);
      if (found.isFile()) sizes.set(name, found.size);
    }
    // Another program's, or somebody's own folder.
    if (!sizes.has(TRAINER_STATE)) return null;
    return {
      name: nameOf(step),
      step,
      sizes,
      read: async (file) => (sizes.has(file) ? fs.readFile(`${path}/${file}`) : null),
      open: (file) => openNodeFile(`${path}/${file}`),
    };
  }
  /** What a run left that was killed while it wrote. */
  async function clearAway(): Promise<void> {
    const fs = await nodeFiles();
    for (const name of await entries(folder)) {
      const [, owner] = UNFINISHED.exec(name) ?? [];
      if (owner === undefined) continue;
      const path = `${folder}/${name}`;
      const found = await fs.stat(path).catch(() => null);
      if (found && (await hasEnded(owner, found.mtimeMs))) await remove(path);
    }
  }
  return {
    take: () => takeFolder(folder),
    async list() {
      const steps = (await entries(folder))
        .map((name) => /^checkpoint-(0|[1-9]\d{0,14})$/.exec(name)?.[1])
        .filter((step) => step !== undefined)
        .map(Number)
        .toSorted((a, b) => a - b);
      const found: StoredCheckpoint[] = [];
      for (const step of steps) {
        if (!(await isFolder(pathOf(step)))) continue;
        const checkpoint = await at(step);
        if (checkpoint) found.push(checkpoint);
      }
      return found;
    },
    async write(step, files, signal) {
      const fs = await nodeFiles();
      await clearAway();
      const unfinished = `${folder}/tmp-${nameOf(step)}.${await ownerHere()}.${uniqueName()}`;
      try {
        await writeFolder(unfinished, files, signal);
        await syncFolder(unfinished);
        await remove(pathOf(step));
        await fs.rename(unfinished, pathOf(step));
        await syncFolder(folder);
      } catch (error) {
        await remove(unfinished).catch(() => {});
        throw toFull(error, step, files);
      }
      return written(await at(step), step);
    },
    remove: (step) => remove(pathOf(step)),
  };
}

/** Names in a folder outlive a power cut; systems that cannot promise it refuse. */
async function syncFolder(path: string): Promise<void> {
  const fs = await nodeFiles();
  const handle = await fs.open(path).catch(() => null);
  await handle?.sync().catch(() => {});
  await handle?.close();
}

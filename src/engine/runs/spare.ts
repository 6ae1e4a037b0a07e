// Runs that found no room when they ended: held in memory, until somebody makes room or the tab goes.
import { EngineError } from '../../errors.ts';
import { memoryDisk } from '../../kept/memoryDisk.ts';
import type { SavedFile } from '../save.ts';
import {
  isOfTheStore,
  lastCheckpoint,
  removeOldest,
  savedFilesOf,
} from '../training/checkpointStore.ts';
import { RunStore } from './runStore.ts';
import { CHECKPOINTS } from './settings.ts';

/** Bytes of a checkpoint that memory takes beside all else; a page that takes more may be ended. */
const MOST_BYTES = 1 << 30;

export function spareStore(): RunStore {
  return new RunStore(memoryDisk(), memoryDisk());
}

/** What is too large for memory is not held, and the record alone tells of the run. */
export async function hold(
  id: string,
  { step, files }: { readonly step: number; readonly files: readonly SavedFile[] },
  spare: RunStore,
): Promise<void> {
  if (files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) > MOST_BYTES) return;
  try {
    await spare.checkpoints(id).write(step, files);
  } catch (error) {
    // Memory that is not there.
    if (!(error instanceof RangeError)) throw error;
  }
}

/**
 * Into the store; nothing of it is held then. Throws `training/storage-full` where there is no room yet, and
 * `training/run` for one that is not held; what is held stays.
 */
export async function keepHeld(id: string, held: RunStore, store: RunStore): Promise<void> {
  const run = await held.get(id);
  const last = await lastCheckpoint(held.checkpoints(id));
  try {
    await store.writeText(id, new Blob([await held.readText(id)]));
    if (last) {
      const checkpoints = store.checkpoints(id);
      await checkpoints.write(last.step, savedFilesOf(last));
      await removeOldest(checkpoints, { save_total_limit: CHECKPOINTS });
    }
    await store.write(run);
  } catch (error) {
    if (!isOfTheStore(error)) throw error;
    throw new EngineError('There is still no room for this run.', {
      code: 'training/storage-full',
      hint: 'It stands in this tab’s memory as before. Delete runs or models that you do not need, or free disk space, and try again.',
      cause: error,
    });
  }
  await held.discard(id);
}

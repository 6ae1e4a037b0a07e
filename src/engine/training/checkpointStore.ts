// What keeps a run's checkpoints, and how many: a folder of the disk (checkpointFolder.ts), or the browser
// (keptCheckpoints.ts). All of a checkpoint is there, or none of it, whatever happens while it is written.
import { EngineError } from '../../errors.ts';
import { toMegabytes } from '../../model/config.ts';
import type { SavedFile } from '../save.ts';
import { type CheckpointFiles, OPTIMIZER, readState } from './checkpoints.ts';
import { TRAINER_STATE, type TrainerState } from './trainerState.ts';

/** A checkpoint that is there, whole. */
export interface StoredCheckpoint extends CheckpointFiles {
  readonly step: number;
  /** Bytes by name. */
  readonly sizes: ReadonlyMap<string, number>;
}

/** The checkpoints of one run. One at a time is written. */
export interface CheckpointStore {
  /**
   * One run has the store until what this gives is called. A store that no other run can come to needs none.
   * Throws `storage/busy`.
   */
  take?(): Promise<() => void | Promise<void>>;
  /** In the order of their steps. */
  list(): Promise<StoredCheckpoint[]>;
  /**
   * Keeps a checkpoint; one of the same step gives way. Throws `training/storage-full`, `save/write`, `storage/busy`, and
   * what making the files throws: nothing of it stays then, and the others are as they were.
   */
  write(step: number, files: readonly SavedFile[], signal?: AbortSignal): Promise<StoredCheckpoint>;
  /** Absent is fine. */
  remove(step: number): Promise<void>;
}

/** How much of a run is kept. */
export interface KeepLimits {
  /** Checkpoints, as transformers counts them: the last, and the best by validation loss, stay whatever it is. */
  readonly save_total_limit?: number;
  /** Bytes of all of them. */
  readonly maxBytes?: number;
}

/** What transformers calls it. */
export const nameOf = (step: number): string => `checkpoint-${step}`;
/** Pieces in which kept files are read. */
const PIECE_BYTES = 4 << 20;

export function sizeOf({ sizes }: StoredCheckpoint): number {
  return sum(sizes.values());
}

/** The files of a checkpoint that are a model's, as `save_pretrained` gives them. */
export function savedModelOf(checkpoint: StoredCheckpoint): SavedFile[] {
  return savedFilesOf(checkpoint).filter(
    ({ name }) => name !== OPTIMIZER && name !== TRAINER_STATE,
  );
}

/** All of its files. */
export function savedFilesOf(checkpoint: StoredCheckpoint): SavedFile[] {
  return [...checkpoint.sizes].map(([name, sizeBytes]) => ({
    name,
    sizeBytes,
    async *chunks() {
      const file = await checkpoint.open(name);
      if (!file) throw gone(checkpoint.name, name);
      try {
        for (let at = 0; at < sizeBytes; at += PIECE_BYTES) {
          // A copy, for whoever takes a chunk may give its memory away.
          yield (await file.read(at, Math.min(PIECE_BYTES, sizeBytes - at))).slice();
        }
      } finally {
        await file.close();
      }
    },
  }));
}

/**
 * Removes the oldest checkpoints until the limits hold; the last that can be read and the best by validation loss stay.
 * What cannot be read goes first. Resolves with the steps that went.
 */
export async function removeOldest(store: CheckpointStore, limits: KeepLimits): Promise<number[]> {
  const { save_total_limit = Infinity, maxBytes = Infinity } = limits;
  const all: { step: number; bytes: number; evalLoss: number | null; isGood: boolean }[] = [];
  for (const checkpoint of await store.list()) {
    const state = await stateOf(checkpoint);
    const { step } = checkpoint;
    const bytes = sizeOf(checkpoint);
    all.push({ step, bytes, evalLoss: state?.evalLoss ?? null, isGood: state !== null });
  }
  const good = all.filter(({ isGood }) => isGood);
  const loss = ({ evalLoss }: (typeof all)[number]): number => evalLoss ?? Infinity;
  const best = good
    .filter((each) => loss(each) < Infinity)
    .toSorted((a, b) => loss(a) - loss(b))[0];
  const stay = new Set([good.at(-1), best]);
  const mayGo = [...all.filter(({ isGood }) => !isGood), ...good].filter((each) => !stay.has(each));
  let count = all.length;
  let bytes = sum(all.map((each) => each.bytes));
  const removed: number[] = [];
  for (const each of mayGo) {
    if (count <= save_total_limit && bytes <= maxBytes) break;
    await store.remove(each.step);
    count--;
    bytes -= each.bytes;
    removed.push(each.step);
  }
  return removed;
}

/** The checkpoints that say where their run stands, the last one first; none is looked at before it is asked for. */
export async function* lastCheckpoints(
  store: CheckpointStore,
): AsyncGenerator<StoredCheckpoint, void, undefined> {
  for (const checkpoint of (await store.list()).toReversed()) {
    if (await stateOf(checkpoint)) yield checkpoint;
  }
}

/** The last checkpoint that says where its run stands; null where there is none. */
export async function lastCheckpoint(store: CheckpointStore): Promise<StoredCheckpoint | null> {
  return (await lastCheckpoints(store).next()).value ?? null;
}

/** Null where it is damaged. */
async function stateOf(checkpoint: StoredCheckpoint): Promise<TrainerState | null> {
  try {
    return await readState(checkpoint);
  } catch (error) {
    if (error instanceof EngineError) return null;
    throw error;
  }
}

/** It was written, and somebody deleted it at once. */
export function written(checkpoint: StoredCheckpoint | null, step: number): StoredCheckpoint {
  if (checkpoint) return checkpoint;
  throw gone(nameOf(step), 'what was written');
}

function gone(name: string, file: string): EngineError {
  return new EngineError(`${file} of ${name} is gone.`, {
    code: 'storage/gone',
    hint: 'It was deleted, perhaps in another tab or program: the next checkpoint is another one.',
  });
}

/** What a full disk, or a browser that gives no more room, throws on the way as `training/storage-full`. */
export function toFull(error: unknown, step: number, files: readonly SavedFile[]): unknown {
  if (!isFull(error) && !isFull((error as { cause?: unknown }).cause)) return error;
  const size = toMegabytes(sum(files.map(({ sizeBytes }) => sizeBytes)));
  return new EngineError(`There is no room for ${nameOf(step)}, which takes ${size}.`, {
    code: 'training/storage-full',
    hint: 'Nothing of it was kept, and the checkpoints before it are. Free disk space, delete stored models, or keep fewer checkpoints (save_total_limit).',
    cause: error,
  });
}

/** Whether it is the store that failed: the run itself is well, and its next checkpoint may be kept. */
export function isOfTheStore(error: unknown): boolean {
  if (error instanceof EngineError)
    return /^(?:training\/storage-full$|save\/|storage\/)/u.test(error.code);
  // Node's errors of files, and the browser's.
  const { code } = (error ?? {}) as { code?: unknown };
  return (typeof code === 'string' && /^E[A-Z]+$/u.test(code)) || error instanceof DOMException;
}

function isFull(error: unknown): boolean {
  const { name, code } = (error ?? {}) as { name?: string; code?: string };
  return (
    name === 'QuotaExceededError' ||
    code === 'storage/quota' ||
    code === 'ENOSPC' ||
    code === 'EDQUOT'
  );
}

function sum(sizes: Iterable<number>): number {
  let bytes = 0;
  for (const size of sizes) bytes += size;
  return bytes;
}

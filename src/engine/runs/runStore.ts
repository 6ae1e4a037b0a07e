// The runs that this browser keeps: of each its record and its text, beside the checkpoints that it goes on from and the
// snapshots that are looked at.
import { EngineError } from '../../errors.ts';
import type { Disk } from '../../kept/disk.ts';
import { isLocked, takeFreeLock, untilFree } from '../../kept/locks.ts';
import { runLock } from '../../runLock.ts';
import { type CheckpointStore, sizeOf } from '../training/checkpointStore.ts';
import { openKeptCheckpoints } from '../training/keptCheckpoints.ts';
import { type KeptFiles, type KeptRun, readRun, snapshotsOf, writeRun } from './record.ts';

const RECORD = 'record.json';
const TEXT = 'text.txt';
/** A record is some hundred kB; more is none. */
export const RECORD_BYTES = 32 << 20;

export class RunStore {
  /** Records and texts. */
  readonly #runs: Disk;
  /** Where models are kept too: checkpoints and snapshots are such. */
  readonly #models: Disk;

  constructor(runs: Disk, models: Disk) {
    this.#runs = runs;
    this.#models = models;
  }

  /** Where a run keeps what it goes on from. */
  checkpoints(id: string): CheckpointStore {
    return openKeptCheckpoints(this.#models, id);
  }

  snapshots(id: string): CheckpointStore {
    return openKeptCheckpoints(this.#models, snapshotsOf(id));
  }

  /** Records of all runs, the one first that made the last step. What cannot be read is none. */
  async list(): Promise<KeptRun[]> {
    const found: KeptRun[] = [];
    for (const id of await this.#runs.folders()) {
      const run = await this.find(id);
      if (run) found.push(run);
    }
    return found.toSorted((a, b) => b.lastStep - a.lastStep);
  }

  async find(id: string): Promise<KeptRun | null> {
    const size = (await this.#runs.files(id)).get(RECORD) ?? 0;
    if (size === 0 || size > RECORD_BYTES) return null;
    const bytes = await this.#runs.read(id, RECORD);
    const run = bytes && readRun(bytes);
    return run?.id === id ? run : null;
  }

  /** Throws `training/run` for one that is not there. */
  async get(id: string): Promise<KeptRun> {
    const run = await this.find(id);
    if (run) return run;
    throw new EngineError('That run is not kept here any more.', {
      code: 'training/run',
      hint: 'It may have been deleted in another tab; look at the list again.',
    });
  }

  /** Whether its record is there. */
  async has(id: string): Promise<boolean> {
    return (await this.#runs.files(id)).has(RECORD);
  }

  /** A crash leaves the old record or the new one. Throws `storage/quota`. */
  async write(run: KeptRun): Promise<void> {
    await this.#runs.write(run.id, RECORD, writeRun(run));
  }

  /** Where it is there already, nothing is written. Throws `storage/quota`. */
  async writeText(id: string, bytes: Blob): Promise<void> {
    if ((await this.#runs.files(id)).get(TEXT) === bytes.size) return;
    await this.#runs.write(id, TEXT, new Uint8Array(await bytes.arrayBuffer()));
  }

  /** Throws `training/text` where it is gone. */
  async readText(id: string): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = await this.#runs.read(id, TEXT);
    if (bytes) return bytes as Uint8Array<ArrayBuffer>;
    throw new EngineError('The text of this run is gone from the browser’s storage.', {
      code: 'training/text',
      hint: 'Begin a new run with that text; its settings are those of this one.',
    });
  }

  /** What lies beside its record. */
  async filesOf(id: string): Promise<KeptFiles> {
    let sizeBytes = 0;
    for (const size of (await this.#runs.files(id)).values()) sizeBytes += size;
    const stepsOf = async (store: CheckpointStore): Promise<number[]> => {
      const all = await store.list();
      for (const each of all) sizeBytes += sizeOf(each);
      return all.map(({ step }) => step);
    };
    const checkpoints = await stepsOf(this.checkpoints(id));
    const snapshots = await stepsOf(this.snapshots(id));
    return { sizeBytes, checkpoints, snapshots };
  }

  /** What is after a step is of a course that is not gone on with. */
  async removeAfter(id: string, step: number, what: 'checkpoints' | 'snapshots'): Promise<void> {
    const store = this[what](id);
    for (const each of await store.list()) if (each.step > step) await store.remove(each.step);
  }

  /** What an attempt left that did not come to a record. */
  async discard(id: string): Promise<void> {
    for (const store of [this.checkpoints(id), this.snapshots(id)]) {
      for (const { step } of await store.list()) await store.remove(step);
    }
    await this.#runs.remove(id);
  }

  /** All of it; the number of bytes that are free again. Throws `storage/busy` while it runs somewhere. */
  async remove(id: string): Promise<number> {
    if (await isLocked(runLock(id))) throw busy();
    const { sizeBytes } = await this.filesOf(id);
    await this.discard(id);
    return sizeBytes;
  }
}

/** Nobody else may run it until what this gives is called. Throws `storage/busy`. */
export async function takeRun(id: string): Promise<() => void> {
  const release = await takeFreeLock(runLock(id));
  if (!release) throw busy();
  return release;
}

export function isRunning(id: string): Promise<boolean> {
  return isLocked(runLock(id));
}

/** Resolves when nobody runs it. */
export function untilEnded(id: string, signal?: AbortSignal): Promise<void> {
  return untilFree(runLock(id), signal);
}

function busy(): EngineError {
  return new EngineError('This run is running, here or in another tab.', {
    code: 'storage/busy',
    hint: 'Stop it there first.',
  });
}

// Checkpoints in the browser's store, for tests that write them in the page or in a worker.
import { type SavedFile, textFile } from '../../src/engine/save.ts';
import { openKeptCheckpoints } from '../../src/engine/training/keptCheckpoints.ts';
import type { CheckpointStore } from '../../src/engine/training/checkpointStore.ts';
import { writeTrainerState } from '../../src/engine/training/trainerState.ts';
import { openOpfs } from '../../src/kept/opfs.ts';
import { ODD, stateOf } from './learner.ts';

export interface KeptOrder {
  readonly step: number;
  /** Of the weights; written in pieces. */
  readonly bytes: number;
  /** Stops before the last piece, for good. */
  readonly hangs?: boolean;
}

export interface KeptAnswer {
  /** Of the error, if there was one. */
  readonly code: string | null;
  readonly steps: readonly number[];
}

const PIECE_BYTES = 1 << 20;

export async function openRun(): Promise<CheckpointStore> {
  const disk = await openOpfs();
  if (!disk) throw new Error('This browser keeps no files.');
  return openKeptCheckpoints(disk, 'tales');
}

/** Writes a checkpoint; `onHang` hears that it will not go on. */
export async function keepOne(
  { step, bytes, hangs = false }: KeptOrder,
  onHang: () => void = () => {},
): Promise<KeptAnswer> {
  const store = await openRun();
  const weights: SavedFile = {
    name: 'model.safetensors',
    sizeBytes: bytes,
    async *chunks() {
      for (let at = 0; at < bytes; at += PIECE_BYTES) {
        if (hangs && at + PIECE_BYTES >= bytes) {
          onHang();
          await new Promise(() => {});
        }
        yield await Promise.resolve(new Uint8Array(Math.min(PIECE_BYTES, bytes - at)).fill(step));
      }
    },
  };
  const state = textFile('trainer_state.json', writeTrainerState(stateOf(ODD, step, null)));
  const code = await store.write(step, [weights, state]).then(
    () => null,
    (error: unknown) => String((error as { code?: string }).code ?? error),
  );
  return { code, steps: (await store.list()).map((each) => each.step) };
}

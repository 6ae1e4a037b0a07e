// A page that is killed between a checkpoint and the record behind it leaves a record that is older than what it goes on
// from. What the checkpoint's log and the snapshots know of the steps between them is put back.
import type { RunPoint } from '../../api.ts';
import { type CheckpointStore, lastCheckpoint, sizeOf } from '../training/checkpointStore.ts';
import { readState } from '../training/checkpoints.ts';
import type { LogEntry } from '../training/trainerState.ts';
import type { KeptRun } from './record.ts';

/** The run's record up to its last checkpoint; samples of the steps between are gone. */
export async function caughtUp(
  run: KeptRun,
  kept: { readonly checkpoints: CheckpointStore; readonly snapshots: CheckpointStore },
): Promise<KeptRun> {
  const last = await lastCheckpoint(kept.checkpoints);
  const known = run.points.at(-1)?.step ?? 0;
  if (!last || last.step <= known) return run;
  const { log } = await readState(last);
  const behind = log.filter(({ step }) => step > known);
  const there = new Set(run.snapshots.map(({ step }) => step));
  const seen = (await kept.snapshots.list()).filter(({ step }) => !there.has(step));
  const measured = run.evaluations.at(-1)?.step ?? -1;
  return {
    ...run,
    points: [...run.points, ...behind.flatMap(toPoint)],
    evaluations: [
      ...run.evaluations,
      ...log.flatMap(({ step, eval_loss: loss }) =>
        loss === undefined || step <= measured ? [] : [{ step, loss }],
      ),
    ],
    // What heads did is not in the file of their weights.
    snapshots: [
      ...run.snapshots,
      ...seen.map((one) => ({ step: one.step, sizeBytes: sizeOf(one), scores: null })),
    ].toSorted((a, b) => a.step - b.step),
  };
}

function toPoint({ step, loss, learning_rate, grad_norm }: LogEntry): RunPoint[] {
  if (loss === undefined || learning_rate === undefined || grad_norm === undefined) return [];
  return [{ step, loss, learning_rate, grad_norm }];
}

// The run that the page looks into: its record, where it is not the one that is watched.
import { toErrorInfo } from '../../errors.ts';
import type { TrainingContext } from './context.ts';

export function createLooked({ trainer, get, set }: TrainingContext<'looked'>) {
  return {
    actions: {
      /** Finds the run that these snapshots are of, by what `LoadOptions.run` calls it. */
      async follow(snapshotsId: string): Promise<void> {
        if (get().watch.run?.snapshotsId === snapshotsId) return;
        try {
          const all = await trainer().ask('runs', {});
          const found = all.find((run) => run.snapshotsId === snapshotsId);
          const run = found ? await trainer().ask('run', { id: found.id }) : null;
          set({ run, error: null });
        } catch (error) {
          set({ run: null, error: toErrorInfo(error) });
        }
      },
    },
  };
}

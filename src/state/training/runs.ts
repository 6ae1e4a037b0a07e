// All runs that are kept: listed, named, deleted.
import { toErrorInfo } from '../../errors.ts';
import type { TrainingContext } from './context.ts';

export function createRuns({ trainer, set, get, say }: TrainingContext<'runs'>) {
  async function refresh(): Promise<void> {
    try {
      const all = await trainer().ask('runs', {});
      set({ all: all.toSorted((a, b) => b.begun - a.begun) });
    } catch (error) {
      set({ error: toErrorInfo(error) });
    }
  }

  async function change(work: () => Promise<void>): Promise<void> {
    set({ error: null });
    try {
      await work();
    } catch (error) {
      set({ error: toErrorInfo(error) });
    }
    await refresh();
  }

  return {
    refresh,
    actions: {
      rename(id: string, name: string): void {
        const whole = name.trim();
        if (whole === '') return;
        // Seen at once; what is kept follows.
        const { all } = get().runs;
        set({ all: all?.map((run) => (run.id === id ? { ...run, name: whole } : run)) ?? null });
        void change(async () => void (await trainer().ask('renameRun', { id, name: whole })));
      },
      remove(id: string): void {
        void change(async () => {
          const { freedBytes } = await trainer().ask('removeRun', { id });
          say(`Deleted; ${(freedBytes / 1e6).toFixed(1)} MB are free again.`);
        });
      },
    },
  };
}

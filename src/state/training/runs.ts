// All runs that are kept: listed, named, deleted.
import type { RunFacts } from '../../api.ts';
import { toErrorInfo } from '../../errors.ts';
import type { Browser } from './browser.ts';
import type { TrainingContext } from './context.ts';

/** What is kept of a run that runs is counted anew this often at most: a small model has a checkpoint each second. */
const FOLLOW_MS = 1000;
/** As often as the tab that runs one writes its record. */
const THERE_MS = 4000;

export function createRuns({
  trainer,
  set,
  get,
  say,
  browser,
  endedElsewhere,
  named,
  runsElsewhere,
}: TrainingContext<'runs'> & {
  readonly browser: Browser;
  /** Another tab runs it no more. */
  readonly endedElsewhere: (id: string) => void;
  /** What a run is called, which another tab may have changed. */
  readonly named: (id: string, name: string) => void;
  /** Another tab runs it. */
  readonly runsElsewhere: (id: string) => void;
}) {
  /** Runs of other tabs whose end is waited for. */
  const awaited = new Set<string>();

  function list(all: readonly RunFacts[]): void {
    set({ all });
    for (const { id, name } of all) named(id, name);
  }

  async function refresh(): Promise<void> {
    try {
      const all = await trainer().ask('runs', {});
      // A browser that is short of room clears files, and leaves the few bytes that count them.
      const noted = browser.noted();
      if (all.length > 0) set({ missed: 0 });
      else if (noted > 0) set({ missed: noted });
      browser.note(all.length);
      list(all.toSorted((a, b) => b.lastStep - a.lastStep));
      for (const { id, name, elsewhere } of all) {
        if (!elsewhere) continue;
        runsElsewhere(id);
        void awaitEnd(id, name);
      }
    } catch (error) {
      set({ error: toErrorInfo(error) });
    }
  }

  let following: ReturnType<typeof setTimeout> | undefined;

  /** Sizes of a run that grows, not more often than somebody reads them. */
  function follow(): void {
    following ??= setTimeout(() => {
      following = undefined;
      void refresh();
    }, FOLLOW_MS);
  }

  async function awaitEnd(id: string, name: string): Promise<void> {
    if (awaited.has(id)) return;
    awaited.add(id);
    const look = setInterval(() => {
      if (!browser.isHidden()) void refresh();
    }, THERE_MS);
    try {
      await trainer().ask('untilEnded', { id });
    } catch {
      // The worker that waited broke; the list is looked at again when there is a reason.
      return;
    } finally {
      clearInterval(look);
      awaited.delete(id);
    }
    await refresh();
    const now = get().runs.all?.find((run) => run.id === id);
    // It may have gone on at once.
    if (now?.elsewhere === true) return;
    endedElsewhere(id);
    if (now !== undefined) say(`${name} trains no more in the other tab.`);
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
    /** What was waited for is shown, or is nothing. */
    settled: () => set({ isAwaited: false }),
    refresh,
    follow,
    actions: {
      rename(id: string, name: string): void {
        const whole = name.trim();
        if (whole === '') return;
        // Seen at once; what is kept follows.
        const { all } = get().runs;
        list((all ?? []).map((run) => (run.id === id ? { ...run, name: whole } : run)));
        void change(async () => void (await trainer().ask('renameRun', { id, name: whole })));
      },
      remove(id: string): void {
        void change(async () => {
          const { freedBytes } = await trainer().ask('removeRun', { id });
          // What somebody deletes is not missed.
          browser.note(browser.noted() - 1);
          say(`Deleted; ${(freedBytes / 1e6).toFixed(1)} MB are free again.`);
        });
      },
    },
  };
}

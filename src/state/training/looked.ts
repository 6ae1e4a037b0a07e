// The run that the page looks into: its record, where it is not the one that is watched, and two of its steps beside
// each other.
import type { ErrorInfo } from '../../api.ts';
import { toErrorInfo } from '../../errors.ts';
import type { TrainingContext } from './context.ts';
import type { LookedFacts } from './facts.ts';
import { liveOf } from './live.ts';

export const LOOKED_NOTHING: LookedFacts = { run: null, error: null, beside: null, refused: null };

/** Candidates that are asked of each: all of a small vocabulary. */
const TOP = 256;

const GONE: ErrorInfo = {
  code: 'training/run',
  message: 'What is known of this run is not kept here any more.',
  hint: 'The step that is here can be looked at all the same, until the page is closed.',
};

export interface BesideRequest {
  /** The run's own id. */
  readonly id: string;
  readonly steps: readonly [number, number];
  readonly text: string;
  /** The token, from 0, that is looked at; the last by default. */
  readonly at?: number;
  readonly head: { readonly layer: number; readonly head: number };
}

export function createLooked({ trainer, get, set }: TrainingContext<'looked'>) {
  let reading = new AbortController();
  return {
    actions: {
      /** Finds the run that these snapshots are of, by what `LoadOptions.run` calls it. */
      async follow(snapshotsId: string): Promise<void> {
        const isWatched = [get().watch, liveOf(get())].some(
          ({ run }) => run?.snapshotsId === snapshotsId,
        );
        if (isWatched) return;
        try {
          const all = await trainer().ask('runs', {});
          const found = all.find((run) => run.snapshotsId === snapshotsId);
          const run = found ? await trainer().ask('run', { id: found.id }) : null;
          set({ run, error: found ? null : GONE });
        } catch (error) {
          set({ run: null, error: toErrorInfo(error) });
        }
      },
      /** Reads a text with two steps, beside what the page and the run do; an older question is let go. */
      async readBeside({ id, steps, ...asked }: BesideRequest): Promise<void> {
        reading.abort();
        const mine = new AbortController();
        reading = mine;
        const ask = (step: number) =>
          trainer().ask('readAt', { id, step, ...asked, top: TOP }, mine.signal);
        try {
          const beside = await Promise.all([ask(steps[0]), ask(steps[1])]);
          if (reading === mine) set({ beside, refused: null });
        } catch (error) {
          if (!mine.signal.aborted) set({ beside: null, refused: toErrorInfo(error) });
        }
      },
      /** Nobody looks any more. */
      endBeside(): void {
        reading.abort();
        set({ beside: null, refused: null });
      },
    },
  };
}

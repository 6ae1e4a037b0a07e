// Another step of a run, and the answers about it that come one soon after the other, shown in one change: each change of
// its own is a rendering and a picture, and on a machine with two cores these take their time from the engine, which
// computes the next answer.
import type { Door } from './door.ts';

/** How long the step waits for its first answer, and how long that one waits for the others. */
const WAIT_MS = 50;

export interface Gather {
  /** From now on changes and answers wait for each other; those that wait already are shown. */
  readonly begin: () => void;
  /** Shows an answer: with the others, while they are waited for, else now. */
  readonly tell: (show: () => void) => void;
  /** There is nothing more to wait for: shows them, and whatever comes later at once. */
  readonly end: () => void;
}

export function createGather({ together, hold }: Pick<Door, 'together' | 'hold'>): Gather {
  let waiting: (() => void)[] | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let letGo: (() => void) | undefined;

  /** Shows what has changed so far. */
  function show(): void {
    clearTimeout(timer);
    timer = undefined;
    letGo?.();
    letGo = undefined;
  }

  function end(): void {
    const shows = waiting ?? [];
    waiting = null;
    together(() => {
      for (const answer of shows) answer();
      show();
    });
  }

  return {
    begin() {
      end();
      waiting = [];
      letGo = hold();
      timer = setTimeout(show, WAIT_MS);
    },
    tell(answer) {
      if (waiting === null) answer();
      else if (waiting.push(answer) === 1) {
        clearTimeout(timer);
        timer = setTimeout(end, WAIT_MS);
      }
    },
    end,
  };
}

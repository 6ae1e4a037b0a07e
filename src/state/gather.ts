// Answers that come one soon after the other, shown in one change: each change of its own is a rendering, and on a
// machine with two cores the page's rendering takes its time from the engine, which computes the next answer.

/** How long the first of them waits for the others. */
const WAIT_MS = 50;

export interface Gather {
  /** From now on answers wait for each other; those that wait already are shown. */
  readonly begin: () => void;
  /** Shows an answer: with the others, while they are waited for, else now. */
  readonly tell: (show: () => void) => void;
  /** There is nothing more to wait for: shows them, and whatever comes later at once. */
  readonly end: () => void;
}

export function createGather(together: (change: () => void) => void): Gather {
  let waiting: (() => void)[] | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;

  function end(): void {
    clearTimeout(timer);
    timer = undefined;
    const shows = waiting ?? [];
    waiting = null;
    if (shows.length === 0) return;
    together(() => {
      for (const show of shows) show();
    });
  }

  return {
    begin() {
      end();
      waiting = [];
    },
    tell(show) {
      if (waiting === null) show();
      else {
        waiting.push(show);
        timer ??= setTimeout(end, WAIT_MS);
      }
    },
    end,
  };
}

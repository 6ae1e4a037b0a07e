// What the workspace that trains hears of the browser, and asks it.
import { freeBytes } from '../../storageRoom.ts';

export interface Browser {
  /** Whether the tab is out of sight. */
  readonly isHidden: () => boolean;
  /** Calls back when that changes. */
  readonly onSight: (hear: () => void) => void;
  /** What it says that it still keeps for this page, in bytes; null where it does not say. */
  readonly freeBytes: () => Promise<number | null>;
  /** How many runs are kept, noted where it outlives a browser that clears its files. */
  readonly noted: () => number;
  readonly note: (runs: number) => void;
}

/** One that says nothing. */
export const NO_BROWSER: Browser = {
  isHidden: () => false,
  onSight: () => {},
  freeBytes: () => Promise.resolve(null),
  noted: () => 0,
  note: () => {},
};

const NOTE = 'glass-gpt runs';

export const BROWSER: Browser = {
  isHidden: () => document.visibilityState === 'hidden',
  onSight: (hear) => document.addEventListener('visibilitychange', hear),
  freeBytes,
  // One that keeps nothing at all for a site throws.
  noted() {
    try {
      return Number(localStorage.getItem(NOTE));
    } catch {
      return 0;
    }
  },
  note(runs) {
    try {
      localStorage.setItem(NOTE, String(runs));
    } catch {
      // Then nothing is missed either.
    }
  },
};

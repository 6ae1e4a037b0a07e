// What the workspace that trains hears of the browser, and asks it.
import { freeBytes } from '../../storageRoom.ts';
import { createTabStorage } from '../tabStorage.ts';
import { readUnderWay, writeUnderWay, type UnderWay } from '../underWay.ts';
import { MOST_KEPT } from './facts.ts';

export interface Browser {
  /** Whether the tab is out of sight. */
  readonly isHidden: () => boolean;
  /** Calls back when that changes. */
  readonly onSight: (hear: () => void) => void;
  /** What it says that it still keeps for this page, in bytes; null where it does not say. */
  readonly freeBytes: () => Promise<number | null>;
  /** Whether somebody who closes the tab is asked first: something stands in it alone. */
  readonly holdTab: (isHeld: boolean) => void;
  /** How many runs are kept, noted where it outlives a browser that clears its files. */
  readonly noted: () => number;
  readonly note: (runs: number) => void;
  /** Runs that began here and have not ended. */
  readonly underWay: () => UnderWay;
  readonly noteUnderWay: (runs: UnderWay) => void;
  /** The pasted text that was kept, or ''. */
  readonly keptText: () => string;
  /** Keeps it in place of the one before; '' throws that away. Says whether a reload finds it again. */
  readonly keepText: (text: string) => boolean;
}

/** One that says nothing. */
export const NO_BROWSER: Browser = {
  isHidden: () => false,
  onSight: () => {},
  freeBytes: () => Promise.resolve(null),
  holdTab: () => {},
  noted: () => 0,
  note: () => {},
  underWay: () => [],
  noteUnderWay: () => {},
  keptText: () => '',
  keepText: () => false,
};

function askFirst(event: BeforeUnloadEvent): void {
  event.preventDefault();
}

const NOTE = 'glass-gpt runs';
const TEXT = 'glass-gpt train-text';
const tab = createTabStorage(TEXT, [TEXT]);

export const BROWSER: Browser = {
  isHidden: () => document.visibilityState === 'hidden',
  onSight: (hear) => document.addEventListener('visibilitychange', hear),
  freeBytes,
  // The same listener twice is one.
  holdTab: (isHeld) =>
    isHeld
      ? addEventListener('beforeunload', askFirst)
      : removeEventListener('beforeunload', askFirst),
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
  underWay: readUnderWay,
  noteUnderWay: writeUnderWay,
  keptText: () => tab.read(TEXT) ?? '',
  keepText(text) {
    const isKept = text !== '' && text.length <= MOST_KEPT && tab.write(TEXT, text) === 'kept';
    // An older one would come back in its place.
    if (!isKept) tab.remove(TEXT);
    return isKept;
  },
};

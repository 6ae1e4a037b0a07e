// What the page knows of itself: what it says, what went wrong, and what a visitor has found.
import type { ErrorInfo, GpuVerdict, PartOff } from '../../api.ts';
import type { Kept } from '../tabStorage.ts';

export type Theme = 'auto' | 'light' | 'dark';

export interface Problem {
  readonly info: ErrorInfo;
  /** What failed, which decides what "try again" does. */
  readonly during: 'load' | 'generate' | 'panels' | 'measure';
}

export interface PageFacts {
  readonly verdict: GpuVerdict | null;
  readonly verdictLate: boolean;
  /** What of the address cannot be used. */
  readonly notes: readonly string[];
  /** The address brought a text, and the visitor's own waits behind undo. */
  readonly replaced: boolean;
  /** Parts that were off when the last visit ended. */
  readonly stillOff: readonly PartOff[];
  readonly problem: Problem | null;
  /** This visit began with a recorded story as its text. */
  readonly story: boolean;
  readonly theme: Theme;
  /** Gestures that were found, for the tips. */
  readonly done: readonly string[];
  /** Words for those who cannot see what changed; '' once they are said. */
  readonly announcement: string;
  /** Whether a reload finds the text again; if not, whether the browser has no room or stores nothing. */
  readonly storage: Kept;
  /** False where the branches are too large to be stored. */
  readonly treeStored: boolean;
}

/** What takes the engine's time until it ends. */
export type Work = 'run' | 'sweep' | 'measure' | 'costs' | 'save' | 'check';

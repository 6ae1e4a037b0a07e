// What a part of the page's state stands on: each view of the inside has a slice with its facts and
// actions, so that adding one touches its file and one line in `actions.ts`.
import type { Engine, PartOff } from '../../api.ts';
import type { AppState, AppStore, Patch, Problem } from '../store.ts';
import type { TokenText } from '../tokenText.ts';

export interface SliceContext {
  readonly engine: Engine;
  readonly store: AppStore;
  readonly text: TokenText;
  readonly get: () => AppState;
  readonly set: (patch: Patch) => void;
  /** Whether the engine can be asked about the text as it stands. */
  readonly answerable: () => boolean;
  /** Parts that are off now, for every question about the text. */
  readonly off: () => readonly PartOff[];
  /** Tells people what went wrong; aborts are no news. */
  readonly report: (error: unknown, during: Problem['during']) => void;
  /** Notes that a gesture was found, for the tips. */
  readonly used: (hint: string) => void;
  /** Asks every open view anew: the text, the model or its parts changed. */
  readonly refreshAll: () => void;
}

/**
 * Notes what a question is about, and says later whether its answer comes too late: nobody waits for
 * it any more, the text was replaced (growing is no harm), or other parts are off.
 */
export function staleness({ text, off }: SliceContext, signal: AbortSignal): () => boolean {
  const { epoch } = text;
  const parts = off();
  return () => signal.aborted || text.epoch !== epoch || off() !== parts;
}

/** How a slice hears of the page. A view that is not open asks for nothing. */
export interface Slice {
  /** The text, the selection, the parts or the open view changed, and nothing streams. */
  readonly refresh: () => void;
  /** A token came; called for every one, the slice decides how often it asks. */
  readonly onToken?: () => void;
  /** The text is about to change: what is in flight is about the old one. */
  readonly cancel: () => void;
  /** Another model: what was known of the old one goes. */
  readonly reset?: () => void;
}

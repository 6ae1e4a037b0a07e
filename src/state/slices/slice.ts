// What a part of the page's state stands on: it owns facts, which it alone writes, and asks the others by
// the words below. Each view of the inside has a slice, so that adding one touches its file and `page.ts`.
import type { Engine, PartOff } from '../../api.ts';
import type { Door, Facts } from '../door.ts';
import type { Problem, Work } from '../facts/page.ts';
import type { Gather } from '../gather.ts';
import type { AppState, AppStore } from '../store.ts';
import type { TokenText } from '../tokenText.ts';
import type { View } from '../view.ts';

/** What every slice may ask and say. */
export interface PageContext {
  readonly engine: Engine;
  /** To hear of changes; nobody writes here. */
  readonly store: Pick<AppStore, 'getState' | 'subscribe'>;
  readonly text: TokenText;
  readonly get: Door['get'];
  readonly together: Door['together'];
  /** Answers about another step of a run wait for each other, so that what is looked at changes once. */
  readonly answers: Pick<Gather, 'tell' | 'end'>;
  /** Whether the engine can be asked about the text as it stands. */
  readonly answerable: () => boolean;
  /** Parts that are off now, for every question about the text. */
  readonly off: () => readonly PartOff[];
  /** Changes what is looked at; the focus, the pins and the parts follow the rules of the view. */
  readonly look: (patch: Partial<View>) => void;
  /** The engine says where the part of the text begins that the model sees. */
  readonly sees: (firstVisible: number) => void;
  /** Something takes the engine's time, until it ends. */
  readonly work: (work: Work, isOn: boolean) => void;
  /** Tells people what went wrong; aborts are no news. */
  readonly report: (error: unknown, during: Problem['during']) => void;
  /** Says it to those who cannot see it. */
  readonly say: (words: string) => void;
  /** Adds to what stands above the page until it is dismissed. */
  readonly note: (words: readonly string[]) => void;
  /** Notes that a gesture was found, for the tips. */
  readonly used: (hint: string) => void;
  /** Asks every open view anew: the text, the model or its parts changed. */
  readonly refreshAll: () => void;
}

/** What the owner of a part stands on. */
export interface SliceContext<N extends keyof AppState> extends PageContext {
  /** Changes facts of the slice's own part. */
  readonly set: (facts: Facts<N>) => void;
}

/**
 * Notes what a question is about, and says later whether its answer comes too late: nobody waits for
 * it any more, the text was replaced (growing is no harm), or other parts are off.
 */
export function staleness(
  { text, off }: Pick<PageContext, 'text' | 'off'>,
  signal: AbortSignal,
): () => boolean {
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
  /** Another step of the run that the model is of: what is shown stays until the new one has answered. As `reset` where it is left out. */
  readonly turn?: () => void;
}

// What somebody looks at, and how it is drawn.
import type { PartOff } from '../api.ts';
import type { AtlasFilter, AtlasMode, AtlasSort, HeadRef } from './facts/attention.ts';

export interface View {
  /** Id of the open view of the inside; '' when all are closed, and nothing is computed for them. */
  readonly panel: string;
  /** The token the panels talk about; null is the end of the text. */
  readonly selected: number | null;
  /** The focused head; where heads are pinned, one of them. */
  readonly layer: number;
  readonly head: number;
  /** Heads side by side, at most `MOST_PINS`. */
  readonly pins: readonly HeadRef[];
  readonly mode: AtlasMode;
  readonly sort: AtlasSort;
  readonly filter: AtlasFilter;
  /** The token that the filter `key` is about; null takes the one that is looked at most. */
  readonly keyToken: number | null;
  /** Draws the first token pale: many heads rest there, and hide where others look. */
  readonly dim: boolean;
  readonly scale: 'sqrt' | 'linear';
  /** Sorted by layer, kind and head; the same part is there once. */
  readonly off: readonly PartOff[];
}

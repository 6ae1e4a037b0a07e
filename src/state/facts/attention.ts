// What the page knows of where heads look.
import type {
  AttentionAtlas,
  AttentionMap,
  AttentionRows,
  Habit,
  HeadNames,
  HeadScores,
} from '../../api.ts';

export interface HeadRef {
  readonly layer: number;
  readonly head: number;
}

export type LabelName = Habit | 'mixed';

/** What a tile of the atlas shows: one token's row, the whole pattern, or what the head matters. */
export type AtlasMode = 'rows' | 'patterns' | 'effect';
export type AtlasSort = 'position' | 'label' | 'entropy' | 'effect';
/** `key`: heads that look at `keyToken` with more than `KEY_SHARE`. */
export type AtlasFilter = LabelName | 'key' | null;

export interface AttentionState {
  /** Map of the head in front: the previewed one, or the focused one. */
  readonly front: AttentionMap | null;
  /** Maps of all heads that are shown, as far as they are known. */
  readonly maps: readonly AttentionMap[];
  /** Where one token looks, in every head. */
  readonly rows: AttentionRows | null;
  /** Every head's pattern, and what each does in this text. */
  readonly atlas: AttentionAtlas | null;
  /** What heads do on repeated random tokens, or on what the run's model was measured on (`RunTexts.probe`). */
  readonly probe: HeadScores | null;
  /** What heads may be called for in this text; null until it was measured. */
  readonly names: HeadNames | null;
  /** The head under the pointer or the keys; it stands in front of the focused one while that lasts. */
  readonly preview: HeadRef | null;
  /** The pinned head that gave way to the newest one: there is room for `MOST_PINS`. */
  readonly gaveWay: HeadRef | null;
  /** Row and column of the map under the pointer, as token indexes. */
  readonly hoveredRow: number | null;
  readonly hoveredColumn: number | null;
  /** Cells a side that a tile of the atlas has room for. */
  readonly cells: number;
}

export const NO_ATTENTION: AttentionState = {
  front: null,
  maps: [],
  rows: null,
  atlas: null,
  probe: null,
  names: null,
  preview: null,
  gaveWay: null,
  hoveredRow: null,
  hoveredColumn: null,
  cells: 24,
};

export const MOST_PINS = 3;
/** A head looks at a token if it gives it more than this share. */
export const KEY_SHARE = 0.2;

/** `4.1`: layer and head, both from 0. */
export function headName({ layer, head }: HeadRef): string {
  return `${layer}.${head}`;
}

/** What a fourth pin does to the first. */
export function pinWords(pinned: HeadRef, gaveWay: HeadRef): string {
  return `Head ${headName(pinned)} is pinned in place of ${headName(gaveWay)}: three stand side by side.`;
}

export function isSameHead(a: HeadRef, b: HeadRef): boolean {
  return a.layer === b.layer && a.head === b.head;
}

/** The focused head, those that are pinned, and the one that is looked at in passing. */
export interface Heads extends HeadRef {
  readonly pins: readonly HeadRef[];
  readonly preview: HeadRef | null;
}

export function headsOf({
  view: { layer, head, pins },
  attention: { preview },
}: {
  readonly view: Omit<Heads, 'preview'>;
  readonly attention: Pick<AttentionState, 'preview'>;
}): Heads {
  return { layer, head, pins, preview };
}

/** The head that the text's tint and the words are about. */
export function frontHead({ preview, layer, head }: Omit<Heads, 'pins'>): HeadRef {
  return preview ?? { layer, head };
}

/**
 * The heads that stand side by side: the pinned ones, and behind them the focused one where it is none of them;
 * a previewed one in the focused one's place.
 */
export function shownHeads(heads: Heads): readonly HeadRef[] {
  const { pins, layer, head } = heads;
  const front = frontHead(heads);
  const own = pins.some((pin) => isSameHead(pin, heads)) ? pins : [...pins, { layer, head }];
  if (own.some((one) => isSameHead(one, front))) return own;
  return own.map((one) => (isSameHead(one, heads) ? front : one));
}

/** The token whose rows the atlas shows: the selected one, or the newest. */
export function queryOf(
  { view }: { readonly view: { readonly selected: number | null } },
  length: number,
): number {
  return Math.min(length - 1, view.selected ?? length - 1);
}

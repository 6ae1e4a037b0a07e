// What the page knows of parts that are switched off.
import type { Comparison, PartOff, TokenPiece } from '../../api.ts';

/** What each head does to one token's probability. */
export interface Sweep {
  /** (L, H) ln p(target) with the head off, less the same with it on; NaN where not yet measured. */
  readonly deltas: Float32Array;
  readonly nLayer: number;
  readonly nHead: number;
  /** ln p(target) before any head is switched off for the sweep. */
  readonly base: number;
  readonly target: TokenPiece;
  /** Index of the target in the text; the text's length is the next one. */
  readonly at: number;
  readonly done: number;
  readonly by: PartOff['by'];
  /** Parts that were off all the time. */
  readonly off: readonly PartOff[];
  readonly running: boolean;
}

export interface PartsState {
  /** What stands in place of a part that is switched off next. */
  readonly by: PartOff['by'];
  /** The whole model beside the one with parts off; null while all are on. */
  readonly comparison: Comparison | null;
  /** Index of the token that the comparison is about. */
  readonly comparisonAt: number;
  readonly sweep: Sweep | null;
}

export const ALL_PARTS_ON: PartsState = {
  by: 'zero',
  comparison: null,
  comparisonAt: 0,
  sweep: null,
};

/** The same part, whatever stands in its place. */
export function isSamePart(a: PartOff, b: PartOff): boolean {
  return a.part === b.part && a.layer === b.layer && a.head === b.head;
}

const ORDER = ['head', 'attention', 'mlp'];

/** By layer, kind and head, as the view has them. */
export function sortParts(off: readonly PartOff[]): readonly PartOff[] {
  return off.toSorted(
    (a, b) =>
      a.layer - b.layer ||
      ORDER.indexOf(a.part) - ORDER.indexOf(b.part) ||
      (a.head ?? 0) - (b.head ?? 0),
  );
}

/** `head 4.1`, `MLP 3 · mean`: as chips and sentences say it. */
export function partWords({ part, layer, head, by }: PartOff): string {
  const name =
    part === 'head' ? `head ${layer}.${head ?? 0}` : `${part === 'mlp' ? 'MLP' : part} ${layer}`;
  return by === 'mean' ? `${name} · mean` : name;
}

/** Whether an earlier visit left just these off, so that nobody switched anything in this one. */
export function isStillOff(before: readonly PartOff[], now: readonly PartOff[]): boolean {
  const [left, off] = [before, now].map((parts) => sortParts(parts).map(partWords).join());
  return off !== '' && left === off;
}

// What the page knows of parts that are switched off.
import type { Comparison, PartOff, TokenPiece } from '../../api.ts';

/** How parts are measured: each is switched off in turn, or what it adds to the logit by itself is read off one pass. */
export type SweepWay = 'off' | 'direct';

/** What is added besides heads and MLPs. */
export interface Rest {
  readonly embedding: number;
  /** Of all attention, and of the final LayerNorm. */
  readonly biases: number;
}

/** What each part does to one token, or to the difference between two. */
export interface Sweep {
  readonly way: SweepWay;
  /** (L, H) what is watched with the head off, less the same with it on; or what it adds. NaN where not yet measured. */
  readonly deltas: Float32Array;
  /** (L, 2) the same of the whole attention, and of the MLP. */
  readonly wholes: Float32Array;
  readonly nLayer: number;
  readonly nHead: number;
  /** What is watched, with no part off for it: ln p(target), its logit (directly), or its logit less the other's. */
  readonly base: number;
  readonly target: TokenPiece;
  /** The token whose logit is taken from the target's; null where the target alone is watched. */
  readonly against: TokenPiece | null;
  /** Where the logit was taken apart. */
  readonly rest: Rest | null;
  /** Index of the target in the text; the text's length is the next one. */
  readonly at: number;
  /** Parts that are measured, of L · (H + 2). */
  readonly done: number;
  readonly by: PartOff['by'];
  /** Parts that were off all the time. */
  readonly off: readonly PartOff[];
  readonly running: boolean;
}

/** What the model writes after the same text, the likeliest token always, with every part on and with parts off. */
export interface Continuations {
  readonly whole: readonly TokenPiece[];
  readonly edited: readonly TokenPiece[];
  /** Index of their first token. */
  readonly at: number;
}

export interface PartsState {
  /** What stands in place of a part that is switched off next. */
  readonly by: PartOff['by'];
  /** The whole model beside the one with parts off; null while all are on. */
  readonly comparison: Comparison | null;
  /** Index of the token that the comparison is about. */
  readonly comparisonAt: number;
  /** Known while the view is open, or was when they were asked for; null while all are on. */
  readonly continuations: Continuations | null;
  readonly sweep: Sweep | null;
  /** What the next sweep is to be. */
  readonly next: NextSweep;
}

export interface NextSweep {
  readonly way: SweepWay;
  /** Null: the token that stands there, else the likeliest. */
  readonly target: TokenPiece | null;
  readonly against: TokenPiece | null;
}

/** Whether it is of a probability, as the atlas of heads shows it. */
export function isOfProbability(sweep: Sweep | null): sweep is Sweep {
  return sweep !== null && sweep.way === 'off' && sweep.against === null;
}

export const ALL_PARTS_ON: PartsState = {
  by: 'zero',
  comparison: null,
  comparisonAt: 0,
  continuations: null,
  sweep: null,
  next: { way: 'off', target: null, against: null },
};

/** A part, whatever stands in its place. */
export type Part = Pick<PartOff, 'part' | 'layer' | 'head'>;

/** The attention of every layer, or every MLP. */
export function partsOfAll(part: 'attention' | 'mlp', nLayer: number): Part[] {
  return Array.from({ length: nLayer }, (_, layer) => ({ part, layer }));
}

/** The attention of a layer and its MLP: all that it adds. */
export function partsOfLayer(layer: number): Part[] {
  return [
    { part: 'attention', layer },
    { part: 'mlp', layer },
  ];
}

export function headsOfLayer(layer: number, nHead: number): Part[] {
  return Array.from({ length: nHead }, (_, head) => ({ part: 'head', layer, head }));
}

/** What a sweep says of a part; NaN where it is not yet measured. */
export function effectOf(
  { deltas, wholes, nHead }: Sweep,
  { part, layer, head = 0 }: Part,
): number {
  const found =
    part === 'head' ? deltas[layer * nHead + head] : wholes[2 * layer + (part === 'mlp' ? 1 : 0)];
  return found ?? Number.NaN;
}

/** The same part, whatever stands in its place. */
export function isSamePart(a: Part, b: Part): boolean {
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

/** Names of what is off, where all attention, all MLPs, a whole layer or all its heads have one name. */
export function offNames(
  off: readonly PartOff[],
  { nLayer, nHead }: { readonly nLayer: number; readonly nHead: number },
): string[] {
  let rest = off;
  const layers = Array.from({ length: nLayer }, (_, layer) => layer);
  const take = (parts: readonly Part[], name: string): string[] => {
    const there = parts.map((part) => rest.find((one) => isSamePart(one, part)));
    const by = there[0]?.by;
    if (parts.length < 2 || by === undefined || there.some((one) => one?.by !== by)) return [];
    rest = rest.filter((one) => !there.includes(one));
    return [by === 'mean' ? `${name} · mean` : name];
  };
  return [
    ...take(partsOfAll('attention', nLayer), 'all attention'),
    ...take(partsOfAll('mlp', nLayer), 'all MLPs'),
    ...layers.flatMap((layer) => take(partsOfLayer(layer), `layer ${layer}`)),
    ...layers.flatMap((layer) => take(headsOfLayer(layer, nHead), `all heads of layer ${layer}`)),
    ...rest.map(partWords),
  ];
}

/** Whether an earlier visit left just these off, so that nobody switched anything in this one. */
export function isStillOff(before: readonly PartOff[], now: readonly PartOff[]): boolean {
  const [left, off] = [before, now].map((parts) => sortParts(parts).map(partWords).join());
  return off !== '' && left === off;
}

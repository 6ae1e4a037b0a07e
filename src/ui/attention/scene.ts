// What the atlas shows now: which heads, in which order, with which marks. Pure; drawn by `atlasDrawing.ts`.
import { HABITS } from '../../habits.ts';
import type { AttentionMap, AttentionRows, PartOff } from '../../api.ts';
import { labelHead, type HeadLabel } from '../../state/headLabels.ts';
import {
  KEY_SHARE,
  type AtlasFilter,
  type AtlasMode,
  type AtlasSort,
} from '../../state/facts/attention.ts';
import type { AppState } from '../../state/store.ts';
import { modelOf } from '../../state/facts/model.ts';
import { isOfProbability } from '../../state/facts/parts.ts';
import type { Marks } from '../../marks.ts';
import { labelHere, marksOfRow, type Ids } from './rowReading.ts';
import { entropyOf, rowOfMap, type HeadRow } from './weights.ts';

export interface Scene {
  readonly nLayer: number;
  readonly nHead: number;
  /** `effect` only where there is a sweep of this model. */
  readonly mode: AtlasMode;
  /** Heads by their place on the screen, counted layer by layer. */
  readonly order: readonly number[];
  /** By head. */
  readonly matches: readonly boolean[];
  /** What each head is called in this text. */
  readonly known: readonly HeadLabel[];
  /** The names that stand: those of `known` with which the row of the token agrees. */
  readonly labels: readonly HeadLabel[];
  readonly entropies: Float32Array;
  readonly off: readonly boolean[];
  readonly deltas: Float32Array | null;
}

type Facts = Pick<AppState, 'model' | 'attention' | 'view' | 'parts'>;

/** `pieces` are the text's tokens, by their index. */
export function toScene(state: Facts, pieces: Ids): Scene {
  const nLayer = modelOf(state)?.nLayer ?? state.attention.rows?.nLayer ?? 0;
  const nHead = modelOf(state)?.nHead ?? state.attention.rows?.nHead ?? 0;
  const count = nLayer * nHead;
  const heads = Array.from({ length: count }, (_, i) => i);
  const sweep =
    isOfProbability(state.parts.sweep) &&
    state.parts.sweep.nLayer === nLayer &&
    state.parts.sweep.nHead === nHead
      ? state.parts.sweep
      : null;
  const rows =
    state.attention.rows?.nLayer === nLayer && state.attention.rows.nHead === nHead
      ? state.attention.rows
      : null;
  const names =
    state.attention.names?.nLayer === nLayer && state.attention.names.nHead === nHead
      ? state.attention.names
      : null;
  const known = heads.map((i) => labelHead(names, Math.floor(i / nHead), i % nHead));
  // All rows are of the same tokens.
  let read: Marks | null = null;
  const labels = known.map((one, i) => {
    const row = rows === null ? null : headRowOf(rows, i);
    return labelHere(one, row, pieces, () => (read ??= row && marksOfRow(row, pieces)) ?? NO_MARKS);
  });
  const entropies = rows === null ? new Float32Array(count).fill(Number.NaN) : entropiesOf(rows);
  const deltas = sweep?.deltas ?? null;
  const matches = heads.map((i) =>
    isMatch(i, state.view.filter, labels, rows, state.view.keyToken),
  );
  return {
    nLayer,
    nHead,
    mode: state.view.mode === 'effect' && deltas === null ? 'rows' : state.view.mode,
    order: orderHeads(state.view.sort, matches, labels, entropies, deltas),
    matches,
    known,
    labels,
    entropies,
    off: heads.map((i) => isOff(state.view.off, Math.floor(i / nHead), i % nHead)),
    deltas,
  };
}

const NO_MARKS: Marks = { begins: [], isMark: [], words: [] };

const measured = new WeakMap<AttentionRows, Float32Array>();

/** Bits of every head's row; measured once, however often it is drawn. */
function entropiesOf(rows: AttentionRows): Float32Array {
  const found =
    measured.get(rows) ??
    Float32Array.from({ length: rows.nLayer * rows.nHead }, (_, i) => entropyOf(rowOf(rows, i)));
  measured.set(rows, found);
  return found;
}

/** One head's weights of the rows' token. */
export function rowOf(rows: AttentionRows, head: number): Float32Array {
  return rows.weights.subarray(head * rows.size, (head + 1) * rows.size);
}

/**
 * Where the head of a map looks from a token: by the map itself, or by the rows of all heads, which know
 * the newest token before the map does. Null where neither knows it.
 */
export function rowOfHead(
  map: AttentionMap,
  rows: AttentionRows | null,
  query: number,
): HeadRow | null {
  const found = rowOfMap(map, query);
  if (found !== null || rows?.query !== query) return found;
  return headRowOf(rows, map.layer * rows.nHead + map.head);
}

export function headRowOf(rows: AttentionRows, head: number): HeadRow {
  return { firstIndex: rows.firstIndex, weights: rowOf(rows, head) };
}

function isOff(off: readonly PartOff[], layer: number, head: number): boolean {
  return off.some(
    (part) =>
      part.layer === layer &&
      (part.part === 'attention' || (part.part === 'head' && part.head === head)),
  );
}

function isMatch(
  head: number,
  filter: AtlasFilter,
  labels: readonly HeadLabel[],
  rows: AttentionRows | null,
  keyToken: number | null,
): boolean {
  if (filter === null) return true;
  if (filter !== 'key') return labels[head]?.letter !== '' && labels[head]?.name === filter;
  if (rows === null) return true;
  const key = watchedKey(rows, keyToken);
  return (rowOf(rows, head)[key - rows.firstIndex] ?? 0) > KEY_SHARE;
}

/** The token that the filter is about: the chosen one where the rows still know it. */
export function watchedKey(rows: AttentionRows, keyToken: number | null): number {
  const known = keyToken !== null && keyToken >= rows.firstIndex && keyToken <= rows.query;
  return known ? keyToken : commonKey(rows);
}

/** The token that the heads look at most, besides the first one and the token itself. */
function commonKey(rows: AttentionRows): number {
  const sums = new Float64Array(rows.size);
  rows.weights.forEach((weight, i) => {
    sums[i % rows.size] = (sums[i % rows.size] ?? 0) + weight;
  });
  let best = 0;
  for (let k = 1; k < rows.size - 1; k++) {
    if (best === 0 || (sums[k] ?? 0) > (sums[best] ?? 0)) best = k;
  }
  return best + rows.firstIndex;
}

/** By place all stay where they are; any other order shows the matching ones alone, the most telling first. */
function orderHeads(
  sort: AtlasSort,
  matches: readonly boolean[],
  labels: readonly HeadLabel[],
  entropies: Float32Array,
  deltas: Float32Array | null,
): number[] {
  const heads = matches.map((_, i) => i);
  if (sort === 'position') return heads;
  const found = heads.filter((i) => matches[i]);
  const rank = (i: number): number => {
    const name = labels[i]?.name ?? 'mixed';
    return name === 'mixed' ? HABITS.length : HABITS.indexOf(name);
  };
  const value: Readonly<Record<Exclude<AtlasSort, 'position'>, (i: number) => number>> = {
    label: (i) => rank(i) - (labels[i]?.score ?? 0) / 2,
    entropy: (i) => entropies[i] ?? Number.NaN,
    effect: (i) => -Math.abs(deltas?.[i] ?? Number.NaN),
  };
  const of = value[sort];
  // What is not known stands last.
  const key = (i: number): number => (Number.isNaN(of(i)) ? Infinity : of(i));
  return found.toSorted((a, b) => (key(a) === key(b) ? a - b : key(a) - key(b)));
}

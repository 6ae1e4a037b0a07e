// Attention weights made ready for drawing: pooled, cut, ranked. Pure; always the strongest of a block,
// never the average, which would hide the single bright cell that matters.
import type { Corner } from '../../state/view.ts';
import type { AttentionMap } from '../../api.ts';

/** The strongest of each of `bins` stretches of a row; without the first token where it is left out. */
export function poolRow(row: Float32Array, bins: number, withoutFirst: boolean): Float32Array {
  const size = row.length;
  const count = Math.max(1, Math.min(size, Math.floor(bins)));
  const out = new Float32Array(count);
  for (let i = withoutFirst ? 1 : 0; i < size; i++) {
    const at = Math.floor((i * count) / size);
    const value = row[i] ?? 0;
    if (value > (out[at] ?? 0)) out[at] = value;
  }
  return out;
}

/** Pools a lower triangle of `size` × `size` into at most `cells` a side. */
export function poolTriangle(
  values: Float32Array,
  size: number,
  cells: number,
): { readonly values: Float32Array; readonly size: number; readonly block: number } {
  const block = Math.max(1, Math.ceil(size / Math.max(1, cells)));
  if (block === 1) return { values, size, block };
  const side = Math.ceil(size / block);
  const out = new Float32Array(side * side);
  for (let q = 0; q < size; q++) {
    const row = Math.floor(q / block) * side;
    for (let k = 0; k <= q; k++) {
      const at = row + Math.floor(k / block);
      const value = values[q * size + k] ?? 0;
      if (value > (out[at] ?? 0)) out[at] = value;
    }
  }
  return { values: out, size: side, block };
}

/** The square of `values` whose first row and column are these. */
function cutSquare(
  values: Float32Array,
  size: number,
  row: number,
  column: number,
  side: number,
): Float32Array {
  const out = new Float32Array(side * side);
  for (let r = 0; r < side; r++) {
    const from = (row + r) * size + column;
    out.set(values.subarray(from, from + side), r * side);
  }
  return out;
}

/** A head's weights in sight: all of them, a window, or the whole pooled. */
export interface Shown {
  readonly values: Float32Array;
  /** Cells a side. */
  readonly size: number;
  /** Token index of the first row and of the first column. */
  readonly firstRow: number;
  readonly firstColumn: number;
  /** Tokens a cell stands for. */
  readonly block: number;
  /**
   * What each row gives the first token, where the columns in sight begin behind it: so much rests there
   * that no picture is without it. It is a column of its own, `SINK`.
   */
  readonly sink: { readonly token: number; readonly weights: Float32Array } | null;
}

/** The column of the first token beside a window that begins behind it. */
export const SINK = -1;

/** Index into the text of the (first) token that a row stands for. */
export function rowToken(shown: Shown, row: number): number {
  return shown.firstRow + row * shown.block;
}

/** Index into the text of the (first) token that a column stands for. */
export function columnToken(shown: Shown, column: number): number {
  if (column === SINK && shown.sink !== null) return shown.sink.token;
  return shown.firstColumn + column * shown.block;
}

export function weightAt(shown: Shown, row: number, column: number): number {
  if (column === SINK) return shown.sink?.weights[row] ?? 0;
  return shown.values[row * shown.size + column] ?? 0;
}

export function clampCorner(corner: Corner, size: number, side: number): Corner {
  const most = Math.max(0, size - side);
  const row = Math.max(0, Math.min(most, Math.round(corner.row)));
  return { row, column: Math.max(0, Math.min(row, Math.round(corner.column))) };
}

const pooled = new WeakMap<AttentionMap, Map<number, ReturnType<typeof poolTriangle>>>();

/** Pooling reads every weight: it is done once for a map and a size. */
export function poolOnce(map: AttentionMap, cells: number): ReturnType<typeof poolTriangle> {
  const bySize = pooled.get(map) ?? new Map<number, ReturnType<typeof poolTriangle>>();
  pooled.set(map, bySize);
  const found = bySize.get(cells) ?? poolTriangle(map.weights, map.size, cells);
  bySize.set(cells, found);
  return found;
}

/** `most` cells a side have room; more tokens are a window of `side`, or pooled where `whole`. */
export function toShown(
  map: AttentionMap,
  most: number,
  side: number,
  corner: Corner,
  whole: boolean,
): Shown {
  const { size, firstIndex, weights } = map;
  if (size <= most || whole) {
    const all = poolOnce(map, most);
    return { ...all, firstRow: firstIndex, firstColumn: firstIndex, sink: null };
  }
  const { row, column } = clampCorner(corner, size, side);
  return {
    values: cutSquare(weights, size, row, column, side),
    size: side,
    firstRow: firstIndex + row,
    firstColumn: firstIndex + column,
    block: 1,
    sink:
      column === 0
        ? null
        : {
            token: firstIndex,
            weights: Float32Array.from({ length: side }, (_, r) => weights[(row + r) * size] ?? 0),
          },
  };
}

/** The last column of a row that a token may look at; below 0 where there is none in sight. */
export function lastColumn(shown: Shown, row: number): number {
  const token = rowToken(shown, row);
  return Math.min(shown.size - 1, Math.floor((token - shown.firstColumn) / shown.block));
}

/** Where one head looks from one token. */
export interface HeadRow {
  /** Index into the text of the first token that it may look at. */
  readonly firstIndex: number;
  /** One weight for each token from there on to the looking one itself, S in all; they sum to 1. */
  readonly weights: Float32Array;
}

/** Where the head looks from a token; null where the token is not in the map. */
export function rowOfMap(map: AttentionMap, query: number): HeadRow | null {
  const { firstIndex, size, weights } = map;
  const q = query - firstIndex;
  if (q < 0 || q >= size) return null;
  return { firstIndex, weights: weights.subarray(q * size, q * size + q + 1) };
}

/** A row's tokens, the strongest first; indexes into the text. */
export function byWeight({
  firstIndex,
  weights,
}: HeadRow): { readonly index: number; readonly weight: number }[] {
  return Array.from(weights, (weight, k) => ({ index: k + firstIndex, weight })).toSorted(
    (a, b) => b.weight - a.weight,
  );
}

/** What a token looks at, the strongest first. */
export function strongest(
  map: AttentionMap,
  query: number,
): { readonly index: number; readonly weight: number }[] {
  const row = rowOfMap(map, query);
  return row === null ? [] : byWeight(row);
}

/** 1 for the strongest weight of its row. */
export function rankOf(map: AttentionMap, query: number, key: number): number {
  const row = (query - map.firstIndex) * map.size;
  const at = key - map.firstIndex;
  const weight = map.weights[row + at] ?? 0;
  let rank = 1;
  for (let k = 0; k <= query - map.firstIndex; k++) {
    if ((map.weights[row + k] ?? 0) > weight) rank += 1;
  }
  return rank;
}

export interface Edge {
  readonly query: number;
  readonly key: number;
  readonly weight: number;
}

/** The strongest edges of each row, at most `each`, none below `least`; indexes into the text. */
export function topEdges(
  map: AttentionMap,
  from: number,
  to: number,
  each: number,
  least: number,
): Edge[] {
  const edges: Edge[] = [];
  for (let query = Math.max(from, map.firstIndex); query < to; query++) {
    const q = query - map.firstIndex;
    if (q >= map.size) break;
    const best: Edge[] = [];
    for (let k = 0; k <= q; k++) {
      const weight = map.weights[q * map.size + k] ?? 0;
      if (weight < least || weight <= (best[each - 1]?.weight ?? 0)) continue;
      const at = best.findIndex((edge) => edge.weight < weight);
      best.splice(at < 0 ? best.length : at, 0, { query, key: k + map.firstIndex, weight });
      best.length = Math.min(best.length, each);
    }
    edges.push(...best);
  }
  return edges;
}

/** Bits; 0 where all weight is on one token. */
export function entropyOf(row: Float32Array): number {
  let bits = 0;
  for (const p of row) if (p > 0) bits -= p * Math.log2(p);
  return bits;
}

// Byte-pair merging itself: neighbours become one, the pair of lowest rank first.

const MAX_PIECE = 2 ** 32;
/** Longer pieces, in parts, get memory of their own for merging. */
const SHARED_LENGTH = 256;

/** What merging needs to know of a vocabulary. */
export interface Merges {
  /** Order of merging two neighbours (lower first), or -1 when they never merge. */
  readonly rank: (left: number, right: number) => number;
  /** Id that a merge of this rank makes. */
  readonly merged: (rank: number) => number;
}

/** Room for merging so many parts: the caller fills the first `length` of its `ids`, then calls `merge`. */
export function spaceFor(length: number): MergeSpace {
  return length <= SHARED_LENGTH ? sharedSpace : createSpace(length);
}

/**
 * Merges the first `length` ids of `space`: always the pair of lowest rank, the leftmost among equals.
 * A doubly linked list of parts and a heap of candidate pairs make it O(n log n).
 */
export function merge(space: MergeSpace, length: number, merges: Merges): number[] {
  const { ids, next, previous, ranks, heap } = space;
  const { rank, merged } = merges;
  for (let i = 0; i < length; i++) {
    next[i] = i + 1;
    previous[i] = i - 1;
    ranks[i] = i + 1 < length ? rank(ids[i], ids[i + 1]) : -1;
    if (ranks[i] >= 0) heap.append(ranks[i] * MAX_PIECE + i);
  }
  heap.order();

  let parts = length;
  while (heap.size > 0) {
    const candidate = heap.pop();
    const found = Math.floor(candidate / MAX_PIECE);
    const at = candidate - found * MAX_PIECE;
    if (ranks[at] !== found) continue;
    const absorbed = next[at];
    const after = next[absorbed];
    ids[at] = merged(found);
    ranks[absorbed] = -1;
    next[at] = after;
    parts--;
    ranks[at] = after < length ? rank(ids[at], ids[after]) : -1;
    if (after < length) previous[after] = at;
    if (ranks[at] >= 0) heap.push(ranks[at] * MAX_PIECE + at);
    const before = previous[at];
    if (before < 0) continue;
    ranks[before] = rank(ids[before], ids[at]);
    if (ranks[before] >= 0) heap.push(ranks[before] * MAX_PIECE + before);
  }

  const result: number[] = Array.from({ length: parts });
  for (let i = 0, part = 0; i < length; i = next[i]) result[part++] = ids[i];
  return result;
}

/** Room for merging one piece of at most so many bytes; entries beyond the piece are stale. */
export interface MergeSpace {
  readonly ids: Int32Array;
  readonly next: Int32Array;
  readonly previous: Int32Array;
  /** Rank of the pair that starts at a part; -1 when there is none, so that stale candidates show. */
  readonly ranks: Int32Array;
  /**
   * Candidate pairs, each one number, rank · 2³² + position: numeric order is the order of merging.
   * A merge takes one out and puts at most two in. Empty between pieces.
   */
  readonly heap: MinHeap;
}

function createSpace(length: number): MergeSpace {
  const [ids, next, previous, ranks] = Array.from({ length: 4 }, () => new Int32Array(length));
  return { ids, next, previous, ranks, heap: new MinHeap(3 * length) };
}

/** Binary min-heap of numbers with a capacity known beforehand. */
class MinHeap {
  size = 0;
  readonly #items: Float64Array;

  constructor(capacity: number) {
    this.#items = new Float64Array(capacity);
  }

  /** Adds without ordering; `order` must follow. */
  append(value: number): void {
    this.#items[this.size++] = value;
  }

  order(): void {
    for (let i = (this.size >> 1) - 1; i >= 0; i--) this.#sink(i);
  }

  push(value: number): void {
    const items = this.#items;
    let at = this.size++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (items[parent] <= value) break;
      items[at] = items[parent];
      at = parent;
    }
    items[at] = value;
  }

  pop(): number {
    const items = this.#items;
    const least = items[0];
    items[0] = items[--this.size];
    this.#sink(0);
    return least;
  }

  #sink(from: number): void {
    const items = this.#items;
    const value = items[from];
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= this.size) break;
      if (child + 1 < this.size && items[child + 1] < items[child]) child++;
      if (items[child] >= value) break;
      items[at] = items[child];
      at = child;
    }
    items[at] = value;
  }
}

const sharedSpace = createSpace(SHARED_LENGTH);

// Neighbours that a byte-pair trainer may merge, the most frequent first.

/** Two neighbouring tokens, and where they are. */
export interface Pair {
  readonly left: number;
  readonly right: number;
  /** How often they are neighbours now. */
  count: number;
  /** The count by which the pair lies in the queue; the true one may have become smaller. */
  queued: number;
  /** Where the left one begins, in order; some may be neighbours no more. */
  readonly positions: number[];
}

/** A heap of pairs. Counts may only fall while a pair lies in it. */
export class PairQueue {
  readonly #items: Pair[] = [];

  push(pair: Pair): void {
    pair.queued = pair.count;
    const items = this.#items;
    let at = items.length;
    items.push(pair);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(pair, items[parent])) break;
      items[at] = items[parent];
      at = parent;
    }
    items[at] = pair;
  }

  /** Takes out the most frequent pair; of those that are equally frequent, the one whose ids are smaller. */
  pop(): Pair | undefined {
    for (;;) {
      const first = this.#items[0] as Pair | undefined;
      if (!first) return undefined;
      if (first.queued === first.count) {
        const last = this.#items.pop();
        if (last && last !== first) this.#sink(last);
        return first;
      }
      first.queued = first.count;
      this.#sink(first);
    }
  }

  /** Puts a pair into the place of the first, and from there where it belongs. */
  #sink(pair: Pair): void {
    const items = this.#items;
    const size = items.length;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && isBefore(items[child + 1], items[child])) child++;
      if (!isBefore(items[child], pair)) break;
      items[at] = items[child];
      at = child;
    }
    items[at] = pair;
  }
}

function isBefore(a: Pair, b: Pair): boolean {
  if (a.queued !== b.queued) return a.queued > b.queued;
  return a.left === b.left ? a.right < b.right : a.left < b.left;
}

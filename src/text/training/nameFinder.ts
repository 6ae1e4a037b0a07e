// Names of added tokens in a text that comes in parts.

/** Finds names, the leftmost and of those the longest first. What may become one waits for the next part. */
export class NameFinder {
  #held = '';
  readonly #names: readonly string[];
  readonly #longest: number;

  constructor(names: readonly string[]) {
    this.#names = names.toSorted((a, b) => b.length - a.length);
    this.#longest = this.#names[0]?.length ?? 0;
  }

  /**
   * Gives the text before each name with the name, and what follows the last with null. `ends` says that nothing
   * follows.
   */
  find(part: string, ends: boolean, take: (text: string, name: string | null) => void): void {
    const text = this.#held + part;
    /** A name that begins behind it may be the beginning of a longer one. */
    const last = ends ? text.length : text.length - this.#longest;
    const next = new Map(this.#names.map((name) => [name, text.indexOf(name)]));
    let from = 0;
    for (;;) {
      let at = text.length;
      let found: string | null = null;
      for (const name of this.#names) {
        let place = next.get(name) ?? -1;
        if (place >= 0 && place < from) {
          place = text.indexOf(name, from);
          next.set(name, place);
        }
        if (place >= 0 && place < at) [at, found] = [place, name];
      }
      if (found === null || at > last) break;
      take(text.slice(from, at), found);
      from = at + found.length;
    }
    const end = Math.max(from, ends ? text.length : last + 1);
    this.#held = text.slice(end);
    take(text.slice(from, end), null);
  }
}

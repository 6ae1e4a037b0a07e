// Names by their letters, so that those which begin somewhere in a text are found in one walk.

/** One letter (UTF-16 unit) of the names that begin alike. */
interface Branch<T> {
  readonly next: Map<number, Branch<T>>;
  value?: T;
}

export class NameTree<T> {
  readonly #root: Branch<T> = { next: new Map() };

  get isEmpty(): boolean {
    return this.#root.next.size === 0;
  }

  /** An empty name is none. */
  set(name: string, value: T): void {
    if (name === '') return;
    let at = this.#root;
    for (let i = 0; i < name.length; i++) {
      const unit = name.charCodeAt(i);
      let next = at.next.get(unit);
      if (!next) at.next.set(unit, (next = { next: new Map() }));
      at = next;
    }
    at.value = value;
  }

  /** Calls back for every name that begins at `start` and its end, the shortest first. */
  each(text: string, start: number, found: (value: T, end: number) => void): void {
    let branch = start < text.length ? this.#root.next.get(text.charCodeAt(start)) : undefined;
    for (let at = start + 1; branch; at++) {
      if (branch.value !== undefined) found(branch.value, at);
      branch = at < text.length ? branch.next.get(text.charCodeAt(at)) : undefined;
    }
  }
}

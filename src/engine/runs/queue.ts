// Events from several places in one order, for one reader.

/** Holds what was told until it is read. */
export class Queue<T> {
  readonly #waiting: T[] = [];
  #isOver = false;
  #failure: { readonly error: unknown } | null = null;
  #wake = (): void => {};

  push(event: T): void {
    this.#waiting.push(event);
    this.#wake();
  }

  /** Nothing comes after this; with an error, the reader is told of it behind all events. */
  end(failure: { readonly error: unknown } | null = null): void {
    this.#isOver = true;
    this.#failure = failure;
    this.#wake();
  }

  async *read(): AsyncGenerator<T, void, undefined> {
    for (;;) {
      for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
        yield next;
      }
      if (this.#isOver) break;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#failure) throw this.#failure.error;
  }
}

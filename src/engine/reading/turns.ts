// One at a time, in the order of asking: what several callers share is used by one of them.

/** A line of those who wait for something that only one may use. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs `work` once everybody who asked before is done; its failure is the caller's alone. */
  async take<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#last;
    let release = (): void => {};
    this.#last = new Promise<void>((resolve) => {
      release = resolve;
    });
    await before;
    try {
      return await work();
    } finally {
      release();
    }
  }
}

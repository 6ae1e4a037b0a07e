// What is measured of a model once, by the first who asks.
import { Turns } from './turns.ts';

/** A value that is worth keeping. Who asks while it is measured waits; where that fails, the next measures anew. */
export class Once<T> {
  readonly #turns = new Turns();
  #found: { readonly value: T } | null = null;

  async get(measure: () => Promise<T>): Promise<T> {
    const found =
      this.#found ??
      (await this.#turns.take(async () => (this.#found ??= { value: await measure() })));
    return found.value;
  }
}

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

/** The same of a text, or of another thing by which it is measured: of the last one that was asked for. */
export class OncePer<K, T> {
  #key: K | undefined;
  #once = new Once<T>();

  async get(key: K, measure: () => Promise<T>): Promise<T> {
    if (key !== this.#key) {
      this.#key = key;
      this.#once = new Once();
    }
    return this.#once.get(measure);
  }
}

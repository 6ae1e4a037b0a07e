// What is known of characters.

/** A number for each code point, 0 until it is set. As large as the highest code point asks for. */
export class CodePointTable {
  #values = new Int32Array(256);

  get(code: number): number {
    return code < this.#values.length ? this.#values[code] : 0;
  }

  set(code: number, value: number): void {
    if (code >= this.#values.length) {
      const wider = new Int32Array(2 ** Math.ceil(Math.log2(code + 1)));
      wider.set(this.#values);
      this.#values = wider;
    }
    this.#values[code] = value;
  }
}

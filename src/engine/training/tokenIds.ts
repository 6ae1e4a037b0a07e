// Ids of a long text.

/** Of all blocks but the last. */
const BLOCK = 1 << 16;

/** What can be read from: ids one behind the other. */
export interface Ids {
  readonly length: number;
  /** No id is above it; -1 where there are none. */
  readonly highest: number;
  /** Copies ids `from` … `from + count` into `target`, from its `at` on. All of them must be there. */
  copyTo(target: Uint32Array, at: number, from: number, count: number): void;
}

/** Ids that become more. They lie in blocks, so that no growth ever needs them twice. */
export class TokenIds implements Ids {
  #length = 0;
  #highest = -1;
  readonly #blocks: (Uint16Array | Uint32Array)[] = [];
  readonly #isWide: boolean;

  /** For ids below `vocabSize`: two bytes each where that suffices, else four. */
  constructor(vocabSize: number) {
    this.#isWide = vocabSize > 65_536;
  }

  static from(ids: ArrayLike<number>, vocabSize = 2 ** 32): TokenIds {
    const made = new TokenIds(vocabSize);
    for (let i = 0; i < ids.length; i++) made.push(ids[i]);
    return made;
  }

  get length(): number {
    return this.#length;
  }

  get highest(): number {
    return this.#highest;
  }

  get sizeBytes(): number {
    return this.#blocks.reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  push(id: number): void {
    const at = this.#length % BLOCK;
    if (at === 0) this.#blocks.push(this.#isWide ? new Uint32Array(BLOCK) : new Uint16Array(BLOCK));
    this.#blocks[this.#blocks.length - 1][at] = id;
    this.#length++;
    if (id > this.#highest) this.#highest = id;
  }

  copyTo(target: Uint32Array, at: number, from: number, count: number): void {
    for (let done = 0; done < count;) {
      const place = (from + done) % BLOCK;
      const block = this.#blocks[Math.floor((from + done) / BLOCK)];
      const length = Math.min(count - done, BLOCK - place);
      target.set(block.subarray(place, place + length), at + done);
      done += length;
    }
  }

  /** Gives back the room behind the last id; call it when there will be no more. */
  trim(): void {
    const last = this.#blocks.at(-1);
    const used = this.#length % BLOCK;
    if (last && used > 0) this.#blocks[this.#blocks.length - 1] = last.slice(0, used);
  }
}

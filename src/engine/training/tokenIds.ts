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

/** Ids that are looked at together. */
const PART = 1 << 14;
/** Texts by their ids: what was worked out once is asked for at every checkpoint. */
const identities = new WeakMap<Ids, string>();

/**
 * 16 hex digits that are the same for the same ids, and for others hardly ever: two sums of FNV's kind over all of them,
 * some hundred million ids a second. It tells texts apart that were mixed up, not those of somebody who means harm.
 */
export function identityOf(ids: Ids): string {
  const known = identities.get(ids);
  if (known !== undefined) return known;
  const part = new Uint32Array(PART);
  let [a, b] = [0x811c9dc5, 0x9e3779b9];
  for (let from = 0; from < ids.length; from += PART) {
    const count = Math.min(PART, ids.length - from);
    ids.copyTo(part, 0, from, count);
    for (let i = 0; i < count; i++) {
      a = Math.imul(a ^ part[i], 0x01000193);
      b = Math.imul((b << 13) | (b >>> 19), 0x85ebca6b) ^ part[i];
    }
  }
  const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, '0');
  const identity = hex(a) + hex(b);
  identities.set(ids, identity);
  return identity;
}

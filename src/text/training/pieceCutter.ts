// The pieces of a text that comes in parts: the same as of the whole.
import { endOfPiece } from '../pieces.ts';

/**
 * What follows a piece decides where it ends: the next character (two units at most), and one before it that white space
 * leaves to the next piece.
 */
const AHEAD = 3;

/** Cuts a text that comes in parts by GPT-2's pattern. What may still grow waits for the next part. */
export class PieceCutter {
  #held = '';
  /** A piece that fills all of the text is not looked at again before that is twice as long. */
  #least = 0;
  readonly #take: (piece: string) => void;

  /** `take` is given every piece, in order. */
  constructor(take: (piece: string) => void) {
    this.#take = take;
  }

  /** `ends` says that nothing follows: the next part is another text's. */
  cut(part: string, ends: boolean): void {
    const text = this.#held + part;
    if (!ends && text.length < this.#least) {
      this.#held = text;
      return;
    }
    const last = ends ? text.length : text.length - AHEAD;
    let start = 0;
    while (start < last) {
      const end = endOfPiece(text, start);
      if (end > last) break;
      this.#take(text.slice(start, end));
      start = end;
    }
    this.#held = text.slice(start);
    this.#least = 2 * this.#held.length;
  }
}

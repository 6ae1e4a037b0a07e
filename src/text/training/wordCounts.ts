// How often each word of a text is there: all that a byte-pair trainer sees of it.
import { detached } from '../byteStrings.ts';
import { PieceCutter } from './pieceCutter.ts';

/** Letters of different words that are kept; training takes about twenty times as many bytes. */
const MOST_LETTERS = 1 << 24;

/** Counts the pieces of texts that come in parts. */
export class WordCounts {
  /** Words in the order of their first coming, each with how often it was there. */
  readonly counts = new Map<string, number>();
  /** Times that a word came for which there was no room any more. */
  leftOut = 0;
  #letters = 0;
  readonly #most: number;
  readonly #cutter = new PieceCutter((piece) => {
    this.#count(piece);
  });

  /** Different words are kept up to `most` UTF-16 units in all. */
  constructor(most = MOST_LETTERS) {
    this.#most = most;
  }

  /** A part of a text; `ends` says that the next is another text's. */
  add(part: string, ends: boolean): void {
    this.#cutter.cut(part, ends);
  }

  /** As `add`, where each line is a text of its own and line breaks are none. */
  addLines(part: string, ends: boolean): void {
    let from = 0;
    for (let at = part.indexOf('\n'); at >= 0; at = part.indexOf('\n', from)) {
      this.add(part.slice(from, at), true);
      from = at + 1;
    }
    this.add(part.slice(from), ends);
  }

  #count(piece: string): void {
    const count = this.counts.get(piece);
    if (count !== undefined) {
      this.counts.set(piece, count + 1);
      return;
    }
    if (this.#letters + piece.length > this.#most) {
      this.leftOut++;
      return;
    }
    this.#letters += piece.length;
    this.counts.set(detached(piece), 1);
  }
}

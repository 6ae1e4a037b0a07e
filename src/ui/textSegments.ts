// A text cut into segments: stretches of tokens that are drawn together. Pure. Where they begin depends on the tokens
// before them alone, so a text that grows, or is typed into, keeps the segments before that place.
import type { TokenPiece } from '../api.ts';

/** Tokens from which a segment may end; a screen of text is about one or two. */
const FULL = 128;
/** Where no word and no line begins in all that time, it ends within a word. */
const LONGEST = 2 * FULL;

export interface Segment {
  readonly start: number;
  /** The index after its last token. */
  end: number;
  /** Whether it goes on in the paragraph in which the one before it ended. */
  readonly continues: boolean;
  /** UTF-16 units, for guessing its height. */
  chars: number;
  /** Lines that end by themselves. */
  breaks: number;
}

/** Whether a new paragraph begins after a token. */
export function endsParagraph(piece: TokenPiece | undefined): boolean {
  return piece !== undefined && !piece.special && piece.text.endsWith('\n');
}

/** Adds the tokens that no segment has yet. */
export function extendSegments(segments: Segment[], pieces: readonly TokenPiece[]): void {
  let last = segments.at(-1);
  for (let i = last?.end ?? 0; i < pieces.length; i++) {
    const piece = pieces[i];
    const ended = endsParagraph(pieces[i - 1]);
    const count = i - (last?.start ?? 0);
    const isPlace = (): boolean => ended || count >= LONGEST || /^\s/u.test(piece?.text ?? '');
    if (last === undefined || (count >= FULL && isPlace())) {
      last = { start: i, end: i, continues: i > 0 && !ended, chars: 0, breaks: 0 };
      segments.push(last);
    }
    last.end = i + 1;
    last.chars += piece?.text.length ?? 0;
    if (endsParagraph(piece)) last.breaks += 1;
  }
}

/** Drops the tokens from `length` on; `pieces` has at least those before. */
export function cutSegments(
  segments: Segment[],
  pieces: readonly TokenPiece[],
  length: number,
): void {
  while ((segments.at(-1)?.start ?? -1) >= length) segments.pop();
  const last = segments.at(-1);
  if (last === undefined || last.end <= length) return;
  last.end = length;
  last.chars = 0;
  last.breaks = 0;
  for (let i = last.start; i < length; i++) {
    last.chars += pieces[i]?.text.length ?? 0;
    if (endsParagraph(pieces[i])) last.breaks += 1;
  }
}

/** Number of the segment that holds a token; the last one for what comes after all of them, -1 for none. */
export function segmentOf(segments: readonly Segment[], index: number): number {
  let low = 0;
  let high = segments.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((segments[middle]?.end ?? 0) <= index) low = middle + 1;
    else high = middle;
  }
  return segments.length === 0 ? -1 : low;
}

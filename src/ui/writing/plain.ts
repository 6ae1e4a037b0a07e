// A text of tokens as one that is written in: places count UTF-16 units, as a field does, and each token knows where it
// begins. Pure. A token that is half a character begins where that character does, so no place is within one.
import type { TokenPiece } from '../../api.ts';
import type { Edit } from '../../state/slices/text/desk.ts';
import { isBroken } from '../chip.ts';
import { DRAFT_ID } from '../textView.ts';

/** The end of a text among its words; a typed name of it would be read as letters. */
export const END_MARK = '\u{FFFC}';
const END_OF_TEXT = '<|endoftext|>';
/** A text without words is read anew from so many tokens around what was changed. */
const FARTHEST = 64;

export interface Plain {
  readonly words: string;
  /** Where each token begins, and at the end the length of the words. */
  readonly starts: readonly number[];
}

/** Whether a token is shown by its letters, and neither by its bytes nor by a name that is no text. */
export function hasLetters(piece: TokenPiece | undefined): boolean {
  return piece !== undefined && !isEnd(piece) && !isBroken(piece);
}

function isEnd({ special, text }: TokenPiece): boolean {
  return special && text === END_OF_TEXT;
}

export function plainOf(pieces: readonly TokenPiece[]): Plain {
  const starts: number[] = [];
  const parts: string[] = [];
  let length = 0;
  let decoder: TextDecoder | null = null;
  const add = (part: string): void => {
    parts.push(part);
    length += part.length;
  };
  pieces.forEach((piece, i) => {
    if (isBroken(piece)) {
      decoder ??= new TextDecoder('utf-8', { ignoreBOM: true });
      starts.push(length);
      add(decoder.decode(Uint8Array.from(piece.bytes), { stream: true }));
      return;
    }
    // What is left of a character that never was whole belongs to the token before.
    if (decoder !== null) add(decoder.decode());
    decoder = null;
    starts.push(length);
    add(isEnd(piece) ? END_MARK : toLines(piece.text, pieces[i + 1]));
  });
  if (decoder !== null) add((decoder as TextDecoder).decode());
  starts.push(length);
  return { words: parts.join(''), starts };
}

/** Lines end as in a field: a carriage return with its line feed, or alone, is one line feed. */
function toLines(text: string, next: TokenPiece | undefined): string {
  if (!text.includes('\r')) return text;
  const lines = text.replaceAll(/\r\n?/gu, '\n');
  return text.endsWith('\r') && next?.text.startsWith('\n') ? lines.slice(0, -1) : lines;
}

/** The token in which a place is, and how many units into it; the first of several that begin there. */
export function tokenAt({ starts }: Plain, at: number): { index: number; signs: number } {
  let low = 0;
  let high = starts.length - 1;
  // The first that begins there or behind.
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((starts[middle] ?? 0) < at) low = middle + 1;
    else high = middle;
  }
  if (starts[low] === at || low === 0) return { index: low, signs: 0 };
  // Those that begin at one place are one character: what is within it is in all of them.
  let index = low - 1;
  while (index > 0 && starts[index - 1] === starts[index]) index--;
  return { index, signs: at - (starts[index] ?? 0) };
}

/** A place that is within no character: the one before it where it is between two halves. */
export function snap(words: string, at: number): number {
  const code = words.charCodeAt(at);
  const before = words.charCodeAt(at - 1);
  const isWithin = code >= 0xdc00 && code <= 0xdfff && before >= 0xd800 && before <= 0xdbff;
  return isWithin ? at - 1 : at;
}

/** The shortest change that makes one text another: `old` from one place to before another reads `words` now. */
export function changeOf(
  old: string,
  now: string,
): { readonly from: number; readonly to: number; readonly words: string } {
  const most = Math.min(old.length, now.length);
  let from = 0;
  while (from < most && old.charCodeAt(from) === now.charCodeAt(from)) from++;
  from = Math.min(snap(old, from), snap(now, from));
  let tail = 0;
  const isSame = (): boolean =>
    old.charCodeAt(old.length - 1 - tail) === now.charCodeAt(now.length - 1 - tail);
  while (tail < most - from && isSame()) tail++;
  if (snap(old, old.length - tail) < old.length - tail) tail--;
  else if (snap(now, now.length - tail) < now.length - tail) tail--;
  return { from, to: old.length - tail, words: now.slice(from, now.length - tail) };
}

/**
 * Which tokens are to be read anew where the text reads `now`: those that the change touches, up to the words' ends on
 * either side, since a letter more or less makes other pieces of a whole word. `isNumbers`: tokens are numbers by spaces.
 */
export function editOf(
  pieces: readonly TokenPiece[],
  plain: Plain,
  now: string,
  isNumbers = false,
): Edit {
  const { words, starts } = plain;
  const change = changeOf(words, now);
  const isEdge = (index: number): boolean => {
    const before = pieces[index - 1];
    const after = pieces[index];
    if (before === undefined || after === undefined) return true;
    if (before.special || after.special) return true;
    if (isBroken(before) || isBroken(after)) return false;
    const isAfter = /^\s/u.test(after.text);
    const isBefore = /\s$/u.test(before.text);
    if (isNumbers) return isBefore;
    return isAfter && !isBefore;
  };
  let from = Math.min(pieces.length, tokenAt(plain, change.from).index);
  // What is written behind a word makes one with it.
  if (starts[from] === change.from && from > 0 && !pieces[from - 1]?.special) from--;
  const least = from - FARTHEST;
  while (from > 0 && !isEdge(from)) {
    if (from <= least && !isBroken(pieces[from]) && !isBroken(pieces[from - 1])) break;
    from--;
  }
  let to = Math.min(pieces.length, tokenAt(plain, change.to).index);
  if (to < pieces.length && !(pieces[to]?.special && starts[to] === change.to)) to++;
  const most = to + FARTHEST;
  while (to < pieces.length && !isEdge(to)) {
    if (to >= most && !isBroken(pieces[to]) && !isBroken(pieces[to - 1])) break;
    to++;
  }
  const grown = now.length - words.length;
  const anew = now.slice(starts[from] ?? 0, (starts[to] ?? words.length) + grown);
  return { from, to, words: anew.replaceAll(END_MARK, '') };
}

/** What is seen while the tokens of `now` are not known: those of before, and what was written between them by its words. */
export function draftOf(
  pieces: readonly TokenPiece[],
  plain: Plain,
  now: string,
): { readonly pieces: TokenPiece[]; readonly from: number } {
  const { words, starts } = plain;
  const change = changeOf(words, now);
  // A token may hold the half of a character beside others.
  const isWithin = (index: number): boolean =>
    isBroken(pieces[index]) && isBroken(pieces[index - 1]);
  let from = Math.min(pieces.length, tokenAt(plain, change.from).index);
  while (isWithin(from)) from--;
  let to = from;
  while (to < pieces.length && (starts[to] ?? 0) < change.to) to++;
  while (to > from && isWithin(to)) to++;
  const grown = now.length - words.length;
  const between = now.slice(starts[from] ?? 0, (starts[to] ?? words.length) + grown);
  const parts = between.match(/ ?[^\s\u{FFFC}]+|[\s\u{FFFC}]/gu) ?? [];
  const written = parts.map((text): TokenPiece => {
    const special = text === END_MARK;
    return { id: DRAFT_ID, bytes: [], text: special ? END_OF_TEXT : text, special };
  });
  return { pieces: pieces.slice(0, from).concat(written, pieces.slice(to)), from };
}

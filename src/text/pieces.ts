// Where GPT-2 cuts a text into the pieces that are merged alone.

// GPT-2's pattern, by hand, because a regular expression overflows the stack on millions of emoji:
//   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
// where \s is \p{White_Space}. JavaScript's own \s has U+FEFF, which is none, and lacks U+0085.
const LETTER = 1;
const NUMBER = 2;
const SPACE = 3;
const OTHER = 4;
/** Class of each code point, filled as they are met; 0 is not asked yet. */
const classes = new Uint8Array(0x110000);

function classOf(codePoint: number): number {
  return (classes[codePoint] ||= classify(String.fromCodePoint(codePoint)));
}

function classify(character: string): number {
  if (/\p{L}/u.test(character)) return LETTER;
  if (/\p{N}/u.test(character)) return NUMBER;
  return /\p{White_Space}/u.test(character) ? SPACE : OTHER;
}

/** End of the piece that starts at `start` (both in UTF-16 units), by GPT-2's pattern. */
export function endOfPiece(text: string, start: number): number {
  const first = text.charCodeAt(start);
  if (first === 0x27) {
    const contraction = contractionLength(text, start);
    if (contraction > 0) return start + contraction;
  }
  if (first === 0x20 && start + 1 < text.length) {
    const kind = classOf(text.codePointAt(start + 1) ?? 0);
    if (kind !== SPACE) return endOfRun(text, start + 1, kind);
  }
  const kind = classOf(text.codePointAt(start) ?? 0);
  const end = endOfRun(text, start, kind);
  // White space leaves its last character to the word that follows; all of it is one UTF-16 unit each.
  return kind === SPACE && end < text.length && end - start > 1 ? end - 1 : end;
}

function endOfRun(text: string, start: number, kind: number): number {
  let at = start;
  while (at < text.length) {
    const codePoint = text.codePointAt(at) ?? 0;
    if (classOf(codePoint) !== kind) break;
    at += codePoint > 0xffff ? 2 : 1;
  }
  return at;
}

function contractionLength(text: string, start: number): number {
  const next = text[start + 1];
  if (next === 's' || next === 't' || next === 'm' || next === 'd') return 2;
  const pair = text.slice(start + 1, start + 3);
  return pair === 're' || pair === 've' || pair === 'll' ? 3 : 0;
}

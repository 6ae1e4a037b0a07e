// One token as an element: whitespace with its marks, bytes that are no character alone, names of special tokens.
import type { TokenPiece } from '../api.ts';
import { formatBytesHex, whitespaceName } from './format.ts';
import css from './TextStage.module.css';

/** A character has at most four bytes, and a token at least one: those before it and what begins the first of them. */
const BYTES_BACK = 6;

/** The option that shows the token at `index`. A control word is set as one, whether or not its tokenizer calls it special. */
export function createChip(
  pieces: readonly TokenPiece[],
  index: number,
  isControlWord: (text: string) => boolean,
): HTMLElement {
  const chip = document.createElement('span');
  chip.className = css.chip ?? '';
  chip.setAttribute('role', 'option');
  chip.setAttribute('aria-selected', 'false');
  chip.tabIndex = -1;
  chip.dataset.i = String(index);
  const piece = pieces[index];
  if (piece !== undefined) chip.dataset.id = String(piece.id);
  if (piece !== undefined) fill(chip, piece, piece.special || isControlWord(piece.text));
  showWhole(chip, pieces, index);
  return chip;
}

interface Whole {
  /** Its letters, with the space that its first token may begin with. */
  readonly letters: string;
  /** The first of its tokens. */
  readonly from: number;
}

/** The character, rarely more of them, that the byte token at `index` completes; null where it completes none. */
function completedBy(pieces: readonly TokenPiece[], index: number): Whole | null {
  // The fewest that make a character: those before them made characters of their own.
  for (let from = index; from >= Math.max(0, index - BYTES_BACK); from--) {
    if (!isBroken(pieces[from])) return null;
    const bytes = pieces.slice(from, index + 1).flatMap((p) => [...p.bytes]);
    const letters = decode(bytes) ?? '';
    if (letters.trim() !== '') return { letters, from };
  }
  return null;
}

/** Where byte tokens complete a character, the last of them shows it, and where it is read those before it show nothing. */
function showWhole(chip: HTMLElement, pieces: readonly TokenPiece[], index: number): void {
  const piece = pieces[index];
  if (piece === undefined || !isBroken(piece)) return;
  const whole = completedBy(pieces, index);
  if (whole !== null) {
    const letters = document.createElement('span');
    letters.className = css.letters ?? '';
    letters.textContent = whole.letters;
    letters.dataset.whole = whole.letters.trim();
    chip.firstElementChild?.append(letters);
    chip.classList.add(css.whole ?? '');
    chip.setAttribute('aria-label', `${whole.letters.trim()}, bytes ${formatBytesHex(piece)}`);
    return;
  }
  for (let to = index + 1; to <= index + BYTES_BACK && isBroken(pieces[to]); to++) {
    const from = completedBy(pieces, to)?.from ?? Infinity;
    if (from <= index) chip.classList.add(css.part ?? '');
    if (from < Infinity) return;
  }
}

/** A token that came completes a character: those that were drawn before it are parts of it from now on. */
export function markParts(
  chips: ReadonlyMap<number, HTMLElement>,
  pieces: readonly TokenPiece[],
  index: number,
): void {
  const from = isBroken(pieces[index]) ? (completedBy(pieces, index)?.from ?? index) : index;
  for (let i = from; i < index; i++) chips.get(i)?.classList.add(css.part ?? '');
}

/** Whitespace stays real, so that copied text is the text; its marks are drawn over it. */
function fill(chip: HTMLElement, piece: TokenPiece, isNamed: boolean): void {
  const word = document.createElement('span');
  word.className = css.word ?? '';
  if (isNamed) {
    chip.classList.add(css.special ?? '');
    word.textContent = piece.text;
    chip.append(word);
    return;
  }
  if (isBroken(piece)) {
    chip.classList.add(css.bytes ?? '');
    const hex = document.createElement('span');
    hex.className = css.hex ?? '';
    hex.textContent = formatBytesHex(piece);
    word.append(hex);
    chip.setAttribute('aria-label', `bytes ${formatBytesHex(piece)}`);
    chip.append(word);
    return;
  }
  // A space before a word stands outside of its underline; alone it is the word.
  const blank = piece.text.trim() === '';
  if (!blank && piece.text.startsWith(' ')) chip.append(toSpace(' '));
  const rest = !blank && piece.text.startsWith(' ') ? piece.text.slice(1) : piece.text;
  for (const part of rest.match(/[ \t]|\r?\n|\r|[^ \t\r\n]+/gu) ?? []) {
    word.append(/^\s/u.test(part) ? toSpace(part) : part);
  }
  chip.append(word);
  if (blank) chip.setAttribute('aria-label', whitespaceName(piece.text));
}

function toSpace(text: string): HTMLElement {
  const space = document.createElement('span');
  if (text === ' ' || text === '\t') {
    space.className = (text === ' ' ? css.space : css.tab) ?? '';
    space.textContent = text;
  } else {
    space.className = css.newline ?? '';
    space.textContent = ' ';
  }
  return space;
}

/** Whether the bytes are no text alone: part of a character. */
export function isBroken(piece: TokenPiece | undefined): boolean {
  if (piece === undefined || piece.special || !piece.text.includes('\\x')) return false;
  return decode(piece.bytes) === null;
}

function decode(bytes: readonly number[]): string | null {
  try {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    return decoder.decode(Uint8Array.from(bytes));
  } catch {
    return null;
  }
}

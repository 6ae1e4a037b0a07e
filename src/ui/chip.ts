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

/** Where byte tokens complete a character, the last of them shows it. */
function showWhole(chip: HTMLElement, pieces: readonly TokenPiece[], index: number): void {
  const piece = pieces[index];
  if (piece === undefined || !isBroken(piece)) return;
  // The fewest that make a character: those before them made characters of their own.
  for (let from = index; from >= Math.max(0, index - BYTES_BACK); from--) {
    if (!isBroken(pieces[from])) return;
    const bytes = pieces.slice(from, index + 1).flatMap((p) => [...p.bytes]);
    const whole = decode(bytes)?.trim() ?? '';
    if (whole === '') continue;
    const word = chip.firstElementChild;
    if (word instanceof HTMLElement) word.dataset.whole = whole;
    chip.setAttribute('aria-label', `${whole}, bytes ${formatBytesHex(piece)}`);
    return;
  }
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
    word.textContent = formatBytesHex(piece);
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

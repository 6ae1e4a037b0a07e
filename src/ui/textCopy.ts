// What is copied where the marked part of the page holds some of the text: its tokens, whole and in their own words,
// whether they are elements or not.
import type { TokenPiece } from '../api.ts';
import { toPlainText } from '../state/tokenText.ts';
import { isBroken } from './chip.ts';

/** A place in the text: before a token, or that many signs into it. */
interface Place {
  readonly index: number;
  readonly signs: number;
}

/**
 * What of the page is marked, as text; null where none of it is of the list, or it is in a field. `startOf` knows the
 * token at which a child of the list begins.
 */
export function copyWhole(
  list: HTMLElement,
  pieces: readonly TokenPiece[],
  startOf: (child: Element) => number,
): string | null {
  const selection = getSelection();
  if (selection === null || selection.isCollapsed || selection.rangeCount === 0) return null;
  if (document.activeElement?.matches('input, textarea')) return null;
  const range = selection.getRangeAt(0);
  if (!range.intersectsNode(list)) return null;
  const from = range.comparePoint(list, 0) >= 0 ? null : range.startContainer;
  const to = range.comparePoint(list, list.childNodes.length) <= 0 ? null : range.endContainer;
  const start =
    from === null
      ? { index: 0, signs: 0 }
      : placeOf(from, range.startOffset, list, pieces, startOf);
  const end =
    to === null
      ? { index: pieces.length, signs: 0 }
      : placeOf(to, range.endOffset, list, pieces, startOf);
  return around(range, list, 'before') + wordsOf(pieces, start, end) + around(range, list, 'after');
}

/** What is marked of the page before or after the list. */
function around(range: Range, list: HTMLElement, side: 'before' | 'after'): string {
  const rest = range.cloneRange();
  if (side === 'before') {
    if (range.comparePoint(list, 0) < 0) return '';
    rest.setEndBefore(list);
  } else {
    if (range.comparePoint(list, list.childNodes.length) > 0) return '';
    rest.setStartAfter(list);
  }
  const words = rest.toString();
  if (words === '') return '';
  return side === 'before' ? `${words}\n` : `\n${words}`;
}

function placeOf(
  node: Node,
  offset: number,
  list: HTMLElement,
  pieces: readonly TokenPiece[],
  startOf: (child: Element) => number,
): Place {
  const element = node instanceof Element ? node : node.parentElement;
  const chip = element?.closest<HTMLElement>('[data-i]');
  if (chip) {
    const before = document.createRange();
    before.selectNodeContents(chip);
    before.setEnd(node, offset);
    return { index: Number(chip.dataset.i), signs: before.toString().length };
  }
  // Between tokens: before the first that begins behind this point.
  const point = document.createRange();
  point.setStart(node, offset);
  for (const child of list.children) {
    if (point.comparePoint(child, child.childNodes.length) < 0) continue;
    if (child.firstElementChild === null) return { index: startOf(child), signs: 0 };
    for (const one of child.querySelectorAll<HTMLElement>('[data-i]')) {
      if (point.comparePoint(one, 0) >= 0) return { index: Number(one.dataset.i), signs: 0 };
    }
  }
  return { index: pieces.length, signs: 0 };
}

/** Tokens that are marked in part count from or up to there; what is no text of its own counts whole. */
function wordsOf(pieces: readonly TokenPiece[], start: Place, end: Place): string {
  const isWhole = (index: number): boolean => {
    const piece = pieces[index];
    return piece === undefined || piece.special || isBroken(piece);
  };
  const last = pieces[end.index];
  const lastWords = last === undefined ? '' : last.text;
  const cutsLast = end.signs > 0 && !isWhole(end.index);
  const whole = toPlainText(pieces.slice(start.index, end.index + (end.signs > 0 ? 1 : 0)));
  const head = start.signs > 0 && !isWhole(start.index) ? start.signs : 0;
  const tail = cutsLast ? Math.max(0, lastWords.length - end.signs) : 0;
  return whole.slice(head, whole.length - tail);
}

// Where the places of a text are on the screen, and which place is where somebody points: by the letters of its chips, so
// that it is right however the text is set.
import css from '../TextStage.module.css';
import type { TextView } from '../textView.ts';
import { hasLetters, snap, tokenAt, type Plain } from './plain.ts';

export interface Spot {
  readonly left: number;
  readonly top: number;
  readonly height: number;
}

/** What of a screen's line is above its middle is on the line before. */
const isSameLine = (a: Spot, b: Spot): boolean =>
  Math.abs(a.top + a.height / 2 - b.top - b.height / 2) < Math.min(a.height, b.height) / 2;

export function createPlaces(list: HTMLElement, view: TextView, plain: () => Plain) {
  /** Where a caret before the unit `at` stands; null where that cannot be known. */
  function spotAt(at: number): Spot | null {
    const { index, signs } = tokenAt(plain(), at);
    if (index >= view.pieces.length) return endSpot();
    if (!view.chips.has(index)) view.show([index]);
    const chip = view.chips.get(index);
    if (chip === undefined) return null;
    const letter = letterOf(index, signs);
    if (letter === null) {
      // Bytes and names have no letters of the text: one stands before them or behind.
      const box = (chip.firstElementChild ?? chip).getBoundingClientRect();
      return { left: signs > 0 ? box.right : box.left, top: box.top, height: box.height };
    }
    // A line's end has its sign before it, and is of one piece with it.
    const { parentElement: of } = letter.startContainer;
    const isSigned = of?.className === css.newline;
    const box = isSigned ? of?.getClientRects()[0] : [...letter.getClientRects()].at(-1);
    return box === undefined ? null : { left: box.left, top: box.top, height: box.height };
  }

  function letterOf(index: number, signs: number): Range | null {
    const chip = view.chips.get(index);
    return chip === undefined || !hasLetters(view.pieces[index]) ? null : letterIn(chip, signs);
  }

  /** Behind the last letter, where the next one would be. */
  function endSpot(): Spot {
    const { left, top, height } = view.caret.getBoundingClientRect();
    return { left: left - END_MARGIN, top, height };
  }

  /** The place that a point of the window is nearest to. */
  function placeAt(x: number, y: number): number {
    const { words, starts } = plain();
    const { node, offset } = pointed(x, y);
    const element = node instanceof Element ? node : (node?.parentElement ?? null);
    if (node === null || element === null || !list.contains(element)) {
      return y < list.getBoundingClientRect().top ? 0 : words.length;
    }
    const chip = element.closest<HTMLElement>('[data-i]');
    if (chip === null) {
      // Between chips, or behind the last one of a line.
      const next = element.childNodes[offset];
      const before = next === undefined ? element.lastElementChild : next;
      const index = before instanceof HTMLElement ? before.dataset.i : undefined;
      if (index !== undefined && next !== undefined) return starts[Number(index)] ?? words.length;
      return index === undefined ? words.length : endOf(Number(index));
    }
    const index = Number(chip.dataset.i);
    const start = starts[index] ?? words.length;
    const end = starts[index + 1] ?? words.length;
    if (!hasLetters(view.pieces[index])) {
      const { left, width } = chip.getBoundingClientRect();
      return x < left + width / 2 ? start : end;
    }
    const before = document.createRange();
    before.selectNodeContents(chip);
    before.setEnd(node, offset);
    return snap(words, Math.min(end, start + before.toString().length));
  }

  /** Before the line's end, which is a letter of its last token. */
  function endOf(index: number): number {
    const { words, starts } = plain();
    const end = starts[index + 1] ?? words.length;
    return words[end - 1] === '\n' ? end - 1 : end;
  }

  function step(at: number, by: 1 | -1): number {
    const { words } = plain();
    const next = at + by;
    return by < 0 || snap(words, next) === next ? snap(words, next) : next + 1;
  }

  /** The place on the line above or below that is nearest to `x`; null where there is none. */
  function onNextLine(at: number, by: 1 | -1, x: number): number | null {
    const origin = spotAt(at);
    if (origin === null) return null;
    let line: Spot | null = null;
    let best: number | null = null;
    let least = Infinity;
    const { length } = plain().words;
    for (let i = step(at, by); i >= 0 && i <= length; i = step(i, by)) {
      const spot = spotAt(i);
      if (spot === null) break;
      if (isSameLine(spot, origin)) continue;
      line ??= spot;
      if (!isSameLine(spot, line)) break;
      const away = Math.abs(spot.left - x);
      if (away < least) {
        least = away;
        best = i;
      }
    }
    return best;
  }

  /** The first or the last place on the line of another. */
  function endOfLine(at: number, by: 1 | -1): number {
    const origin = spotAt(at);
    const { length } = plain().words;
    let last = at;
    for (let i = step(at, by); i >= 0 && i <= length; i = step(i, by)) {
      const spot = spotAt(i);
      if (origin === null || spot === null || !isSameLine(spot, origin)) break;
      last = i;
    }
    return last;
  }

  /** The lines of what is marked, from one place to before another. */
  function boxesOf(from: number, to: number): DOMRect[] {
    const boxes: DOMRect[] = [];
    for (const index of between(from, to)) {
      const chip = view.chips.get(index);
      if (chip === undefined) continue;
      const start = plain().starts[index] ?? 0;
      const range = document.createRange();
      range.selectNodeContents(chip);
      const first = from > start ? letterOf(index, from - start) : null;
      const last = letterOf(index, to - start);
      if (first !== null) range.setStart(first.startContainer, first.startOffset);
      if (last !== null && to > start) range.setEnd(last.startContainer, last.startOffset);
      for (const box of range.getClientRects()) add(boxes, box);
    }
    return boxes;
  }

  function* between(from: number, to: number): Generator<number> {
    const { starts } = plain();
    for (let i = tokenAt(plain(), from).index; (starts[i] ?? to) < to; i++) yield i;
  }

  return { spotAt, placeAt, onNextLine, endOfLine, boxesOf };
}

/** The margin of what stands at the end of the text. */
const END_MARGIN = 2;

/** Boxes of one line become one. */
function add(boxes: DOMRect[], box: DOMRect): void {
  const last = boxes.at(-1);
  if (box.width === 0) return;
  if (last === undefined || !isSameLine(last, box)) {
    boxes.push(box);
    return;
  }
  const left = Math.min(last.left, box.left);
  const right = Math.max(last.right, box.right);
  const top = Math.min(last.top, box.top);
  const bottom = Math.max(last.bottom, box.bottom);
  boxes[boxes.length - 1] = new DOMRect(left, top, right - left, bottom - top);
}

/** The letter of an element that so many units stand before; null where it has none. */
function letterIn(element: HTMLElement, signs: number): Range | null {
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  let left = signs;
  for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
    const { data } = node as Text;
    if (left < data.length) {
      const range = document.createRange();
      range.setStart(node, left);
      range.setEnd(node, left + String.fromCodePoint(data.codePointAt(left) ?? 0).length);
      return range;
    }
    left -= data.length;
  }
  return null;
}

/** What browsers have under two names. */
interface Pointing {
  readonly caretPositionFromPoint?: (
    x: number,
    y: number,
  ) => { readonly offsetNode: Node; readonly offset: number } | null;
  readonly caretRangeFromPoint?: (x: number, y: number) => Range | null;
}

function pointed(x: number, y: number): { node: Node | null; offset: number } {
  const by = document as Pointing;
  if (by.caretPositionFromPoint !== undefined) {
    const position = by.caretPositionFromPoint(x, y);
    return { node: position?.offsetNode ?? null, offset: position?.offset ?? 0 };
  }
  const range = by.caretRangeFromPoint?.(x, y) ?? null;
  return { node: range?.startContainer ?? null, offset: range?.startOffset ?? 0 };
}

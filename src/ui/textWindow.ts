// The part of a text that is elements: what is in sight, a screen on either side of it, and the tokens that somebody is
// on. In place of the rest stand spaces of about its height. A short text is there whole.
//
// A segment that goes on in the middle of a paragraph begins on the line on which the one before it ended, behind a
// lead of that line's width: so a paragraph of a million tokens has the lines that it would have in one piece.
import type { TokenPiece } from '../api.ts';
import { createChip, isBroken, markParts } from './chip.ts';
import css from './TextStage.module.css';
import {
  cutSegments,
  endsParagraph,
  extendSegments,
  segmentOf,
  type Segment,
} from './textSegments.ts';

/** Texts up to so many tokens are elements as a whole: more than most models see at once. */
const WHOLE = 2048;
/** What is drawn beyond sight, in pixels, where a screen is less. */
const LEAST_MARGIN = 600;
/** Browsers draw nothing beyond some 17 million pixels. */
const MOST_PIXELS = 12_000_000;
/** Heights are guesses until they are measured: so often a window is corrected. */
const ROUNDS = 5;

export interface TextWindowOptions {
  readonly list: HTMLElement;
  readonly scroller: HTMLElement;
  /** Stands behind the last token. */
  readonly caret: HTMLElement;
  readonly pieces: () => readonly TokenPiece[];
  /** Whether a token of this text is a name that its model's tokenizer was given. */
  readonly isControlWord: (text: string) => boolean;
  /** Tokens that are elements wherever the window is. */
  readonly kept: () => Iterable<number>;
  /** Chips have been made. */
  readonly onDrawn: (indices: readonly number[]) => void;
  readonly onGone: (index: number) => void;
}

/** A segment that is elements. */
interface Drawn {
  readonly element: HTMLElement;
  /** Takes the next token. */
  paragraph: HTMLElement;
  /** The index after the last token that is drawn. */
  end: number;
  lead: HTMLElement | null;
}

/** What is known of a segment in this width. */
interface Measure {
  /** From its first line, or the one after the line that it shares, to its last. */
  readonly height: number;
  /** How far its last line reaches. */
  readonly tail: number;
}

export function createTextWindow(options: TextWindowOptions) {
  const { list, scroller, caret, pieces, isControlWord } = options;
  const segments: Segment[] = [];
  const chips = new Map<number, HTMLElement>();
  const drawn = new Map<Segment, Drawn>();
  let measures = new WeakMap<Segment, Measure>();
  /** Under which measures hold. */
  let width = 0;
  let line = 0;
  /** Whether tokens have gone since it was drawn. */
  let isCut = true;
  /** Lines and signs of all that was measured, from which the rest is guessed. */
  const seen = { lines: 0, chars: 0 };
  /** Where the caret stands if the text ends with a line. */
  const lastParagraph = createBox(css.paragraph);

  // ── heights ────────────────────────────────────────────────────────────────────────────────

  function guess({ chars, breaks }: Segment): number {
    const perLine = seen.lines > 0 ? seen.chars / seen.lines : width / (line * 0.27);
    return line * Math.max(breaks, 1, Math.round(breaks / 2 + chars / Math.max(1, perLine)));
  }

  /** Where each segment begins below the top of the list, and at the end where the last one ends. */
  function places(): Float64Array {
    const tops = new Float64Array(segments.length + 1);
    const heights = segments.map((one) => measures.get(one)?.height ?? guess(one));
    const total = heights.reduce((sum, height) => sum + height, 0);
    const scale = Math.min(1, MOST_PIXELS / Math.max(1, total));
    heights.forEach((height, i) => {
      const isDrawn = drawn.has(segments[i]);
      tops[i + 1] = (tops[i] ?? 0) + height * (isDrawn ? 1 : scale);
    });
    return tops;
  }

  function forget(): void {
    measures = new WeakMap();
    seen.lines = 0;
    seen.chars = 0;
  }

  /** Whether the width or the letters have changed since the last time. */
  function isOther(): boolean {
    const now = list.clientWidth;
    const lineNow = Number.parseFloat(getComputedStyle(list).lineHeight) || 40;
    if (now === width && lineNow === line) return false;
    width = now;
    line = lineNow;
    return true;
  }

  // ── elements ───────────────────────────────────────────────────────────────────────────────

  function newParagraph(one: HTMLElement): HTMLElement {
    const paragraph = createBox(css.paragraph);
    one.append(paragraph);
    return paragraph;
  }

  function draw(segment: Segment, fresh: number[]): void {
    let one = drawn.get(segment);
    if (one === undefined) {
      const element = createBox(css.segment);
      one = { element, paragraph: newParagraph(element), end: segment.start, lead: null };
      drawn.set(segment, one);
    }
    const texts = pieces();
    for (; one.end < segment.end; one.end++) {
      if (one.end > segment.start && endsParagraph(texts[one.end - 1])) {
        one.paragraph = newParagraph(one.element);
      }
      const chip = createChip(texts, one.end, isControlWord);
      // Who hears the options and not sees them is told where they stand.
      if (texts.length > WHOLE) {
        chip.setAttribute('aria-posinset', String(one.end + 1));
        chip.setAttribute('aria-setsize', '-1');
      }
      if (caret.parentElement === one.paragraph) caret.before(chip);
      else one.paragraph.append(chip);
      chips.set(one.end, chip);
      markParts(chips, texts, one.end);
      if (isBlank(segment, one)) one.paragraph.classList.add(css.blank ?? '');
      fresh.push(one.end);
    }
  }

  /** Whether the token that comes is all of its paragraph, and an end of line. */
  function isBlank({ continues }: Segment, { element, paragraph, end }: Drawn): boolean {
    const piece = pieces()[end];
    if (!endsParagraph(piece) || piece?.text.trim() !== '') return false;
    // What stands before it on its line may be in the segment before.
    if (continues && paragraph === element.firstElementChild) return false;
    return paragraph.querySelector('[data-i]') === chips.get(end);
  }

  function undraw(segment: Segment, from = segment.start): void {
    const one = drawn.get(segment);
    if (one === undefined) return;
    for (let i = from; i < one.end; i++) {
      chips.get(i)?.remove();
      chips.delete(i);
      options.onGone(i);
    }
    if (from === segment.start) {
      drawn.delete(segment);
      one.element.remove();
      return;
    }
    one.end = from;
    one.paragraph = chips.get(from - 1)?.parentElement ?? one.paragraph;
    while (one.element.lastElementChild !== one.paragraph) one.element.lastElementChild?.remove();
  }

  function placeCaret(): void {
    const last = segments.at(-1);
    const one = last === undefined ? undefined : drawn.get(last);
    const isAlone = one === undefined || endsParagraph(pieces()[one.end - 1]);
    const place = isAlone ? lastParagraph : one.paragraph;
    if (!isAlone) lastParagraph.remove();
    else if (lastParagraph.parentElement !== (one?.element ?? list)) {
      (one?.element ?? list).append(lastParagraph);
    } else if (one?.element.lastElementChild !== lastParagraph) one?.element.append(lastParagraph);
    if (place.lastElementChild !== caret) place.append(caret);
  }

  /** Puts what is drawn, and spaces for the rest, in their order; what stays is not moved. */
  function arrange(tops: Float64Array): void {
    const nodes: HTMLElement[] = [];
    let gap: { from: number; to: number } | null = null;
    const close = (): void => {
      if (gap === null) return;
      const space = createBox(css.gap);
      space.style.height = `${(tops[gap.to] ?? 0) - (tops[gap.from] ?? 0)}px`;
      space.dataset.from = String(segments[gap.from]?.start ?? 0);
      nodes.push(space);
      gap = null;
    };
    segments.forEach((segment, i) => {
      const one = drawn.get(segment);
      if (one === undefined) {
        gap = { from: (gap as { from: number } | null)?.from ?? i, to: i + 1 };
        return;
      }
      close();
      nodes.push(one.element);
    });
    close();
    if (segments.length === 0) nodes.push(lastParagraph);
    const wanted = new Set<Element>(nodes);
    for (const old of list.querySelectorAll(':scope > *')) if (!wanted.has(old)) old.remove();
    let cursor = list.firstElementChild;
    for (const node of nodes) {
      if (node === cursor) cursor = cursor.nextElementSibling;
      else list.insertBefore(node, cursor);
    }
  }

  /** Joins segments of one paragraph, and measures all that are drawn. */
  function measure(): void {
    const left = list.getBoundingClientRect().left;
    segments.forEach((segment, i) => {
      const one = drawn.get(segment);
      if (one === undefined) return;
      const before = segments[i - 1];
      const tail = segment.continues && before ? measures.get(before)?.tail : undefined;
      one.element.classList.toggle(css.continued ?? '', tail !== undefined);
      if (tail === undefined) {
        one.lead?.remove();
        one.lead = null;
      } else {
        one.lead ??= createLead(one.element);
        one.lead.style.width = `${tail}px`;
      }
      const shared = tail === undefined ? 0 : line;
      const height = one.element.getBoundingClientRect().height - shared;
      const last = [...(chips.get(one.end - 1)?.getClientRects() ?? [])].at(-1);
      if (!measures.has(segment) && segment.chars > 0) {
        seen.lines += Math.max(1, height / line - segment.breaks / 2);
        seen.chars += segment.chars;
      }
      measures.set(segment, { height, tail: Math.max(0, (last?.right ?? left) - left) });
    });
  }

  // ── the window ─────────────────────────────────────────────────────────────────────────────

  function wantedNow(tops: Float64Array, top: number): Set<Segment> {
    const last = segments.at(-1);
    if (last === undefined || last.end <= WHOLE) return new Set(segments);
    const wanted = new Set<Segment>([last]);
    const height = scroller.clientHeight;
    const margin = Math.max(LEAST_MARGIN, height);
    segments.forEach((segment, i) => {
      if ((tops[i + 1] ?? 0) < top - margin || (tops[i] ?? 0) > top + height + margin) return;
      // The line on which it begins is known from the one before.
      const before = segments[i - 1];
      if (segment.continues && before !== undefined) wanted.add(before);
      wanted.add(segment);
    });
    for (const index of options.kept()) {
      const segment = segments[segmentOf(segments, index)];
      if (segment !== undefined) wanted.add(segment);
    }
    return wanted;
  }

  /** Whether anything has changed. */
  function renderOnce(): boolean {
    // Where things stood in the old width, if there was one: nothing can be guessed without any.
    const isFirst = line === 0 && isOther();
    const tops = places();
    // After a cut nothing is asked of the browser that it would have to lay the rest out for, only to do so again.
    const isShort = isCut && !isFirst && (segments.at(-1)?.end ?? 0) <= WHOLE;
    const isNew = (!isShort && isOther()) || isFirst;
    if (isNew) forget();
    const top = isShort
      ? 0
      : scroller.getBoundingClientRect().top - list.getBoundingClientRect().top;
    const wanted = wantedNow(tops, top);
    let isSame = !isNew && !isCut && wanted.size === drawn.size;
    isCut = false;
    for (const segment of wanted) isSame &&= drawn.has(segment);
    const fresh: number[] = [];
    for (const segment of drawn.keys()) if (!wanted.has(segment)) undraw(segment);
    for (const segment of wanted) draw(segment, fresh);
    placeCaret();
    if (!isSame) {
      const at = Math.max(0, placeAt(tops, top));
      const within = top - (tops[at] ?? 0);
      const high = (tops[at + 1] ?? 0) - (tops[at] ?? 0);
      const wasKnown = !isNew && segments[at] !== undefined && measures.has(segments[at]);
      arrange(tops);
      measure();
      const after = places();
      arrange(after);
      // What is read stays where it is, whatever the heights above turned out to be.
      const share = wasKnown || high === 0 ? 1 : ((after[at + 1] ?? 0) - (after[at] ?? 0)) / high;
      const shift = (after[at] ?? 0) + within * share - top;
      if (top > 0 && Math.abs(shift) >= 1) scroller.scrollTop += shift;
    }
    if (fresh.length > 0) options.onDrawn(fresh);
    return !isSame;
  }

  function placeAt(tops: Float64Array, top: number): number {
    let at = 0;
    while (at + 1 < segments.length && (tops[at + 1] ?? 0) <= top) at++;
    return at;
  }

  return {
    /** The chips that are there, by their token. */
    chips: chips as ReadonlyMap<number, HTMLElement>,
    /** Drops the tokens from `length` on. */
    cut(length: number, before: readonly TokenPiece[]): void {
      for (const segment of segments.slice(segmentOf(segments, length))) {
        if (segment.end > length) undraw(segment, Math.max(segment.start, length));
      }
      cutSegments(segments, before, length);
      isCut = true;
    },
    /** Draws one token anew where it stands; false where it ends or ended a line, or is a part of a character. */
    swap(index: number, before: TokenPiece | undefined): boolean {
      const piece = pieces()[index];
      const old = chips.get(index);
      const isPart = [before, piece].some((one) => endsParagraph(one) || isBroken(one));
      if (old === undefined || isPart) return false;
      const chip = createChip(pieces(), index, isControlWord);
      for (const name of ['aria-posinset', 'aria-setsize']) {
        const value = old.getAttribute(name);
        if (value !== null) chip.setAttribute(name, value);
      }
      old.replaceWith(chip);
      chips.set(index, chip);
      options.onGone(index);
      options.onDrawn([index]);
      return true;
    },
    /** Takes the tokens that came. */
    extend: () => extendSegments(segments, pieces()),
    /** Draws what is to be seen now. */
    render(): void {
      for (let round = 0; round < ROUNDS && renderOnce(); round++);
    },
    /** The segments around a token, for going from one line to the next. */
    around(index: number): number[] {
      const at = segmentOf(segments, index);
      return [at - 1, at, at + 1].flatMap((i) => segments[i]?.start ?? []);
    },
    /** The token at which a child of the list begins: a segment, or the space of some that are not there. */
    startOf(child: Element): number {
      if (child instanceof HTMLElement && child.dataset.from !== undefined) {
        return Number(child.dataset.from);
      }
      for (const [segment, { element }] of drawn) if (element === child) return segment.start;
      return pieces().length;
    },
  };
}

function createBox(className: string | undefined): HTMLElement {
  const element = document.createElement('div');
  element.setAttribute('role', 'none');
  element.className = className ?? '';
  return element;
}

function createLead(segment: HTMLElement): HTMLElement {
  const lead = document.createElement('span');
  lead.className = css.lead ?? '';
  lead.setAttribute('role', 'none');
  segment.firstElementChild?.prepend(lead);
  return lead;
}

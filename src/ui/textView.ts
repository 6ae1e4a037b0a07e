// The text as chips, drawn straight into the DOM: a new token adds one element and touches no other.
import type { PartOff, TokenPiece } from '../api.ts';
import { runAt } from '../state/runs.ts';
import { partWords } from '../state/facts/parts.ts';
import type { AppState } from '../state/store.ts';
import { lookOf } from './attention/look.ts';
import type { AppContext } from './context.ts';
import { formatBytesHex, toBits, whitespaceName } from './format.ts';
import css from './TextStage.module.css';

export interface TextViewOptions {
  readonly app: AppContext;
  /** Takes the chips; a listbox. */
  readonly list: HTMLElement;
  /** Scrolls the list. */
  readonly scroller: HTMLElement;
  /** Told when the newest token goes out of sight, and when it comes back. */
  readonly onPinned: (pinned: boolean) => void;
}

export interface TextView {
  toNewest(): void;
  dispose(): void;
}

/** Bits at which the underline has its full weight. */
const FULL_BITS = 12;
const NEAR_BOTTOM_PX = 32;

export function createTextView({ app, list, scroller, onPinned }: TextViewOptions): TextView {
  const { store, text, actions } = app;
  const chips: HTMLElement[] = [];
  const drawn: TokenPiece[] = [];
  const strengths: number[] = [];
  /** Who wrote each token, as it is marked: undefined is a person, the list the parts that were off. */
  const writers: (readonly PartOff[] | undefined)[] = [];
  const forked = new Set<number>();
  const tinted = new Set<number>();
  let drawnEpoch = -1;
  let drawnScored = -1;
  let unseen = 0;
  let dropped = 0;
  let pinned = true;
  let height = scroller.clientHeight;
  let focusable: HTMLElement | null = null;

  const caret = document.createElement('span');
  caret.className = css.caret ?? '';
  caret.setAttribute('role', 'option');
  caret.setAttribute('aria-label', 'End of the text');
  caret.dataset.end = '';
  caret.tabIndex = -1;
  let paragraph = newParagraph();
  paragraph.append(caret);

  function newParagraph(): HTMLElement {
    const element = document.createElement('div');
    element.setAttribute('role', 'none');
    element.className = css.paragraph ?? '';
    list.append(element);
    return element;
  }

  // ── drawing ────────────────────────────────────────────────────────────────────────────────

  function draw(state: AppState): void {
    const changed = text.epoch !== drawnEpoch;
    if (changed) {
      let same = 0;
      while (same < drawn.length && drawn[same]?.id === text.pieces[same]?.id) same++;
      cut(same);
    }
    const wasShort = chips.length < text.pieces.length;
    for (let i = chips.length; i < text.pieces.length; i++) add(i);
    if (changed) chips.forEach((_, i) => markWriter(i));
    if (changed || text.scored !== drawnScored) chips.forEach((_, i) => setStrength(i));
    markUnseen(state);
    drawnEpoch = text.epoch;
    drawnScored = text.scored;
    caret.classList.toggle(css.streaming ?? '', state.busy.has('run'));
    if ((wasShort || changed) && pinned) scroller.scrollTop = scroller.scrollHeight;
    // A text that got shorter may end in sight again without any scrolling.
    if (changed && !pinned) onScroll();
  }

  function add(index: number): void {
    const piece = text.pieces[index];
    if (piece === undefined) return;
    const chip = document.createElement('span');
    chip.className = css.chip ?? '';
    chip.setAttribute('role', 'option');
    chip.setAttribute('aria-selected', 'false');
    chip.tabIndex = -1;
    chip.dataset.i = String(index);
    fill(chip, piece);
    caret.before(chip);
    chips.push(chip);
    drawn.push(piece);
    strengths.push(-1);
    writers.push(undefined);
    setStrength(index);
    markWriter(index);
    showWhole(index);
    if (piece.text.endsWith('\n')) {
      paragraph = newParagraph();
      paragraph.append(caret);
    }
  }

  /** Where byte tokens complete a character, the last of them shows it. */
  function showWhole(index: number): void {
    const piece = drawn[index];
    if (piece === undefined || !isBroken(piece)) return;
    let start = index;
    while (start > 0 && isBroken(drawn[start - 1])) start--;
    // The fewest that make a character: those before them made characters of their own.
    for (let from = index; from >= start; from--) {
      const bytes = drawn.slice(from, index + 1).flatMap((p) => [...p.bytes]);
      const whole = decode(bytes)?.trim() ?? '';
      if (whole === '') continue;
      const chip = chips[index];
      const word = chip?.firstElementChild;
      if (word instanceof HTMLElement) word.dataset.whole = whole;
      chip?.setAttribute('aria-label', `${whole}, bytes ${formatBytesHex(piece)}`);
      return;
    }
  }

  function cut(length: number): void {
    for (const chip of chips.splice(length)) chip.remove();
    drawn.length = length;
    strengths.length = length;
    writers.length = length;
    for (const index of tinted) if (index >= length) tinted.delete(index);
    const last = chips.at(-1);
    if (last === undefined || !drawn.at(-1)?.text.endsWith('\n')) {
      paragraph = (last?.parentElement ?? list.firstElementChild) as HTMLElement;
      paragraph.append(caret);
    } else {
      paragraph = (last.parentElement?.nextElementSibling ?? paragraph) as HTMLElement;
      paragraph.append(caret);
    }
    while (list.lastElementChild !== null && list.lastElementChild !== paragraph) {
      list.lastElementChild.remove();
    }
    unseen = Math.min(unseen, length);
    dropped = Math.min(dropped, length);
  }

  /** A token that a person typed or chose is theirs; one written with parts off says so. */
  function markWriter(index: number): void {
    const chip = chips[index];
    const run = runAt(text.runs, index);
    const off = run?.off;
    if (chip === undefined) return;
    chip.classList.toggle(css.generated ?? '', run !== undefined && index >= text.promptCount);
    if (writers[index] === off) return;
    writers[index] = off;
    const altered = off !== undefined && off.length > 0;
    chip.classList.toggle(css.altered ?? '', altered);
    if (altered) chip.title = writtenWithout(off);
    else chip.removeAttribute('title');
  }

  /** Where other branches go on differently, and where this machine wrote something else. */
  function markForks(state: AppState): void {
    const fresh = new Set<number>();
    for (const { parts, current } of state.text.branches) if (!current) fresh.add(parts);
    for (const index of forked) {
      if (!fresh.has(index)) chips[index]?.removeAttribute('data-fork');
    }
    forked.clear();
    for (const index of fresh) {
      if (chips[index] === undefined) continue;
      forked.add(index);
      chips[index].dataset.fork = '';
    }
    for (const old of list.querySelectorAll('[data-differs]')) old.removeAttribute('data-differs');
    const { difference } = state.replay.live ?? {};
    const chip = difference ? chips[difference.index] : undefined;
    if (chip !== undefined && drawn[difference?.index ?? -1]?.id === difference?.recorded.id) {
      chip.dataset.differs = '';
    }
  }

  function setStrength(index: number): void {
    const logprob = text.logprobs[index] ?? Number.NaN;
    const strength = Number.isNaN(logprob)
      ? 0
      : Math.round(Math.min(1, toBits(logprob) / FULL_BITS) * 20) / 20;
    if (strengths[index] === strength) return;
    strengths[index] = strength;
    chips[index]?.style.setProperty('--surprise', String(strength));
  }

  function markUnseen(state: AppState): void {
    const nowUnseen = Math.min(state.text.firstVisible, chips.length);
    const nowDropped = Math.min(state.text.dropped, chips.length);
    toggleRange(unseen, nowUnseen, css.unseen ?? '');
    toggleRange(dropped, nowDropped, css.dropped ?? '');
    unseen = nowUnseen;
    dropped = nowDropped;
  }

  function toggleRange(before: number, now: number, name: string): void {
    for (let i = Math.min(before, now); i < Math.max(before, now); i++) {
      chips[i]?.classList.toggle(name, now > before);
    }
  }

  /** Tints the words that a token looks at. */
  function tint(state: AppState): void {
    const row = state.attention.hoveredRow ?? state.text.hovered ?? state.view.selected;
    const fresh = row === null ? new Map<number, number>() : lookOf(state, row);
    for (const index of tinted) {
      if (fresh.has(index)) continue;
      chips[index]?.style.removeProperty('--look');
      tinted.delete(index);
    }
    for (const [index, look] of fresh) {
      chips[index]?.style.setProperty('--look', look.toFixed(2));
      tinted.add(index);
    }
  }

  function mark(state: AppState): void {
    for (const old of list.querySelectorAll('[aria-selected="true"]')) {
      old.setAttribute('aria-selected', 'false');
    }
    const now = (state.view.selected === null ? undefined : chips[state.view.selected]) ?? caret;
    now.setAttribute('aria-selected', 'true');
    if (focusable !== now) {
      if (focusable !== null) focusable.tabIndex = -1;
      now.tabIndex = 0;
      focusable = now;
    }
  }

  /** Outlines the words of the row and the column that somebody points at in the map. */
  function markCrosshair(now: AppState, before: AppState | null): void {
    const outline = (old: number | null, index: number | null, name: string): void => {
      if (old !== null) chips[old]?.classList.remove(name);
      if (index !== null) chips[index]?.classList.add(name);
    };
    outline(before?.attention.hoveredRow ?? null, now.attention.hoveredRow, css.looking ?? '');
    outline(
      before?.attention.hoveredColumn ?? null,
      now.attention.hoveredColumn,
      css.lookedAt ?? '',
    );
  }

  function update(state: AppState, before: AppState | null): void {
    const moved =
      before === null ||
      state.text.length !== before.text.length ||
      state.text.epoch !== before.text.epoch;
    const hadFocus = moved && list.contains(document.activeElement);
    if (
      moved ||
      state.text.scored !== before.text.scored ||
      state.text.firstVisible !== before.text.firstVisible ||
      state.text.dropped !== before.text.dropped ||
      state.busy.has('run') !== before.busy.has('run')
    ) {
      draw(state);
    }
    if (moved || state.view.selected !== before.view.selected) mark(state);
    // On a token that is gone, or at an end that moved to another line.
    if (hadFocus && !list.contains(document.activeElement)) {
      focusable?.focus({ preventScroll: true });
    }
    if (
      before === null ||
      state.text.epoch !== before.text.epoch ||
      state.text.branches !== before.text.branches ||
      state.replay.live?.difference !== before.replay.live?.difference
    ) {
      markForks(state);
    }
    if (
      moved ||
      state.attention.front !== before.attention.front ||
      state.attention.rows !== before.attention.rows ||
      state.view.panel !== before.view.panel ||
      state.view.pins !== before.view.pins ||
      state.attention.preview !== before.attention.preview ||
      state.view.dim !== before.view.dim ||
      state.view.selected !== before.view.selected ||
      state.text.hovered !== before.text.hovered ||
      state.attention.hoveredRow !== before.attention.hoveredRow
    ) {
      tint(state);
    }
    if (
      moved ||
      state.attention.hoveredRow !== before.attention.hoveredRow ||
      state.attention.hoveredColumn !== before.attention.hoveredColumn
    ) {
      markCrosshair(state, before);
    }
  }

  // ── pointer and keys ───────────────────────────────────────────────────────────────────────

  function onPointerOver(event: PointerEvent): void {
    if (event.pointerType !== 'touch') actions.hover(indexOf(event.target));
  }
  function onPointerLeave(): void {
    actions.hover(null);
  }
  function onClick(event: MouseEvent): void {
    const index = indexOf(event.target);
    if (index === null) {
      if (event.target === list || event.target === caret) actions.select(null);
      return;
    }
    if (getSelection()?.isCollapsed === false) return;
    actions.select(index);
    actions.used('select');
    chips[index]?.focus({ preventScroll: true });
  }
  function onFocusIn(event: FocusEvent): void {
    // Clicks select by themselves; this is for the keyboard.
    if (event.target instanceof HTMLElement && !event.target.matches(':focus-visible')) return;
    const index = indexOf(event.target);
    if (index !== null) actions.select(index);
  }

  function onKeyDown(event: KeyboardEvent): void {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const { selected } = store.getState().view;
    const here = selected ?? chips.length;
    let next: number;
    switch (event.key) {
      case 'ArrowLeft':
        next = here - 1;
        break;
      case 'ArrowRight':
        next = here + 1;
        break;
      case 'ArrowUp':
        next = lineNeighbour(here, -1);
        break;
      case 'ArrowDown':
        next = lineNeighbour(here, 1);
        break;
      case 'Home':
        next = 0;
        break;
      case 'End':
        next = chips.length;
        break;
      default:
        return;
    }
    event.preventDefault();
    next = Math.max(0, Math.min(chips.length, next));
    actions.select(next);
    if (next < chips.length) actions.used('select');
    const target = chips[next] ?? caret;
    target.tabIndex = 0;
    target.focus({ preventScroll: true });
    target.scrollIntoView({ block: 'nearest' });
  }

  /** The token above or below, by where it stands on the screen. */
  function lineNeighbour(from: number, direction: 1 | -1): number {
    const origin = (chips[from] ?? caret).getBoundingClientRect();
    const x = origin.left + origin.width / 2;
    let best = from;
    let distance = Infinity;
    let line: number | null = null;
    for (let i = from + direction; i >= 0 && i < chips.length; i += direction) {
      const box = chips[i]?.getBoundingClientRect();
      if (box === undefined || (box.top - origin.top) * direction < origin.height / 2) continue;
      line ??= box.top;
      if ((box.top - line) * direction > box.height / 2) break;
      const away = Math.abs(box.left + box.width / 2 - x);
      if (away < distance) {
        distance = away;
        best = i;
      }
    }
    if (best === from) return direction === 1 ? chips.length : 0;
    return best;
  }

  /** A line that appears below takes height from the text; whoever read the newest still does. */
  function keepNewest(): boolean {
    if (!pinned || scroller.clientHeight === height) return false;
    height = scroller.clientHeight;
    scroller.scrollTop = scroller.scrollHeight;
    return true;
  }

  function onScroll(): void {
    if (keepNewest()) return;
    height = scroller.clientHeight;
    const now = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR_BOTTOM_PX;
    if (now === pinned) return;
    pinned = now;
    onPinned(pinned);
  }

  list.addEventListener('pointerover', onPointerOver);
  list.addEventListener('pointerleave', onPointerLeave);
  list.addEventListener('click', onClick);
  list.addEventListener('focusin', onFocusIn);
  list.addEventListener('keydown', onKeyDown);
  scroller.addEventListener('scroll', onScroll, { passive: true });
  const resized = new ResizeObserver(keepNewest);
  resized.observe(scroller);
  const unsubscribe = store.subscribe(update);
  update(store.getState(), null);

  return {
    toNewest() {
      pinned = true;
      scroller.scrollTop = scroller.scrollHeight;
      onPinned(true);
    },
    dispose() {
      unsubscribe();
      resized.disconnect();
      list.removeEventListener('pointerover', onPointerOver);
      list.removeEventListener('pointerleave', onPointerLeave);
      list.removeEventListener('click', onClick);
      list.removeEventListener('focusin', onFocusIn);
      list.removeEventListener('keydown', onKeyDown);
      scroller.removeEventListener('scroll', onScroll);
      list.replaceChildren();
    },
  };
}

/** How a token was written, where the whole model did not write it. */
export function writtenWithout(off: readonly PartOff[]): string {
  const parts = `${off.length} ${off.length === 1 ? 'part' : 'parts'} off`;
  const shown = off.slice(0, 4).map(partWords).join(', ');
  return `written with ${parts}: ${shown}${off.length > 4 ? ' and others' : ''}`;
}

/** Whitespace stays real, so that copied text is the text; its marks are drawn over it. */
function fill(chip: HTMLElement, piece: TokenPiece): void {
  const word = document.createElement('span');
  word.className = css.word ?? '';
  if (piece.special) {
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

function indexOf(target: EventTarget | null): number | null {
  if (!(target instanceof Element)) return null;
  const chip = target.closest<HTMLElement>('[data-i]');
  return chip === null ? null : Number(chip.dataset.i);
}

/** Whether the bytes are no text alone: part of a character. */
function isBroken(piece: TokenPiece | undefined): boolean {
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

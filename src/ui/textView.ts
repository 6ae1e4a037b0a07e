// The text as chips, drawn straight into the DOM: a new token adds one element and touches no other. Which tokens are
// elements is the window's business; how those look and what they do stands here.
import type { PartOff, TokenPiece } from '../api.ts';
import { runAt } from '../state/runs.ts';
import { modelOf } from '../state/facts/model.ts';
import { partWords } from '../state/facts/parts.ts';
import type { AppState } from '../state/store.ts';
import { lookOf } from './attention/look.ts';
import type { AppContext } from './context.ts';
import { toBits } from './format.ts';
import { copyWhole } from './textCopy.ts';
import css from './TextStage.module.css';
import { startTextKeys } from './textKeys.ts';
import { createTextWindow } from './textWindow.ts';

export interface TextViewOptions {
  readonly app: AppContext;
  /** Takes the chips; a listbox. */
  readonly list: HTMLElement;
  /** Scrolls the list. */
  readonly scroller: HTMLElement;
  /** Told when the newest token goes out of sight, and when it comes back. */
  readonly onPinned: (pinned: boolean) => void;
  /** Somebody wants to write in the text. */
  readonly onWrite: (beginning: Beginning) => void;
}

/** Where somebody begins to write: at a point of the window, at a token, or (null) at the end. */
export type Beginning =
  | { readonly x: number; readonly y: number }
  | { readonly index: number | null };

/** The text while the tokens of what was written are not known: from the token `from` on nothing is known of any. */
export interface Draft {
  readonly pieces: readonly TokenPiece[];
  readonly from: number;
  /** Of the tokens that it began with: others need it no more. */
  readonly epoch: number;
}

export interface TextView {
  /** The chips that are there, by their token. */
  readonly chips: ReadonlyMap<number, HTMLElement>;
  /** Stands behind the last token. */
  readonly caret: HTMLElement;
  /** The tokens as they are drawn. */
  readonly pieces: readonly TokenPiece[];
  /**
   * Somebody writes: words do not answer the pointer and the keys, and nothing moves by itself. `null` is the end of that;
   * a draft stays until its tokens come.
   */
  write(on: { readonly draft: Draft | null } | null): void;
  /** Has somebody write at the selected token, or at the end. */
  beginWriting(): void;
  /** Makes chips of these tokens, wherever the window is. */
  show(indices: readonly number[]): void;
  toNewest(): void;
  dispose(): void;
}

/** The id of words that are no token yet. */
export const DRAFT_ID = -1;
/** Bits at which the underline has its full weight. */
const FULL_BITS = 12;
const NEAR_BOTTOM_PX = 32;
/** The end moves while heights on the way there turn out to be others. */
const ROUNDS_TO_END = 5;

export function createTextView(options: TextViewOptions): TextView {
  const { app, list, scroller, onPinned } = options;
  const { store, text, actions } = app;
  /** The tokens as they were drawn last; only those of the window are elements. */
  const drawn: TokenPiece[] = [];
  /** How each chip is marked: its strength, and who wrote it (undefined is a person, the list the parts off). */
  const looks = new Map<number, { strength: number; off: readonly PartOff[] | undefined }>();
  const forked = new Set<number>();
  const tinted = new Set<number>();
  let drawnEpoch = -1;
  let drawnScored = -1;
  let unseen = 0;
  let dropped = 0;
  let pinned = true;
  let height = scroller.clientHeight;
  /** The room of the text before it got more; null while it has no more. */
  let small: number | null = null;
  let focusable: HTMLElement | null = null;
  /** Tokens that are elements besides, as those around one from which somebody goes to another line. */
  let beside: readonly number[] = [];
  /** What somebody writes has letters before it has tokens. */
  let draft: Draft | null = null;
  let drawnDraft: Draft | null = null;
  let isWritten = false;

  const caret = document.createElement('span');
  caret.className = css.caret ?? '';
  caret.setAttribute('role', 'option');
  caret.setAttribute('aria-label', 'End of the text');
  caret.dataset.end = '';
  caret.tabIndex = -1;
  const shown = createTextWindow({
    list,
    scroller,
    caret,
    pieces: () => drawn,
    isControlWord: (word) => modelOf(store.getState())?.controlWords?.includes(word) ?? false,
    kept,
    onDrawn,
    onGone(index) {
      looks.delete(index);
      forked.delete(index);
      tinted.delete(index);
    },
  });
  const { chips } = shown;

  // ── drawing ────────────────────────────────────────────────────────────────────────────────

  function draw(state: AppState): void {
    if (draft?.epoch !== text.epoch) draft = null;
    const pieces = draft?.pieces ?? text.pieces;
    const changed = text.epoch !== drawnEpoch || draft !== drawnDraft;
    const scrollTop = isWritten ? scroller.scrollTop : 0;
    if (changed) {
      let same = 0;
      while (same < drawn.length && isSame(drawn[same], pieces[same])) same++;
      if (!swapOne(same, pieces)) {
        shown.cut(same, drawn);
        drawn.length = same;
        unseen = Math.min(unseen, same);
        dropped = Math.min(dropped, same);
      }
    }
    const wasShort = drawn.length < pieces.length;
    for (let i = drawn.length; i < pieces.length; i++) {
      const piece = pieces[i];
      if (piece !== undefined) drawn.push(piece);
    }
    shown.extend();
    shown.render();
    if (changed) for (const index of chips.keys()) markWriter(index);
    if (changed || text.scored !== drawnScored) {
      for (const index of chips.keys()) setStrength(index);
    }
    markUnseen(state);
    takeRoom();
    drawnEpoch = text.epoch;
    drawnDraft = draft;
    drawnScored = text.scored;
    caret.classList.toggle(css.streaming ?? '', state.busy.has('run'));
    if (isWritten && changed) {
      // What was cut and drawn again was missing for a moment, and what is read slid down into its place.
      scroller.scrollTop = scrollTop;
      shown.render();
    } else if ((wasShort || changed) && pinned) toEnd();
    // A text that got shorter may end in sight again without any scrolling.
    if (changed && !pinned) onScroll();
  }

  /** Who types within a word changes one token: the others stay the elements that they are. */
  function swapOne(index: number, pieces: readonly TokenPiece[]): boolean {
    const before = drawn[index];
    const piece = pieces[index];
    if (before === undefined || piece === undefined || drawn.length !== pieces.length) return false;
    for (let i = index + 1; i < pieces.length; i++) if (!isSame(drawn[i], pieces[i])) return false;
    drawn[index] = piece;
    if (shown.swap(index, before)) return true;
    drawn[index] = before;
    return false;
  }

  /** A text that does not fit gets more room, and one that fits gives it back. */
  function takeRoom(): void {
    const stage = scroller.closest('section');
    if (stage === null) return;
    if (small === null && scroller.scrollHeight > scroller.clientHeight) {
      small = scroller.clientHeight;
      stage.dataset.long = '';
    } else if (small !== null && paddedHeight() <= small) {
      small = null;
      delete stage.dataset.long;
    }
  }

  /** The height of the text with what the scroller keeps free around it. */
  function paddedHeight(): number {
    const { paddingTop, paddingBottom } = getComputedStyle(scroller);
    return list.offsetHeight + Number.parseFloat(paddingTop) + Number.parseFloat(paddingBottom);
  }

  /** In another window nothing is known of the smaller room until it is tried. */
  function onResize(): void {
    small = null;
    delete scroller.closest('section')?.dataset.long;
    takeRoom();
    keepNewest();
  }

  /** To the newest line, which is where the window thinks it is once it was there. */
  function toEnd(): void {
    for (let round = 0; round < ROUNDS_TO_END; round++) {
      const last = scroller.scrollTop;
      scroller.scrollTop = scroller.scrollHeight;
      if (last === scroller.scrollTop) break;
      shown.render();
    }
  }

  /** What somebody is on: the selected token, the one with the focus, and the ends of marked text. */
  function kept(): number[] {
    const { selected } = store.getState().view;
    const selection = getSelection();
    const ends = [document.activeElement, selection?.anchorNode, selection?.focusNode].map((node) =>
      indexOf(node instanceof Element ? node : (node?.parentElement ?? null)),
    );
    return [selected, ...ends, ...beside].filter((index) => index !== null);
  }

  /** Chips that came with the window look as the others do. */
  function onDrawn(indices: readonly number[]): void {
    for (const index of indices) {
      looks.set(index, { strength: -1, off: undefined });
      setStrength(index);
      markWriter(index);
      const chip = chips.get(index);
      if (index < unseen) chip?.classList.add(css.unseen ?? '');
      if (index < dropped) chip?.classList.add(css.dropped ?? '');
    }
    const state = store.getState();
    mark(state);
    markForks(state);
    tint(state);
    markCrosshair(state, null);
  }

  function isDraft(index: number): boolean {
    return draft !== null && index >= draft.from;
  }

  /** A token that a person typed or chose is theirs; one written with parts off says so. */
  function markWriter(index: number): void {
    const chip = chips.get(index);
    const look = looks.get(index);
    const run = isDraft(index) ? undefined : runAt(text.runs, index);
    const off = run?.off;
    if (chip === undefined || look === undefined) return;
    chip.classList.toggle(css.generated ?? '', run !== undefined && index >= text.promptCount);
    if (look.off === off) return;
    look.off = off;
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
      if (!fresh.has(index)) chips.get(index)?.removeAttribute('data-fork');
    }
    forked.clear();
    for (const index of fresh) {
      const chip = chips.get(index);
      if (chip === undefined) continue;
      forked.add(index);
      chip.dataset.fork = '';
    }
    for (const old of list.querySelectorAll('[data-differs]')) old.removeAttribute('data-differs');
    const { difference } = state.replay.live ?? {};
    const chip = difference ? chips.get(difference.index) : undefined;
    if (chip !== undefined && drawn[difference?.index ?? -1]?.id === difference?.recorded.id) {
      chip.dataset.differs = '';
    }
  }

  function setStrength(index: number): void {
    const logprob = isDraft(index) ? Number.NaN : (text.logprobs[index] ?? Number.NaN);
    const strength = Number.isNaN(logprob)
      ? 0
      : Math.round(Math.min(1, toBits(logprob) / FULL_BITS) * 20) / 20;
    const look = looks.get(index);
    if (look === undefined || look.strength === strength) return;
    look.strength = strength;
    chips.get(index)?.style.setProperty('--surprise', String(strength));
  }

  function markUnseen(state: AppState): void {
    const nowUnseen = Math.min(state.text.firstVisible, drawn.length);
    const nowDropped = Math.min(state.text.dropped, drawn.length);
    toggleRange(unseen, nowUnseen, css.unseen ?? '');
    toggleRange(dropped, nowDropped, css.dropped ?? '');
    unseen = nowUnseen;
    dropped = nowDropped;
  }

  function toggleRange(before: number, now: number, name: string): void {
    if (before === now) return;
    for (const [index, chip] of chips) {
      if (index >= Math.min(before, now) && index < Math.max(before, now)) {
        chip.classList.toggle(name, now > before);
      }
    }
  }

  /** Tints the words that a token looks at. */
  function tint(state: AppState): void {
    const row = state.attention.hoveredRow ?? state.text.hovered ?? state.view.selected;
    const fresh = row === null ? new Map<number, number>() : lookOf(state, row);
    for (const index of tinted) {
      if (fresh.has(index)) continue;
      chips.get(index)?.style.removeProperty('--look');
      tinted.delete(index);
    }
    for (const [index, look] of fresh) {
      const chip = chips.get(index);
      if (chip === undefined) continue;
      chip.style.setProperty('--look', look.toFixed(2));
      tinted.add(index);
    }
  }

  function mark(state: AppState): void {
    for (const old of list.querySelectorAll('[aria-selected="true"]')) {
      old.setAttribute('aria-selected', 'false');
    }
    const now =
      (state.view.selected === null ? undefined : chips.get(state.view.selected)) ?? caret;
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
      if (old !== null) chips.get(old)?.classList.remove(name);
      if (index !== null) chips.get(index)?.classList.add(name);
    };
    outline(before?.attention.hoveredRow ?? null, now.attention.hoveredRow, css.looking ?? '');
    outline(
      before?.attention.hoveredColumn ?? null,
      now.attention.hoveredColumn,
      css.lookedAt ?? '',
    );
  }

  /** The same tokens in other letters, and somebody who read the newest still does. */
  function setReading(state: AppState): void {
    list.dataset.reading = state.view.reading;
    shown.render();
    takeRoom();
    if (pinned && !isWritten) toEnd();
  }

  function update(state: AppState, before: AppState | null): void {
    if (state.view.reading !== before?.view.reading) setReading(state);
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
    if (moved || state.view.selected !== before.view.selected) {
      // It is an element wherever the window is.
      shown.render();
      mark(state);
    }
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

  /** Only a move counts: a word that slides under a pointer at rest is not pointed at, and might slide away by that. */
  function onPointerMove(event: PointerEvent): void {
    if (event.pointerType !== 'touch' && !isBusy()) actions.hover(indexOf(event.target));
  }
  function onPointerLeave(): void {
    actions.hover(null);
  }
  /** Whether the words have other answers than theirs: somebody writes, or they are no tokens yet. */
  function isBusy(): boolean {
    return isWritten || draft !== null;
  }
  function onClick(event: MouseEvent): void {
    if (isBusy()) return;
    const index = indexOf(event.target);
    if (index === null) {
      if (event.target === list || event.target === caret) actions.select(null);
      return;
    }
    if (getSelection()?.isCollapsed === false) return;
    actions.select(index);
    actions.used('select');
    chips.get(index)?.focus({ preventScroll: true });
  }
  /** At the selected token, else at the end, where nobody points. The model writes no further meanwhile. */
  function beginWriting(at?: Beginning): void {
    if (isWritten) return;
    const { busy, view } = store.getState();
    if (busy.has('run')) actions.stop();
    options.onWrite(at ?? { index: view.selected });
  }
  function onDoubleClick({ clientX: x, clientY: y }: MouseEvent): void {
    beginWriting({ x, y });
  }
  function onFocusIn(event: FocusEvent): void {
    // Clicks select by themselves; this is for the keyboard.
    if (event.target instanceof HTMLElement && !event.target.matches(':focus-visible')) return;
    const index = indexOf(event.target);
    if (index !== null && !isBusy()) actions.select(index);
  }

  /** A line that appears below takes height from the text; whoever read the newest still does. */
  function keepNewest(): boolean {
    if (!pinned || isWritten || scroller.clientHeight === height) return false;
    height = scroller.clientHeight;
    toEnd();
    return true;
  }

  function onScroll(): void {
    shown.render();
    if (keepNewest()) return;
    height = scroller.clientHeight;
    const now = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR_BOTTOM_PX;
    if (now === pinned) return;
    pinned = now;
    onPinned(pinned);
  }

  /** Marked text is copied as the tokens say it, also those that are no elements now. */
  function onCopy(event: ClipboardEvent): void {
    const words = copyWhole(list, drawn, (child) => shown.startOf(child));
    if (words === null || event.clipboardData === null) return;
    event.preventDefault();
    event.clipboardData.setData('text/plain', words);
  }

  list.addEventListener('pointermove', onPointerMove);
  list.addEventListener('pointerleave', onPointerLeave);
  list.addEventListener('click', onClick);
  list.addEventListener('dblclick', onDoubleClick);
  list.addEventListener('focusin', onFocusIn);
  const stopKeys = startTextKeys({
    list,
    caret,
    chips,
    length: () => drawn.length,
    selected: () => store.getState().view.selected,
    select(index) {
      actions.select(index);
      if (index < drawn.length) actions.used('select');
    },
    drawAround: (index) => show(shown.around(index)),
    write: () => beginWriting(),
  });
  scroller.addEventListener('scroll', onScroll, { passive: true });
  document.addEventListener('copy', onCopy);
  addEventListener('resize', onResize);
  const resized = new ResizeObserver(() => {
    shown.render();
    keepNewest();
  });
  resized.observe(scroller);
  const unsubscribe = store.subscribe(update);
  update(store.getState(), null);

  function show(indices: readonly number[]): void {
    beside = indices;
    shown.render();
    beside = [];
  }

  return {
    chips,
    caret,
    pieces: drawn,
    write(on) {
      isWritten = on !== null;
      if (on !== null) draft = on.draft;
      const state = store.getState();
      draw(state);
      mark(state);
      if (on !== null) return;
      // Where somebody wrote is where they read on.
      height = scroller.clientHeight;
      onScroll();
    },
    beginWriting: () => beginWriting(),
    show,
    toNewest() {
      pinned = true;
      toEnd();
      onPinned(true);
    },
    dispose() {
      unsubscribe();
      resized.disconnect();
      removeEventListener('resize', onResize);
      document.removeEventListener('copy', onCopy);
      list.removeEventListener('pointermove', onPointerMove);
      list.removeEventListener('pointerleave', onPointerLeave);
      list.removeEventListener('click', onClick);
      list.removeEventListener('dblclick', onDoubleClick);
      list.removeEventListener('focusin', onFocusIn);
      stopKeys();
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

/** Words that are no token yet are never the same as others. */
function isSame(a: TokenPiece | undefined, b: TokenPiece | undefined): boolean {
  return a === b || (a?.id === b?.id && a?.id !== DRAFT_ID);
}

function indexOf(target: EventTarget | null): number | null {
  if (!(target instanceof Element)) return null;
  const chip = target.closest<HTMLElement>('[data-i]');
  return chip === null ? null : Number(chip.dataset.i);
}

// Writing in the text. A field that nobody sees holds its words, and so has the keyboard, input methods and screen readers
// as any field does; what is seen are the chips of the text, with a caret between their letters. Nothing moves when
// somebody begins to write, and tokens are made anew under their hands.
import type { TokenPiece } from '../../api.ts';
import { isWhole, partAround, withValue, type PromptPart } from '../../state/promptPart.ts';
import { modelOf } from '../../state/facts/model.ts';
import type { AppState } from '../../state/store.ts';
import type { AppContext } from '../context.ts';
import { focusText } from '../focusText.ts';
import type { Beginning, TextView } from '../textView.ts';
import { createPlaces } from './places.ts';
import {
  changeOf,
  draftOf,
  editOf,
  END_MARK,
  plainOf,
  snap,
  tokenAt,
  type Plain,
} from './plain.ts';

export interface WriterOptions {
  readonly app: AppContext;
  readonly view: TextView;
  readonly list: HTMLElement;
  readonly scroller: HTMLElement;
  readonly field: HTMLTextAreaElement;
  /** Stands before a letter of the text. */
  readonly caret: HTMLElement;
  /** Takes the boxes of what is marked. */
  readonly marks: HTMLElement;
  readonly beginning: Beginning;
  /** Nobody writes any more; `hasKeyboard` where the keyboard is to go back to the words. */
  readonly onEnd: (hasKeyboard: boolean) => void;
}

/** From the edge of the part that the field holds of a long text, before it holds another. */
const NEAR = 400;
/** So much stays free above and below the caret, in lines. */
const FREE_LINES = 0.4;

export function startWriter(options: WriterOptions): () => void {
  const { app, view, list, scroller, field, caret, marks } = options;
  const { store, text, actions } = app;
  const stood = actions.stands();
  const { selected } = store.getState().view;
  /** The text as it was read last, by its tokens, and by the model that they are of. */
  let base = read(store.getState());
  /** What is drawn now: the same, or with words that are no tokens yet. */
  let shown: Plain = base.plain;
  let part: PromptPart = partAround(base.plain.words, 0);
  let isNew = true;
  let isOver = false;
  let isComposing = false;
  let isStep = false;
  /** Where on a line somebody goes up and down. */
  let goal: number | null = null;
  const places = createPlaces(list, view, () => shown);

  /** Words that nobody has read yet, as before the model is there, have no tokens. */
  function read({ text: { stale } }: AppState): { pieces: TokenPiece[]; plain: Plain } {
    const pieces = stale ? [] : text.pieces.slice();
    return { pieces, plain: plainOf(pieces) };
  }

  /** The whole text as it reads now. */
  function wordsOf(state: AppState): string {
    const { edited, stale, prompt, tokenised } = state.text;
    if (edited !== null) return edited;
    return stale || (!tokenised && text.pieces.length === 0) ? prompt : base.plain.words;
  }

  // ── what is seen ───────────────────────────────────────────────────────────────────────────

  /** Draws the words as they stand, with the tokens that are known of them. */
  function draw(): void {
    const words = part.prompt;
    if (words === base.plain.words) {
      view.write({ draft: null });
      shown = base.plain;
    } else {
      const draft = draftOf(base.pieces, base.plain, words);
      view.write({ draft: { ...draft, epoch: text.epoch } });
      shown = plainOf(draft.pieces);
    }
    place();
  }

  /** Puts caret and marks where those of the field are. */
  function place(): void {
    const { from, to } = marked();
    const at = field.selectionDirection === 'backward' ? from : to;
    const spot = places.spotAt(at);
    if (spot === null) return;
    keepInSight(spot);
    const now = places.spotAt(at) ?? spot;
    const origin = scroller.getBoundingClientRect();
    const left = now.left - origin.left + scroller.scrollLeft;
    const top = now.top - origin.top + scroller.scrollTop;
    caret.style.transform = `translate(${left}px, ${top}px)`;
    caret.style.height = `${now.height}px`;
    field.style.transform = `translate(${left}px, ${top}px)`;
    field.style.height = `${now.height}px`;
    caret.hidden = from < to;
    // It stands still while somebody writes, and blinks when they rest.
    for (const animation of caret.getAnimations()) animation.currentTime = 0;
    const boxes = from < to ? places.boxesOf(from, to) : [];
    marks.replaceChildren(
      ...boxes.map((box) => {
        const one = document.createElement('div');
        const x = box.left - origin.left + scroller.scrollLeft;
        const y = box.top - origin.top + scroller.scrollTop;
        one.style.transform = `translate(${x}px, ${y}px)`;
        one.style.width = `${box.width}px`;
        one.style.height = `${box.height}px`;
        return one;
      }),
    );
  }

  function keepInSight({ top, height }: { top: number; height: number }): void {
    const box = scroller.getBoundingClientRect();
    const free = height * FREE_LINES;
    const above = box.top + free - top;
    const below = top + height + free - box.bottom;
    if (above > 0) scroller.scrollTop -= above;
    else if (below > 0) scroller.scrollTop += below;
  }

  /** A keyboard on the screen takes half of it, and the caret is to be above it. */
  function keepAboveKeyboard(): void {
    const seen = visualViewport;
    const box = caret.getBoundingClientRect();
    if (seen === null || (box.top >= seen.offsetTop && box.bottom <= seen.offsetTop + seen.height))
      return;
    field.scrollIntoView({ block: 'center' });
    place();
  }

  // ── the field ──────────────────────────────────────────────────────────────────────────────

  /** What is marked of the whole text. */
  function marked(): { from: number; to: number } {
    if (isAllMarked()) return { from: 0, to: part.prompt.length };
    return { from: part.from + field.selectionStart, to: part.from + field.selectionEnd };
  }

  /** All that the field holds of a longer text stands for all of that. */
  function isAllMarked(): boolean {
    const { selectionStart, selectionEnd, value } = field;
    return !isWhole(part) && value !== '' && selectionStart === 0 && selectionEnd === value.length;
  }

  /** Has the field hold these words, or a part of them, marked from one place to that of the caret. */
  function hold(words: string, at: number, anchor = at): void {
    const isHeld = words === part.prompt && at >= part.from && at <= part.to;
    if (!isHeld) part = partAround(words, at);
    const value = words.slice(part.from, part.to);
    if (field.value !== value) field.value = value;
    const inPart = (where: number): number =>
      Math.max(part.from, Math.min(part.to, snap(words, where))) - part.from;
    const [from, to] = [inPart(Math.min(at, anchor)), inPart(Math.max(at, anchor))];
    field.setSelectionRange(from, to, at < anchor ? 'backward' : 'forward');
  }

  function mark(anchor: number, at: number): void {
    hold(part.prompt, at, anchor);
    place();
  }

  /** Somebody wrote: the text is `words` now, and the caret at a place of it. */
  function take(words: string): void {
    const { model } = store.getState();
    const isNumbers = (model.at === 'here' ? modelOf(store.getState()) : null)?.reads === 'ids';
    const edit = editOf(base.pieces, base.plain, words, isNumbers);
    actions.editText(words.replaceAll(END_MARK, ''), edit, isNew || isStep);
    isNew = false;
    isStep = false;
    draw();
  }

  function onBeforeInput(event: InputEvent): void {
    const isAll = isAllMarked();
    goal = null;
    // What is pasted, cut or dropped is a step for undo by itself; what was composed is known behind.
    isStep ||= !/^(?:insert(?:Text|CompositionText|LineBreak|ParagraphSeparator)|delete)/u.test(
      event.inputType,
    );
    if (event.inputType === 'historyUndo' || event.inputType === 'historyRedo') {
      event.preventDefault();
      if (event.inputType === 'historyUndo') actions.undo();
      else actions.redo();
      return;
    }
    const added = event.data ?? event.dataTransfer?.getData('text/plain') ?? '';
    // A long text is never laid out in a field; and what marks the end of a text is typed by nobody.
    const isLong = partAround(added, 0).to !== added.length;
    if (!isLong && !isAll && !added.includes(END_MARK)) return;
    event.preventDefault();
    const { from, to } = marked();
    const words = added.replaceAll(/\r\n?/gu, '\n').replaceAll(END_MARK, '');
    const now = part.prompt.slice(0, from) + words + part.prompt.slice(to);
    hold(now, from + words.length);
    take(now);
  }

  function onInput(): void {
    const { value } = field;
    const at = part.from + field.selectionEnd;
    part = withValue(part, value, field.selectionEnd);
    if (part.to - part.from !== value.length) hold(part.prompt, at);
    // What is being composed is no word yet, and its tokens would come and go.
    if (isComposing) draw();
    else take(part.prompt);
  }

  function onSelection(): void {
    if (isOver || document.activeElement !== field) return;
    const { selectionStart, selectionEnd, value } = field;
    const isNear =
      (selectionStart < NEAR && part.from > 0) ||
      (selectionEnd > value.length - NEAR && part.to < part.prompt.length);
    if (isNear && !isComposing && selectionStart === selectionEnd) {
      const at = part.from + selectionEnd;
      part = partAround(part.prompt, at);
      hold(part.prompt, at);
    }
    place();
  }

  function onKeyDown(event: KeyboardEvent): void {
    if (event.isComposing) return;
    const { key } = event;
    const isFar = event.ctrlKey || event.metaKey;
    const lines = Math.max(
      1,
      Math.floor(scroller.clientHeight / Math.max(1, caret.offsetHeight)) - 1,
    );
    if (key === 'Escape') {
      event.preventDefault();
      giveBack();
    } else if (key === 'F2') {
      event.preventDefault();
      end(true);
    } else if (isFar && key === 'Enter') {
      // What it does everywhere, which the page hears of next.
      end(true);
    } else if (isFar && !event.altKey && (key.toLowerCase() === 'z' || key.toLowerCase() === 'y')) {
      event.preventDefault();
      if (key.toLowerCase() === 'y' || event.shiftKey) actions.redo();
      else actions.undo();
    } else if (event.altKey) {
      return;
    } else if (isFar && (key === 'Home' || key === 'End')) {
      event.preventDefault();
      go(key === 'Home' ? 0 : part.prompt.length, event.shiftKey);
    } else if (isFar) {
      return;
    } else if (key === 'Home' || key === 'End') {
      event.preventDefault();
      go(places.endOfLine(focus(), key === 'Home' ? -1 : 1), event.shiftKey);
    } else if (key === 'ArrowUp' || key === 'ArrowDown') {
      event.preventDefault();
      goLines(key === 'ArrowUp' ? -1 : 1, 1, event.shiftKey);
    } else if (key === 'PageUp' || key === 'PageDown') {
      event.preventDefault();
      goLines(key === 'PageUp' ? -1 : 1, lines, event.shiftKey);
    } else if (key !== 'Shift') goal = null;
  }

  /** The end of what is marked that moves. */
  function focus(): number {
    const { from, to } = marked();
    return field.selectionDirection === 'backward' ? from : to;
  }

  function go(at: number, isMarking: boolean): void {
    const { from, to } = marked();
    const anchor = field.selectionDirection === 'backward' ? to : from;
    mark(isMarking ? anchor : at, at);
  }

  function goLines(by: 1 | -1, count: number, isMarking: boolean): void {
    let at = focus();
    goal ??= places.spotAt(at)?.left ?? 0;
    const x = goal;
    for (let i = 0; i < count; i++) {
      const next = places.onNextLine(at, by, x);
      if (next === null) {
        at = by < 0 ? 0 : part.prompt.length;
        break;
      }
      at = next;
    }
    go(at, isMarking);
    goal = x;
  }

  function onCopy(event: ClipboardEvent): void {
    const { from, to } = marked();
    if (from === to || event.clipboardData === null) return;
    event.preventDefault();
    event.clipboardData.setData('text/plain', part.prompt.slice(from, to).replaceAll(END_MARK, ''));
    if (event.type !== 'cut') return;
    const now = part.prompt.slice(0, from) + part.prompt.slice(to);
    isStep = true;
    hold(now, from);
    take(now);
  }

  // ── the pointer ────────────────────────────────────────────────────────────────────────────

  /** Where somebody pressed, for as long as they do. */
  let pressed: number | null = null;

  /** The field keeps the keyboard, and the page marks nothing of its own. */
  function onMouseDown(event: MouseEvent): void {
    event.preventDefault();
    const isScrollbar =
      event.clientX - scroller.getBoundingClientRect().left > scroller.clientWidth;
    if (event.button !== 0 || isScrollbar || isComposing) return;
    const at = places.placeAt(event.clientX, event.clientY);
    goal = null;
    if (event.detail === 2) markWord(at);
    else if (event.detail > 2) markLine(at);
    else {
      go(at, event.shiftKey);
      pressed = event.shiftKey ? null : at;
    }
  }

  function onMouseMove(event: MouseEvent): void {
    if (event.buttons !== 1) pressed = null;
    if (pressed === null) return;
    const at = places.placeAt(event.clientX, event.clientY);
    if (at !== focus()) mark(pressed, at);
  }

  function markWord(at: number): void {
    const words = part.prompt;
    const isWord = (index: number): boolean => /[\p{L}\p{N}\p{M}'’]/u.test(words[index] ?? '');
    let from = at;
    let to = at;
    while (from > 0 && isWord(from - 1)) from--;
    while (to < words.length && isWord(to)) to++;
    mark(from, to);
  }

  function markLine(at: number): void {
    const from = part.prompt.lastIndexOf('\n', at - 1) + 1;
    const to = part.prompt.indexOf('\n', at);
    mark(from, to < 0 ? part.prompt.length : to);
  }

  /** The switch of what the text shows is no way out of it. */
  function onStageDown(event: MouseEvent): void {
    if (event.target instanceof Element && event.target.closest('fieldset, [data-write]')) {
      event.preventDefault();
    }
  }

  // ── the page ───────────────────────────────────────────────────────────────────────────────

  /** Tokens came, or somebody else changed the text, as undo does. */
  function update(state: AppState, before: AppState): void {
    if (isOver) return;
    const { text: now } = state;
    const { text: then } = before;
    const isOther =
      now.epoch !== then.epoch ||
      now.length !== then.length ||
      now.edited !== then.edited ||
      now.prompt !== then.prompt ||
      now.tokenised !== then.tokenised;
    // Somebody wrote here, and what is to be read of it is not read yet.
    if (now.edited !== null && now.epoch === then.epoch && now.length === then.length) return;
    if (isOther) {
      base = read(state);
      const words = wordsOf(state);
      if (words !== part.prompt && !isComposing && now.edited === null) {
        const { from, words: anew } = changeOf(part.prompt, words);
        const { to } = marked();
        hold(words, to <= from ? to : from + anew.length);
      }
      draw();
    } else if (state.view.reading !== before.view.reading) place();
  }

  /** Leaves; what was written stays. */
  function end(hasKeyboard: boolean): void {
    const at = focus();
    stop();
    const toToken = (): void => {
      const { busy, text: now } = store.getState();
      if (isNew || busy.has('run') || now.edited !== null || !now.tokenised) return;
      actions.select(tokenAt(plainOf(text.pieces), at).index);
      if (list.contains(document.activeElement)) focusText();
    };
    if (isNew) actions.select(selected);
    else if (store.getState().text.tokenised) toToken();
    else {
      const ending = store.subscribe((state) => {
        if (!state.text.tokenised) return;
        ending();
        toToken();
      });
    }
    options.onEnd(hasKeyboard);
  }

  /** Leaves the text as it was. Undo has what was written. */
  function giveBack(): void {
    stop();
    if (!isNew) {
      actions.standsAgain(stood, { selected });
      actions.announce('The text is as it was. Undo brings back what you wrote.');
    }
    options.onEnd(true);
  }

  function onBlur(): void {
    // Or the whole window lost it, and gives it back.
    if (document.activeElement !== field) end(false);
  }

  function onCompositionStart(): void {
    isComposing = true;
  }
  function onCompositionEnd(): void {
    isComposing = false;
    if (part.prompt === base.plain.words) draw();
    else take(part.prompt);
  }

  function stop(): void {
    isOver = true;
    for (const undo of listening) undo();
    view.write(null);
    delete list.dataset.writing;
  }

  function listen(
    target: EventTarget | null,
    name: string,
    hear: (event: never) => void,
  ): () => void {
    target?.addEventListener(name, hear as EventListener);
    return () => target?.removeEventListener(name, hear as EventListener);
  }

  const stage = scroller.closest('section');
  const listening = [
    listen(field, 'beforeinput', onBeforeInput),
    listen(field, 'input', onInput),
    listen(field, 'keydown', onKeyDown),
    listen(field, 'copy', onCopy),
    listen(field, 'cut', onCopy),
    listen(field, 'blur', onBlur),
    listen(field, 'compositionstart', onCompositionStart),
    listen(field, 'compositionend', onCompositionEnd),
    listen(document, 'selectionchange', onSelection),
    listen(field, 'select', onSelection),
    listen(scroller, 'mousedown', onMouseDown),
    listen(scroller, 'mousemove', onMouseMove),
    listen(stage, 'mousedown', onStageDown),
    listen(window, 'resize', place),
    listen(visualViewport, 'resize', keepAboveKeyboard),
    store.subscribe(update),
  ];

  const { beginning } = options;
  list.dataset.writing = '';
  actions.hover(null);
  view.write({ draft: null });
  const words = wordsOf(store.getState());
  part = partAround(words, 0);
  if (words !== base.plain.words) draw();
  const at =
    'x' in beginning
      ? places.placeAt(beginning.x, beginning.y)
      : beginning.index === null
        ? words.length
        : wordStart(beginning.index);
  hold(words, at);
  field.focus({ preventScroll: true });
  getSelection()?.removeAllRanges();
  hold(words, at);
  place();

  /** Before the word of a token: most begin with the space before it. */
  function wordStart(index: number): number {
    const start = base.plain.starts[index] ?? words.length;
    return base.pieces[index]?.text.trim() !== '' && words[start] === ' ' ? start + 1 : start;
  }

  return () => {
    if (!isOver) end(false);
  };
}

// The prompt's field. It holds a part of a long prompt, and what is done to all of that is done to the whole prompt.
import { useEffect, useLayoutEffect, useRef, useState, type ReactNode } from 'react';
import { isWhole, partAround, withValue, type PromptPart } from '../state/promptPart.ts';
import css from './Composer.module.css';
import controls from './controls.module.css';
import { formatCount } from './format.ts';

const BACK = ['ArrowLeft', 'ArrowUp', 'PageUp'];
const ON = ['ArrowRight', 'ArrowDown', 'PageDown'];

export function PromptField({
  prompt,
  className,
  placeholder,
  note,
  isWrong,
  onChange,
  onUndo,
  onRedo,
}: {
  readonly prompt: string;
  readonly className: string | undefined;
  readonly placeholder: string;
  /** Id of the element that says something about it; '' for none. */
  readonly note: string;
  readonly isWrong: boolean;
  readonly onChange: (prompt: string) => void;
  /** The page's own: a field that holds a part, or was given a long text, has no history of it. */
  readonly onUndo: () => void;
  readonly onRedo: () => void;
}): ReactNode {
  const field = useRef<HTMLTextAreaElement>(null);
  const [last, setLast] = useState(() => partAround(prompt, prompt.length));
  /** Where the caret goes once the field holds another part. */
  const caret = useRef<number | null>(null);
  // A prompt that came from elsewhere, as by undo, is shown at its end.
  const part = last.prompt === prompt ? last : partAround(prompt, prompt.length);
  const { from, to } = part;
  const whole = isWhole(part);
  const now = useRef(part);
  /** Whether the last edit was a long text, of which the browser's own undo knows nothing. */
  const wasPut = useRef(false);
  /** Whether the whole field was marked before the edit that is under way. */
  const wasAll = useRef(false);

  useLayoutEffect(() => {
    now.current = part;
    const { current: element } = field;
    if (element === null || caret.current === null) return;
    const at = caret.current - from;
    caret.current = null;
    element.setSelectionRange(at, at);
    element.scrollTop = (element.scrollHeight * at) / Math.max(1, to - from) - 40;
  });

  function take(next: PromptPart): void {
    setLast(next);
    onChange(next.prompt);
  }

  function show(at: number): void {
    caret.current = at;
    setLast(partAround(prompt, at));
    field.current?.focus();
  }

  /** Puts a long text in without ever having it in the field. */
  function put(text: string, isAll: boolean): void {
    const { current: element } = field;
    if (element === null) return;
    const { prompt: old, from: start, to: end } = now.current;
    const before = isAll ? '' : old.slice(0, start + element.selectionStart);
    const after = isAll ? '' : old.slice(end - (element.value.length - element.selectionEnd));
    caret.current = before.length + text.length;
    wasPut.current = true;
    take(partAround(before + text + after, caret.current));
  }

  const onLong = useRef(put);
  useEffect(() => {
    onLong.current = put;
  });
  useEffect(() => {
    const { current: element } = field;
    if (element === null) return;
    // React has an event of that name of its own, which says less.
    const onBefore = (event: InputEvent): void => {
      wasAll.current = isAllMarked(element, now.current);
      const text = event.data ?? event.dataTransfer?.getData('text/plain') ?? '';
      if (partAround(text, 0).to === text.length) return;
      event.preventDefault();
      onLong.current(text.replaceAll(/\r\n?/gu, '\n'), wasAll.current);
    };
    element.addEventListener('beforeinput', onBefore);
    return () => element.removeEventListener('beforeinput', onBefore);
  }, []);

  return (
    <>
      <textarea
        id="prompt"
        ref={field}
        className={className}
        value={prompt.slice(from, to)}
        rows={3}
        placeholder={placeholder}
        autoCapitalize="sentences"
        spellCheck={false}
        aria-describedby={`${note} ${whole ? '' : 'prompt-part'}`.trim() || undefined}
        aria-invalid={isWrong}
        onChange={({ target }) => {
          const { value, selectionEnd } = target;
          const base = wasAll.current ? partAround('', 0) : part;
          wasAll.current = false;
          wasPut.current = false;
          const next = withValue(base, value, selectionEnd);
          if (next.to - next.from !== value.length) caret.current = base.from + selectionEnd;
          take(next);
        }}
        onKeyDown={(event) => {
          const { selectionStart, selectionEnd, value } = event.currentTarget;
          const isCommand = (event.ctrlKey || event.metaKey) && !event.altKey;
          const letter = event.key.toLowerCase();
          if (isCommand && (letter === 'z' || letter === 'y') && (!whole || wasPut.current)) {
            event.preventDefault();
            if (letter === 'y' || event.shiftKey) onRedo();
            else onUndo();
            return;
          }
          if (whole || event.altKey || event.shiftKey) return;
          const isFar = event.ctrlKey || event.metaKey;
          const isAtStart = selectionEnd === 0 && from > 0;
          const isAtEnd = selectionStart === value.length && to < prompt.length;
          let at: number;
          if (isFar && event.key === 'Home') at = 0;
          else if (isFar && event.key === 'End') at = prompt.length;
          else if (!isFar && isAtStart && BACK.includes(event.key)) at = from;
          else if (!isFar && isAtEnd && ON.includes(event.key)) at = to;
          else return;
          event.preventDefault();
          show(at);
        }}
        onCopy={(event) => {
          if (!isAllMarked(event.currentTarget, part)) return;
          event.preventDefault();
          event.clipboardData.setData('text/plain', prompt);
        }}
        onCut={(event) => {
          if (!isAllMarked(event.currentTarget, part)) return;
          event.preventDefault();
          event.clipboardData.setData('text/plain', prompt);
          take(partAround('', 0));
        }}
      />
      {!whole && (
        <div className={css.part}>
          <p id="prompt-part">
            Characters {formatCount(from + 1)} to {formatCount(to)} of {formatCount(prompt.length)}.
            What you do to all of them is done to the whole prompt.
          </p>
          {[
            { words: 'Start', at: 0, isOff: from === 0 },
            { words: 'Earlier', at: from, isOff: from === 0 },
            { words: 'Later', at: to, isOff: to === prompt.length },
            { words: 'End', at: prompt.length, isOff: to === prompt.length },
          ].map(({ words, at, isOff }) => (
            <button
              key={words}
              className={controls.link}
              type="button"
              aria-disabled={isOff}
              onClick={() => {
                if (!isOff) show(at);
              }}
            >
              {words}
            </button>
          ))}
        </div>
      )}
    </>
  );
}

/** Whether all that the field holds of a longer prompt is marked, which stands for all of the prompt. */
function isAllMarked(field: HTMLTextAreaElement, part: PromptPart): boolean {
  const { selectionStart, selectionEnd, value } = field;
  return !isWhole(part) && selectionStart === 0 && selectionEnd === value.length && value !== '';
}

// A word that can be asked what it means, by pointer, touch and keyboard alike.
import { useId, useRef, useState, type ReactNode } from 'react';
import { later } from '../later.ts';
import css from './Word.module.css';
import type { WordId } from './wordIds.ts';

const meaning = later(async () => (await import('./Meaning.tsx')).Meaning, 'The words');

/** Fetches what the words mean: a page that went offline since has it. */
export const preloadWords = meaning.preload;

/** What is between, as a button that says what it means. */
export function Word({ id, children }: { id: WordId; children: ReactNode }): ReactNode {
  const popover = useId();
  const button = useRef<HTMLButtonElement>(null);
  const box = useRef<HTMLSpanElement>(null);
  const [open, setOpen] = useState(false);

  /** Below the word, and inside the window; once more when it is seen how large it is. */
  function place(): void {
    const at = button.current?.getBoundingClientRect();
    if (at === undefined || box.current === null) return;
    const { offsetWidth, offsetHeight, style } = box.current;
    const below = at.bottom + GAP;
    const top = below + offsetHeight + GAP > innerHeight ? at.top - GAP - offsetHeight : below;
    style.left = `${Math.max(GAP, Math.min(at.left, innerWidth - offsetWidth - GAP))}px`;
    style.top = `${Math.max(GAP, top)}px`;
  }

  return (
    <>
      <button
        ref={button}
        className={css.word}
        type="button"
        popoverTarget={popover}
        data-word={id}
      >
        {children}
      </button>
      <span
        ref={box}
        id={popover}
        className={css.meaning}
        popover="auto"
        role="note"
        onBeforeToggle={(event) => {
          setOpen(event.newState === 'open');
          place();
        }}
        onToggle={place}
      >
        {open && <meaning.Part id={id} popover={popover} />}
      </span>
    </>
  );
}

const GAP = 6;

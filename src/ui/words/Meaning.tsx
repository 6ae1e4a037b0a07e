// What a word means, as its popover says it.
import type { ReactNode } from 'react';
import { useApp } from '../context.ts';
import controls from '../controls.module.css';
import { focusText } from '../focusText.ts';
import { GLOSSARY } from './glossary.ts';
import css from './Word.module.css';
import type { WordId } from './wordIds.ts';

export function Meaning({ id, popover }: { id: WordId; popover: string }): ReactNode {
  const { actions } = useApp();
  const { word, sentence, see } = GLOSSARY[id];

  function show(): void {
    if ('view' in see) {
      actions.openPanel(see.view);
      goTo(`#tab-${see.view}`);
    } else if ('reading' in see) {
      actions.setReading(see.reading);
      document.querySelector('[data-region="text"]')?.scrollIntoView({ block: 'nearest' });
      focusText();
    } else goTo(`[data-region="${see.region}"] :is(button, summary, textarea)`);
  }

  return (
    <>
      <span className={css.title}>{word}</span>
      <span className={css.sentence}>{sentence}</span>
      <button
        className={controls.link}
        type="button"
        popoverTarget={popover}
        popoverTargetAction="hide"
        onClick={({ currentTarget }) => {
          // Whatever the word stands in gives way to what is shown as well.
          const own = currentTarget.closest('[popover]');
          own?.parentElement?.closest<HTMLElement>('[popover]')?.hidePopover();
          // Behind the popover, which gives the focus back to its word.
          setTimeout(show);
        }}
      >
        See it
      </button>
    </>
  );
}

/** Brings a place into sight, and whoever goes by keyboard to it. */
function goTo(selector: string): void {
  const found = document.querySelector<HTMLElement>(selector);
  found?.scrollIntoView({ block: 'nearest' });
  found?.focus({ preventScroll: true });
}

// What a word means, as its popover says it.
import type { ReactNode } from 'react';
import { useApp } from '../context.ts';
import controls from '../controls.module.css';
import { GLOSSARY } from './glossary.ts';
import css from './Word.module.css';
import type { WordId } from './wordIds.ts';

export function Meaning({ id, popover }: { id: WordId; popover: string }): ReactNode {
  const { actions } = useApp();
  const { word, sentence, view } = GLOSSARY[id];
  return (
    <>
      <span className={css.title}>{word}</span>
      <span className={css.sentence}>{sentence}</span>
      {view !== undefined && (
        <button
          className={controls.link}
          type="button"
          popoverTarget={popover}
          popoverTargetAction="hide"
          onClick={({ currentTarget }) => {
            // Whatever the word stands in gives way to the view as well.
            const own = currentTarget.closest('[popover]');
            own?.parentElement?.closest<HTMLElement>('[popover]')?.hidePopover();
            actions.openPanel(view);
            document.querySelector(`#tab-${view}`)?.scrollIntoView({ block: 'nearest' });
          }}
        >
          See it
        </button>
      )}
    </>
  );
}

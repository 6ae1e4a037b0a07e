// What becomes of a file that somebody brought: how far it is, what is wrong with it, and the text that it asks for.
import { useState, type ReactNode } from 'react';
import controls from '../controls.module.css';
import { useTraining, useTrainingFacts } from './context.ts';
import { FileDoor } from './FileDoor.tsx';
import { ReceiptLosses } from './ReceiptLosses.tsx';
import css from './TakeAway.module.css';

export function BroughtFile(): ReactNode {
  const { actions } = useTraining();
  const { at, kind, name, doing, error } = useTrainingFacts((s) => s.brought);
  return (
    <>
      {at === 'working' && (
        <p>
          {name}: {doing}…{' '}
          <button className={controls.link} type="button" onClick={() => actions.dismissBrought()}>
            {kind === 'run' ? 'Cancel' : 'End the check'}
          </button>
        </p>
      )}
      {error !== null && (
        <p className={css.wrong} role="alert">
          <b>{error.message}</b> {error.hint}
        </p>
      )}
      {at === 'text' && <Ask />}
      {kind === 'receipt' && <ReceiptLosses />}
      {(at === 'failed' || at === 'text' || at === 'done') && (
        <p>
          <button className={controls.link} type="button" onClick={() => actions.dismissBrought()}>
            Dismiss
          </button>
        </p>
      )}
    </>
  );
}

/** For the text that it learned from. */
function Ask(): ReactNode {
  const { actions } = useTraining();
  const [text, setText] = useState('');
  return (
    <form
      className={css.ask}
      onSubmit={(event) => {
        event.preventDefault();
        if (text !== '') actions.giveText(text);
      }}
    >
      <textarea
        aria-label="The text that it learned"
        placeholder="Paste the text that it learned."
        spellCheck={false}
        value={text}
        onChange={(event) => setText(event.target.value)}
      />
      <div className={css.doors}>
        <button className={controls.primary} type="submit" aria-disabled={text === ''}>
          This is the text
        </button>
        <FileDoor
          words="Choose its file…"
          label="The file of the text that it learned"
          accept=".txt,.md,.csv,text/plain,text/markdown,text/csv"
          take={actions.giveText}
        />
      </div>
    </form>
  );
}

// What somebody brings: a run of another machine, or a receipt, whose first steps are made again here.
import { useRef, useState, type ReactNode } from 'react';
import controls from '../controls.module.css';
import { later } from '../later.ts';
import { useTraining, useTrainingFacts } from './context.ts';
import css from './TakeAway.module.css';

const losses = later(
  async () => (await import('./ReceiptLosses.tsx')).ReceiptLosses,
  'What the receipt says',
);

export function Brought(): ReactNode {
  const { actions } = useTraining();
  const { brought } = useTrainingFacts((s) => ({ brought: s.brought }));
  const { at, kind, name, doing, error } = brought;
  return (
    <div className={css.brought} data-testid="brought">
      <div className={css.doors}>
        <Door words="Open a run…" label="A run’s file" accept=".zip" take={actions.bringRun} />
        <Door
          words="Check a receipt…"
          label="A receipt’s file"
          accept=".json"
          take={actions.bringReceipt}
        />
      </div>
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
      {kind === 'receipt' && <losses.Part />}
      {(at === 'failed' || at === 'text' || at === 'done') && (
        <p>
          <button className={controls.link} type="button" onClick={() => actions.dismissBrought()}>
            Dismiss
          </button>
        </p>
      )}
    </div>
  );
}

function Door({
  words,
  label,
  accept,
  take,
}: {
  readonly words: string;
  readonly label: string;
  readonly accept: string;
  readonly take: (file: File) => void;
}): ReactNode {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button className={controls.button} type="button" onClick={() => input.current?.click()}>
        {words}
      </button>
      <input
        ref={input}
        type="file"
        accept={accept}
        hidden
        aria-label={label}
        onChange={(event) => {
          const file = event.target.files?.[0];
          if (file !== undefined) take(file);
          event.target.value = '';
        }}
      />
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
        <Door
          words="Choose its file…"
          label="The file of the text that it learned"
          accept=".txt,.md,.csv,text/plain,text/markdown,text/csv"
          take={actions.giveText}
        />
      </div>
    </form>
  );
}

// A text of one's own: pasted, dropped or chosen. A long one is no field: a browser takes seconds to lay millions of letters out,
// again with each one that is typed.
import { useRef, useState, type ClipboardEvent, type DragEvent, type ReactNode } from 'react';
import type { RunText } from '../../api.ts';
import { MOST_KEPT } from '../../state/training/facts.ts';
import controls from '../controls.module.css';
import { formatSize } from '../models/words.ts';
import { useTraining, useTrainingFacts } from './context.ts';
import css from './training.module.css';

type Own = Extract<RunText, { kind: 'own' }>;

export function OwnText({ text }: { readonly text: Own }): ReactNode {
  const { actions } = useTraining();
  const { columns, isKept } = useTrainingFacts((s) => ({
    columns: s.draft.columns,
    isKept: s.draft.isOwnKept,
  }));
  const { text: whole } = text;
  const field = useRef<HTMLTextAreaElement>(null);
  const [over, setOver] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  function drop(event: DragEvent): void {
    event.preventDefault();
    setOver(false);
    const [dropped] = event.dataTransfer.files;
    if (dropped !== undefined) void actions.takeFile(dropped);
  }
  function paste(event: ClipboardEvent<HTMLTextAreaElement>): void {
    const { value, selectionStart, selectionEnd } = event.currentTarget;
    const pasted = event.clipboardData.getData('text/plain');
    if (pasted.length <= MOST_KEPT) return;
    event.preventDefault();
    const joined = value.slice(0, selectionStart) + pasted + value.slice(selectionEnd);
    void actions.takeFile(new File([joined], 'My text.txt', { type: 'text/plain' }));
  }
  return (
    // oxlint-disable-next-line jsx-a11y/no-static-element-interactions -- a file is dropped; the button does the same
    <div
      className={css.own}
      data-over={over}
      onDragOver={(event) => {
        if (!event.dataTransfer.types.includes('Files')) return;
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={drop}
    >
      {typeof whole !== 'string' ? (
        <p className={css.file}>
          <b>{text.name}</b>
          <span className={controls.number}>{formatSize(whole.size)}</span>
          <button className={controls.link} type="button" onClick={() => actions.takeFileAway()}>
            Remove it
          </button>
        </p>
      ) : (
        <textarea
          ref={field}
          className={css.paste}
          aria-label="Your text"
          placeholder="Paste a text: letters, lyrics, notes, a book. Or drop a .txt, .md or .csv here."
          spellCheck={false}
          defaultValue={whole}
          onPaste={paste}
          onChange={(event) => actions.pasteText(event.target.value)}
        />
      )}
      <div className={css.ownTools}>
        <button className={controls.button} type="button" onClick={() => input.current?.click()}>
          Choose a file
        </button>
        <input
          ref={input}
          type="file"
          accept=".txt,.md,.csv,text/plain,text/markdown,text/csv"
          hidden
          aria-label="A text file"
          onChange={(event) => {
            const chosen = event.target.files?.[0];
            if (chosen !== undefined) void actions.takeFile(chosen);
            event.target.value = '';
          }}
        />
        {columns.length > 0 && (
          <label className={css.column}>
            Column
            <select
              className={controls.select}
              value={text.column ?? columns[0]}
              onChange={(event) => actions.chooseColumn(event.target.value)}
            >
              {columns.map((column) => (
                <option key={column}>{column}</option>
              ))}
            </select>
          </label>
        )}
        <span className={controls.quiet}>
          It stays on your machine
          {typeof whole !== 'string'
            ? '; after a reload it is to be brought again.'
            : whole === ''
              ? '.'
              : isKept
                ? ', and a reload keeps it.'
                : '; a reload loses it: it is too long to be kept.'}
        </span>
        {typeof whole === 'string' && whole !== '' && (
          <button
            className={controls.link}
            type="button"
            onClick={() => {
              actions.pasteText('');
              if (field.current === null) return;
              field.current.value = '';
              field.current.focus();
            }}
          >
            Throw it away
          </button>
        )}
      </div>
    </div>
  );
}

// What stands over the text while somebody writes in it.
import { useLayoutEffect, useRef, type ReactNode } from 'react';
import { useApp } from '../context.ts';
import { isMac } from '../format.ts';
import type { Beginning, TextView } from '../textView.ts';
import css from './Writer.module.css';
import { startWriter } from './writer.ts';

export interface WriterProps {
  readonly view: TextView;
  readonly list: HTMLElement;
  readonly scroller: HTMLElement;
  readonly beginning: Beginning;
  readonly onEnd: (hasKeyboard: boolean) => void;
}

export function Writer(props: WriterProps): ReactNode {
  const app = useApp();
  const first = useRef(props);
  const field = useRef<HTMLTextAreaElement>(null);
  const caret = useRef<HTMLDivElement>(null);
  const marks = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    if (field.current === null || caret.current === null || marks.current === null) return;
    return startWriter({
      ...first.current,
      app,
      field: field.current,
      caret: caret.current,
      marks: marks.current,
    });
  }, [app]);
  return (
    <div className={css.over}>
      <div className={css.marks} ref={marks} />
      <div className={css.caret} ref={caret} />
      <textarea
        className={css.field}
        ref={field}
        aria-label="The text, to be written in"
        aria-describedby="token-readout"
        autoCapitalize="sentences"
        spellCheck={false}
        rows={1}
      />
    </div>
  );
}

/** In the place of what is known of a token. */
export function WritingWords(): ReactNode {
  return (
    <>
      <p>
        What stands after the caret stays while you type. Generate goes on at the end of the text.
      </p>
      <p className={css.keys}>
        <kbd>{isMac() ? '⌘' : 'Ctrl'}</kbd> <kbd>Enter</kbd> Generate · <kbd>Esc</kbd> as it was ·{' '}
        <kbd>Tab</kbd> done
      </p>
    </>
  );
}

// Copies a text; where the browser does not let it, the text is there to be copied by hand.
import { useLayoutEffect, useRef, useState, type ReactNode } from 'react';
import { useApp } from './context.ts';
import css from './CopyButton.module.css';
import { isMac } from './format.ts';

/** How long it says that it was done. */
const SAID_MS = 2500;

/** Whether it is on the clipboard: browsers refuse, and on plain http there is none. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

export function howToCopy(): string {
  return `The browser did not let the page copy. It is selected here: copy it with ${isMac() ? '⌘C' : 'Ctrl+C'}.`;
}

export function CopyButton({
  text,
  className,
  words = 'Copy',
  done = 'Copied',
}: {
  /** Made when it is wanted. */
  text: () => string;
  className: string | undefined;
  words?: string;
  done?: string;
}): ReactNode {
  const { actions } = useApp();
  const [copied, setCopied] = useState(false);
  /** What could not be copied; '' for nothing. */
  const [refused, setRefused] = useState('');
  const popover = useRef<HTMLSpanElement>(null);
  const field = useRef<HTMLTextAreaElement>(null);

  useLayoutEffect(() => {
    if (refused === '') return;
    popover.current?.showPopover();
    field.current?.select();
  }, [refused]);

  async function copy(): Promise<void> {
    const wanted = text();
    setRefused('');
    if (!(await copyText(wanted))) {
      setRefused(wanted);
      return;
    }
    setCopied(true);
    actions.announce(`${done}.`);
    setTimeout(() => setCopied(false), SAID_MS);
  }

  return (
    <>
      <button className={className} type="button" onClick={() => void copy()}>
        {copied ? done : words}
      </button>
      {refused !== '' && (
        <span
          className={css.popover}
          ref={popover}
          popover="auto"
          onToggle={({ newState }) => {
            if (newState === 'closed') setRefused('');
          }}
        >
          <span>{howToCopy()}</span>
          <textarea
            className={css.text}
            ref={field}
            readOnly
            rows={6}
            aria-label={howToCopy()}
            value={refused}
          />
        </span>
      )}
    </>
  );
}

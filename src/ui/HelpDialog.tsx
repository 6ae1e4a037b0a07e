// The keys and the four things to know, in a native dialog.
import { useEffect, useRef, type ReactNode } from 'react';
import controls from './controls.module.css';
import { isMac } from './format.ts';
import css from './HelpDialog.module.css';
import { CloseSign } from './icons.tsx';
import { PLACE_KEYS, SHORTCUTS } from './shortcuts.ts';

export function HelpDialog({ open, onClose }: { open: boolean; onClose: () => void }): ReactNode {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (open) dialog.current?.showModal();
    else dialog.current?.close();
  }, [open]);
  const command = isMac() ? '⌘' : 'Ctrl';
  return (
    <dialog className={css.dialog} ref={dialog} aria-labelledby="help-title" onClose={onClose}>
      <div className={css.head}>
        <h2 id="help-title">Keys, and how to read the page</h2>
        <button className={controls.square} type="button" aria-label="Close" onClick={onClose}>
          <CloseSign />
        </button>
      </div>
      <dl className={css.keys}>
        {SHORTCUTS.map(({ keys, words, whileTyping }) => (
          <Key key={keys} keys={keys.replace('⌘', command)}>
            {words}
            {whileTyping === 'not on a Mac' && isMac() && ', but not while you type'}
          </Key>
        ))}
      </dl>
      <h3>Where the keyboard stands</h3>
      <dl className={css.keys}>
        {PLACE_KEYS.map(({ keys, words }) => (
          <Key key={keys} keys={keys}>
            {words}
          </Key>
        ))}
      </dl>
      <p>
        The text is the navigation: click a token, and every panel answers a question about it. The
        underline of a token grows with its surprise. Everything is computed in this browser; no
        text leaves it.
      </p>
    </dialog>
  );
}

function Key({ keys, children }: { keys: string; children: ReactNode }): ReactNode {
  return (
    <div className={css.pair}>
      <dt>
        {keys.split(/ +/u).map((key) => (
          <kbd key={key}>{key}</kbd>
        ))}
      </dt>
      <dd>{children}</dd>
    </div>
  );
}

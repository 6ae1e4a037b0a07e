// A component whose code comes by itself; where it cannot be fetched, it says so and tries again.
import { createElement, useEffect, useState, type ReactNode } from 'react';
import { useFacts } from './context.ts';
import controls from './controls.module.css';

export interface Later<P extends object> {
  readonly Part: (props: P) => ReactNode;
  /** Fetches the code ahead of its first use. */
  readonly preload: () => void;
}

/** `what` names it where it could not be fetched: `This view`. */
export function later<P extends object = object>(
  load: () => Promise<(props: P) => ReactNode>,
  what: string,
): Later<P> {
  let loaded: ((props: P) => ReactNode) | null = null;
  const fetchOnce = async (): Promise<void> => {
    loaded ??= await load();
  };
  function Part(props: P): ReactNode {
    const [state, setState] = useState<'waiting' | 'ready' | 'failed'>(
      loaded === null ? 'waiting' : 'ready',
    );
    useEffect(() => {
      if (state !== 'waiting') return;
      fetchOnce().then(
        () => setState('ready'),
        () => setState('failed'),
      );
    }, [state]);
    if (state === 'ready' && loaded !== null) return createElement(loaded, props);
    return state === 'waiting'
      ? null
      : createElement(Failure, { what, onRetry: () => setState('waiting') });
  }
  return {
    Part,
    // A failure here is told when it is opened.
    preload: () => void fetchOnce().catch(() => {}),
  };
}

function Failure({ what, onRetry }: { what: string; onRetry: () => void }): ReactNode {
  const { storage } = useFacts((s) => ({ storage: s.page.storage }));
  const button = (words: string, onClick: () => void): ReactNode =>
    createElement('button', { className: controls.link, type: 'button', onClick }, words);
  return createElement(
    'p',
    { className: controls.note },
    `${what} could not be fetched: the page may be offline, or a newer one was published. `,
    button('Try again', onRetry),
    ' ',
    // A newer page has its code under another name, and some browsers remember what once failed.
    button(`Reload the page${storage === 'kept' ? '; your text is kept' : ''}`, () =>
      location.reload(),
    ),
  );
}

// Where heads look: all of them as tiles, one to three in full, and the text itself.
import { useRef, type ReactNode } from 'react';
import { useApp, useFacts } from '../context.ts';
import controls from '../controls.module.css';
import { useTheme } from '../figure/useTheme.ts';
import css from './attention.module.css';
import { Atlas } from './Atlas.tsx';
import { Focus } from './Focus.tsx';
import { Reading } from './Reading.tsx';
import { Word } from '../words/Word.tsx';

export function AttentionPanel(): ReactNode {
  const { actions } = useApp();
  // Not the length itself: a token more must not render the whole view.
  const { empty, ready } = useFacts((s) => ({
    empty: s.text.length === 0,
    ready: s.attention.rows !== null || s.attention.front !== null,
  }));
  const host = useRef<HTMLDivElement>(null);
  const theme = useTheme(host);
  return (
    <div className={css.panel} ref={host}>
      {empty || !ready ? (
        <p className={controls.empty}>
          {empty
            ? 'There is no token to look from yet.'
            : 'The heads appear here as soon as the model has read the text.'}
        </p>
      ) : (
        <>
          <Reading />
          <div className={css.columns}>
            <Atlas theme={theme} />
            <Focus theme={theme} />
          </div>
          <p className={css.caution}>
            Looking is not the same as mattering: high <Word id="attention">attention</Word> is no
            proof of influence.{' '}
            <button
              className={controls.link}
              type="button"
              onClick={() => actions.openPanel('parts')}
            >
              Switch the head off and see
            </button>
          </p>
        </>
      )}
    </div>
  );
}

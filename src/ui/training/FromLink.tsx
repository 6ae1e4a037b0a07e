// What settings came with a link, and that nothing has begun.
import type { ReactNode } from 'react';
import { editWords } from '../../state/training/edits.ts';
import controls from '../controls.module.css';
import { useTraining, useTrainingFacts } from './context.ts';
import css from './training.module.css';

/** Whoever followed a link sees what it brought, and that nothing has begun. */
export function FromLink(): ReactNode {
  const { actions } = useTraining();
  const { link, edits, base } = useTrainingFacts((s) => ({
    link: s.draft.link,
    edits: s.draft.settings.edits,
    base: s.draft.settings.base,
  }));
  if (link === null) return null;
  return (
    <section className={css.fromLink} aria-label="From a link" data-testid="from-link">
      <p>
        <b>These settings came with a link.</b> Nothing has begun: look at them, and press Train.{' '}
        <button className={controls.link} type="button" onClick={() => actions.dismissLink()}>
          Dismiss
        </button>
      </p>
      {/* Whoever has chosen another model since has not read it yet. */}
      {base?.sha256 !== undefined && (
        <p>
          The run goes on training <b>{base.name}</b>, and needs that model: the one whose weights
          have a SHA-256 that begins with <code>{base.sha256.slice(0, 12)}</code>.
        </p>
      )}
      {edits !== undefined && edits.length > 0 && (
        <p>The text is changed before it is learned: {edits.map(editWords).join(', ')}.</p>
      )}
      {link.length > 0 && (
        <ul>
          {link.map((note) => (
            <li key={note}>{note}</li>
          ))}
        </ul>
      )}
    </section>
  );
}

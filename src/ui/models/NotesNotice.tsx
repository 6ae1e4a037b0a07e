// What a model's files hold that is not used, or is not as it could be.
import { useState, type ReactNode } from 'react';
import { useFacts } from '../context.ts';
import { Dismiss } from '../Dismiss.tsx';
import css from '../Notices.module.css';
import { modelOf } from '../../state/facts/model.ts';

export function NotesNotice(): ReactNode {
  const { model } = useFacts((s) => ({ model: modelOf(s) }));
  const [dismissed, setDismissed] = useState<typeof model>(null);
  const notes = model?.notes ?? [];
  if (model === null || notes.length === 0 || dismissed === model) return null;
  return (
    <section className={css.notice} aria-label="Notes on the model" data-testid="model-notes">
      <div className={css.body}>
        <strong>Of {model.name}’s files:</strong>
        <ul>
          {notes.map((note) => (
            <li key={note}>{note}</li>
          ))}
        </ul>
      </div>
      <Dismiss onClick={() => setDismissed(model)} />
    </section>
  );
}

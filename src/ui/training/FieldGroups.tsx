// Every field of the configuration and of the run, in groups.
import type { ReactNode } from 'react';
import { fieldsFor, type Field } from '../../state/training/fields.ts';
import { useTraining, useTrainingFacts } from './context.ts';
import { Entry } from './Entry.tsx';
import css from './training.module.css';

const GROUPS: readonly { readonly group: Field['group']; readonly title: string }[] = [
  { group: 'model', title: 'The model' },
  { group: 'steps', title: 'Its steps' },
  { group: 'optimiser', title: 'How it learns' },
  { group: 'told', title: 'What is told and kept' },
];

export function FieldGroups(): ReactNode {
  const { base } = useTrainingFacts((s) => ({ base: s.draft.settings.base }));
  // What a model that is there has to itself stands at its choice.
  const groups = GROUPS.filter(({ group }) => base === undefined || group !== 'model');
  const fields = fieldsFor({ base });
  return (
    <div className={css.groups}>
      {groups.map(({ group, title }) => (
        <fieldset key={group} className={css.group}>
          <legend>{title}</legend>
          {fields
            .filter((field) => field.group === group)
            .map((field) => (
              <Entry key={field.name} field={field} />
            ))}
          {group === 'told' && <Prompt />}
        </fieldset>
      ))}
    </div>
  );
}

function Prompt(): ReactNode {
  const { actions } = useTraining();
  const { prompt } = useTrainingFacts((s) => ({ prompt: s.draft.settings.prompt }));
  return (
    <div className={css.field}>
      <label htmlFor="field-prompt">prompt</label>
      <input
        id="field-prompt"
        className={css.number}
        aria-describedby="field-prompt-words"
        value={prompt}
        onChange={(event) => actions.setPrompt(event.target.value)}
      />
      <p id="field-prompt-words" className={css.meaning}>
        What each sample begins with; empty begins a text. The same seed every time.
      </p>
    </div>
  );
}

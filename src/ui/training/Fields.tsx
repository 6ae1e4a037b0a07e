// Behind “more”: every field of the configuration and of the run, each with what it does.
import { useState, type ReactNode } from 'react';
import { conflicts, fieldsFor, type Field } from '../../state/training/fields.ts';
import controls from '../controls.module.css';
import { useTraining, useTrainingFacts } from './context.ts';
import css from './training.module.css';

const GROUPS: readonly { readonly group: Field['group']; readonly title: string }[] = [
  { group: 'model', title: 'The model' },
  { group: 'steps', title: 'Its steps' },
  { group: 'optimiser', title: 'How it learns' },
  { group: 'told', title: 'What is told and kept' },
];

/** Fields that are there only sometimes. */
const IDLE = ['vocab_size', 'r', 'lora_alpha'];

export function Fields(): ReactNode {
  const [open, setOpen] = useState(false);
  const { base } = useTrainingFacts((s) => ({ base: s.draft.settings.base }));
  // What a model that is there has to itself stands at its choice.
  const groups = GROUPS.filter(({ group }) => base === undefined || group !== 'model');
  const fields = fieldsFor({ base }).filter(({ group }) =>
    groups.some((one) => one.group === group),
  );
  return (
    <details className={css.fields} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        More: every setting <span className={controls.quiet}>{fields.length + 1} of them</span>
      </summary>
      {open && (
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
      )}
    </details>
  );
}

export function Entry({ field }: { readonly field: Field }): ReactNode {
  const { actions } = useTraining();
  const { name, kind, read } = field;
  const { value, refused, conflict, isGoingOn } = useTrainingFacts((s) => ({
    value: read(s.draft.settings),
    refused: s.draft.refused[name],
    conflict: conflicts(s.draft.settings)[name],
    isGoingOn: s.draft.settings.base !== undefined,
  }));
  // Of pairs, or of an adapter, where there are none.
  if (IDLE.includes(name) && value === '') return null;
  const meaning = isGoingOn ? (field.goingOn ?? field.meaning) : field.meaning;
  const why = refused?.why ?? conflict;
  const id = `field-${name}`;
  const shared = {
    id,
    'aria-describedby': `${id}-words`,
    'aria-invalid': why !== undefined,
  };
  return (
    <div className={css.field}>
      <label htmlFor={id}>{name}</label>
      {kind.type === 'choice' ? (
        <select
          {...shared}
          className={controls.select}
          value={value}
          onChange={(event) => actions.setField(name, event.target.value)}
        >
          {kind.choices.map((one) => (
            <option key={one}>{one}</option>
          ))}
        </select>
      ) : (
        <input
          {...shared}
          className={css.number}
          inputMode={kind.whole ? 'numeric' : 'decimal'}
          value={refused?.typed ?? value}
          onChange={(event) => actions.setField(name, event.target.value)}
        />
      )}
      <p id={`${id}-words`} className={why === undefined ? css.meaning : css.wrong}>
        {why ?? meaning}
      </p>
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

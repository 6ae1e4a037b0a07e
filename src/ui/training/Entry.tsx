// One field of the settings, with what it does, or why it cannot be what was typed.
import { useState, type ReactNode } from 'react';
import { conflicts, doubts, type Field } from '../../state/training/fields.ts';
import controls from '../controls.module.css';
import { useTraining, useTrainingFacts } from './context.ts';
import { FIELD_WORDS } from './fieldWords.ts';
import css from './training.module.css';

/** Fields that are there only sometimes. */
const IDLE = ['vocab_size', 'r', 'lora_alpha', 'initializer_range'];

export function Entry({ field }: { readonly field: Field }): ReactNode {
  const { actions } = useTraining();
  const { name, kind, read } = field;
  const { value, refused, conflict, doubt, isGoingOn } = useTrainingFacts((s) => ({
    value: read(s.draft.settings),
    refused: s.draft.refused[name],
    conflict: conflicts(s.draft.settings)[name],
    doubt: doubts(s.draft.settings)[name],
    isGoingOn: s.draft.settings.base !== undefined,
  }));
  /** As it is being typed: “0.0” is on its way to 0.05. */
  const [typed, setTyped] = useState<string | null>(null);
  // Of pairs, of an adapter, or of weights that are drawn otherwise, where there are none.
  if (IDLE.includes(name) && value === '') return null;
  const { meaning, goingOn = meaning } = FIELD_WORDS[name] ?? { meaning: '' };
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
          value={typed ?? refused?.typed ?? value}
          onChange={(event) => {
            setTyped(event.target.value);
            actions.setField(name, event.target.value);
          }}
          onBlur={() => setTyped(null)}
        />
      )}
      <p
        id={`${id}-words`}
        className={why === undefined && doubt === undefined ? css.meaning : css.wrong}
      >
        {why ?? doubt ?? (isGoingOn ? goingOn : meaning)}
      </p>
    </div>
  );
}

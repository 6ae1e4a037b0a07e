// Every field of the configuration and of the run, in groups.
import { useState, type ReactNode } from 'react';
import { problemsOf } from '../../state/training/draft.ts';
import { fieldsFor, type Field } from '../../state/training/fields.ts';
import controls from '../controls.module.css';
import { useTraining, useTrainingFacts } from './context.ts';
import { Entry } from './Entry.tsx';
import css from './training.module.css';

type Group = Field['group'];

const HALVES: readonly {
  readonly title: string;
  readonly groups: readonly (readonly [group: Group, title: string])[];
}[] = [
  {
    title: 'The model',
    groups: [
      ['model', 'Shape and tokens'],
      ['inside', 'Norms, activation, biases'],
      ['drawn', 'What is drawn'],
    ],
  },
  {
    title: 'The training',
    groups: [
      ['steps', 'Its steps'],
      ['optimiser', 'How it learns'],
      ['dropout', 'Dropout'],
      ['told', 'What is told and kept'],
    ],
  },
];

/** As in the style sheets: groups stand under each other, and somebody opens the one that they want. */
const NARROW = 800;

export function FieldGroups(): ReactNode {
  const { base } = useTrainingFacts((s) => ({ base: s.draft.settings.base }));
  const [isWide] = useState(() => innerWidth >= NARROW);
  // What a model that is there has to itself stands at its choice.
  const fields = fieldsFor({ base }).filter(
    ({ ofModel }) => base === undefined || ofModel !== true,
  );
  const halves = HALVES.map(({ title, groups }) => ({
    title,
    groups: groups
      .map(([group, name]) => ({ name, own: fields.filter((field) => field.group === group) }))
      .filter(({ own }) => own.length > 0),
  })).filter(({ groups }) => groups.length > 0);
  return (
    <div className={css.groups}>
      {halves.map(({ title, groups }, half) => (
        <section key={title} aria-label={title}>
          <h3 className={css.half}>{title}</h3>
          {groups.map(({ name, own }, i) => (
            <FieldGroup
              key={name}
              title={name}
              fields={own}
              isOpen={isWide || (half === 0 && i === 0)}
            />
          ))}
        </section>
      ))}
    </div>
  );
}

function FieldGroup({
  title,
  fields,
  isOpen,
}: {
  readonly title: string;
  readonly fields: readonly Field[];
  readonly isOpen: boolean;
}): ReactNode {
  const hasPrompt = fields.some(({ group }) => group === 'told');
  const { isWrong } = useTrainingFacts(({ draft }) => {
    const found = problemsOf(draft);
    const names = [...fields.map(({ name }) => name), ...(hasPrompt ? ['prompt'] : [])];
    return { isWrong: names.some((name) => found[name] !== undefined) };
  });
  return (
    // What is wrong is never hidden.
    <details className={css.group} open={isOpen || isWrong}>
      <summary>
        {title} <span className={controls.quiet}>{fields.length + (hasPrompt ? 1 : 0)}</span>
      </summary>
      {fields.map((field) => (
        <Entry key={field.name} field={field} />
      ))}
      {hasPrompt && <Prompt />}
    </details>
  );
}

function Prompt(): ReactNode {
  const { actions } = useTraining();
  const { prompt, why } = useTrainingFacts(({ draft }) => ({
    prompt: draft.settings.prompt,
    why: problemsOf(draft)['prompt'],
  }));
  return (
    <div className={css.field}>
      <label htmlFor="field-prompt">prompt</label>
      <input
        id="field-prompt"
        className={css.number}
        aria-describedby="field-prompt-words"
        aria-invalid={why !== undefined}
        value={prompt}
        onChange={(event) => actions.setPrompt(event.target.value)}
      />
      <p id="field-prompt-words" className={why === undefined ? css.meaning : css.wrong}>
        {why ?? 'What each sample begins with; empty begins a text. The same seed every time.'}
      </p>
    </div>
  );
}

// The fields that most people change, and behind them every other one of the model and of the run, in groups.
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
  /** What most people change, in this order. */
  readonly common: readonly string[];
  readonly groups: readonly (readonly [group: Group, title: string, words: string])[];
}[] = [
  {
    title: 'The model',
    common: ['n_layer', 'n_head', 'n_embd', 'n_ctx', 'tokenizer', 'vocab_size'],
    groups: [
      ['model', 'Whose model it is like', 'and how wide its MLPs are'],
      ['inside', 'What it is built of', 'norms, activation, biases'],
      ['drawn', 'What is drawn by chance', 'first weights, order of the pieces'],
    ],
  },
  {
    title: 'The training',
    common: ['max_steps', 'learning_rate', 'per_device_train_batch_size', 'sample_steps', 'seed'],
    groups: [
      ['steps', 'How it steps', 'length of the pieces, course of the rate'],
      ['optimiser', 'How a step is taken', 'AdamW, weight decay, cut gradients'],
      ['dropout', 'What is left out at random', 'dropout'],
      ['told', 'What is measured and kept', 'unseen text, checkpoints'],
    ],
  },
];
const COMMON = HALVES.flatMap(({ common }) => common);

/** As in the style sheets: groups stand under each other, and somebody opens the one that they want. */
const NARROW = 800;

export function FieldGroups(): ReactNode {
  const { base } = useTrainingFacts((s) => ({ base: s.draft.settings.base }));
  // What a model that is there has to itself stands at its choice.
  const fields = fieldsFor({ base }).filter(
    ({ ofModel }) => base === undefined || ofModel !== true,
  );
  const halves = HALVES.map(({ title, common, groups }) => ({
    title,
    common: common.flatMap((name) => fields.find((field) => field.name === name) ?? []),
    groups: groups
      .map(([group, name, words]) => ({
        name,
        words,
        own: fields.filter((field) => field.group === group && !COMMON.includes(field.name)),
      }))
      .filter(({ own }) => own.length > 0),
  }));
  return (
    <>
      <div className={css.groups}>
        {halves.map(
          ({ title, common }, half) =>
            common.length > 0 && (
              <section key={title} aria-label={title}>
                <h3 className={css.half}>{title}</h3>
                {common.map((field) => (
                  <Entry key={field.name} field={field} />
                ))}
                {half > 0 && <Prompt />}
              </section>
            ),
        )}
      </div>
      <Rest
        words={`${base === undefined ? 'what the model is built of, ' : ''}how it learns, what is kept`}
        halves={halves.filter(({ groups }) => groups.length > 0)}
      />
    </>
  );
}

interface FoldProps {
  readonly className: string | undefined;
  readonly title: string;
  readonly words: string;
  readonly fields: readonly Field[];
  readonly isFirstOpen: boolean;
  readonly children: ReactNode;
}

/** What is wrong is never hidden, and what was opened stays so. */
function Fold({ className, title, words, fields, isFirstOpen, children }: FoldProps): ReactNode {
  const [isOpen, setOpen] = useState(isFirstOpen);
  const { isWrong } = useTrainingFacts(({ draft }) => {
    const found = problemsOf(draft);
    return { isWrong: fields.some(({ name }) => found[name] !== undefined) };
  });
  return (
    <details
      className={className}
      open={isOpen || isWrong}
      onToggle={(event) => setOpen(event.currentTarget.open)}
    >
      <summary>
        {title} <span className={controls.quiet}>{words}</span>
      </summary>
      {children}
    </details>
  );
}

interface Part {
  readonly name: string;
  readonly words: string;
  readonly own: readonly Field[];
}

function Rest({
  words,
  halves,
}: {
  readonly words: string;
  readonly halves: readonly { readonly title: string; readonly groups: readonly Part[] }[];
}): ReactNode {
  const [isWide] = useState(() => innerWidth >= NARROW);
  return (
    <Fold
      className={css.rest}
      title="Every other setting"
      words={words}
      fields={halves.flatMap(({ groups }) => groups.flatMap(({ own }) => own))}
      isFirstOpen={false}
    >
      <div className={css.groups}>
        {halves.map(({ title, groups }, half) => (
          <section key={title} aria-label={`${title}: every other setting`}>
            {groups.map(({ name, words: about, own }, i) => (
              <Fold
                key={name}
                className={css.group}
                title={name}
                words={about}
                fields={own}
                isFirstOpen={isWide || (half === 0 && i === 0)}
              >
                {own.map((field) => (
                  <Entry key={field.name} field={field} />
                ))}
              </Fold>
            ))}
          </section>
        ))}
      </div>
    </Fold>
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

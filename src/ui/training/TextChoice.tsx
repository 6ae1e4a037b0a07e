// The first choice: a text of one's own, one that comes with the page, or a task that is made.
import type { ReactNode } from 'react';
import type { RunText, TaskName, TextFacts } from '../../api.ts';
import { isEmptyText } from '../../state/training/draft.ts';
import controls from '../controls.module.css';
import { formatCount, tokenAxisLabel } from '../format.ts';
import { later } from '../later.ts';
import { useTraining, useTrainingFacts } from './context.ts';
import { Problem } from './Problem.tsx';
import css from './training.module.css';
import { BUNDLED, isOfBase, TASKS, type TextWords } from './words.ts';

const ownText = later(
  async () => (await import('./OwnText.tsx')).OwnText,
  'What takes a text of your own',
);

const isChosen = (text: RunText, kind: RunText['kind'], name?: string): boolean =>
  text.kind === kind && (name === undefined || text.name === name);

export function TextChoice(): ReactNode {
  const { actions } = useTraining();
  const { text, own, refused, read } = useTrainingFacts((s) => ({
    text: s.draft.settings.text,
    own: s.draft.own,
    refused: s.draft.refusedFile,
    read: s.text.read,
  }));
  const option = (name: string, { title }: TextWords, value: RunText, checked: boolean) => (
    <label key={name} className={css.option}>
      <input
        type="radio"
        name="train-text"
        checked={checked}
        onChange={() => actions.chooseText(value)}
      />
      <span>{title}</span>
    </label>
  );
  const words =
    text.kind === 'bundled' ? BUNDLED[text.name] : text.kind === 'task' ? TASKS[text.name] : null;
  return (
    <>
      <fieldset className={css.options} aria-label="Text">
        <div className={css.optionRow}>
          <span className={css.optionKind}>Your own</span>
          {option('own', { title: 'Paste or drop', words: '' }, own, isChosen(text, 'own'))}
        </div>
        <div className={css.optionRow}>
          <span className={css.optionKind}>Here already</span>
          {Object.entries(BUNDLED).map(([name, one]) =>
            option(name, one, { kind: 'bundled', name }, isChosen(text, 'bundled', name)),
          )}
        </div>
        <div className={css.optionRow}>
          <span className={css.optionKind}>A task</span>
          {(Object.entries(TASKS) as [TaskName, TextWords][]).map(([name, one]) =>
            option(name, one, { kind: 'task', name }, isChosen(text, 'task', name)),
          )}
        </div>
      </fieldset>
      {text.kind === 'own' ? (
        <ownText.Part text={text} />
      ) : (
        <p className={css.about}>{words?.words}</p>
      )}
      {refused !== null && (
        <Problem error={refused}>
          {!isEmptyText(text) && <p>The text that was here before it stays.</p>}
        </Problem>
      )}
      {read.at === 'failed' && !isOfBase(read.error) ? (
        <div role="alert">
          <Problem error={read.error} />
        </div>
      ) : (
        <Seen facts={read.at === 'here' ? read.value : null} isComing={read.at === 'coming'} />
      )}
    </>
  );
}

/** The text's beginning as the model sees it. */
export function Seen({
  facts,
  isComing = false,
}: {
  readonly facts: TextFacts | null;
  readonly isComing?: boolean;
}): ReactNode {
  return (
    <div className={css.seen} data-testid="seen">
      <h3 className={controls.title}>As the model sees it</h3>
      {facts === null ? (
        <p className={controls.quiet}>
          {isComing ? 'Cutting it into pieces…' : 'The pieces appear here.'}
        </p>
      ) : (
        <>
          <p className={css.chips} lang="">
            {facts.beginning.map((piece, i) => (
              // Tokens have no other name than their place.
              // oxlint-disable-next-line react/no-array-index-key
              <span key={i} className={piece.special ? css.special : css.chip}>
                {tokenAxisLabel(piece)}
              </span>
            ))}
          </p>
          <p className={css.counts}>
            <span>
              <b>{formatCount(facts.characters)}</b>{' '}
              {facts.characters === 1 ? 'character' : 'characters'}
            </span>
            <span>
              <b>{formatCount(facts.tokens)}</b> {facts.tokens === 1 ? 'token' : 'tokens'}
            </span>
            <span>
              <b>{formatCount(facts.vocabSize)}</b> in the vocabulary
            </span>
            {facts.documents > 1 && (
              <span>
                <b>{formatCount(facts.documents)}</b> texts
              </span>
            )}
          </p>
        </>
      )}
    </div>
  );
}

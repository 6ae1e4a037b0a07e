// The questions that are asked before the first lesson and after the last: what was thought then, and what is now.
import { useLayoutEffect, useState, type ReactNode } from 'react';
import type { Answered } from '../../state/lessonNotes.ts';
import controls from '../controls.module.css';
import css from './learn.module.css';
import { idOf, TWICE } from './lessons.ts';

const WORDS = {
  before:
    'You need not know the answers: the steps lead to them, and at the end you are asked the same again.',
  after:
    'The same two as before the first step. The sheet shows what you said then and what you say now.',
};

export function BothQuestions({
  when,
  onAnswer,
}: {
  readonly when: 'before' | 'after';
  /** With '' for what was skipped. */
  readonly onAnswer: (said: readonly (readonly [id: string, answered: Answered])[]) => void;
}): ReactNode {
  const [said, setSaid] = useState<Readonly<Record<string, string>>>({});
  // Nothing of the page has a part in it.
  useLayoutEffect(() => {
    const { dataset } = document.documentElement;
    dataset.lesson = '';
    return () => {
      delete dataset.lesson;
    };
  }, []);
  const isWhole = TWICE.every(({ id }) => said[id] !== undefined);
  const give = (answers: typeof said): void =>
    onAnswer(
      TWICE.map((one) => [
        idOf(one, when),
        { said: answers[one.id] ?? '', answer: one.answer, learned: '' },
      ]),
    );
  return (
    <form
      className={css.both}
      data-alone=""
      onSubmit={(event) => {
        event.preventDefault();
        if (isWhole) give(said);
      }}
    >
      <p className={css.words}>{WORDS[when]}</p>
      {TWICE.map(({ id, question, choices }) => (
        <fieldset className={css.radios} key={id}>
          <legend className={css.question}>{question}</legend>
          {choices.map((choice) => (
            <label key={choice}>
              <input
                type="radio"
                name={`${when}-${id}`}
                checked={said[id] === choice}
                onChange={() => setSaid({ ...said, [id]: choice })}
              />
              {choice}
            </label>
          ))}
        </fieldset>
      ))}
      <p className={css.deeds}>
        <button
          className={controls.primary}
          type="submit"
          aria-disabled={!isWhole}
          aria-describedby={isWhole ? undefined : 'both-first'}
        >
          {when === 'before' ? 'Begin' : 'To the sheet'}
        </button>
        <button className={css.skip} type="button" onClick={() => give({})}>
          Skip
        </button>
        {!isWhole && (
          <span className={controls.quiet} id="both-first">
            Answer both, or skip them.
          </span>
        )}
      </p>
    </form>
  );
}

// The question of a step: one of several answers, or a word of one's own.
import { useId, useState, type ReactNode } from 'react';
import { MOST_WRITTEN } from '../../state/lessonNotes.ts';
import controls from '../controls.module.css';
import css from './learn.module.css';
import type { Lesson } from './lesson.ts';

export function Question({
  lesson,
  choices,
  waiting,
  onAnswer,
}: {
  lesson: Lesson;
  /** Undefined until the model has said them; empty where an answer is written. */
  choices: readonly string[] | undefined;
  waiting: string;
  /** '' skips it. */
  onAnswer: (said: string) => void;
}): ReactNode {
  const field = useId();
  const [written, setWritten] = useState('');
  if (choices === undefined) {
    return (
      <>
        <p className={css.question}>{lesson.question}</p>
        <p className={css.waiting}>{waiting}</p>
      </>
    );
  }
  const skip = (
    <button className={css.skip} type="button" onClick={() => onAnswer('')}>
      Skip, and show it
    </button>
  );
  if (choices.length > 0) {
    return (
      <fieldset className={css.choices}>
        <legend className={css.question}>{lesson.question}</legend>
        {choices.map((choice) => (
          <button
            key={choice}
            className={controls.button}
            type="button"
            onClick={() => onAnswer(choice)}
          >
            {choice}
          </button>
        ))}
        {skip}
      </fieldset>
    );
  }
  return (
    <form
      className={css.choices}
      onSubmit={(event) => {
        event.preventDefault();
        if (written.trim() !== '') onAnswer(written.trim());
      }}
    >
      <label className={css.question} htmlFor={field}>
        {lesson.question}
      </label>
      <input
        className={css.field}
        id={field}
        value={written}
        maxLength={MOST_WRITTEN}
        autoComplete="off"
        onChange={(event) => setWritten(event.target.value)}
      />
      <button className={controls.button} type="submit" aria-disabled={written.trim() === ''}>
        Answer
      </button>
      {skip}
    </form>
  );
}

// The end of the lessons: the learner's own predictions beside what is so, to print, copy or save.
import { useLayoutEffect, useRef, useState, type ReactNode } from 'react';
import { flushSync } from 'react-dom';
import type { Answered } from '../../state/lessonNotes.ts';
import { Confirm } from '../Confirm.tsx';
import { useApp, useFacts } from '../context.ts';
import controls from '../controls.module.css';
import { CopyButton } from '../CopyButton.tsx';
import { modelOf } from '../../state/facts/model.ts';
import css from './learn.module.css';
import { idOf, LESSONS, TWICE } from './lessons.ts';
import { saidIn, toWords } from './sheet.ts';

export function Worksheet({
  answers,
  onAnew,
}: {
  readonly answers: Readonly<Record<string, Answered>>;
  /** Forgets the answers, and begins at the first step. */
  readonly onAnew: () => void;
}): ReactNode {
  const { actions } = useApp();
  const { model } = useFacts((s) => ({ model: modelOf(s)?.name ?? '' }));
  // Nothing of the page has a part in it.
  useLayoutEffect(() => {
    const { dataset } = document.documentElement;
    dataset.lesson = '';
    return () => {
      delete dataset.lesson;
    };
  }, []);
  const words = (): string => toWords(answers, model);
  const given = LESSONS.filter(({ id }) => (answers[id]?.said ?? '') !== '').length;
  return (
    <div className={css.sheet} data-alone="" data-worksheet="">
      <p className={css.words}>
        You answered {given} of {LESSONS.length} questions.{' '}
        {given < LESSONS.length && 'Any step can be opened again.'}
      </p>
      <div className={css.scroll}>
        <table className={css.table}>
          <caption className={controls.visuallyHidden}>
            Each step’s question, what you said, and what is so.
          </caption>
          <thead>
            <tr>
              <th scope="col">Step</th>
              <th scope="col">Question</th>
              <th scope="col">You said</th>
              <th scope="col">It is</th>
            </tr>
          </thead>
          <tbody>
            {LESSONS.map(({ id, title, question, isOwn }, i) => (
              <tr key={id}>
                <th scope="row">
                  <button
                    className={controls.link}
                    type="button"
                    onClick={() => actions.learn(i + 1)}
                  >
                    {i + 1} <span className={css.name}>{title}</span>
                  </button>
                </th>
                <td>{question}</td>
                <td>{saidIn(answers[id], isOwn)}</td>
                <td>{answers[id]?.answer || '–'}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <div className={css.scroll}>
        <table className={css.table}>
          <caption className={css.caption}>Asked before the first step, and after the last</caption>
          <thead>
            <tr>
              <th scope="col">Question</th>
              <th scope="col">Before</th>
              <th scope="col">After</th>
              <th scope="col">It is</th>
            </tr>
          </thead>
          <tbody>
            {TWICE.map((one) => (
              <tr key={one.id}>
                <th scope="row">{one.question}</th>
                <td>{saidIn(answers[idOf(one, 'before')])}</td>
                <td>{saidIn(answers[idOf(one, 'after')])}</td>
                <td>{one.answer}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p className={css.deeds}>
        <button className={controls.button} type="button" onClick={() => print()}>
          Print
        </button>
        <CopyButton className={controls.button} text={words} />
        <button className={controls.button} type="button" onClick={() => save(words())}>
          Save as text
        </button>
        <Anew {...{ onAnew }} isAsked={Object.keys(answers).length > 0} />
      </p>
    </div>
  );
}

/** Asks once, where there is something to lose. */
function Anew({
  isAsked,
  onAnew,
}: {
  readonly isAsked: boolean;
  readonly onAnew: () => void;
}): ReactNode {
  const [asks, setAsks] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  return asks ? (
    <Confirm
      question="This forgets your answers. Begin again?"
      label="Begin again"
      onYes={onAnew}
      onNo={() => {
        flushSync(() => setAsks(false));
        button.current?.focus();
      }}
    />
  ) : (
    <button
      className={controls.plain}
      ref={button}
      type="button"
      onClick={isAsked ? () => setAsks(true) : onAnew}
    >
      Begin again
    </button>
  );
}

function save(words: string): void {
  const href = URL.createObjectURL(new Blob([words], { type: 'text/plain' }));
  const link = document.createElement('a');
  link.href = href;
  link.download = 'glass-gpt-lessons.txt';
  link.click();
  // The browser reads it when it gets to it.
  setTimeout(() => URL.revokeObjectURL(href), 60_000);
}

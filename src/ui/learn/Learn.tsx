// The lessons: one card above the views, with a step at a time, two questions before the first and after the last, and
// at the end what was answered.
import { useCallback, useEffect, useRef, useState, type ReactNode } from 'react';
import { readNotes, writeNotes, type Answered } from '../../state/lessonNotes.ts';
import { useApp, useFacts } from '../context.ts';
import controls from '../controls.module.css';
import { focusText } from '../focusText.ts';
import { CloseSign } from '../icons.tsx';
import css from './learn.module.css';
import { idOf, LESSONS, TWICE } from './lessons.ts';
import { Step } from './Step.tsx';
import { BothQuestions } from './BothQuestions.tsx';
import { Worksheet } from './Worksheet.tsx';

/** The step behind the last lesson: what was answered. */
const END = LESSONS.length + 1;

export function Learn(): ReactNode {
  const { actions } = useApp();
  const { wanted } = useFacts((s) => ({ wanted: s.view.lesson }));
  const step = Math.min(wanted, END);
  const lesson = LESSONS[step - 1];
  const [notes, setNotes] = useState(readNotes);
  /** The step that the page was opened at. */
  const [first] = useState(step);
  const heading = useRef<HTMLHeadingElement>(null);
  /** The step whose heading has the focus, or had it: a page that opens at a step takes it from nobody. */
  const focused = useRef(step);

  useEffect(() => {
    if (wanted > END) actions.learn(END);
  }, [wanted, actions]);
  useEffect(() => writeNotes({ ...notes, step }), [notes, step]);
  useEffect(() => {
    if (focused.current === step) return;
    focused.current = step;
    heading.current?.focus({ preventScroll: true });
  }, [step]);

  const note = useCallback((id: string, answered: Answered | null) => {
    setNotes((before) => {
      const { [id]: _, ...answers } = before.answers;
      return { ...before, answers: answered === null ? answers : { ...answers, [id]: answered } };
    });
  }, []);

  const isAsked = (when: 'before' | 'after'): boolean =>
    TWICE.some((one) => notes.answers[idOf(one, when)] !== undefined);
  const hasAnswered = LESSONS.some(({ id }) => notes.answers[id] !== undefined);
  // Before anything was learned, and after something was.
  const asks =
    step === 1 && !isAsked('before') && !hasAnswered
      ? 'before'
      : lesson === undefined && !isAsked('after') && hasAnswered
        ? 'after'
        : null;

  function leave(): void {
    actions.learn(0);
    focusText();
  }

  return (
    <section className={css.card} data-region="lesson" aria-labelledby="lesson-title">
      <div className={css.head}>
        <h2 className={css.title} id="lesson-title" ref={heading} tabIndex={-1}>
          <span className={css.step}>
            {asks === 'before'
              ? `${LESSONS.length} steps`
              : lesson === undefined
                ? 'The end'
                : `Step ${step} of ${LESSONS.length}`}
          </span>{' '}
          {asks !== null
            ? { before: 'Two questions first', after: 'The two questions again' }[asks]
            : (lesson?.title ?? 'What you said, and what is so')}
        </h2>
        <div className={css.ways}>
          <button
            className={controls.button}
            type="button"
            aria-disabled={step === 1}
            onClick={() => {
              if (step > 1) actions.learn(step - 1);
            }}
          >
            Back
          </button>
          {lesson !== undefined && asks === null && (
            <button
              className={notes.answers[lesson.id]?.learned ? controls.primary : controls.button}
              type="button"
              onClick={() => actions.learn(step + 1)}
            >
              {step === LESSONS.length ? 'Finish' : 'Next'}
            </button>
          )}
          <button
            className={controls.plain}
            type="button"
            aria-label="Leave the lessons"
            title="Leave the lessons; your answers stay"
            onClick={leave}
          >
            <CloseSign />
          </button>
        </div>
      </div>
      {asks !== null ? (
        <BothQuestions
          when={asks}
          onAnswer={(said) => {
            for (const [id, answered] of said) note(id, answered);
            heading.current?.focus();
          }}
        />
      ) : lesson === undefined ? (
        <Worksheet
          answers={notes.answers}
          onAnew={() => {
            setNotes({ step: 1, answers: {} });
            actions.learn(1);
          }}
        />
      ) : (
        <Step
          key={lesson.id}
          {...{ lesson, note }}
          isFirst={step === first}
          answered={notes.answers[lesson.id]}
        />
      )}
    </section>
  );
}

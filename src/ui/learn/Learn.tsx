// The lessons: one card above the views, which shows a step, waits for an answer before it uncovers what the step is
// about, and goes on by the gesture itself.
import { useCallback, useEffect, useLayoutEffect, useRef, useState, type ReactNode } from 'react';
import { modelOf } from '../../state/facts/model.ts';
import { readNotes, writeNotes, type Answered } from '../../state/lessonNotes.ts';
import { toSamplingOptions } from '../../state/settings.ts';
import type { AppState } from '../../state/store.ts';
import { useApp, useFacts } from '../context.ts';
import controls from '../controls.module.css';
import { focusText } from '../focusText.ts';
import { CloseSign } from '../icons.tsx';
import css from './learn.module.css';
import type { Lesson, Measured } from './lesson.ts';
import { LESSONS } from './lessons.ts';
import { Question } from './Question.tsx';
import { Worksheet } from './Worksheet.tsx';

/** The step behind the last lesson: what was answered. */
const END = LESSONS.length + 1;

export function Learn(): ReactNode {
  const { actions } = useApp();
  const { wanted } = useFacts((s) => ({ wanted: s.view.lesson }));
  const step = Math.min(wanted, END);
  const lesson = LESSONS[step - 1];
  const [notes, setNotes] = useState(readNotes);
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
    heading.current?.focus();
  }, [step]);

  const note = useCallback((id: string, answered: Answered | null) => {
    setNotes((before) => {
      const { [id]: _, ...answers } = before.answers;
      return { ...before, answers: answered === null ? answers : { ...answers, [id]: answered } };
    });
  }, []);

  function leave(): void {
    actions.learn(0);
    focusText();
  }

  return (
    <section className={css.card} data-region="lesson" aria-labelledby="lesson-title">
      <div className={css.head}>
        <h2 className={css.title} id="lesson-title" ref={heading} tabIndex={-1}>
          <span className={css.step}>
            {lesson === undefined ? 'The end' : `Step ${step} of ${LESSONS.length}`}
          </span>{' '}
          {lesson?.title ?? 'What you said, and what is so'}
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
          {lesson !== undefined && (
            <button
              className={notes.answers[lesson.id]?.learned ? controls.primary : controls.button}
              type="button"
              onClick={() => actions.learn(step + 1)}
            >
              {step === LESSONS.length ? 'To your answers' : 'Next'}
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
      {lesson === undefined ? (
        <Worksheet answers={notes.answers} />
      ) : (
        <Step key={lesson.id} {...{ lesson, note }} answered={notes.answers[lesson.id]} />
      )}
    </section>
  );
}

function Step({
  lesson,
  answered,
  note,
}: {
  lesson: Lesson;
  answered: Answered | undefined;
  note: (id: string, answered: Answered | null) => void;
}): ReactNode {
  const { actions, store } = useApp();
  const s = useFacts((state) => ({
    model: modelOf(state),
    ready: state.model.at === 'here',
    isOther: state.text.prompt !== lesson.prompt,
  }));
  const found = useMeasured(lesson);
  const result = useRef<HTMLDivElement>(null);
  /** The button that was pressed goes with its question: the keyboard goes on at what it uncovered. */
  const goesOn = useRef(false);
  useEffect(() => {
    if (answered !== undefined && goesOn.current) result.current?.focus();
    goesOn.current = false;
  }, [answered]);
  const isCovered = answered === undefined && found !== null;
  const [ofWritten, setOfWritten] = useState('');

  // What is quiet and what is covered is a matter of style, for whatever stands there.
  useLayoutEffect(() => {
    const { dataset } = document.documentElement;
    dataset.lesson = lesson.shows.join(' ');
    dataset.about = lesson.about;
    return () => {
      delete dataset.lesson;
      delete dataset.about;
    };
  }, [lesson]);
  useLayoutEffect(() => {
    const { dataset } = document.documentElement;
    if (!isCovered) return;
    dataset.covered = lesson.covers.join(' ');
    return () => {
      delete dataset.covered;
    };
  }, [lesson, isCovered]);

  useEffect(() => {
    const state = store.getState();
    if (lesson.panel !== undefined) actions.openPanel(lesson.panel);
    // On a phone the knobs are folded.
    const knobs = lesson.shows.includes('sampler') ? '[data-region="sampler"] details' : null;
    if (knobs !== null) document.querySelector(knobs)?.setAttribute('open', '');
    // Edges and underlines are what such a step is about.
    if (lesson.about === 'text') actions.setReading('pieces');
    // A text that came with the link is what its sender wants to be seen.
    if (!state.replay.asRecorded) actions.takePrompt(lesson.prompt);
  }, [lesson, actions, store]);

  // The numbers about a written answer, which a reload finds again.
  const said = answered?.said ?? '';
  useEffect(() => {
    let isStale = false;
    const asked = said === '' ? undefined : found?.ofWritten?.(said);
    asked?.then(
      (words) => {
        if (!isStale) setOfWritten(words);
      },
      // Without them the sentence still stands.
      () => {},
    );
    return () => {
      isStale = true;
    };
  }, [found, said]);

  const isDone = (answered?.learned ?? '') !== '';
  useGesture(lesson, answered !== undefined && !isDone && Boolean(found), () => {
    if (answered && found) note(lesson.id, { ...answered, learned: found.sentence });
  });

  if (found === null) {
    return (
      <p className={css.words}>
        {s.model?.name ?? 'This model'} does not show what this step is about; another model may. Go
        on to the next one.
      </p>
    );
  }
  return (
    <>
      <p className={css.words}>{lesson.words}</p>
      {answered === undefined ? (
        <Question
          lesson={lesson}
          choices={found?.choices}
          waiting={s.ready ? 'Asking the model …' : 'The model is on its way …'}
          onAnswer={(words) => {
            goesOn.current = true;
            note(lesson.id, { said: words, answer: found?.answer ?? '', learned: '' });
          }}
        />
      ) : (
        <div className={css.found} ref={result} tabIndex={-1}>
          <p>
            {said === '' ? (
              'Skipped.'
            ) : (
              <>
                You said: <b>{said}</b>.
              </>
            )}{' '}
            {found !== undefined && (
              <>
                It is: <b>{found.answer}</b>.
              </>
            )}{' '}
            {ofWritten}
          </p>
          <p className={css.gesture} hidden={isDone}>
            {lesson.gesture}
          </p>
          <output className={css.sentence}>
            {isDone ? (found?.sentence ?? answered.learned) : ''}
          </output>
        </div>
      )}
      <p className={css.small}>
        {s.isOther && (
          <button
            className={controls.link}
            type="button"
            onClick={() => actions.takePrompt(lesson.prompt)}
          >
            Put this step’s text back
          </button>
        )}
        {answered !== undefined && (
          <button
            className={controls.link}
            type="button"
            onClick={() => {
              note(lesson.id, null);
              document.querySelector<HTMLElement>('#lesson-title')?.focus();
              actions.takePrompt(lesson.prompt);
            }}
          >
            Answer again
          </button>
        )}
      </p>
    </>
  );
}

/** What the lesson finds on the loaded model: undefined until it is known, null where it is not so. */
function useMeasured(lesson: Lesson): Measured | null | undefined {
  const { actions, store } = useApp();
  const { model } = useFacts((s) => ({ model: s.model.at === 'here' ? modelOf(s) : null }));
  const [found, setFound] = useState<{ of: unknown; is: Measured | null } | null>(null);
  useEffect(() => {
    if (model === null) return;
    const away = new AbortController();
    lesson
      .measure(
        async (question, input) => actions.ask(question, input, away.signal),
        toSamplingOptions(store.getState().run.settings),
      )
      .then(
        (is) => {
          if (!away.signal.aborted) setFound({ of: model, is });
        },
        // A model that cannot even read the text does not show it either.
        () => {
          if (!away.signal.aborted) setFound({ of: model, is: null });
        },
      );
    return () => away.abort();
  }, [lesson, model, actions, store]);
  return found !== null && found.of === model ? found.is : undefined;
}

/** Calls back once the lesson's gesture is made, as long as it `waits` for it. */
function useGesture(lesson: Lesson, waits: boolean, done: () => void): void {
  const { store } = useApp();
  const latest = useRef(done);
  useEffect(() => {
    latest.current = done;
  });
  useEffect(() => {
    if (!waits) return;
    const then: AppState = store.getState();
    return store.subscribe((now) => {
      if (lesson.isDone(now, then)) latest.current();
    });
  }, [lesson, waits, store]);
}

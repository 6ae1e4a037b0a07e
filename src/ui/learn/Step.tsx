// A step of the lessons: it waits for an answer before it uncovers what it is about, and goes on by the gesture itself.
import {
  useEffect,
  useLayoutEffect,
  useRef,
  useState,
  type ReactNode,
  type RefObject,
} from 'react';
import { modelOf } from '../../state/facts/model.ts';
import type { Answered } from '../../state/lessonNotes.ts';
import { toSamplingOptions } from '../../state/settings.ts';
import { useApp, useFacts } from '../context.ts';
import controls from '../controls.module.css';
import { inHand } from '../inHand.ts';
import css from './learn.module.css';
import type { Deed, Lesson, Measured } from './lesson.ts';
import { Question } from './Question.tsx';

export function Step({
  lesson,
  answered,
  isFirst,
  note,
}: {
  lesson: Lesson;
  /** The page was opened at it. */
  isFirst: boolean;
  answered: Answered | undefined;
  note: (id: string, answered: Answered | null) => void;
}): ReactNode {
  const { actions } = useApp();
  const s = useFacts((state) => ({
    model: modelOf(state),
    ready: state.model.at === 'here',
    isOther:
      state.text.prompt !== lesson.prompt ||
      (state.text.length > state.text.promptCount && !state.busy.has('run')),
    isRead: state.text.tokenised && state.text.prompt === lesson.prompt,
  }));
  const isOwn = useBeginning(lesson, isFirst);
  const found = useMeasured(lesson);
  const result = useRef<HTMLDivElement>(null);
  /** The button that was pressed goes with its question: the keyboard goes on at what it uncovered. */
  const goesOn = useRef(false);
  useEffect(() => {
    if (answered !== undefined && goesOn.current) result.current?.focus({ preventScroll: true });
    goesOn.current = false;
  }, [answered]);
  const isCovered = answered === undefined && found !== null;
  const [ofWritten, setOfWritten] = useState('');

  // What is quiet and what is covered is a matter of style, for whatever stands there.
  useLayoutEffect(() => {
    const { dataset } = document.documentElement;
    dataset.lesson = lesson.shows.join(' ');
    dataset.about = lesson.about;
    dataset.step = lesson.id;
    return () => {
      delete dataset.lesson;
      delete dataset.about;
      delete dataset.step;
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

  // On a phone the knobs are folded.
  useEffect(() => {
    const knobs = lesson.shows.includes('sampler')
      ? document.querySelector<HTMLDetailsElement>('[data-region="sampler"] details')
      : null;
    if (knobs === null || knobs.open) return;
    knobs.open = true;
    return () => {
      knobs.open = false;
    };
  }, [lesson]);

  const front = found?.head;
  useEffect(() => {
    if (front !== undefined && isOwn.current) actions.focusHead(front);
  }, [front, isOwn, actions]);

  // Once, when the text is there: what a learner selects then stays.
  const toSelect = s.isRead && isCovered ? found?.selected : undefined;
  useEffect(() => {
    if (toSelect !== undefined && isOwn.current) actions.select(toSelect);
  }, [toSelect, isOwn, actions]);

  useOpened(lesson.opens);

  // On a phone the text that is asked about stands at the top, above the card, and then the view; knobs below what they change.
  useEffect(() => {
    if (!isPhone()) return;
    const view = lesson.about === 'sampler' ? 'next' : lesson.about;
    const top = isCovered ? 'composer' : view;
    document.querySelector(`[data-region="${top}"]`)?.scrollIntoView();
    if (!isCovered && lesson.presses !== undefined) liftAboveCard(lesson.presses);
  }, [lesson, isCovered]);

  const isDone = (answered?.learned ?? '') !== '';
  // What was done in the composer is seen in the view, which a phone has below it.
  useEffect(() => {
    const from = document.activeElement?.closest('[data-region="composer"]');
    if (!isDone || !isPhone() || from == null) return;
    document.querySelector(`[data-region="${lesson.about}"]`)?.scrollIntoView();
  }, [lesson, isDone]);

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

  const waits = answered !== undefined && !isDone && Boolean(found);
  const done = useGesture(waits ? (found?.deeds ?? lesson.deeds) : null, () => {
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
            {found !== undefined &&
              (lesson.isOwn !== true && said === found.answer ? (
                'That is right.'
              ) : (
                <>
                  {lesson.isOwn === true ? 'Likeliest is' : 'It is'}: <b>{found.answer}</b>.
                </>
              ))}{' '}
            {ofWritten}
          </p>
          <p className={css.gesture} hidden={isDone}>
            {inHand(found?.gesture ?? lesson.gesture)}
            {inHand(lesson.keys === undefined ? '' : ` ${lesson.keys}`, '')}
            {done !== '' && <span className={css.count}> {done}</span>}
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
            onClick={() => actions.takePrompt(lesson.prompt, true)}
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
              actions.takePrompt(lesson.prompt, true);
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
        (request) => actions.sweep({ ...request, signal: away.signal }),
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

/**
 * Lets the step begin with its text and its view. What comes holds true once it has; not where the page was opened at it by a
 * link with a text: that is what its sender wants to be seen, and it stays.
 */
function useBeginning(lesson: Lesson, isFirst: boolean): RefObject<boolean> {
  const { actions } = useApp();
  const { asRecorded, isShown } = useFacts(({ replay }) => ({
    asRecorded: replay.asRecorded,
    isShown: replay.recorded !== null,
  }));
  const begun = useRef(false);
  const isOwn = useRef(false);
  const waits = isFirst && asRecorded && !isShown;
  useEffect(() => {
    if (waits || begun.current) return;
    begun.current = true;
    isOwn.current = !(isFirst && asRecorded);
    const view = {
      panel: lesson.panel ?? '',
      // Edges and underlines are what such a step is about.
      reading: lesson.about === 'text' ? 'pieces' : 'plain',
    } as const;
    actions.beginStep(isOwn.current ? lesson.prompt : null, view, lesson.settings);
  }, [waits, isFirst, asRecorded, lesson, actions]);
  return isOwn;
}

/** A text that is being typed has this long to become what it is meant to be, in ms. */
const TYPING_MS = 900;

/** Calls back once all `deeds` are done, each at some time, and says how many are; null waits for nothing. */
function useGesture(deeds: readonly Deed[] | null, done: () => void): string {
  const { store } = useApp();
  const latest = useRef(done);
  const [counted, setCounted] = useState<{ of: typeof deeds; count: number } | null>(null);
  useEffect(() => {
    latest.current = done;
  });
  useEffect(() => {
    if (deeds === null) return;
    const then = store.getState();
    const left = new Set(deeds);
    let typing: ReturnType<typeof setTimeout> | undefined;
    const look = (): void => {
      typing = undefined;
      const now = store.getState();
      for (const deed of left) if (deed(now, then)) left.delete(deed);
      setCounted({ of: deeds, count: deeds.length - left.size });
      if (left.size === 0) latest.current();
    };
    const stop = store.subscribe((now, before) => {
      if (now.text.prompt !== before.text.prompt) {
        clearTimeout(typing);
        typing = setTimeout(look, TYPING_MS);
      } else if (typing === undefined) look();
    });
    return () => {
      stop();
      clearTimeout(typing);
    };
  }, [deeds, store]);
  if (deeds === null || deeds.length < 2) return '';
  return `${counted?.of === deeds ? counted.count : 0} of ${deeds.length} done.`;
}

/** Scrolls on until what is to be pressed stands above the card. */
function liftAboveCard(presses: string): void {
  const button = document.querySelector(presses)?.getBoundingClientRect();
  const card = document.querySelector('[data-region="lesson"]')?.getBoundingClientRect();
  if (button !== undefined && card !== undefined && button.bottom > card.top) {
    scrollBy(0, button.bottom - card.top + 8);
  }
}

const isPhone = (): boolean => matchMedia('(max-width: 799px)').matches;

/** Brings into sight, on a phone, what was opened in the lens, and what a sweep has found. */
function useOpened(opens: string | undefined): void {
  const { store } = useApp();
  useEffect(() => {
    if (opens === undefined) return;
    return store.subscribe((now, before) => {
      if (!isPhone()) return;
      // Once it is drawn.
      if (now.lens.at !== before.lens.at && now.lens.at !== null) {
        requestAnimationFrame(() => document.querySelector(opens)?.scrollIntoView());
      } else if (before.parts.sweep?.running === true && now.parts.sweep?.running === false) {
        requestAnimationFrame(() => liftAboveCard(opens));
      }
    });
  }, [opens, store]);
}

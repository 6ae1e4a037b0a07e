// All runs that are kept in this browser: open, go on, name, delete.
import { useEffect, useRef, useState, type KeyboardEvent, type ReactNode } from 'react';
import { flushSync } from 'react-dom';
import type { RunFacts } from '../../api.ts';
import { canSimplyGoOn } from '../../state/training/kept.ts';
import { isBusy, liveOf } from '../../state/training/live.ts';
import { pairsOf } from '../../state/training/pairs.ts';
import controls from '../controls.module.css';
import { formatCount } from '../format.ts';
import { formatAgo, formatSize } from '../models/words.ts';
import { later } from '../later.ts';
import { useNow } from '../useNow.ts';
import { usePacedFacts, useTraining, useTrainingFacts } from './context.ts';
import css from './training.module.css';
import { sizeWords, stateWords, tellingLoss, textTitle } from './words.ts';

const brought = later(
  async () => (await import('./Brought.tsx')).Brought,
  'What opens a run’s file',
);

export function RunList(): ReactNode {
  const { actions } = useTraining();
  const { all, missed, error, shown, live, at, busy } = useTrainingFacts((s) => ({
    all: s.runs.all,
    missed: s.runs.missed,
    error: s.runs.error,
    shown: s.watch.run?.id ?? null,
    live: isBusy(s) ? (liveOf(s).run?.id ?? null) : null,
    at: s.watch.at,
    busy: isBusy(s),
  }));
  const heading = useRef<HTMLHeadingElement>(null);
  const bytes = (all ?? []).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  return (
    <section className={css.runs} aria-labelledby="runs-title" data-testid="runs">
      <div className={controls.head}>
        <h2 className={controls.title} id="runs-title" ref={heading} tabIndex={-1}>
          Your runs
        </h2>
        {at !== 'nothing' && (
          <button className={css.new} type="button" onClick={() => actions.close()}>
            New run
          </button>
        )}
      </div>
      {error !== null && (
        <p className={css.wrong} role="alert">
          {error.message} {error.hint}
        </p>
      )}
      {all === null ? (
        <p className={controls.quiet}>{error === null ? 'Looking…' : ''}</p>
      ) : missed > 0 ? (
        <p data-testid="runs-missed">
          {missed === 1
            ? 'The run that was kept here is'
            : `The ${missed} runs that were kept here are`}{' '}
          gone: this browser has cleared the site’s files, as it may when the disk is full. A run
          that shall stay is safe as a file: “Save the run”, under “Take it away”.
        </p>
      ) : all.length === 0 ? (
        <First />
      ) : (
        <>
          <ul>
            {all.map((run) => (
              <Run
                key={run.id}
                run={run}
                isShown={run.id === shown}
                isLive={run.id === live}
                busy={busy}
                pair={pairsOf(run.id, all)[0] ?? null}
                gone={() => heading.current?.focus()}
              />
            ))}
          </ul>
          <p className={controls.quiet}>
            {formatSize(bytes)} kept in this browser.
            {busy && ' One run trains at a time in a tab; the others can be looked at meanwhile.'}
          </p>
        </>
      )}
      <brought.Part />
    </section>
  );
}

/** What is going to happen, for whoever has trained nothing yet. */
function First(): ReactNode {
  return (
    <div className={css.first}>
      <p>
        A new model knows nothing: it begins by guessing at random. Step by step it reads pieces of
        the text, guesses each next token, and its weights are moved a little so that the guess gets
        better.
      </p>
      <p>
        You watch the loss fall and read what it writes on the way. All of it happens in this tab;
        nothing you type leaves your machine. Runs are kept here, and go on after a reload.
      </p>
    </div>
  );
}

function Run({
  run,
  isShown,
  isLive,
  busy,
  pair,
  gone,
}: {
  readonly run: RunFacts;
  readonly isShown: boolean;
  /** Whether it is the one that runs. */
  readonly isLive: boolean;
  /** Whether one runs. */
  readonly busy: boolean;
  /** Its newest twin, or the run that it is a twin of; null for neither. */
  readonly pair: readonly [first: RunFacts, twin: RunFacts] | null;
  readonly gone: () => void;
}): ReactNode {
  const { actions } = useTraining();
  const { at, now } = usePacedFacts((s) => {
    const own = [s.watch, liveOf(s)].find((one) => one.run?.id === run.id);
    return { at: own?.at ?? 'resting', now: own?.run ?? null };
  });
  const [asked, setAsked] = useState<'delete' | 'name' | null>(null);
  const menu = useRef<HTMLButtonElement>(null);
  const naming = useRef<HTMLButtonElement>(null);
  const today = useNow();
  const { id, name, settings, max_steps } = run;
  const state = stateWords(at, now ?? run);
  const step = now?.step ?? run.step;
  // Nobody here can hold it or go on with it.
  const { elsewhere } = now ?? run;
  const loss = tellingLoss(now ?? run);
  const facts = [
    // Most names say these themselves.
    ...[sizeWords(settings.model), textTitle(settings.text)].filter((one) => !name.includes(one)),
    `${formatCount(step)} of ${formatCount(max_steps)}`,
    ...(loss === null ? [] : [loss]),
    state,
    ...(run.unkept === true ? ['not kept'] : []),
    ...((run.claimed ?? 0) > 0 ? ['from a file'] : []),
    formatAgo(run.lastStep, today),
    formatSize(run.sizeBytes),
  ];
  const close = (): void => {
    const from = asked === 'name' ? naming : menu;
    flushSync(() => setAsked(null));
    from.current?.focus();
  };
  const closeByEscape = (event: KeyboardEvent): void => {
    if (event.key === 'Escape') close();
  };
  return (
    <li className={css.run} data-shown={isShown}>
      {asked === 'name' ? (
        <Rename
          name={name}
          onDone={(next) => {
            if (next !== null) actions.rename(id, next);
            close();
          }}
        />
      ) : (
        <button
          className={css.runName}
          type="button"
          aria-current={isShown ? 'true' : undefined}
          onClick={() => actions.open(id)}
        >
          {name}
        </button>
      )}
      <p className={css.runFacts}>{facts.join(' · ')}</p>
      {asked === 'delete' ? (
        <fieldset className={css.confirm} aria-label={`Delete ${name}`}>
          <span>
            Delete {name}, {formatSize(run.sizeBytes)}?
          </span>
          <button
            className={controls.button}
            type="button"
            onKeyDown={closeByEscape}
            onClick={() => {
              setAsked(null);
              actions.removeRun(id);
              gone();
            }}
          >
            Yes
          </button>
          <button
            className={controls.button}
            type="button"
            onKeyDown={closeByEscape}
            // oxlint-disable-next-line jsx-a11y/no-autofocus -- the question took the place of the button that had it
            autoFocus
            onClick={close}
          >
            No
          </button>
        </fieldset>
      ) : (
        <div className={css.runTools}>
          {!busy && !elsewhere && (now ? canSimplyGoOn(now) : step < max_steps) && (
            <button
              className={controls.link}
              type="button"
              aria-label={`Go on with ${name}`}
              onClick={() => void actions.resume(id)}
            >
              Go on
            </button>
          )}
          {pair !== null && (
            <button
              className={controls.link}
              type="button"
              aria-label={`Compare ${pair[0].name} with ${pair[1].name}`}
              title={`Compare ${pair[0].name} with ${pair[1].name}`}
              onClick={() => actions.compare(pair[0].id, pair[1].id)}
            >
              Compare
            </button>
          )}
          <button
            className={controls.link}
            ref={naming}
            type="button"
            aria-label={`Rename ${name}`}
            onClick={() => setAsked('name')}
          >
            Rename
          </button>
          {!isLive && !elsewhere && (
            <button
              className={controls.link}
              ref={menu}
              type="button"
              aria-label={`Delete ${name}`}
              onClick={() => setAsked('delete')}
            >
              Delete
            </button>
          )}
        </div>
      )}
    </li>
  );
}

function Rename({
  name,
  onDone,
}: {
  readonly name: string;
  readonly onDone: (name: string | null) => void;
}): ReactNode {
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.select(), []);
  return (
    <form
      className={css.rename}
      onSubmit={(event) => {
        event.preventDefault();
        onDone(field.current?.value ?? null);
      }}
    >
      <input
        ref={field}
        className={css.number}
        aria-label={`New name of ${name}`}
        defaultValue={name}
        maxLength={80}
        onKeyDown={(event) => {
          if (event.key === 'Escape') onDone(null);
        }}
      />
      <button className={controls.button} type="submit">
        Name it
      </button>
    </form>
  );
}

// A run while it trains, or as it was: how far, how fast, the loss, what it wrote.
import { useEffect, useRef, useState, type ReactNode } from 'react';
import { flushSync } from 'react-dom';
import type { ShownRun } from '../../state/training/facts.ts';
import { smallerBatch } from '../../state/training/presets.ts';
import {
  calmerRate,
  canSimplyGoOn,
  goodStep,
  isKept,
  lastUnseen,
} from '../../state/training/kept.ts';
import { whyNotNow } from '../../state/training/live.ts';
import controls from '../controls.module.css';
import { focusSoon } from '../focusText.ts';
import { formatCount } from '../format.ts';
import { Mark, PlaySign, StepSign, StopSign } from '../icons.tsx';
import { later } from '../later.ts';
import { useLookInside, usePacedFacts, useTraining, useTrainingFacts } from './context.ts';
import { Learned } from './Learned.tsx';
import { Made } from './Made.tsx';
import { Problem } from './Problem.tsx';
import { Samples } from './Samples.tsx';
import css from './training.module.css';
import { Unkept } from './Unkept.tsx';
import { Schooling } from './twin/Schooling.tsx';
import {
  brokenWords,
  formatDuration,
  formatLoss,
  formatNorm,
  formatRate,
  stateWords,
} from './words.ts';

const otherRate = later(async () => (await import('./OtherRate.tsx')).OtherRate, 'What changes');
const takeAway = later(
  async () => (await import('./TakeAway.tsx')).TakeAway,
  'What takes a run away',
);

export function Watch(): ReactNode {
  const { hasRun } = useTrainingFacts((s) => ({ hasRun: s.watch.run !== null }));
  return (
    <>
      <Status />
      <Troubles />
      {hasRun && (
        <>
          <div className={css.pair}>
            <Learned />
            <Samples />
          </div>
          <Afterwards>
            <Made />
            <takeAway.Part />
            <Schooling />
          </Afterwards>
        </>
      )}
    </>
  );
}

/** What stands below the fold comes in a task of its own: with the rest it takes the page's thread 50 ms. */
function Afterwards({ children }: { readonly children: ReactNode }): ReactNode {
  const [isHere, setIsHere] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setIsHere(true));
    return () => clearTimeout(timer);
  }, []);
  return isHere ? children : null;
}

function Status(): ReactNode {
  const { at, run, last, speed, secondsAStep, preparing } = usePacedFacts((s) => ({
    at: s.watch.at,
    run: s.watch.run,
    last: s.watch.last,
    speed: s.watch.tokensPerSecond,
    secondsAStep: s.watch.secondsAStep,
    preparing: s.watch.preparing,
  }));
  const title = useRef<HTMLHeadingElement>(null);
  const id = run?.id;
  useEffect(() => {
    const top = title.current?.getBoundingClientRect().top ?? 0;
    if (id === undefined || (top >= 0 && top < innerHeight)) return;
    // Opened from the list, which stands below all else on a phone.
    title.current?.scrollIntoView();
    title.current?.focus({ preventScroll: true });
  }, [id]);
  const args = run?.settings.arguments ?? {};
  const tokensAStep =
    Number(args['per_device_train_batch_size'] ?? 0) *
    Number(args['gradient_accumulation_steps'] ?? 1) *
    Number(args['block_size'] ?? run?.settings.model.n_ctx ?? 0);
  // Until a round of evaluations, samples and checkpoints was made, of the steps alone.
  const left =
    run !== null && speed > 0
      ? (run.max_steps - run.step) * (secondsAStep ?? tokensAStep / speed)
      : Infinity;
  const isLive = at === 'running' || at === 'paused';
  // Weights that ran away: what was measured of them before they were no numbers is no result.
  const ranAway = at === 'resting' && run?.error?.code === 'training/not-finite';
  return (
    <section className={css.status} aria-labelledby="run-title" data-testid="run-status">
      <div className={css.statusHead}>
        <h2 ref={title} id="run-title" className={css.runTitle} tabIndex={-1}>
          {run?.name ?? 'A new run'}
        </h2>
        <span className={css.state} data-at={at} data-testid="run-state">
          {stateWords(at, run)}
        </span>
        <Controls />
      </div>
      {at === 'preparing' ? (
        <>
          <p className={controls.quiet}>{preparing.what}…</p>
          <progress
            className={css.bar}
            aria-label={preparing.what}
            {...(preparing.share === null ? {} : { value: preparing.share })}
          />
        </>
      ) : run === null ? null : (
        <>
          <progress
            className={css.bar}
            aria-label="Steps done"
            max={run.max_steps}
            value={run.step}
          />
          <dl className={css.facts}>
            <Fact name="step" wide>
              <b data-testid="run-step">{formatCount(run.step)}</b> of {formatCount(run.max_steps)}
            </Fact>
            <Fact name="loss of this step">
              {ranAway ? 'NaN' : last === null ? '–' : formatLoss(last.loss)}
            </Fact>
            <Fact name="loss on unseen text">
              {run.evalLoss === null ? '–' : formatLoss(run.evalLoss)}
            </Fact>
            {isLive && (
              <Fact name="speed">
                {speed > 0 ? `${formatCount(Math.round(speed))} tokens/s` : '–'}
              </Fact>
            )}
            {isLive && <Fact name="time left">{at === 'paused' ? '–' : formatDuration(left)}</Fact>}
            <Fact name="learning rate">{last === null ? '–' : formatRate(last.learning_rate)}</Fact>
            <Fact name="gradient norm">
              {last === null || ranAway ? '–' : formatNorm(last.grad_norm)}
            </Fact>
          </dl>
        </>
      )}
    </section>
  );
}

function Fact({
  name,
  wide = false,
  children,
}: {
  readonly name: string;
  readonly wide?: boolean;
  readonly children: ReactNode;
}): ReactNode {
  return (
    <div data-wide={wide}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Controls(): ReactNode {
  const { actions } = useTraining();
  const lookInside = useLookInside();
  const { at, run, busy } = usePacedFacts((s) => ({
    at: s.watch.at,
    run: s.watch.run,
    busy: s.live.away === null ? null : whyNotNow(s),
  }));
  // Of one that another tab runs there is nothing to be done here but to look.
  const isOurs = run !== null && !run.elsewhere;
  const [isChanging, setIsChanging] = useState(false);
  // While other settings are being said there is one way to go on: with them.
  const canGoOn = !isChanging && at === 'resting' && isOurs && canSimplyGoOn(run);
  const here = useRef<HTMLDivElement>(null);
  const change = useRef<HTMLButtonElement>(null);
  const isHeld = useRef(false);
  useEffect(() => {
    // The button that was pressed gave way to another: the keyboard stays among them.
    if (isHeld.current && document.activeElement === document.body) {
      here.current?.querySelector('button')?.focus();
    }
  });
  return (
    <div
      ref={here}
      className={css.controls}
      onFocus={() => (isHeld.current = true)}
      onBlur={({ target }) => (isHeld.current = !target.isConnected)}
    >
      {at === 'running' && (
        <button className={controls.button} type="button" onClick={() => actions.pause()}>
          <PauseSign /> Pause
        </button>
      )}
      {at === 'paused' && !isChanging && (
        <>
          <button className={controls.primary} type="button" onClick={() => actions.goOn()}>
            <PlaySign /> Go on
          </button>
          <button className={controls.button} type="button" onClick={() => actions.oneStep()}>
            <StepSign /> One step
          </button>
        </>
      )}
      {(at === 'running' || at === 'paused' || at === 'preparing') && (
        <button className={controls.button} type="button" onClick={() => actions.stop()}>
          <StopSign /> Stop
        </button>
      )}
      {canGoOn && (
        <button
          className={controls.primary}
          type="button"
          aria-disabled={busy !== null}
          aria-describedby={busy === null ? undefined : 'run-waits'}
          onClick={() => {
            if (busy === null) void actions.resume(run.id);
          }}
        >
          <PlaySign /> Go on
        </button>
      )}
      {run !== null &&
        (at === 'running' ||
          at === 'paused' ||
          run.snapshots.some(isKept) ||
          lastUnseen(run) !== null) && (
          <button
            className={controls.button}
            type="button"
            title="Its newest weights under all instruments of the page; a run goes on meanwhile"
            onClick={() => lookInside()}
          >
            <Mark small /> Look inside
          </button>
        )}
      {(at === 'paused' || at === 'resting') &&
        busy === null &&
        isOurs &&
        run.step > 0 &&
        (isChanging ? (
          <otherRate.Part
            run={run}
            close={() => {
              flushSync(() => setIsChanging(false));
              change.current?.focus();
            }}
          />
        ) : (
          <button
            ref={change}
            className={controls.button}
            type="button"
            aria-expanded={false}
            onClick={() => setIsChanging(true)}
          >
            {run.step >= run.max_steps ? 'Train on' : 'Change'}…
          </button>
        ))}
      {at !== 'nothing' && (
        <button className={css.newHere} type="button" onClick={() => actions.close()}>
          New run
        </button>
      )}
    </div>
  );
}

function PauseSign(): ReactNode {
  return (
    <svg width="16" height="16" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d="M4 3h3v10H4zM9 3h3v10H9z" fill="currentColor" />
    </svg>
  );
}

/** What ended it or broke it off, with the one gesture that helps. */
function Troubles(): ReactNode {
  const { actions } = useTraining();
  const { error, notice, run, at, busy } = usePacedFacts((s) => ({
    error: s.watch.error,
    notice: s.watch.notice,
    run: s.watch.run,
    at: s.watch.at,
    busy: s.live.away === null ? null : whyNotNow(s),
  }));
  const rests = at === 'resting' ? run : null;
  return (
    <>
      {rests !== null && busy !== null && (
        <p className={css.where} id="run-waits" data-testid="run-waits">
          {busy} This one can be looked at, inside too, and taken away.
        </p>
      )}
      {rests?.elsewhere === true && (
        <p className={css.where} data-testid="run-where">
          Another tab has it, and what stands here follows it, a few seconds behind. It is held,
          stopped and changed there.
        </p>
      )}
      {rests?.state === 'interrupted' && (
        <p className={css.where} data-testid="run-where">
          {brokenWords(rests)}
        </p>
      )}
      {rests?.unkept === true && <Unkept run={rests} />}
      {notice !== null && (
        <Problem error={notice}>
          <button className={controls.link} type="button" onClick={() => actions.dismiss()}>
            Dismiss
          </button>
        </Problem>
      )}
      {error !== null && (
        <Problem error={error}>
          {rests !== null && busy === null && <WayOut run={rests} code={error.code} />}
        </Problem>
      )}
    </>
  );
}

/** What can be pressed about a run that failed. */
function WayOut({ run, code }: { readonly run: ShownRun; readonly code: string }): ReactNode {
  const { actions, curve } = useTraining();
  const { id, settings, kept } = run;
  const way = ((): readonly [words: string, go: () => void] | null => {
    switch (code) {
      case 'training/not-finite': {
        const step = goodStep(run, curve);
        const { learning_rate, isUsual, change } = calmerRate(run);
        return [
          `Back to step ${formatCount(step)} with ${isUsual ? 'the usual' : 'half the'} rate, ${formatRate(learning_rate)}`,
          () => void actions.resume(id, change, step),
        ];
      }
      case 'device/lost':
      case 'engine/worker':
        return [`Go on from step ${formatCount(kept.at(-1) ?? 0)}`, () => void actions.resume(id)];
      case 'device/out-of-memory': {
        const smaller = smallerBatch(settings);
        return (
          smaller && [
            'Begin anew with a smaller batch',
            () => {
              void actions.takeSettings(settings, id);
              actions.takeSmallerBatch(smaller.batch, smaller.accumulation);
              actions.close();
            },
          ]
        );
      }
      default:
        return null;
    }
  })();
  if (way === null) return null;
  const [words, go] = way;
  return (
    <button
      className={controls.primary}
      type="button"
      onClick={() => {
        // This button goes with what it mends.
        focusSoon('#run-title');
        go();
      }}
    >
      {words}
    </button>
  );
}

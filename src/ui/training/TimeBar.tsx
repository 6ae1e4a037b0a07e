// Above the views, while the model that is here is a step of a run: a slider over training time. What is looked at
// stays; the steps move under it.
import { useEffect, useRef, useState, type KeyboardEvent, type ReactNode } from 'react';
import type { ShownRun } from '../../state/training/facts.ts';
import { isKept } from '../../state/training/kept.ts';
import controls from '../controls.module.css';
import { formatCount } from '../format.ts';
import { PlaySign, StepSign, StopSign } from '../icons.tsx';
import { Beside } from './Beside.tsx';
import { Ridges } from './Ridges.tsx';
import css from './TimeBar.module.css';
import { lossLine, placeOf, stepAt, stepBy, timeTicks } from './timeLine.ts';
import { formatLoss } from './words.ts';

/** A run that is looked into, its loss in ascending order of steps. */
export interface LookedRun extends ShownRun {
  /** Whether it trains, or could go on at once: there are weights of this moment. */
  readonly isLive: boolean;
  /** The step that it goes on from, where that is not among those that are kept to be looked at; null for none. */
  readonly unseen: number | null;
  readonly steps: ArrayLike<number>;
  readonly losses: ArrayLike<number>;
}

interface TimeBarProps {
  readonly run: LookedRun;
  /** The step that is here. */
  readonly at: number;
  /** What there is to say of it; '' for nothing. */
  readonly note: string;
  /** What trains while this run is looked into; null for nothing else. */
  readonly meanwhile: ReactNode;
  /** Another one cannot be had: what failed, in any form. */
  readonly failed: unknown;
  readonly onStep: (step: number) => void;
  /** Keeps the weights of this moment, and looks at them. */
  readonly onNewest: () => Promise<void>;
  readonly onBack: () => void;
}

/** How long each step is shown while the run is played, in ms. */
const PLAY_MS = 700;
/** The line of the slider in parts: fine enough for any screen. */
const PARTS = 1000;
const LOSS_COLUMNS = 160;
/** What a digit under the slider takes of the shortest that there is, which is some 300 pixels long. */
const DIGIT = 6.7 / 300;
const PAGE = 3;

export function TimeBar({
  run,
  at,
  note,
  meanwhile,
  failed,
  onStep,
  onNewest,
  onBack,
}: TimeBarProps): ReactNode {
  /** The step that was asked for last, and what had failed by then. */
  const [asked, setAsked] = useState<{ step: number; failed: unknown } | null>(null);
  const [open, setOpen] = useState<'heads' | 'beside' | null>(null);
  const seen = run.snapshots.filter(isKept).map(({ step }) => step);
  const steps = run.unseen === null ? seen : [...seen, run.unseen];
  // Until it is here, or not to be had: others may come on the way.
  const waits = asked !== null && asked.step !== at && asked.failed === failed;
  const shown = waits ? asked.step : at;
  // A run that goes on has room for what comes.
  const last = Math.max(1, run.isLive ? run.max_steps : run.step, ...steps);

  function go(step: number): void {
    if (step === shown) return;
    setAsked({ step, failed });
    onStep(step);
  }

  return (
    <>
      <section className={css.bar} aria-label="Training time" data-sticky data-testid="time-bar">
        <div className={css.front}>
          <div className={css.head}>
            <b className={css.name}>{run.name}</b>
            <span className={css.step} data-testid="time-step">
              step {formatCount(shown)} of {formatCount(run.isLive ? run.max_steps : last)}
            </span>
            <span className={css.step}>{lossWords(run, shown) || 'loss of this step –'}</span>
          </div>
          <Line {...{ run, steps, shown, last, go }} />
        </div>
        <div className={css.buttons}>
          <Play {...{ steps, shown, go }} waits={waits} />
          {run.isLive && (
            <Newest
              onNewest={() => {
                setAsked(null);
                return onNewest();
              }}
            />
          )}
          <button
            className={css.opens}
            type="button"
            aria-expanded={open === 'heads'}
            onClick={() => setOpen(open === 'heads' ? null : 'heads')}
          >
            Heads
          </button>
          <button
            className={css.opens}
            type="button"
            aria-expanded={open === 'beside'}
            disabled={steps.length < 2}
            onClick={() => setOpen(open === 'beside' ? null : 'beside')}
          >
            Side by side
          </button>
          <button className={controls.button} type="button" onClick={onBack}>
            Back to the run
          </button>
        </div>
        {note !== '' && <p className={css.note}>{note}</p>}
        {meanwhile !== null && <p className={css.note}>{meanwhile}</p>}
      </section>
      {open === 'heads' && (
        <section className={css.below} aria-label="Heads over the steps">
          <Ridges run={run} line={{ horizontal: 'log', last }} at={shown} onStep={go} />
        </section>
      )}
      {open === 'beside' && (
        <section className={css.below} aria-label="Two steps side by side">
          <Beside id={run.id} steps={steps} at={at} />
        </section>
      )}
    </>
  );
}

function Line({
  run,
  steps,
  shown,
  last,
  go,
}: {
  readonly run: LookedRun;
  readonly steps: readonly number[];
  readonly shown: number;
  readonly last: number;
  readonly go: (step: number) => void;
}): ReactNode {
  const points = lossLine(run.steps, run.losses, last, LOSS_COLUMNS);
  function onKeyDown(event: KeyboardEvent): void {
    const to: Readonly<Record<string, number | undefined>> = {
      ArrowRight: stepBy(shown, 1, steps),
      ArrowUp: stepBy(shown, 1, steps),
      ArrowLeft: stepBy(shown, -1, steps),
      ArrowDown: stepBy(shown, -1, steps),
      PageUp: stepBy(shown, PAGE, steps),
      PageDown: stepBy(shown, -PAGE, steps),
      Home: steps[0],
      End: steps.at(-1),
    };
    const step = to[event.key];
    if (step === undefined) return;
    event.preventDefault();
    go(step);
  }
  return (
    <div className={css.line}>
      <svg
        className={css.loss}
        viewBox="0 0 1 1"
        preserveAspectRatio="none"
        aria-hidden="true"
        focusable="false"
      >
        <polyline points={points.map(([x, y]) => `${x},${y}`).join(' ')} />
      </svg>
      <div className={css.marks} aria-hidden="true">
        {steps.map((step) => (
          <i key={step} style={{ left: `${100 * placeOf(step, last)}%` }} />
        ))}
      </div>
      <input
        className={css.slider}
        type="range"
        min={0}
        max={PARTS}
        step="any"
        value={PARTS * placeOf(shown, last)}
        aria-label="Step of the run"
        aria-valuetext={wordsOf(run, shown, steps)}
        onKeyDown={onKeyDown}
        onChange={(event) => {
          const step = stepAt(Number(event.target.value) / PARTS, steps, last);
          if (step !== null) go(step);
        }}
      />
      <div className={css.ticks} aria-hidden="true">
        {timeTicks(last, DIGIT).map(({ step, at }) => (
          <span key={step} style={{ left: `${100 * at}%` }}>
            {formatCount(step)}
          </span>
        ))}
      </div>
    </div>
  );
}

/** `loss of this step 2.31`, of the last point up to it; '' before the first. */
function lossWords({ steps, losses }: LookedRun, shown: number): string {
  let loss = Number.NaN;
  for (let i = 0; i < steps.length && (steps[i] ?? 0) <= shown; i++) {
    loss = losses[i] ?? Number.NaN;
  }
  return Number.isNaN(loss) ? '' : `loss of this step ${formatLoss(loss)}`;
}

/** `step 200 of 1,000, loss of this step 2.31; 8 of 12 that are kept`. */
function wordsOf(run: LookedRun, shown: number, steps: readonly number[]): string {
  const loss = lossWords(run, shown);
  const words = `step ${formatCount(shown)} of ${formatCount(run.max_steps)}${loss === '' ? '' : `, ${loss}`}`;
  const index = steps.indexOf(shown);
  return index < 0 ? words : `${words}; ${index + 1} of ${steps.length} that are kept`;
}

/** Walks through the steps; where motion is unwanted, one with each press. */
function Play({
  steps,
  shown,
  waits,
  go,
}: {
  readonly steps: readonly number[];
  readonly shown: number;
  /** The step that is shown is on its way. */
  readonly waits: boolean;
  readonly go: (step: number) => void;
}): ReactNode {
  const [playing, setPlaying] = useState(false);
  const began = useRef(0);
  const isLast = shown >= (steps.at(-1) ?? 0);
  const next = (): void => go(isLast ? (steps[0] ?? shown) : stepBy(shown, 1, steps));

  useEffect(() => {
    began.current = performance.now();
  }, [shown]);
  useEffect(() => {
    if (!playing || waits) return;
    const left = PLAY_MS - (performance.now() - began.current);
    const timer = setTimeout(() => (isLast ? setPlaying(false) : next()), Math.max(0, left));
    return () => clearTimeout(timer);
    // oxlint-disable-next-line react-hooks/exhaustive-deps -- `next` is of this step
  }, [playing, waits, shown, isLast]);

  const isStill = matchMedia('(prefers-reduced-motion: reduce)').matches;
  if (isStill) {
    return (
      <button className={controls.button} type="button" disabled={steps.length < 2} onClick={next}>
        <StepSign /> {isLast ? 'First step' : 'Next step'}
      </button>
    );
  }
  return (
    <button
      className={controls.button}
      type="button"
      disabled={steps.length < 2}
      onClick={() => {
        setPlaying(!playing);
        if (!playing && isLast) next();
      }}
    >
      {playing ? <StopSign /> : <PlaySign />} {playing ? 'Stop' : 'Play'}
    </button>
  );
}

function Newest({ onNewest }: Pick<TimeBarProps, 'onNewest'>): ReactNode {
  const [asks, setAsks] = useState(false);
  return (
    <button
      className={controls.button}
      type="button"
      title="The weights as they are now"
      disabled={asks}
      onClick={() => {
        setAsks(true);
        void onNewest().finally(() => setAsks(false));
      }}
    >
      Newest
    </button>
  );
}

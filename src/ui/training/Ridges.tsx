// What every head does, over the steps of a run: a row a head, or a row a layer where they are many. A step that is clicked is
// looked at.
import { useState, type ReactNode, type Ref } from 'react';
import type { ShownRun } from '../../state/training/facts.ts';
import { isKept } from '../../state/training/kept.ts';
import { KINDS, probeWords } from '../../state/headLabels.ts';
import controls from '../controls.module.css';
import { Chart } from '../figure/Chart.tsx';
import { FigureTools } from '../figure/FigureTools.tsx';
import { useLookInside, useTrainingFacts } from './context.ts';
import { provenanceOf } from './figures.ts';
import { RIDGES, ridgeFinding, ridgeOf, type RidgeOf } from './ridge.ts';
import { drawRidge, layoutRidge, ridgeFigure, type StepLine } from './ridgeFigure.ts';
import { MOST_ROWS } from './rooms.ts';
import { nearestStep } from './timeLine.ts';
import css from './Ridges.module.css';

interface RidgesProps {
  readonly run: ShownRun;
  readonly line: StepLine;
  /** The step that is looked at; null where none is. */
  readonly at: number | null;
  /** A step is chosen on the picture. */
  readonly onStep: (step: number) => void;
  /** Beside what is chosen. */
  readonly title?: ReactNode;
  /** How high a row is; null for as high as it likes. */
  readonly row?: number | null;
  /** Whether a row is a layer, with its heads over each other; many heads are shown so in any case. */
  readonly isFolded?: boolean;
  /** What it is drawn in, for whoever measures where that is. */
  readonly frame?: Ref<HTMLDivElement>;
}

export function Ridges({
  run,
  line,
  at,
  onStep,
  title,
  row = null,
  isFolded = false,
  frame = null,
}: RidgesProps): ReactNode {
  const [of, setOf] = useState<RidgeOf>('induction');
  const [isOpen, setOpen] = useState(false);
  const ridge = ridgeOf(run.snapshots, of);
  if (ridge === null) {
    return (
      <>
        {title}
        <p className={controls.quiet}>
          No head was measured in this run: its context is too short for a text that comes twice.
        </p>
      </>
    );
  }
  const isByLayer = isFolded || ridge.rows.length > MOST_ROWS;
  const picture = (folded: boolean, height?: number): ReactNode => {
    const layoutOf = (width: number) =>
      layoutRidge(width, folded ? ridge.nLayer : ridge.rows.length, line, height);
    return (
      <Chart
        className={css.picture}
        aria-hidden="true"
        data-testid="ridge"
        watch={() => []}
        size={layoutOf}
        paint={(painter, theme, width) =>
          drawRidge(painter, theme, layoutOf(width), ridge, at, folded)
        }
        onClick={(event) => {
          const { left, width } = event.currentTarget.getBoundingClientRect();
          const layout = layoutOf(width);
          // Scores may be of weights that found no room.
          const kept = run.snapshots.filter(isKept).map((one) => one.step);
          const step = nearestStep(kept, event.clientX - left, layout);
          if (step !== null) onStep(step);
        }}
      />
    );
  };
  return (
    <div className={css.ridges} data-testid="ridges">
      <div className={css.top}>
        {title}
        <fieldset className={css.of} aria-label="What heads do">
          {RIDGES.map((one) => (
            <label key={one}>
              <input
                type="radio"
                name="ridge-of"
                checked={of === one}
                onChange={() => setOf(one)}
              />
              {KINDS[one].words}
            </label>
          ))}
        </fieldset>
      </div>
      <p className={css.finding} data-testid="ridge-finding">
        {ridgeFinding(ridge)}
      </p>
      <div ref={frame} className={css.frame}>
        {picture(isByLayer, row ?? undefined)}
      </div>
      <p className={controls.quiet}>
        {isByLayer && 'Each row is a layer, its heads over each other. '}A head’s score is its mean
        weight on {probeWords(ridge)}; Look inside names heads by it.
      </p>
      {isByLayer && (
        <details onToggle={(event) => setOpen(event.currentTarget.open)}>
          <summary className={css.many}>Each of the {ridge.rows.length} heads by itself</summary>
          {isOpen && picture(false)}
        </details>
      )}
      <FigureTools
        figure={() => ridgeFigure(ridge, run.name, line, at)}
        provenance={() => provenanceOf(run, null)}
      />
    </div>
  );
}

/** Of the run that is watched, on the line of the loss curve above. */
export function RunHeads({
  row = null,
  isFolded = false,
  frame = null,
}: Pick<RidgesProps, 'row' | 'isFolded' | 'frame'>): ReactNode {
  const lookInside = useLookInside();
  const { run, horizontal } = useTrainingFacts((s) => ({
    run: s.watch.run,
    horizontal: s.watch.horizontal,
  }));
  if (run === null || run.snapshots.length === 0) return null;
  return (
    <section className={css.pane} aria-labelledby="heads-title">
      <Ridges
        title={
          <h3 className={controls.title} id="heads-title">
            Heads
          </h3>
        }
        run={run}
        line={{ horizontal, last: Math.max(1, run.max_steps) }}
        row={row}
        isFolded={isFolded}
        frame={frame}
        at={null}
        onStep={lookInside}
      />
    </section>
  );
}

// What every head does, over the steps of a run: a row a head. A step that is clicked is looked at.
import { useState, type ReactNode, type Ref } from 'react';
import type { ShownRun } from '../../state/training/facts.ts';
import { isKept } from '../../state/training/kept.ts';
import { KINDS, probeWords } from '../../state/headLabels.ts';
import controls from '../controls.module.css';
import { Chart } from '../figure/Chart.tsx';
import { FigureTools } from '../figure/FigureTools.tsx';
import { useTraining, useTrainingFacts } from './context.ts';
import { provenanceOf } from './figures.ts';
import { RIDGES, ridgeFinding, ridgeOf, type RidgeOf } from './ridge.ts';
import { drawRidge, layoutRidge, ridgeFigure, type StepLine } from './ridgeFigure.ts';
import { nearestStep } from './timeLine.ts';
import css from './Ridges.module.css';

/** Rows that are shown unasked. */
export const MOST_ROWS = 64;

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
  // Taller than a screen: the sentence first.
  const isMany = ridge.rows.length > MOST_ROWS;
  const layoutOf = (width: number) => layoutRidge(width, ridge.rows.length, line, row ?? undefined);
  const picture = (
    <Chart
      className={css.picture}
      aria-hidden="true"
      data-testid="ridge"
      watch={() => []}
      size={layoutOf}
      paint={(painter, theme, width) => drawRidge(painter, theme, layoutOf(width), ridge, at)}
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
      {isMany ? (
        <details onToggle={(event) => setOpen(event.currentTarget.open)}>
          <summary className={css.many}>All {ridge.rows.length} heads</summary>
          {isOpen && picture}
        </details>
      ) : (
        <div ref={frame} className={css.frame}>
          {picture}
        </div>
      )}
      <p className={controls.quiet}>
        A head’s score is its mean weight on {probeWords(ridge)}; Look inside names heads by it.
      </p>
      <FigureTools
        figure={() => ridgeFigure(ridge, run.name, line, at)}
        provenance={() => provenanceOf(run, null)}
      />
    </div>
  );
}

/** Of the run that is watched, on the line of the loss curve above. */
export function RunHeads({ row, frame }: Pick<RidgesProps, 'row' | 'frame'>): ReactNode {
  const { actions } = useTraining();
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
        row={row ?? null}
        frame={frame ?? null}
        at={null}
        onStep={(step) => void actions.lookInside(step)}
      />
    </section>
  );
}

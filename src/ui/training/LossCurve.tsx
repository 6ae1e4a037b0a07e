// The loss of the run that is shown; its points reach the canvas without a rendering.
import { AsLinked } from './AsLinked.tsx';
import type { PointerEvent, ReactNode, RefObject } from 'react';
import type { TrainingState } from '../../state/training/facts.ts';
import controls from '../controls.module.css';
import { Chart } from '../figure/Chart.tsx';
import { FigureTools } from '../figure/FigureTools.tsx';
import { formatCount } from '../format.ts';
import { usePacedFacts, useTraining, useTrainingFacts } from './context.ts';
import { drawCurve } from './drawing.ts';
import { findingOf, lossFigure, runProvenance } from './figures.ts';
import { layoutCurve, rangeOf } from './layout.ts';
import { nearestStep } from './timeLine.ts';
import css from './training.module.css';

/** Eight times a second is as often as anybody sees a difference. */
const PAUSE_MS = 125;

export function LossCurve({
  frame,
  room,
}: {
  /** What it is drawn in, and how high. */
  readonly frame: RefObject<HTMLDivElement | null>;
  readonly room: number;
}): ReactNode {
  const training = useTraining();
  const { store, curve, actions } = training;
  const { horizontal, samples } = useTrainingFacts((s) => ({
    horizontal: s.watch.horizontal,
    samples: s.watch.run?.samples,
  }));
  if (samples === undefined) return null;
  const layoutOf = ({ watch }: TrainingState, width: number) =>
    watch.run === null
      ? null
      : layoutCurve(width, room, rangeOf(watch.run, curve, watch.horizontal));

  return (
    <section className={css.curve} aria-labelledby="loss-title">
      <div className={css.curveHead}>
        <h3 className={controls.title} id="loss-title">
          Loss
        </h3>
        <fieldset className={css.scale} aria-label="Steps">
          {(['linear', 'log'] as const).map((one) => (
            <label key={one}>
              <input
                type="radio"
                name="curve-steps"
                checked={horizontal === one}
                onChange={() => actions.setHorizontal(one)}
              />
              {one} steps
            </label>
          ))}
        </fieldset>
      </div>
      <Finding />
      <AsLinked />
      <div ref={frame}>
        <Pins
          steps={samples.map(({ step }) => step)}
          onPlace={(x, width) => {
            const state = store.getState();
            const layout = layoutOf(state, width);
            const steps = state.watch.run?.samples.map(({ step }) => step) ?? [];
            return layout === null ? null : nearestStep(steps, x, layout);
          }}
        >
          <Chart<TrainingState>
            of={store}
            pauseMs={PAUSE_MS}
            aria-hidden="true"
            data-testid="loss-curve"
            watch={({ watch }) => [
              watch.revision,
              watch.horizontal,
              watch.chosen,
              watch.run?.samples,
            ]}
            size={(width) => ({ width, height: room })}
            paint={(painter, theme, width) => {
              const state = store.getState();
              const layout = layoutOf(state, width);
              const { run: now, chosen } = state.watch;
              if (layout !== null && now !== null) {
                drawCurve(painter, theme, layout, now, curve, chosen);
              }
            }}
          />
        </Pins>
      </div>
      <FigureTools figure={() => lossFigure(training)} provenance={() => runProvenance(training)} />
    </section>
  );
}

function Finding(): ReactNode {
  const { curve } = useTraining();
  const { run } = usePacedFacts((s) => ({ run: s.watch.run, revision: s.watch.revision }));
  return (
    <p className={css.finding} data-testid="loss-finding">
      {(run === null ? null : findingOf(run, curve)) ?? 'The first steps are on their way.'}
    </p>
  );
}

/** Chooses a sample on the curve: by the pointer, or as a slider with the keyboard. */
function Pins({
  steps,
  onPlace,
  children,
}: {
  readonly steps: readonly number[];
  /** The step that is meant by a place in pixels. */
  readonly onPlace: (x: number, width: number) => number | null;
  readonly children: ReactNode;
}): ReactNode {
  const { actions } = useTraining();
  const { chosen } = useTrainingFacts((s) => ({ chosen: s.watch.chosen }));
  const at = chosen === null ? steps.length - 1 : Math.max(0, steps.indexOf(chosen));
  function onClick(event: PointerEvent<HTMLDivElement>): void {
    const { left, width } = event.currentTarget.getBoundingClientRect();
    const step = onPlace(event.clientX - left, Math.floor(width));
    if (step !== null) actions.chooseSample(step === chosen ? null : step);
  }
  if (steps.length === 0) return <div className={css.pins}>{children}</div>;
  const step = steps[at] ?? 0;
  return (
    // The slider within is for the keyboard; the pointer goes for the pins themselves.
    // oxlint-disable-next-line jsx-a11y/no-static-element-interactions
    <div className={css.pins} data-testid="pins" onPointerUp={onClick}>
      {children}
      <input
        type="range"
        aria-label="Sample on the curve"
        min={1}
        max={steps.length}
        value={at + 1}
        aria-valuetext={`step ${formatCount(step)}, ${at + 1} of ${steps.length}`}
        onChange={(event) => {
          const next = steps[Number(event.target.value) - 1];
          // At the end it follows the newest again.
          if (next !== undefined) actions.chooseSample(next === steps.at(-1) ? null : next);
        }}
      />
    </div>
  );
}

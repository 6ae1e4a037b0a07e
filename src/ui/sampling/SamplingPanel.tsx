// The sampler under a microscope: the same candidates after each of its steps, and the draw.
import { useRef, type ReactNode } from 'react';
import type { SamplerView } from '../../state/facts/sampler.ts';
import type { AppState } from '../../state/store.ts';
import type { TokenText } from '../../state/tokenText.ts';
import { useApp, useFacts } from '../context.ts';
import controls from '../controls.module.css';
import { Chart } from '../figure/Chart.tsx';
import type { Figure } from '../figure/figure.ts';
import { FigureTools } from '../figure/FigureTools.tsx';
import { formatCount, quoteToken, tokenAxisLabel } from '../format.ts';
import { drawSteps } from './drawing.ts';
import { layoutSteps } from './layout.ts';
import { useSpace } from '../useSpace.ts';
import css from './SamplingPanel.module.css';
import { differenceWords, drawWords, stepsFinding, stepTitle } from './words.ts';

/** A seed to begin with, where somebody wants to see a draw. */
const SOME_SEED = 42;
/** Two lines about the draw, under the picture of it. */
const BELOW = 60;
const LEAST_ROOM = 200;

export function SamplingPanel(): ReactNode {
  const { store, text } = useApp();
  const { view, ready } = useFacts((s) => ({
    view: s.sampler.shown,
    ready: s.model.at === 'here',
    epoch: s.text.epoch,
  }));
  if (view === null) {
    return (
      <p className={controls.empty}>
        {ready ? 'Working it out…' : 'The steps appear here as soon as the model is ready.'}
      </p>
    );
  }
  const actual = text.pieces[view.at];
  return (
    <div className={css.panel} data-testid="sampling">
      <p className={css.finding} data-testid="sampling-finding">
        <b>
          {actual === undefined
            ? 'The next token. '
            : `${quoteToken(actual)}, token ${formatCount(view.at + 1)}. `}
        </b>
        {stepsFinding(view.steps, view.options)}
      </p>
      <Steps view={view} />
      <Draw view={view} />
      <FigureTools figure={() => samplingFigure(store.getState(), text)} />
    </div>
  );
}

function Steps({ view }: { readonly view: SamplerView }): ReactNode {
  const { store } = useApp();
  const frame = useRef<HTMLDivElement>(null);
  const { room } = useSpace(frame, BELOW, LEAST_ROOM);
  const shown = (): SamplerView => store.getState().sampler.shown ?? view;
  return (
    <div ref={frame}>
      <Chart
        data-testid="sampling-steps"
        watch={(s) => [s.sampler.shown]}
        size={(width) => layoutSteps(width, shown().steps, room)}
        paint={(painter, theme, width) => {
          const { steps, options, seedOf } = shown();
          const layout = layoutSteps(width, steps, room);
          drawSteps(painter, theme, layout, steps, options, seedOf !== 'none');
        }}
      />
    </div>
  );
}

/** What was drawn, with what, and whether that is what stands in the text. */
function Draw({ view }: { readonly view: SamplerView }): ReactNode {
  const { text, actions } = useApp();
  const { off } = useFacts((s) => ({ off: s.view.off }));
  const { steps, options, run, seedOf, at } = view;
  const actual = text.pieces[at];
  if (steps.draw !== null && seedOf === 'none') {
    return (
      <p className={css.draw} data-testid="sampling-draw">
        {actual === undefined
          ? 'No seed is fixed: every run draws a new one, so where the number u will fall is not known yet. '
          : `${quoteToken(actual)} was put there by hand, and no seed is fixed: there is no draw to show. `}
        <button
          className={controls.link}
          type="button"
          onClick={() => actions.changeSettings({ seed: SOME_SEED })}
        >
          Fix seed {SOME_SEED}
        </button>
      </p>
    );
  }
  return (
    <p className={css.draw} data-testid="sampling-draw">
      {drawWords(steps)} {agreement()}
    </p>
  );

  function agreement(): string {
    if (actual === undefined) return 'This is what the next run begins with.';
    const there = quoteToken(actual);
    const same = steps.chosen.id === actual.id;
    if (run === null) {
      return same
        ? `${there} was put there by hand; the sampler would have taken it too.`
        : `${there} was put there by hand; the sampler would have taken ${quoteToken(steps.chosen)}.`;
    }
    if (!run.settings.do_sample || !options.do_sample) {
      const how = run.settings.do_sample ? 'was drawn' : 'was chosen greedily, without a draw';
      const now = same ? 'the same token' : quoteToken(steps.chosen);
      return `In truth ${there} ${how}; the present settings take ${now}.`;
    }
    const other = differenceWords(run.settings, options);
    const parts = JSON.stringify(run.off) !== JSON.stringify(off);
    if (other === '' && !parts) {
      return same
        ? 'This is how the token in the text was drawn.'
        : `The text has ${there} all the same: this machine computes a little differently from the one that wrote it.`;
    }
    const then = [other, parts ? 'other parts of the model on' : ''].filter((w) => w !== '');
    return `In truth ${there} was drawn with the same u, but with ${then.join(' and ')}; shown is what the present settings make of it${same ? ', the same token' : ''}.`;
  }
}

function samplingFigure({ sampler: { shown: sampler } }: AppState, text: TokenText): Figure {
  if (sampler === null) throw new Error('There are no steps to save yet.');
  const { steps, options, at, seedOf } = sampler;
  const actual = text.pieces[at];
  const titles = steps.stages.map(({ step }) => stepTitle(step, options));
  const place = actual === undefined ? 'the next token' : quoteToken(actual);
  return {
    name: `sampler-${at + 1}`,
    title: `From the model’s distribution to ${place}`,
    finding: `${stepsFinding(steps, options)} ${seedOf === 'none' ? '' : drawWords(steps)}`.trim(),
    table: () => ({
      caption:
        'Each candidate’s probability after each step; the last three rows are the tokens kept, the mass that the step removed, and the entropy in bits.',
      columns: ['Token', ...titles],
      rows: [
        ...steps.candidates.map((piece, i) => [
          tokenAxisLabel(piece),
          ...steps.stages.map(({ probabilities }) => probabilities[i] ?? 0),
        ]),
        ['tokens kept', ...steps.stages.map(({ kept }) => kept)],
        ['mass removed', ...steps.stages.map(({ removed }) => removed)],
        ['entropy, bits', ...steps.stages.map(({ entropyBits }) => entropyBits)],
      ],
    }),
    data: () => ({
      axes: [
        { name: 'step', labels: titles },
        { name: 'token', labels: steps.candidates.map((piece) => tokenAxisLabel(piece)) },
      ],
      quantity: 'probability after the step',
      values: steps.stages.flatMap(({ probabilities }) => [...probabilities]),
    }),
    size: (width) => {
      const { height } = layoutSteps(width, steps);
      return { width, height };
    },
    paint: (painter, theme, width) =>
      drawSteps(painter, theme, layoutSteps(width, steps), steps, options, seedOf !== 'none'),
  };
}

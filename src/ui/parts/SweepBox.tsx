// The sweep: every part off in turn, what that does to one token, and the switch that shows it.
import type { ReactNode } from 'react';
import type { TokenPiece } from '../../api.ts';
import {
  isOfProbability,
  isSamePart,
  partWords,
  type Sweep,
  type SweepWay,
} from '../../state/facts/parts.ts';
import { useApp, useFacts } from '../context.ts';
import controls from '../controls.module.css';
import { Chart } from '../figure/Chart.tsx';
import { FigureTools } from '../figure/FigureTools.tsx';
import { formatCount, tokenAxisLabel } from '../format.ts';
import segments from '../segments.module.css';
import { sweepFigure } from './figures.ts';
import css from './PartsPanel.module.css';
import { drawScale, MATTERS, SCALE_HEIGHT } from './scale.ts';
import { sweepFinding, telling, watchedWords } from './sweepWords.ts';

export function SweepBox(): ReactNode {
  const { store, text, actions } = useApp();
  const { sweep, way, working, generating, ready, off } = useFacts((s) => ({
    sweep: s.parts.sweep,
    way: s.parts.next.way,
    working: s.busy.has('sweep'),
    generating: s.busy.has('run'),
    ready: s.model.at === 'here' && s.text.tokenised,
    off: s.view.off,
    epoch: s.text.epoch,
  }));
  const count = sweep === null ? 0 : sweep.deltas.length + sweep.wholes.length;
  const stale = sweep !== null && JSON.stringify(sweep.off) !== JSON.stringify(off);
  const shows = sweep === null || sweep.running ? null : telling(sweep);
  const switchable =
    sweep !== null && shows !== null && !off.some((one) => isSamePart(one, shows))
      ? { ...shows, by: sweep.by }
      : null;
  return (
    <section className={css.sweep} aria-label="Sweep" data-testid="sweep">
      <div className={css.sweepHead}>
        {working ? (
          <>
            <button className={controls.button} type="button" onClick={() => actions.stopSweep()}>
              Cancel
            </button>
            {sweep === null ? (
              <span className={css.note}>Reading the text…</span>
            ) : (
              <>
                <progress max={count} value={sweep.done} aria-label="Parts done" />
                <span className={css.count}>
                  {sweep.done} of {count}
                </span>
              </>
            )}
          </>
        ) : (
          <>
            <button
              className={controls.button}
              type="button"
              data-sweep=""
              disabled={generating || !ready}
              onClick={() => actions.startSweep()}
            >
              {way === 'off' ? 'Switch each part off in turn' : 'Take the logit apart'}
            </button>
            <WayOfSweep way={way} />
          </>
        )}
      </div>
      <Watched />
      {sweep !== null && (
        <>
          <p className={css.sweepWords} data-testid="sweep-finding">
            {sweepFinding(sweep)}
          </p>
          {switchable !== null && (
            <p>
              <button
                className={controls.button}
                type="button"
                data-tells=""
                onClick={() => actions.togglePart(switchable)}
              >
                Switch {partWords(switchable)} off
              </button>
            </p>
          )}
          <div aria-hidden="true">
            <Chart
              data-testid="sweep-scale"
              watch={() => []}
              size={(width) => ({ width, height: SCALE_HEIGHT })}
              paint={(painter, theme, width) => drawScale(painter, theme, 0, 1, width)}
            />
          </div>
          <p className={css.note}>
            Token {formatCount(sweep.at + 1)}. {scaleWords(sweep)}
            {stale ? ' Measured before the switches changed.' : ''}
            {!sweep.running && sweep.done < count ? ` Ended after ${sweep.done} parts.` : ''}
          </p>
          <FigureTools figure={() => sweepFigure(store.getState(), text)} />
        </>
      )}
    </section>
  );
}

const WAYS = [
  {
    id: 'off',
    words: 'off in turn',
    title: 'What is lost without each part, through all that comes after it',
  },
  {
    id: 'direct',
    words: 'direct',
    title: 'What each part adds to the logit by itself, in one pass; all of them sum to it',
  },
] as const;

function WayOfSweep({ way }: { readonly way: SweepWay }): ReactNode {
  const { actions } = useApp();
  return (
    <fieldset className={segments.segments} aria-label="How parts are measured">
      {WAYS.map(({ id, words, title }) => (
        <label key={id} className={segments.segment} title={title}>
          <input
            type="radio"
            name="sweep-way"
            checked={id === way}
            onChange={() => actions.setNextSweep({ way: id })}
          />
          <span>{words}</span>
        </label>
      ))}
    </fieldset>
  );
}

/** Which token is watched, and against which. */
function Watched(): ReactNode {
  const { actions, text } = useApp();
  const { next, candidates, selected } = useFacts((s) => ({
    next: s.parts.next,
    // Of where the sweep is, once the bars have come there.
    candidates: s.next.at === (s.view.selected ?? s.text.length) ? s.next.distribution?.top : null,
    selected: s.view.selected,
    epoch: s.text.epoch,
  }));
  const there = selected === null ? undefined : text.pieces[selected];
  const pieces = [
    ...(candidates ?? []).map(({ piece }) => piece),
    ...[next.target, next.against].filter((one) => one !== null),
  ];
  const unique = pieces.filter((one, i) => pieces.findIndex(({ id }) => id === one.id) === i);
  const choose = (which: 'target' | 'against', id: string): void =>
    actions.setNextSweep({ [which]: unique.find((one) => String(one.id) === id) ?? null });
  const options = (other: TokenPiece | null): ReactNode =>
    unique
      .filter(({ id }) => id !== other?.id)
      .map((one) => (
        <option key={one.id} value={one.id}>
          {tokenAxisLabel(one)}
        </option>
      ));
  return (
    <p className={css.watched}>
      <label>
        watch{' '}
        <select
          className={css.select}
          value={next.target?.id ?? ''}
          onChange={(event) => choose('target', event.target.value)}
        >
          <option value="">
            {there === undefined ? 'the likeliest next token' : tokenAxisLabel(there)}
          </option>
          {options(next.against)}
        </select>
      </label>
      <label>
        less{' '}
        <select
          className={css.select}
          value={next.against?.id ?? ''}
          onChange={(event) => choose('against', event.target.value)}
        >
          <option value="">no other</option>
          {options(next.target ?? there ?? null)}
        </select>
      </label>
    </p>
  );
}

/** What numbers and colours mean. */
function scaleWords(sweep: Sweep): string {
  const watched = watchedWords(sweep);
  const scale = 'on the same scale for every text';
  if (sweep.rest !== null) {
    return `Numbers and colours are what each part adds by itself to ${watched}, ${scale}: + and blue, it speaks for it; − and orange, against it. An attention is the sum of its heads and its bias. What a part makes later ones do is not in it: that takes switching off.`;
  }
  const matters = isOfProbability(sweep)
    ? ` From ${MATTERS} on, about a quarter of the probability, it matters.`
    : '';
  return `Replaced by ${sweep.by}. Numbers and colours are the change in ${watched}, ${scale}: − and orange, the part helps the token; + and blue, it holds it back.${matters}`;
}

// The sweep: every part off in turn, what that does to one token, and the switch that shows it.
import type { ReactNode } from 'react';
import { isSamePart, partWords } from '../../state/facts/parts.ts';
import { useApp, useFacts } from '../context.ts';
import controls from '../controls.module.css';
import { Chart } from '../figure/Chart.tsx';
import { FigureTools } from '../figure/FigureTools.tsx';
import { formatCount, quoteToken } from '../format.ts';
import { sweepFigure } from './figures.ts';
import css from './PartsPanel.module.css';
import { drawScale, MATTERS, SCALE_HEIGHT } from './scale.ts';
import { sweepFinding, telling } from './sweepWords.ts';

export function SweepBox(): ReactNode {
  const { store, text, actions } = useApp();
  const { sweep, working, generating, ready, selected, off } = useFacts((s) => ({
    sweep: s.parts.sweep,
    working: s.busy.has('sweep'),
    generating: s.busy.has('run'),
    ready: s.model.at === 'here' && s.text.tokenised,
    selected: s.view.selected,
    off: s.view.off,
    epoch: s.text.epoch,
  }));
  const count = sweep === null ? 0 : sweep.deltas.length + sweep.wholes.length;
  const piece = selected === null ? undefined : text.pieces[selected];
  const target = piece === undefined ? 'the likeliest next token' : quoteToken(piece);
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
              disabled={generating || !ready}
              onClick={() => actions.startSweep()}
            >
              Switch each part off in turn
            </button>
            <span className={css.note}>and watch {target}</span>
          </>
        )}
      </div>
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
            Token {formatCount(sweep.at + 1)}, replaced by {sweep.by}. Numbers and colours are the
            change in ln p, on the same scale for every text: − and orange, the part helps the
            token; + and blue, it holds it back. From {MATTERS} on, about a quarter of the
            probability, it matters.
            {stale ? ' Measured before the switches changed.' : ''}
            {!sweep.running && sweep.done < count ? ` Ended after ${sweep.done} parts.` : ''}
          </p>
          <FigureTools figure={() => sweepFigure(store.getState(), text)} />
        </>
      )}
    </section>
  );
}

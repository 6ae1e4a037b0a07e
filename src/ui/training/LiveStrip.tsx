// The run that runs, while something else is shown: how far it is, and the way back to it.
import type { ReactNode } from 'react';
import { isBusy, liveOf } from '../../state/training/live.ts';
import controls from '../controls.module.css';
import { formatCount } from '../format.ts';
import { usePacedFacts, useTraining } from './context.ts';
import css from './LiveStrip.module.css';
import { stateWords, tellingLoss } from './words.ts';

export function LiveStrip(): ReactNode {
  const { actions } = useTraining();
  const { live, busy } = usePacedFacts((s) => ({ live: liveOf(s), busy: isBusy(s) }));
  const { run, at, error, preparing } = live;
  const name = run?.name ?? 'A new run';
  const loss = run === null || at === 'preparing' ? null : tellingLoss(run);
  return (
    <section className={css.strip} aria-label="The run that trains" data-testid="live-strip">
      <b className={css.name}>{name}</b>
      <span className={css.state} data-at={at}>
        {at === 'nothing' ? 'did not begin' : stateWords(at, run)}
      </span>
      {at === 'preparing' ? (
        <span className={css.facts}>{preparing.what}…</span>
      ) : run === null ? null : (
        <>
          <span className={css.facts}>
            step <b data-testid="live-step">{formatCount(run.step)}</b> of{' '}
            {formatCount(run.max_steps)}
            {loss !== null && <span className={css.loss}> · {loss}</span>}
          </span>
          <progress
            className={css.bar}
            aria-label={`Steps of ${name}`}
            max={run.max_steps}
            value={run.step}
          />
        </>
      )}
      {error !== null && <span className={css.error}>{error.message}</span>}
      <span className={css.tools}>
        <button
          className={controls.button}
          type="button"
          aria-label={`Back to ${name}`}
          onClick={() => actions.showLive()}
        >
          Back to it
        </button>
        {!busy && (
          <button className={controls.plain} type="button" onClick={() => actions.dismissLive()}>
            Dismiss
          </button>
        )}
      </span>
    </section>
  );
}

// A run and its twin side by side: losses, samples, what comes next, surprise, heads.
import { useEffect, useRef, type ReactNode } from 'react';
import { commonSteps } from '../../../state/training/pairs.ts';
import { twinWords } from '../../../state/training/edits.ts';
import type { RunPair } from '../../../state/training/facts.ts';
import type { Training } from '../../../state/training/training.ts';
import controls from '../../controls.module.css';
import { formatCount } from '../../format.ts';
import { useTraining, useTrainingFacts } from '../context.ts';
import { Problem } from '../Problem.tsx';
import { ComparedHeads } from './ComparedHeads.tsx';
import { ComparedLoss } from './ComparedLoss.tsx';
import { ComparedReading } from './ComparedReading.tsx';
import { ComparedSamples } from './ComparedSamples.tsx';
import { ComparedSurprise } from './ComparedSurprise.tsx';
import css from './comparison.module.css';
import { sameWords, type PairNames } from './words.ts';
import { Yardstick } from './Yardstick.tsx';

export function Comparison(): ReactNode {
  const { actions } = useTraining();
  const { pair } = useTrainingFacts((s) => ({ pair: s.comparison.pair }));
  if (pair.at === 'failed') {
    return (
      <Problem error={pair.error}>
        <button className={controls.button} type="button" onClick={() => back(actions)}>
          Back
        </button>
      </Problem>
    );
  }
  if (pair.at !== 'here') return <div className={css.waiting} aria-busy="true" />;
  return <Pair key={`${pair.value.first.id} ${pair.value.twin.id}`} pair={pair.value} />;
}

/** What was pressed goes: the workspace has the focus. */
function back(actions: Training['actions']): void {
  actions.closeComparison();
  document.querySelector<HTMLElement>('#train')?.focus();
}

function Pair({ pair }: { readonly pair: RunPair }): ReactNode {
  const names: PairNames = {
    first: 'as it was',
    twin: twinWords(pair.first.settings, pair.twin.settings),
  };
  return (
    <div className={css.comparison} data-testid="comparison">
      <Head pair={pair} names={names} />
      <Yardstick pair={pair} names={names} />
      <ComparedLoss pair={pair} names={names} />
      <ComparedSamples pair={pair} names={names} />
      <ComparedReading pair={pair} names={names} />
      <div className={css.column}>
        <ComparedSurprise pair={pair} names={names} />
        <ComparedHeads pair={pair} names={names} />
      </div>
    </div>
  );
}

function Head({ pair, names }: { readonly pair: RunPair; readonly names: PairNames }): ReactNode {
  const { actions } = useTraining();
  const { step, sameWeights, isAsked } = useTrainingFacts((s) => ({
    isAsked: s.comparison.isAsked,
    step: s.comparison.step,
    sameWeights: s.comparison.sameWeights,
  }));
  const title = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (isAsked) title.current?.focus();
  }, [isAsked]);
  const { first, twin } = pair;
  const steps = commonSteps(pair);
  const isLive = [first, twin].some(({ state }) => state === 'running' || state === 'paused');
  return (
    <section className={css.head} aria-labelledby="comparison-title">
      <div className={css.headRow}>
        <h2 className={css.title} id="comparison-title" ref={title} tabIndex={-1}>
          {first.name}, <b className={css.first}>{names.first}</b> and{' '}
          <b className={css.twin}>{names.twin}</b>
        </h2>
        <div className={css.tools}>
          {steps.length > 0 && (
            <label className={css.stepChoice}>
              Weights after
              <select
                className={controls.select}
                value={step ?? ''}
                onChange={(event) => actions.compareAt(Number(event.target.value))}
              >
                {steps.toReversed().map((one) => (
                  <option key={one} value={one}>
                    step {formatCount(one)}
                  </option>
                ))}
              </select>
            </label>
          )}
          {isLive && (
            <button
              className={controls.button}
              type="button"
              onClick={() => actions.compare(first.id, twin.id)}
            >
              Look again
            </button>
          )}
          <button className={controls.button} type="button" onClick={() => back(actions)}>
            Back
          </button>
        </div>
      </div>
      <p className={css.about} data-testid="comparison-words">
        {sameWords(pair)}
        {sameWeights !== null && (
          <>
            {' '}
            Their weights after step {formatCount(sameWeights.step)} are the same to the last bit:
            SHA-256{' '}
            <code className={css.hash} title={sameWeights.sha256}>
              {sameWeights.sha256.slice(0, 12)}…
            </code>
          </>
        )}
        {isLive && ' One of them still trains: this is how far both were when you looked.'}
        {steps.length === 0 && ' They have kept no weights of the same step.'}
      </p>
    </section>
  );
}

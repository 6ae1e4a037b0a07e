// What the model wrote on the way, from the same prompt with the same seed; the newest first.
import { useEffect, useRef, type ReactNode } from 'react';
import type { RunSample } from '../../api.ts';
import { isKept } from '../../state/training/kept.ts';
import controls from '../controls.module.css';
import { formatCount, formatPercent } from '../format.ts';
import { useLookInside, useTraining, useTrainingFacts } from './context.ts';
import css from './training.module.css';
import { formatLoss, markStrange, wordShare } from './words.ts';

export function Samples(): ReactNode {
  const { samples, snapshots, chosen, prompt, every, isLive } = useTrainingFacts((s) => ({
    snapshots: s.watch.run?.snapshots,
    samples: s.watch.run?.samples,
    chosen: s.watch.chosen,
    prompt: s.watch.run?.settings.prompt ?? '',
    every: Number(s.watch.run?.settings.arguments['sample_steps'] ?? 0),
    isLive: s.watch.at === 'running' || s.watch.at === 'paused',
  }));
  const list = useRef<HTMLOListElement>(null);
  const newest = samples?.at(-1)?.step ?? null;
  const shown = chosen ?? newest;
  // The chosen one comes into sight within its own frame; the page stays where it is.
  useEffect(() => {
    const frame = list.current;
    const item = frame?.querySelector<HTMLElement>('[data-shown="true"]');
    if (frame === null || frame === undefined || item === null || item === undefined) return;
    frame.scrollTop = item.offsetTop - frame.offsetTop;
    // oxlint-disable-next-line react-hooks/exhaustive-deps -- another one that is shown is the news
  }, [shown]);
  if (samples === undefined) return null;
  const marked = samples.some(({ strange }) => strange !== undefined);
  return (
    <section className={css.samples} aria-labelledby="samples-title">
      <div className={css.curveHead}>
        <h3 className={controls.title} id="samples-title">
          What it writes
        </h3>
        {marked && (
          <p className={css.legend}>
            <span className={css.strange}>underlined</span>: no word of the text
          </p>
        )}
      </div>
      {samples.length === 0 ? (
        <p className={controls.quiet}>
          {every === 0
            ? 'This run writes nothing on the way (sample_steps is 0).'
            : isLive
              ? `The first sample comes at step ${formatCount(every)}. Each begins alike${prompt === '' ? '' : `, with “${prompt}”,`} and is drawn with the same seed: what changes is what it has learned.`
              : 'It has written nothing yet.'}
        </p>
      ) : (
        <ol
          className={css.sampleList}
          ref={list}
          reversed
          // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it scrolls
          tabIndex={0}
          aria-label="Samples, the newest first"
          data-testid="samples"
        >
          {samples.toReversed().map((sample) => (
            <Sample
              key={sample.step}
              sample={sample}
              isShown={sample.step === shown}
              isNewest={sample.step === newest}
              canLook={snapshots?.some((one) => one.step === sample.step && isKept(one)) ?? false}
            />
          ))}
        </ol>
      )}
    </section>
  );
}

function Sample({
  sample,
  isShown,
  isNewest,
  canLook,
}: {
  readonly sample: RunSample;
  readonly isShown: boolean;
  readonly isNewest: boolean;
  /** The weights that wrote it are kept. */
  readonly canLook: boolean;
}): ReactNode {
  const { actions, curve } = useTraining();
  const lookInside = useLookInside();
  const { step, prompt, text, strange } = sample;
  const share = wordShare(text, strange);
  const loss = curve.smoothAt(step);
  return (
    <li className={css.sample} data-shown={isShown}>
      <p className={css.sampleHead}>
        <button
          className={css.sampleStep}
          type="button"
          aria-pressed={isShown}
          onClick={() => actions.chooseSample(isNewest ? null : step)}
        >
          Step {formatCount(step)}
        </button>
        <span>
          {isNewest && 'newest'}
          {loss !== null && `${isNewest ? ' · ' : ''}smoothed loss ${formatLoss(loss)}`}
          {share !== null && ` · ${formatPercent(share)} known words`}
        </span>
        {canLook && (
          <button
            className={css.look}
            type="button"
            aria-label={`Look inside at step ${formatCount(step)}`}
            onClick={() => lookInside(step)}
          >
            Look
          </button>
        )}
      </p>
      <p className={css.sampleText}>
        <span className={css.promptPart}>{prompt}</span>
        {markStrange(text, strange).map((piece) =>
          piece.strange ? (
            <span key={piece.from} className={css.strange}>
              {piece.text}
            </span>
          ) : (
            piece.text
          ),
        )}
      </p>
    </li>
  );
}

// Three choices and go: a text, a size, Train.
import type { ReactNode } from 'react';
import { isOfSource, smallerBatch } from '../../state/training/presets.ts';
import controls from '../controls.module.css';
import { later } from '../later.ts';
import { useTraining, useTrainingFacts } from './context.ts';
import { Fields } from './Fields.tsx';
import { GoWords, Room } from './GoWords.tsx';
import { draftMemory, obstacleOf } from './obstacle.ts';
import { Problem } from './Problem.tsx';
import css from './training.module.css';
import { SizeChoice } from './SizeChoice.tsx';
import { TextChoice } from './TextChoice.tsx';

const fromSeed = later(
  async () => (await import('./FromSeed.tsx')).FromSeed,
  'What draws the notebook’s model',
);

const fromLink = later(
  async () => (await import('./FromLink.tsx')).FromLink,
  'What the link brought',
);

export function Setup(): ReactNode {
  const { ofSource, isLinked } = useTrainingFacts((s) => ({
    ofSource: isOfSource(s.draft.preset),
    isLinked: s.draft.link !== null,
  }));
  return (
    <>
      {isLinked && <fromLink.Part />}
      <div className={css.choices}>
        <section className={css.choice} aria-labelledby="choice-text">
          <h2 className={css.step} id="choice-text">
            <span aria-hidden="true">1</span> Text
          </h2>
          <TextChoice />
        </section>
        <section className={css.choice} aria-labelledby="choice-size">
          <h2 className={css.step} id="choice-size">
            <span aria-hidden="true">2</span> Size
          </h2>
          <SizeChoice />
        </section>
      </div>
      {ofSource && <fromSeed.Part />}
      <Go />
      <Fields />
    </>
  );
}

function Go(): ReactNode {
  const { actions } = useTraining();
  const { words, passes } = useTrainingFacts((s) => obstacleOf(s) ?? { words: null, passes: true });
  return (
    <section className={css.go} aria-labelledby="choice-go">
      <h2 className={css.step} id="choice-go">
        <span aria-hidden="true">3</span> Go
      </h2>
      <div className={css.goWords}>
        <GoWords />
        {words !== null && (
          <p className={passes ? controls.quiet : css.wrong} id="why-not" data-testid="why-not">
            {words}
          </p>
        )}
        <Room />
      </div>
      <button
        className={css.train}
        type="button"
        aria-disabled={words !== null}
        aria-describedby={words === null ? undefined : 'why-not'}
        onClick={() => {
          if (words === null) actions.train();
        }}
      >
        Train
      </button>
      <Refused />
    </section>
  );
}

/** What ended the last run or the measurement, and the smaller batch that fits. */
function Refused(): ReactNode {
  const { actions } = useTraining();
  const { settings, error, estimate, memory } = useTrainingFacts((s) => ({
    settings: s.draft.settings,
    error: s.watch.error,
    estimate: s.cost.estimate,
    memory: draftMemory(s),
  }));
  const refused = estimate.at === 'failed' ? estimate.error : null;
  const isOut = [error?.code, refused?.code].includes('device/out-of-memory');
  const smaller =
    memory?.problem != null ? memory.suggestion : isOut ? smallerBatch(settings) : null;
  return (
    <>
      {error !== null && <Problem error={error} />}
      {refused !== null && <Problem error={refused} />}
      {smaller !== null && (
        <p className={css.offer}>
          {smaller.batch} pieces at a time, {smaller.accumulation} times a step, are the same step
          in less memory.{' '}
          <button
            className={controls.button}
            type="button"
            onClick={() => actions.takeSmallerBatch(smaller.batch, smaller.accumulation)}
          >
            Take the smaller batch
          </button>
        </p>
      )}
    </>
  );
}

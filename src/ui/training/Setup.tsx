// Three choices and go: a text, a size, Train.
import type { ReactNode } from 'react';
import { editWords } from '../../state/training/edits.ts';
import { isOfSource, smallerBatch } from '../../state/training/presets.ts';
import controls from '../controls.module.css';
import { later } from '../later.ts';
import { useTraining, useTrainingFacts } from './context.ts';
import { Fields } from './Fields.tsx';
import { GoWords, Room } from './GoWords.tsx';
import { memoryOf, obstacleOf } from './obstacle.ts';
import { Problem } from './Problem.tsx';
import css from './training.module.css';
import { SizeChoice } from './SizeChoice.tsx';
import { TextChoice } from './TextChoice.tsx';

const fromSeed = later(
  async () => (await import('./FromSeed.tsx')).FromSeed,
  'What draws the notebook’s model',
);

export function Setup(): ReactNode {
  const { ofSource } = useTrainingFacts((s) => ({ ofSource: isOfSource(s.draft.preset) }));
  return (
    <>
      <FromLink />
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

/** Whoever followed a link sees what it brought, and that nothing has begun. */
function FromLink(): ReactNode {
  const { actions } = useTraining();
  const { link, edits, base } = useTrainingFacts((s) => ({
    link: s.draft.link,
    edits: s.draft.settings.edits,
    base: s.draft.settings.base,
  }));
  if (link === null) return null;
  return (
    <section className={css.fromLink} aria-label="From a link" data-testid="from-link">
      <p>
        <b>These settings came with a link.</b> Nothing has begun: look at them, and press Train.{' '}
        <button className={controls.link} type="button" onClick={() => actions.dismissLink()}>
          Dismiss
        </button>
      </p>
      {/* Whoever has chosen another model since has not read it yet. */}
      {base?.sha256 !== undefined && (
        <p>
          The run goes on training <b>{base.name}</b>, and needs that model: the one whose weights
          have a SHA-256 that begins with <code>{base.sha256.slice(0, 12)}</code>.
        </p>
      )}
      {edits !== undefined && edits.length > 0 && (
        <p>The text is changed before it is learned: {edits.map(editWords).join(', ')}.</p>
      )}
      {link.length > 0 && (
        <ul>
          {link.map((note) => (
            <li key={note}>{note}</li>
          ))}
        </ul>
      )}
    </section>
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
    memory: memoryOf(s),
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

// Three choices and go: a text, a size, Train.
import type { ReactNode } from 'react';
import type { RunSettings } from '../../api.ts';
import { problemsOf, whyNothing } from '../../state/training/draft.ts';
import { editWords } from '../../state/training/edits.ts';
import { storageOf } from '../../state/training/kept.ts';
import {
  costOf,
  isOfSource,
  presetOf,
  smallerBatch,
  type PresetName,
} from '../../state/training/presets.ts';
import controls from '../controls.module.css';
import { formatCount } from '../format.ts';
import { later } from '../later.ts';
import { formatSize } from '../models/words.ts';
import { useTraining, useTrainingFacts } from './context.ts';
import { Fields } from './Fields.tsx';
import { Problem } from './Problem.tsx';
import css from './training.module.css';
import { SizeChoice } from './SizeChoice.tsx';
import { TextChoice } from './TextChoice.tsx';
import { deviceTitle, formatDuration, isOfBase, sizeWords, textTitle } from './words.ts';

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

function learnerWords({ base, model }: RunSettings, preset: PresetName | null): string {
  if (base !== undefined) return base.lora === undefined ? base.name : `A LoRA on ${base.name}`;
  return `${preset === null ? 'Your own size' : presetOf(preset).title}, ${sizeWords(model)},`;
}

function Go(): ReactNode {
  const { actions } = useTraining();
  const { draft, read, estimate, last, plan, isDrawing, error, freeBytes, other } =
    useTrainingFacts((s) => ({
      last: s.cost.last,
      plan: s.drawing.plan,
      isDrawing: s.drawing.at === 'working',
      draft: s.draft,
      read: s.text.read,
      estimate: s.cost.estimate,
      error: s.watch.error,
      freeBytes: s.cost.freeBytes,
      other: s.runs.all?.find(({ elsewhere }) => elsewhere)?.name ?? null,
    }));
  const { settings, preset } = draft;
  const { base } = settings;
  const problems = Object.values(problemsOf(draft));
  const refused = estimate.at === 'failed' ? estimate.error : null;
  // What is too large to be measured was counted.
  const counted = isOfSource(preset) && plan.at === 'here' ? plan.value.training : null;
  const memory = estimate.at === 'here' ? estimate.value.estimate.memory : counted;
  const cost =
    estimate.at === 'none' && read.at === 'here' && last !== null
      ? costOf(settings, read.value.vocabSize, last)
      : null;
  const wanted = [error?.code, refused?.code].includes('device/out-of-memory');
  const suggestion =
    memory?.problem != null ? memory.suggestion : wanted ? smallerBatch(settings) : null;
  const parameters =
    estimate.at === 'here' ? estimate.value.estimate.parameters : (cost?.parameters ?? 0);
  const keeps = storageOf(settings, parameters);
  const steps = Number(settings.arguments['max_steps']);
  const what = `${learnerWords(settings, preset)} learns ${textTitle(settings.text)}: ${formatCount(steps)} steps`;
  const why =
    problems[0] ??
    (isDrawing ? 'The notebook’s model is being drawn: wait until that is done.' : null) ??
    (read.at === 'here'
      ? (whyNothing(read.value, settings) ?? memory?.problem)
      : read.at === 'failed'
        ? `${isOfBase(read.error) && base !== undefined ? base.name : 'The text'} cannot be read yet.`
        : read.at === 'none'
          ? 'Put a text in first.'
          : 'Reading the text…') ??
    null;
  return (
    <section className={css.go} aria-labelledby="choice-go">
      <h2 className={css.step} id="choice-go">
        <span aria-hidden="true">3</span> Go
      </h2>
      <div className={css.goWords}>
        <p>
          {what}
          {estimate.at === 'here' && (
            <>
              , <b>{formatDuration(estimate.value.estimate.secondsAStep * steps)}</b> and{' '}
              {formatSize(estimate.value.estimate.memory.total)} on{' '}
              {deviceTitle(estimate.value.estimate.device)}
            </>
          )}
          {cost !== null && (
            <>
              , <b>about {formatDuration(cost.seconds)}</b> and{' '}
              {formatSize(memory?.total ?? cost.bytes)}, which is reckoned and not measured
            </>
          )}
          .
        </p>
        {why !== null && (
          <p className={css.wrong} id="why-not" data-testid="why-not">
            {why}
          </p>
        )}
        {freeBytes !== null && keeps > freeBytes && (
          <p className={css.wrong} data-testid="no-room">
            It keeps up to {formatSize(keeps)} in this browser, which has {formatSize(freeBytes)}{' '}
            left for this page. It trains all the same, but what finds no room is lost with the tab:
            take a smaller size, or delete runs or models first.
          </p>
        )}
        {other !== null && (
          <p className={controls.quiet} data-testid="other-tab">
            “{other}” trains in another tab: both are slower meanwhile, and so is what was measured
            here.
          </p>
        )}
      </div>
      <button
        className={css.train}
        type="button"
        aria-disabled={why !== null}
        aria-describedby={why === null ? undefined : 'why-not'}
        onClick={() => {
          if (why === null) actions.train();
        }}
      >
        Train
      </button>
      {error !== null && <Problem error={error} />}
      {refused !== null && <Problem error={refused} />}
      {suggestion !== null && (
        <p className={css.offer}>
          {suggestion.batch} pieces at a time, {suggestion.accumulation} times a step, are the same
          step in less memory.{' '}
          <button
            className={controls.button}
            type="button"
            onClick={() => actions.takeSmallerBatch(suggestion.batch, suggestion.accumulation)}
          >
            Take the smaller batch
          </button>
        </p>
      )}
    </section>
  );
}

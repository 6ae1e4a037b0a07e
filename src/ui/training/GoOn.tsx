// In place of a size: the model that the page has loaded, to be gone on with; and what that takes.
import type { ReactNode } from 'react';
import type { RunMemory, RunSettings } from '../../api.ts';
import { loraParameters, type GoOnFacts } from '../../state/training/base.ts';
import { fieldsFor } from '../../state/training/fields.ts';
import { costOf } from '../../state/training/presets.ts';
import controls from '../controls.module.css';
import { formatCount } from '../format.ts';
import { formatSize } from '../models/words.ts';
import { useTraining, useTrainingFacts } from './context.ts';
import { Entry } from './Fields.tsx';
import { Parameters } from './Parameters.tsx';
import { Problem } from './Problem.tsx';
import css from './training.module.css';
import { costWords, isOfBase, logitsAndMasks, sizeWords } from './words.ts';

/** The model that the settings name, and the one that is loaded, where it is another. */
export function GoOnCards(): ReactNode {
  const { loaded, settings } = useTrainingFacts((s) => ({
    loaded: s.loaded.now,
    settings: s.draft.settings,
  }));
  const { base } = settings;
  const isLoaded = base !== undefined && base.fingerprint === loaded?.base.fingerprint;
  return (
    <>
      {base !== undefined && !isLoaded && <Named settings={settings} name={base.name} />}
      {loaded !== null && <Loaded loaded={loaded} isChosen={isLoaded} />}
    </>
  );
}

function Loaded({
  loaded: { base, model, parameters, dtype, host, vocabSize, whyNot },
  isChosen,
}: {
  readonly loaded: GoOnFacts;
  readonly isChosen: boolean;
}): ReactNode {
  const { actions } = useTraining();
  const { settings, last } = useTrainingFacts((s) => ({
    settings: s.draft.settings,
    last: s.cost.last,
  }));
  const cost = isChosen ? costOf(settings, vocabSize, last) : null;
  const measured = cost?.known === 'measured' ? cost : null;
  const words = [
    'The loaded model, with what it knows already.',
    ...(dtype === 'fp32' ? [] : [`Loaded in ${dtype === 'q8' ? 8 : 16} bits, trained in 32.`]),
    ...(host === null ? [] : [`Its files are read from ${host} again.`]),
  ];
  return (
    <label className={`${css.size} ${css.goOnCard}`} data-off={whyNot !== null} data-testid="go-on">
      <input
        type="radio"
        name="train-size"
        checked={isChosen}
        aria-disabled={whyNot !== null}
        onChange={() => actions.goOnWithLoaded()}
      />
      <span className={css.sizeTitle}>
        <b>Go on training {base.name}</b>{' '}
        <span className={controls.number}>{sizeWords(model)}</span>
      </span>
      <span className={css.sizeWords}>{whyNot ?? words.join(' ')}</span>
      <span className={css.sizeFacts}>
        <Parameters count={parameters} />
        {measured !== null && <span>{formatSize(measured.bytes)}</span>}
        {measured !== null && <b>{costWords(measured)}</b>}
      </span>
    </label>
  );
}

/** A model that a link or an earlier run names, and that is not what the page has loaded. */
function Named({
  settings,
  name,
}: {
  readonly settings: RunSettings;
  readonly name: string;
}): ReactNode {
  return (
    <label className={`${css.size} ${css.goOnCard}`}>
      <input type="radio" name="train-size" checked readOnly />
      <span className={css.sizeTitle}>
        <b>Go on training {name}</b>{' '}
        <span className={controls.number}>{sizeWords(settings.model)}</span>
      </span>
      <span className={css.sizeWords}>
        The model that these settings are of; it is not the one that is loaded.
      </span>
    </label>
  );
}

/** What learns, and what is taken for it; why the model cannot be had. */
export function GoOnDetails(): ReactNode {
  const { settings, read, estimate } = useTrainingFacts((s) => ({
    settings: s.draft.settings,
    read: s.text.read,
    estimate: s.cost.estimate,
  }));
  const { base, model } = settings;
  if (base === undefined) return null;
  const own = fieldsFor(settings).filter(({ group }) => group === 'model');
  return (
    <section className={css.goOn} aria-label={`Going on with ${base.name}`}>
      {read.at === 'failed' && isOfBase(read.error) && <Problem error={read.error} />}
      {own.map((field) => (
        <Entry key={field.name} field={field} />
      ))}
      <p className={css.about}>
        {base.lora === undefined
          ? 'Sizes, context and tokenizer are its own.'
          : `${formatCount(loraParameters(model, base.lora.r))} parameters learn; the rest of ${base.name} stays as it is.`}{' '}
        It sees {formatCount(model.n_ctx)} tokens at once.
        {estimate.at === 'here' && ` ${memoryWords(estimate.value.estimate.memory)}`}
      </p>
    </section>
  );
}

/** By part, the whole first. */
function memoryWords(memory: RunMemory): string {
  const { base = 0, weights, gradients, moments, activations, total } = memory;
  const parts = [
    ['the model beside it', base],
    ['weights', weights],
    ['gradients', gradients],
    ['AdamW’s means', moments],
    ['activations', activations],
    ['logits and masks', logitsAndMasks(memory)],
  ] as const;
  const words = parts
    .filter(([, bytes]) => bytes > 0)
    .map(([name, bytes]) => `${name} ${formatSize(bytes)}`);
  return `Memory: ${formatSize(total)}, of it ${words.join(', ')}.`;
}

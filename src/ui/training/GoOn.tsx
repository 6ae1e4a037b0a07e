// In place of a size: the model that the page has loaded, to be gone on with.
import type { ReactNode } from 'react';
import type { RunSettings } from '../../api.ts';
import { goOnArguments, type GoOnFacts } from '../../state/training/base.ts';
import { costOf } from '../../state/training/presets.ts';
import controls from '../controls.module.css';
import { formatSize } from '../models/words.ts';
import { useTraining, useTrainingFacts } from './context.ts';
import { Parameters } from './Parameters.tsx';
import css from './training.module.css';
import { costWords, sizeWords } from './words.ts';

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
  // Before it is chosen its time is reckoned, as that of the other sizes is.
  const asked = isChosen ? settings : { ...settings, base, model, arguments: goOnArguments(model) };
  const cost = costOf(asked, vocabSize, last);
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
        <span>{cost === null ? '…' : formatSize(cost.bytes)}</span>
        <b>{costWords(cost)}</b>
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

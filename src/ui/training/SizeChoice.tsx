// The second choice: how large the model is, with what it takes on this device.
import type { ReactNode } from 'react';
import { costOf, parametersOf, PRESETS, withPreset } from '../../state/training/presets.ts';
import controls from '../controls.module.css';
import { formatParameters } from '../format.ts';
import { formatSize } from '../models/words.ts';
import { useTraining, useTrainingFacts } from './context.ts';
import { GoOnCards, GoOnDetails } from './GoOn.tsx';
import { TorchSwitch } from './TorchSwitch.tsx';
import css from './training.module.css';
import { costWords, deviceTitle, sizeWords } from './words.ts';

/** Until a text says how many pieces it has. */
const SOME_VOCABULARY = 1024;

export function SizeChoice(): ReactNode {
  const { actions } = useTraining();
  const { settings, preset, read, last, estimate } = useTrainingFacts((s) => ({
    settings: s.draft.settings,
    preset: s.draft.preset,
    read: s.text.read,
    last: s.cost.last,
    estimate: s.cost.estimate,
  }));
  const isGoingOn = settings.base !== undefined;
  const vocabSize = read.at === 'here' && !isGoingOn ? read.value.vocabSize : SOME_VOCABULARY;
  const device = last?.estimate.device;
  return (
    <>
      <fieldset className={css.sizes} aria-label="Size">
        {PRESETS.map(({ name, title, words, model }) => {
          const cost = costOf(withPreset(settings, name), vocabSize, last);
          const parameters = cost?.parameters ?? parametersOf(model, vocabSize);
          return (
            <label key={name} className={css.size}>
              <input
                type="radio"
                name="train-size"
                checked={preset === name}
                onChange={() => actions.choosePreset(name)}
              />
              <span className={css.sizeTitle}>
                <b>{title}</b> <span className={controls.number}>{sizeWords(model)}</span>
              </span>
              <span className={css.sizeWords}>{words}</span>
              <span className={css.sizeFacts}>
                <span>{formatParameters(parameters)} parameters</span>
                <span>{cost === null ? '…' : formatSize(cost.bytes)}</span>
                <b>{costWords(cost)}</b>
              </span>
            </label>
          );
        })}
        <GoOnCards />
      </fieldset>
      <p className={css.about}>
        {estimate.at === 'coming'
          ? 'Measuring a few steps on this device…'
          : device === undefined
            ? 'Layers × width. Time is measured here once the text is read.'
            : `Layers × width. Time of the steps alone, without samples and checks, on ${deviceTitle(device)}: ${preset === null && !isGoingOn ? 'your own size is' : 'the chosen one is'} measured, the others are reckoned from it.`}
      </p>
      {isGoingOn ? <GoOnDetails /> : <TorchSwitch />}
    </>
  );
}

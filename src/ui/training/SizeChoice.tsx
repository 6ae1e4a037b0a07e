// The second choice: how large the model is, with what it takes on this device.
import type { ReactNode } from 'react';
import {
  costOf,
  memoryOf,
  parametersOf,
  PRESETS,
  tokenizerFor,
  vocabularyOf,
  withPreset,
} from '../../state/training/presets.ts';
import controls from '../controls.module.css';
import { formatCount } from '../format.ts';
import { later } from '../later.ts';
import { formatSize } from '../models/words.ts';
import { useTraining, useTrainingFacts } from './context.ts';
import { GoOnCards } from './GoOn.tsx';
import { draftMemory, measuredOf } from './obstacle.ts';
import { Parameters } from './Parameters.tsx';
import { TorchSwitch } from './TorchSwitch.tsx';
import css from './training.module.css';
import { costWords, deviceTitle, measuredWords, sizeWords } from './words.ts';

const goOnDetails = later(
  async () => (await import('./GoOnDetails.tsx')).GoOnDetails,
  'What goes on with a model',
);

export function SizeChoice(): ReactNode {
  const { actions } = useTraining();
  const {
    settings,
    preset,
    ownTokenizer,
    read,
    cost: costs,
    memory,
  } = useTrainingFacts((s) => ({
    memory: draftMemory(s),
    settings: s.draft.settings,
    preset: s.draft.preset,
    ownTokenizer: s.draft.ownTokenizer,
    read: s.text.read,
    cost: s.cost,
  }));
  const isGoingOn = settings.base !== undefined;
  const characters = read.at === 'here' ? read.value.characters : null;
  const usual =
    ownTokenizer && !isGoingOn ? settings.tokenizer : tokenizerFor(settings.text, characters);
  // The notebook's is one choice, in the width that is chosen beside it.
  const other = preset === 'narrow' ? 'notebook' : 'narrow';
  const { estimate, last } = costs;
  const own = measuredOf(costs);
  const device = last?.estimate.device;
  return (
    <>
      <fieldset className={css.sizes} aria-label="Size">
        {PRESETS.filter(({ name }) => name !== other).map((one) => {
          const { name, title, words, model } = one;
          const tokenizer = one.tokenizer ?? usual;
          const isRead = read.at === 'here' && tokenizer.kind === settings.tokenizer.kind;
          const vocabulary = isRead ? read.value.vocabSize : vocabularyOf(tokenizer);
          const isChosen = preset === name;
          const measured = (isChosen && own) || last;
          const sized = withPreset(settings, name);
          const cost = costOf(sized, vocabulary, measured);
          const parameters = cost?.parameters ?? parametersOf(model, vocabulary);
          // Sizes alone say how much; only time has to be measured.
          const bytes =
            (isChosen ? memory?.total : undefined) ?? cost?.bytes ?? memoryOf(sized, vocabulary);
          return (
            <label key={name} className={css.size}>
              <input
                type="radio"
                name="train-size"
                checked={isChosen}
                onChange={() => actions.choosePreset(name)}
              />
              <span className={css.sizeTitle}>
                <b>{title}</b> <span className={controls.number}>{sizeWords(model)}</span>
              </span>
              <span className={css.sizeWords}>
                {words}; {formatCount(Number(one.arguments['max_steps']))} steps
              </span>
              <span className={css.sizeFacts}>
                <Parameters count={parameters} />
                <span>{formatSize(bytes)}</span>
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
            ? 'Layers × width, parameters, memory. Time is measured here once the text is read.'
            : `Layers × width, parameters, memory. Time is that of the steps alone, on ${deviceTitle(device)}: ${measuredWords(settings, preset, own !== null)}.`}
      </p>
      {isGoingOn ? <goOnDetails.Part /> : <TorchSwitch />}
    </>
  );
}

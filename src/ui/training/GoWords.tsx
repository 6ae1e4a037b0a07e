// What is going to be trained, in a sentence; what it takes and keeps, and who else trains meanwhile.
import type { ReactNode } from 'react';
import type { RunSettings } from '../../api.ts';
import type { TrainingState } from '../../state/training/facts.ts';
import { storageOf } from '../../state/training/kept.ts';
import {
  costOf,
  parametersOf,
  presetOf,
  sizeNamed,
  type Cost,
  type PresetName,
} from '../../state/training/presets.ts';
import controls from '../controls.module.css';
import { formatCount } from '../format.ts';
import { formatSize } from '../models/words.ts';
import { useTrainingFacts } from './context.ts';
import { measuredOf, draftMemory } from './obstacle.ts';
import css from './training.module.css';
import { deviceTitle, formatDuration, sizeWords, textTitle } from './words.ts';

function learnerWords({ base, model }: RunSettings, preset: PresetName | null): string {
  if (base !== undefined) return base.lora === undefined ? base.name : `A LoRA on ${base.name}`;
  const title = preset === null ? sizeNamed(model)?.title : presetOf(preset).title;
  return `${title ?? 'Your own size'}, ${sizeWords(model)},`;
}

/** Reckoned where the draft itself was not measured; null where it was, or nothing was yet. */
function reckoned(
  { settings }: TrainingState['draft'],
  { read }: TrainingState['text'],
  cost: TrainingState['cost'],
): Cost | null {
  const waits = cost.estimate.at === 'coming' || cost.estimate.at === 'failed';
  if (waits || measuredOf(cost) !== null || read.at !== 'here') return null;
  return costOf(settings, read.value.vocabSize, cost.last);
}

export function GoWords(): ReactNode {
  const { draft, text, cost, memory } = useTrainingFacts((s) => ({
    draft: s.draft,
    text: s.text,
    cost: s.cost,
    memory: draftMemory(s),
  }));
  const { settings, preset } = draft;
  const steps = Number(settings.arguments['max_steps']);
  const measured = measuredOf(cost)?.estimate ?? null;
  const about = reckoned(draft, text, cost);
  return (
    <p>
      {`${learnerWords(settings, preset)} learns ${textTitle(settings.text)}: ${formatCount(steps)} steps`}
      {measured !== null && (
        <>
          , <b>{formatDuration(measured.secondsAStep * steps)}</b> and{' '}
          {formatSize(measured.memory.total)} on {deviceTitle(measured.device)}
        </>
      )}
      {about !== null && (
        <>
          , <b>about {formatDuration(about.seconds)}</b> and{' '}
          {formatSize(memory?.total ?? about.bytes)}, which is reckoned and not measured
        </>
      )}
      .
    </p>
  );
}

/** Whether the browser has room for what it keeps, and the device time for it. */
export function Room(): ReactNode {
  const { draft, text, cost, other, memory } = useTrainingFacts((s) => ({
    memory: draftMemory(s),
    draft: s.draft,
    text: s.text,
    cost: s.cost,
    other: s.runs.all?.find(({ elsewhere }) => elsewhere)?.name ?? null,
  }));
  const { estimate, freeBytes } = cost;
  const counted =
    text.read.at === 'here' ? parametersOf(draft.settings.model, text.read.value.vocabSize) : 0;
  // Nobody waits for a measurement to hear that there is no room.
  const parameters = estimate.at === 'here' ? estimate.value.estimate.parameters : counted;
  const keeps = storageOf(draft.settings, parameters);
  return (
    <>
      {freeBytes !== null && keeps > freeBytes && memory?.problem == null && (
        <p className={css.wrong} data-testid="no-room">
          It keeps up to {formatSize(keeps)} in this browser, which has {formatSize(freeBytes)} left
          for this page. It trains all the same, but what finds no room is lost with the tab: take a
          smaller size, or delete runs or models first.
        </p>
      )}
      {other !== null && (
        <p className={controls.quiet} data-testid="other-tab">
          “{other}” trains in another tab: both are slower meanwhile, and so is what was measured
          here.
        </p>
      )}
    </>
  );
}

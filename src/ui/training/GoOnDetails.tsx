// Of a model that is gone on with: what learns, and what that takes.
import type { ReactNode } from 'react';
import type { RunMemory } from '../../api.ts';
import { loraParameters } from '../../state/training/base.ts';
import { fieldsFor } from '../../state/training/fields.ts';
import { formatCount } from '../format.ts';
import { formatSize } from '../models/words.ts';
import { useTrainingFacts } from './context.ts';
import { Entry } from './Entry.tsx';
import { Problem } from './Problem.tsx';
import css from './training.module.css';
import { isOfBase, logitsAndMasks } from './words.ts';

/** What learns, and what is taken for it; why the model cannot be had. */
export function GoOnDetails(): ReactNode {
  const { settings, read, estimate } = useTrainingFacts((s) => ({
    settings: s.draft.settings,
    read: s.text.read,
    estimate: s.cost.estimate,
  }));
  const { base, model } = settings;
  if (base === undefined) return null;
  const own = fieldsFor(settings).filter(({ ofModel }) => ofModel === true);
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

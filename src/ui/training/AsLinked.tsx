// A run whose settings came with a link: whether its first losses are those of the run that the link was copied from.
import type { ReactNode } from 'react';
import { SAME_LOSS } from '../../runFiles.ts';
import controls from '../controls.module.css';
import { formatCount } from '../format.ts';
import { usePacedFacts, useTraining } from './context.ts';
import css from './TakeAway.module.css';
import { sameWords, ThereAndHere, WHY_THEY_PART, type StepPair } from './ThereAndHere.tsx';
import { formatLoss } from './words.ts';

export function AsLinked(): ReactNode {
  const { curve } = useTraining();
  const { linked, isHere, at } = usePacedFacts((s) => ({
    linked: s.watch.linked,
    // The curve is that of the run before, until this one has begun.
    isHere: s.watch.run !== null,
    at: s.watch.at,
    revision: s.watch.revision,
  }));
  const steps: StepPair[] = Array.from(curve.losses.subarray(0, linked.length), (here, i) => ({
    step: i + 1,
    there: linked[i] ?? NaN,
    here,
  }));
  if (!isHere || steps.length === 0) return null;
  return (
    <details className={controls.quiet} data-testid="as-linked">
      <summary>{linkedWords(steps, linked.length, at === 'resting')}</summary>
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it scrolls */}
      <section className={css.losses} tabIndex={0} aria-label="Losses of the link, and here">
        <ThereAndHere
          there="in the link"
          steps={steps}
          digits={5}
          parts={steps.find(areApart)?.step}
          caption="Loss, in nats a token"
        />
      </section>
    </details>
  );
}

/** A loss that is no number is not the same. */
function areApart({ there, here }: StepPair): boolean {
  return !(Math.abs(here - there) <= SAME_LOSS);
}

/** How the steps that were made so far compare, of so many that the link holds. */
export function linkedWords(steps: readonly StepPair[], count: number, isOver: boolean): string {
  const parting = steps.find(areApart);
  if (parting !== undefined) {
    return `The losses part at step ${formatCount(parting.step)}: ${formatLoss(parting.there)} in the link, ${formatLoss(parting.here)} here. ${WHY_THEY_PART}`;
  }
  if (steps.length < count && !isOver) {
    return `The same losses as in the link so far, over ${formatCount(steps.length)} of ${formatCount(count)} steps.`;
  }
  return `The same losses here as in the link, over ${formatCount(steps.length)} steps: ${sameWords(steps)}`;
}

// A receipt that was brought, against the same steps made here.
import type { ReactNode } from 'react';
import type { RunReceipt } from '../../api.ts';
import controls from '../controls.module.css';
import { formatCount } from '../format.ts';
import { FIRST_STEPS } from '../../runFiles.ts';
import { useTraining, useTrainingFacts } from './context.ts';
import css from './TakeAway.module.css';
import { sameWords, ThereAndHere, WHY_THEY_PART } from './ThereAndHere.tsx';

/** Both losses of each step, and where they part. */
export function ReceiptLosses(): ReactNode {
  const { at, steps, parts } = useTrainingFacts((s) => s.brought);
  if (steps.length === 0) return null;
  return (
    <>
      {at === 'done' && <Verdict />}
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it scrolls */}
      <section className={css.losses} tabIndex={0} aria-label="Losses of the receipt, and here">
        <ThereAndHere
          there="there"
          steps={steps}
          digits={5}
          parts={parts}
          caption="Loss, in nats a token"
        />
      </section>
    </>
  );
}

/** What became of a change of its settings, here. */
function changedWords(
  { step, words }: RunReceipt['changes'][number],
  { made, last }: { readonly made: number; readonly last: number },
): string {
  const there = `After step ${formatCount(step)} it went on with other settings (${words})`;
  if (step < made) return `${there}, and so it did here.`;
  return step < last
    ? `${there}.`
    : `${there}: steps behind that cannot be made again from this receipt.`;
}

function Verdict(): ReactNode {
  const { actions } = useTraining();
  const { steps, parts, receipt, until: last } = useTrainingFacts((s) => s.brought);
  const made = steps.at(-1)?.step ?? 0;
  const isMore = parts === null && made < last;
  return (
    <>
      <p data-testid="receipt-verdict">
        <b>
          {parts === null
            ? `The same losses here as there, over ${formatCount(made)} steps`
            : `The losses part at step ${formatCount(parts)}`}
        </b>
        {parts === null
          ? `: ${sameWords(steps)}`
          : `: there they differ by more than 1e-4. ${WHY_THEY_PART}`}
        {parts !== null &&
          parts > FIRST_STEPS &&
          ' Sums in another order may do it too, so late: each step makes their differences larger.'}
        {receipt?.changes
          .filter(({ step }) => step > 0)
          .map((change) => ` ${changedWords(change, { made, last })}`)}
        {parts === null &&
          (made < (receipt?.step ?? 0)
            ? ' Later steps, and the weights at the end, were not made again.'
            : ' The weights at the end were not compared.')}
        {receipt !== null && receipt.device !== '' && ` It was made by: ${receipt.device}.`}
      </p>
      {isMore && (
        <p>
          <button className={controls.button} type="button" onClick={() => actions.checkAllSteps()}>
            Check all {formatCount(last)} steps
          </button>{' '}
          <span className={controls.quiet}>It takes as long as the run did.</span>
        </p>
      )}
    </>
  );
}

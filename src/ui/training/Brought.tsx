// What somebody brings: a run of another machine, or a receipt, whose first steps are made again here.
import { useRef, useState, type ReactNode } from 'react';
import type { RunReceipt } from '../../api.ts';
import controls from '../controls.module.css';
import { formatCount } from '../format.ts';
import { useTraining, useTrainingFacts } from './context.ts';
import css from './TakeAway.module.css';
import { largestDifference, ThereAndHere } from './ThereAndHere.tsx';

export function Brought(): ReactNode {
  const { actions } = useTraining();
  const { brought } = useTrainingFacts((s) => ({ brought: s.brought }));
  const { at, kind, name, doing, error } = brought;
  return (
    <div className={css.brought} data-testid="brought">
      <div className={css.doors}>
        <Door words="Open a run…" label="A run’s file" accept=".zip" take={actions.bringRun} />
        <Door
          words="Check a receipt…"
          label="A receipt’s file"
          accept=".json"
          take={actions.bringReceipt}
        />
      </div>
      {at === 'working' && (
        <p>
          {name}: {doing}…{' '}
          <button className={controls.link} type="button" onClick={() => actions.dismissBrought()}>
            {kind === 'run' ? 'Cancel' : 'End the check'}
          </button>
        </p>
      )}
      {error !== null && (
        <p className={css.wrong} role="alert">
          <b>{error.message}</b> {error.hint}
        </p>
      )}
      {at === 'text' && <Ask />}
      {kind === 'receipt' && <Losses />}
      {(at === 'failed' || at === 'text' || at === 'done') && (
        <p>
          <button className={controls.link} type="button" onClick={() => actions.dismissBrought()}>
            Dismiss
          </button>
        </p>
      )}
    </div>
  );
}

function Door({
  words,
  label,
  accept,
  take,
}: {
  readonly words: string;
  readonly label: string;
  readonly accept: string;
  readonly take: (file: File) => void;
}): ReactNode {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button className={controls.button} type="button" onClick={() => input.current?.click()}>
        {words}
      </button>
      <input
        ref={input}
        type="file"
        accept={accept}
        hidden
        aria-label={label}
        onChange={(event) => {
          const file = event.target.files?.[0];
          if (file !== undefined) take(file);
          event.target.value = '';
        }}
      />
    </>
  );
}

/** For the text that it learned from. */
function Ask(): ReactNode {
  const { actions } = useTraining();
  const [text, setText] = useState('');
  return (
    <form
      className={css.ask}
      onSubmit={(event) => {
        event.preventDefault();
        if (text !== '') actions.giveText(text);
      }}
    >
      <textarea
        aria-label="The text that it learned"
        placeholder="Paste the text that it learned."
        spellCheck={false}
        value={text}
        onChange={(event) => setText(event.target.value)}
      />
      <div className={css.doors}>
        <button className={controls.primary} type="submit" aria-disabled={text === ''}>
          This is the text
        </button>
        <Door
          words="Choose its file…"
          label="The file of the text that it learned"
          accept=".txt,.md,.csv,text/plain,text/markdown,text/csv"
          take={actions.giveText}
        />
      </div>
    </form>
  );
}

/** Both losses of each step, and where they part. */
function Losses(): ReactNode {
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

/** Until here sums in another order differ by less than what is told apart. */
const EARLY = 20;

function Verdict(): ReactNode {
  const { actions } = useTraining();
  const { steps, parts, receipt, until: last } = useTrainingFacts((s) => s.brought);
  const largest = largestDifference(steps);
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
          ? `: none differs by more than ${largest === 0 ? '0' : largest.toExponential(0)}; 1e-4 is the line.`
          : ': there they differ by more than 1e-4. Another version of the page does that, and so may a device that computes less exactly.'}
        {parts !== null &&
          parts > EARLY &&
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

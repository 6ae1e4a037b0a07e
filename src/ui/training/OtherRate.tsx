// Goes on with another rate, or for more steps.
import { useState, type ReactNode } from 'react';
import { comingChange, goOnWith, inForce } from '../../state/training/inForce.ts';
import controls from '../controls.module.css';
import { formatCount } from '../format.ts';
import { usePacedFacts, useTraining } from './context.ts';
import css from './training.module.css';

/** Goes on with another rate, or for more steps; both are marked on the curve. */
export function OtherRate({
  open,
  setOpen,
}: {
  readonly open: boolean;
  readonly setOpen: (open: boolean) => void;
}): ReactNode {
  const { actions } = useTraining();
  const { run } = usePacedFacts((s) => ({ run: s.watch.run }));
  const [wrong, setWrong] = useState('');
  if (run === null) return null;
  const { learning_rate: rate } = inForce(run);
  const coming = comingChange(run);
  const isDone = run.step >= run.max_steps;
  if (!open) {
    return (
      <button
        className={controls.button}
        type="button"
        aria-expanded={false}
        onClick={() => setOpen(true)}
      >
        {isDone ? 'Train on' : 'Change'}…
      </button>
    );
  }
  return (
    <form
      className={css.change}
      onSubmit={(event) => {
        event.preventDefault();
        const data = new FormData(event.currentTarget);
        const learning_rate = Number(data.get('rate'));
        const max_steps = Number(data.get('steps'));
        if (!(learning_rate > 0)) setWrong('The learning rate is a number above 0.');
        else if (!Number.isInteger(max_steps) || max_steps <= run.step) {
          setWrong(`It has made ${formatCount(run.step)} steps: say a whole number above that.`);
        } else {
          setOpen(false);
          setWrong('');
          void actions.resume(run.id, goOnWith(run, { learning_rate, max_steps }));
        }
      }}
    >
      <label>
        learning_rate
        <input
          className={css.number}
          name="rate"
          inputMode="decimal"
          defaultValue={String(rate)}
          // oxlint-disable-next-line jsx-a11y/no-autofocus -- the form took the place of the button that had it
          autoFocus
        />
      </label>
      <label>
        max_steps
        <input
          className={css.number}
          name="steps"
          inputMode="numeric"
          defaultValue={String(isDone ? run.max_steps * 2 : run.max_steps)}
        />
      </label>
      <button className={controls.primary} type="submit">
        Go on
      </button>
      <button className={controls.plain} type="button" onClick={() => setOpen(false)}>
        Cancel
      </button>
      {coming !== null && (
        <p className={controls.quiet}>
          After step {formatCount(coming.step)} it is to change: {coming.words}. With something else
          said here that does not come.
        </p>
      )}
      {wrong !== '' && (
        <p className={css.wrong} role="alert">
          {wrong}
        </p>
      )}
    </form>
  );
}

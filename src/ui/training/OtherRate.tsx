// Goes on with another rate, or for more steps.
import { useState, type ReactNode } from 'react';
import { fieldOf, refusal } from '../../state/training/fields.ts';
import type { ShownRun } from '../../state/training/facts.ts';
import { comingChange, goOnWith, inForce } from '../../state/training/inForce.ts';
import controls from '../controls.module.css';
import { formatCount } from '../format.ts';
import { useTraining } from './context.ts';
import css from './training.module.css';

/** Goes on with another rate, or for more steps; both are marked on the curve. */
export function OtherRate({
  run,
  close,
}: {
  readonly run: ShownRun;
  readonly close: () => void;
}): ReactNode {
  const { actions } = useTraining();
  const [wrong, setWrong] = useState('');
  const { learning_rate: rate } = inForce(run);
  const coming = comingChange(run);
  const isDone = run.step >= run.max_steps;
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- Cancel does the same
    <form
      className={css.change}
      onKeyDown={({ key }) => {
        if (key === 'Escape') close();
      }}
      onSubmit={(event) => {
        event.preventDefault();
        const data = new FormData(event.currentTarget);
        const typed = (name: string): string => {
          const value = data.get(name);
          return typeof value === 'string' ? value : '';
        };
        const [why] = ['learning_rate', 'max_steps'].flatMap((name) => {
          const field = fieldOf(name);
          return (field && refusal(field, typed(name))) ?? [];
        });
        const max_steps = Number(typed('max_steps'));
        if (why !== undefined) setWrong(why);
        else if (max_steps <= run.step) {
          setWrong(`It has made ${formatCount(run.step)} steps: say a whole number above that.`);
        } else {
          close();
          const learning_rate = Number(typed('learning_rate'));
          void actions.resume(run.id, goOnWith(run, { learning_rate, max_steps }));
        }
      }}
    >
      <label>
        learning_rate
        <input
          className={css.number}
          name="learning_rate"
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
          name="max_steps"
          inputMode="numeric"
          defaultValue={String(isDone ? run.max_steps * 2 : run.max_steps)}
        />
      </label>
      <button className={controls.primary} type="submit">
        Go on
      </button>
      <button className={controls.plain} type="button" onClick={close}>
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

// A question that is asked once, in place of the button that it is about.
import type { ReactNode } from 'react';
import css from './Confirm.module.css';
import controls from './controls.module.css';

export function Confirm({
  question,
  label,
  onYes,
  onNo,
}: {
  readonly question: string;
  readonly label: string;
  readonly onYes: () => void;
  readonly onNo: () => void;
}): ReactNode {
  return (
    <fieldset className={css.confirm} aria-label={label}>
      <span>{question}</span>
      <button className={controls.button} type="button" onClick={onYes}>
        Yes
      </button>
      <button
        className={controls.button}
        type="button"
        // oxlint-disable-next-line jsx-a11y/no-autofocus -- the question took the place of the button that had it
        autoFocus
        onClick={onNo}
      >
        No
      </button>
    </fieldset>
  );
}

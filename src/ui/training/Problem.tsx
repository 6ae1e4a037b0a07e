// What went wrong, in words, with the next step.
import type { ReactNode } from 'react';
import type { ErrorInfo } from '../../api.ts';
import css from './training.module.css';

export function Problem({
  error,
  children,
}: {
  readonly error: ErrorInfo;
  /** What can be pressed about it. */
  readonly children?: ReactNode;
}): ReactNode {
  return (
    <div className={css.problem} data-testid="train-problem">
      <p>
        <b>{error.message}</b> {error.hint}
      </p>
      {children}
    </div>
  );
}

// How many parameters a model has, on its card.
import type { ReactNode } from 'react';
import controls from '../controls.module.css';
import { formatParameters } from '../format.ts';

/** What the numbers are, a line below all cards says to those who see it. */
export function Parameters({ count }: { readonly count: number }): ReactNode {
  return (
    <span>
      {formatParameters(count)} <span className={controls.visuallyHidden}>parameters</span>
    </span>
  );
}

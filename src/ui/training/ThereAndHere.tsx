// Losses of the same steps, as they were elsewhere and as they are here.
import type { ReactNode } from 'react';

export interface StepPair {
  readonly step: number;
  readonly there: number;
  readonly here: number;
}

/** Of losses that are the same. */
export function sameWords(steps: readonly StepPair[]): string {
  const largest = largestDifference(steps);
  return `none differs by more than ${largest === 0 ? '0' : largest.toExponential(0)}; 1e-4 is the line.`;
}

/** Why losses part that should be the same. */
export const WHY_THEY_PART =
  'Another version of the page does that, and so may a device that computes less exactly.';

export function largestDifference(steps: readonly StepPair[]): number {
  return Math.max(0, ...steps.map(({ there, here }) => Math.abs(here - there)));
}

export function ThereAndHere({
  caption,
  there,
  steps,
  digits,
  parts = null,
  className,
}: {
  readonly caption: ReactNode;
  /** Who had the first of both. */
  readonly there: string;
  readonly steps: readonly StepPair[];
  readonly digits: number;
  /** The step from which they are different. */
  readonly parts?: number | null;
  readonly className?: string | undefined;
}): ReactNode {
  return (
    <table className={className}>
      <caption>{caption}</caption>
      <thead>
        <tr>
          <th scope="col">step</th>
          <th scope="col">{there}</th>
          <th scope="col">here</th>
        </tr>
      </thead>
      <tbody>
        {steps.map((one) => (
          <tr key={one.step} data-parts={one.step === parts}>
            <th scope="row">{one.step}</th>
            <td>{one.there.toFixed(digits)}</td>
            <td>{one.here.toFixed(digits)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

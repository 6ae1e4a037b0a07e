// The steps of a run on a line: as a logarithm, since most happens at the beginning. Pure arithmetic; places are shares
// of the line, 0 to 1.

import { formatCount } from '../format.ts';

export interface TimeTick {
  readonly step: number;
  readonly at: number;
}

/** Where a step stands: log(1 + step), so that step 0 has a place too. `last` is the line's end. */
export function placeOf(step: number, last: number): number {
  return Math.log1p(Math.max(0, Math.min(step, last))) / Math.log1p(Math.max(1, last));
}

/** The same where the steps may stand evenly. */
export function placeOn(horizontal: 'linear' | 'log', step: number, last: number): number {
  return horizontal === 'log' ? placeOf(step, last) : step / Math.max(1, last);
}

/**
 * 0, 1, 10, 100 … and the last, each as wide as its digits are, `digit` being the share of the line that one takes, and
 * with two of them between any two. Each stands around its place, the last one before it.
 */
export function timeTicks(last: number, digit: number): readonly TimeTick[] {
  const wide = (step: number): number => digit * formatCount(step).length;
  const end = 1 - wide(last);
  const ticks: TimeTick[] = [{ step: 0, at: 0 }];
  let behind = wide(0) / 2;
  for (let step = 1; step < last; step *= 10) {
    const at = placeOf(step, last);
    const half = wide(step) / 2;
    if (at - half < behind + 2 * digit || at + half + 2 * digit > end) continue;
    ticks.push({ step, at });
    behind = at + half;
  }
  return [...ticks, { step: last, at: 1 }];
}

/** The one of some steps that lies nearest to a place, in whatever `x` says where each lies; null of none. */
export function nearestStep(
  steps: readonly number[],
  place: number,
  { x }: { readonly x: (step: number) => number },
): number | null {
  let best: number | null = null;
  for (const step of steps) {
    if (best === null || Math.abs(x(step) - place) < Math.abs(x(best) - place)) best = step;
  }
  return best;
}

/** The same on the line. */
export function stepAt(place: number, steps: readonly number[], last: number): number | null {
  return nearestStep(steps, place, { x: (step) => placeOf(step, last) });
}

/** So many of the ascending steps on from a step, which need not be one of them; the first or the last at the ends. */
export function stepBy(step: number, by: number, steps: readonly number[]): number {
  const behind = steps.findIndex((one) => one >= step);
  const at = behind < 0 ? steps.length : behind;
  // Between two of them, the one behind is one step away.
  const isThere = steps[at] === step;
  const to = at + (isThere || by <= 0 ? by : by - 1);
  return steps[Math.max(0, Math.min(steps.length - 1, to))] ?? step;
}

/**
 * A loss over the line as points (share of the width, share of the height, 0 at the top): of all losses that fall
 * into one of `columns`, their mean, so that the line is as calm as it is thin. Empty where there is nothing to draw.
 */
export function lossLine(
  steps: ArrayLike<number>,
  losses: ArrayLike<number>,
  last: number,
  columns: number,
): readonly (readonly [number, number])[] {
  const sums = new Float64Array(columns);
  const counts = new Uint32Array(columns);
  for (let i = 0; i < steps.length; i++) {
    const loss = losses[i] ?? Number.NaN;
    if (!Number.isFinite(loss)) continue;
    const column = Math.min(columns - 1, Math.floor(placeOf(steps[i] ?? 0, last) * columns));
    sums[column] = (sums[column] ?? 0) + loss;
    counts[column] = (counts[column] ?? 0) + 1;
  }
  const means: [number, number][] = [];
  for (let c = 0; c < columns; c++) {
    const count = counts[c] ?? 0;
    if (count > 0) means.push([(c + 0.5) / columns, (sums[c] ?? 0) / count]);
  }
  const values = means.map(([, loss]) => loss);
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const range = Math.max(most - least, 1e-9);
  return means.map(([x, loss]) => [x, (most - loss) / range]);
}

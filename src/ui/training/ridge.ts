// What every head does, over the steps of a run: rows of numbers, the moment that stands out, and both in words.
import type { Behaviour, RunSnapshot } from '../../api.ts';
import { KINDS } from '../../state/headLabels.ts';
import { formatCount } from '../format.ts';

/** Those that tell most, in the order in which they are offered. */
export const RIDGES = [
  'induction',
  'previous',
  'duplicate',
  'first',
] as const satisfies readonly Behaviour[];
export type RidgeOf = (typeof RIDGES)[number];

export interface Ridge {
  readonly behaviour: RidgeOf;
  readonly nLayer: number;
  readonly nHead: number;
  /** As `HeadScores.on`. */
  readonly on?: string;
  /** In ascending order. */
  readonly steps: readonly number[];
  /** A row a head, 0 to 1 for each of the steps; NaN where it was not measured. */
  readonly rows: readonly Float32Array[];
}

/** Null where no snapshot has scores. */
export function ridgeOf(snapshots: readonly RunSnapshot[], behaviour: RidgeOf): Ridge | null {
  const scored = snapshots
    .flatMap(({ step, scores }) => (scores === null ? [] : [{ step, scores }]))
    .toSorted((a, b) => a.step - b.step);
  const [first] = scored;
  if (first === undefined) return null;
  const { nLayer, nHead, on } = first.scores;
  const rows = Array.from({ length: nLayer * nHead }, (_, head) =>
    Float32Array.from(scored, ({ scores }) => scores.scores[behaviour][head] ?? Number.NaN),
  );
  const steps = scored.map(({ step }) => step);
  return { behaviour, nLayer, nHead, ...(on !== undefined && { on }), steps, rows };
}

export function ridgeName({ nHead }: Pick<Ridge, 'nHead'>, row: number): string {
  return `${Math.floor(row / nHead)}.${row % nHead}`;
}

/** When a head begins to do something: from its lowest score to its highest after it. */
export interface Rise {
  readonly row: number;
  /** Indices of steps. */
  readonly from: number;
  readonly to: number;
  readonly before: number;
  readonly after: number;
}

/** How the strip of the moment is shaded. */
export const MOMENT = 16;
/** A smaller rise is what chance does from one step to the next. */
const LEAST_RISE = 0.1;
/** Of a rise the part that counts as its beginning, and as its end. */
const MARGIN = 0.1;

/**
 * The largest rise of all heads, without what hardly moves at its ends: from the last step that has a tenth of it at
 * most to the first that has nine tenths. Null where no head rises by 0.1.
 */
export function largestRise({ rows }: Ridge): Rise | null {
  let best: { row: number; low: number; high: number; by: number } | null = null;
  rows.forEach((scores, row) => {
    let low = -1;
    scores.forEach((score, i) => {
      if (Number.isNaN(score)) return;
      if (low < 0 || score < (scores[low] ?? 0)) low = i;
      const by = score - (scores[low] ?? 0);
      if (by >= LEAST_RISE && by > (best?.by ?? 0)) best = { row, low, high: i, by };
    });
  });
  if (best === null) return null;
  const { row, low, high, by } = best as { row: number; low: number; high: number; by: number };
  const scores = rows[row] ?? new Float32Array();
  const least = scores[low] ?? 0;
  const part = (i: number): number => ((scores[i] ?? Number.NaN) - least) / by;
  let from = low;
  for (let i = low; i < high; i++) if (part(i) <= MARGIN) from = i;
  let to = high;
  for (let i = high; i > from; i--) if (part(i) >= 1 - MARGIN) to = i;
  return { row, from, to, before: scores[from] ?? 0, after: scores[to] ?? 0 };
}

/** The moment in which a head comes to do what its label would then say; null where none does. */
export function momentOf(ridge: Ridge): Rise | null {
  const rise = largestRise(ridge);
  // A head that spreads over all copies a little rises too.
  return rise !== null && rise.after >= KINDS[ridge.behaviour].least ? rise : null;
}

const BEGINS: Readonly<Record<RidgeOf, string>> = {
  induction: 'starts to copy',
  previous: 'starts to look at the token before',
  duplicate: 'starts to find the same token again',
  first: 'comes to rest on the first token',
};

/** `head 1.0 starts to copy`. */
export function momentWords(ridge: Ridge, { row }: Rise): string {
  return `head ${ridgeName(ridge, row)} ${BEGINS[ridge.behaviour]}`;
}

/** The moment in one sentence. */
export function ridgeFinding(ridge: Ridge): string {
  const { behaviour, steps, rows } = ridge;
  const rise = momentOf(ridge);
  if (rise !== null) {
    const { row, from, to, before, after } = rise;
    const [start, end] = [steps[from] ?? 0, steps[to] ?? 0];
    return `Head ${ridgeName(ridge, row)} ${BEGINS[behaviour]} between step ${formatCount(start)} and ${formatCount(end)}: ${before.toFixed(2)} → ${after.toFixed(2)}.`;
  }
  let best = { row: -1, at: 0, score: -1 };
  rows.forEach((scores, row) =>
    scores.forEach((score, at) => {
      if (score > best.score) best = { row, at, score };
    }),
  );
  if (best.row < 0) return `What heads do as ${KINDS[behaviour].words} was not measured.`;
  return `No head ${BEGINS[behaviour]} so far: the highest score is ${best.score.toFixed(2)}, of head ${ridgeName(ridge, best.row)} at step ${formatCount(steps[best.at] ?? 0)}.`;
}

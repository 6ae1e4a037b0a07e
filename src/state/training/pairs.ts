// Which runs can be compared, and with what.
import type { RunFacts, RunRecord } from '../../api.ts';
import { ownEdits } from './edits.ts';
import type { RunPair } from './facts.ts';
import { isKept } from './kept.ts';

/** Those that a run can be compared with, as `[first, twin]`, the newest first. */
export function pairsOf(
  id: string,
  all: readonly RunFacts[],
): readonly (readonly [first: RunFacts, twin: RunFacts])[] {
  return all
    .filter(({ twinOf }) => twinOf !== null)
    .flatMap((twin) => {
      const first = all.find((one) => one.id === twin.twinOf);
      return first !== undefined && (first.id === id || twin.id === id)
        ? [[first, twin] as const]
        : [];
    })
    .toSorted(([, a], [, b]) => b.begun - a.begun);
}

/** Steps whose weights both have, in order. */
export function commonSteps({ first, twin }: RunPair): readonly number[] {
  const there = new Set(twin.snapshots.filter(isKept).map(({ step }) => step));
  return first.snapshots.flatMap((one) => (isKept(one) && there.has(one.step) ? [one.step] : []));
}

/** Of two edits that count as of one size, the larger has so many times the characters of the other at most. */
const SAME_SIZE = 2;

/** Other twins of the same run with one edit of the same kind, as far as this one, the newest first. */
export function controlsOf<R extends RunFacts>({ first, twin }: RunPair, all: readonly R[]): R[] {
  const mine = ownEdits(first.settings, twin.settings);
  const [edit] = mine;
  if (edit === undefined || mine.length > 1) return [];
  const controls = all.filter(({ id, twinOf, settings, step, state }) => {
    if (twinOf !== first.id || id === twin.id || step !== twin.step || state !== 'done')
      return false;
    const [its, more] = ownEdits(first.settings, settings);
    if (its?.what !== edit.what || more !== undefined) return false;
    return (
      !its.passage.includes(edit.passage) && SAME_SIZE * its.passage.length >= edit.passage.length
    );
  });
  return controls.toSorted((a, b) => b.begun - a.begun);
}

/** The first of them whose text is longer or shorter than the run's by about as many characters as the twin's. */
export function controlOf(
  { first, twin }: RunPair,
  controls: readonly RunRecord[],
): RunRecord | null {
  const changed = ({ text }: RunRecord) => Math.abs(text.characters - first.text.characters);
  const size = changed(twin);
  const isAlike = (its: number) => its <= SAME_SIZE * size && size <= SAME_SIZE * its;
  return controls.find((one) => isAlike(changed(one))) ?? null;
}

// Which runs can be compared, and with what.
import type { RunFacts } from '../../api.ts';
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

/** Of two passages that count as of one size, the longer has so many times the characters of the other at most. */
const SAME_SIZE = 2;

/** The newest other twin of the same run with an edit of the same kind and size, as far as this one. */
export function controlOf({ first, twin }: RunPair, all: readonly RunFacts[]): RunFacts | null {
  const mine = ownEdits(first.settings, twin.settings);
  const [edit] = mine;
  if (edit === undefined || mine.length > 1) return null;
  const size = edit.passage.length;
  const controls = all.filter(({ id, twinOf, settings, step, state }) => {
    if (twinOf !== first.id || id === twin.id || step !== twin.step || state !== 'done')
      return false;
    const [its, more] = ownEdits(first.settings, settings);
    if (its?.what !== edit.what || more !== undefined || its.passage === edit.passage) return false;
    const ratio = its.passage.length / size;
    return ratio <= SAME_SIZE && ratio >= 1 / SAME_SIZE;
  });
  return controls.toSorted((a, b) => b.begun - a.begun)[0] ?? null;
}

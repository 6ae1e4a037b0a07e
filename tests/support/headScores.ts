// What a model of one head does in a text, for tests of its name.
import type { Habit, HeadNames } from '../../src/api.ts';
import { HABITS } from '../../src/habits.ts';

/** Scores of the one head, and of its shuffles; 0 where nothing is said. */
export function names(
  of: Partial<Record<Habit, number>>,
  shuffled: Partial<Record<Habit, number>> = {},
  words: readonly string[] = [],
  elsewhere = of.first ?? Number.NaN,
): HeadNames {
  const each = <T>(make: (habit: Habit) => T) =>
    Object.fromEntries(HABITS.map((habit) => [habit, make(habit)])) as Record<Habit, T>;
  return {
    nLayer: 1,
    nHead: 1,
    size: 64,
    scores: each((habit) => Float32Array.of(of[habit] ?? 0)),
    shuffled: each((habit) => Float32Array.of(shuffled[habit] ?? 0)),
    ceiling: each((habit) => shuffled[habit] ?? 0),
    words: [words],
    firstElsewhere: Float32Array.of(elsewhere),
  };
}

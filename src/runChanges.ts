// Arguments that were changed on a run's way: which are in force at which step, and whether it can be made again so.
import type { RunArguments, RunChange } from './api.ts';

/** What is read anew before each step. Whatever else changes is another run's from there on. */
const RATE: readonly string[] = [
  'learning_rate',
  'lr_scheduler_type',
  'warmup_steps',
  'max_steps',
  'min_lr',
];

/** A run by its last arguments, and those of before. */
export interface Changed {
  readonly settings: { readonly arguments: RunArguments };
  readonly changes: readonly RunChange[];
}

/**
 * The arguments of the step behind `done` steps; null where a record of an earlier version does not say. A change before
 * the first step has none that were in force.
 */
export function argumentsAt({ settings, changes }: Changed, done: number): RunArguments | null {
  const next = changes.find(({ step }) => done < step);
  return next ? (next.before ?? null) : settings.arguments;
}

/** The first change that cannot be made again: it is of more than the rate, or nobody knows of what. Null for none. */
export function unmade(run: Changed): RunChange | null {
  const isUnmade = ({ step }: RunChange): boolean => {
    const [was, now] = [argumentsAt(run, step - 1), argumentsAt(run, step)];
    return (
      was === null || now === null || changedNames(was, now).some((one) => !RATE.includes(one))
    );
  };
  return run.changes.find((change) => change.step > 0 && isUnmade(change)) ?? null;
}

/** Names of what is not the same in both. */
export function changedNames(was: RunArguments, now: RunArguments): readonly string[] {
  const names = new Set([...Object.keys(was), ...Object.keys(now)]);
  return [...names].filter((name) => was[name] !== now[name]);
}

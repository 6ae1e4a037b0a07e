// The arguments that a run goes on with: of a twin that is held before a change of its way, not yet the last ones.
import type { RunArguments, RunChange } from '../../api.ts';
import { argumentsAt, changedNames } from '../../runChanges.ts';
import type { ShownRun } from './facts.ts';

type Going = Pick<ShownRun, 'settings' | 'changes' | 'step' | 'max_steps'>;

/** Those of its next step; of a record of an earlier version that does not say, the last. */
export function inForce(run: Going): RunArguments {
  return argumentsAt(run, run.step) ?? run.settings.arguments;
}

/** The next change that is still to come; null for none. */
export function comingChange({ changes, step }: Going): RunChange | null {
  return changes.find((change) => change.step > step) ?? null;
}

/** What is different from here on where somebody says a rate and a number of steps; undefined where nothing is. */
export function goOnWith(
  run: Going,
  { learning_rate, max_steps }: { readonly learning_rate: number; readonly max_steps: number },
): RunArguments | undefined {
  const now = inForce(run);
  if (learning_rate === now['learning_rate'] && max_steps === run.max_steps) return undefined;
  const next: RunArguments = { ...now, learning_rate, max_steps };
  const names = [...changedNames(now, next), ...changedNames(run.settings.arguments, next)];
  return Object.fromEntries(
    names.flatMap((name) => (name in next ? [[name, next[name]]] : [])),
  ) as RunArguments;
}

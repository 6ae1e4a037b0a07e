// Texts that are made: what comes next can be known, so a model that has learned it is right, and a head that does it
// can be found.
import type { TaskName } from '../../api.ts';
import { type Draws, philoxDraws } from '../training/draws.ts';

/** Lines of each: some 60 kB, which a small model reads many times over. */
const LINES: Readonly<Record<TaskName, number>> = { repeat: 4000, reverse: 4000, add: 6000 };
const LETTERS = 'abcdefghijklmnopqrstuvwxyz';
const [SHORTEST, LONGEST] = [4, 10];
/** Numbers that are added, below it. */
const NUMBERS = 100;
/** The same text for everybody. */
const SEED = 20_26;

/** A line each: `kqwxz|kqwxz`, `kqwxz|zxwqk`, `37+85=122`. The same on every machine. */
export function taskText(name: TaskName): string {
  const draws = philoxDraws(SEED, 0);
  return Array.from({ length: LINES[name] }, () => `${line(name, draws)}\n`).join('');
}

/**
 * A line of the task on which heads show whether they do it: random letters, and the same again. A model that only ever
 * saw them on either side of a bar, ten at most, need not find them elsewhere. Null for tasks that no head does by itself.
 */
export function probeOf(name: TaskName): string | null {
  return name === 'repeat' ? '\njxqkvbzmwp|jxqkvbzmwp' : null;
}

function line(name: TaskName, draws: Draws): string {
  if (name === 'add') {
    const [a, b] = draws.randint(NUMBERS, 2);
    return `${a}+${b}=${a + b}`;
  }
  const [extra] = draws.randint(LONGEST - SHORTEST + 1, 1);
  const letters = draws.randint(LETTERS.length, SHORTEST + extra).map((i) => LETTERS[i]);
  const answer = name === 'repeat' ? letters : letters.toReversed();
  return `${letters.join('')}|${answer.join('')}`;
}

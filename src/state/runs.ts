// Which tokens the model wrote, and how: with which seed, which sampling and which parts off.
// Tokens that a person typed or chose belong to no run, so a text can be written again from these.
import type { PartOff, SamplingOptions } from '../api.ts';

/** Everything, besides the text before it, that decides a token. */
export interface Recipe {
  readonly seed: number;
  readonly settings: SamplingOptions;
  readonly off: readonly PartOff[];
}

/** Tokens [start, end) were written in one way. */
export interface RunRecord extends Recipe {
  readonly start: number;
  readonly end: number;
}

/** The runs with token `at`, the newest, written as `recipe` says. */
export function extendRuns(
  runs: readonly RunRecord[],
  at: number,
  recipe: Recipe,
): readonly RunRecord[] {
  const last = runs.at(-1);
  if (last?.end === at && isSameRecipe(last, recipe)) {
    return [...runs.slice(0, -1), { ...last, end: at + 1 }];
  }
  const { seed, settings, off } = recipe;
  return [...runs, { start: at, end: at + 1, seed, settings, off }];
}

/** What the runs say of the first `length` tokens. */
export function cutRuns(runs: readonly RunRecord[], length: number): readonly RunRecord[] {
  if ((runs.at(-1)?.end ?? 0) <= length) return runs;
  return runs
    .filter(({ start }) => start < length)
    .map((run) => (run.end <= length ? run : { ...run, end: length }));
}

/** The run that wrote a token. */
export function runAt(runs: readonly RunRecord[], index: number): RunRecord | undefined {
  let low = 0;
  let high = runs.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((runs[middle]?.end ?? 0) <= index) low = middle + 1;
    else high = middle;
  }
  const run = runs[low];
  return run !== undefined && run.start <= index ? run : undefined;
}

/** Whether the stretches are sorted, not empty, apart from each other and inside of the text. */
export function areRunsOf(length: number, runs: readonly RunRecord[]): boolean {
  let free = 0;
  for (const { start, end } of runs) {
    if (start < free || end <= start || end > length) return false;
    free = end;
  }
  return true;
}

export function countWritten(runs: readonly RunRecord[]): number {
  return runs.reduce((sum, { start, end }) => sum + end - start, 0);
}

/** Whether both write the same after the same text. */
export function isSameRecipe(a: Recipe, b: Recipe): boolean {
  const { settings: s, off } = a;
  const { settings: t } = b;
  return (
    // Greedy draws nothing, so its seed means nothing.
    (a.seed === b.seed || (!s.do_sample && !t.do_sample)) &&
    s.do_sample === t.do_sample &&
    s.temperature === t.temperature &&
    s.top_k === t.top_k &&
    s.top_p === t.top_p &&
    s.min_p === t.min_p &&
    s.repetition_penalty === t.repetition_penalty &&
    (off === b.off || JSON.stringify(off) === JSON.stringify(b.off))
  );
}

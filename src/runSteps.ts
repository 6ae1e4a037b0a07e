// Which steps of a run are kept to be looked at: so many of each power of ten, for what is learned is learned early; and at
// which heads are measured, which takes no room: more of them, for a moment may come late.

/** Parameters: 100 MB in halves. */
const LARGE = 50e6;

/** Of a run so many measurements at even distances, and no more than one in so many steps. */
const MEASURED = 24;
const LEAST_APART = 20;

/** Whether heads are measured after this step, also where its weights are not kept. */
export function isMeasuredStep(step: number, max_steps: number): boolean {
  return step % Math.max(LEAST_APART, Math.ceil(max_steps / MEASURED)) === 0;
}

/** 0, 1, 2, 5, 10, 20, 50 …; of a large model, each step of which is a large model again, 0, 10, 100 …. */
export function isSeenStep(step: number, parameters: number): boolean {
  if (step === 0) return true;
  let left = step;
  while (left % 10 === 0) left /= 10;
  return parameters > LARGE ? left === 1 && step >= 10 : left === 1 || left === 2 || left === 5;
}

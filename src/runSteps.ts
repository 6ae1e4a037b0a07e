// Which steps of a run are kept to be looked at: so many of each power of ten, for what is learned is learned early.

/** Parameters: 100 MB in halves. */
const LARGE = 50e6;

/** 0, 1, 2, 5, 10, 20, 50 …; of a large model, each step of which is a large model again, 0, 10, 100 …. */
export function isSeenStep(step: number, parameters: number): boolean {
  if (step === 0) return true;
  let left = step;
  while (left % 10 === 0) left /= 10;
  return parameters > LARGE ? left === 1 && step >= 10 : left === 1 || left === 2 || left === 5;
}

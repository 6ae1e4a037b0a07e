// A run as files that people and spreadsheets read: its curve as CSV, its samples as text; and what it began with.
import type { RunPoint, RunRecord, RunSettings } from './api.ts';

/** RFC 4180 ends lines so. */
const LINE = '\r\n';

/** Digits of a number that is only drawn: more than float32 has would be noise. */
const DIGITS = 7;

/** Steps whose losses a receipt, a link and a cell for PyTorch hold one by one. */
export const FIRST_STEPS = 20;

/** Losses of two machines that are the same, in nats: sums in another order differ by less in the first steps. */
export const SAME_LOSS = 1e-4;

/** Those of steps 1, 2, 3 …, as far as they were told before anything was changed; none where one is missing. */
export function firstPoints(
  { changes }: Pick<RunRecord, 'changes'>,
  points: readonly RunPoint[],
): readonly RunPoint[] {
  const last = Math.min(FIRST_STEPS, changes.find(({ step }) => step > 0)?.step ?? FIRST_STEPS);
  const first = points.slice(0, last);
  return first.every(({ step }, i) => step === i + 1) ? first : [];
}

export function shortened(value: number): number {
  return Number(value.toPrecision(DIGITS));
}

/** A point as a record keeps it. */
export function asKept({ step, loss, learning_rate, grad_norm }: RunPoint): RunPoint {
  return {
    step,
    loss: shortened(loss),
    learning_rate: shortened(learning_rate),
    grad_norm: shortened(grad_norm),
  };
}

/**
 * A line a step, in order: `step,loss,learning_rate,grad_norm,eval_loss`, losses in nats a token. A cell is empty where
 * nothing was measured.
 */
export function curveCsv(
  points: readonly RunPoint[],
  evaluations: RunRecord['evaluations'],
): string {
  const measured = new Map(evaluations.map(({ step, loss }) => [step, loss]));
  const told = new Map(points.map((point) => [point.step, point]));
  const steps = [...new Set([...told.keys(), ...measured.keys()])].toSorted((a, b) => a - b);
  const lines = steps.map((step) => {
    const point = told.get(step);
    const cells = [step, point?.loss, point?.learning_rate, point?.grad_norm, measured.get(step)];
    return cells.map((cell) => cell ?? '').join(',');
  });
  return ['step,loss,learning_rate,grad_norm,eval_loss', ...lines, ''].join(LINE);
}

/** What it wrote, in order, each under the step that it was written at. */
export function samplesText({ name, samples }: Pick<RunRecord, 'name' | 'samples'>): string {
  const parts = samples.map(({ step, prompt, text }) => `── step ${step} ──\n${prompt}${text}\n`);
  return [`${name}\n`, ...parts].join('\n');
}

/** The settings that a run's first step was made with: it may have gone on with others. */
export function firstSettings({
  settings,
  changes,
}: Pick<RunRecord, 'settings' | 'changes'>): RunSettings {
  const before = changes.find(({ step }) => step > 0)?.before;
  return before ? { ...settings, arguments: before } : settings;
}

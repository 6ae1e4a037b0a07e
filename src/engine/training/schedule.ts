// The learning rate of each step, by the names and formulas of transformers' schedulers.

export const SCHEDULES = [
  'constant',
  'constant_with_warmup',
  'linear',
  'cosine',
  'cosine_with_min_lr',
] as const;

export interface ScheduleOptions {
  /** What the schedule starts from, or warms up to. */
  readonly learning_rate: number;
  readonly lr_scheduler_type: (typeof SCHEDULES)[number];
  /** Steps in which the rate rises from 0; `constant` has none. */
  readonly warmup_steps: number;
  readonly max_steps: number;
  /** Where `cosine_with_min_lr` ends, at `max_steps`; nanoGPT takes a tenth of its rate. */
  readonly min_lr: number;
}

/** The rate of the step behind `done` steps. Source: transformers' optimization.py. */
export function learningRateAt(done: number, o: ScheduleOptions): number {
  const { learning_rate: rate, lr_scheduler_type: type, warmup_steps: warmup, max_steps } = o;
  if (type === 'constant') return rate;
  if (done < warmup) return (rate * done) / Math.max(1, warmup);
  const progress = Math.min(1, (done - warmup) / Math.max(1, max_steps - warmup));
  if (type === 'linear') return rate * (1 - progress);
  if (type === 'constant_with_warmup') return rate;
  const least = type === 'cosine' ? 0 : o.min_lr;
  return least + (rate - least) * 0.5 * (1 + Math.cos(Math.PI * progress));
}

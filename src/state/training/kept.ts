// What is kept of a run, and what it can go back to.
import type { RunArguments, RunFacts, RunSettings, RunSnapshot } from '../../api.ts';
import { isSeenStep } from '../../runSteps.ts';
import { GREETS_MS, type UnderWay } from '../underWay.ts';
import { loraParameters, usualRate } from './base.ts';
import type { Curve } from './curve.ts';
import type { ShownRun } from './facts.ts';

/**
 * The run that is shown to whoever opens the workspace: the last that was broken off here, within a week. One that nobody
 * has noted to be under way was ended, or somebody has turned away from it since. Null for none.
 */
export function brokenOff(
  all: readonly RunFacts[],
  underWay: UnderWay,
  now: number,
): RunFacts | null {
  const [last = null] = all
    .filter(({ id, state }) => state === 'interrupted' && underWay.some(([one]) => one === id))
    .toSorted((a, b) => b.lastStep - a.lastStep);
  return last !== null && now - last.lastStep < GREETS_MS ? last : null;
}

/** A loss so many times that of guessing evenly is of weights that have run away. */
const WILD = 1.5;

/** Whether its weights are there to be looked at. */
export function isKept({ sizeBytes }: Pick<RunSnapshot, 'sizeBytes'>): boolean {
  return sizeBytes > 0;
}

/**
 * The step of the last checkpoint, where no weights of it are kept to be looked at: it can be read as a model all the same.
 * Null for none, and for a LoRA's, which is no model alone.
 */
export function lastUnseen({
  kept,
  snapshots,
  settings,
}: Pick<ShownRun, 'kept' | 'snapshots' | 'settings'>): number | null {
  const last = kept.at(-1);
  if (last === undefined || settings.base?.lora !== undefined) return null;
  return snapshots.some((one) => isKept(one) && one.step >= last) ? null : last;
}

/** Whether it has steps left that it comes to: the same ones lead to the same NaN. */
export function canSimplyGoOn({ step, max_steps, error }: ShownRun): boolean {
  return step < max_steps && error?.code !== 'training/not-finite';
}

/** The last kept step whose weights had not run away; 0 where there is none. */
export function goodStep({ kept, text }: Pick<ShownRun, 'kept' | 'text'>, curve: Curve): number {
  return kept.findLast((step) => (curve.lossAt(step) ?? 0) <= WILD * text.evenLoss) ?? 0;
}

/** A rate so many times the usual one is no matter of halves. */
const FAR_TOO_HIGH = 10;

/** A rate with which weights that ran away do not: half of what it was, or the usual one where that is far below. */
export function calmerRate({ settings }: Pick<ShownRun, 'settings'>): {
  readonly learning_rate: number;
  readonly isUsual: boolean;
  /** With where the rate ends: as far below it as before, or as far as is usual. */
  readonly change: RunArguments;
} {
  const { learning_rate, min_lr } = settings.arguments;
  const [rate, usual] = [Number(learning_rate), usualRate(settings)];
  const isUsual = rate > FAR_TOO_HIGH * usual;
  const calm = isUsual ? usual : rate / 2;
  // Whoever typed another rate has left its end where it was, which says nothing of the usual one.
  const isFalling = Number(min_lr) > 0;
  const share = isUsual ? (isFalling ? 0.1 : 0) : Number(min_lr) / rate;
  const end = Number((share * calm).toPrecision(6));
  const change = { learning_rate: calm, ...(min_lr !== undefined && { min_lr: end }) };
  return { learning_rate: calm, isUsual, change };
}

/** Checkpoints that lie there at once: the last and the best, and the one that is being written. */
const CHECKPOINTS = 3;

/**
 * Bytes that a run keeps on its way, at most: checkpoints of what learns, with both moments, and all weights in halves of
 * each step that is kept to be looked at, and of the last.
 */
export function storageOf(
  { arguments: args, base, model }: RunSettings,
  parameters: number,
): number {
  const steps = Number(args['max_steps'] ?? 0);
  let snapshots = 2;
  for (let tens = 1; tens < steps; tens *= 10) {
    const inside = [1, 2, 5].map((times) => times * tens).filter((step) => step < steps);
    snapshots += inside.filter((step) => isSeenStep(step, parameters)).length;
  }
  const checkpoints = args['save_steps'] === 0 ? 0 : CHECKPOINTS;
  const learned = base?.lora ? loraParameters(model, base.lora.r) : parameters;
  return 12 * checkpoints * learned + 2 * snapshots * parameters;
}

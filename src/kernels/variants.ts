// Ops that several kernels can compute: which of them runs is data, with the condition of each in sight.
import type { Encoder, Grid, Traits } from '../gpu/device.ts';
import type { Kernel } from '../gpu/kernel.ts';

/** WebGPU's guaranteed number of workgroups along one side of a grid. */
export const MOST_WORKGROUPS = 65535;

/** A grid of at least so many workgroups, in rows where a side of it has too few: shaders count them row by row. */
export function gridOf(groups: number): Grid {
  const rows = Math.max(1, Math.ceil(groups / MOST_WORKGROUPS));
  return [Math.max(1, Math.ceil(groups / rows)), rows, 1];
}

/** Elements of a long tensor that one step takes where a thread runs it: a few ms, and then it breathes. */
const STRETCH = 1 << 20;

/**
 * A long tensor in stretches that begin at multiples of `step`, a divisor of 2²⁰: one, where lanes are real, because every
 * dispatch costs there and nobody waits for it.
 */
export function stretches(
  { lanes }: Traits,
  count: number,
  step: number,
): readonly { readonly from: number; readonly length: number }[] {
  const most = lanes === 'real' ? count : Math.max(step, STRETCH);
  return Array.from({ length: Math.ceil(count / most) }, (_, i) => {
    const from = i * most;
    return { from, length: Math.min(most, count - from) };
  });
}

/** One way of computing an op; C is what a call of the op comes to. */
export interface Variant<C> {
  readonly kernel: Kernel;
  /** Whether its numbers are right for this call on any device at all. Left out: always. */
  readonly can?: (call: C) => boolean;
  /** Whether to take it, where none before it was taken. */
  readonly fits: (traits: Traits, call: C) => boolean;
  readonly record: (enc: Encoder, call: C) => void;
}

/** The first that can and fits. */
export function choose<C>(variants: readonly Variant<C>[], traits: Traits, call: C): Variant<C> {
  const found = variants.find(
    (variant) => (variant.can?.(call) ?? true) && variant.fits(traits, call),
  );
  if (found) return found;
  throw new Error(`None of ${variants.map(({ kernel }) => kernel.name).join(', ')} fits.`);
}

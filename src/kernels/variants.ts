// Ops that several kernels can compute: which of them runs is data, with the condition of each in sight.
import type { Encoder, Traits } from '../gpu/device.ts';
import type { Kernel } from '../gpu/kernel.ts';

/** WebGPU's guaranteed number of workgroups along one side of a grid. */
export const MOST_WORKGROUPS = 65535;

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

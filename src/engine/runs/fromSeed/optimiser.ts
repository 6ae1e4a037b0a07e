// AdamW as the conformance pack's files say it.
import type { OptimiserOptions } from '../../../model/training/trainer.ts';

/** In PyTorch's words. */
export interface PackOptimiser {
  readonly betas: readonly number[];
  readonly eps: number;
  readonly weight_decay: number;
  readonly grad_clip: number;
}

/** Weights of Linear decay, as all of the pack's were trained. */
export function optimiserOf({
  betas,
  eps,
  weight_decay,
  grad_clip,
}: PackOptimiser): OptimiserOptions {
  const [beta1, beta2] = betas;
  return {
    beta1,
    beta2,
    epsilon: eps,
    weightDecay: weight_decay,
    maxGradNorm: grad_clip,
    decay: 'mingpt',
  };
}

// A step of torch.optim.AdamW (`_single_tensor_adamw`), operation by operation, in float64.
export interface AdamWState {
  readonly weights: Float64Array;
  readonly m: Float64Array;
  readonly v: Float64Array;
}

export interface TorchRates {
  readonly lr: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
  readonly weightDecay: number;
}

/** `isDecayed` says of an element whether its parameter group has weight decay. */
export function torchAdamW(
  { weights, m, v }: AdamWState,
  gradients: ArrayLike<number>,
  { lr, beta1, beta2, eps, weightDecay }: TorchRates,
  step: number,
  isDecayed: (i: number) => boolean,
): void {
  const biasCorrection1 = 1 - beta1 ** step;
  const biasCorrection2 = 1 - beta2 ** step;
  for (let i = 0; i < weights.length; i++) {
    weights[i] *= 1 - lr * (isDecayed(i) ? weightDecay : 0);
    m[i] += (gradients[i] - m[i]) * (1 - beta1);
    v[i] = v[i] * beta2 + (1 - beta2) * gradients[i] * gradients[i];
    const denominator = Math.sqrt(v[i]) / Math.sqrt(biasCorrection2) + eps;
    weights[i] += (-lr / biasCorrection1) * (m[i] / denominator);
  }
}

// The head and the loss: cross-entropy over any vocabulary, whose logits are had for some rows at a time, and turned into
// their gradients where they lie.
import type { Parameters } from '../parameters.ts';
import { crossEntropyBackward } from '../../kernels/crossEntropyBackward.ts';
import { linear } from '../../kernels/linear.ts';
import { linearBackwardInput, linearBackwardWeight } from '../../kernels/linearBackward.ts';
import { type TrainingPass, rowsOf } from './forward.ts';

/** What becomes of a loss's gradients. */
export interface LossOptions {
  /** What each row's loss counts for in the mean: one over the number of targets of the whole step. */
  readonly scale: number;
  /** Null for a loss without a way back. */
  readonly wayBack: {
    /** Where the head's gradient goes; null where the head is frozen. */
    readonly gradients: Parameters | null;
    /** Adds to what is there: micro-batches of a step after the first. */
    readonly accumulate: boolean;
  } | null;
}

/**
 * Records loss[r] = −ln p of every row's target, and, where there is a way back, the gradient of the scaled sum with
 * respect to the final LayerNorm's output, in `dNormed`, and to the head, where that trains.
 */
export function encodeLoss(pass: TrainingPass, { scale, wayBack }: LossOptions): void {
  const { enc, model, buffers } = pass;
  const { final, logits, dNormed, targets, loss } = buffers;
  const { weight, bias } = model.parameters.lmHead;
  const [step] = logits.shape;
  const all = rowsOf(pass);
  enc.within('loss', () => {
    for (let start = 0; start < all; start += step) {
      const rows = Math.min(step, all - start);
      const head = { x: final, weight, bias, scale: model.allOn, out: logits };
      linear(enc, head, { rows, xStart: start, often: true });
      const options = { rows, vocab: model.config.vocabSize, start, scale };
      crossEntropyBackward(enc, { logits, targets, loss }, options);
      if (wayBack) {
        linearBackwardInput(enc, { dOut: logits, weight, dX: dNormed }, { rows, dXStart: start });
      }
      if (wayBack?.gradients) {
        const { weight: dWeight, bias: dBias } = wayBack.gradients.lmHead;
        const accumulate = wayBack.accumulate || start > 0;
        const t = { dOut: logits, x: final, dWeight, dBias };
        linearBackwardWeight(enc, t, { rows, xStart: start, accumulate });
      }
      const products = wayBack ? (wayBack.gradients ? 3 : 2) : 1;
      pass.onPiece?.(rows * weight.rows * weight.columns * products);
    }
  });
}

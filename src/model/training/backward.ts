// The way back: gradients of the loss with respect to every parameter, block by block from the last to the first. Each
// function stands beside one of forward.ts.
import type { Tensor } from '../../gpu/device.ts';
import { activationBackward } from '../../kernels/activationBackward.ts';
import { attentionBackward } from '../../kernels/attentionBackward.ts';
import { dropped } from '../../kernels/dropout.ts';
import { embeddingBackward, positionBackward } from '../../kernels/embeddingBackward.ts';
import { layerNormBackward } from '../../kernels/layerNormBackward.ts';
import { linearBackwardInput, linearBackwardWeight } from '../../kernels/linearBackward.ts';
import type { Linear, Norm, Parameters } from '../parameters.ts';
import type { Drop } from './dropout.ts';
import {
  type TrainingPass,
  blockDrops,
  blockWeights,
  branchOf,
  embeddingDrop,
  rowsOf,
} from './forward.ts';

/** Where gradients go. */
export interface BackwardOptions {
  readonly gradients: Parameters;
  /** Adds to what is there: micro-batches of a step after the first. */
  readonly accumulate: boolean;
  /** How many tokens of the vocabulary the batch has. */
  readonly distinct: number;
}

/** Records everything from the final LayerNorm's gradient (`dNormed`, of encodeLoss) on. */
export function encodeBackward(pass: TrainingPass, options: BackwardOptions): void {
  const { enc, model, buffers } = pass;
  const { dStream, dNormed } = buffers;
  const { lnF, h } = model.parameters;
  const x = buffers.blocks.at(-1)?.output ?? buffers.summed;
  enc.within('lnF', () =>
    encodeNormBackward(pass, options, lnF, options.gradients.lnF, x, dNormed, null, dStream[0]),
  );
  for (let l = h.length - 1; l >= 0; l--) {
    enc.within(`h.${l}`, () => encodeBlockBackward(pass, options, l));
    pass.onPiece?.(2 * rowsOf(pass) * blockWeights(model));
  }
  encodeEmbeddingBackward(pass, options);
}

/** From the gradient of a block's output to that of its input, both in dStream[0]; dStream[1] is between them. */
function encodeBlockBackward(pass: TrainingPass, options: BackwardOptions, l: number): void {
  const { enc, model, buffers, tokens } = pass;
  const { ln1, attn, ln2, mlp } = model.parameters.h[l];
  const d = options.gradients.h[l];
  const x = buffers.blocks[l];
  const { dStream, dNormed, dHeads, dQkv, dInner, dBefore, delta } = buffers;
  const [dOut, dMiddle] = dStream;
  const rows = rowsOf(pass);
  const drops = blockDrops(pass, l);

  enc.within('mlp', () => {
    const dBranch = encodeDropBackward(pass, dOut, drops.mlp);
    encodeLinearBackward(pass, options, mlp.cProj, d.mlp.cProj, x.inner, dBranch, dInner);
    const { activation } = model.config;
    const count = rows * model.widths.inner;
    activationBackward(enc, { x: x.beforeGelu, dOut: dInner, dX: dBefore }, { count, activation });
    encodeLinearBackward(pass, options, mlp.cFc, d.mlp.cFc, x.ln2, dBefore, dNormed);
  });
  enc.within('ln2', () =>
    encodeNormBackward(pass, options, ln2, d.ln2, x.middle, dNormed, dOut, dMiddle),
  );

  enc.within('attn', () => {
    const dBranch = encodeDropBackward(pass, dMiddle, drops.residual);
    encodeLinearBackward(pass, options, attn.cProj, d.attn.cProj, x.heads, dBranch, dHeads);
    const scoreScale = model.scoreScales[l];
    const mask = drops.attention?.mask ?? null;
    const t = { qkv: x.qkv, mask, out: x.heads, lse: x.lse, delta };
    attentionBackward(
      enc,
      { ...t, dOut: dHeads, dQkv },
      { ...model.widths.head, rows, tokens, scoreScale, dropout: drops.attention },
    );
    encodeLinearBackward(pass, options, attn.cAttn, d.attn.cAttn, x.ln1, dQkv, dNormed);
  });
  enc.within('ln1', () =>
    encodeNormBackward(pass, options, ln1, d.ln1, x.input, dNormed, dMiddle, dOut),
  );
}

/** dX = dOut · W, and what the layer's weights and biases get. */
function encodeLinearBackward(
  pass: TrainingPass,
  { accumulate }: BackwardOptions,
  { weight }: Linear,
  d: Linear,
  x: Tensor,
  dOut: Tensor,
  dX: Tensor,
): void {
  const { enc } = pass;
  const rows = rowsOf(pass);
  linearBackwardInput(enc, { dOut, weight, dX }, { rows });
  linearBackwardWeight(enc, { dOut, x, dWeight: d.weight, dBias: d.bias }, { rows, accumulate });
}

/** dX = residual + the gradient through a LayerNorm of x. */
function encodeNormBackward(
  pass: TrainingPass,
  { accumulate }: BackwardOptions,
  { weight }: Norm,
  d: Norm,
  x: Tensor,
  dOut: Tensor,
  residual: Tensor | null,
  dX: Tensor,
): void {
  const { enc, model, buffers } = pass;
  const { nEmbd: channels, layerNormEpsilon: epsilon, layerNormDenominator } = model.config;
  const { statistics } = buffers;
  const t = { x, weight, dOut, residual, statistics, dX, dWeight: d.weight, dBias: d.bias };
  const byVariance = layerNormDenominator === 'variance';
  const options = { rows: rowsOf(pass), channels, epsilon, byVariance, accumulate };
  layerNormBackward(enc, t, options);
}

/** What is kept of a gradient where the way forward dropped; the gradient itself where it did not. */
function encodeDropBackward(pass: TrainingPass, dOut: Tensor, drop: Drop | null): Tensor {
  if (drop === null) return dOut;
  const { mask, ...rest } = drop;
  const out = branchOf(pass.buffers);
  const options = { rows: rowsOf(pass), channels: pass.model.config.nEmbd, ...rest };
  dropped(pass.enc, { x: dOut, mask, out }, options);
  return out;
}

/** What the rows of the two tables get. */
function encodeEmbeddingBackward(pass: TrainingPass, options: BackwardOptions): void {
  const { enc, model, buffers, batch, tokens } = pass;
  const { accumulate, distinct, gradients } = options;
  enc.within('embedding', () => {
    const dX = encodeDropBackward(pass, buffers.dStream[0], embeddingDrop(pass));
    // A head that is the embedding has overwritten what was there; alone, only a batch's tokens would be written to.
    if (!model.config.tiedHead && !accumulate) {
      for (const { tensor } of gradients.wte.parts) enc.clear(tensor);
    }
    const { order, starts, tokens: ids } = buffers;
    embeddingBackward(enc, { dX, order, starts, tokens: ids, dWte: gradients.wte }, { distinct });
    positionBackward(enc, { dX, dWpe: gradients.wpe }, { batch, tokens, accumulate });
  });
}

// The way back: gradients of the loss with respect to every parameter, block by block from the last to the first. Each
// function stands beside one of forward.ts.
import type { Tensor } from '../../gpu/device.ts';
import { activationBackward } from '../../kernels/activationBackward.ts';
import { attentionBackward } from '../../kernels/attentionBackward.ts';
import { dropped } from '../../kernels/dropout.ts';
import { embeddingBackward, positionBackward } from '../../kernels/embeddingBackward.ts';
import { layerNormBackward, layerNormBackwardInput } from '../../kernels/layerNormBackward.ts';
import { linearBackwardInput, linearBackwardWeight } from '../../kernels/linearBackward.ts';
import type { Linear, Norm, Parameters } from '../parameters.ts';
import type { BlockDrops, Drop } from './dropout.ts';
import {
  type TrainingPass,
  adapterPass,
  blockDrops,
  blockWeights,
  branchOf,
  embeddingDrop,
  rowsOf,
} from './forward.ts';

/** Where gradients go. */
export interface BackwardOptions {
  /** Null where the model is frozen, and adapters alone train. */
  readonly gradients: Parameters | null;
  /** Adds to what is there: micro-batches of a step after the first. */
  readonly accumulate: boolean;
  /** How many tokens of the vocabulary the batch has. */
  readonly distinct: number;
}

/**
 * Records everything from the final LayerNorm's gradient (`dNormed`, of encodeLoss) on, as far down as anything trains.
 */
export function encodeBackward(pass: TrainingPass, options: BackwardOptions): void {
  const { enc, model, buffers } = pass;
  const { dStream, dNormed } = buffers;
  const { lnF, h } = model.parameters;
  const x = buffers.blocks.at(-1)?.output ?? buffers.summed;
  enc.within('lnF', () =>
    encodeNormBackward(pass, options, lnF, options.gradients?.lnF, x, dNormed, null, dStream[0]),
  );
  for (let l = h.length - 1; l >= 0; l--) {
    const goesOn = enc.within(`h.${l}`, () => encodeBlockBackward(pass, options, l));
    pass.onPiece?.(2 * rowsOf(pass) * blockWeights(model));
    if (!goesOn) return;
  }
  encodeEmbeddingBackward(pass, options);
}

/**
 * From the gradient of a block's output to that of its input, both in dStream[0]; dStream[1] is between them. False where
 * it ended before that, because nothing further down trains.
 */
function encodeBlockBackward(pass: TrainingPass, options: BackwardOptions, l: number): boolean {
  const { enc, model, buffers } = pass;
  const { ln1, ln2 } = model.parameters.h[l];
  const d = options.gradients?.h[l];
  const x = buffers.blocks[l];
  const { dStream, dNormed } = buffers;
  const [dOut, dMiddle] = dStream;
  const drops = blockDrops(pass, l);

  if (!enc.within('mlp', () => encodeMlpBackward(pass, options, l, drops.mlp))) return false;
  enc.within('ln2', () =>
    encodeNormBackward(pass, options, ln2, d?.ln2, x.middle, dNormed, dOut, dMiddle),
  );
  if (!enc.within('attn', () => encodeAttentionBackward(pass, options, l, drops))) return false;
  enc.within('ln1', () =>
    encodeNormBackward(pass, options, ln1, d?.ln1, x.input, dNormed, dMiddle, dOut),
  );
  return true;
}

/** From the gradient of a block's output to that of ln2's, in dNormed; false where it ended before that. */
function encodeMlpBackward(
  pass: TrainingPass,
  options: BackwardOptions,
  l: number,
  drop: Drop | null,
): boolean {
  const { enc, model, buffers } = pass;
  const { cFc, cProj } = model.parameters.h[l].mlp;
  const d = options.gradients?.h[l].mlp;
  const { inner, beforeGelu, ln2 } = buffers.blocks[l];
  const { dStream, dInner, dBefore, dNormed } = buffers;
  const dBranch = encodeDropBackward(pass, dStream[0], drop);
  if (!encodeLinearBackward(pass, options, cProj, d?.cProj, inner, dBranch, dInner)) return false;
  const { activation } = model.config;
  const count = rowsOf(pass) * model.widths.inner;
  activationBackward(enc, { x: beforeGelu, dOut: dInner, dX: dBefore }, { count, activation });
  return encodeLinearBackward(pass, options, cFc, d?.cFc, ln2, dBefore, dNormed);
}

/** From the gradient of the stream between attention and MLP to that of ln1's output, in dNormed; false as above. */
function encodeAttentionBackward(
  pass: TrainingPass,
  options: BackwardOptions,
  l: number,
  { attention: dropout, residual }: BlockDrops,
): boolean {
  const { enc, model, buffers, tokens } = pass;
  const { cAttn, cProj } = model.parameters.h[l].attn;
  const d = options.gradients?.h[l].attn;
  const { ln1, qkv, heads, lse } = buffers.blocks[l];
  const { dStream, dHeads, dQkv, dNormed, delta } = buffers;
  const dBranch = encodeDropBackward(pass, dStream[1], residual);
  if (!encodeLinearBackward(pass, options, cProj, d?.cProj, heads, dBranch, dHeads)) return false;
  const t = { qkv, mask: dropout?.mask ?? null, out: heads, lse, delta };
  const scoreScale = model.scoreScales[l];
  attentionBackward(
    enc,
    { ...t, dOut: dHeads, dQkv },
    { ...model.widths.head, rows: rowsOf(pass), tokens, scoreScale, dropout },
  );
  const goesOn = encodeLinearBackward(pass, options, cAttn, d?.cAttn, ln1, dQkv, dNormed);
  if (d && model.config.qkvBias) encodeKeysBias(pass, d.cAttn.bias);
  return goesOn;
}

/**
 * The gradient of the keys' bias is 0: it adds the same to all scores of a row, and no softmax sees that. What a sum over
 * the keys' gradients gives is rounding alone, which AdamW would take steps of full size by.
 */
function encodeKeysBias({ enc, model, buffers }: TrainingPass, bias: readonly Tensor[]): void {
  const { partStride: first } = model.widths.head;
  let start = 0;
  for (const part of bias) {
    const [length] = part.shape;
    const from = Math.max(first, start);
    const to = Math.min(2 * first, start + length);
    if (from < to) enc.copy(buffers.zeros, part, { from: 0, to: from - start, count: to - from });
    start += length;
  }
}

/**
 * dX = dOut · W, and what the layer's weights and biases get, where they train, or its adapter. False for the first layer
 * that has an adapter: nobody needs its dX.
 */
function encodeLinearBackward(
  pass: TrainingPass,
  { accumulate }: BackwardOptions,
  layer: Linear,
  d: Linear | undefined,
  x: Tensor,
  dOut: Tensor,
  dX: Tensor,
): boolean {
  const { enc } = pass;
  const rows = rowsOf(pass);
  const goesOn = layer !== pass.adapters?.first;
  if (goesOn) linearBackwardInput(enc, { dOut, weight: layer.weight, dX }, { rows });
  if (d) {
    const t = { dOut, x, dWeight: d.weight, dBias: d.bias };
    linearBackwardWeight(enc, t, { rows, accumulate });
  }
  const t = { x, dOut, dX: goesOn ? dX : null };
  pass.adapters?.encodeBackward(adapterPass(pass), layer, t, accumulate);
  return goesOn;
}

/** dX = residual + the gradient through a LayerNorm of x. */
function encodeNormBackward(
  pass: TrainingPass,
  { accumulate }: BackwardOptions,
  { weight }: Norm,
  d: Norm | undefined,
  x: Tensor,
  dOut: Tensor,
  residual: Tensor | null,
  dX: Tensor,
): void {
  const { enc, model, buffers } = pass;
  const { nEmbd: channels, layerNormEpsilon: epsilon, layerNormDenominator } = model.config;
  const { statistics } = buffers;
  const t = { x, weight, dOut, residual, statistics, dX };
  const byVariance = layerNormDenominator === 'variance';
  const options = { rows: rowsOf(pass), channels, epsilon, byVariance };
  if (!d) {
    layerNormBackwardInput(enc, t, options);
    return;
  }
  layerNormBackward(enc, { ...t, dWeight: d.weight, dBias: d.bias }, { ...options, accumulate });
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
  if (!gradients) return;
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

// The forward pass of training: every block keeps what the way back needs, and dropout comes between. Beside it, file by
// file, the way back (backward.ts).
import type { Encoder, Tensor } from '../../gpu/device.ts';
import { activate } from '../../kernels/activation.ts';
import { attentionTraining } from '../../kernels/attentionTraining.ts';
import { addDropped, dropped } from '../../kernels/dropout.ts';
import { embedding } from '../../kernels/embedding.ts';
import { linear } from '../../kernels/linear.ts';
import { encodeNorm } from '../forward.ts';
import type { Gpt } from '../gpt.ts';
import type { Linear } from '../parameters.ts';
import type { TrainingBuffers } from './buffers.ts';
import type { AdapterPass, Adapters } from './lora/adapterPass.ts';
import {
  type BlockDrops,
  type Drop,
  type MaskedPass,
  type Masks,
  NOTHING_DROPPED,
} from './dropout.ts';

/** One micro-batch through the model. */
export interface TrainingPass {
  readonly enc: Encoder;
  readonly model: Gpt;
  readonly buffers: TrainingBuffers;
  readonly batch: number;
  readonly tokens: number;
  /** Null for a pass without dropout. */
  readonly dropout: { readonly masks: Masks; readonly moment: MaskedPass } | null;
  /** What is added to linear layers of a frozen model; null where the model itself trains. */
  readonly adapters: Adapters | null;
  /** Hears that a piece of the work has been recorded: rows times weights that it multiplies. */
  readonly onPiece?: (work: number) => void;
}

/** The embedding's mask, made where it must be. */
export function embeddingDrop({ enc, dropout }: TrainingPass): Drop | null {
  return dropout && dropout.masks.embedding(enc, dropout.moment);
}

/** A block's masks, made where they must be. */
export function blockDrops({ enc, dropout }: TrainingPass, l: number): BlockDrops {
  return dropout ? dropout.masks.block(enc, l, dropout.moment) : NOTHING_DROPPED;
}

/** Records everything up to ln_f; the head is the loss's matter (loss.ts). */
export function encodeForward(pass: TrainingPass): void {
  const { enc, model, buffers } = pass;
  encodeEmbedding(pass);
  buffers.blocks.forEach((_, l) => {
    enc.within(`h.${l}`, () => encodeBlock(pass, l));
    pass.onPiece?.(rowsOf(pass) * blockWeights(model));
  });
  const x = buffers.blocks.at(-1)?.output ?? buffers.summed;
  enc.within('lnF', () =>
    encodeNorm(enc, model, model.parameters.lnF, x, buffers.final, rowsOf(pass)),
  );
}

/** x = dropout(wte[id] + wpe[position]) */
function encodeEmbedding(pass: TrainingPass): void {
  const { enc, model, buffers, tokens } = pass;
  const { wte, wpe } = model.parameters;
  const rows = rowsOf(pass);
  enc.within('embedding', () => {
    const [{ input }] = buffers.blocks;
    const drop = embeddingDrop(pass);
    const out = drop ? buffers.summed : input;
    embedding(enc, { ids: buffers.ids, wte, wpe, out }, { rows, tokens, past: 0 });
    if (!drop) return;
    const { mask, ...rest } = drop;
    dropped(enc, { x: out, mask, out: input }, { rows, channels: model.config.nEmbd, ...rest });
  });
}

/** x ← x + dropout(attn(ln1(x)));  x ← x + dropout(mlp(ln2(x))) */
function encodeBlock(pass: TrainingPass, l: number): void {
  const { enc, model, buffers, tokens } = pass;
  const { ln1, attn, ln2, mlp } = model.parameters.h[l];
  const x = buffers.blocks[l];
  const rows = rowsOf(pass);
  const drops = blockDrops(pass, l);

  enc.within('ln1', () => encodeNorm(enc, model, ln1, x.input, x.ln1, rows));
  enc.within('attn', () => {
    encodeLinear(pass, attn.cAttn, x.ln1, x.qkv);
    const scoreScale = model.scoreScales[l];
    const options = { ...model.widths.head, rows, tokens, scoreScale, dropout: drops.attention };
    const mask = drops.attention?.mask ?? null;
    attentionTraining(enc, { qkv: x.qkv, mask, out: x.heads, lse: x.lse }, options);
    encodeSum(pass, attn.cProj, x.heads, x.input, x.middle, drops.residual);
  });

  enc.within('ln2', () => encodeNorm(enc, model, ln2, x.middle, x.ln2, rows));
  enc.within('mlp', () => {
    encodeLinear(pass, mlp.cFc, x.ln2, x.beforeGelu);
    activate(enc, { x: x.beforeGelu, out: x.inner }, model.config.activation);
    encodeSum(pass, mlp.cProj, x.inner, x.middle, x.output, drops.mlp);
  });
}

/** out = x · layer, and what its adapter adds */
function encodeLinear(pass: TrainingPass, layer: Linear, x: Tensor, out: Tensor): void {
  const { enc, model } = pass;
  const t = { x, ...layer, scale: model.allOn, out };
  linear(enc, t, { rows: rowsOf(pass), often: true });
  pass.adapters?.encode(adapterPass(pass), layer, x, out);
}

/** out = x + dropout(y · cProj) */
function encodeSum(
  pass: TrainingPass,
  cProj: Linear,
  y: Tensor,
  x: Tensor,
  out: Tensor,
  drop: Drop | null,
): void {
  const { enc, model, buffers } = pass;
  const rows = rowsOf(pass);
  if (drop === null) {
    enc.copy(x, out);
    const t = { x: y, ...cProj, scale: model.allOn, out };
    linear(enc, t, { rows, accumulate: true, often: true });
    pass.adapters?.encode(adapterPass(pass), cProj, y, out);
    return;
  }
  const { mask, ...rest } = drop;
  const branch = branchOf(buffers);
  encodeLinear(pass, cProj, y, branch);
  const options = { rows, channels: model.config.nEmbd, ...rest };
  addDropped(enc, { x, y: branch, mask, out }, options);
}

/** Where what a block adds lies before some of it is dropped. */
export function branchOf({ branch }: TrainingBuffers): Tensor {
  if (branch === null) throw new Error('These buffers were made for passes without dropout.');
  return branch;
}

/** What adapters need to know of a pass. */
export function adapterPass(pass: TrainingPass): AdapterPass {
  const { enc, adapters, dropout } = pass;
  return { enc, adapters, rows: rowsOf(pass), moment: dropout?.moment ?? null };
}

export function rowsOf({ batch, tokens }: TrainingPass): number {
  return batch * tokens;
}

/** Weights of a block's matrices, as padded. */
export function blockWeights({ widths: w }: Gpt): number {
  return w.embd * (w.head.rowStride + w.heads + 2 * w.inner);
}

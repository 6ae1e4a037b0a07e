// GPT-2's forward pass: embedding, blocks, head. It only records: for whom, and what becomes of it, is
// said by the `Pass`. Written once; it does not know which device it records on.
import type { PartOff } from '../api.ts';
import type { Encoder, Tensor } from '../gpu/device.ts';
import { addRow } from '../kernels/addRow.ts';
import { attention } from '../kernels/attention.ts';
import { embedding } from '../kernels/embedding.ts';
import { layerNorm } from '../kernels/layerNorm.ts';
import { linear } from '../kernels/linear.ts';
import { type RowMap, identityRows } from '../kernels/rowMap.ts';
import type { BlockBuffers } from './buffers.ts';
import type { Linear, Norm } from './parameters.ts';
import type { Gpt } from './gpt.ts';
import { type PartMeans, type PartsOff, switchIndex } from './partsOff.ts';

/** Which tokens a pass reads: of each sequence `tokens`, the first of them at position `start`. */
export interface PassRows {
  readonly batch: number;
  readonly tokens: number;
  readonly start: number;
}

/** What happens while a pass is recorded: each hears the layer where it happens. */
export interface Moments {
  /** The residual stream is what it is before this block; after the last one, with their number. */
  readonly onHidden?: (layer: number) => void;
  /** It is what it is between attention and MLP. */
  readonly onMiddle?: (layer: number) => void;
  /** The heads have spoken. */
  readonly onHeads?: (layer: number) => void;
  /** The MLP's hidden layer is there. */
  readonly onInner?: (layer: number) => void;
}

/** All that a pass depends on besides the model. A plain value: nothing in it changes by itself. */
export interface Pass {
  readonly rows: PassRows;
  /** (R) ids, written by whoever submits the pass, or by a kernel before it. */
  readonly ids: Tensor;
  /** (R, C') where the embedding goes: the first block's input. */
  readonly embedded: Tensor;
  /** One a layer; the output of each is the input of the next. */
  readonly blocks: readonly BlockBuffers[];
  /** (B, S, C') the stream of every position after ln_f. */
  readonly final: Tensor;
  /** (B, V') logits of the last position of every sequence; null where nobody wants them. */
  readonly lastLogits: Tensor | null;
  /** What is off, and its switches: those of `Gpt.allOn` where nothing is. */
  readonly off: PartsOff;
  readonly switches: Tensor;
  /** What stands in for parts that are off by their mean. */
  readonly means: PartMeans | null;
  readonly moments: Moments;
  /** True once kernels are compiled that only hundreds of passes are worth. */
  readonly often: boolean;
}

/** Records the whole of a pass. */
export function encodePass(enc: Encoder, model: Gpt, pass: Pass): void {
  const [end, room] = [pass.rows.start + pass.rows.tokens, pass.final.shape[1]];
  if (end > room) throw new Error(`A pass up to position ${end} in a cache with room for ${room}.`);
  encodeEmbedding(enc, model, pass);
  pass.blocks.forEach((_, l) => {
    pass.moments.onHidden?.(l);
    encodeBlock(enc, model, l, pass);
  });
  pass.moments.onHidden?.(pass.blocks.length);
  encodeHead(enc, model, pass);
}

/** x = wte[id] + wpe[position] */
function encodeEmbedding(enc: Encoder, { parameters }: Gpt, pass: Pass): void {
  const { wte, wpe } = parameters;
  const { tokens, start: past } = pass.rows;
  enc.within('embedding', () => {
    const sizes = { rows: rowsOf(pass), tokens, past };
    embedding(enc, { ids: pass.ids, wte, wpe, out: pass.embedded }, sizes);
  });
}

/** x ← x + attn(ln1(x));  x ← x + mlp(ln2(x)) */
export function encodeBlock(enc: Encoder, model: Gpt, l: number, pass: Pass): void {
  const { ln1, attn, ln2, mlp } = model.parameters.h[l];
  const x = pass.blocks[l];
  const at: Place = { enc, model, l, pass };

  encodeNormed(at, 'ln1', ln1, x.input, x.ln1);
  encodeQkv(at, attn.cAttn, x.ln1, x.qkv);
  encodeHeads(at, x.qkv, x.heads);
  encodeSum(at, 'attention', x.input, attn.cProj, x.heads, x.middle);

  encodeNormed(at, 'ln2', ln2, x.middle, x.ln2);
  encodeInner(at, mlp.cFc, x.ln2, x.inner);
  encodeSum(at, 'mlp', x.middle, mlp.cProj, x.inner, x.output);
}

/** ln_f of every position, and the head at the last one of every sequence, where that is wanted. */
export function encodeHead(enc: Encoder, model: Gpt, pass: Pass): void {
  const { final, lastLogits } = pass;
  const { batch, tokens, start } = pass.rows;
  const x = pass.blocks.at(-1)?.output ?? pass.embedded;
  const { lnF } = model.parameters;
  enc.within('lnF', () =>
    encodeNorm(enc, model, lnF, x, final, rowsOf(pass), placeIn(final, pass)),
  );
  if (!lastLogits) return;
  for (let b = 0; b < batch; b++) {
    const xStart = b * final.shape[1] + start + tokens - 1;
    const outRows = { ...identityRows(1), start: b };
    encodeLogits(enc, model, final, lastLogits, { rows: 1, xStart, outRows });
  }
}

/** Where a step of a block is recorded, and for what. */
interface Place {
  readonly enc: Encoder;
  readonly model: Gpt;
  readonly l: number;
  readonly pass: Pass;
}

/** out = ln(x) */
export function encodeNormed(
  at: Place,
  name: 'ln1' | 'ln2',
  p: Norm,
  x: Tensor,
  out: Tensor,
): void {
  within(at, name, () => encodeNorm(at.enc, at.model, p, x, out, rowsOf(at.pass)));
}

/** Queries, keys and values of x, into the cache. */
export function encodeQkv(at: Place, { weight, bias }: Linear, x: Tensor, qkv: Tensor): void {
  const { enc, pass } = at;
  const outRows = placeIn(qkv, pass);
  const t = { x, weight, bias, scale: pass.switches, out: qkv };
  within(at, 'attn.cAttn', () => {
    linear(enc, t, { rows: rowsOf(pass), outRows, often: pass.often });
  });
}

/** What every head says of the cached queries, keys and values: 0, or its mean, where it is off. */
function encodeHeads(at: Place, qkv: Tensor, out: Tensor): void {
  const { enc, model, l, pass } = at;
  const { tokens, start: past } = pass.rows;
  const rows = rowsOf(pass);
  const scaleStart = switchIndex({ part: 'head', layer: l }, model.config);
  const scoreScale = model.scoreScales[l];
  const options = { rows, tokens, past, scaleStart, scoreScale, often: pass.often };
  within(at, 'attn', () => {
    attention(enc, { qkv, headScale: pass.switches, out }, { ...model.widths.head, ...options });
    encodeMeans(at, 'head', out);
  });
  pass.moments.onHeads?.(l);
}

/** The MLP's hidden layer: act(x · cFc). */
export function encodeInner(at: Place, { weight, bias }: Linear, x: Tensor, out: Tensor): void {
  const { enc, model, l, pass } = at;
  const { beforeGelu } = pass.blocks[l];
  const { activation } = model.config;
  const t = { x, weight, bias, scale: pass.switches, out };
  const options = { rows: rowsOf(pass), often: pass.often };
  within(at, 'mlp.cFc', () => {
    // The activation is part of the product's kernel: who needs both sides of it pays for two products.
    if (beforeGelu) linear(enc, { ...t, out: beforeGelu }, options);
    linear(enc, t, { ...options, activation });
  });
  pass.moments.onInner?.(l);
}

/** out = x + y · cProj: what a part adds to the stream; nothing, or its mean, where it is off. */
export function encodeSum(
  at: Place,
  part: 'attention' | 'mlp',
  x: Tensor,
  { weight, bias }: Linear,
  y: Tensor,
  out: Tensor,
): void {
  const { enc, model, l, pass } = at;
  const scaleIndex = switchIndex({ part, layer: l }, model.config);
  const t = { x: y, weight, bias, scale: pass.switches, out };
  const options = { rows: rowsOf(pass), accumulate: true, scaleIndex, often: pass.often };
  within(at, part === 'mlp' ? 'mlp.cProj' : 'attn.cProj', () => {
    if (out !== x) enc.copy(x, out);
    linear(enc, t, options);
    encodeMeans(at, part, out);
  });
  if (part === 'attention') pass.moments.onMiddle?.(l);
}

/** Puts the mean in the place of every `part` of the block that is off by it. */
function encodeMeans({ enc, model, l, pass }: Place, part: PartOff['part'], out: Tensor): void {
  const { headStride } = model.widths.head;
  for (const { part: kind, layer, head = 0, by } of pass.off.parts) {
    if (kind !== part || layer !== l || by !== 'mean') continue;
    if (!pass.means) throw new Error('Parts are off by mean, but no means were given.');
    const row = pass.means[part];
    const width = row.shape[1];
    const [from, count] = part === 'head' ? [head * headStride, headStride] : [0, width];
    addRow(enc, { row, out }, { rows: rowsOf(pass), start: l * width + from, from, count });
  }
}

/** Records out[m(r)] = LayerNorm(x[r]) as this model normalises. */
export function encodeNorm(
  enc: Encoder,
  { config }: Gpt,
  p: Norm,
  x: Tensor,
  out: Tensor,
  rows: number,
  outRows?: RowMap,
): void {
  const byVariance = config.layerNormDenominator === 'variance';
  layerNorm(
    enc,
    { x, ...p, out },
    { rows, channels: config.nEmbd, epsilon: config.layerNormEpsilon, byVariance, outRows },
  );
}

/** Records out[m(r)] = the logits of row `xStart` + r of `x`, which is normed already. */
export function encodeLogits(
  enc: Encoder,
  { parameters, allOn: scale }: Gpt,
  x: Tensor,
  out: Tensor,
  rows: { readonly rows: number; readonly xStart?: number; readonly outRows?: RowMap },
): void {
  const { weight, bias } = parameters.lmHead;
  enc.within('lmHead', () => linear(enc, { x, weight, bias, scale, out }, rows));
}

/** Names a step of a block, for whoever hears of an error in it. */
function within({ enc, l }: Place, name: string, record: () => void): void {
  enc.within(`h.${l}.${name}`, record);
}

function rowsOf({ rows: { batch, tokens } }: Pass): number {
  return batch * tokens;
}

/** Where the rows of a pass lie in what has room for more positions, (B, S, ·). */
function placeIn(target: Tensor, { rows: { tokens, start } }: Pass): RowMap {
  return { tokens, capacity: target.shape[1], start };
}

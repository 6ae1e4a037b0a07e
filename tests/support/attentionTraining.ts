// Texts, masks and gradients for the kernels of training's attention.
import { createCpuDevice } from '../../src/gpu/cpu/device.ts';
import { type Arena, elementCount } from '../../src/gpu/device.ts';
import {
  type AttentionTrainingOptions,
  attentionTraining,
} from '../../src/kernels/attentionTraining.ts';
import { lowbias32, noise } from './random.ts';

/** No power of two, and no head's 1/√D. */
const SCORE_SCALE = 0.3;
/** The words of other masks in front. */
const MASK_START = 3;

export interface AttentionCase {
  readonly batch: number;
  readonly tokens: number;
  readonly nHead: number;
  readonly headSize: number;
  readonly keep: number | null;
  readonly reason: string;
}

/**
 * Odd heads, odd texts, several of them, with dropout and without. Width and dropout are overrides, a pipeline of their own
 * for each: three pairs of them, no more.
 */
export const ATTENTION_CASES: readonly AttentionCase[] = [
  { batch: 1, tokens: 1, nHead: 1, headSize: 5, keep: 0.6, reason: 'one token' },
  { batch: 2, tokens: 5, nHead: 3, headSize: 5, keep: 0.7, reason: 'odd in all sizes, padded' },
  { batch: 3, tokens: 8, nHead: 2, headSize: 8, keep: 0.5, reason: 'whole tiles' },
  { batch: 2, tokens: 67, nHead: 5, headSize: 7, keep: 0.9, reason: 'more rows than lanes' },
  { batch: 2, tokens: 37, nHead: 2, headSize: 32, keep: null, reason: 'nothing is dropped' },
  { batch: 1, tokens: 9, nHead: 1, headSize: 80, keep: 0.8, reason: 'wider than registers' },
];

export function attentionOptions(c: AttentionCase): AttentionTrainingOptions {
  const headStride = Math.ceil(c.headSize / 4) * 4;
  const partStride = c.nHead * headStride;
  return {
    nHead: c.nHead,
    headSize: c.headSize,
    headStride,
    partStride,
    rowStride: Math.ceil((3 * partStride) / 8) * 8,
    rows: c.batch * c.tokens,
    tokens: c.tokens,
    scoreScale: SCORE_SCALE,
    dropout: c.keep === null ? null : { maskStart: MASK_START, keep: c.keep },
  };
}

/** A, a row of heads. */
export function widthOf(o: AttentionTrainingOptions): number {
  return Math.ceil(o.partStride / 8) * 8;
}

/** Rows of `heads` heads, noise in the true channels of each and zeros elsewhere. */
function heads(o: AttentionTrainingOptions, width: number, count: number, seed: number) {
  const values = noise(o.rows * width, seed);
  for (let i = 0; i < values.length; i++) {
    const column = i % width;
    if (column >= count * o.headStride || column % o.headStride >= o.headSize) values[i] = 0;
  }
  return values;
}

/** Tensors of a case on a device: texts, mask, and the gradient of what attention gives. */
export function attentionInputs(arena: Arena, o: AttentionTrainingOptions) {
  const [rows, width] = [o.rows, widthOf(o)];
  const words = MASK_START + Math.ceil((rows * o.nHead * o.tokens) / 32);
  const bits = Uint32Array.from({ length: words }, (_, i) => lowbias32(i + 9));
  return {
    qkv: arena.upload('qkv', [rows, o.rowStride], 'f32', heads(o, o.rowStride, 3 * o.nHead, 1)),
    mask: o.dropout ? arena.upload('mask', [words], 'u32', bits) : null,
    dOut: arena.upload('dOut', [rows, width], 'f32', heads(o, width, o.nHead, 2)),
  };
}

/** What the forward pass keeps for the backward one, by the plain meanings. */
export async function attentionKept(o: AttentionTrainingOptions) {
  const device = createCpuDevice('f64');
  const arena = device.createArena('forward');
  const [rows, width] = [o.rows, widthOf(o)];
  const { qkv, mask, dOut } = attentionInputs(arena, o);
  const out = arena.zeros('out', [rows, width], 'f32');
  const lse = arena.zeros('lse', [rows, o.nHead], 'f32');
  const enc = device.createEncoder();
  attentionTraining(enc, { qkv, mask, out, lse }, o);
  const reading = [out, lse, dOut].map((tensor) => enc.read(tensor, 0, elementCount(tensor.shape)));
  enc.submit();
  const [outs, logs, gradients] = await Promise.all(reading);
  arena.dispose();
  device.dispose();
  const delta = new Float32Array(rows * o.nHead);
  for (let i = 0; i < rows * width; i++) {
    const [row, head] = [Math.floor(i / width), Math.floor((i % width) / o.headStride)];
    if (head < o.nHead) delta[row * o.nHead + head] += outs[i] * gradients[i];
  }
  return { out: outs, lse: logs, delta };
}

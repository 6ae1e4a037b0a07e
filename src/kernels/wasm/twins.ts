// Twins of WebAssembly: how the arrays and sizes of a kernel become the parameters of its C function. Each writes its
// struct's fields in order, 32 bits each, addresses first; the C files say what they mean.
import type { CpuTwins } from '../../gpu/cpu/device.ts';
import type { Wasm } from '../../gpu/cpu/wasm.ts';
import { bytesOf } from '../../gpu/device.ts';
import {
  type Arrays,
  type Kernel,
  type NumberArray,
  type Sizes,
  floatBits,
} from '../../gpu/kernel.ts';
import { activationKernel } from '../activation.ts';
import { ATTENTION } from '../attention.ts';
import { attentionScoresKernel } from '../attentionScores.ts';
import { ROW_STATISTICS, attentionStatisticsKernel } from '../attentionStatistics.ts';
import { causalSoftmaxKernel } from '../causalSoftmax.ts';
import { CROSS_ENTROPY } from '../crossEntropy.ts';
import { embeddingKernel, packedEmbedding } from '../embedding.ts';
import { LAYER_NORM } from '../layerNorm.ts';
import { LINEAR } from '../linear.ts';
import { mapRow } from '../rowMap.ts';
import { TOP_TOKEN } from '../topToken.ts';
import type { Variant } from '../variants.ts';
import { WEIGHT_FORMATS } from '../weightMatrix.ts';
import { PIECE_WORK, addressOf } from './address.ts';

/** The kernels by their numbers in share.c. */
const SHARED = {
  linear: 0,
  attention: 1,
  attentionScores: 2,
  attentionStatistics: 3,
  topToken: 4,
  crossEntropy: 5,
  layerNorm: 13,
  activation: 18,
} as const;

/** Numbers of a group of int8 weights, and of the x that meets them. */
const GROUP = 32;
const INT8 = WEIGHT_FORMATS.indexOf('int8');
const F32 = WEIGHT_FORMATS.indexOf('f32');

/** Twins for a processor whose tensors lie in the heap of `wasm`. */
export function wasmTwins(wasm: Wasm): CpuTwins {
  function linear({ x, weight, bias, scale, out }: Arrays, s: Sizes): void {
    if (s.rows === 0) return;
    const columns = s.columns4 * 4;
    // Rows are those of whole texts, the last one's the furthest.
    const lastRow = mapRow(s.rows - 1, s.outT, s.outS, s.outStart);
    const outAt = addressOf('out', out, (lastRow * s.outStride4 + s.outColumn4 + s.columns4) * 4);
    const scaleAt = addressOf('scale', scale, s.accumulate ? s.scaleIndex + 1 : 0);
    const xAt = addressOf('x', x, (s.xStart + s.rows) * s.K);
    const yAt = s.accumulate ? wasm.room('y', s.rows * columns) : outAt;
    // Rows of y lie one behind the other; `residual` knows where they belong.
    const target = s.accumulate
      ? [s.columns4, 0, s.rows, s.rows, 0]
      : [s.outStride4, s.outColumn4, s.outT, s.outS, s.outStart];
    let xInt8 = 0;
    if (s.WEIGHT_FORMAT === INT8 && s.rows === 1) {
      const groups = Math.ceil(s.K / GROUP);
      const to = wasm.room('xInt8', groups * (GROUP / 2 + 1));
      if (wasm.exports.groups(xAt + s.xStart * s.K * 4, s.K, to) !== 0) xInt8 = to;
    }
    const unpacks = s.WEIGHT_FORMAT !== F32 && (s.rows > 1 || s.WEIGHT_FORMAT === INT8);
    const weightBytes = bytesOf(columns * s.K, [s.K], WEIGHT_FORMATS[s.WEIGHT_FORMAT]);
    wasm.share(
      SHARED.linear,
      [
        [xAt, addressOf('weight', weight, weightBytes / weight.BYTES_PER_ELEMENT)],
        [addressOf('bias', bias, columns), xInt8, yAt],
        [s.rows, s.columns4, ...target, s.xStart],
        [s.K, s.WEIGHT_FORMAT, s.ACTIVATION],
      ].flat(),
      Math.min(s.columns4 / 2, (s.rows * columns * s.K) / PIECE_WORK),
      unpacks ? 4 * s.K * 4 : 0,
    );
    if (!s.accumulate) return;
    wasm.call(
      'residual',
      [
        [yAt, scaleAt, outAt],
        [s.rows, s.columns4, s.outStride4, s.outColumn4, s.scaleIndex],
        [s.outT, s.outS, s.outStart],
      ].flat(),
    );
  }

  function attention({ qkv, headScale, out }: Arrays, s: Sizes): void {
    if (s.rows === 0) return;
    const [keys, batch] = [s.past + s.tokens, s.rows / s.tokens];
    const pairs = batch * s.heads * Math.ceil(s.tokens / 2);
    const width4 = s.heads * s.HEAD_STRIDE4;
    const lastRow = (batch - 1) * s.capacity + keys - 1;
    wasm.share(
      SHARED.attention,
      [
        addressOf('qkv', qkv, (lastRow * s.rowStride4 + 2 * s.partStride4 + width4) * 4),
        addressOf('headScale', headScale, s.scaleStart + s.heads),
        addressOf('out', out, ((s.rows - 1) * s.outStride4 + width4) * 4),
        [s.rows, s.tokens, s.past, s.capacity, s.rowStride4, s.partStride4, s.outStride4],
        [s.scaleStart, s.heads, floatBits(s.scoreScale), s.HEAD_STRIDE4],
      ].flat(),
      Math.min(pairs, (s.rows * s.heads * keys * s.HEAD_STRIDE4 * 8) / PIECE_WORK),
      2 * (keys + 4) * 4,
    );
  }

  function attentionScores({ qkv, out }: Arrays, s: Sizes): void {
    if (s.rows === 0) return;
    const rows = s.heads * s.rows;
    const lastRow = s.first + s.rows - 1;
    const end4 = lastRow * s.rowStride4 + s.partStride4 + (s.head + s.heads) * s.HEAD_STRIDE4;
    wasm.share(
      SHARED.attentionScores,
      [
        addressOf('qkv', qkv, (s.sequenceStart4 + end4) * 4),
        addressOf('out', out, (s.outHead + s.heads) * s.rows * s.seen),
        [s.rows, s.seen, s.first, s.sequenceStart4],
        [s.rowStride4, s.partStride4, s.head, s.heads, s.outHead],
        [floatBits(s.scoreScale), s.HEAD_STRIDE4],
      ].flat(),
      Math.min(rows, (rows * s.seen * s.HEAD_STRIDE4 * 4) / PIECE_WORK),
      (s.seen + 4) * 4,
    );
  }

  function causalSoftmax({ x }: Arrays, s: Sizes): void {
    const heads = Math.floor(x.length / (s.rows * s.columns));
    wasm.call('causalSoftmax', [x.byteOffset, s.rows, s.columns, s.first, heads]);
  }

  function attentionStatistics({ x, ids, out }: Arrays, s: Sizes): void {
    const rows = s.heads * s.size;
    wasm.share(
      SHARED.attentionStatistics,
      [
        addressOf('x', x, rows * s.size),
        addressOf('ids', ids, s.size),
        addressOf('out', out, rows * ROW_STATISTICS.length),
        s.size,
        s.heads,
      ],
      Math.min(rows, (rows * s.size * 8) / PIECE_WORK),
    );
  }

  /** `topToken` and `crossEntropy` alike: rows over a vocabulary. */
  function rowsOf(
    kernel: number,
    logits: NumberArray,
    perRow: Readonly<Record<string, NumberArray>>,
    s: Sizes,
  ): void {
    if (s.rows === 0) return;
    wasm.share(
      kernel,
      [
        addressOf('logits', logits, (s.rows - 1) * s.stride + s.vocab),
        ...Object.entries(perRow).map(([name, array]) => addressOf(name, array, s.rows)),
        [s.rows, s.vocab, s.stride],
      ].flat(),
      Math.min(s.rows, (s.rows * s.vocab * 8) / PIECE_WORK),
    );
  }

  function layerNorm({ x, weight, bias, out }: Arrays, s: Sizes): void {
    if (s.rows === 0) return;
    const stride = s.stride4 * 4;
    const lastRow = mapRow(s.rows - 1, s.outT, s.outS, s.outStart);
    wasm.share(
      SHARED.layerNorm,
      [
        [addressOf('x', x, s.rows * stride), addressOf('weight', weight, stride)],
        [addressOf('bias', bias, stride), addressOf('out', out, (lastRow + 1) * stride)],
        [s.rows, s.channels, s.stride4, s.outT, s.outS, s.outStart],
        [floatBits(s.EPSILON), s.BY_VARIANCE],
      ].flat(),
      Math.min(s.rows, (s.rows * stride * 8) / PIECE_WORK),
    );
  }

  function activation({ x, out }: Arrays, s: Sizes): void {
    const count = s.count4 * 4;
    wasm.share(
      SHARED.activation,
      [addressOf('x', x, count), addressOf('out', out, count), s.count4, s.ACTIVATION],
      (count * 8) / PIECE_WORK,
    );
  }

  const variants = (ops: readonly Variant<never>[], twin: Kernel['meaning']) =>
    ops.map(({ kernel }) => [kernel, twin] as const);
  return new Map<Kernel, Kernel['meaning']>([
    ...variants(LINEAR, linear),
    ...variants(ATTENTION, attention),
    ...variants(LAYER_NORM, layerNorm),
    ...variants(TOP_TOKEN, ({ logits, token, logprob }, s) =>
      rowsOf(SHARED.topToken, logits, { token, logprob }, s),
    ),
    ...variants(CROSS_ENTROPY, ({ logits, targets, loss, rank }, s) =>
      rowsOf(SHARED.crossEntropy, logits, { targets, loss, rank }, s),
    ),
    [activationKernel, activation],
    [attentionScoresKernel, attentionScores],
    [causalSoftmaxKernel, causalSoftmax],
    [attentionStatisticsKernel, attentionStatistics],
    [embeddingKernel, packedEmbedding],
  ]);
}

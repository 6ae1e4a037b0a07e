// Twins of WebAssembly: how the arrays and sizes of a kernel become the parameters of its C function. Each writes its
// struct's fields in order, addresses first; linear.c, attention.c and rows.c say what they mean.
import type { CpuTwins } from '../../gpu/cpu/device.ts';
import type { Slot } from '../../gpu/cpu/memory.ts';
import type { Wasm } from '../../gpu/cpu/wasm.ts';
import type { Arrays, Kernel, NumberArray, Sizes } from '../../gpu/kernel.ts';
import { ATTENTION } from '../attention.ts';
import { attentionScoresKernel } from '../attentionScores.ts';
import { attentionStatisticsKernel } from '../attentionStatistics.ts';
import { causalSoftmaxKernel } from '../causalSoftmax.ts';
import { CROSS_ENTROPY } from '../crossEntropy.ts';
import { embeddingKernel, packedEmbedding } from '../embedding.ts';
import { LINEAR } from '../linear.ts';
import { TOP_TOKEN } from '../topToken.ts';
import type { Variant } from '../variants.ts';
import { WEIGHT_FORMATS } from '../weightMatrix.ts';

/** The kernels by their numbers in share.c. */
const SHARED = {
  linear: 0,
  attention: 1,
  attentionScores: 2,
  attentionStatistics: 3,
  topToken: 4,
  crossEntropy: 5,
} as const;

/** A piece of less than so many multiply-adds costs more in sharing than it saves. */
const PIECE_WORK = 1 << 16;
/** Numbers of a group of int8 weights, and of the x that meets them. */
const GROUP = 32;
const INT8 = WEIGHT_FORMATS.indexOf('int8');
const F32 = WEIGHT_FORMATS.indexOf('f32');

/** Twins for a processor whose tensors lie in the heap of `wasm`. */
export function wasmTwins(wasm: Wasm): CpuTwins {
  const room = createRoom(wasm);

  function linear({ x, weight, bias, scale, out }: Arrays, s: Sizes): void {
    const columns = s.columns4 * 4;
    const y = s.accumulate ? room.floats('y', s.rows * columns) : out;
    // Rows of y lie one behind the other; `residual` knows where they belong.
    const target = s.accumulate
      ? [s.columns4, 0, s.rows, s.rows, 0]
      : [s.outStride4, s.outColumn4, s.outT, s.outS, s.outStart];
    let xInt8 = 0;
    if (s.WEIGHT_FORMAT === INT8 && s.rows === 1) {
      const groups = Math.ceil(s.K / GROUP);
      xInt8 = room.floats('xInt8', groups * (GROUP / 2 + 1)).byteOffset;
      wasm.exports.groups(x.byteOffset + s.xStart * s.K * 4, s.K, xInt8);
    }
    wasm.share(
      SHARED.linear,
      [
        [x.byteOffset, weight.byteOffset, bias.byteOffset, xInt8, y.byteOffset],
        [s.rows, s.columns4, ...target, s.xStart],
        [s.K, s.WEIGHT_FORMAT, s.ACTIVATION],
      ].flat(),
      Math.min(s.columns4 / 2, (s.rows * columns * s.K) / PIECE_WORK),
      s.WEIGHT_FORMAT === F32 || s.rows === 1 ? 0 : 4 * s.K * 4,
    );
    if (!s.accumulate) return;
    wasm.exports.residual(
      wasm.parameters(
        [
          [y.byteOffset, scale.byteOffset, out.byteOffset],
          [s.rows, s.columns4, s.outStride4, s.outColumn4, s.scaleIndex],
          [s.outT, s.outS, s.outStart],
        ].flat(),
      ),
    );
  }

  function attention({ qkv, headScale, out }: Arrays, s: Sizes): void {
    const keys = s.past + s.tokens;
    const pairs = (s.rows / s.tokens) * s.heads * Math.ceil(s.tokens / 2);
    wasm.share(
      SHARED.attention,
      [
        [qkv.byteOffset, headScale.byteOffset, out.byteOffset],
        [s.rows, s.tokens, s.past, s.capacity, s.rowStride4, s.partStride4, s.outStride4],
        [s.scaleStart, s.heads, s.HEAD_SIZE, s.HEAD_STRIDE4],
      ].flat(),
      Math.min(pairs, (s.rows * s.heads * keys * s.HEAD_STRIDE4 * 8) / PIECE_WORK),
      2 * (keys + 4) * 4,
    );
  }

  function attentionScores({ qkv, out }: Arrays, s: Sizes): void {
    const rows = s.heads * s.rows;
    wasm.share(
      SHARED.attentionScores,
      [
        [qkv.byteOffset, out.byteOffset, s.rows, s.seen, s.first, s.sequenceStart4],
        [s.rowStride4, s.partStride4, s.head, s.heads, s.outHead],
        [s.HEAD_SIZE, s.HEAD_STRIDE4],
      ].flat(),
      Math.min(rows, (rows * s.seen * s.HEAD_STRIDE4 * 4) / PIECE_WORK),
      (s.seen + 4) * 4,
    );
  }

  function causalSoftmax({ x }: Arrays, s: Sizes): void {
    const heads = x.length / (s.rows * s.columns);
    wasm.exports.causalSoftmax(wasm.parameters([x.byteOffset, s.rows, s.columns, s.first, heads]));
  }

  function attentionStatistics({ x, ids, out }: Arrays, s: Sizes): void {
    const rows = s.heads * s.size;
    wasm.share(
      SHARED.attentionStatistics,
      [x.byteOffset, ids.byteOffset, out.byteOffset, s.size, s.heads],
      Math.min(rows, (rows * s.size * 8) / PIECE_WORK),
    );
  }

  /** `topToken` and `crossEntropy` alike: rows over a vocabulary. */
  function rowsOf(kernel: number, arrays: readonly NumberArray[], s: Sizes): void {
    wasm.share(
      kernel,
      [...arrays.map(({ byteOffset }) => byteOffset), s.rows, s.vocab, s.stride],
      Math.min(s.rows, (s.rows * s.vocab * 8) / PIECE_WORK),
    );
  }

  const variants = (ops: readonly Variant<never>[], twin: Kernel['meaning']) =>
    ops.map(({ kernel }) => [kernel, twin] as const);
  return new Map<Kernel, Kernel['meaning']>([
    ...variants(LINEAR, linear),
    ...variants(ATTENTION, attention),
    ...variants(TOP_TOKEN, ({ logits, token, logprob }, s) =>
      rowsOf(SHARED.topToken, [logits, token, logprob], s),
    ),
    ...variants(CROSS_ENTROPY, ({ logits, targets, loss, rank }, s) =>
      rowsOf(SHARED.crossEntropy, [logits, targets, loss, rank], s),
    ),
    [attentionScoresKernel, attentionScores],
    [causalSoftmaxKernel, causalSoftmax],
    [attentionStatisticsKernel, attentionStatistics],
    [embeddingKernel, packedEmbedding],
  ]);
}

/** Memory of the twins' own, which grows with what they are asked for. */
function createRoom({ heap }: Wasm) {
  const slots = new Map<string, Slot>();
  return {
    floats(name: string, length: number): NumberArray {
      let slot = slots.get(name);
      if (slot === undefined || slot.sizeBytes < length * 4) {
        if (slot) heap.free(slot);
        slot = heap.take('f32', [length]);
        slots.set(name, slot);
      }
      return heap.view(slot);
    },
  };
}

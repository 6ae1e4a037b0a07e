// The twins of WebAssembly against their kernels' meanings in float64: odd sizes, all weight formats, both modules, and
// one, two and three threads, whose results are the same to the last bit. Infinite numbers and such: wasmEdges.test.ts.
import { afterAll, describe, expect, it } from 'vitest';
import { ACTIVATIONS } from '../../../src/kernels/activation.ts';
import { attention } from '../../../src/kernels/attention.ts';
import { attentionScores } from '../../../src/kernels/attentionScores.ts';
import { attentionStatistics } from '../../../src/kernels/attentionStatistics.ts';
import { causalSoftmax } from '../../../src/kernels/causalSoftmax.ts';
import { crossEntropy } from '../../../src/kernels/crossEntropy.ts';
import { embedding } from '../../../src/kernels/embedding.ts';
import { linear } from '../../../src/kernels/linear.ts';
import { topToken } from '../../../src/kernels/topToken.ts';
import {
  WEIGHT_FORMATS,
  createWeightMatrix,
  writeRows,
} from '../../../src/kernels/weightMatrix.ts';
import { sumBound } from '../../support/close.ts';
import { noise } from '../../support/random.ts';
import { expectMeaning, openTwins, weights } from '../../support/twins.ts';

const twins = await openTwins();

afterAll(() => {
  for (const { device } of twins) device.dispose();
});

it('each says which module it is, and how many threads compute', () => {
  for (const { wasm, threads, device } of twins) {
    const count = threads === 1 ? '1 thread' : `${threads} threads`;
    const kind = wasm === 'relaxed' ? ', relaxed SIMD' : '';
    expect(device.summary.description).toBe(`WebAssembly, ${count}${kind}`);
  }
});

/** Noise in the first `width` of every `stride` values, zeros beyond. */
function padded(rows: number, stride: number, width: number, seed: number): Float32Array {
  const values = noise(rows * stride, seed);
  for (let i = 0; i < values.length; i++) if (i % stride >= width) values[i] = 0;
  return values;
}

describe('linear', () => {
  let cases = 0;
  for (const format of WEIGHT_FORMATS) {
    for (const k of [8, 40, 192, 768, 776]) {
      it(`multiplies by ${k} columns in ${format}, whatever the rows`, async () => {
        for (const rows of [1, 2, 3, 5, 16]) {
          for (const n of [8, 12, 264]) {
            for (const accumulate of [false, true]) {
              const activation = ACTIVATIONS[cases++ % ACTIVATIONS.length];
              await expectMeaning(
                twins,
                `${rows} × ${n}, ${activation}, accumulate ${accumulate}`,
                (d, enc, arena) => {
                  const x = arena.upload('x', [rows + 2, k], 'f32', noise((rows + 2) * k, 5));
                  const weight = weights(d, arena, format, n, k, 1 / Math.sqrt(k));
                  const bias = [arena.upload('b', [n], 'f32', noise(n, 7))];
                  const scale = arena.upload('s', [4], 'f32', Float32Array.of(9, 0.5, 9, 9));
                  const out = arena.upload('out', [rows + 3, n], 'f32', noise((rows + 3) * n, 8));
                  const outRows = { tokens: rows, capacity: rows, start: 3 };
                  linear(
                    enc,
                    { x, weight, bias, scale, out },
                    { rows, activation, accumulate, scaleIndex: 1, xStart: 2, outRows },
                  );
                  return { out, count: (rows + 3) * n };
                },
                // One row meets int8 as int16: each x is off by half of 2⁻¹⁵ of its group's largest, √3.
                sumBound(k, 4) +
                  (format === 'int8' && rows === 1
                    ? Math.sqrt(3 * k) * 2 ** -16 * Math.sqrt(3)
                    : 0),
              );
            }
          }
        }
      });
    }
  }
});

it('linear gives a row the same bits alone and among others, of sums in several blocks too', async () => {
  const [k, n, rows] = [3080, 20, 5];
  const x = noise(rows * k, 5);
  for (const { wasm, device } of twins) {
    const arena = device.createArena('linear');
    const weight = weights(device, arena, 'f32', n, k, 1 / Math.sqrt(k));
    const zero = arena.zeros('zero', [n], 'f32');
    const products = async (first: number, count: number) => {
      const part = arena.upload('x', [count, k], 'f32', x.subarray(first * k, (first + count) * k));
      const out = arena.zeros('out', [count, n], 'f32');
      const enc = device.createEncoder();
      linear(enc, { x: part, weight, bias: [zero], scale: zero, out }, { rows: count });
      const reading = enc.read(out, 0, count * n);
      enc.submit();
      return Array.from(await reading);
    };
    const together = await products(0, rows);
    const alone: number[] = [];
    for (let r = 0; r < rows; r++) alone.push(...(await products(r, 1)));
    expect(alone, wasm).toEqual(together);
    arena.dispose();
  }
});

it('linear adds no more than 192 products up in a lane before it adds sums', async () => {
  // Of equal products a chain errs to one side: 768 in a lane by 7.5e-4, 192 by less than a third of that.
  const k = 3072;
  for (const rows of [1, 3]) {
    await expectMeaning(
      twins,
      `${rows} rows`,
      (d, enc, arena) => {
        const x = arena.upload('x', [rows, k], 'f32', new Float32Array(rows * k).fill(0.1));
        const weight = createWeightMatrix(d, arena, 'weight', 8, k, 'f32');
        writeRows(arena, weight, 0, new Float32Array(8 * k).fill(0.7));
        const zero = arena.zeros('zero', [8], 'f32');
        const out = arena.zeros('out', [rows, 8], 'f32');
        linear(enc, { x, weight, bias: [zero], scale: zero, out }, { rows });
        return { out, count: rows * 8 };
      },
      4e-4,
    );
  }
});

it('linear keeps halves that are infinite or no number, and subnormal ones', async () => {
  for (const rows of [1, 3]) {
    await expectMeaning(
      twins,
      `${rows} rows`,
      (d, enc, arena) => {
        const [k, n] = [16, 8];
        const values = noise(n * k, 3);
        values[5] = Infinity;
        values[k + 6] = -Infinity;
        values[2 * k + 7] = NaN;
        values.fill(2 ** -24, 3 * k, 4 * k);
        values.fill(-3e-5, 4 * k, 5 * k);
        const weight = createWeightMatrix(d, arena, 'weight', n, k, 'f16');
        writeRows(arena, weight, 0, values);
        const x = arena.upload('x', [rows, k], 'f32', noise(rows * k, 4, 2, 0.1));
        const zero = arena.zeros('zero', [n], 'f32');
        const out = arena.zeros('out', [rows, n], 'f32');
        linear(enc, { x, weight, bias: [zero], scale: zero, out }, { rows });
        return { out, count: rows * n };
      },
      sumBound(16, 8),
    );
  }
});

describe('embedding', () => {
  for (const format of WEIGHT_FORMATS) {
    it(`gathers tokens and positions in ${format}`, async () => {
      const ids = Uint32Array.of(0, 39, 7, 8, 7, 15, 16, 31, 32, 1);
      await expectMeaning(
        twins,
        format,
        (d, enc, arena) => {
          const out = arena.zeros('out', [ids.length, 24], 'f32');
          const tensors = {
            ids: arena.upload('ids', [ids.length], 'u32', ids),
            wte: weights(d, arena, format, 40, 24),
            wpe: weights(d, arena, format, 16, 24),
            out,
          };
          embedding(enc, tensors, { rows: ids.length, tokens: 5, past: 3 });
          return { out, count: ids.length * 24 };
        },
        1e-6,
      );
    });
  }
});

describe('attention', () => {
  // No power of two, and no head's 1/√D.
  const scoreScale = 0.3;
  const cases = [
    { batch: 1, tokens: 1, past: 0, nHead: 1, headSize: 4 },
    { batch: 1, tokens: 1, past: 70, nHead: 3, headSize: 16 },
    { batch: 1, tokens: 65, past: 0, nHead: 2, headSize: 64 },
    { batch: 2, tokens: 5, past: 2, nHead: 3, headSize: 5 },
    { batch: 1, tokens: 7, past: 0, nHead: 2, headSize: 80 },
    { batch: 1, tokens: 4, past: 3, nHead: 12, headSize: 20 },
  ];
  for (const { batch, tokens, past, nHead, headSize } of cases) {
    it(`attends ${batch} × ${tokens} after ${past}, ${nHead} heads of ${headSize}`, async () => {
      const headStride = Math.ceil(headSize / 4) * 4;
      const partStride = nHead * headStride;
      const rowStride = Math.ceil((3 * partStride) / 8) * 8;
      const capacity = past + tokens + 3;
      const layout = { nHead, headSize, headStride, partStride, rowStride };
      const width = Math.ceil(partStride / 8) * 8;
      const cache = padded((batch * capacity * rowStride) / headStride, headStride, headSize, 1);
      await expectMeaning(
        twins,
        'attention',
        (_d, enc, arena) => {
          const qkv = arena.zeros('qkv', [batch, capacity, rowStride], 'f32');
          arena.write(qkv, cache);
          const headScale = arena.upload('s', [nHead + 1], 'f32', noise(nHead + 1, 2));
          const rows = batch * tokens;
          const out = arena.zeros('out', [rows, width], 'f32');
          const options = { ...layout, rows, tokens, past, scaleStart: 1, scoreScale };
          attention(enc, { qkv, headScale, out }, options);
          return { out, count: rows * width };
        },
        sumBound(headSize + capacity, 2),
      );
    });
  }

  it('leaves scores of some heads, and makes probabilities of them', async () => {
    for (const [headSize, seen, first] of [
      [12, 11, 2],
      [5, 70, 0],
    ]) {
      const headStride = Math.ceil(headSize / 4) * 4;
      const layout = { nHead: 4, headSize, headStride, partStride: 4 * headStride };
      const rowStride = 12 * headStride;
      const cache = padded(2 * (seen + 2) * 12, headStride, headSize, 3);
      const rows = seen - first;
      for (const isSoft of [false, true]) {
        await expectMeaning(
          twins,
          `probabilities ${isSoft}`,
          (_d, enc, arena) => {
            const qkv = arena.upload('qkv', [2, seen + 2, rowStride], 'f32', cache);
            const out = arena.upload('out', [3, rows, seen], 'f32', noise(3 * rows * seen, 5));
            const sizes = {
              rows,
              first,
              seen,
              sequence: 1,
              head: 1,
              heads: 2,
              outHead: 1,
              scoreScale,
            };
            attentionScores(enc, { qkv, out }, { ...layout, rowStride, ...sizes });
            if (isSoft) causalSoftmax(enc, out, first);
            return { out, count: 3 * rows * seen };
          },
          sumBound(headSize + seen, 4),
        );
      }
    }
  });
});

/** Rows of a causal softmax: positive, summing to one, zero above the diagonal. */
function probabilities(heads: number, size: number, seed: number): Float32Array {
  const x = noise(heads * size * size, seed, 0, 3);
  for (let row = 0; row < heads * size; row++) {
    const own = x.subarray(row * size, row * size + (row % size) + 1);
    const total = own.reduce((sum, v) => sum + Math.exp(v), 0);
    x.set(
      own.map((v) => Math.exp(v) / total),
      row * size,
    );
    x.fill(0, row * size + (row % size) + 1, (row + 1) * size);
  }
  return x;
}

describe('attentionStatistics', () => {
  for (const [size, words] of [
    [1, 1],
    [9, 1],
    [37, 5],
    [19, 100],
    [123, 40],
  ]) {
    it(`sum up ${size} rows of ${words} words`, async () => {
      await expectMeaning(
        twins,
        'statistics',
        (_d, enc, arena) => {
          const x = arena.upload('x', [3, size, size], 'f32', probabilities(3, size, 1));
          const tokens = Uint32Array.from({ length: size }, (_, t) => (t * 7) % words);
          const ids = arena.upload('ids', [size], 'u32', tokens);
          const out = arena.zeros('out', [3, size, 6], 'f32');
          attentionStatistics(enc, { x, ids, out }, { size, heads: 3 });
          return { out, count: 3 * size * 6 };
        },
        sumBound(size, 1) + size * 2 ** -21,
      );
    });
  }
});

describe('rows over a vocabulary', () => {
  for (const [rows, vocab] of [
    [1, 8],
    [3, 37],
    [5, 1027],
    [2, 50257],
  ]) {
    it(`find the top token and the loss of ${rows} rows of ${vocab}`, async () => {
      const stride = Math.ceil(vocab / 8) * 8;
      const logits = noise(rows * stride, 9, 0, 4);
      // Beyond the vocabulary everything is larger, and counts for nothing; two of the largest are equal.
      for (let r = 0; r < rows; r++) {
        for (let v = vocab; v < stride; v++) logits[r * stride + v] = 99;
        logits[r * stride + vocab - 1] = logits[r * stride + (vocab >> 1)] = 11.5;
      }
      const targets = Uint32Array.from({ length: rows }, (_, r) =>
        r === 1 ? 0xffffffff : (r * 31) % vocab,
      );
      const bound = sumBound(Math.sqrt(vocab), 1) + 2e-6;
      for (const what of ['token', 'logprob', 'loss', 'rank'] as const) {
        await expectMeaning(
          twins,
          what,
          (_d, enc, arena) => {
            const x = arena.upload('logits', [rows, stride], 'f32', logits);
            const top = {
              token: arena.zeros('token', [rows], 'u32'),
              logprob: arena.zeros('logprob', [rows], 'f32'),
            };
            topToken(enc, { logits: x, ...top }, { rows, vocab });
            const scores = {
              loss: arena.zeros('loss', [rows], 'f32'),
              rank: arena.zeros('rank', [rows], 'u32'),
            };
            const wanted = arena.upload('targets', [rows], 'u32', targets);
            crossEntropy(enc, { logits: x, targets: wanted, ...scores }, { rows, vocab });
            return {
              out: { ...top, ...scores }[what],
              count: rows,
              u32: what === 'token' || what === 'rank',
            };
          },
          bound,
        );
      }
    });
  }
});

// Every shader against its kernel's meaning in float64: odd sizes, all weight formats, every variant of an
// op, inside error scopes. Those over a vocabulary are in vocabulary.gpu.test.ts.
import { describe, expect, it } from 'vitest';
import { type Arena, type Device, bytesOf } from '../../src/gpu/device.ts';
import { ACTIVATIONS, type Activation, activate } from '../../src/kernels/activation.ts';
import { addRow } from '../../src/kernels/addRow.ts';
import { ATTENTION, attentionCall } from '../../src/kernels/attention.ts';
import { attentionScores } from '../../src/kernels/attentionScores.ts';
import { attentionStatistics } from '../../src/kernels/attentionStatistics.ts';
import { attentionThumbnails } from '../../src/kernels/attentionThumbnails.ts';
import { causalSoftmax } from '../../src/kernels/causalSoftmax.ts';
import { embedding } from '../../src/kernels/embedding.ts';
import { LAYER_NORM, layerNormCall } from '../../src/kernels/layerNorm.ts';
import { LINEAR, linear, linearCalls } from '../../src/kernels/linear.ts';
import {
  WEIGHT_FORMATS,
  type WeightFormat,
  createWeightMatrix,
  writeRows,
} from '../../src/kernels/weightMatrix.ts';
import { sumBound } from '../support/close.ts';
import { noise } from '../support/random.ts';
import { expectMeaning, expectTried, expectVariants, gpuDevice } from './fixture.ts';

function weights(
  device: Device,
  arena: Arena,
  format: WeightFormat,
  rows: number,
  columns: number,
  seed: number,
  std = 1,
) {
  const values = noise(rows * columns, seed, 0, std);
  const matrix = createWeightMatrix(device, arena, 'weight', rows, columns, format);
  writeRows(arena, matrix, 0, values);
  return matrix;
}

/** Noise in the first `width` of every `stride` values, zeros beyond. */
function padded(rows: number, stride: number, width: number, seed: number): Float32Array {
  const values = noise(rows * stride, seed);
  for (let i = 0; i < values.length; i++) if (i % stride >= width) values[i] = 0;
  return values;
}

describe('layerNorm', () => {
  const cases = [
    { rows: 1, channels: 8, reason: 'the smallest row' },
    { rows: 3, channels: 5, reason: 'a width that no vec4 divides' },
    { rows: 9, channels: 66, reason: 'one more row than a workgroup, one more lane than 64' },
    { rows: 2, channels: 768, reason: "GPT-2's width" },
  ];
  for (const { rows, channels, reason } of cases) {
    for (const byVariance of [true, false]) {
      it(`normalises ${rows} × ${channels} by ${byVariance ? 'variance' : 'standard deviation'}: ${reason}`, async () => {
        const stride = Math.ceil(channels / 8) * 8;
        await expectVariants(
          reason,
          LAYER_NORM,
          (_d, arena) => {
            const x = arena.upload('x', [rows, stride], 'f32', padded(rows, stride, channels, 1));
            const weight = arena.upload('w', [stride], 'f32', padded(1, stride, channels, 2));
            const bias = arena.upload('b', [stride], 'f32', padded(1, stride, channels, 3));
            const out = arena.zeros('out', [2 * rows, stride], 'f32');
            const outRows = { tokens: rows, capacity: rows, start: 1 };
            const options = { rows, channels, epsilon: 1e-5, byVariance, outRows };
            const calls = [layerNormCall({ x, weight, bias, out }, options)];
            return { calls, out, count: 2 * rows * stride };
          },
          sumBound(channels, 4),
        );
      });
    }
  }
});

describe('linear', () => {
  interface Case {
    readonly rows: number;
    readonly k: number;
    readonly n: number;
    readonly reason: string;
    readonly by?: 'all';
    readonly activations?: readonly Activation[];
  }
  // Width, format and activation are overrides: a pipeline of its own for each. So each kernel has both forms
  // of GELU in each format at one width, and goes without in other shapes. The function itself is the same text
  // in all of them and in `activation`, which has them all.
  const none: readonly Activation[] = ['none'];
  const all: readonly Activation[] = ['none', 'gelu-tanh', 'gelu-exact'];
  const cases: readonly Case[] = [
    { rows: 1, k: 8, n: 8, reason: 'the smallest' },
    { rows: 1, k: 40, n: 24, reason: 'one row, odd groups', activations: all },
    { rows: 2, k: 72, n: 264, reason: 'two rows still go one by one' },
    { rows: 9, k: 24, n: 40, reason: 'one row more than the register tile' },
    { rows: 17, k: 104, n: 72, reason: 'a ragged last tile', activations: all },
    {
      rows: 17,
      k: 104,
      n: 72,
      reason: 'every variant, needed or not',
      by: 'all',
      activations: ['gelu-exact'],
    },
    {
      rows: 21,
      k: 512,
      n: 520,
      reason: 'large: a ragged last tile of sixteen',
      activations: ['gelu-tanh'],
    },
    { rows: 9, k: 512, n: 520, reason: 'large: one row more than a tile of eight' },
    { rows: 8, k: 40, n: 24, reason: 'a whole tile of eight' },
    { rows: 1, k: 768, n: 768, reason: "GPT-2's projection" },
  ];
  for (const format of WEIGHT_FORMATS) {
    for (const { rows, k, n, reason, by = 'taken', activations = none } of cases) {
      it(`multiplies ${rows} × ${k} by ${k} × ${n} in ${format}: ${reason}`, async () => {
        for (const activation of activations) {
          for (const accumulate of [false, true]) {
            await expectVariants(
              `${activation}, accumulate ${accumulate}`,
              LINEAR,
              (d, arena) => {
                const x = arena.upload('x', [rows + 2, k], 'f32', noise((rows + 2) * k, 5));
                const weight = weights(d, arena, format, n, k, 6, 1 / Math.sqrt(k));
                const bias = [arena.upload('b', [n], 'f32', noise(n, 7))];
                const scale = arena.upload('s', [4], 'f32', Float32Array.of(9, 0.5, 9, 9));
                const out = arena.upload('out', [rows + 3, n], 'f32', noise((rows + 3) * n, 8));
                const outRows = { tokens: rows, capacity: rows, start: 3 };
                const options = { rows, activation, accumulate, scaleIndex: 1, xStart: 2, outRows };
                const calls = linearCalls({ x, weight, bias, scale, out }, options);
                return { calls, out, count: (rows + 3) * n };
              },
              sumBound(k, 4),
              by,
            );
          }
        }
      });
    }
  }

  it('adds no more than 192 products up before it adds sums', async () => {
    const device = await gpuDevice();
    const [rows, k, n] = [3, 3072, 8];
    await expectMeaning(
      device,
      'equal products, of which a chain errs to one side',
      (d, enc, arena) => {
        const x = arena.upload('x', [rows, k], 'f32', new Float32Array(rows * k).fill(0.1));
        const weight = createWeightMatrix(d, arena, 'weight', n, k, 'f32');
        writeRows(arena, weight, 0, new Float32Array(n * k).fill(0.7));
        const zero = arena.zeros('zero', [n], 'f32');
        const out = arena.zeros('out', [rows, n], 'f32');
        linear(enc, { x, weight, bias: [zero], scale: zero, out }, { rows });
        return { out, count: rows * n };
      },
      1e-4,
    );
  });

  it('splits the rows of a weight that is larger than a binding, and gives the same numbers', async () => {
    const device = await gpuDevice();
    const [rows, k, n] = [3, 64, 200];
    let parts = 0;
    for (const count of [1, rows]) {
      await expectMeaning(
        device,
        `${count} rows`,
        (d, enc, arena) => {
          const x = arena.upload('x', [count, k], 'f32', noise(count * k, 5));
          const capped = { ...d, traits: { ...d.traits, maxBindingBytes: 64 * k * 4 } };
          const weight = weights(capped, arena, 'f32', n, k, 6, 1 / 8);
          parts = weight.parts.length;
          const zero = arena.zeros('zero', [n], 'f32');
          const out = arena.zeros('out', [count, n], 'f32');
          linear(
            enc,
            { x, weight, bias: weight.parts.map(() => zero), scale: zero, out },
            { rows: count },
          );
          return { out, count: count * n };
        },
        sumBound(k, 4),
      );
      expect(parts).toBe(4);
    }
  });
});

describe('embedding', () => {
  for (const format of WEIGHT_FORMATS) {
    it(`gathers tokens and positions in ${format}, whole and in parts`, async () => {
      const device = await gpuDevice();
      const [vocab, positions, channels, tokens] = [40, 16, 24, 5];
      const ids = Uint32Array.of(0, 39, 7, 8, 7, 15, 16, 31, 32, 1);
      for (const binding of [Infinity, bytesOf(16 * channels, [16, channels], format)]) {
        await expectMeaning(
          device,
          `binding ${binding}`,
          (d, enc, arena) => {
            const most = Math.min(d.traits.maxBindingBytes, binding);
            const capped = { ...d, traits: { ...d.traits, maxBindingBytes: most } };
            const out = arena.zeros('out', [ids.length, channels], 'f32');
            embedding(
              enc,
              {
                ids: arena.upload('ids', [ids.length], 'u32', ids),
                wte: weights(capped, arena, format, vocab, channels, 1),
                wpe: weights(d, arena, format, positions, channels, 2),
                out,
              },
              { rows: ids.length, tokens, past: 3 },
            );
            return { out, count: ids.length * channels };
          },
          1e-6,
        );
      }
    });
  }
});

// No power of two, and no head's 1/√D.
const scoreScale = 0.3;

describe('attention', () => {
  const cases = [
    { batch: 1, tokens: 1, past: 0, nHead: 1, headSize: 4, reason: 'one token' },
    {
      batch: 1,
      tokens: 1,
      past: 70,
      nHead: 3,
      headSize: 16,
      reason: 'a decode step past one tile',
    },
    {
      batch: 1,
      tokens: 65,
      past: 0,
      nHead: 2,
      headSize: 64,
      reason: 'one more than a tile of keys',
    },
    { batch: 2, tokens: 5, past: 2, nHead: 3, headSize: 5, reason: 'an odd head, a batch, a past' },
    { batch: 1, tokens: 7, past: 0, nHead: 2, headSize: 80, reason: 'a head of five sixteens' },
    { batch: 1, tokens: 5, past: 6, nHead: 5, headSize: 7, reason: 'odd rows, heads and channels' },
    { batch: 1, tokens: 4, past: 3, nHead: 4, headSize: 16, reason: 'one tile of rows' },
  ];
  for (const { batch, tokens, past, nHead, headSize, reason } of cases) {
    it(`attends ${batch} × ${tokens} after ${past}, ${nHead} heads of ${headSize}: ${reason}`, async () => {
      const headStride = Math.ceil(headSize / 4) * 4;
      const partStride = nHead * headStride;
      const rowStride = Math.ceil((3 * partStride) / 8) * 8;
      const capacity = past + tokens + 3;
      const layout = { nHead, headSize, headStride, partStride, rowStride };
      const width = Math.ceil(partStride / 8) * 8;
      const cache = padded((batch * capacity * rowStride) / headStride, headStride, headSize, 1);
      await expectVariants(
        reason,
        ATTENTION,
        (_d, arena) => {
          const qkv = arena.zeros('qkv', [batch, capacity, rowStride], 'f32');
          arena.write(qkv, cache);
          const switches = noise(nHead + 1, 2);
          const headScale = arena.upload('s', [nHead + 1], 'f32', switches);
          const rows = batch * tokens;
          const out = arena.zeros('out', [rows, width], 'f32');
          const options = { ...layout, rows, tokens, past, scaleStart: 1, scoreScale };
          const calls = [attentionCall({ qkv, headScale, out }, options)];
          return { calls, out, count: rows * width };
        },
        sumBound(headSize + capacity, 2),
      );
    });
  }
});

describe('attentionScores and causalSoftmax', () => {
  it('recompute the rows of some heads, zero above the diagonal and summing to one', async () => {
    const device = await gpuDevice();
    const [nHead, headSize, seen, first] = [4, 12, 11, 2];
    const layout = { nHead, headSize, headStride: 12, partStride: 48, rowStride: 144 };
    await expectMeaning(
      device,
      'probabilities',
      (_d, enc, arena) => {
        const qkv = arena.upload('qkv', [2, 13, 144], 'f32', noise(2 * 13 * 144, 3));
        const out = arena.zeros('out', [2, seen - first, seen], 'f32');
        const sizes = {
          rows: seen - first,
          first,
          seen,
          sequence: 1,
          head: 1,
          heads: 2,
          scoreScale,
        };
        attentionScores(enc, { qkv, out }, { ...layout, ...sizes });
        causalSoftmax(enc, out, first);
        return { out, count: 2 * (seen - first) * seen };
      },
      sumBound(headSize + seen, 1),
    );
  });

  it('put one row of every layer into one tensor, beside what is there already', async () => {
    const device = await gpuDevice();
    const [nHead, headSize, seen, layers] = [3, 5, 9, 2];
    const layout = { nHead, headSize, headStride: 8, partStride: 24, rowStride: 72 };
    await expectMeaning(
      device,
      'rows',
      (_d, enc, arena) => {
        const out = arena.upload('out', [7, 1, seen], 'f32', noise(7 * seen, 5));
        for (let l = 0; l < layers; l++) {
          const cache = padded((11 * 72) / 8, 8, headSize, l);
          const qkv = arena.upload('qkv', [1, 11, 72], 'f32', cache);
          const sizes = {
            rows: 1,
            first: seen - 1,
            seen,
            sequence: 0,
            head: 0,
            heads: nHead,
            scoreScale,
          };
          attentionScores(enc, { qkv, out }, { ...layout, ...sizes, outHead: 1 + l * nHead });
        }
        causalSoftmax(enc, out, seen - 1);
        return { out, count: 7 * seen };
      },
      sumBound(headSize + seen, 1),
    );
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

describe('attentionThumbnails', () => {
  const cases = [
    { size: 1, block: 1, reason: 'one token' },
    { size: 7, block: 1, reason: 'a cell a token' },
    { size: 37, block: 4, reason: 'a ragged last cell, more cells than a workgroup' },
    { size: 9, block: 20, reason: 'one cell for all' },
  ];
  for (const { size, block, reason } of cases) {
    it(`keep the strongest weight of every ${block} × ${block} of ${size}: ${reason}`, async () => {
      const device = await gpuDevice();
      const cells = Math.ceil(size / block);
      await expectMeaning(
        device,
        'thumbnails',
        (_d, enc, arena) => {
          const x = arena.upload('x', [3, size, size], 'f32', probabilities(3, size, 1));
          const out = arena.upload('out', [5, cells, cells], 'f32', noise(5 * cells * cells, 2));
          attentionThumbnails(enc, { x, out }, { size, heads: 3, block, outHead: 1 });
          return { out, count: 5 * cells * cells };
        },
        0,
      );
    });
  }
});

describe('attentionStatistics', () => {
  const cases = [
    { size: 1, words: 1, reason: 'one token' },
    { size: 9, words: 1, reason: 'the same token again and again' },
    { size: 37, words: 5, reason: 'many copies, more rows than a workgroup' },
    { size: 19, words: 100, reason: 'no copy at all' },
  ];
  for (const { size, words, reason } of cases) {
    it(`sum up ${size} rows of ${words} words: ${reason}`, async () => {
      const device = await gpuDevice();
      await expectMeaning(
        device,
        'statistics',
        (_d, enc, arena) => {
          const x = arena.upload('x', [3, size, size], 'f32', probabilities(3, size, 1));
          const tokens = Uint32Array.from({ length: size }, (_, t) => (t * 7) % words);
          const ids = arena.upload('ids', [size], 'u32', tokens);
          const out = arena.zeros('out', [3, size, 6], 'f32');
          attentionStatistics(enc, { x, ids, out }, { size, heads: 3 });
          return { out, count: 3 * size * 6 };
        },
        // Entropy is the largest: at most log₂ T bits; log₂ itself is good to 2⁻²¹ near 1.
        sumBound(size, 1) + size * 2 ** -21,
      );
    });
  }
});

describe('addRow', () => {
  const cases = [
    { rows: 1, count: 4, start: 0, from: 0, reason: 'the smallest' },
    { rows: 9, count: 12, start: 24, from: 8, reason: 'a head among others' },
    { rows: 3, count: 48, start: 0, from: 0, reason: 'whole rows, more than a workgroup' },
  ];
  for (const { rows, count, start, from, reason } of cases) {
    it(`adds ${count} columns to ${rows} rows and leaves the rest as it is: ${reason}`, async () => {
      const device = await gpuDevice();
      await expectMeaning(
        device,
        'addRow',
        (_d, enc, arena) => {
          const row = arena.upload('row', [2, 48], 'f32', noise(96, 1));
          const out = arena.upload('out', [rows + 1, 48], 'f32', noise((rows + 1) * 48, 2));
          addRow(enc, { row, out }, { rows, start, from, count });
          return { out, count: (rows + 1) * 48 };
        },
        sumBound(2, 2),
      );
    });
  }
});

describe('activation', () => {
  for (const activation of ACTIVATIONS) {
    it(`${activation} is right from −1000 to 1000, without overflow`, async () => {
      const device = await gpuDevice();
      const far = [-1000, -100, -88, -50, 50, 88, 100, 1000, 1e-4, -1e-4, 1e-30];
      const values = Float32Array.from({ length: 4012 }, (_, i) =>
        i < 4001 ? (i - 2000) / 200 : far[i - 4001],
      );
      await expectMeaning(
        device,
        activation,
        (_d, enc, arena) => {
          const x = arena.upload('x', [4012], 'f32', values);
          const out = arena.zeros('out', [4012], 'f32');
          activate(enc, { x, out }, activation);
          return { out, count: 4012 };
        },
        // erf's fit is good to 1.2e-7 relative; tanh and exp are rounded once more by the device.
        4e-6,
      );
    });
  }
});

it('every variant was compared with its meaning', () => {
  expectTried(LAYER_NORM);
  expectTried(LINEAR);
  expectTried(ATTENTION);
});

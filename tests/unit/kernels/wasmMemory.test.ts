// Where the twins' tensors lie: beyond 2 GiB, where addresses are negative to whoever takes them for signed; in a memory
// that cannot grow; and never beyond a tensor's end.
import { afterEach, expect, it, vi } from 'vitest';
import { createProcessor } from '../../../src/engine/load/processor.ts';
import type { Arena, Device, Tensor } from '../../../src/gpu/device.ts';
import { activationBackward } from '../../../src/kernels/activationBackward.ts';
import { attention } from '../../../src/kernels/attention.ts';
import { attentionScores } from '../../../src/kernels/attentionScores.ts';
import { attentionStatistics } from '../../../src/kernels/attentionStatistics.ts';
import { causalSoftmax } from '../../../src/kernels/causalSoftmax.ts';
import { attentionBackward } from '../../../src/kernels/attentionBackward.ts';
import { attentionTraining } from '../../../src/kernels/attentionTraining.ts';
import { crossEntropyBackward } from '../../../src/kernels/crossEntropyBackward.ts';
import { layerNorm } from '../../../src/kernels/layerNorm.ts';
import { layerNormBackward } from '../../../src/kernels/layerNormBackward.ts';
import { attentionInputs, attentionOptions } from '../../support/attentionTraining.ts';
import { crossEntropy } from '../../../src/kernels/crossEntropy.ts';
import { addDropped, dropoutMask, dropped } from '../../../src/kernels/dropout.ts';
import { embedding } from '../../../src/kernels/embedding.ts';
import { gradientNorm, partialSums } from '../../../src/kernels/gradientNorm.ts';
import { type LinearOptions, linear } from '../../../src/kernels/linear.ts';
import { linearBackwardInput, linearBackwardWeight } from '../../../src/kernels/linearBackward.ts';
import { topToken } from '../../../src/kernels/topToken.ts';
import { WEIGHT_FORMATS, type WeightFormat } from '../../../src/kernels/weightMatrix.ts';
import { ADAM_W, recordAdamW } from '../../support/optimiserCases.ts';
import { noise } from '../../support/random.ts';
import { type Op, run, weights } from '../../support/twins.ts';

const GIB = 2 ** 30;

/** One with a helper that is ready. */
async function processor(): Promise<Device> {
  const device = await createProcessor({ wasm: 'exact', threads: 2 });
  await device.prepare(() => {});
  return device;
}

afterEach(() => vi.restoreAllMocks());

/** `rows` of x by a matrix of noise. */
const product =
  (format: WeightFormat, rows: number, k: number, options: Partial<LinearOptions> = {}): Op =>
  (d, enc, arena) => {
    const n = 264;
    const x = arena.upload('x', [rows, k], 'f32', noise(rows * k, 5));
    const weight = weights(d, arena, format, n, k);
    const bias = arena.upload('bias', [n], 'f32', noise(n, 7));
    const out = arena.upload('out', [rows, n], 'f32', noise(rows * n, 8));
    linear(enc, { x, weight, bias: [bias], scale: bias, out }, { rows, ...options });
    return { out, count: rows * n };
  };

const heads = {
  nHead: 4,
  headSize: 20,
  headStride: 20,
  partStride: 80,
  rowStride: 240,
  scoreScale: 0.25,
};

/** Every kernel that has a twin, with work for several threads. */
const OPS: Readonly<Record<string, Op>> = {
  ...Object.fromEntries(
    WEIGHT_FORMATS.flatMap((format) =>
      [1, 17].map((rows) => [
        `linear ${format} ${rows}`,
        product(format, rows, 776, { accumulate: rows > 1 }),
      ]),
    ),
  ),
  attention: (_d, enc, arena) => {
    const qkv = arena.upload('qkv', [2, 65, 240], 'f32', noise(2 * 65 * 240, 1));
    const headScale = arena.upload('s', [4], 'f32', noise(4, 2));
    const out = arena.zeros('out', [66, 80], 'f32');
    const sizes = { rows: 66, tokens: 33, past: 32, scaleStart: 0 };
    attention(enc, { qkv, headScale, out }, { ...heads, ...sizes });
    return { out, count: 66 * 80 };
  },
  probabilities: (_d, enc, arena) => {
    const qkv = arena.upload('qkv', [2, 65, 240], 'f32', noise(2 * 65 * 240, 1));
    const out = arena.zeros('out', [4, 65, 65], 'f32');
    const sizes = { rows: 65, first: 0, seen: 65, sequence: 1, head: 0, heads: 4 };
    attentionScores(enc, { qkv, out }, { ...heads, ...sizes });
    causalSoftmax(enc, out, 0);
    const ids = arena.upload('ids', [65], 'u32', new Uint32Array(65));
    const statistics = arena.zeros('statistics', [4, 65, 6], 'f32');
    attentionStatistics(enc, { x: out, ids, out: statistics }, { size: 65, heads: 4 });
    return { out: statistics, count: 4 * 65 * 6 };
  },
  'top token and loss': (_d, enc, arena) => {
    const logits = arena.upload('logits', [9, 5000], 'f32', noise(9 * 5000, 1));
    const targets = arena.upload('targets', [9], 'u32', Uint32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9));
    const [token, rank] = [arena.zeros('token', [9], 'u32'), arena.zeros('rank', [9], 'u32')];
    const [logprob, loss] = [arena.zeros('lp', [9], 'f32'), arena.zeros('loss', [9], 'f32')];
    topToken(enc, { logits, token, logprob }, { rows: 9, vocab: 4999 });
    crossEntropy(enc, { logits, targets, loss, rank }, { rows: 9, vocab: 4999 });
    const all = arena.zeros('all', [18], 'f32');
    enc.copy(logprob, all, { from: 0, to: 0, count: 9 });
    enc.copy(loss, all, { from: 0, to: 9, count: 9 });
    return { out: all, count: 18 };
  },
  'gradients of a linear layer': (d, enc, arena) => {
    const [rows, n, k] = [130, 264, 72];
    const dY = arena.upload('dY', [rows, n], 'f32', noise(rows * n, 6));
    const dOut = arena.zeros('dOut', [rows, n], 'f32');
    activationBackward(enc, { x: dY, dOut: dY, dX: dOut }, { count: rows * n, activation: 'silu' });
    const dX = arena.zeros('dX', [rows, k], 'f32');
    linearBackwardInput(enc, { dOut, weight: weights(d, arena, 'f16', n, k), dX }, { rows });
    const dWeight = weights(d, arena, 'f32', n, k);
    const dBias = [arena.zeros('dBias', [n], 'f32')];
    linearBackwardWeight(enc, { dOut, x: dX, dWeight, dBias }, { rows, accumulate: true });
    return { out: dWeight.parts[0].tensor, count: n * k };
  },
  dropout: (_d, enc, arena) => {
    const mask = arena.zeros('mask', [900], 'u32');
    const next = { start: 451, keep: 0.3 };
    dropoutMask(enc, { out: mask }, { seed: 9, step: 1, layer: 2, words: 900, keep: 0.7, next });
    const x = arena.upload('x', [130, 208], 'f32', noise(130 * 208, 1));
    const [once, out] = [arena.zeros('once', x.shape, 'f32'), arena.zeros('out', x.shape, 'f32')];
    const options = { rows: 130, channels: 203, maskStart: 7, keep: 0.7 };
    dropped(enc, { x, mask, out: once }, options);
    addDropped(enc, { x, y: once, mask, out }, options);
    return { out, count: 130 * 208 };
  },
  'gradients of a pool': (_d, enc, arena) => {
    const pools = [arena.upload('g', [140_000], 'f32', noise(140_000, 1))];
    const partials = arena.zeros('partials', [partialSums(pools)], 'f32');
    const scalars = arena.zeros('scalars', [2], 'f32');
    gradientNorm(enc, { pools, partials, scalars }, { maxNorm: 1 });
    return { out: scalars, count: 2 };
  },
  'attention of training': (_d, enc, arena) => {
    const o = attentionOptions({
      batch: 2,
      tokens: 37,
      nHead: 3,
      headSize: 12,
      keep: 0.8,
      reason: '',
    });
    const { qkv, mask, dOut } = attentionInputs(arena, o);
    const out = arena.zeros('out', dOut.shape, 'f32');
    const [lse, delta] = ['lse', 'delta'].map((l) => arena.zeros(l, [o.rows, o.nHead], 'f32'));
    const dQkv = arena.zeros('dQkv', qkv.shape, 'f32');
    attentionTraining(enc, { qkv, mask, out, lse }, o);
    attentionBackward(enc, { qkv, mask, out, dOut, lse, delta, dQkv }, o);
    return { out: dQkv, count: o.rows * o.rowStride };
  },
  'layerNorm and its gradients': (_d, enc, arena) => {
    const [x, dOut, out, dX] = [1, 2, 3, 4].map((seed) =>
      arena.upload(`${seed}`, [130, 72], 'f32', noise(130 * 72, seed)),
    );
    const [weight, bias, dWeight, dBias] = [5, 6, 7, 8].map((seed) =>
      arena.upload(`${seed}`, [72], 'f32', noise(72, seed)),
    );
    const statistics = arena.zeros('statistics', [130, 2], 'f32');
    const options = { rows: 130, channels: 72, epsilon: 1e-5, byVariance: true, accumulate: true };
    layerNorm(enc, { x, weight, bias, out }, options);
    const t = { x, weight, dOut, residual: out, statistics, dX, dWeight, dBias };
    layerNormBackward(enc, t, options);
    const all = arena.zeros('all', [131 * 72], 'f32');
    enc.copy(dX, all, { from: 0, to: 0, count: 130 * 72 });
    enc.copy(dWeight, all, { from: 0, to: 130 * 72, count: 72 });
    return { out: all, count: 131 * 72 };
  },
  'gradient of logits': (_d, enc, arena) => {
    const logits = arena.upload('logits', [9, 104], 'f32', noise(9 * 104, 4));
    const targets = arena.upload('targets', [9], 'u32', Uint32Array.of(1, 2, 3, 99, 5, 6, 7, 8, 9));
    const loss = arena.zeros('loss', [9], 'f32');
    crossEntropyBackward(
      enc,
      { logits, targets, loss },
      { rows: 9, vocab: 99, start: 0, scale: 1 },
    );
    return { out: logits, count: 9 * 104 };
  },
  adamW: (d, enc, arena) => recordAdamW(d, enc, arena, ADAM_W[1]),
  embedding: (d, enc, arena) => {
    const ids = arena.upload('ids', [3], 'u32', Uint32Array.of(0, 39, 7));
    const [wte, wpe] = [weights(d, arena, 'f16', 40, 24), weights(d, arena, 'f16', 40, 24)];
    const out = arena.zeros('out', [3, 24], 'f32');
    embedding(enc, { ids, wte, wpe, out }, { rows: 3, tokens: 3, past: 2 });
    return { out, count: 72 };
  },
};

/** A tensor of so many bytes, which nobody reads or writes: its pages cost no memory. */
function untouched(arena: Arena, bytes: number): Tensor {
  return arena.zeros('untouched', [bytes / 4], 'f32');
}

it('computes the same above 2 GiB as below, up to the end of the heap', async () => {
  const [low, high] = [await processor(), await processor()];
  const below = high.createArena('below');
  untouched(below, 2 * GIB - 2 ** 20); // some lie across 2 GiB, …
  for (const more of [0, GIB, GIB - 2 ** 24]) {
    if (more > 0) untouched(below, more); // … some near 3 GiB, some near 4
    for (const [name, op] of Object.entries(OPS)) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const [expected, values] = [await run(low, op), await run(high, op)];
      expect(values.every(Number.isFinite), name).toBe(true);
      expect(values, name).toEqual(expected);
    }
  }
  low.dispose();
  high.dispose();
});

/** Rows of 240 floats, and more than 2 GiB between the first and row `FAR`. */
const FAR = Math.ceil((2 * GIB) / 960) + 5;

function sparse(arena: Arena, values: Readonly<Record<number, Float32Array>>): Tensor {
  const tensor = arena.zeros('sparse', [FAR + 3, 240], 'f32');
  for (const [row, part] of Object.entries(values)) arena.write(tensor, part, Number(row) * 240);
  return tensor;
}

it.each([
  ['x', 'far', 'near'],
  ['out', 'near', 'far'],
])('finds rows of %s that lie 2 GiB apart', async (_what, from, to) => {
  const values = noise(3 * 240, 1);
  const linearOf =
    (xStart: number, capacity: number): Op =>
    (d, enc, arena) => {
      const x =
        xStart > 0
          ? sparse(arena, { [xStart]: values })
          : arena.upload('x', [3, 240], 'f32', values);
      const out = capacity > 1 ? sparse(arena, {}) : arena.zeros('out', [2, 240], 'f32');
      const [weight, bias] = [
        weights(d, arena, 'f32', 240, 240),
        [arena.zeros('bias', [240], 'f32')],
      ];
      const outRows = { tokens: 1, capacity, start: 0 };
      linear(enc, { x, weight, bias, scale: x, out }, { rows: 2, xStart, outRows });
      const last = arena.zeros('last', [240], 'f32');
      enc.copy(out, last, { from: capacity * 240, to: 0, count: 240 });
      return { out: last, count: 240 };
    };
  const [near, far] = [await processor(), await processor()];
  const expected = await run(near, linearOf(0, 1));
  expect(await run(far, linearOf(from === 'far' ? FAR : 0, to === 'far' ? FAR : 1))).toEqual(
    expected,
  );
  near.dispose();
  far.dispose();
});

it('finds texts of a batch that lie 2 GiB apart', async () => {
  const [first, second] = [noise(3 * 240, 1), noise(3 * 240, 2)];
  const attentionOf =
    (capacity: number): Op =>
    (_d, enc, arena) => {
      const cache = sparse(arena, { 0: first, [capacity]: second });
      const qkv = { ...cache, shape: [2, capacity, 240] };
      const headScale = arena.upload('s', [4], 'f32', new Float32Array(4).fill(1));
      const out = arena.zeros('out', [6, 80], 'f32');
      const sizes = { rows: 6, tokens: 3, past: 0, scaleStart: 0 };
      attention(enc, { qkv, headScale, out }, { ...heads, ...sizes });
      return { out, count: 480 };
    };
  const [near, far] = [await processor(), await processor()];
  expect(await run(far, attentionOf(FAR))).toEqual(await run(near, attentionOf(3)));
  near.dispose();
  far.dispose();
});

const NO_MEMORY = expect.objectContaining({ code: 'device/out-of-memory' }) as Error;

/** Fills every hole of a device's heap with tensors of ones; what is given tells whether somebody wrote there. */
function fillUp(device: Device, arena: Arena): () => Promise<boolean> {
  const kept: Tensor[] = [];
  for (let bytes = 2 ** 20; bytes >= 64; bytes /= 2) {
    for (;;) {
      try {
        kept.push(arena.upload('kept', [bytes / 4], 'f32', new Float32Array(bytes / 4).fill(1)));
      } catch (error) {
        expect(error).toEqual(NO_MEMORY);
        break;
      }
    }
  }
  return async () => {
    const enc = device.createEncoder();
    const readings = kept.map((tensor) => enc.read(tensor, 0, tensor.shape[0]));
    enc.submit();
    return (await Promise.all(readings)).every((values) => values.every((v) => v === 1));
  };
}

it.each([
  ['to unpack weights in', product('f16', 3, 64), product('f16', 3, 8192)],
  [
    'for what is added',
    product('f32', 3, 8, { accumulate: true }),
    product('f32', 400, 8, { accumulate: true }),
  ],
])('spoils nothing where there is no memory %s', async (_what, small, large) => {
  const device = await createProcessor({ wasm: 'exact', threads: 1 });
  const expected = await run(device, small);
  const [arena, tensors] = [device.createArena('kept'), device.createArena('tensors')];
  const enc = device.createEncoder();
  const again = device.createEncoder();
  const [wanted, other] = [large(device, enc, tensors), small(device, again, tensors)];
  vi.spyOn(WebAssembly.Memory.prototype, 'grow').mockImplementation(() => {
    throw new RangeError('No more.');
  });
  const first = fillUp(device, arena);
  const reading = enc.read(wanted.out, 0, 1);
  enc.submit();
  await expect(reading).rejects.toEqual(NO_MEMORY);
  // What it had is free now.
  const second = fillUp(device, arena);
  vi.restoreAllMocks();
  const values = again.read(other.out, 0, other.count);
  again.submit();
  expect(await values).toEqual(expected);
  expect([await first(), await second()]).toEqual([true, true]);
  device.dispose();
});

it('computes nothing beyond the end of a tensor', async () => {
  const device = await createProcessor({ wasm: 'exact', threads: 1 });
  const arena = device.createArena('test');
  const f32 = (...shape: number[]): Tensor => arena.zeros('t', shape, 'f32');
  const matrix = weights(device, arena, 'int8', 16, 40);
  const [x, n, out] = [f32(2, 40), f32(16), f32(2, 16)];
  const all = { x, weight: matrix, bias: [n], scale: n, out };
  const u32 = arena.zeros('u32', [4], 'u32');
  const shorter = { ...matrix.parts[0], tensor: arena.zeros('w', [8, 40], 'int8') };
  const layout = { ...heads, rows: 2, tokens: 2, past: 2, scaleStart: 0 };
  const maps = { ...heads, rows: 4, first: 0, seen: 4, sequence: 0, head: 0, heads: 4 };
  const [qkv, headScale, heard] = [f32(1, 4, 240), f32(4), f32(2, 80)];
  const refused: Readonly<Record<string, (enc: ReturnType<Device['createEncoder']>) => void>> = {
    'x has 80 elements of 120': (enc) => linear(enc, { ...all, out: f32(3, 16) }, { rows: 3 }),
    'x has 80 elements of 160': (enc) => linear(enc, all, { rows: 2, xStart: 2 }),
    'weight has 160 elements of 320': (enc) =>
      linear(enc, { ...all, weight: { ...matrix, parts: [shorter] } }, { rows: 2 }),
    'bias has 4 elements of 16': (enc) => linear(enc, { ...all, bias: [headScale] }, { rows: 2 }),
    'scale has 16 elements of 17': (enc) =>
      linear(enc, all, { rows: 1, accumulate: true, scaleIndex: 16 }),
    'out has 32 elements of 48': (enc) =>
      linear(enc, all, { rows: 2, outRows: { tokens: 2, capacity: 2, start: 1 } }),
    'qkv has 960 elements of 1200': (enc) =>
      attention(enc, { qkv, headScale, out: heard }, { ...layout, past: 3 }),
    'headScale has 4 elements of 5': (enc) =>
      attention(enc, { qkv, headScale, out: heard }, { ...layout, scaleStart: 1 }),
    'out has 80 elements of 160': (enc) =>
      attention(enc, { qkv, headScale, out: f32(1, 80) }, layout),
    'qkv has 960 elements of 1120': (enc) =>
      attentionScores(enc, { qkv, out: f32(4, 4, 5) }, { ...maps, seen: 5, first: 1 }),
    'out has 48 elements of 64': (enc) => attentionScores(enc, { qkv, out: f32(3, 4, 4) }, maps),
    'ids has 4 elements of 5': (enc) =>
      attentionStatistics(
        enc,
        { x: f32(1, 5, 5), ids: u32, out: f32(1, 5, 6) },
        { size: 5, heads: 1 },
      ),
    'logits has 32 elements of 48': (enc) =>
      topToken(enc, { logits: out, token: u32, logprob: n }, { rows: 3, vocab: 16 }),
    'rank has 4 elements of 5': (enc) =>
      crossEntropy(
        enc,
        { logits: f32(5, 8), targets: arena.zeros('t', [5], 'u32'), loss: n, rank: u32 },
        { rows: 5, vocab: 8 },
      ),
  };
  for (const [words, record] of Object.entries(refused)) {
    const enc = device.createEncoder();
    record(enc);
    const reading = enc.read(n, 0, 1);
    enc.submit();
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await expect(reading, words).rejects.toMatchObject({
      code: 'device/refused',
      message: expect.stringContaining(words) as string,
    });
  }
  device.dispose();
});

// The gradients of LayerNorm, the loss and the embeddings, against central differences in float64.
import { describe, expect, it } from 'vitest';
import { createCpuDevice } from '../../../src/gpu/cpu/device.ts';
import { crossEntropy } from '../../../src/kernels/crossEntropy.ts';
import { crossEntropyBackward } from '../../../src/kernels/crossEntropyBackward.ts';
import { embedding } from '../../../src/kernels/embedding.ts';
import {
  embeddingBackward,
  groupByToken,
  positionBackward,
} from '../../../src/kernels/embeddingBackward.ts';
import { layerNorm } from '../../../src/kernels/layerNorm.ts';
import { layerNormBackward } from '../../../src/kernels/layerNormBackward.ts';
import { createWeightMatrix, writeRows } from '../../../src/kernels/weightMatrix.ts';
import { type Differentiable, expectGradients } from '../../support/backwardCheck.ts';
import { noise } from '../../support/random.ts';

/** Noise in the first `width` of every `stride` values, zeros beyond. */
function padded(rows: number, stride: number, width: number, seed: number): Float32Array {
  return noise(rows * stride, seed).map((value, i) => (i % stride < width ? value : 0));
}

describe('layerNorm', () => {
  it.each([
    [true, 8],
    [true, 21],
    [false, 8],
    [false, 21],
  ])('by variance %s of %i channels: rows, weight and bias', async (byVariance, channels) => {
    const [rows, stride] = [5, Math.ceil(channels / 8) * 8];
    await expectGradients('layerNorm', (_device, arena): Differentiable => {
      const x = arena.upload('x', [rows, stride], 'f32', padded(rows, stride, channels, 1));
      const weight = arena.upload('weight', [stride], 'f32', padded(1, stride, channels, 2));
      const bias = arena.upload('bias', [stride], 'f32', padded(1, stride, channels, 3));
      const dOut = arena.upload('dOut', [rows, stride], 'f32', padded(rows, stride, channels, 4));
      const out = arena.zeros('out', [rows, stride], 'f32');
      const dX = arena.zeros('dX', [rows, stride], 'f32');
      const statistics = arena.zeros('statistics', [rows, 2], 'f32');
      const [dWeight, dBias] = ['dWeight', 'dBias'].map((l) => arena.zeros(l, [stride], 'f32'));
      const options = { rows, channels, epsilon: 1e-5, byVariance };
      const t = { x, weight, dOut, residual: null, statistics, dX, dWeight, dBias };
      return {
        inputs: { x, weight, bias },
        out,
        dOut,
        gradients: { x: dX, weight: dWeight, bias: dBias },
        forward: (enc) => layerNorm(enc, { x, weight, bias, out }, options),
        backward: (enc) => layerNormBackward(enc, t, options),
      };
    });
  });

  it('adds what flows past, and gives rows without a deviation no number that is none', async () => {
    const device = createCpuDevice('f64');
    const arena = device.createArena('test');
    const one = (label: string, value: number) =>
      arena.upload(label, [8], 'f32', new Float32Array(8).fill(value));
    const [x, dX, dOut, residual] = ['x', 'dX', 'dOut', 'residual'].map((label, seed) =>
      arena.upload(
        label,
        [1, 8],
        'f32',
        label === 'x' ? new Float32Array(8).fill(3) : noise(8, seed),
      ),
    );
    const statistics = arena.zeros('statistics', [1, 2], 'f32');
    const [dWeight, dBias] = [one('dWeight', 9), one('dBias', 9)];
    const enc = device.createEncoder();
    layerNormBackward(
      enc,
      { x, weight: one('w', 1), dOut, residual, statistics, dX, dWeight, dBias },
      { rows: 1, channels: 8, epsilon: 0.25, byVariance: false },
    );
    const reading = [dX, dWeight, dBias].map((tensor) => enc.read(tensor, 0, 8));
    enc.submit();
    const [ofX, ofWeight, ofBias] = await Promise.all(reading);
    device.dispose();
    const [given, past] = [noise(8, 2), noise(8, 3)];
    const mean = given.reduce((sum, value) => sum + value / 8, 0);
    // 1 / √(0 + ε) is 2.
    ofX.forEach((value, c) => expect(value).toBeCloseTo(past[c] + 2 * (given[c] - mean), 5));
    expect(ofWeight).toEqual(new Float32Array(8));
    expect(ofBias).toEqual(given);
  });
});

it('logits have the gradient of the loss, and ignored targets none', async () => {
  const [rows, vocab, stride, scale] = [6, 13, 16, 0.25];
  const targets = Uint32Array.of(0, 12, 13, 5, 0xffffffff, 5);
  await expectGradients('crossEntropy', (_device, arena): Differentiable => {
    const logits = arena.upload('logits', [rows, stride], 'f32', padded(rows, stride, vocab, 1));
    const dLogits = arena.zeros('dLogits', [rows, stride], 'f32');
    const ids = arena.upload('targets', [rows], 'u32', targets);
    const [loss, other, rank] = ['loss', 'other', 'rank'].map((label) =>
      arena.zeros(label, [rows], label === 'rank' ? 'u32' : 'f32'),
    );
    return {
      inputs: { logits },
      out: loss,
      dOut: arena.upload('dOut', [rows], 'f32', new Float32Array(rows).fill(scale)),
      gradients: { logits: dLogits },
      forward: (enc) => crossEntropy(enc, { logits, targets: ids, loss, rank }, { rows, vocab }),
      backward(enc) {
        enc.copy(logits, dLogits);
        const t = { logits: dLogits, targets: ids, loss: other };
        crossEntropyBackward(enc, t, { rows, vocab, start: 0, scale });
      },
    };
  });
});

it('tokens and positions have the sums of the rows that looked them up', async () => {
  const [vocab, channels, batch, tokens] = [40, 16, 2, 7];
  const ids = Uint32Array.of(3, 39, 3, 0, 8, 3, 15, 3, 16, 17, 3, 0, 24, 39);
  const rows = batch * tokens;
  await expectGradients('embedding', (device, arena): Differentiable => {
    // Five parts, one of them without a token of the text.
    const capped = { ...device, traits: { ...device.traits, maxBindingBytes: 8 * channels * 4 } };
    const [wte, dWte] = ['wte', 'dWte'].map((label) =>
      createWeightMatrix(capped, arena, label, vocab, channels, 'f32'),
    );
    const [wpe, dWpe] = ['wpe', 'dWpe'].map((label) =>
      createWeightMatrix(device, arena, label, 8, channels, 'f32'),
    );
    writeRows(arena, wte, 0, noise(vocab * channels, 1));
    writeRows(arena, wpe, 0, noise(8 * channels, 2));
    expect(wte.parts).toHaveLength(5);
    const lists = groupByToken(ids);
    const list = (label: 'order' | 'starts' | 'tokens') =>
      arena.upload(label, [lists[label].length], 'u32', lists[label]);
    const out = arena.zeros('out', [rows, channels], 'f32');
    const dOut = arena.upload('dOut', [rows, channels], 'f32', noise(rows * channels, 3));
    const given = arena.upload('ids', [rows], 'u32', ids);
    const named = (matrix: typeof wte, name: string) =>
      Object.fromEntries(matrix.parts.map(({ start, tensor }) => [`${name}${start}`, tensor]));
    const t = { order: list('order'), starts: list('starts'), tokens: list('tokens') };
    return {
      inputs: { ...named(wte, 'wte'), ...named(wpe, 'wpe') },
      out,
      dOut,
      gradients: { ...named(dWte, 'wte'), ...named(dWpe, 'wpe') },
      forward: (enc) => embedding(enc, { ids: given, wte, wpe, out }, { rows, tokens, past: 0 }),
      backward(enc) {
        embeddingBackward(enc, { dX: dOut, ...t, dWte }, { distinct: lists.tokens.length });
        positionBackward(enc, { dX: dOut, dWpe }, { batch, tokens });
      },
    };
  });
});

it('groupByToken lists the rows of each token, in order', () => {
  expect(groupByToken(Uint32Array.of(7, 2, 7, 100_000, 2, 7))).toEqual({
    tokens: Uint32Array.of(2, 7, 100_000),
    starts: Uint32Array.of(0, 2, 5, 6),
    order: Uint32Array.of(1, 4, 0, 2, 5, 3),
  });
  expect(groupByToken(new Uint32Array())).toEqual({
    tokens: new Uint32Array(),
    starts: Uint32Array.of(0),
    order: new Uint32Array(),
  });
});

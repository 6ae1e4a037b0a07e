// The gradients of LayerNorm, loss and embeddings: every variant against its meaning in float64.
import { describe, it } from 'vitest';
import type { Arena } from '../../src/gpu/device.ts';
import {
  CROSS_ENTROPY_BACKWARD,
  crossEntropyBackwardCall,
} from '../../src/kernels/crossEntropyBackward.ts';
import {
  embeddingBackward,
  groupByToken,
  positionBackward,
} from '../../src/kernels/embeddingBackward.ts';
import {
  LAYER_NORM_BACKWARD_INPUT,
  LAYER_NORM_BACKWARD_WEIGHT,
  layerNormBackwardCalls,
} from '../../src/kernels/layerNormBackward.ts';
import { createWeightMatrix, writeRows } from '../../src/kernels/weightMatrix.ts';
import { sumBound } from '../support/close.ts';
import { noise } from '../support/random.ts';
import { expectMeaning, expectTried, expectVariants, gpuDevice } from './fixture.ts';

/** Noise in the first `width` of every `stride` values, zeros beyond. */
function padded(rows: number, stride: number, width: number, seed: number): Float32Array {
  return noise(rows * stride, seed).map((value, i) => (i % stride < width ? value : 0));
}

describe('layerNormBackward', () => {
  const cases = [
    { rows: 1, channels: 8, residual: false, accumulate: false, reason: 'the smallest' },
    { rows: 3, channels: 5, residual: true, accumulate: true, reason: 'no vec4 divides it' },
    { rows: 70, channels: 66, residual: true, accumulate: false, reason: 'odd rows and columns' },
    { rows: 2, channels: 768, residual: true, accumulate: true, reason: "GPT-2's width" },
  ];
  for (const { rows, channels, residual, accumulate, reason } of cases) {
    const stride = Math.ceil(channels / 8) * 8;
    for (const byVariance of [true, false]) {
      const callsOf = (arena: Arena) => {
        const rowsOf = (label: string, seed: number) =>
          arena.upload(label, [rows, stride], 'f32', padded(rows, stride, channels, seed));
        const row = (label: string, seed: number) =>
          arena.upload(label, [stride], 'f32', padded(1, stride, channels, seed));
        const t = {
          x: rowsOf('x', 1),
          weight: row('weight', 2),
          dOut: rowsOf('dOut', 3),
          residual: residual ? rowsOf('residual', 4) : null,
          statistics: arena.upload('statistics', [rows, 2], 'f32', noise(rows * 2, 5)),
          dX: arena.upload('dX', [rows, stride], 'f32', noise(rows * stride, 6)),
          dWeight: row('dWeight', 7),
          dBias: row('dBias', 8),
        };
        const options = { rows, channels, epsilon: 1e-5, byVariance, accumulate };
        return { t, calls: layerNormBackwardCalls(t, options) };
      };
      const title = `${rows} × ${channels} by ${byVariance ? 'variance' : 'standard deviation'}: ${reason}`;
      for (const what of ['dX', 'statistics'] as const) {
        it(`${what} of ${title}`, async () => {
          await expectVariants(
            what,
            LAYER_NORM_BACKWARD_INPUT,
            (_d, arena) => {
              const { t, calls } = callsOf(arena);
              const count = what === 'dX' ? rows * stride : rows * 2;
              return { calls: [calls.input], out: t[what], count };
            },
            sumBound(channels, 8),
          );
        });
      }
      if (!byVariance) continue;
      for (const what of ['dWeight', 'dBias'] as const) {
        it(`${what} of ${title}`, async () => {
          await expectVariants(
            what,
            LAYER_NORM_BACKWARD_WEIGHT,
            (_d, arena) => {
              const { t, calls } = callsOf(arena);
              return { calls: [calls.weight], out: t[what], count: stride };
            },
            sumBound(rows, 4),
          );
        });
      }
    }
  }

  it('tries every variant', () => {
    expectTried(LAYER_NORM_BACKWARD_INPUT);
    expectTried(LAYER_NORM_BACKWARD_WEIGHT);
  });
});

describe('crossEntropyBackward', () => {
  const sizes = [
    { rows: 1, vocab: 1, reason: 'one token' },
    { rows: 5, vocab: 3, reason: 'fewer tokens than lanes, one row more than a workgroup' },
    { rows: 9, vocab: 65, reason: 'odd' },
    { rows: 3, vocab: 1026, reason: 'more tokens than lanes' },
    { rows: 2, vocab: 50257, reason: "GPT-2's" },
  ];
  const start = 2;
  for (const { rows, vocab, reason } of sizes) {
    const stride = Math.ceil(vocab / 8) * 8;
    const targets = Uint32Array.from({ length: rows + start }, (_, r) =>
      r % 4 === 3 ? vocab - 1 : r % 4 === 0 ? 0xffffffff : r % 4 === 1 ? vocab : (r * 17) % vocab,
    );
    const values = noise(rows * stride, 4, 0, 3);
    // Padding that is larger than anything: nobody may count it.
    for (let r = 0; r < rows; r++) values.fill(99, r * stride + vocab, (r + 1) * stride);
    for (const what of ['logits', 'loss'] as const) {
      it(`${what} of ${rows} targets among ${vocab}: ${reason}`, async () => {
        await expectVariants(
          what,
          CROSS_ENTROPY_BACKWARD,
          (_d, arena) => {
            const t = {
              logits: arena.upload('logits', [rows, stride], 'f32', values),
              targets: arena.upload('targets', [rows + start], 'u32', targets),
              loss: arena.upload('loss', [rows + start], 'f32', noise(rows + start, 1)),
            };
            const calls = [crossEntropyBackwardCall(t, { rows, vocab, start, scale: 0.37 })];
            const count = what === 'loss' ? rows + start : rows * stride;
            return { calls, out: t[what], count };
          },
          what === 'loss' ? 2e-5 : 1e-6,
        );
      });
    }
  }

  it('a row with a logit that is no number, or infinite, has no loss and no gradient that are', async () => {
    for (const odd of [NaN, Infinity]) {
      const values = noise(2 * 16, 4);
      values[5] = odd;
      for (const what of ['logits', 'loss'] as const) {
        await expectVariants(
          `${what} with ${odd}`,
          CROSS_ENTROPY_BACKWARD,
          (_d, arena) => {
            const t = {
              logits: arena.upload('logits', [2, 16], 'f32', values),
              targets: arena.upload('targets', [2], 'u32', Uint32Array.of(3, 3)),
              loss: arena.zeros('loss', [2], 'f32'),
            };
            const calls = [crossEntropyBackwardCall(t, { rows: 2, vocab: 13, start: 0, scale: 1 })];
            return { calls, out: t[what], count: what === 'loss' ? 2 : 32 };
          },
          1e-5,
        );
      }
    }
  });

  it('tries every variant', () => {
    expectTried(CROSS_ENTROPY_BACKWARD);
  });
});

describe('embeddingBackward and positionBackward', () => {
  const [vocab, channels, batch, tokens] = [40, 40, 3, 7];
  const rows = batch * tokens;
  // One token many times, some once, and a part without any.
  const ids = Uint32Array.from({ length: rows }, (_, r) => (r % 3 === 0 ? 7 : (r * 5) % 24));

  it('add the rows of each token, whole and in parts', async () => {
    const device = await gpuDevice();
    const lists = groupByToken(ids);
    for (const part of [0, 1, 2]) {
      await expectMeaning(
        device,
        `part ${part}`,
        (d, enc, arena) => {
          const capped = { ...d, traits: { ...d.traits, maxBindingBytes: 16 * channels * 4 } };
          const dWte = createWeightMatrix(capped, arena, 'dWte', vocab, channels, 'f32');
          writeRows(arena, dWte, 0, noise(vocab * channels, 1));
          const list = (label: 'order' | 'starts' | 'tokens') => {
            const longer = arena.zeros(label, [rows + 1], 'u32');
            arena.write(longer, lists[label]);
            return longer;
          };
          const dX = arena.upload('dX', [rows, channels], 'f32', noise(rows * channels, 2));
          embeddingBackward(
            enc,
            { dX, order: list('order'), starts: list('starts'), tokens: list('tokens'), dWte },
            { distinct: lists.tokens.length },
          );
          const { tensor, rows: count } = dWte.parts[part];
          return { out: tensor, count: count * channels };
        },
        sumBound(rows, 2),
      );
    }
  });

  for (const accumulate of [false, true]) {
    it(`sum the batch at each position, and leave later ones; accumulate ${accumulate}`, async () => {
      const device = await gpuDevice();
      await expectMeaning(
        device,
        'positions',
        (d, enc, arena) => {
          const dWpe = createWeightMatrix(d, arena, 'dWpe', 16, channels, 'f32');
          writeRows(arena, dWpe, 0, noise(16 * channels, 1));
          const dX = arena.upload('dX', [rows, channels], 'f32', noise(rows * channels, 2));
          positionBackward(enc, { dX, dWpe }, { batch, tokens, accumulate });
          return { out: dWpe.parts[0].tensor, count: 16 * channels };
        },
        sumBound(batch, 2),
      );
    });
  }
});

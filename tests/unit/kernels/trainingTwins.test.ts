// Twins of training's attention, LayerNorm and loss against their meanings in float64: both modules, one, two and three
// threads to the same bit.
import { afterAll, describe, expect, it } from 'vitest';
import type { Arena } from '../../../src/gpu/device.ts';
import { ACTIVATIONS, activate } from '../../../src/kernels/activation.ts';
import { attentionBackward } from '../../../src/kernels/attentionBackward.ts';
import { attentionTraining } from '../../../src/kernels/attentionTraining.ts';
import { crossEntropyBackward } from '../../../src/kernels/crossEntropyBackward.ts';
import { layerNorm } from '../../../src/kernels/layerNorm.ts';
import { layerNormBackward } from '../../../src/kernels/layerNormBackward.ts';
import {
  ATTENTION_CASES,
  attentionInputs,
  attentionKept,
  attentionOptions,
  widthOf,
} from '../../support/attentionTraining.ts';
import { sumBound } from '../../support/close.ts';
import { noise } from '../../support/random.ts';
import { expectMeaning, openTwins, run } from '../../support/twins.ts';

const twins = await openTwins();

afterAll(() => {
  for (const { device } of twins) device.dispose();
});

/** Noise in the first `width` of every `stride` values, zeros beyond. */
function padded(rows: number, stride: number, width: number, seed: number): Float32Array {
  return noise(rows * stride, seed).map((value, i) => (i % stride < width ? value : 0));
}

describe('attention', () => {
  const many = { batch: 3, tokens: 70, nHead: 3, headSize: 12, keep: 0.9, reason: 'many pieces' };
  for (const c of [...ATTENTION_CASES, many]) {
    it(`of ${c.batch} texts of ${c.tokens}, ${c.nHead} heads of ${c.headSize}: ${c.reason}`, async () => {
      const o = attentionOptions(c);
      const [wide, narrow] = [o.rows * widthOf(o), o.rows * o.nHead];
      const kept = await attentionKept(o);
      const bound = sumBound(o.headSize + o.tokens, 4);
      for (const what of ['out', 'lse'] as const) {
        await expectMeaning(
          twins,
          what,
          (_d, enc, arena) => {
            const { qkv, mask } = attentionInputs(arena, o);
            const out = arena.upload('out', [o.rows, widthOf(o)], 'f32', noise(wide, 5));
            const lse = arena.zeros('lse', [o.rows, o.nHead], 'f32');
            attentionTraining(enc, { qkv, mask, out, lse }, o);
            return what === 'out' ? { out, count: wide } : { out: lse, count: narrow };
          },
          bound,
        );
      }
      for (const what of ['dQkv', 'delta'] as const) {
        await expectMeaning(
          twins,
          what,
          (_d, enc, arena) => {
            const count = o.rows * o.rowStride;
            const t = {
              ...attentionInputs(arena, o),
              out: arena.upload('out', [o.rows, widthOf(o)], 'f32', kept.out),
              lse: arena.upload('lse', [o.rows, o.nHead], 'f32', kept.lse),
              delta: arena.zeros('delta', [o.rows, o.nHead], 'f32'),
              dQkv: arena.upload('dQkv', [o.rows, o.rowStride], 'f32', noise(count, 5)),
            };
            attentionBackward(enc, t, o);
            return { out: t[what], count: what === 'dQkv' ? count : narrow };
          },
          bound,
        );
      }
    });
  }

  it('refuses a mask that ends before the texts', async () => {
    const o = attentionOptions(ATTENTION_CASES[1]);
    await expect(
      run(twins[0].device, (_d, enc, arena) => {
        const { qkv } = attentionInputs(arena, o);
        const mask = arena.zeros('mask', [7], 'u32');
        const out = arena.zeros('out', [o.rows, widthOf(o)], 'f32');
        attentionTraining(enc, { qkv, mask, out, lse: arena.zeros('lse', [o.rows, 3], 'f32') }, o);
        return { out, count: 1 };
      }),
    ).rejects.toThrow(/mask has 7 elements of 8/u);
  });
});

describe('layerNorm', () => {
  const cases = [
    { rows: 1, channels: 8 },
    { rows: 3, channels: 5 },
    { rows: 130, channels: 66 },
  ];
  for (const { rows, channels } of cases) {
    const stride = Math.ceil(channels / 8) * 8;
    const tensors = (arena: Arena) => {
      const rowsOf = (label: string, seed: number) =>
        arena.upload(label, [rows, stride], 'f32', padded(rows, stride, channels, seed));
      const row = (label: string, seed: number) =>
        arena.upload(label, [stride], 'f32', padded(1, stride, channels, seed));
      return {
        x: rowsOf('x', 1),
        weight: row('weight', 2),
        bias: row('bias', 9),
        dOut: rowsOf('dOut', 3),
        residual: rowsOf('residual', 4),
        statistics: arena.zeros('statistics', [rows, 2], 'f32'),
        dX: arena.upload('dX', [rows, stride], 'f32', noise(rows * stride, 6)),
        dWeight: row('dWeight', 7),
        dBias: row('dBias', 8),
      };
    };
    for (const byVariance of [true, false]) {
      const options = { rows, channels, epsilon: 1e-5, byVariance };
      it(`of ${rows} × ${channels}, by variance ${byVariance}, forward`, async () => {
        await expectMeaning(
          twins,
          'out',
          (_d, enc, arena) => {
            const { x, weight, bias } = tensors(arena);
            const out = arena.zeros('out', [2 * rows, stride], 'f32');
            const outRows = { tokens: rows, capacity: rows, start: 1 };
            layerNorm(enc, { x, weight, bias, out }, { ...options, outRows });
            return { out, count: 2 * rows * stride };
          },
          sumBound(channels, 4),
        );
      });
      it(`of ${rows} × ${channels}, by variance ${byVariance}, backward`, async () => {
        for (const what of ['dX', 'statistics', 'dWeight', 'dBias'] as const) {
          for (const accumulate of [false, true]) {
            await expectMeaning(
              twins,
              `${what}, accumulate ${accumulate}`,
              (_d, enc, arena) => {
                const { bias: _, residual, ...t } = tensors(arena);
                const past = accumulate ? residual : null;
                layerNormBackward(enc, { ...t, residual: past }, { ...options, accumulate });
                const count = { dX: rows * stride, statistics: rows * 2 };
                return { out: t[what], count: what in count ? count[what as 'dX'] : stride };
              },
              sumBound(channels + rows, 8),
            );
          }
        }
      });
    }
  }
});

describe('crossEntropyBackward', () => {
  const start = 2;
  for (const [rows, vocab] of [
    [1, 1],
    [7, 13],
    [5, 1026],
  ]) {
    it(`of ${rows} targets among ${vocab}, some of them ignored`, async () => {
      const stride = Math.ceil(vocab / 8) * 8;
      const targets = Uint32Array.from({ length: rows + start }, (_, r) =>
        r % 4 === 3 ? vocab - 1 : r % 4 === 0 ? 0xffffffff : r % 4 === 1 ? vocab : (r * 17) % vocab,
      );
      const values = noise(rows * stride, 4, 0, 3);
      if (rows > 6) values[3 * stride + 2] = NaN;
      for (const what of ['logits', 'loss'] as const) {
        await expectMeaning(
          twins,
          what,
          (_d, enc, arena) => {
            const t = {
              logits: arena.upload('logits', [rows, stride], 'f32', values),
              targets: arena.upload('targets', [rows + start], 'u32', targets),
              loss: arena.upload('loss', [rows + start], 'f32', noise(rows + start, 1)),
            };
            crossEntropyBackward(enc, t, { rows, vocab, start, scale: 0.37 });
            return { out: t[what], count: what === 'loss' ? rows + start : rows * stride };
          },
          what === 'loss' ? 2e-5 : 1e-6,
        );
      }
    });
  }
});

it.each(ACTIVATIONS)('%s alone, of many elements', async (activation) => {
  const count = 4 * 8001;
  await expectMeaning(
    twins,
    activation,
    (_d, enc, arena) => {
      const values = noise(count, 1, 0, 3);
      values[5] = NaN;
      const x = arena.upload('x', [count], 'f32', values);
      const out = arena.zeros('out', [count], 'f32');
      activate(enc, { x, out }, activation);
      return { out, count };
    },
    sumBound(1, 10),
  );
});

// The twins of WebAssembly where numbers end: infinite ones, none at all, zeros, subnormal ones; no rows and odd pieces.
// What comes of them is what the meaning says.
import { afterAll, describe, expect, it } from 'vitest';
import { ACTIVATIONS } from '../../../src/kernels/activation.ts';
import { attention } from '../../../src/kernels/attention.ts';
import { attentionStatistics } from '../../../src/kernels/attentionStatistics.ts';
import { causalSoftmax } from '../../../src/kernels/causalSoftmax.ts';
import { crossEntropy } from '../../../src/kernels/crossEntropy.ts';
import { linear } from '../../../src/kernels/linear.ts';
import { topToken } from '../../../src/kernels/topToken.ts';
import { WEIGHT_FORMATS } from '../../../src/kernels/weightMatrix.ts';
import { sumBound } from '../../support/close.ts';
import { noise } from '../../support/random.ts';
import { expectMeaning, openTwins, run, weights } from '../../support/twins.ts';

const twins = await openTwins();

afterAll(() => {
  for (const { device } of twins) device.dispose();
});

describe('linear', () => {
  const [K, N] = [40, 12];
  const inputs: Readonly<Record<string, (x: Float32Array) => void>> = {
    'a NaN': (x) => (x[5] = NaN),
    'a NaN in the last group': (x) => (x[38] = NaN),
    'an infinite number': (x) => (x[6] = -Infinity),
    'both infinities': (x) => x.set([Infinity, -Infinity], 33),
    'the largest numbers': (x) => x.set([3e38, -3e38]),
    'subnormal numbers': (x) => x.fill(-1e-40),
    'numbers that have a subnormal product': (x) => x.fill(3e-36),
    'zeros of both signs': (x) => x.fill(-0, 0, 20).fill(0, 20),
  };
  for (const [name, fill] of Object.entries(inputs)) {
    it(`makes of ${name} what the meaning makes`, async () => {
      for (const format of WEIGHT_FORMATS) {
        for (const rows of [1, 2, 3]) {
          const values = noise(rows * K, 5);
          // The last row: those before it stay as they are.
          fill(values.subarray((rows - 1) * K));
          await expectMeaning(
            twins,
            `${format}, ${rows} rows`,
            (d, enc, arena) => {
              const x = arena.upload('x', [rows, K], 'f32', values);
              const weight = weights(d, arena, format, N, K, 1e-3);
              const zero = arena.zeros('zero', [N], 'f32');
              const out = arena.zeros('out', [rows, N], 'f32');
              linear(enc, { x, weight, bias: [zero], scale: zero, out }, { rows });
              return { out, count: rows * N };
            },
            name === 'the largest numbers' ? 1e30 : 1e-6,
          );
        }
      }
    });
  }

  it('has a tanh that is right to 2⁻²¹ of itself, however small', async () => {
    const values = Float32Array.from(
      { length: 4000 },
      (_, i) => 1.01 ** (i / 2 - 1800) * (i % 2 ? -1 : 1),
    );
    for (const { wasm, device } of twins) {
      const found = await run(device, (d, enc, arena) => {
        const x = arena.zeros('x', [1, 8], 'f32');
        const weight = weights(d, arena, 'f32', values.length, 8);
        const bias = [arena.upload('b', [values.length], 'f32', values)];
        const out = arena.zeros('out', [1, values.length], 'f32');
        linear(enc, { x, weight, scale: x, out, bias }, { rows: 1, activation: 'tanh' });
        return { out, count: values.length };
      });
      for (const [i, value] of values.entries()) {
        const ratio = found[i] / Math.tanh(value);
        expect(Math.abs(ratio - 1), `${wasm}, tanh ${value}`).toBeLessThan(2 ** -21);
      }
    }
  });

  it('keeps what is infinite and none through every activation, and ends both tails', async () => {
    const edges = [
      0, -0, 1e-40, -1e-40, 1, -1, 0.5, -0.625, 0.7, -0.7, 9, -9, 87, -87, 88.5, -88.5, 100, -100,
      1e10, -1e10, 1e30, -1e30,
    ];
    const bias = Float32Array.of(...edges, 3e38, -3e38, Infinity, -Infinity, NaN, 0);
    for (const activation of ACTIVATIONS) {
      for (const rows of [1, 3]) {
        await expectMeaning(
          twins,
          activation,
          (d, enc, arena) => {
            const x = arena.zeros('x', [rows, 8], 'f32');
            const weight = weights(d, arena, 'f32', bias.length, 8);
            const tensors = { bias: [arena.upload('b', [bias.length], 'f32', bias)] };
            const out = arena.zeros('out', [rows, bias.length], 'f32');
            linear(enc, { x, weight, scale: x, out, ...tensors }, { rows, activation });
            return { out, count: rows * bias.length };
          },
          1e-5,
        );
      }
    }
  });

  it('has odd numbers of columns in its pieces', async () => {
    const [k, n] = [256, 4 * 519];
    for (const format of WEIGHT_FORMATS) {
      for (const rows of [1, 2, 7]) {
        await expectMeaning(
          twins,
          `${format}, ${rows} rows`,
          (d, enc, arena) => {
            const x = arena.upload('x', [rows, k], 'f32', noise(rows * k, 5));
            const weight = weights(d, arena, format, n, k, 1 / Math.sqrt(k));
            const zero = arena.zeros('zero', [n], 'f32');
            const out = arena.zeros('out', [rows, n], 'f32');
            linear(enc, { x, weight, bias: [zero], scale: zero, out }, { rows });
            return { out, count: rows * n };
          },
          sumBound(k, 4) + Math.sqrt(3 * k) * 2 ** -16 * Math.sqrt(3),
        );
      }
    }
  });

  it('and attention leave everything as it is where there are no rows', async () => {
    const kept = noise(24, 1);
    await expectMeaning(
      twins,
      'no rows',
      (d, enc, arena) => {
        const out = arena.upload('out', [2, 12], 'f32', kept);
        const zero = arena.zeros('zero', [12], 'f32');
        const x = arena.zeros('x', [0, 8], 'f32');
        for (const accumulate of [false, true]) {
          const tensors = { x, bias: [zero], scale: zero, out };
          const weight = weights(d, arena, 'f16', 12, 8);
          linear(enc, { weight, ...tensors }, { rows: 0, accumulate });
        }
        const qkv = arena.zeros('qkv', [1, 4, 40], 'f32');
        const heads = { nHead: 3, headSize: 4, headStride: 4, partStride: 12, rowStride: 40 };
        const call = { ...heads, rows: 0, tokens: 0, past: 0, scaleStart: 0, scoreScale: 0.5 };
        attention(enc, { qkv, headScale: zero, out }, call);
        return { out, count: 24 };
      },
      0,
    );
  });
});

describe('attention', () => {
  const [batch, tokens, past, nHead] = [2, 5, 3, 3];
  const seen = past + tokens;

  /** Two texts' queries, keys and values, with `change` for what is special. */
  const expectAttention = async (
    headSize: number,
    change: (at: (position: number, part: 0 | 1 | 2) => Float32Array) => void,
  ): Promise<void> => {
    const headStride = Math.ceil(headSize / 4) * 4;
    const partStride = nHead * headStride;
    const rowStride = Math.ceil((3 * partStride) / 8) * 8;
    const layout = { nHead, headSize, headStride, partStride, rowStride };
    const cache = noise(batch * seen * rowStride, 1);
    for (let i = 0; i < cache.length; i++) {
      if ((i % rowStride) % headStride >= headSize) cache[i] = 0;
    }
    // Of head 1 of the second text.
    change((position, part) => {
      const from = (seen + position) * rowStride + part * partStride + headStride;
      return cache.subarray(from, from + headSize);
    });
    await expectMeaning(
      twins,
      'attention',
      (_d, enc, arena) => {
        const qkv = arena.upload('qkv', [batch, seen, rowStride], 'f32', cache);
        const headScale = arena.upload('s', [nHead], 'f32', Float32Array.of(1, 0.5, 0));
        const rows = batch * tokens;
        const out = arena.zeros('out', [rows, partStride], 'f32');
        const scoreScale = 1 / Math.sqrt(headSize);
        const options = { ...layout, rows, tokens, past, scaleStart: 0, scoreScale };
        attention(enc, { qkv, headScale, out }, options);
        return { out, count: rows * partStride };
      },
      sumBound(headSize + seen, 2),
    );
  };

  it('shows no row what comes after it, be it infinite or no number', async () => {
    for (const value of [NaN, Infinity, -Infinity]) {
      for (let position = past; position < seen; position++) {
        for (const part of [0, 1, 2] as const) {
          for (const headSize of [4, 16, 20]) {
            await expectAttention(headSize, (at) => at(position, part).fill(value, 1, 2));
          }
        }
      }
    }
  });

  it('gives a key of no weight none, and a row without any nothing', async () => {
    for (const keys of [[2], [past + 1], [0, 1, 2, 3, 4, 5, 6, 7]]) {
      await expectAttention(4, (at) => {
        for (let p = 0; p < seen; p++) at(p, 0).fill(1);
        for (const key of keys) at(key, 1).fill(-Infinity);
      });
    }
  });

  it('takes scores near the smallest number', async () => {
    await expectAttention(1, (at) => {
      for (let p = 0; p < seen; p++) {
        at(p, 0).fill(1.6e19);
        at(p, 1).fill(-2e19);
      }
    });
  });
});

describe('softmax', () => {
  it('makes of every row what the meaning makes', async () => {
    const rows = [
      [-Infinity, -Infinity, -Infinity, -Infinity, -Infinity],
      [-Infinity, -Infinity, 1, -Infinity, 2],
      [NaN, 0, 1, 2, 3],
      [0, 1, 2, 3, NaN],
      [0, Infinity, 1, 2, 3],
      [-3.2e38, -3.2e38, -3.2e38, -3.2e38, -3.2e38],
      [3e38, 3e38, -3e38, 0, 1],
      [1e-40, -1e-40, 0, -0, 0],
      [0, -87, -87.3, -88, -104],
    ];
    const x = Float32Array.from(rows.flat());
    await expectMeaning(
      twins,
      'softmax',
      (_d, enc, arena) => {
        const out = arena.upload('x', [rows.length, 1, 5], 'f32', x);
        causalSoftmax(enc, out, 4);
        return { out, count: x.length };
      },
      1e-7,
    );
  });

  it('has exponentials that are right to 2⁻²² of themselves, down to where they are 0', async () => {
    const logs = Array.from({ length: 4000 }, (_, i) => Math.fround((-87.3 * i) / 4000));
    for (const { wasm, device } of twins) {
      const values = await run(device, (_d, enc, arena) => {
        const pairs = logs.flatMap((log) => [0, log]);
        const out = arena.upload(
          'x',
          [logs.length + 1, 1, 2],
          'f32',
          Float32Array.of(...pairs, 0, -87.4),
        );
        causalSoftmax(enc, out, 1);
        return { out, count: pairs.length + 2 };
      });
      for (const [i, log] of logs.entries()) {
        const ratio = values[2 * i + 1] / values[2 * i];
        // Both were rounded once more when they were divided by their sum.
        expect(Math.abs(ratio / Math.exp(log) - 1), `${wasm}, e^${log}`).toBeLessThan(2 ** -22);
      }
      expect(values.slice(-2)).toEqual(Float32Array.of(1, 0));
    }
  });
});

describe('rows over a vocabulary', () => {
  const rows: Readonly<Record<string, number[]>> = {
    'a first NaN': [NaN, 1, 3, 2, 0, 1, 2],
    'a later NaN': [1, 2, 3, NaN, 4, 0, 1],
    'a last NaN': [1, 5, 3, 0, 4, 0, NaN],
    'nothing but NaN': [NaN, NaN, NaN, NaN, NaN, NaN, NaN],
    '−∞ alone': Array.from({ length: 7 }, () => -Infinity),
    'a +∞': [1, 2, 3, Infinity, 4, Infinity, 0],
    '−∞ beside others': [-Infinity, 2, -Infinity, 1, 2, 0, -Infinity],
    'nothing but very small ones': Array.from({ length: 7 }, () => -3.2e38),
    'zeros of both signs': [-1, -0, 0, -0, -1, 0, -2],
    'subnormal ones': [-1e-40, 0, 1e-40, 1e-44, 0, 0, 1e-40],
    'one that outweighs all': [0, 1, 2, 200, -200, 3, 4],
  };
  for (const [name, row] of Object.entries(rows)) {
    it(`with ${name} have the meaning's token, loss and rank`, async () => {
      for (const vocab of [1, 4, 7]) {
        for (const what of ['token', 'logprob', 'loss', 'rank'] as const) {
          await expectMeaning(
            twins,
            `${what} of ${vocab}`,
            (_d, enc, arena) => {
              const logits = arena.upload(
                'l',
                [3, 8],
                'f32',
                Float32Array.of(...row, 9, ...row, 9, ...row, 9),
              );
              const targets = arena.upload('t', [3], 'u32', Uint32Array.of(0, vocab - 1, vocab));
              const top = {
                token: arena.zeros('token', [3], 'u32'),
                logprob: arena.zeros('logprob', [3], 'f32'),
              };
              topToken(enc, { logits, ...top }, { rows: 3, vocab });
              const scores = {
                loss: arena.zeros('loss', [3], 'f32'),
                rank: arena.zeros('rank', [3], 'u32'),
              };
              crossEntropy(enc, { logits, targets, ...scores }, { rows: 3, vocab });
              return {
                out: { ...top, ...scores }[what],
                count: 3,
                u32: what === 'token' || what === 'rank',
              };
            },
            1e-6,
          );
        }
      }
    });
  }

  it('have logarithms that are 0 at one, and right to 2⁻²² of themselves', async () => {
    for (const { wasm, device } of twins) {
      for (const vocab of [1, 2, 3, 4, 7, 100, 1000, 50257]) {
        const [value] = await run(device, (_d, enc, arena) => {
          const logits = arena.zeros('logits', [1, vocab], 'f32');
          const token = arena.zeros('token', [1], 'u32');
          const out = arena.zeros('logprob', [1], 'f32');
          topToken(enc, { logits, token, logprob: out }, { rows: 1, vocab });
          return { out, count: 1 };
        });
        const expected = -Math.log(vocab);
        expect(Math.abs(value - expected), `${wasm}, ln ${vocab}`).toBeLessThanOrEqual(
          -expected * 2 ** -22,
        );
      }
    }
  });
});

it('statistics of a map that holds no number are none, and zeros count for nothing', async () => {
  const size = 7;
  for (const value of [NaN, 0, 1e-40]) {
    const x = new Float32Array(size * size);
    for (let t = 0; t < size; t++) x[t * size + (t >> 1)] = 1;
    x[6 * size + 2] = value;
    await expectMeaning(
      twins,
      `statistics with ${value}`,
      (_d, enc, arena) => {
        const map = arena.upload('x', [1, size, size], 'f32', x);
        const ids = arena.upload('ids', [size], 'u32', Uint32Array.of(1, 2, 3, 1, 2, 3, 1));
        const out = arena.zeros('out', [1, size, 6], 'f32');
        attentionStatistics(enc, { x: map, ids, out }, { size, heads: 1 });
        return { out, count: size * 6 };
      },
      1e-6,
    );
  }
});

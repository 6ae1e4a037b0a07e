import { describe, expect, test } from 'vitest';
import { TorchNormal } from '../../../../src/model/training/torchNormal.ts';
import { TorchRandom } from '../../../../src/model/training/torchRandom.ts';

/** What a call gives on a generator of this seed. */
function filled(seed: number, length: number, fill: (r: TorchRandom, v: Float32Array) => void) {
  const values = new Float32Array(length);
  fill(new TorchRandom(seed), values);
  return values;
}

/** A whole tensor at once. */
function fillNormal(random: TorchRandom, values: Float32Array, std = 1): void {
  new TorchNormal(random, values.length, std).fill(values);
}

function near(values: Float32Array, expected: readonly number[]): void {
  expect([...values].map((value) => value.toFixed(4))).toEqual(expected.map((n) => n.toFixed(4)));
}

describe('PyTorch’s generator', () => {
  test('is the Mersenne Twister', () => {
    // The 10,000th word of the default seed, which the C++ standard states ([rand.predef]).
    const random = new TorchRandom(5489);
    random.skip(9_999);
    expect(random.random32()).toBe(4123659995);
    expect(random.drawn).toBe(10_000);
  });

  test('gives what torch.manual_seed(0); torch.rand(5), torch.randn(6) and torch.randn(16) print', () => {
    near(
      filled(0, 5, (r, v) => r.uniform(v, 0, 1)),
      [0.4963, 0.7682, 0.0885, 0.132, 0.3074],
    );
    // Below 16 values there is another rule.
    near(
      filled(0, 6, (r, v) => fillNormal(r, v)),
      [1.541, -0.2934, -2.1788, 0.5684, -1.0845, -1.3986],
    );
    near(
      filled(0, 16, (r, v) => fillNormal(r, v)),
      [
        -1.1258, -1.1524, -0.2506, -0.4339, 0.8487, 0.692, -0.316, -2.1152, 0.3223, -1.2633, 0.35,
        0.3081, 0.1198, 1.2377, 1.1168, -0.2473,
      ],
    );
  });

  test('makes a normal tensor in pieces of any length as in one', () => {
    for (const size of [5, 16, 17, 31, 32, 33, 100, 640, 1000]) {
      for (const step of [1, 3, 8, 16, 24, 1000]) {
        const whole = new TorchRandom(3);
        const expected = new Float32Array(size);
        fillNormal(whole, expected, 0.02);

        const random = new TorchRandom(3);
        const normal = new TorchNormal(random, size, 0.02);
        const values = new Float32Array(size);
        for (let i = 0; i < size; i += step) normal.fill(values.subarray(i, i + step));
        expect(values).toEqual(expected);
        expect(random.drawn).toBe(whole.drawn);

        const skipped = new TorchRandom(3);
        TorchNormal.skip(skipped, size);
        expect(skipped.drawn).toBe(whole.drawn);
      }
    }
  });

  test('draws two words a double, one a float32, sixteen more where a normal tensor has a rest', () => {
    const words = (draw: (random: TorchRandom) => void): number => {
      const random = new TorchRandom(1);
      draw(random);
      return random.drawn;
    };
    expect(words((r) => r.uniform(new Float32Array(1000), -1, 1))).toBe(1000);
    expect(words((r) => fillNormal(r, new Float32Array(1000)))).toBe(1016);
    expect(words((r) => fillNormal(r, new Float32Array(1008)))).toBe(1008);
    expect(words((r) => fillNormal(r, new Float32Array(5)))).toBe(12);
    expect(words((r) => r.bernoulli(new Uint32Array(32), 1000, 0.9))).toBe(2000);
    expect(words((r) => r.randint(50, 7))).toBe(7);
  });

  test('keeps as many bits as it should, and none behind the last element', () => {
    const words = new Uint32Array(320);
    new TorchRandom(7).bernoulli(words, 10_000, 0.9, 2);
    let kept = 0;
    for (let e = 0; e < 10_000; e++) kept += (words[2 + (e >> 5)] >>> (e & 31)) & 1;
    expect(Math.abs(kept - 9_000)).toBeLessThan(4 * 30);
    expect([...words.subarray(0, 2), words[2 + (10_000 >> 5)] >>> (10_000 & 31)]).toEqual([
      0, 0, 0,
    ]);
    expect([...words.subarray(315)]).toEqual([0, 0, 0, 0, 0]);
  });

  test('goes on from a saved state, wherever it stood', () => {
    for (const before of [0, 1, 623, 624, 625, 1248, 2000]) {
      const random = new TorchRandom(11);
      random.skip(before);
      const restored = TorchRandom.restore(random.state);
      expect(restored.drawn).toBe(before);
      expect(restored.randint(1000, 700)).toEqual(random.randint(1000, 700));
    }
    const random = new TorchRandom(11);
    random.normalDouble();
    expect(TorchRandom.restore(random.state).normalDouble()).toBe(random.normalDouble());
  });

  test('refuses what is no seed, no limit and no state', () => {
    for (const seed of [-1, 1.5, NaN, 2 ** 60]) {
      expect(() => new TorchRandom(seed)).toThrow(/The seed is/);
    }
    for (const limit of [0, 2.5, 2 ** 28]) {
      expect(() => new TorchRandom(0).randint(limit, 1)).toThrow(/randint draws below/);
    }
    const { words } = new TorchRandom(0).state;
    for (const state of [
      { words: words.slice(1), drawn: 0, nextNormal: null },
      { words, drawn: -1, nextNormal: null },
    ]) {
      expect(() => TorchRandom.restore(state)).toThrow(/624 words/);
    }
  });
});

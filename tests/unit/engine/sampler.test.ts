// Sampling steps against transformers' numbers, against a plain sort-everything version, and against nonsense.
import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { GenerationOptions, SamplingOptions, TokenPiece } from '../../../src/api.ts';
import { uniform } from '../../../src/engine/sampling/random.ts';
import {
  argmax,
  checkOptions,
  logprobAndRank,
  processLogits,
  sampleToken,
  toDistribution,
} from '../../../src/engine/sampling/sampler.ts';
import { STEPS_OFF as off } from '../../support/stepsOff.ts';
import { cpuMs } from '../../support/cpuTime.ts';

interface Case {
  options: Omit<SamplingOptions, 'do_sample'>;
  previous_ids: number[];
  logits: number[];
  probabilities: Record<string, number>;
}

const fixture = new URL('../../fixtures/conformance/sampling.json', import.meta.url);
const cases = JSON.parse(readFileSync(fixture, 'utf8')) as Case[];

const pieceOf = (id: number): TokenPiece => ({ id, bytes: [], text: `t${id}`, special: false });

function kept(probabilities: Float64Array): number[] {
  return Array.from(probabilities.keys()).filter((id) => probabilities[id] > 0);
}

/** What the steps mean, sorting everything each time. */
function plainly(logits: Float32Array, previousIds: number[], options: SamplingOptions): number[] {
  let scores = Array.from(logits);
  for (const id of new Set(previousIds)) {
    scores[id] *= scores[id] < 0 ? options.repetition_penalty : 1 / options.repetition_penalty;
  }
  scores = scores.map((score) => score / options.temperature);
  const softmax = (): number[] => {
    const weights = scores.map((score) => Math.exp(score - Math.max(...scores)));
    const total = weights.reduce((a, b) => a + b, 0);
    return weights.map((weight) => weight / total);
  };
  if (options.top_k > 0) {
    const k = Math.min(options.top_k, scores.length);
    const least = scores.toSorted((a, b) => b - a)[k - 1];
    scores = scores.map((score) => (score < least ? -Infinity : score));
  }
  const nucleus = softmax();
  const ascending = Array.from(nucleus.keys()).toSorted((a, b) => scores[a] - scores[b]);
  let sum = 0;
  for (const id of ascending.slice(0, -1)) {
    sum += nucleus[id];
    if (options.top_p < 1 && sum <= 1 - options.top_p) scores[id] = -Infinity;
  }
  const last = softmax();
  const best = Math.max(...last);
  scores = scores.map((score, id) => (last[id] < options.min_p * best ? -Infinity : score));
  return softmax();
}

const someLogits = fc
  .array(fc.integer({ min: -1000, max: 1000 }), { minLength: 1, maxLength: 80 })
  .map((values) => Float32Array.from(values, (value) => value / 64)); // ties are likely
const someOptions = fc.record({
  do_sample: fc.constant(true),
  temperature: fc.double({ min: 0.05, max: 20, noNaN: true }),
  top_k: fc.nat(90),
  top_p: fc.double({ min: 0.01, max: 1, noNaN: true }),
  min_p: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1, noNaN: true })),
  repetition_penalty: fc.double({ min: 0.5, max: 2, noNaN: true }),
});

describe('processLogits', () => {
  it.each(cases.map((one, index) => ({ ...one, name: JSON.stringify(one.options), index })))(
    'leaves what transformers leaves in case $index: $name',
    ({ options, previous_ids, logits, probabilities }) => {
      const ours = processLogits(Float32Array.from(logits), previous_ids, {
        do_sample: true,
        ...options,
      });
      expect(kept(ours)).toEqual(Object.keys(probabilities).map(Number));
      for (const [id, expected] of Object.entries(probabilities)) {
        expect(Math.abs(ours[Number(id)] / expected - 1)).toBeLessThan(1e-5);
      }
    },
  );

  it('does what the plain version does', () => {
    const ids = fc.array(fc.nat(79), { maxLength: 10 });
    fc.assert(
      fc.property(someLogits, ids, someOptions, (logits, previous, options) => {
        const seen = previous.filter((id) => id < logits.length);
        const ours = processLogits(logits, seen, options);
        const plain = plainly(logits, seen, options);
        // Where the mass lies within rounding of the border of top-p or min-p, one token more or less is right.
        const differences = plain.map((value, id) => Math.abs(value - ours[id]));
        if (Math.max(...differences) < 1e-9) return;
        const nudged = [1 - 1e-9, 1 + 1e-9].map((factor) =>
          plainly(logits, seen, {
            ...options,
            top_p: Math.min(1, options.top_p * factor),
            min_p: Math.min(1, options.min_p * factor),
          }),
        );
        expect(nudged.some((one) => one.every((v, id) => Math.abs(v - ours[id]) < 1e-6))).toBe(
          true,
        );
      }),
      { numRuns: 3000 },
    );
  });

  it('sums to one, keeps the best token and leaves the logits alone, for any options', () => {
    fc.assert(
      fc.property(someLogits, someOptions, (logits, options) => {
        const before = logits.slice();
        const probabilities = processLogits(logits, [], options);
        expect(probabilities.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 12);
        const most = Math.max(...probabilities);
        const best = Math.max(...logits);
        expect(kept(probabilities).some((id) => logits[id] === best)).toBe(true);
        expect(probabilities.some((value, id) => value === most && logits[id] === best)).toBe(true);
        expect(logits).toEqual(before);
      }),
      { numRuns: 1000 },
    );
  });

  it('keeps ties with the k-th', () => {
    const logits = Float32Array.of(1, 3, 2, 2, 2, 0);
    expect(kept(processLogits(logits, [], { ...off, top_k: 2 }))).toEqual([1, 2, 3, 4]);
    expect(kept(processLogits(logits, [], { ...off, top_k: 100 }))).toHaveLength(6);
  });

  it('keeps one token for the smallest top_p and the largest min_p', () => {
    const logits = Float32Array.of(0, 1, 5, 4);
    expect(kept(processLogits(logits, [], { ...off, top_p: 1e-9 }))).toEqual([2]);
    expect(kept(processLogits(logits, [], { ...off, min_p: 1 }))).toEqual([2]);
  });

  it('survives temperatures that overflow', () => {
    const logits = Float32Array.of(-3e38, 0, 3e38, 3e38);
    expect([...processLogits(logits, [], { ...off, temperature: 1e-300 })]).toEqual([
      0, 0, 0.5, 0.5,
    ]);
    const flat = processLogits(logits, [], { ...off, temperature: 1e300 });
    expect([...flat]).toEqual([0.25, 0.25, 0.25, 0.25]);
  });

  it('penalises a token once, however often it was seen', () => {
    const logits = Float32Array.of(2, -2, 0);
    const options = { ...off, repetition_penalty: 2 };
    const expected = processLogits(Float32Array.of(1, -4, 0), [], off);
    expect(processLogits(logits, [0, 1, 0, 0, 1], options)).toEqual(expected);
  });

  it('without do_sample puts everything on the best token after the penalty, the lowest id among equals', () => {
    const greedy = { ...off, do_sample: false, temperature: 0, top_k: 3 };
    expect([...processLogits(Float32Array.of(1, 2, 2), [], greedy)]).toEqual([0, 1, 0]);
    const penalised = { ...greedy, repetition_penalty: 4 };
    expect([...processLogits(Float32Array.of(1, 2, 0), [1], penalised)]).toEqual([1, 0, 0]);
  });

  it('allows logits of −∞ and names the token of a NaN', () => {
    const masked = processLogits(Float32Array.of(-Infinity, 0, -Infinity), [], off);
    expect([...masked]).toEqual([0, 1, 0]);
    for (const [logits, message] of [
      [Float32Array.of(0, Number.NaN), 'The logit of token 1 is NaN.'],
      [Float32Array.of(Infinity, 0), 'The logit of token 0 is infinite.'],
      [Float32Array.of(-Infinity, -Infinity), 'None of the 2 logits is above −∞.'],
      [new Float32Array(0), 'None of the 0 logits is above −∞.'],
    ] as const) {
      const nan = expect.objectContaining({ code: 'sampling/nan', message });
      expect(() => processLogits(logits, [], off)).toThrow(nan);
      expect(() => processLogits(logits, [], { ...off, do_sample: false })).toThrow(nan);
      expect(() => toDistribution(logits, [], off, 5, pieceOf)).toThrow(nan);
      expect(() => argmax(logits)).toThrow(nan);
      if (logits.length > 0) expect(() => logprobAndRank(logits, 0)).toThrow(nan);
    }
  });

  it.each([
    off,
    { ...off, top_k: 40 },
    { ...off, top_k: 25_000 },
    { ...off, top_p: 0.9 },
    { ...off, temperature: 50, top_p: 0.95, min_p: 0.01, repetition_penalty: 1.3 },
  ])('takes a few milliseconds for GPT-2’s vocabulary: %j', (options) => {
    const logits = gaussians(50257);
    const times = Array.from({ length: 10 }, () => {
      const before = cpuMs();
      sampleToken(processLogits(logits, [1, 2, 3], options), 0.5);
      return cpuMs() - before;
    });
    // Some 2 to 7 ms on a slow core; the bound only catches another order of growth.
    expect(Math.min(...times)).toBeLessThan(60);
  });
});

describe('sampleToken', () => {
  it('walks the cumulative distribution in id order', () => {
    const probabilities = Float64Array.of(0, 0.25, 0, 0.5, 0.25, 0);
    const at = (u: number): number => sampleToken(probabilities, u);
    expect([0, 0.2499, 0.25, 0.7499, 0.75, 0.9999].map(at)).toEqual([1, 1, 3, 3, 4, 4]);
    // A number that rounding took to 1 still gives a token that was kept.
    expect(at(1)).toBe(4);
    expect(sampleToken(Float32Array.of(0, 3, 1), 0.76)).toBe(2);
  });

  it('refuses probabilities without mass', () => {
    for (const value of [0, Number.NaN, Infinity]) {
      expect(() => sampleToken(Float64Array.of(value, 0), 0.5)).toThrow(
        expect.objectContaining({ code: 'sampling/nan' }),
      );
    }
  });

  it('draws 20,000 tokens as often as their probabilities say', () => {
    const logits = gaussians(50);
    const probabilities = processLogits(logits, [], { ...off, top_k: 20, temperature: 1.5 });
    const counts = new Float64Array(50);
    for (let i = 0; i < 20_000; i++) counts[sampleToken(probabilities, uniform(7, i))]++;
    let chiSquare = 0;
    for (const [id, count] of counts.entries()) {
      const expected = 20_000 * probabilities[id];
      if (expected === 0) expect(count).toBe(0);
      else chiSquare += (count - expected) ** 2 / expected;
    }
    // 19 degrees of freedom: 0.1 % of fair draws lie above 43.8.
    expect(chiSquare).toBeLessThan(43.8);
  });
});

describe('toDistribution', () => {
  it('shows candidates before and after the steps, the best first', () => {
    const logits = Float32Array.of(0, Math.log(2), Math.log(4), Math.log(8), Math.log(1));
    const distribution = toDistribution(logits, [], { ...off, top_k: 2 }, 3, pieceOf);
    expect(distribution.top.map(({ piece }) => piece.id)).toEqual([3, 2, 1]);
    expect(distribution.top.map(({ logit }) => logit)).toEqual([logits[3], logits[2], logits[1]]);
    const [first, second, third] = distribution.top;
    expect(first.rawProbability).toBeCloseTo(0.5, 7);
    expect(first.probability).toBeCloseTo(2 / 3, 7);
    expect(second.probability).toBeCloseTo(1 / 3, 7);
    expect(third).toMatchObject({ probability: 0 });
    expect(distribution).toMatchObject({ kept: 2, vocabSize: 5, rest: 0 });
    expect(distribution.restRaw).toBeCloseTo(2 / 16, 7);
    const bits = [0.5, 0.25, 0.125, 0.0625, 0.0625].reduce((sum, p) => sum - p * Math.log2(p), 0);
    expect(distribution.entropyBits).toBeCloseTo(bits, 6);
  });

  it('is certain after greedy steps and ranks the others by their raw probability', () => {
    const logits = Float32Array.of(1, 3, 3, 2, -Infinity);
    const distribution = toDistribution(logits, [], { ...off, do_sample: false }, 9, pieceOf);
    expect(distribution.top.map(({ piece }) => piece.id)).toEqual([1, 2, 3, 0, 4]);
    expect(distribution.top.map(({ probability }) => probability)).toEqual([1, 0, 0, 0, 0]);
    expect(distribution).toMatchObject({ kept: 1, rest: 0 });
  });

  it('has the order of a full sort, for short and long lists', () => {
    const logits = gaussians(2000).map((value) => Math.round(value * 4) / 4);
    const options = { ...off, top_k: 100 };
    const probabilities = processLogits(logits, [], options);
    const order = Array.from(logits.keys()).toSorted(
      (a, b) => probabilities[b] - probabilities[a] || logits[b] - logits[a] || a - b,
    );
    for (const top of [0, 1, 20, 200, 300, 2000]) {
      const { top: list } = toDistribution(logits, [], options, top, pieceOf, probabilities);
      expect(list.map(({ piece }) => piece.id)).toEqual(order.slice(0, top));
    }
  });

  it('has an entropy of log2 V where all tokens are equal, and of 0 where one is certain', () => {
    expect(entropy(new Float32Array(1024))).toBeCloseTo(10, 10);
    expect(entropy(Float32Array.of(0, 5000, -Infinity))).toBe(0);
  });
});

describe('logprobAndRank', () => {
  it('gives the log-probability and the rank, equals in id order', () => {
    const logits = Float32Array.of(0, 2, 2, 1);
    const total = 1 + 2 * Math.exp(2) + Math.exp(1);
    expect(logprobAndRank(logits, 1)).toEqual({
      logprob: expect.closeTo(2 - Math.log(total), 12) as number,
      rank: 1,
    });
    expect([0, 1, 2, 3].map((id) => logprobAndRank(logits, id).rank)).toEqual([4, 1, 2, 3]);
    expect(argmax(logits)).toBe(1);
  });

  it('refuses an id without a logit', () => {
    expect(() => logprobAndRank(Float32Array.of(0), 1)).toThrow(
      expect.objectContaining({ code: 'tokens/vocabulary' }),
    );
  });
});

describe('checkOptions', () => {
  const text = 'x' as unknown as number;
  it.each<Partial<GenerationOptions>>([
    ...[-1, Number.NaN, Infinity, text].map((temperature) => ({ temperature })),
    ...[-1, 1.5, Number.NaN, Infinity, text].map((top_k) => ({ top_k })),
    ...[0, -0.1, 1.1, Number.NaN, text].map((top_p) => ({ top_p })),
    ...[-0.1, 1.1, Number.NaN, text].map((min_p) => ({ min_p })),
    ...[0, -1, Number.NaN, Infinity, text].map((repetition_penalty) => ({ repetition_penalty })),
    { do_sample: 1 as unknown as boolean },
    ...[-1, 0.5, Number.NaN].map((max_new_tokens) => ({ max_new_tokens })),
    ...[-1, 2 ** 32, 0.5].map((seed) => ({ seed })),
    { stop: [''] },
    { stop: 'x' as unknown as string[] },
    { eos_token_id: -1 },
    { min_new_tokens: -1 },
    { min_new_tokens: 0.5 },
    { eos_token_id: [0, 0.5] },
  ])('refuses %j and names it', (wrong) => {
    const [[name, value]] = Object.entries(wrong);
    const shown = typeof value === 'number' ? String(value) : JSON.stringify(value);
    const start = `${name} is ${shown}; expected `;
    expect(() => checkOptions({ ...off, ...wrong })).toThrow(
      expect.objectContaining({
        code: 'sampling/options',
        message: expect.stringContaining(start) as string,
      }),
    );
    if (!(name in off)) return;
    expect(() => processLogits(Float32Array.of(0), [], { ...off, ...wrong })).toThrow(start);
  });

  it('accepts the limits, and a temperature of 0, which draws nothing', () => {
    checkOptions({ ...off, top_p: 1, min_p: 1, top_k: 0, temperature: 1e-9 });
    checkOptions({ ...off, do_sample: false, temperature: 0 });
    const cold = { ...off, do_sample: true, temperature: 0 };
    expect(processLogits(Float32Array.of(1, 3, 3, 2), [], cold)).toEqual(
      Float64Array.of(0, 1, 0, 0),
    );
    checkOptions({ ...off, max_new_tokens: 0, seed: 2 ** 32 - 1, stop: [], eos_token_id: null });
    checkOptions({ ...off, eos_token_id: [0, 50256] });
  });
});

function entropy(logits: Float32Array): number {
  return toDistribution(logits, [], off, 1, pieceOf).entropyBits;
}

/** Normally distributed numbers, deviation 3. */
function gaussians(count: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => {
    const radius = Math.sqrt(-2 * Math.log(1 - uniform(1, i)));
    return 3 * radius * Math.cos(2 * Math.PI * uniform(2, i));
  });
}

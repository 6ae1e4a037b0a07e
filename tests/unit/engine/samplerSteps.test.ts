// The microscope shows what the sampler does: the same distributions, the same draw, nothing lost.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SamplerSteps, SamplingOptions, TokenPiece } from '../../../src/api.ts';
import { uniform } from '../../../src/engine/sampling/random.ts';
import { processLogits, sampleToken } from '../../../src/engine/sampling/sampler.ts';
import { toSamplerSteps } from '../../../src/engine/sampling/samplerSteps.ts';
import { STEPS_OFF } from '../../support/stepsOff.ts';

const pieceOf = (id: number): TokenPiece => ({ id, bytes: [], text: `t${id}`, special: false });

function steps(
  logits: ArrayLike<number>,
  options: Partial<SamplingOptions & { seed: number }> = {},
  ids: number[] = [],
  top = 80,
): SamplerSteps {
  const all = { ...STEPS_OFF, seed: 1, ...options };
  return toSamplerSteps(Float32Array.from(logits), ids, all, top, pieceOf);
}

/** Probabilities by token of a stage whose candidates are the whole vocabulary. */
function byToken({ candidates, stages }: SamplerSteps, stage: number): number[] {
  const row: number[] = [];
  candidates.forEach(({ id }, i) => (row[id] = stages[stage].probabilities[i]));
  return row;
}

const someLogits = fc
  .array(fc.integer({ min: -1000, max: 1000 }), { minLength: 1, maxLength: 80 })
  .map((values) => Float32Array.from(values, (value) => value / 64));
const someOptions = fc.record({
  do_sample: fc.boolean(),
  temperature: fc.oneof(fc.constant(1), fc.double({ min: 0.01, max: 20, noNaN: true })),
  top_k: fc.nat(90),
  top_p: fc.oneof(fc.constant(1), fc.double({ min: 0.01, max: 1, noNaN: true })),
  min_p: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1, noNaN: true })),
  repetition_penalty: fc.oneof(fc.constant(1), fc.double({ min: 0.5, max: 2, noNaN: true })),
});
const someIds = fc.array(fc.nat(79), { maxLength: 10 });
const someSeed = fc.nat(2 ** 31);

describe('the stages', () => {
  it('come in the order of the sampler, whatever is on', () => {
    const order = ['model', 'repetition_penalty', 'temperature', 'top_k', 'top_p', 'min_p'];
    for (const do_sample of [true, false]) {
      expect(steps([1, 2], { do_sample }).stages.map(({ step }) => step)).toEqual(order);
    }
  });

  it('end with exactly the distribution that the token is drawn from', () => {
    fc.assert(
      fc.property(someLogits, someIds, someOptions, someSeed, (logits, ids, options, seed) => {
        const shown = steps(logits, { ...options, seed }, ids);
        const probabilities = processLogits(logits, ids, options);
        expect(shown.chosen.id).toBe(sampleToken(probabilities, uniform(seed, ids.length)));
        if (options.do_sample) expect(byToken(shown, 5)).toEqual([...probabilities]);
      }),
      { numRuns: 2000 },
    );
  });

  it('each sum to one, and what is kept and what is removed sum to one as well', () => {
    fc.assert(
      fc.property(someLogits, someIds, someOptions, someSeed, (logits, ids, options, seed) => {
        const shown = steps(logits, { ...options, seed }, ids);
        shown.stages.forEach(({ kept, removed, active, entropyBits }, s) => {
          const after = byToken(shown, s);
          const before = byToken(shown, Math.max(0, s - 1));
          expect(after.reduce((a, b) => a + b)).toBeCloseTo(1, 12);
          expect(after.filter((p) => p > 0)).toHaveLength(kept);
          const left = before.filter((_, id) => after[id] > 0).reduce((a, b) => a + b, 0);
          expect(removed + left).toBeCloseTo(1, 12);
          const bits = after.reduce((sum, p) => (p > 0 ? sum - p * Math.log2(p) : sum), 0);
          expect(entropyBits).toBeCloseTo(bits, 10);
          if (active) return;
          expect(after).toEqual(before);
          expect(removed).toBe(0);
        });
      }),
      { numRuns: 1000 },
    );
  });

  it('say how much each step takes, worked out by hand', () => {
    const logits = [8, 4, 2, 1, 1].map(Math.log);
    const options = { repetition_penalty: 2, temperature: 0.5, top_k: 3, top_p: 0.7, min_p: 0.4 };
    const { stages } = steps(logits, options, [0]);
    // Token 0 was seen: ln 8 / 2 = ln √8. Temperature 0.5 squares: 8, 16, 4, 1, 1.
    expect(stages.map(({ active }) => active)).toEqual([true, true, true, true, true, true]);
    expect(stages.map(({ kept }) => kept)).toEqual([5, 5, 5, 3, 2, 2]);
    const removed = [0, 0, 0, 2 / 30, 4 / 28, 0];
    stages.forEach((stage, s) => expect(stage.removed).toBeCloseTo(removed[s], 6));
    expect(stages[5].probabilities[0]).toBeCloseTo(2 / 3, 6);
  });

  it('are all inactive where nothing is set, but for the model itself', () => {
    const { stages } = steps([3, 1, 2], { top_k: 3 });
    expect(stages.map(({ active }) => active)).toEqual([true, false, false, false, false, false]);
  });

  it('without do_sample end at the penalty, and nothing is drawn', () => {
    const greedy = { do_sample: false, temperature: 0, top_k: 1, top_p: 0.1, min_p: 0.5 };
    const shown = steps([3, 2.9, 0], { ...greedy, repetition_penalty: 2 }, [0]);
    expect(shown.stages.map(({ active }) => active)).toEqual([
      true,
      true,
      false,
      false,
      false,
      false,
    ]);
    expect(shown.draw).toBeNull();
    expect(shown.chosen.id).toBe(1);
    expect(shown.chosenProbability).toBe(shown.stages[5].probabilities[0]);
    expect(shown.stages[5].kept).toBe(3);
  });
});

describe('the candidates', () => {
  it('are the best of the last stage, then those of the model, each once', () => {
    const shown = steps([5, 4, 3, 2, 1], { repetition_penalty: 10, top_k: 2 }, [0], 2);
    // Token 0 falls to 0.5 and out of the best two.
    expect(shown.candidates.map(({ id }) => id)).toEqual([1, 2, 0]);
    expect(shown.stages[5].probabilities[2]).toBe(0);
  });

  it('always have the chosen token among them, and its probability', () => {
    fc.assert(
      fc.property(someLogits, someOptions, someSeed, (logits, options, seed) => {
        const shown = steps(logits, { ...options, seed }, [], 1);
        const at = shown.candidates.findIndex(({ id }) => id === shown.chosen.id);
        expect(shown.stages[5].probabilities[at]).toBe(shown.chosenProbability);
      }),
    );
  });
});

describe('the draw', () => {
  it('lies in the interval of the chosen token; intervals lie in id order side by side', () => {
    fc.assert(
      fc.property(someLogits, someIds, someOptions, someSeed, (logits, ids, options, seed) => {
        const { draw, chosen, stages } = steps(logits, { ...options, do_sample: true, seed }, ids);
        if (!draw) throw new Error('No draw.');
        expect(draw).toMatchObject({ seed, position: ids.length });
        expect(draw.uniform).toBe(uniform(seed, ids.length));
        const own = draw.intervals.find(({ piece }) => piece.id === chosen.id);
        expect(own && own.from <= draw.uniform && draw.uniform < own.to).toBe(true);
        draw.intervals.forEach(({ piece, from, to }, i) => {
          expect(to).toBeGreaterThanOrEqual(from);
          if (i === 0) return;
          expect(piece.id).toBeGreaterThan(draw.intervals[i - 1].piece.id);
          expect(from).toBeGreaterThanOrEqual(draw.intervals[i - 1].to);
        });
        if (stages[5].kept > 64) return;
        expect(draw.intervals).toHaveLength(stages[5].kept);
        expect(draw.intervals[0].from).toBe(0);
        expect(draw.intervals.at(-1)?.to).toBe(1);
      }),
      { numRuns: 1000 },
    );
  });

  it('shows the widest 64 and the chosen one, however narrow', () => {
    const logits = Float32Array.from({ length: 500 }, (_, id) => (id < 64 ? 1 : 0));
    let narrow = 0;
    for (let seed = 0; seed < 20; seed++) {
      const { draw, chosen } = steps(logits, { seed });
      const ids = draw?.intervals.map(({ piece }) => piece.id) ?? [];
      expect(ids).toHaveLength(chosen.id < 64 ? 64 : 65);
      expect(ids).toContain(chosen.id);
      if (chosen.id >= 64) narrow++;
    }
    expect(narrow).toBeGreaterThan(0);
  });

  it('refuses a seed that is none', () => {
    const error = expect.objectContaining({ code: 'sampling/options' });
    expect(() => steps([1], { seed: -1 })).toThrow(error);
    expect(() => steps([Number.NaN])).toThrow(expect.objectContaining({ code: 'sampling/nan' }));
  });
});

// Configurations of the four sources: counts, memory, and sizes that are refused.
import { describe, expect, it } from 'vitest';
import { PRESETS, checkConfig, headSizeOf, toMegabytes } from '../../../src/model/config.ts';
import { parameterBytes, parameterCount } from '../../../src/model/parameters.ts';

describe('parameter counts', () => {
  it("are the notebook's: 163,009,536, and 124,412,160 without the head", () => {
    expect(parameterCount(PRESETS['notebook-124m'])).toBe(163_009_536);
    expect(parameterCount(PRESETS['notebook-124m'], { withoutHead: true })).toBe(124_412_160);
  });

  it('take 621.83 MB in f32, as the notebook counts, and half of it in f16', () => {
    expect(toMegabytes(parameterBytes(PRESETS['notebook-124m'], 'fp32'))).toBe('621.83 MB');
    expect(toMegabytes(parameterBytes(PRESETS['notebook-124m'], 'fp16'))).toBe('310.92 MB');
  });

  it("are GPT-2's in all four sizes", () => {
    expect(parameterCount(PRESETS.gpt2)).toBe(124_439_808);
    expect(parameterCount(PRESETS['gpt2-medium'])).toBe(354_823_168);
    expect(parameterCount(PRESETS['gpt2-large'])).toBe(774_030_080);
    expect(parameterCount(PRESETS['gpt2-xl'])).toBe(1_557_611_200);
  });

  it('leave out what a model without biases does not have', () => {
    const { nLayer, nEmbd, nInner } = PRESETS.nanogpt;
    const biases = nLayer * (3 * nEmbd + nEmbd + nInner + nEmbd + 2 * nEmbd) + nEmbd;
    const withBiases = { ...PRESETS.nanogpt, bias: true, qkvBias: true, layerNormBias: true };
    expect(parameterCount(withBiases) - parameterCount(PRESETS.nanogpt)).toBe(biases);
  });
});

describe('checkConfig', () => {
  it('accepts every preset', () => {
    for (const preset of Object.values(PRESETS)) expect(() => checkConfig(preset)).not.toThrow();
    expect(headSizeOf(PRESETS['gpt2-xl'])).toBe(64);
  });

  it("gives the sources' assertion in words when heads do not divide the width", () => {
    expect(() => checkConfig({ ...PRESETS.gpt2, nHead: 10 })).toThrow(
      'nEmbd must be divisible by nHead: 768 / 10 leaves 8.',
    );
  });

  for (const [key, value] of [
    ['nLayer', 0],
    ['nEmbd', 1.5],
    ['vocabSize', 1e12],
    ['nCtx', NaN],
    ['nInner', -4],
  ] as const) {
    it(`refuses ${key} = ${value} by name`, () => {
      expect(() => checkConfig({ ...PRESETS.gpt2, [key]: value })).toThrow(`${key} is ${value}`);
    });
  }
});

// How much memory training takes, before any is taken.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDevice } from '../../../../src/engine/load/openDevice.ts';
import { createCpuDevice } from '../../../../src/gpu/cpu/device.ts';
import type { Device } from '../../../../src/gpu/device.ts';
import { PRESETS } from '../../../../src/model/config.ts';
import { parameterBytes } from '../../../../src/model/parameters.ts';
import { planLora } from '../../../../src/model/training/lora/adapters.ts';
import { LORA_DEFAULTS } from '../../../../src/model/training/lora/loraConfig.ts';
import { checkPlan, planMemory } from '../../../../src/model/training/plan.ts';
import { ALL_TARGETS, LORA, USUAL, expectPlanned, loadSmall } from '../../../support/fineTuning.ts';

const RATES = { embd: 0.1, attn: 0.1, resid: 0.1 };
const SIZES = {
  batch: 1,
  tokens: 1024,
  accumulation: 8,
  dropout: RATES,
  decay: 'mingpt',
  masks: 'philox',
} as const;
const MB = 1e6;

let processor: Device;
beforeAll(async () => {
  processor = await openDevice('cpu');
});
afterAll(() => processor.dispose());

describe('a plan of memory', () => {
  it.each([undefined, USUAL])('is what a trainer takes: %o', async (shape) => {
    const model = await loadSmall(processor, 'fp32', shape);
    await expectPlanned(model, LORA);
    await expectPlanned(model, {
      ...LORA,
      r: 11,
      target_modules: ALL_TARGETS,
      lora_dropout: 0.1,
    });
    model.dispose();
  });

  it('knows GPT-2, all of whose parameters train', () => {
    const plan = planMemory(createCpuDevice(), PRESETS.gpt2, SIZES);
    // Seven rows more than 50,257, so that they are a multiple of eight.
    const weights = 4 * (124_439_808 + 7 * 768);
    expect(plan).toMatchObject({
      base: 0,
      weights,
      gradients: weights,
      moments: 2 * weights + weights / 64,
      logits: 4 * 16 * 50_264,
      problem: null,
      suggestion: null,
    });
    // A row of the stream is 3 kB: of a block 5, and 3, 1, 4 and 4 times as wide, and a number a head.
    const block = 1024 * (3072 * (5 + 3 + 1 + 4 + 4 - 1) + 4 * 12);
    expect(plan.activations).toBeGreaterThan(12 * block);
    expect(plan.activations).toBeLessThan(13.5 * block);
    expect(plan.total).toBeGreaterThan(2500 * MB);
    expect(plan.total).toBeLessThan(2800 * MB);
  });

  it('knows a LoRA over GPT-2', () => {
    const base = parameterBytes(PRESETS.gpt2, 'q8');
    const sizes = { ...SIZES, adapter: planLora(PRESETS.gpt2, LORA_DEFAULTS), base };
    const plan = planMemory(createCpuDevice(), PRESETS.gpt2, sizes);
    // PEFT: trainable params: 294,912.
    const weights = 4 * 294_912;
    expect(plan).toMatchObject({
      base,
      weights,
      gradients: weights,
      moments: 2 * weights + weights / 64,
      problem: null,
    });
    expect(plan.total).toBeLessThan(900 * MB);
  });

  it('suggests fewer windows at a time where all of them are too many', () => {
    const limits = { maxBufferSize: 4e9 };
    const device = createCpuDevice('f32', { limits });
    const plan = planMemory(device, PRESETS.gpt2, { ...SIZES, batch: 8, accumulation: 1 });
    expect(plan.suggestion).toEqual({ batch: 2, accumulation: 4 });
    expect(() => checkPlan(plan)).toThrow(/^Training this takes .* GB, more than the 4.00 GB/u);
  });

  it('counts a model that is there already', () => {
    const device = createCpuDevice('f32', { limits: { maxBufferSize: 3e9 } });
    expect(planMemory(device, PRESETS.gpt2, SIZES).problem).toBe(null);
    const base = parameterBytes(PRESETS.gpt2, 'fp32');
    expect(planMemory(device, PRESETS.gpt2, { ...SIZES, base }).problem).toMatch(/more than/u);
  });
});

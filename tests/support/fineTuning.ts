// Going on from a model that is loaded: all its weights, or a LoRA beside them. Each test file brings its own device.
import { expect } from 'vitest';
import type { Dtype } from '../../src/api.ts';
import { writeSafetensors } from '../../src/formats/safetensors.ts';
import { openSafetensors } from '../../src/formats/safetensorsSource.ts';
import type { Arena, Device } from '../../src/gpu/device.ts';
import { type WeightMatrix, writeRows } from '../../src/kernels/weightMatrix.ts';
import { readConfigFile } from '../../src/model/configFile.ts';
import type { Gpt } from '../../src/model/gpt.ts';
import { loadGpt } from '../../src/model/load.ts';
import type { PlacedMatrix } from '../../src/model/parameters.ts';
import { readRows } from '../../src/model/readBack.ts';
import { adopt } from '../../src/model/training/adopt.ts';
import { NO_DROPOUT } from '../../src/model/training/dropout.ts';
import { planLora } from '../../src/model/training/lora/adapters.ts';
import { type Factors, factorSpecs } from '../../src/model/training/lora/factors.ts';
import { LoraTrainer } from '../../src/model/training/lora/loraTrainer.ts';
import {
  LORA_DEFAULTS,
  type LoraConfig,
  loraSites,
} from '../../src/model/training/lora/loraConfig.ts';
import { mergeLora } from '../../src/model/training/lora/saved.ts';
import { planMemory } from '../../src/model/training/plan.ts';
import {
  type Batch,
  type AnyTrainer,
  type OptimiserOptions,
  Trainer,
} from '../../src/model/training/trainer.ts';
import { configOf, createNaiveGpt } from './naiveGpt.ts';
import { noise } from './random.ts';

/** Widths that nothing divides: rows of 15, heads of 5, a hidden layer of 37. */
const ODD = { V: 23, S: 8, L: 2, H: 3, C: 15, F: 37 };
/** Those of the conformance pack, whose shaders other tests need too. */
export const USUAL = { ...ODD, C: 48, F: 192 };
export const WINDOWS = { batch: 2, tokens: 7 };

export const OPTIMISER: OptimiserOptions = {
  beta1: 0.9,
  beta2: 0.99,
  epsilon: 1e-8,
  weightDecay: 0.1,
  maxGradNorm: 1,
  decay: 'mingpt',
};

/** Every layer of a block that can be adapted. */
export const ALL_TARGETS = ['c_attn', 'c_proj', 'c_fc'] as const;

export const LORA: LoraConfig = { ...LORA_DEFAULTS, r: 3, lora_alpha: 5 };

/** The files of a small model. */
export function smallModel(sizes = ODD): {
  weights: Uint8Array<ArrayBuffer>;
  config: Record<string, unknown>;
} {
  const flags = { qkvBias: true, bias: true, normBias: true, std: false, exact: false, tied: true };
  const shape = { ...sizes, ...flags, layout: 'huggingface' } as const;
  const tensors = [...createNaiveGpt(shape, 3).toCheckpoint()].map(
    ([name, tensor]) => [name, { dtype: 'F32' as const, ...tensor }] as const,
  );
  const config = { model_type: 'gpt2', ...configOf(shape) };
  return { weights: writeSafetensors(new Map(tensors)), config };
}

export async function loadSmall(device: Device, dtype: Dtype, sizes = ODD): Promise<Gpt> {
  const { weights, config } = smallModel(sizes);
  const { model } = await loadGpt(device, openSafetensors(weights), readConfigFile(config), {
    dtype,
  });
  return model;
}

export function batchOf(seed: number): Batch {
  const count = WINDOWS.batch * WINDOWS.tokens;
  const drawn = noise(2 * count, seed);
  const id = (i: number): number => Math.floor(Math.abs(drawn[i]) * 1000) % ODD.V;
  const ids = Uint32Array.from({ length: count }, (_, i) => id(i));
  const targets = Uint32Array.from({ length: count }, (_, i) => id(count + i));
  // Nothing is to be learned there.
  targets[3] = 0xffffffff;
  return { ids, targets };
}

/** Gives both factors of every site numbers, so that an adapter adds something. */
export function scatterFactors(
  arena: Arena,
  { config }: Gpt,
  lora: LoraConfig,
  factors: readonly Factors[],
): void {
  const scatter = (spec: PlacedMatrix, matrix: WeightMatrix, seed: number): void => {
    const [rows, columns] = spec.shape;
    const values = noise(rows * columns, seed, 0, 0.3);
    const padded = new Float32Array(matrix.rows * matrix.columns);
    for (let n = 0; n < rows; n++) {
      for (let k = 0; k < columns; k++) {
        padded[spec.rowOf(n) * matrix.columns + spec.columnOf(k)] = values[n * columns + k];
      }
    }
    writeRows(arena, matrix, 0, padded);
  };
  loraSites(config, lora).forEach((site, i) => {
    const { a, b } = factorSpecs(site, lora);
    scatter(a, factors[i].a, 2 * i + 1);
    scatter(b, factors[i].b, 2 * i + 2);
  });
}

/** Logits of a trainer without dropout. */
export async function logitsOf(trainer: AnyTrainer<unknown>): Promise<Float32Array> {
  return trainer.logits(batchOf(1), false);
}

/** Logits of a model, by a trainer that adopted it. */
export async function logitsBy(model: Gpt): Promise<Float32Array> {
  const trainer = new Trainer(model.device, model.config, { ...WINDOWS, optimiser: OPTIMISER });
  try {
    await adopt(trainer, model);
    return await logitsOf(trainer);
  } finally {
    trainer.dispose();
  }
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);
}

/** A LoRA adds nothing, then what a merged model has in its weights. */
export async function expectMergedAlike(model: Gpt, lora: LoraConfig): Promise<void> {
  const trainer = new LoraTrainer(model, lora, { ...WINDOWS, optimiser: OPTIMISER });
  const before = await logitsOf(trainer);
  expect(largestDifference(before, await logitsBy(model))).toBeLessThan(1e-5);
  scatterFactors(trainer.arena, model, lora, trainer.trainables.parameters);
  const found = await logitsOf(trainer);
  expect(largestDifference(found, before)).toBeGreaterThan(1e-2);
  const merged = await mergeLora(trainer);
  expect(largestDifference(found, await logitsBy(merged))).toBeLessThan(2e-5);
  merged.dispose();
  trainer.dispose();
}

/** A LoRA learns a batch, with dropout everywhere; the same run gives the same bits. */
export async function expectLearning(model: Gpt, lora: LoraConfig): Promise<void> {
  const dropout = { embd: 0.1, attn: 0.1, resid: 0.1 };
  const optimiser = { ...OPTIMISER, weightDecay: 0 };
  const run = async (): Promise<{ losses: number[]; factors: Float32Array }> => {
    const trainer = new LoraTrainer(model, lora, { ...WINDOWS, optimiser, dropout, seed: 5 });
    const losses: number[] = [];
    for (let step = 0; step < 12; step++) {
      const { loss } = await trainer.step([batchOf(1), batchOf(2)], 3e-2);
      losses.push(loss);
    }
    const [{ a }] = trainer.trainables.parameters;
    const factors = await readRows(model.device, a, 0, a.rows);
    trainer.dispose();
    return { losses, factors };
  };
  const before = await logitsBy(model);
  const { losses, factors } = await run();
  expect(losses[11]).toBeLessThan(losses[0] - 0.3);
  const { nEmbd } = model.config;
  const { embd } = model.widths;
  expect(factors.subarray(0, nEmbd).every((value) => value !== 0)).toBe(true);
  // Rows beyond the rank stay zero.
  expect(factors.subarray(lora.r * embd).every((value) => value === 0)).toBe(true);
  expect(await run(), 'the same run again').toEqual({ losses, factors });
  expect(await logitsBy(model), 'the frozen model').toEqual(before);
}

/** What a trainer takes is what was planned, whatever it is that trains. */
export async function expectPlanned(model: Gpt, lora: LoraConfig): Promise<void> {
  const { device, config } = model;
  const rate = 0.1;
  for (const dropout of [NO_DROPOUT, { embd: rate, attn: rate, resid: rate }]) {
    for (const windows of [WINDOWS, { batch: 5, tokens: 3 }]) {
      const options = { ...windows, optimiser: OPTIMISER, dropout };
      const sizes = {
        ...windows,
        dropout,
        accumulation: 1,
        decay: 'mingpt',
        masks: 'philox',
      } as const;
      const trainer = new Trainer(device, config, options);
      expectNear(trainer.sizeBytes, planMemory(device, config, sizes).total);
      trainer.dispose();
      const beside = new LoraTrainer(model, lora, options);
      const plan = planMemory(device, config, {
        ...sizes,
        adapter: planLora(config, lora),
        base: model.sizeBytes,
      });
      expect(plan.base).toBe(model.sizeBytes);
      expectNear(beside.sizeBytes, plan.total - plan.base);
      beside.dispose();
    }
  }
  await device.idle();
}

function expectNear(taken: number, planned: number): void {
  expect(Math.abs(taken - planned) / taken, `${taken} bytes of ${planned} planned`).toBeLessThan(
    0.02,
  );
}

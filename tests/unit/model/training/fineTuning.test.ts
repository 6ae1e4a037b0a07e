// Fine-tuning on the processor, and what is only known of it there: gradients of a LoRA in float64.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Dtype } from '../../../../src/api.ts';
import { openDevice } from '../../../../src/engine/load/openDevice.ts';
import { createCpuDevice } from '../../../../src/gpu/cpu/device.ts';
import type { Device } from '../../../../src/gpu/device.ts';
import { writeRows } from '../../../../src/kernels/weightMatrix.ts';
import { zeroParameters } from '../../../../src/model/checkpoint.ts';
import { PRESETS } from '../../../../src/model/config.ts';
import { Gpt } from '../../../../src/model/gpt.ts';
import { HUGGING_FACE } from '../../../../src/model/layouts.ts';
import { isMatrix, parameterTable } from '../../../../src/model/parameters.ts';
import { readRows, writeVector } from '../../../../src/model/readBack.ts';
import { adopt } from '../../../../src/model/training/adopt.ts';
import { encodeBackward } from '../../../../src/model/training/backward.ts';
import { createBuffers } from '../../../../src/model/training/buffers.ts';
import { createPhiloxMasks } from '../../../../src/model/training/dropout.ts';
import { encodeForward } from '../../../../src/model/training/forward.ts';
import { createAdapters } from '../../../../src/model/training/lora/adapters.ts';
import { loraFactors } from '../../../../src/model/training/lora/factors.ts';
import {
  LORA_DEFAULTS,
  type LoraConfig,
  loraSites,
} from '../../../../src/model/training/lora/loraConfig.ts';
import { LoraTrainer } from '../../../../src/model/training/lora/loraTrainer.ts';
import { encodeLoss } from '../../../../src/model/training/loss.ts';
import { createTrainables } from '../../../../src/model/training/pools.ts';
import { Trainer } from '../../../../src/model/training/trainer.ts';
import { expectGradients } from '../../../support/backwardCheck.ts';
import {
  ALL_TARGETS,
  LORA,
  OPTIMISER,
  WINDOWS,
  batchOf,
  expectLearning,
  expectMergedAlike,
  loadSmall,
  logitsBy,
  logitsOf,
  scatterFactors,
} from '../../../support/fineTuning.ts';
import { noise } from '../../../support/random.ts';

let processor: Device;
beforeAll(async () => {
  processor = await openDevice('cpu');
});
afterAll(() => processor.dispose());

async function using(dtype: Dtype, use: (model: Gpt) => Promise<void>): Promise<void> {
  const model = await loadSmall(processor, dtype);
  try {
    await use(model);
  } finally {
    model.dispose();
  }
}

describe('all parameters', () => {
  it.each(['fp32', 'fp16', 'q8'] as const)('go on from %s weights as they are', (dtype) =>
    using(dtype, async (model) => {
      const trainer = new Trainer(processor, model.config, { ...WINDOWS, optimiser: OPTIMISER });
      await adopt(trainer, model);
      const [own, loaded] = [trainer.model, model].map(
        ({ parameters }) => parameters.h[1].attn.cAttn.weight,
      );
      const rows = await readRows(processor, loaded, 0, loaded.rows);
      expect(await readRows(processor, own, 0, own.rows)).toEqual(rows);
      const { loss: first } = await trainer.step([batchOf(1)], 1e-2);
      const { loss: second } = await trainer.step([batchOf(1)], 1e-2);
      expect(second).toBeLessThan(first);
      // What was loaded stays as it was.
      expect(await readRows(processor, loaded, 0, loaded.rows)).toEqual(rows);
      trainer.dispose();
    }),
  );

  it('come from a model on another device', () =>
    using('fp32', async (model) => {
      const other = createCpuDevice();
      const loaded = await loadSmall(other, 'fp32');
      const trainer = new Trainer(processor, model.config, { ...WINDOWS, optimiser: OPTIMISER });
      await adopt(trainer, loaded);
      expect(await logitsOf(trainer)).toEqual(await logitsBy(model));
      trainer.dispose();
      loaded.dispose();
      other.dispose();
    }));

  it('come from a model of the same shape alone', () =>
    using('fp32', async (model) => {
      const config = { ...model.config, nHead: 5 };
      const trainer = new Trainer(processor, config, { ...WINDOWS, optimiser: OPTIMISER });
      await expect(adopt(trainer, model)).rejects.toMatchObject({
        code: 'training/adopt',
        message: 'The loaded model has nHead = 3, the one that is to go on from it 5.',
      });
      trainer.dispose();
    }));
});

describe('a LoRA', () => {
  it.each([
    ['fp32', { target_modules: ALL_TARGETS }],
    ['fp16', { target_modules: ALL_TARGETS, r: 9 }],
    ['q8', { target_modules: ['c_attn'] }],
    ['fp32', { target_modules: ['mlp.c_proj'], layers_to_transform: [1] }],
  ] as const)('computes over %s weights as merged ones do: %o', (dtype, options) =>
    using(dtype, (model) => expectMergedAlike(model, { ...LORA, ...options })),
  );

  it('adds gradients of micro-batches', () =>
    using('fp32', async (model) => {
      const lora = { ...LORA, target_modules: ALL_TARGETS };
      const found = [];
      for (const batches of [[batchOf(1)], [batchOf(1), batchOf(1)]]) {
        const trainer = new LoraTrainer(model, lora, { ...WINDOWS, optimiser: OPTIMISER });
        scatterFactors(trainer.arena, model, lora, trainer.trainables.parameters);
        found.push(await trainer.step(batches, 1e-2));
        trainer.dispose();
      }
      const [once, twice] = found;
      expect(twice.loss).toBeCloseTo(once.loss, 5);
      expect(twice.gradientNorm).toBeCloseTo(once.gradientNorm, 4);
    }));

  it('learns, and nothing else does', () =>
    using('fp32', (model) =>
      expectLearning(model, { ...LORA, target_modules: ALL_TARGETS, lora_dropout: 0.2 }),
    ));

  it('takes no masks of PyTorch where it drops by itself', () =>
    using('fp32', (model) => {
      const options = { ...WINDOWS, optimiser: OPTIMISER, masks: 'given' } as const;
      expect(() => new LoraTrainer(model, { ...LORA, lora_dropout: 0.1 }, options)).toThrow(
        'lora_dropout needs masks of the engine’s own generator',
      );
      return Promise.resolve();
    }));
});

/** Widths that nothing divides. */
const ODD = {
  ...PRESETS.gpt2,
  vocabSize: 23,
  nCtx: 8,
  nLayer: 2,
  nHead: 3,
  nEmbd: 15,
  nInner: 37,
};

describe('the gradients of a LoRA', () => {
  const cases: Readonly<Record<string, LoraConfig>> = {
    'of all layers': { ...LORA, target_modules: ALL_TARGETS },
    'of all layers, with dropout': { ...LORA, target_modules: ALL_TARGETS, lora_dropout: 0.3 },
    'of one layer at the top': { ...LORA, target_modules: ['c_fc'], layers_to_transform: [1] },
    'of queries, keys and values': LORA,
  };
  for (const [name, lora] of Object.entries(cases)) {
    it(`are those of its forward pass ${name}`, () =>
      expectGradients(name, (device, arena) => {
        const parameters = zeroParameters(device, arena, HUGGING_FACE, ODD, 'f32');
        for (const [seed, spec] of parameterTable(ODD).entries()) {
          const [rows, columns = 1] = spec.padded;
          const values = noise(rows * columns, seed, isMatrix(spec) ? 0 : 0.5, 0.3);
          // Only what is not padding is there.
          const there = new Float32Array(values.length);
          for (let n = 0; n < spec.shape[0]; n++) {
            const row = spec.rowOf(n);
            for (let k = 0; k < (spec.shape[1] ?? 1); k++) {
              const at = row * columns + (isMatrix(spec) ? spec.columnOf(k) : 0);
              there[at] = values[at];
            }
          }
          if (isMatrix(spec)) writeRows(arena, spec.of(parameters), 0, there);
          else writeVector(arena, spec.of(parameters), there);
        }
        const model = new Gpt(device, arena, ODD, parameters);
        const rates = { embd: 0, attn: 0, resid: lora.lora_dropout };
        const sizes = { ...WINDOWS, drops: lora.lora_dropout > 0 };
        const trained = loraFactors(ODD, lora);
        const trainables = createTrainables(device, arena, arena, trained, 'mingpt');
        scatterFactors(arena, model, lora, trainables.parameters);
        const buffers = createBuffers(device, arena, ODD, sizes);
        const { ids, targets } = batchOf(1);
        arena.write(buffers.ids, ids);
        arena.write(buffers.targets, targets);
        const masks = createPhiloxMasks(arena, ODD, sizes, rates);
        const common = {
          model,
          buffers,
          ...WINDOWS,
          dropout: sizes.drops ? { masks, moment: { seed: 7, microStep: 3 } } : null,
          adapters: createAdapters(model, lora, trainables, arena, sizes),
        };
        const [pool] = trainables.pools;
        expect(trainables.pools).toHaveLength(1);
        const dOut = arena.upload(
          'dOut',
          [ids.length],
          'f32',
          new Float32Array(ids.length).fill(1),
        );
        return {
          inputs: { factors: pool.weights },
          out: buffers.loss,
          dOut,
          gradients: { factors: pool.gradients },
          forward: (enc) => {
            const pass = { ...common, enc };
            encodeForward(pass);
            encodeLoss(pass, { scale: 1, wayBack: null });
          },
          backward: (enc) => {
            const pass = { ...common, enc };
            const way = { gradients: null, accumulate: false };
            encodeLoss(pass, { scale: 1, wayBack: way });
            encodeBackward(pass, { ...way, distinct: 0 });
          },
        };
      }));
  }
});

describe('what a LoRA adapts', () => {
  const modulesOf = (lora: Partial<LoraConfig>): string[] =>
    loraSites(ODD, { ...LORA_DEFAULTS, ...lora }).map(({ module }) => module);

  it('is told by the ends of names, as in PEFT', () => {
    expect(modulesOf({})).toEqual(['transformer.h.0.attn.c_attn', 'transformer.h.1.attn.c_attn']);
    expect(modulesOf({ target_modules: ['c_proj'], layers_to_transform: [1] })).toEqual([
      'transformer.h.1.attn.c_proj',
      'transformer.h.1.mlp.c_proj',
    ]);
    expect(modulesOf({ target_modules: ['mlp.c_proj', 'transformer.h.0.mlp.c_fc'] })).toEqual([
      'transformer.h.0.mlp.c_fc',
      'transformer.h.0.mlp.c_proj',
      'transformer.h.1.mlp.c_proj',
    ]);
  });

  it.each([
    [{ r: 0 }, 'r is 0'],
    [{ r: 2.5 }, 'r is 2.5'],
    [{ lora_alpha: Number.NaN }, 'lora_alpha is NaN'],
    [{ lora_dropout: 1 }, 'lora_dropout is 1'],
    [{ target_modules: [] }, 'target_modules is empty'],
    [{ target_modules: ['attn'] }, '"attn", and no linear layer'],
    [{ target_modules: ['lm_head'] }, '"lm_head", and no linear layer'],
    [{ layers_to_transform: [2] }, 'has 2; the model has blocks 0 to 1'],
    [{ layers_to_transform: [] }, 'layers_to_transform is empty'],
  ])('%o is refused in words', (lora, words) => {
    expect(() => modulesOf(lora)).toThrow(words);
  });
});

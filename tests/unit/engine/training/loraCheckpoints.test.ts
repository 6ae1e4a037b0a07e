// A LoRA that was interrupted goes on from its checkpoint as if nothing had been, and a checkpoint of another one is refused.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createProcessor } from '../../../../src/engine/load/processor.ts';
import type { SavedFile } from '../../../../src/engine/save.ts';
import { openCheckpointFolder } from '../../../../src/engine/training/checkpointFolder.ts';
import {
  type StoredCheckpoint,
  lastCheckpoint,
  removeOldest,
  savedModelOf,
} from '../../../../src/engine/training/checkpointStore.ts';
import {
  loraCheckpointFiles,
  restoreLora,
} from '../../../../src/engine/training/loraCheckpoints.ts';
import { openKeptCheckpoints } from '../../../../src/engine/training/keptCheckpoints.ts';
import { openDirectory } from '../../../../src/kept/nodeFiles.ts';
import type { LoraConfig } from '../../../../src/model/training/lora/loraConfig.ts';
import { LoraTrainer } from '../../../../src/model/training/lora/loraTrainer.ts';
import type { StepResult } from '../../../../src/model/training/trainer.ts';
import {
  ALL_TARGETS,
  LORA,
  OPTIMISER,
  USUAL,
  WINDOWS,
  batchOf,
  loadSmall,
} from '../../../support/fineTuning.ts';
import { stateOf } from '../../../support/learner.ts';

const device = await createProcessor({ wasm: 'exact', threads: 1 });
const model = await loadSmall(device, 'fp32');
const away = mkdtempSync(join(tmpdir(), 'glass-gpt-lora-checkpoints-'));
afterAll(() => {
  model.dispose();
  device.dispose();
  rmSync(away, { recursive: true, force: true });
});
let folders = 0;
const newStore = () => openCheckpointFolder(join(away, `run-${folders++}`));

const DROPPING: LoraConfig = { ...LORA, lora_dropout: 0.2, target_modules: ALL_TARGETS };

function createTrainer(lora: LoraConfig, seed = 7, base = model): LoraTrainer {
  const dropout = { embd: 0.1, attn: 0.2, resid: 0.1 };
  return new LoraTrainer(base, lora, { ...WINDOWS, seed, dropout, optimiser: OPTIMISER });
}

/** Two micro-batches a step. */
async function steps(trainer: LoraTrainer, from: number, to: number): Promise<StepResult[]> {
  const results: StepResult[] = [];
  for (let step = from; step < to; step++) {
    const batches = [batchOf(2 * step), batchOf(2 * step + 1)];
    results.push(await trainer.step(batches, 1e-2 / (step + 1)));
  }
  return results;
}

function filesOf(trainer: LoraTrainer, evalLoss: number | null = null): SavedFile[] {
  const { microSteps, steps: done } = trainer;
  const state = { ...stateOf(trainer.model.config, done, evalLoss), microSteps };
  return loraCheckpointFiles(trainer, 'somebody/small', state);
}

/** Factors and moments, padding included, as the words that they are: zeros have signs. */
async function bitsOf({ trainables: { pools } }: LoraTrainer): Promise<Uint32Array[]> {
  const words: Uint32Array[] = [];
  for (const pool of pools) {
    for (const key of ['weights', 'm', 'v'] as const) {
      const enc = device.createEncoder();
      const reading = enc.read(pool[key], 0, pool[key].shape[0]);
      enc.submit();
      words.push(new Uint32Array((await reading).slice().buffer));
    }
  }
  return words;
}

/** A checkpoint after two steps. */
async function written(lora: LoraConfig): Promise<StoredCheckpoint> {
  const trainer = createTrainer(lora);
  await steps(trainer, 0, 2);
  const checkpoint = await newStore().write(2, filesOf(trainer));
  trainer.dispose();
  return checkpoint;
}

describe('a LoRA that goes on from its checkpoint', () => {
  it('has the losses and bits of one that was never stopped', async () => {
    const whole = createTrainer(DROPPING);
    const stopped = createTrainer(DROPPING);
    const expected = await steps(whole, 0, 5);
    await steps(stopped, 0, 2);
    const kept = await newStore().write(2, filesOf(stopped));
    const atStop = await bitsOf(stopped);
    stopped.dispose();

    const again = createTrainer(DROPPING);
    // Something to be overwritten: another run's numbers, in moments too.
    await steps(again, 3, 5);
    const state = await restoreLora(again, kept);
    expect(state).toMatchObject({ run: 'tales', step: 2, microSteps: 4 });
    expect(await bitsOf(again)).toEqual(atStop);
    await again.prepare();
    expect([again.steps, again.microSteps]).toEqual([2, 4]);
    expect(await steps(again, 2, 5)).toEqual(expected.slice(2));
    expect(await bitsOf(again)).toEqual(await bitsOf(whole));
    // Learned: what is compared are no zeros.
    expect(atStop.every((words) => words.some((word) => word !== 0))).toBe(true);
    whole.dispose();
    again.dispose();
  });

  it('may spell its targets otherwise', async () => {
    const kept = await written({ ...LORA, target_modules: ['c_attn', 'c_proj'] });
    const targets = ['mlp.c_proj', 'attn.c_proj', 'attn.c_attn'];
    const again = createTrainer({ ...LORA, target_modules: targets, layers_to_transform: [1, 0] });
    expect((await restoreLora(again, kept)).step).toBe(2);
    expect(again.steps).toBe(2);
    again.dispose();
  });
});

describe('a checkpoint of a LoRA', () => {
  const others: readonly (readonly [what: string, lora: LoraConfig, message: string])[] = [
    ['rank', { ...LORA, r: 4 }, "checkpoint-2 is of a LoRA with r = 3; this run's has r = 4."],
    [
      'scale',
      { ...LORA, lora_alpha: 6 },
      "checkpoint-2 is of a LoRA with lora_alpha = 5; this run's has lora_alpha = 6.",
    ],
    [
      'targets',
      { ...LORA, target_modules: ['c_attn', 'c_fc'] },
      'checkpoint-2 is of a LoRA with target_modules = ["c_attn"], layers_to_transform = null; this run\'s has target_modules = ["c_attn","c_fc"], layers_to_transform = null.',
    ],
    [
      'blocks',
      { ...LORA, layers_to_transform: [1] },
      'checkpoint-2 is of a LoRA with target_modules = ["c_attn"], layers_to_transform = null; this run\'s has target_modules = ["c_attn"], layers_to_transform = [1].',
    ],
  ];
  it.each(others)('of another %s is refused, and nothing overwritten', async (_, lora, message) => {
    const kept = await written(LORA);
    const trainer = createTrainer(lora, 8);
    const before = await bitsOf(trainer);
    const error = { code: 'training/checkpoint', message };
    await expect(restoreLora(trainer, kept)).rejects.toMatchObject(error);
    expect(await bitsOf(trainer)).toEqual(before);
    expect(trainer.steps).toBe(0);
    trainer.dispose();
  });

  it('of another model, or not whole, is refused, and nothing overwritten', async () => {
    const kept = await written(LORA);
    const wide = await loadSmall(device, 'fp32', USUAL);
    const beside = createTrainer(LORA, 8, wide);
    await expect(restoreLora(beside, kept)).rejects.toMatchObject({
      code: 'training/checkpoint',
      message: "checkpoint-2 is of a model with nEmbd = 15; this run's has nEmbd = 48.",
    });
    beside.dispose();
    wide.dispose();

    const trainer = createTrainer(LORA, 8);
    const before = await bitsOf(trainer);
    for (const absent of [
      'adapter_config.json',
      'adapter_model.safetensors',
      'optimizer.safetensors',
      'trainer_state.json',
    ]) {
      const lacking = {
        ...kept,
        read: async (file: string) => (file === absent ? null : kept.read(file)),
        open: async (file: string) => (file === absent ? null : kept.open(file)),
      };
      await expect(restoreLora(trainer, lacking)).rejects.toMatchObject({
        code: 'training/checkpoint',
        message: `checkpoint-2 has no ${absent}.`,
      });
    }
    // The factors, where their moments should be.
    const swapped = { ...kept, open: () => kept.open('adapter_model.safetensors') };
    await expect(restoreLora(trainer, swapped)).rejects.toMatchObject({
      code: 'training/checkpoint',
      message:
        'checkpoint-2 has no tensor exp_avg.base_model.model.transformer.h.0.attn.c_attn.lora_A.weight.',
    });
    // Those of another rank, under a config of this one.
    const four = await written({ ...LORA, r: 4 });
    const mixed = { ...kept, open: (file: string) => four.open(file) };
    await expect(restoreLora(trainer, mixed)).rejects.toMatchObject({
      code: 'training/checkpoint',
      message:
        'base_model.model.transformer.h.0.attn.c_attn.lora_A.weight of checkpoint-2 is (4, 15); expected (3, 15).',
    });
    expect(await bitsOf(trainer)).toEqual(before);
    expect(trainer.steps).toBe(0);
    trainer.dispose();
  });

  it.each(['a folder', 'the browser’s store'])('is kept in %s as any other', async (kind) => {
    const disk = join(away, `kept-${folders++}`);
    const store =
      kind === 'a folder' ? newStore() : openKeptCheckpoints(await openDirectory(disk), 'tales');
    const trainer = createTrainer(LORA);
    for (const [step, loss] of [3, 1, null, 2].entries()) {
      await steps(trainer, step, step + 1);
      await store.write(step + 1, filesOf(trainer, loss));
    }
    const last = await bitsOf(trainer);
    expect(await removeOldest(store, { save_total_limit: 2 })).toEqual([1, 3]);
    const kept = await lastCheckpoint(store);
    if (!kept) throw new Error('There is no checkpoint.');
    expect(kept.step).toBe(4);
    expect([...kept.sizes.keys()].toSorted()).toEqual([
      'adapter_config.json',
      'adapter_model.safetensors',
      'optimizer.safetensors',
      'trainer_state.json',
    ]);
    // What is left without the run's own is an adapter.
    expect(
      savedModelOf(kept)
        .map(({ name }) => name)
        .toSorted(),
    ).toEqual(['adapter_config.json', 'adapter_model.safetensors']);
    const again = createTrainer(LORA, 8);
    await restoreLora(again, kept);
    expect(await bitsOf(again)).toEqual(last);
    again.dispose();
    trainer.dispose();
  });
});

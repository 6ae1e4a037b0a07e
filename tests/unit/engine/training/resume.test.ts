// A run that was interrupted goes on from its checkpoint as if nothing had been: the same losses, the same bits.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createProcessor } from '../../../../src/engine/load/processor.ts';
import { openCheckpointFolder } from '../../../../src/engine/training/checkpointFolder.ts';
import { checkpointFiles } from '../../../../src/engine/training/checkpoints.ts';
import { restore } from '../../../../src/engine/training/restore.ts';
import type { GptConfig } from '../../../../src/model/config.ts';
import { initialise, philoxInitial } from '../../../../src/model/training/initialise.ts';
import { type Batch, type StepResult, Trainer } from '../../../../src/model/training/trainer.ts';
import { ODD, describedAs, stateOf } from '../../../support/learner.ts';
import { lowbias32 } from '../../../support/random.ts';

const device = await createProcessor({ threads: 1 });
const away = mkdtempSync(join(tmpdir(), 'glass-gpt-resume-'));
afterAll(() => {
  device.dispose();
  rmSync(away, { recursive: true, force: true });
});

const OPTIONS = {
  batch: 2,
  tokens: 5,
  seed: 7,
  dropout: { embd: 0.1, attn: 0.2, resid: 0.1 },
  optimiser: {
    beta1: 0.9,
    beta2: 0.95,
    epsilon: 1e-8,
    weightDecay: 0.1,
    maxGradNorm: 1,
    decay: 'mingpt',
  },
} as const;

const batchOf = (n: number): Batch => {
  const ids = Uint32Array.from({ length: 11 }, (_, i) => lowbias32(97 * n + i) % ODD.vocabSize);
  return { ids: ids.slice(0, 10), targets: ids.slice(1) };
};

/** Two micro-batches a step. */
async function steps(trainer: Trainer, from: number, to: number): Promise<StepResult[]> {
  const results: StepResult[] = [];
  for (let step = from; step < to; step++) {
    results.push(await trainer.step([batchOf(2 * step), batchOf(2 * step + 1)], 1e-2 / (step + 1)));
  }
  return results;
}

describe('a run that goes on from its checkpoint', () => {
  const configs: readonly (readonly [name: string, config: GptConfig])[] = [
    ['tied head', ODD],
    [
      'the notebook’s, few biases',
      { ...ODD, layerNormDenominator: 'std', qkvBias: false, tiedHead: false },
    ],
    ['no biases', { ...ODD, qkvBias: false, bias: false, layerNormBias: false }],
  ];
  it.each(configs)(
    'has the losses and bits of one that was never stopped: %s',
    async (name, config) => {
      const whole = new Trainer(device, config, OPTIONS);
      const stopped = new Trainer(device, config, OPTIONS);
      for (const { arena, trainables } of [whole, stopped]) {
        await initialise(arena, trainables.parameters, config, 'nanogpt', philoxInitial(1));
      }
      const expected = await steps(whole, 0, 5);
      await steps(stopped, 0, 2);
      const state = { ...stateOf(config, stopped.steps, null), microSteps: stopped.microSteps };
      const beside = { tokenizerFiles: null };
      const files = await checkpointFiles(stopped, describedAs(config), beside, state);
      const kept = await openCheckpointFolder(join(away, name)).write(stopped.steps, files);
      stopped.dispose();

      const again = new Trainer(device, config, OPTIONS);
      await restore(again, kept);
      await again.prepare();
      expect([again.steps, again.microSteps]).toEqual([2, 4]);
      expect(await steps(again, 2, 5)).toEqual(expected.slice(2));
      for (const [i, pool] of whole.trainables.pools.entries()) {
        for (const key of ['weights', 'm', 'v'] as const) {
          const bits = await Promise.all(
            [pool, again.trainables.pools[i]].map(async (each) => {
              const enc = device.createEncoder();
              const reading = enc.read(each[key], 0, each[key].shape[0]);
              enc.submit();
              return reading;
            }),
          );
          expect(bits[1], key).toEqual(bits[0]);
        }
      }
      whole.dispose();
      again.dispose();
    },
  );
});

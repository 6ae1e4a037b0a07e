// How many kernels a step launches: on a fast GPU each costs as much as computing with a small model does.
import { describe, expect, test } from 'vitest';
import { createCpuDevice } from '../../../../src/gpu/cpu/device.ts';
import { PRESETS } from '../../../../src/model/config.ts';
import type { Dropout } from '../../../../src/model/training/dropout.ts';
import {
  LEARNING_RATE,
  createTrainer,
  noting,
  trainingBatch,
} from '../../../support/trainingRig.ts';

const SHAPE = {
  config: { ...PRESETS.gpt2, vocabSize: 11, nCtx: 4, nLayer: 2, nHead: 2, nEmbd: 16, nInner: 64 },
  batch: 2,
  tokens: 4,
};

/** Dispatches of one step: of each block, and of everything else together. */
async function launches(
  lanes: 'imitated' | 'real',
  dropout: number | Dropout,
): Promise<{ blocks: number[]; others: number }> {
  const { device, recorded } = noting(createCpuDevice('f32'), { lanes });
  const trainer = await createTrainer(device, SHAPE, dropout);
  await trainer.step([trainingBatch(SHAPE, 0)], LEARNING_RATE);
  trainer.dispose();
  const blocks = Array.from({ length: SHAPE.config.nLayer }, () => 0);
  let others = 0;
  for (const { at } of recorded.dispatches) {
    const [, block] = /^h\.(\d+)\b/.exec(at) ?? [];
    if (block === undefined) others++;
    else blocks[Number(block)]++;
  }
  return { blocks, others };
}

describe.each(['imitated', 'real'] as const)('with %s lanes', (lanes) => {
  test('a block launches 23 kernels forward and back, and at most 6 more where it drops', async () => {
    // The others are of the embedding, the last norm, the loss and the optimiser.
    expect(await launches(lanes, 0)).toEqual({ blocks: [23, 23], others: 13 });
    expect(await launches(lanes, 0.1)).toEqual({ blocks: [29, 29], others: 17 });
    const different = { embd: 0.3, attn: 0.1, resid: 0.2 };
    expect(await launches(lanes, different)).toEqual({ blocks: [29, 29], others: 17 });
    const attention = { embd: 0, attn: 0.1, resid: 0 };
    expect(await launches(lanes, attention)).toEqual({ blocks: [25, 25], others: 13 });
    const residual = { embd: 0, attn: 0, resid: 0.2 };
    expect(await launches(lanes, residual)).toEqual({ blocks: [29, 29], others: 13 });
  });
});

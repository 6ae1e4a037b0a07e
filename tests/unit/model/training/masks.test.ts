import { describe, expect, test } from 'vitest';
import { drawMasks, planMasks } from '../../../../src/model/training/masks.ts';
import { initialCheckpoint, torchInitial } from '../../../../src/model/training/initialise.ts';
import { TorchRandom } from '../../../../src/model/training/torchRandom.ts';
import { readPackJson } from '../../../support/packOnDisk.ts';
import { type SeededRun, configOfRun } from '../../../support/seededRuns.ts';

const run = readPackJson('seeded/nanogpt', 'run.json') as unknown as SeededRun;
const config = configOfRun('nanogpt', run);
const rows = { batch: 3, tokens: 5 };

describe('the masks of a pass', () => {
  test('lie one behind the other, each from a word on', () => {
    const plan = planMasks(config, rows, { embd: 0.1, attn: 0.2, resid: 0.3 });
    const { nHead, nEmbd, nLayer } = config;
    const sizes = [3 * nHead * 25, 15 * nEmbd, 15 * nEmbd].map((n) => Math.ceil(n / 32));
    expect(plan.embedding).toEqual({ start: 0, elements: 15 * nEmbd, keep: 0.9 });
    const first = Math.ceil((15 * nEmbd) / 32);
    expect(plan.blocks[0]).toEqual({
      attention: { start: first, elements: 3 * nHead * 25, keep: 0.8 },
      residual: { start: first + sizes[0], elements: 15 * nEmbd, keep: 0.7 },
      mlp: { start: first + sizes[0] + sizes[1], elements: 15 * nEmbd, keep: 0.7 },
    });
    const ofBlock = sizes[0] + sizes[1] + sizes[2];
    expect(plan.blocks[1].attention?.start).toBe(first + ofBlock);
    expect(plan.words).toBe(first + nLayer * ofBlock);
  });

  test('are none where nothing is dropped, which draws nothing', () => {
    const plan = planMasks(config, rows, { attn: 0.5 });
    expect([plan.embedding, plan.blocks[0].residual, plan.blocks[0].mlp]).toEqual([
      null,
      null,
      null,
    ]);
    const random = new TorchRandom(1);
    expect(drawMasks(random, plan).length).toBe(plan.words);
    expect(random.drawn).toBe(2 * config.nLayer * rows.batch * config.nHead * 25);
    expect(drawMasks(random, planMasks(config, rows, {}))).toEqual(new Uint32Array(0));
  });

  test('refuse a rate that is none, by its name', () => {
    for (const rate of [-0.1, 1, NaN, 3]) {
      expect(() => planMasks(config, rows, { resid: rate })).toThrow(`resid_pdrop is ${rate};`);
    }
  });

  test('draw as many words as PyTorch: between them stand the batches of a whole run', async () => {
    const random = new TorchRandom(run.seed);
    const source = initialCheckpoint(config, 'nanogpt', torchInitial(random));
    for (const name of source.shapes.keys()) await source.read(name);
    const rate = run.config.drop_rate;
    const plan = planMasks(
      config,
      { batch: run.batch, tokens: config.nCtx },
      { embd: rate, attn: rate, resid: rate },
    );
    for (const starts of run.batch_starts) {
      expect(random.randint(run.data.length - config.nCtx, run.batch)).toEqual(starts);
      drawMasks(random, plan);
    }
  });
});

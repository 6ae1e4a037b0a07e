import { describe, expect, test } from 'vitest';
import { createCpuDevice } from '../../../../src/gpu/cpu/device.ts';
import { createPhiloxMasks } from '../../../../src/model/training/dropout.ts';
import { drawMasks, planMasks } from '../../../../src/model/training/masks.ts';
import { initialCheckpoint } from '../../../../src/model/training/initialise.ts';
import { torchInitial } from '../../../../src/model/training/torchInitial.ts';
import { TorchRandom } from '../../../../src/model/training/torchRandom.ts';
import { maskWords } from '../../../support/optimiserCases.ts';
import { readPackJson } from '../../../support/packOnDisk.ts';
import { type SeededRun, configOfRun } from '../../../support/seededRuns.ts';
import { noting } from '../../../support/trainingRig.ts';

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

describe('the masks that Philox makes of a block', () => {
  test.each([
    { embd: 0.1, attn: 0.2, resid: 0.2 },
    { embd: 0.1, attn: 0.2, resid: 0.3 },
    { embd: 0, attn: 0.3, resid: 0.2 },
    { embd: 0, attn: 0.3, resid: 0 },
    { embd: 0.4, attn: 0, resid: 0.3 },
  ])('are one launch, and each a function of its place and its own rate: %o', async (rates) => {
    const { device, recorded } = noting(createCpuDevice('f32'));
    const arena = device.createArena('masks');
    const masks = createPhiloxMasks(arena, config, rows, rates);
    const plan = planMasks(config, rows, rates);
    const pass = { seed: 2 ** 40 + 5, microStep: 7 };
    for (const [l, places] of plan.blocks.entries()) {
      recorded.dispatches.length = 0;
      const enc = device.createEncoder();
      const drops = masks.block(enc, l, pass);
      expect(recorded.dispatches.length).toBe(1);
      let next = 0;
      const readings = [];
      for (const name of ['attention', 'residual', 'mlp'] as const) {
        const [place, drop] = [places[name], drops[name]];
        expect(drop === null, name).toBe(place === null);
        if (!place || !drop) continue;
        // From the mask's beginning on, one behind the other, in whichever block.
        expect(drop).toMatchObject({ maskStart: next, keep: place.keep });
        const words = Math.ceil(place.elements / 32);
        const at = { seed: pass.seed, step: pass.microStep, layer: l + 1 };
        const expected = maskWords(at, next, words, place.keep);
        readings.push({ name, expected, found: enc.readU32(drop.mask, next, words) });
        next += words;
      }
      enc.submit();
      for (const { name, expected, found } of readings) {
        // oxlint-disable-next-line no-await-in-loop -- all of them are under way
        expect([...(await found)], name).toEqual(expected);
      }
    }
    arena.dispose();
    device.dispose();
  });
});

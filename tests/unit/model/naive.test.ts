// The engine against a GPT written a second time, plainly: any shape, any flags, any layout.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GPT2 } from '../../../src/engine/gpt2.ts';
import { createCpuDevice } from '../../../src/gpu/cpu/device.ts';
import { readConfigFile } from '../../../src/model/configFile.ts';
import { openSafetensors } from '../../../src/formats/safetensorsSource.ts';
import { writeSafetensors } from '../../../src/formats/safetensors.ts';
import { type NaiveConfig, configOf, createNaiveGpt } from '../../support/naiveGpt.ts';
import { naiveShapes } from '../../support/naiveShapes.ts';

async function compare(config: NaiveConfig, seed: number, prefix: string): Promise<void> {
  const naive = createNaiveGpt(config, seed);
  const tensors = new Map(
    [...naive.toCheckpoint(prefix)].map(([name, t]) => [name, { dtype: 'F32' as const, ...t }]),
  );
  const source = openSafetensors(writeSafetensors(tensors));
  const file = readConfigFile(configOf(config));
  await using model = await GPT2.from_source(source, { device: createCpuDevice('f64'), file });
  expect(model.summary.layout).toBe(config.layout);
  const ids = Array.from({ length: Math.min(config.S, 9) }, (_, i) => (i * 5 + seed) % config.V);
  const { logits } = await model.forward([ids, ids.toReversed()]);
  const expected = [naive.forward(ids), naive.forward(ids.toReversed())].flat(2);
  const largest = Math.max(...expected.map(Math.abs));
  expected.forEach((value, i) => {
    // Not a quotient: with one channel and no bias every logit is 0.
    expect(Math.abs(logits.data[i] - value)).toBeLessThanOrEqual(2 ** -22 * largest);
  });
}

describe('the engine and a second GPT, written plainly', () => {
  it('agree on any width that the heads divide, any flags, any of the four layouts', async () => {
    const shapes = naiveShapes({ S: 12, L: 2, H: 5, F: 40 });
    const prefixes = fc.constantFrom('', 'module.', '_orig_mod.');
    await fc.assert(
      fc.asyncProperty(shapes, fc.nat(1000), prefixes, async ({ D, ...shape }, seed, prefix) => {
        const C = shape.H * D;
        // A standard deviation over one channel does not exist.
        await compare({ ...shape, C, std: shape.std && C > 1 }, seed, prefix);
      }),
      { numRuns: 120 },
    );
  });
});

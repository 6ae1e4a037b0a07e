// LoRA adapters of the public cases: merged, or refused by name.
import { describe, expect, test } from 'vitest';
import { GPT2 } from '../../../src/engine/gpt2.ts';
import { caseFiles, expectedOf, loadCase, logitError } from '../../support/cases.ts';

describe('an adapter', () => {
  test('beside its base is merged', async () => {
    const model = await loadCase('lora-peft-beside-base');
    expect(await logitError(model, expectedOf('lora-peft-beside-base'))).toBeLessThan(1e-5);
    expect(model.summary.adapter).toEqual({
      name: 'lora-peft-beside-base',
      ranks: [4],
      alphas: [12],
      matrices: 4,
    });
    expect(model.summary.notes).toBeUndefined();
    await model.dispose();
  });

  test('alone says which model it wants', async () => {
    const { 'config.json': _, ...files } = caseFiles('lora-adapter-only');
    for (const work of [
      () => loadCase('lora-adapter-only'),
      () =>
        GPT2.from_pretrained('x', {
          device: 'cpu',
          files: Object.entries(files).map(([name, bytes]) => new File([bytes], name)),
        }),
    ]) {
      await expect(work()).rejects.toMatchObject({
        code: 'adapter/base',
        message: 'This is a LoRA adapter for gpt2, and no model by itself.',
        hint: expect.stringContaining('drop the folders of both at once') as string,
        baseModel: 'gpt2',
      });
    }
  });

  test('without a scale is refused', async () => {
    await expect(loadCase('lora-beside-weights')).rejects.toMatchObject({
      code: 'adapter/scale',
      message: expect.stringContaining('transformer.h.0.attn.c_attn.lora_A') as string,
    });
  });
});

// A LoRA that was trained here is saved as PEFT saves it, and read by the reader of everybody's adapters.
import { expect, it } from 'vitest';
import { GPT2 } from '../../../../src/engine/gpt2.ts';
import { openDevice } from '../../../../src/engine/load/openDevice.ts';
import type { SavedFile } from '../../../../src/engine/save.ts';
import { adapterFiles } from '../../../../src/engine/training/adapterFiles.ts';
import { openSafetensors } from '../../../../src/formats/safetensorsSource.ts';
import { LoraTrainer } from '../../../../src/model/training/lora/loraTrainer.ts';
import {
  ALL_TARGETS,
  LORA,
  OPTIMISER,
  WINDOWS,
  batchOf,
  loadSmall,
  logitsOf,
  smallModel,
} from '../../../support/fineTuning.ts';
import { expectClose } from '../../../support/close.ts';

async function bytesOf({ sizeBytes, chunks }: SavedFile): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(sizeBytes);
  let at = 0;
  for await (const chunk of chunks()) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  expect(at).toBe(sizeBytes);
  return bytes;
}

it('an adapter that was trained here computes the same when it is loaded again', async () => {
  const device = await openDevice('cpu');
  const model = await loadSmall(device, 'fp32');
  const lora = { ...LORA, target_modules: ALL_TARGETS, layers_to_transform: [1] };
  const trainer = new LoraTrainer(model, lora, { ...WINDOWS, optimiser: OPTIMISER });
  for (let step = 0; step < 3; step++) await trainer.step([batchOf(1)], 3e-2);
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const file of adapterFiles(trainer, 'somebody/small')) {
    files.set(file.name, await bytesOf(file));
  }
  const { weights, config } = smallModel();
  const loaded = await GPT2.from_pretrained('dropped', {
    device: 'cpu',
    dtype: 'fp32',
    files: [
      new File([JSON.stringify(config)], 'config.json'),
      new File([weights], 'model.safetensors'),
      ...[...files].map(([name, bytes]) => new File([bytes], name)),
    ],
  });
  try {
    expect(loaded.summary.adapter).toMatchObject({ ranks: [3], alphas: [5], matrices: 4 });
    const { ids } = batchOf(1);
    const { tokens } = WINDOWS;
    const { logits } = await loaded.forward([...ids.subarray(0, tokens)]);
    const found = await logitsOf(trainer);
    const first = found.subarray(0, logits.data.length);
    expectClose('logits', logits.data, first, 2e-5);
  } finally {
    await loaded.dispose();
    trainer.dispose();
    model.dispose();
    device.dispose();
  }

  const source = openSafetensors(files.get('adapter_model.safetensors') ?? new Uint8Array());
  expect(Object.fromEntries(source.shapes)).toEqual({
    'base_model.model.transformer.h.1.attn.c_attn.lora_A.weight': [3, 15],
    'base_model.model.transformer.h.1.attn.c_attn.lora_B.weight': [45, 3],
    'base_model.model.transformer.h.1.attn.c_proj.lora_A.weight': [3, 15],
    'base_model.model.transformer.h.1.attn.c_proj.lora_B.weight': [15, 3],
    'base_model.model.transformer.h.1.mlp.c_fc.lora_A.weight': [3, 15],
    'base_model.model.transformer.h.1.mlp.c_fc.lora_B.weight': [37, 3],
    'base_model.model.transformer.h.1.mlp.c_proj.lora_A.weight': [3, 37],
    'base_model.model.transformer.h.1.mlp.c_proj.lora_B.weight': [15, 3],
  });
  const text = new TextDecoder().decode(files.get('adapter_config.json'));
  expect(JSON.parse(text)).toMatchObject({
    base_model_name_or_path: 'somebody/small',
    fan_in_fan_out: true,
    lora_alpha: 5,
    layers_to_transform: [1],
    peft_type: 'LORA',
    r: 3,
    target_modules: ['c_attn', 'c_proj', 'c_fc'],
    task_type: 'CAUSAL_LM',
  });
});

// A LoRA on WebGPU, over packed weights: what is merged and what is adopted passes through there too.
import { it } from 'vitest';
import {
  ALL_TARGETS,
  LORA,
  USUAL,
  expectLearning,
  expectMergedAlike,
  expectPlanned,
  loadSmall,
} from '../support/fineTuning.ts';
import { gpuDevice } from './fixture.ts';

it('a LoRA computes on WebGPU as merged weights do, and learns', async () => {
  const device = await gpuDevice();
  const model = await loadSmall(device, 'fp16', USUAL);
  const lora = { ...LORA, r: 9, target_modules: ALL_TARGETS, lora_dropout: 0.2 };
  await expectMergedAlike(model, lora);
  await expectLearning(model, lora);
  await expectPlanned(model, lora);
  model.dispose();
});

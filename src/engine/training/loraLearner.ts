// A LoRA as what learns in a run.
import { elementCount } from '../../gpu/device.ts';
import { factorSpecs } from '../../model/training/lora/factors.ts';
import { type LoraConfig, loraSites } from '../../model/training/lora/loraConfig.ts';
import { LoraTrainer } from '../../model/training/lora/loraTrainer.ts';
import { mergeLora } from '../../model/training/lora/saved.ts';
import type { TrainerOptions } from '../../model/training/trainer.ts';
import type { GPT2 } from '../gpt2.ts';
import type { SavedFile } from '../save.ts';
import { adapterFiles } from './adapterFiles.ts';
import type { Learner } from './learner.ts';
import { loraCheckpointFiles, restoreLora } from './loraCheckpoints.ts';

/** A LoRA beside a loaded model, whose weights stay as they are. Throws `training/lora`. */
export function loraLearner(base: GPT2, lora: LoraConfig, options: TrainerOptions): Learner {
  const trainer = new LoraTrainer(base.gpt, lora, options);
  const source = base.summary.source === '' ? null : base.summary.source;
  const specs = loraSites(base.config, lora).map((site) => factorSpecs(site, lora));
  return {
    trainer,
    parameters: specs.reduce(
      (sum, { a, b }) => sum + elementCount(a.shape) + elementCount(b.shape),
      0,
    ),
    // It has begun already, as PEFT does: adding nothing.
    begin: () => Promise.resolve(),
    restore: (files, signal) => restoreLora(trainer, files, signal),
    checkpoint: (_described, _beside, state) =>
      Promise.resolve(loraCheckpointFiles(trainer, source, state)),
    current: async () => ({ gpt: await mergeLora(trainer), isOwn: true }),
    async finish() {
      const gpt = await mergeLora(trainer);
      const adapter = await Promise.all(adapterFiles(trainer, source).map(inMemory));
      trainer.dispose();
      return { gpt, adapter };
    },
  };
}

/** The file as it is now: what it is made from will be gone. */
async function inMemory({ name, sizeBytes, chunks }: SavedFile): Promise<SavedFile> {
  const kept: Uint8Array<ArrayBuffer>[] = [];
  for await (const chunk of chunks()) kept.push(chunk.slice());
  return {
    name,
    sizeBytes,
    async *chunks() {
      for (const chunk of kept) yield await Promise.resolve(chunk.slice());
    },
  };
}

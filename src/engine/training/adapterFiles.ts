// A trained LoRA as the files of a PEFT adapter.
import { type Lora, exportFactors, toAdapterConfig } from '../../model/training/lora/saved.ts';
import { ADAPTER_CONFIG, ADAPTER_WEIGHTS } from '../../hub/modelFolder.ts';
import { type SavedFile, jsonFile, tensorsFile } from '../save.ts';

/** What learned of an adapter's run, in its checkpoints. */
export const FACTORS = ADAPTER_WEIGHTS;

/**
 * The files that `PeftModel.from_pretrained` reads, and `from_pretrained` here beside the base's. `base` is where the
 * model is found that it was trained on (an id on a Hub), or null. No byte of a factor is read before its chunk is asked
 * for. Throws `training/lora` for a model that transformers has none for.
 */
export function adapterFiles(trainer: Lora, base: string | null): SavedFile[] {
  const tensors = exportFactors(trainer, trainer.trainables.parameters);
  return [
    jsonFile(ADAPTER_CONFIG, toAdapterConfig(trainer.lora, base)),
    tensorsFile(ADAPTER_WEIGHTS, tensors),
  ];
}

// A LoRA that learns beside a model that does not.
import { EngineError } from '../../../errors.ts';
import type { Gpt } from '../../gpt.ts';
import { philoxInitial } from '../initialise.ts';
import { type Lesson, type TrainerOptions, AnyTrainer } from '../trainer.ts';
import { createAdapters } from './adapters.ts';
import { type Factors, initialiseFactors, loraFactors } from './factors.ts';
import type { LoraConfig } from './loraConfig.ts';

/**
 * Trains a LoRA of a loaded model, whose weights stay as they are, in their format; the model is the caller's, and must
 * stay while this one is there. Begins as PEFT does, with an adapter that adds nothing, from `options.seed`. Throws
 * `training/lora`, `training/window`, `device/out-of-memory`.
 */
export class LoraTrainer extends AnyTrainer<readonly Factors[]> {
  readonly lora: LoraConfig;

  constructor(base: Gpt, lora: LoraConfig, options: TrainerOptions) {
    const { config, device } = base;
    if (lora.lora_dropout > 0 && options.masks === 'given') {
      throw new EngineError('lora_dropout needs masks of the engine’s own generator.', {
        code: 'training/lora',
        hint: 'Take lora_dropout 0, or leave PyTorch’s masks to runs without an adapter.',
      });
    }
    const lesson: Lesson<readonly Factors[]> = {
      config,
      trained: loraFactors(config, lora),
      drops: lora.lora_dropout > 0,
      begin: (trainables, { working }, sizes) => ({
        model: base,
        gradients: null,
        adapters: createAdapters(base, lora, trainables, working, sizes),
      }),
    };
    super(device, lesson, options);
    this.lora = lora;
    const random = philoxInitial(options.seed ?? 0);
    initialiseFactors(this.arena, config, lora, this.trainables.parameters, random);
  }
}

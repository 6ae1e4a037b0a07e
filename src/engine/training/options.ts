// What a caller may say about a training run, in the words of transformers' TrainingArguments where it has one.
import { EngineError } from '../../errors.ts';
import type { Dropout } from '../../model/training/dropout.ts';
import type { DecayRule } from '../../model/training/pools.ts';
import { SCHEDULES, type ScheduleOptions } from './schedule.ts';

/** How a run steps. Everything has a default (`DEFAULTS`). */
export interface TrainingArguments extends ScheduleOptions {
  /** Windows of a micro-batch. */
  readonly per_device_train_batch_size: number;
  /** Micro-batches whose gradients make one step. */
  readonly gradient_accumulation_steps: number;
  /** Tokens of a window; the model's context by default. nanoGPT's and transformers' run_clm's name. */
  readonly block_size: number;
  readonly weight_decay: number;
  readonly adam_beta1: number;
  readonly adam_beta2: number;
  readonly adam_epsilon: number;
  /** Gradients are scaled down to this global norm; 0 leaves them as they are. */
  readonly max_grad_norm: number;
  /** What loses weight: `mingpt`, weights of linear layers; `nanogpt`, everything of two or more dimensions. */
  readonly decay: DecayRule;
  /** Of batches and dropout, and of the initial weights: a whole number from 0 to 2⁵³ − 1. */
  readonly seed: number;
  /** GPT2Config's names: shares that dropout takes away. */
  readonly embd_pdrop: number;
  readonly attn_pdrop: number;
  readonly resid_pdrop: number;
  /** Every how many steps the loss is told, as the mean since it was told last. */
  readonly logging_steps: number;
  /** Every how many steps the validation loss is measured; 0 never. */
  readonly eval_steps: number;
  /** Windows of the validation text that are read for it, at most. */
  readonly max_eval_samples: number;
  /** Every how many steps, and at the end, a checkpoint is kept; 0 never. */
  readonly save_steps: number;
  /** Every how many steps, and at the end, the model writes something; one that was loaded before the first too. 0 never. */
  readonly sample_steps: number;
}

export const DEFAULTS: Omit<TrainingArguments, 'block_size'> = {
  learning_rate: 1e-3,
  lr_scheduler_type: 'cosine_with_min_lr',
  warmup_steps: 100,
  max_steps: 2000,
  min_lr: 1e-4,
  per_device_train_batch_size: 8,
  gradient_accumulation_steps: 1,
  weight_decay: 0.1,
  adam_beta1: 0.9,
  adam_beta2: 0.99,
  adam_epsilon: 1e-8,
  max_grad_norm: 1,
  decay: 'mingpt',
  seed: 42,
  embd_pdrop: 0,
  attn_pdrop: 0,
  resid_pdrop: 0,
  logging_steps: 1,
  eval_steps: 200,
  max_eval_samples: 256,
  save_steps: 200,
  sample_steps: 200,
};

/** Numbers believed: from and up to, and whether they are whole. */
const BOUNDS: Readonly<Record<string, readonly [from: number, to: number, kind?: 'whole']>> = {
  learning_rate: [Number.MIN_VALUE, 1e6],
  warmup_steps: [0, 1e9, 'whole'],
  max_steps: [1, 1e9, 'whole'],
  min_lr: [0, 1e6],
  per_device_train_batch_size: [1, 65536, 'whole'],
  gradient_accumulation_steps: [1, 65536, 'whole'],
  block_size: [1, 131072, 'whole'],
  weight_decay: [0, 100],
  adam_beta1: [0, 0.999999],
  adam_beta2: [0, 0.9999999],
  adam_epsilon: [1e-30, 1],
  max_grad_norm: [0, 1e9],
  seed: [0, Number.MAX_SAFE_INTEGER, 'whole'],
  embd_pdrop: [0, 0.99],
  attn_pdrop: [0, 0.99],
  resid_pdrop: [0, 0.99],
  logging_steps: [1, 1e9, 'whole'],
  eval_steps: [0, 1e9, 'whole'],
  max_eval_samples: [1, 1e9, 'whole'],
  save_steps: [0, 1e9, 'whole'],
  sample_steps: [0, 1e9, 'whole'],
};

const CHOICES: Readonly<Record<string, readonly string[]>> = {
  lr_scheduler_type: SCHEDULES,
  decay: ['mingpt', 'nanogpt'],
};

/** Defaults for what is left out. Throws `training/options`, naming what is out of range and what is in it. */
export function toArguments(given: Partial<TrainingArguments>, nCtx: number): TrainingArguments {
  const chosen = Object.fromEntries(
    Object.entries(given).filter(([, value]) => value !== undefined),
  );
  for (const [name, value] of Object.entries(chosen)) checkOption(name, value);
  const all: TrainingArguments = { ...DEFAULTS, block_size: nCtx, ...chosen };
  if (all.block_size > nCtx) {
    throw new EngineError(
      `block_size is ${all.block_size}, longer than the model's context of ${nCtx} tokens.`,
      {
        code: 'training/options',
        hint: `Take ${nCtx} or fewer, or give the model a longer context.`,
      },
    );
  }
  if (all.min_lr > all.learning_rate && all.lr_scheduler_type === 'cosine_with_min_lr') {
    // A default of ours is nobody's mistake.
    if (chosen['min_lr'] === undefined) return { ...all, min_lr: all.learning_rate / 10 };
    throw new EngineError(
      `min_lr is ${all.min_lr}, more than the learning_rate of ${all.learning_rate}.`,
      { code: 'training/options', hint: 'The rate falls from learning_rate to min_lr.' },
    );
  }
  return all;
}

function checkOption(name: string, value: unknown): void {
  const choices = CHOICES[name];
  const bounds = BOUNDS[name];
  if (!choices && !bounds) {
    throw new EngineError(`${name} is no option of a training run.`, {
      code: 'training/options',
      hint: `Options are ${[...Object.keys(BOUNDS), ...Object.keys(CHOICES)].join(', ')}.`,
    });
  }
  if (choices) {
    if (choices.includes(value as string)) return;
    throw new EngineError(`${name} is ${show(value)}; expected ${choices.join(', ')}.`, {
      code: 'training/options',
      hint: `Leave ${name} out for what is usual.`,
    });
  }
  const [from, to, kind] = bounds;
  const isIn =
    typeof value === 'number' &&
    value >= from &&
    value <= to &&
    (kind !== 'whole' || Number.isInteger(value));
  if (isIn) return;
  const what = kind === 'whole' ? 'a whole number' : 'a number';
  const range = from === Number.MIN_VALUE ? `above 0, up to ${to}` : `from ${from} to ${to}`;
  throw new EngineError(`${name} is ${show(value)}; expected ${what} ${range}.`, {
    code: 'training/options',
    hint: `Leave ${name} out for what is usual.`,
  });
}

function show(value: unknown): string {
  return typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? String(value));
}

/**
 * How samples are written where nothing else is said; `GenerationOptions` has seeds of 32 bits. The same numbers are drawn
 * at every step, so what differs between samples is the model. Its first token is no end-of-text: a text has no empty
 * documents, but a model that has not learned that yet would often show nothing of what it has.
 */
export function samplingOf({ seed }: TrainingArguments) {
  return { do_sample: true, max_new_tokens: 100, min_new_tokens: 1, seed: seed % 2 ** 32 };
}

/** Dropout by the trainer's names. */
export function dropoutOf(o: TrainingArguments): Dropout {
  return { embd: o.embd_pdrop, attn: o.attn_pdrop, resid: o.resid_pdrop };
}

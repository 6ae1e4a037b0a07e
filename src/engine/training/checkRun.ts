// What of a run could come to no good end, found before anything is made of it: nobody trains for an hour to hear that
// the first sample cannot be written.
import type { GenerationOptions } from '../../api.ts';
import { EngineError } from '../../errors.ts';
import { show } from '../../json.ts';
import type { GptConfig } from '../../model/config.ts';
import { INITIAL_RULES } from '../../model/training/initialise.ts';
import { DETAILS } from '../../runModel.ts';
import type { Tokenizer } from '../../text/tokenizer.ts';
import { DEFAULT_OPTIONS } from '../sampling/generate.ts';
import { checkOptions } from '../sampling/sampler.ts';
import type { CheckpointStore, KeepLimits } from './checkpointStore.ts';
import { checkVocabulary } from './corpus.ts';
import { type TrainingArguments, samplingOf } from './options.ts';
import type { Ids } from './tokenIds.ts';
import { checkWindows } from './windows.ts';

const GENERATORS = ['philox', 'torch'] as const;
const ORDERS = ['random', 'shuffled', 'sequential'] as const;

/** What of `TrainOptions` is looked at, as somebody may have written it who has no types. */
interface AskedRun {
  readonly model: { readonly initial?: string; readonly initializer_range?: number };
  readonly train: Ids;
  readonly validation?: Ids | null;
  readonly tokenizer: Tokenizer | null;
  readonly generator?: string;
  readonly order?: string;
  readonly keep?: KeepLimits;
  readonly prompts?: readonly string[];
  readonly sampling?: Partial<GenerationOptions>;
}

interface AskedStore {
  readonly checkpoints?: CheckpointStore | null;
  readonly resume_from_checkpoint?: boolean;
}

/**
 * Throws `training/options`, `training/text`, `tokens/vocabulary`, `tokenizer/byte`, `sampling/options`.
 */
export function checkRun(options: AskedRun, args: TrainingArguments, config: GptConfig): void {
  const { generator, order, train, validation, tokenizer, keep = {} } = options;
  const { per_device_train_batch_size: batch, block_size: tokens } = args;
  checkChoice('generator', generator, GENERATORS);
  checkChoice('order', order, ORDERS);
  checkChoice('model.initial', options.model.initial, INITIAL_RULES);
  checkRange(options.model);
  if (generator === 'torch' && order !== undefined && order !== 'random') {
    throw fail(
      `order is ${order}; PyTorch's generator draws windows at random.`,
      'Leave order or generator out.',
    );
  }
  for (const [name, value] of Object.entries(keep)) checkLimit(name, value);
  checkWindows(train, { batch, tokens }, validation ? 'text to learn from' : 'text');
  checkTokenizer(tokenizer, config);
  checkVocabulary(train, config.vocabSize);
  if (validation && args.eval_steps > 0) {
    checkWindows(validation, { batch, tokens }, 'text for validation');
    checkVocabulary(validation, config.vocabSize);
  }
  if (args.sample_steps > 0) checkSamples(options, args);
}

function checkChoice(name: string, value: string | undefined, known: readonly string[]): void {
  if (value === undefined || known.includes(value)) return;
  throw fail(
    `${name} is ${show(value)}; expected ${known.join(', ')}.`,
    `Leave ${name} out for what is usual.`,
  );
}

function checkRange({ initial, initializer_range: range }: AskedRun['model']): void {
  if (range === undefined) return;
  const { from, to } = DETAILS.initializer_range;
  if (initial === 'notebook') {
    throw fail(
      'model.initializer_range says nothing of the notebook’s first weights: PyTorch’s own rules draw them.',
      'Leave it out, or take another model.initial.',
    );
  }
  if (typeof range === 'number' && range >= from && range <= to) return;
  throw fail(
    `model.initializer_range is ${show(range)}; expected a number from ${from} to ${to}.`,
    'Leave it out for what is usual.',
  );
}

function checkLimit(name: string, value: unknown): void {
  if (value === undefined || (typeof value === 'number' && value >= 1)) return;
  throw fail(
    `${name} is ${show(value)}; expected a number from 1 on.`,
    `Leave ${name} out, and everything is kept.`,
  );
}

function checkTokenizer(tokenizer: Tokenizer | null, { vocabSize }: GptConfig): void {
  if (!tokenizer || tokenizer.vocabSize <= vocabSize) return;
  throw new EngineError(
    `The tokenizer has ${tokenizer.vocabSize} tokens; the model's vocabulary has ${vocabSize}.`,
    {
      code: 'tokens/vocabulary',
      hint: `Give the model a vocabulary of ${tokenizer.vocabSize}, or make a smaller tokenizer.`,
    },
  );
}

function checkSamples({ prompts, sampling, tokenizer }: AskedRun, args: TrainingArguments) {
  checkOptions({ ...DEFAULT_OPTIONS, ...samplingOf(args), ...sampling });
  for (const prompt of prompts ?? []) tokenizer?.encode(prompt);
}

/**
 * Takes the store until what this gives is called: two runs in one would take each other's checkpoints for their own.
 * Throws `training/checkpoint`, `storage/busy`.
 */
export async function claimStore(
  { checkpoints, resume_from_checkpoint: goesOn }: AskedStore,
  { save_steps }: TrainingArguments,
): Promise<() => void | Promise<void>> {
  if (!checkpoints || save_steps === 0) return () => {};
  const release = (await checkpoints.take?.()) ?? ((): void => {});
  try {
    const last = goesOn ? undefined : (await checkpoints.list()).at(-1);
    if (!last) return release;
    throw new EngineError(`There is ${last.name} of a run already, where this one would be kept.`, {
      code: 'training/checkpoint',
      hint: 'Go on from it (resume_from_checkpoint), keep this run elsewhere, or remove the checkpoints.',
    });
  } catch (error) {
    await release();
    throw error;
  }
}

function fail(message: string, hint: string): EngineError {
  return new EngineError(message, { code: 'training/options', hint });
}

// The sizes that are offered, and the arithmetic of any size: parameters, work and memory.
import type {
  RunArguments,
  RunEstimate,
  RunMemory,
  RunModel,
  RunSettings,
  RunText,
  RunTokenizer,
} from '../../api.ts';
import { saidDetails, wholeModel } from '../../runModel.ts';

/** Names of the texts that come with the page. */
export const BUNDLED_TEXTS = ['tales', 'talk', 'names'] as const;

/** Those of source 000 are its GPTModel, whole and narrow. */
export type SourcePreset = 'notebook' | 'narrow';
export type PresetName = 'tiny' | 'small' | 'medium' | 'large' | SourcePreset;

export interface Preset {
  readonly name: PresetName;
  readonly title: string;
  /** Whom it is for, in a few words. */
  readonly words: string;
  readonly model: RunModel;
  readonly arguments: RunArguments;
  /** Of a source's model: its own, and all is drawn as PyTorch draws it. */
  readonly tokenizer?: RunTokenizer;
}

/** What every run here has that does not say otherwise. */
export const USUAL: RunArguments = {
  lr_scheduler_type: 'cosine_with_min_lr',
  gradient_accumulation_steps: 1,
  weight_decay: 0.1,
  adam_beta1: 0.9,
  adam_beta2: 0.95,
  adam_epsilon: 1e-8,
  max_grad_norm: 1,
  decay: 'mingpt',
  seed: 42,
  embd_pdrop: 0,
  attn_pdrop: 0,
  resid_pdrop: 0,
  logging_steps: 1,
  max_eval_samples: 64,
};

/** How slowly a run begins, and how often it is measured, kept and read, where nobody says: in shares of its length. */
export function rhythmOf(max_steps: number): RunArguments {
  const twelfth = Math.max(1, Math.round(max_steps / 12));
  return {
    warmup_steps: Math.min(100, twelfth),
    eval_steps: twelfth,
    save_steps: Math.max(1, Math.round(max_steps / 6)),
    sample_steps: twelfth,
  };
}

function preset(
  name: PresetName,
  [title, words]: readonly [string, string],
  [n_layer, n_head, n_embd, n_ctx]: readonly [number, number, number, number],
  [batch, max_steps, learning_rate]: readonly [number, number, number],
): Preset {
  return {
    name,
    title,
    words,
    model: { kind: 'gpt2', n_layer, n_head, n_embd, n_ctx },
    arguments: {
      ...USUAL,
      per_device_train_batch_size: batch,
      block_size: n_ctx,
      max_steps,
      learning_rate,
      min_lr: learning_rate / 10,
      ...rhythmOf(max_steps),
    },
  };
}

/** The notebook's, from its seed and with its dropout; it does not say how it was trained. */
function sourcePreset(
  name: SourcePreset,
  [title, words]: readonly [string, string],
  [n_layer, n_head, n_embd, n_ctx]: readonly [number, number, number, number],
  tokenizer: RunTokenizer,
  steps: RunArguments,
): Preset {
  const dropout = { embd_pdrop: 0.1, attn_pdrop: 0.1, resid_pdrop: 0.1 };
  return {
    name,
    title,
    words,
    model: { kind: 'notebook', n_layer, n_head, n_embd, n_ctx },
    tokenizer,
    arguments: {
      ...USUAL,
      ...dropout,
      // AdamW as PyTorch has it where nobody says.
      adam_beta2: 0.999,
      lr_scheduler_type: 'constant',
      min_lr: 0,
      warmup_steps: 0,
      seed: 123,
      ...steps,
    },
  };
}

/** Tokens of the notebook's tokenizer, which is GPT-2's. */
const GPT2_TOKENS = 50_257;

export const PRESETS: readonly Preset[] = [
  preset('tiny', ['Tiny', 'Two layers: enough for a task'], [2, 4, 128, 64], [16, 1000, 2e-3]),
  preset('small', ['Small', 'Words, soon: begin with this'], [4, 4, 128, 128], [8, 600, 2e-3]),
  preset('medium', ['Medium', 'Sentences, with patience'], [6, 6, 192, 128], [12, 1200, 1e-3]),
  preset('large', ['Large', 'For a GPU, or overnight'], [8, 8, 256, 256], [12, 2400, 6e-4]),
  sourcePreset(
    'notebook',
    ['The notebook’s GPTModel', 'GPT-2’s size, from seed 123'],
    [12, 12, 768, 1024],
    { kind: 'gpt2' },
    {
      per_device_train_batch_size: 2,
      block_size: 256,
      max_steps: 100,
      learning_rate: 3e-4,
      // With PyTorch's first weights, whose embeddings are N(0, 1), a whole first step sets it back.
      lr_scheduler_type: 'constant_with_warmup',
      warmup_steps: 10,
      eval_steps: 50,
      max_eval_samples: 4,
      sample_steps: 20,
      save_steps: 50,
    },
  ),
  sourcePreset(
    'narrow',
    ['The notebook’s GPTModel, narrow', 'The same class for any device'],
    [3, 4, 32, 24],
    { kind: 'characters' },
    {
      per_device_train_batch_size: 3,
      block_size: 24,
      max_steps: 600,
      learning_rate: 1e-3,
      eval_steps: 50,
      sample_steps: 50,
      save_steps: 100,
    },
  ),
];

export function isOfSource(name: PresetName | null): name is SourcePreset {
  return name === 'notebook' || name === 'narrow';
}

export const DEFAULT_PRESET: PresetName = 'small';

export function presetOf(name: PresetName): Preset {
  const found = PRESETS.find((one) => one.name === name);
  if (found === undefined) throw new Error(`There is no preset ${name}.`);
  return found;
}

/** The preset of this size, whatever else is another's; undefined for a size or a model of one's own. */
export function sizeNamed(model: RunModel): Preset | undefined {
  if (saidDetails(model).length > 0) return undefined;
  const sizes = ['kind', 'n_layer', 'n_head', 'n_embd', 'n_ctx'] as const;
  return PRESETS.find((one) => sizes.every((name) => one.model[name] === model[name]));
}

/** The rate of the smallest size that is no smaller, of the notebook's or of the others: large models take small steps. */
export function presetRate(model: RunModel): number {
  const size = ({ n_layer, n_embd }: RunModel): number => n_layer * n_embd ** 2;
  const isNotebook = model.kind === 'notebook';
  const sizes = PRESETS.filter(({ name }) => isOfSource(name) === isNotebook).toSorted(
    (a, b) => size(a.model) - size(b.model),
  );
  const found = sizes.find((one) => size(one.model) >= size(model)) ?? sizes.at(-1);
  return Number(found?.arguments['learning_rate']);
}

/** The settings with a preset's sizes and steps, of a model that begins with the run. */
export function withPreset(settings: RunSettings, name: PresetName): RunSettings {
  const { model, arguments: args, tokenizer } = presetOf(name);
  const { base: _, ...others } = settings;
  const next = { ...others, model, arguments: args };
  return tokenizer === undefined
    ? next
    : { ...next, tokenizer, generator: 'torch', order: 'random' };
}

/** Characters of a text that nobody has counted. */
const SOME_CHARACTERS = 64;

/** Different tokens that a text has with a tokenizer with which it was not read yet. */
export function vocabularyOf(tokenizer: RunTokenizer): number {
  if (tokenizer.kind === 'bpe') return tokenizer.vocab_size;
  return tokenizer.kind === 'gpt2' ? GPT2_TOKENS : SOME_CHARACTERS;
}

/** What suits a text of so many characters: letters for a small one, pairs for a larger one. */
export function tokenizerFor(text: RunText, characters: number | null): RunTokenizer {
  if (text.kind === 'task') return { kind: 'characters' };
  if (text.kind === 'bundled' && text.name === 'names') return { kind: 'characters' };
  if (characters !== null && characters < 40_000) return { kind: 'characters' };
  const vocab_size = (characters ?? 0) < 1_000_000 ? 1024 : 4096;
  return { kind: 'bpe', vocab_size };
}

// ── arithmetic ──────────────────────────────────────────────────────────────────────────────────

/** Weights of a block's matrices, and of all else that it has. */
function blockOf(model: RunModel): { readonly matrices: number; readonly vectors: number } {
  const { n_embd: c, n_inner, qkv_bias, bias, layer_norm_bias } = wholeModel(model);
  return {
    matrices: 4 * c ** 2 + 2 * c * n_inner,
    vectors: (qkv_bias ? 3 * c : 0) + (bias ? 2 * c + n_inner : 0) + (layer_norm_bias ? 4 : 2) * c,
  };
}

export function parametersOf(model: RunModel, vocabSize: number): number {
  const { n_layer, n_embd, n_ctx, layer_norm_bias, tie_word_embeddings } = wholeModel(model);
  const { matrices, vectors } = blockOf(model);
  const tables = (tie_word_embeddings ? 1 : 2) * vocabSize + n_ctx;
  return (tables + (layer_norm_bias ? 2 : 1)) * n_embd + n_layer * (matrices + vectors);
}

function sizesOf({ arguments: args, model }: RunSettings) {
  const of = (name: string, usual: number): number => {
    const value = args[name];
    return typeof value === 'number' ? value : usual;
  };
  return {
    batch: of('per_device_train_batch_size', 8),
    accumulation: of('gradient_accumulation_steps', 1),
    tokens: of('block_size', model.n_ctx),
    steps: of('max_steps', 1),
  };
}

/** Multiplications and additions of a step: six a weight and token, and attention over half a window. */
export function workOf(settings: RunSettings, vocabSize: number): number {
  const { n_layer, n_embd } = settings.model;
  const { batch, accumulation, tokens } = sizesOf(settings);
  const weights = n_layer * blockOf(settings.model).matrices + vocabSize * n_embd;
  return batch * accumulation * tokens * (6 * weights + 6 * n_layer * tokens * n_embd);
}

/** Bytes that a run takes: weights, gradients and two moments, and what the way back needs of every block. */
export function memoryOf(settings: RunSettings, vocabSize: number): number {
  const { n_layer, n_head, n_embd, n_inner } = wholeModel(settings.model);
  const { batch, tokens } = sizesOf(settings);
  const rows = batch * tokens;
  const kept = n_layer * (8 * n_embd + 2 * n_inner + n_head) + 9 * n_embd + 2 * n_inner;
  const logits = Math.min(rows * vocabSize, 1 << 20);
  return 16 * parametersOf(settings.model, vocabSize) + 4 * (rows * kept + logits);
}

/** The same windows a step, half of them or fewer at a time; null where there is one at a time already. */
export function smallerBatch(settings: RunSettings): RunMemory['suggestion'] {
  const { batch, accumulation } = sizesOf(settings);
  const windows = batch * accumulation;
  let least = Math.floor(batch / 2);
  while (least > 1 && windows % least !== 0) least--;
  return least < 1 ? null : { batch: least, accumulation: windows / least };
}

/** What a measurement was of, so that others can be reckoned from it. */
export interface Measured {
  readonly settings: RunSettings;
  readonly vocabSize: number;
  readonly estimate: RunEstimate;
}

/** What a run of some settings takes, and how it is known. */
export interface Cost {
  readonly parameters: number;
  readonly seconds: number;
  readonly bytes: number;
  readonly known: 'measured' | 'reckoned';
}

/** Measured where these very settings were, else reckoned from those that were; null before any. */
export function costOf(
  settings: RunSettings,
  vocabSize: number,
  measured: Measured | null,
): Cost | null {
  if (measured === null) return null;
  const { estimate } = measured;
  const { steps } = sizesOf(settings);
  if (isSameWork(settings, measured.settings) && vocabSize === measured.vocabSize) {
    return {
      parameters: estimate.parameters,
      seconds: estimate.secondsAStep * steps,
      bytes: estimate.memory.total,
      known: 'measured',
    };
  }
  const ratio = workOf(settings, vocabSize) / workOf(measured.settings, measured.vocabSize);
  const scale = estimate.memory.total / memoryOf(measured.settings, measured.vocabSize);
  return {
    parameters: parametersOf(settings.model, vocabSize),
    seconds: estimate.secondsAStep * ratio * steps,
    bytes: memoryOf(settings, vocabSize) * scale,
    known: 'reckoned',
  };
}

/** Whether a step of both is the same work: the number of steps, the rate and the text are no part of it. */
export function isSameWork(a: RunSettings, b: RunSettings): boolean {
  return workKey(a) === workKey(b);
}

function workKey(settings: RunSettings): string {
  const { model, base, generator, arguments: args } = settings;
  const { batch, accumulation, tokens } = sizesOf(settings);
  const from = [base?.fingerprint, base?.lora?.r];
  const drops = [args['embd_pdrop'], args['attn_pdrop'], args['resid_pdrop']];
  return JSON.stringify([model, from, generator, batch, accumulation, tokens, drops]);
}

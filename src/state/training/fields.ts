// Every field of a run: where it lies in the settings, what it does in one sentence, and what it may be.
import type { RunBase, RunSettings } from '../../api.ts';
import { followLora, LORA } from './base.ts';

export interface Field {
  /** As transformers, nanoGPT and the library call it. */
  readonly name: string;
  readonly group: 'model' | 'steps' | 'optimiser' | 'told';
  /** One sentence for people who have never seen it. */
  readonly meaning: string;
  /** The same where a model that is there is gone on with, if it is another sentence. */
  readonly goingOn?: string;
  readonly kind:
    | {
        readonly type: 'number';
        readonly from: number;
        readonly to: number;
        readonly whole: boolean;
        /** Whether `from` itself is too little. */
        readonly above?: true;
      }
    | { readonly type: 'choice'; readonly choices: readonly string[] };
  readonly read: (settings: RunSettings) => string;
  readonly write: (settings: RunSettings, value: string) => RunSettings;
}

const whole = (from: number, to: number) => ({ type: 'number', from, to, whole: true }) as const;
const real = (from: number, to: number) => ({ type: 'number', from, to, whole: false }) as const;

type Sizes = 'n_layer' | 'n_head' | 'n_embd' | 'n_ctx';

function size(name: Sizes, meaning: string, to: number): Field {
  return {
    name,
    group: 'model',
    meaning,
    kind: whole(1, to),
    read: ({ model }) => String(model[name]),
    write: (settings, value) => ({
      ...settings,
      model: { ...settings.model, [name]: Number(value) },
    }),
  };
}

function argument(
  group: Field['group'],
  name: string,
  meaning: string,
  kind: Field['kind'],
  goingOn?: string,
): Field {
  return {
    name,
    group,
    meaning,
    ...(goingOn === undefined ? {} : { goingOn }),
    kind,
    read: ({ arguments: args }) => String(args[name] ?? ''),
    write: (settings, value) => ({
      ...settings,
      arguments: {
        ...settings.arguments,
        [name]: kind.type === 'number' ? Number(value) : value,
      },
    }),
  };
}

export const FIELDS: readonly Field[] = [
  {
    name: 'kind',
    group: 'model',
    meaning: 'Whose initial weights, activation and biases the model begins with.',
    kind: { type: 'choice', choices: ['gpt2', 'nanogpt', 'mingpt', 'notebook'] },
    read: ({ model }) => model.kind,
    write: (settings, value) => ({
      ...settings,
      model: { ...settings.model, kind: value as RunSettings['model']['kind'] },
    }),
  },
  size('n_layer', 'Blocks on top of each other; each reads what the one below has found.', 48),
  size(
    'n_head',
    'Heads of each block; each looks for something of its own. They share n_embd.',
    64,
  ),
  size(
    'n_embd',
    'Numbers that stand for a token inside the model; more hold more, and cost more.',
    2048,
  ),
  size('n_ctx', 'The most tokens that the model sees at once.', 4096),
  {
    name: 'tokenizer',
    group: 'model',
    meaning:
      'What a piece of text is: a letter, a byte, a pair of pieces that comes often here (bpe), or one of GPT-2’s own.',
    kind: { type: 'choice', choices: ['characters', 'bytes', 'bpe', 'gpt2'] },
    read: ({ tokenizer }) => tokenizer.kind,
    write: (settings, value) => ({
      ...settings,
      tokenizer:
        value === 'bpe'
          ? { kind: 'bpe', vocab_size: 1024 }
          : { kind: value === 'bytes' || value === 'gpt2' ? value : 'characters' },
    }),
  },
  {
    name: 'vocab_size',
    group: 'model',
    meaning:
      'How many different pieces bpe may make; longer pieces mean fewer of them in the text.',
    kind: whole(257, 32_768),
    read: ({ tokenizer }) => (tokenizer.kind === 'bpe' ? String(tokenizer.vocab_size) : ''),
    write: (settings, value) => ({
      ...settings,
      tokenizer: { kind: 'bpe', vocab_size: Number(value) },
    }),
  },

  argument('steps', 'max_steps', 'How many times the weights are changed.', whole(1, 1e9)),
  argument(
    'steps',
    'per_device_train_batch_size',
    'Pieces of the text that are read at the same time; more make a steadier step and take memory.',
    whole(1, 65_536),
  ),
  argument(
    'steps',
    'gradient_accumulation_steps',
    'Batches that together make one step: a large step in little memory.',
    whole(1, 65_536),
  ),
  argument(
    'steps',
    'block_size',
    'Tokens of each piece that is read; n_ctx at most.',
    whole(1, 131_072),
    'Tokens of each piece that is read, at most as many as the model sees at once; fewer are faster.',
  ),
  argument(
    'steps',
    'learning_rate',
    'How far a step goes; too far and the loss jumps up, too little and nothing happens.',
    { ...real(0, 1e6), above: true },
    'How far a step goes; less than for a new model, because a large step forgets what it knows before it has learned the text.',
  ),
  argument('steps', 'lr_scheduler_type', 'How the rate changes on the way.', {
    type: 'choice',
    choices: ['constant', 'constant_with_warmup', 'linear', 'cosine', 'cosine_with_min_lr'],
  }),
  argument(
    'steps',
    'warmup_steps',
    'Steps in which the rate rises from 0, so that the first ones do no harm.',
    whole(0, 1e9),
  ),
  argument(
    'steps',
    'min_lr',
    'Where cosine_with_min_lr ends; at most learning_rate.',
    real(0, 1e6),
  ),

  argument(
    'optimiser',
    'weight_decay',
    'Pulls weights towards 0 with each step, against learning by heart.',
    real(0, 100),
  ),
  argument(
    'optimiser',
    'decay',
    'Which weights it pulls: those of linear layers (mingpt), or all matrices (nanogpt).',
    { type: 'choice', choices: ['mingpt', 'nanogpt'] },
  ),
  argument(
    'optimiser',
    'adam_beta1',
    'How long AdamW remembers which way gradients point.',
    real(0, 0.999999),
  ),
  argument(
    'optimiser',
    'adam_beta2',
    'How long AdamW remembers how large gradients are.',
    real(0, 0.9999999),
  ),
  argument('optimiser', 'adam_epsilon', 'Keeps AdamW from dividing by nothing.', real(1e-30, 1)),
  argument(
    'optimiser',
    'max_grad_norm',
    'Longer gradients are cut to this length; 0 leaves them as they are.',
    real(0, 1e9),
  ),
  argument(
    'optimiser',
    'embd_pdrop',
    'Share of the embedding that is left out at random while it learns.',
    real(0, 0.99),
  ),
  argument(
    'optimiser',
    'attn_pdrop',
    'Share of the attention that is left out at random while it learns.',
    real(0, 0.99),
  ),
  argument(
    'optimiser',
    'resid_pdrop',
    'Share of what each part adds that is left out at random while it learns.',
    real(0, 0.99),
  ),
  argument(
    'optimiser',
    'seed',
    'Of everything that is drawn: the same seed and settings give the same run.',
    whole(0, Number.MAX_SAFE_INTEGER),
  ),
  {
    name: 'generator',
    group: 'optimiser',
    meaning: 'What draws: philox, or torch, as a program in PyTorch would draw it on a CPU.',
    kind: { type: 'choice', choices: ['philox', 'torch'] },
    read: ({ generator }) => generator,
    write: (settings, value) => ({
      ...settings,
      generator: value === 'torch' ? 'torch' : 'philox',
    }),
  },
  {
    name: 'order',
    group: 'optimiser',
    meaning: 'Which pieces are read: any, each once a pass, or one behind the other.',
    kind: { type: 'choice', choices: ['random', 'shuffled', 'sequential'] },
    read: ({ order }) => order,
    write: (settings, value) => ({ ...settings, order: value as RunSettings['order'] }),
  },

  {
    name: 'validation',
    group: 'told',
    meaning: 'Share of the text, from its end, that is kept back to see how well unseen text goes.',
    kind: real(0, 0.5),
    read: ({ validation }) => String(validation),
    write: (settings, value) => ({ ...settings, validation: Number(value) }),
  },
  argument('told', 'logging_steps', 'Every how many steps the curve has a point.', whole(1, 1e9)),
  argument(
    'told',
    'eval_steps',
    'Every how many steps the text that was kept back is read; 0 never.',
    whole(0, 1e9),
  ),
  argument(
    'told',
    'max_eval_samples',
    'The most pieces of it that are read each time.',
    whole(1, 1e9),
  ),
  argument(
    'told',
    'sample_steps',
    'Every how many steps the model writes something; 0 never.',
    whole(0, 1e9),
  ),
  argument(
    'told',
    'save_steps',
    'Every how many steps the run is kept, so that it can go on after a reload; 0 at its end alone.',
    whole(0, 1e9),
  ),
];

/** In place of the model's own, where one that is there is gone on with. */
const BASE_FIELDS: readonly Field[] = [
  {
    name: 'trains',
    group: 'model',
    meaning:
      'What learns: all of its parameters, or a LoRA, a small adapter on the attention beside weights that stay as they are.',
    kind: { type: 'choice', choices: ['all', 'lora'] },
    read: ({ base }) => (base?.lora === undefined ? 'all' : 'lora'),
    write: (settings, value) => withLora(settings, value === 'lora' ? LORA : undefined),
  },
  lora(
    'r',
    'Rank of what the adapter adds to each weight: the higher, the more it can learn, and the more it takes.',
    whole(1, 1024),
  ),
  lora(
    'lora_alpha',
    'How strongly the adapter counts: what it adds is multiplied by lora_alpha / r.',
    { ...real(0, 1e6), above: true },
  ),
];

function lora(
  name: keyof NonNullable<RunBase['lora']>,
  meaning: string,
  kind: Field['kind'],
): Field {
  return {
    name,
    group: 'model',
    meaning,
    kind,
    read: ({ base }) => (base?.lora === undefined ? '' : String(base.lora[name])),
    write: (settings, value) =>
      withLora(settings, { ...(settings.base?.lora ?? LORA), [name]: Number(value) }),
  };
}

function withLora(settings: RunSettings, adapter: RunBase['lora']): RunSettings {
  if (settings.base === undefined) return settings;
  const { lora: before, ...base } = settings.base;
  const isLora = adapter !== undefined;
  return {
    ...settings,
    base: isLora ? { ...base, lora: adapter } : base,
    arguments:
      isLora === (before !== undefined)
        ? settings.arguments
        : followLora(settings.arguments, isLora),
  };
}

/** Those that can be chosen: sizes and tokenizer of a model that is there are its own. */
export function fieldsFor({ base }: Pick<RunSettings, 'base'>): readonly Field[] {
  if (base === undefined) return FIELDS;
  return [...BASE_FIELDS, ...FIELDS.filter(({ group }) => group !== 'model')];
}

export function fieldOf(name: string): Field | undefined {
  return [...FIELDS, ...BASE_FIELDS].find((one) => one.name === name);
}

/** Why a field cannot be what was typed, in words with what it can be; null where it can. */
export function refusal({ name, kind }: Field, typed: string): string | null {
  if (kind.type === 'choice') {
    return kind.choices.includes(typed) ? null : `${name} is one of ${kind.choices.join(', ')}.`;
  }
  const { from, to, whole: isWhole, above } = kind;
  const value = typed.trim() === '' ? Number.NaN : Number(typed);
  const isIn = value <= to && (above === true ? value > from : value >= from);
  if (isIn && (!isWhole || Number.isInteger(value))) return null;
  const what = isWhole ? 'a whole number' : 'a number';
  const range = above === true ? `above ${from}, up to ${to}` : limits(from, to);
  return `${name} is ${what} ${range}.`;
}

function limits(from: number, to: number): string {
  const words = (value: number): string =>
    value >= 10_000 ? value.toLocaleString('en') : String(value);
  return to >= 1e9 ? `from ${words(from)} on` : `from ${words(from)} to ${words(to)}`;
}

/** What does not go together, by the field that is best changed; empty where everything does. */
export function conflicts({
  model,
  arguments: args,
  ...settings
}: RunSettings): Record<string, string> {
  const found: Record<string, string> = {};
  const number = (name: string): number => Number(args[name] ?? 0);
  if (model.n_embd % model.n_head !== 0) {
    found['n_head'] = `${model.n_embd} (n_embd) cannot be shared evenly by ${model.n_head} heads.`;
  }
  if (number('block_size') > model.n_ctx) {
    found['block_size'] =
      `The model sees ${model.n_ctx} tokens at once (n_ctx): take ${model.n_ctx} or fewer.`;
  }
  if (
    args['lr_scheduler_type'] === 'cosine_with_min_lr' &&
    number('min_lr') > number('learning_rate')
  ) {
    found['min_lr'] =
      `The rate falls from learning_rate (${number('learning_rate')}) to min_lr: take less than that.`;
  }
  if (settings.generator === 'torch' && settings.order !== 'random') {
    found['order'] = 'PyTorch’s generator draws pieces at random: take random, or philox.';
  }
  return found;
}

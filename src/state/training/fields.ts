// Every field of a run: where it lies in the settings, and what it may be.
import type { RunBase, RunSettings } from '../../api.ts';
import {
  DETAILS,
  hasRange,
  plainlySaid,
  usualDetails,
  wholeModel,
  type DetailName,
} from '../../runModel.ts';
import { followLora, LORA } from './base.ts';
import { rhythmOf } from './presets.ts';

export interface Field {
  /** As transformers, nanoGPT and the library call it. */
  readonly name: string;
  readonly group: 'model' | 'inside' | 'drawn' | 'steps' | 'optimiser' | 'dropout' | 'told';
  /** Of a model that begins with the run; one that is gone on with has its own. */
  readonly ofModel?: true;
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
  /** What it is where nobody says it; absent where it is always said. */
  readonly usual?: (settings: RunSettings) => string;
  /** What the page sets it to with another field, where nobody has set it; a record and a link say it all the same. */
  readonly follows?: (settings: RunSettings) => string;
}

const whole = (from: number, to: number) => ({ type: 'number', from, to, whole: true }) as const;
const real = (from: number, to: number) => ({ type: 'number', from, to, whole: false }) as const;

type Sizes = 'n_layer' | 'n_head' | 'n_embd' | 'n_ctx';

function size(name: Sizes, to: number): Field {
  return {
    name,
    group: 'model',
    ofModel: true,
    kind: whole(1, to),
    read: ({ model }) => String(model[name]),
    write: (settings, value) => withModel(settings, { [name]: Number(value) }),
  };
}

function withModel(settings: RunSettings, more: Partial<RunSettings['model']>): RunSettings {
  return { ...settings, model: plainlySaid({ ...settings.model, ...more }) };
}

/** What is not as the kind has it is said, and nothing else. */
function detail(group: Field['group'], name: DetailName, to?: number): Field {
  const what = DETAILS[name];
  const shared = { name, group, ofModel: true } as const;
  const of = (details: ReturnType<typeof usualDetails>): string => String(details[name]);
  return {
    ...shared,
    kind:
      'flag' in what
        ? { type: 'choice', choices: ['true', 'false'] }
        : 'choices' in what
          ? { type: 'choice', choices: what.choices }
          : { type: 'number', from: what.from, to: to ?? what.to, whole: what.whole },
    read: ({ model }) => {
      const isIdle = name === 'initializer_range' && !hasRange(model);
      return isIdle && model[name] === undefined ? '' : of(wholeModel(model));
    },
    write: (settings, value) =>
      withModel(settings, {
        [name]: 'flag' in what ? value === 'true' : 'choices' in what ? value : Number(value),
      }),
    usual: ({ model }) => of(usualDetails(model)),
  };
}

function argument(group: Field['group'], name: string, kind: Field['kind']): Field {
  return {
    name,
    group,
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

/** One that goes with the number of steps. */
function ofLength(group: Field['group'], name: string): Field {
  return {
    ...argument(group, name, whole(0, 1e9)),
    follows: ({ arguments: args }) => String(rhythmOf(Number(args['max_steps']))[name]),
  };
}

export const FIELDS: readonly Field[] = [
  {
    name: 'kind',
    group: 'model',
    ofModel: true,
    kind: { type: 'choice', choices: ['gpt2', 'nanogpt', 'mingpt', 'notebook'] },
    read: ({ model }) => model.kind,
    write: (settings, value) => {
      const { initializer_range: range, ...model } = settings.model;
      const kind = value as RunSettings['model']['kind'];
      return { ...settings, model: plainlySaid({ ...model, kind, ...rangeFor(kind, range) }) };
    },
  },
  size('n_layer', 48),
  size('n_head', 64),
  size('n_embd', 2048),
  detail('model', 'n_inner', 16_384),
  size('n_ctx', 4096),
  {
    name: 'tokenizer',
    group: 'model',
    ofModel: true,
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
    ofModel: true,
    kind: whole(257, 32_768),
    read: ({ tokenizer }) => (tokenizer.kind === 'bpe' ? String(tokenizer.vocab_size) : ''),
    write: (settings, value) => ({
      ...settings,
      tokenizer: { kind: 'bpe', vocab_size: Number(value) },
    }),
  },

  detail('inside', 'activation_function'),
  detail('inside', 'layer_norm_epsilon'),
  detail('inside', 'layer_norm_denominator'),
  detail('inside', 'layer_norm_bias'),
  detail('inside', 'qkv_bias'),
  detail('inside', 'bias'),
  detail('inside', 'scale_attn_weights'),
  detail('inside', 'scale_attn_by_inverse_layer_idx'),
  detail('inside', 'tie_word_embeddings'),

  detail('drawn', 'initializer_range'),
  argument('drawn', 'seed', whole(0, Number.MAX_SAFE_INTEGER)),
  {
    name: 'generator',
    group: 'drawn',
    kind: { type: 'choice', choices: ['philox', 'torch'] },
    read: ({ generator }) => generator,
    write: (settings, value) => ({
      ...settings,
      generator: value === 'torch' ? 'torch' : 'philox',
    }),
  },
  {
    name: 'order',
    group: 'drawn',
    kind: { type: 'choice', choices: ['random', 'shuffled', 'sequential'] },
    read: ({ order }) => order,
    write: (settings, value) => ({ ...settings, order: value as RunSettings['order'] }),
  },

  argument('steps', 'max_steps', whole(1, 1e9)),
  argument('steps', 'per_device_train_batch_size', whole(1, 65_536)),
  argument('steps', 'gradient_accumulation_steps', whole(1, 65_536)),
  argument('steps', 'block_size', whole(1, 131_072)),
  argument('steps', 'learning_rate', { ...real(0, 1e6), above: true }),
  argument('steps', 'lr_scheduler_type', {
    type: 'choice',
    choices: ['constant', 'constant_with_warmup', 'linear', 'cosine', 'cosine_with_min_lr'],
  }),
  ofLength('steps', 'warmup_steps'),
  argument('steps', 'min_lr', real(0, 1e6)),

  argument('optimiser', 'weight_decay', real(0, 100)),
  argument('optimiser', 'decay', { type: 'choice', choices: ['mingpt', 'nanogpt'] }),
  argument('optimiser', 'adam_beta1', real(0, 0.999999)),
  argument('optimiser', 'adam_beta2', real(0, 0.9999999)),
  argument('optimiser', 'adam_epsilon', real(1e-30, 1)),
  argument('optimiser', 'max_grad_norm', real(0, 1e9)),

  argument('dropout', 'embd_pdrop', real(0, 0.99)),
  argument('dropout', 'attn_pdrop', real(0, 0.99)),
  argument('dropout', 'resid_pdrop', real(0, 0.99)),

  {
    name: 'validation',
    group: 'told',
    kind: real(0, 0.5),
    read: ({ validation }) => String(validation),
    write: (settings, value) => ({ ...settings, validation: Number(value) }),
  },
  argument('told', 'logging_steps', whole(1, 1e9)),
  ofLength('told', 'eval_steps'),
  argument('told', 'max_eval_samples', whole(1, 1e9)),
  ofLength('told', 'sample_steps'),
  ofLength('told', 'save_steps'),
];

/** A range that says nothing is said no longer. */
function rangeFor(kind: RunSettings['model']['kind'], range: number | undefined) {
  return range !== undefined && hasRange({ kind }) ? { initializer_range: range } : {};
}

/** In place of the model's own, where one that is there is gone on with. */
const BASE_FIELDS: readonly Field[] = [
  {
    name: 'trains',
    group: 'model',
    ofModel: true,
    kind: { type: 'choice', choices: ['all', 'lora'] },
    read: ({ base }) => (base?.lora === undefined ? 'all' : 'lora'),
    write: (settings, value) => withLora(settings, value === 'lora' ? LORA : undefined),
  },
  lora('r', whole(1, 1024)),
  lora('lora_alpha', { ...real(0, 1e6), above: true }),
];

function lora(name: keyof NonNullable<RunBase['lora']>, kind: Field['kind']): Field {
  return {
    name,
    group: 'model',
    ofModel: true,
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
  return [...BASE_FIELDS, ...FIELDS.filter(({ ofModel }) => ofModel !== true)];
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
  return `from ${words(from)} to ${words(to)}`;
}

/** What goes together and is hardly meant, by the field; nothing is refused for it. */
export function doubts({ arguments: args }: RunSettings): Record<string, string> {
  const [warmup, steps] = [Number(args['warmup_steps'] ?? 0), Number(args['max_steps'])];
  return warmup > steps && args['lr_scheduler_type'] !== 'constant'
    ? {
        warmup_steps: `The run ends at step ${steps} (max_steps), before the rate has risen to learning_rate: take fewer.`,
      }
    : {};
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
    // Whichever of the two somebody is at says it.
    const { n_embd, n_head } = model;
    const near = Math.max(1, Math.round(n_embd / n_head)) * n_head;
    found['n_embd'] =
      `${n_embd} (n_embd) cannot be shared evenly by ${n_head} heads: take ${near}.`;
    found['n_head'] = `${n_embd} (n_embd) cannot be shared evenly by ${n_head} heads.`;
  }
  if (settings.base === undefined && model.initializer_range !== undefined && !hasRange(model)) {
    found['initializer_range'] =
      'PyTorch’s own rules draw the notebook’s first weights, and have no such number: take another kind.';
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

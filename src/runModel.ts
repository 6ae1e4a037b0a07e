// What is said of a new model beside its sizes, by GPT2Config's names: what is usual of each kind, and what is believed of
// what a link or a file says. Where nothing is said, a model is as its codebase has it.
import type { RunModel } from './api.ts';

/** What may be said, all of it. */
export type ModelDetails = Required<
  Omit<RunModel, 'kind' | 'n_layer' | 'n_head' | 'n_embd' | 'n_ctx'>
>;
export type DetailName = keyof ModelDetails;

/** Standard deviation of first weights that are drawn as N(0, σ²), in minGPT, nanoGPT and GPT-2 alike. */
const INITIALIZER_RANGE = 0.02;

/** What a detail may be: words, yes or no, or a number from and up to. */
type Believed =
  | { readonly choices: readonly string[] }
  | { readonly flag: true }
  | { readonly from: number; readonly to: number; readonly whole: boolean };

/** Larger sizes than these are an attack or a mistake. */
export const SIZES = {
  n_layer: { from: 1, to: 512, whole: true },
  n_head: { from: 1, to: 512, whole: true },
  n_embd: { from: 1, to: 32_768, whole: true },
  n_ctx: { from: 1, to: 131_072, whole: true },
} as const satisfies Readonly<Record<string, Believed>>;

const FLAG = { flag: true } as const;

export const DETAILS = {
  n_inner: { from: 1, to: 262_144, whole: true },
  activation_function: { choices: ['gelu_new', 'gelu', 'quick_gelu', 'relu', 'silu', 'tanh'] },
  layer_norm_epsilon: { from: 1e-12, to: 1, whole: false },
  layer_norm_denominator: { choices: ['variance', 'std'] },
  qkv_bias: FLAG,
  bias: FLAG,
  layer_norm_bias: FLAG,
  scale_attn_weights: FLAG,
  scale_attn_by_inverse_layer_idx: FLAG,
  tie_word_embeddings: FLAG,
  initializer_range: { from: 1e-6, to: 10, whole: false },
} as const satisfies Readonly<Record<DetailName, Believed>>;

export const DETAIL_NAMES = Object.keys(DETAILS) as readonly DetailName[];

/** What the kinds differ by. */
const KINDS = {
  gpt2: {},
  nanogpt: { activation_function: 'gelu', qkv_bias: false, bias: false, layer_norm_bias: false },
  mingpt: { activation_function: 'gelu', tie_word_embeddings: false },
  notebook: { qkv_bias: false, tie_word_embeddings: false, layer_norm_denominator: 'std' },
} as const satisfies Readonly<Record<RunModel['kind'], Partial<ModelDetails>>>;

/** As its codebase has it. The notebook's first weights are PyTorch's own, of which no number of this sort is known. */
export function usualDetails({ kind, n_embd }: Pick<RunModel, 'kind' | 'n_embd'>): ModelDetails {
  return {
    n_inner: 4 * n_embd,
    activation_function: 'gelu_new',
    layer_norm_epsilon: 1e-5,
    layer_norm_denominator: 'variance',
    qkv_bias: true,
    bias: true,
    layer_norm_bias: true,
    scale_attn_weights: true,
    scale_attn_by_inverse_layer_idx: false,
    tie_word_embeddings: true,
    initializer_range: INITIALIZER_RANGE,
    ...KINDS[kind],
  };
}

/** A model of these sizes with all that is said, and what is usual for the rest. */
export function wholeModel(model: RunModel): Required<RunModel> {
  return { ...usualDetails(model), ...model };
}

/** The details that are said. */
export function saidDetails(model: RunModel): readonly DetailName[] {
  return DETAIL_NAMES.filter((name) => model[name] !== undefined);
}

/** Without what is usual: the same model is always said in the same words. */
export function plainlySaid(model: RunModel): RunModel {
  const usual = usualDetails(model);
  const { kind, n_layer, n_head, n_embd, n_ctx } = model;
  const own = saidDetails(model)
    .filter((name) => model[name] !== usual[name])
    .map((name) => [name, model[name]]);
  return { kind, n_layer, n_head, n_embd, n_ctx, ...Object.fromEntries(own) };
}

/** Whether its first weights are drawn as N(0, `initializer_range`²). */
export function hasRange({ kind }: Pick<RunModel, 'kind'>): boolean {
  return kind !== 'notebook';
}

/** Why a model cannot be trained by what is said of it, the name of the field first, and what to do; null where it can. */
export function whyNotTrained(
  model: RunModel,
): { readonly message: string; readonly hint: string } | null {
  const { kind, ...told } = model;
  const known: Readonly<Record<string, Believed>> = { ...SIZES, ...DETAILS };
  for (const [name, value] of Object.entries(told)) {
    if (value === undefined) continue;
    if (!Object.hasOwn(known, name)) {
      return {
        message: `${name} is no field of a model that is trained here.`,
        hint: `Leave it out; known are ${Object.keys(known).join(', ')}. A newer page may know it: reload this one.`,
      };
    }
    const expected = unbelieved(known[name], value);
    if (expected === null) continue;
    return {
      message: `${name} is ${JSON.stringify(value)}; expected ${expected}.`,
      hint:
        name in SIZES
          ? 'Give the model other sizes.'
          : `Leave ${name} out for what is usual of ${kind}.`,
    };
  }
  return model.initializer_range === undefined || hasRange(model)
    ? null
    : {
        message:
          'initializer_range says nothing of a notebook model: PyTorch’s own rules draw its first weights.',
        hint: 'Leave initializer_range out, or take another kind.',
      };
}

/** What is expected in place of a value; null where it may be. */
function unbelieved(what: Believed, value: unknown): string | null {
  if ('choices' in what) {
    return what.choices.some((one) => one === value) ? null : what.choices.join(', ');
  }
  if ('flag' in what) return typeof value === 'boolean' ? null : 'true or false';
  const { from, to, whole } = what;
  const isIn = typeof value === 'number' && value >= from && value <= to;
  if (isIn && (!whole || Number.isInteger(value))) return null;
  return `a ${whole ? 'whole number' : 'number'} from ${from} to ${to}`;
}

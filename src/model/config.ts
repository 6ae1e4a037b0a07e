// What shape a GPT has, and what config.json says of it.
import { EngineError } from '../errors.ts';

export interface GptConfig {
  readonly vocabSize: number;
  /** Longest text the model can see, in tokens. */
  readonly nCtx: number;
  readonly nLayer: number;
  readonly nHead: number;
  readonly nEmbd: number;
  /** Width of the MLP's hidden layer; 4 · nEmbd in all four sources. */
  readonly nInner: number;
  /** Bias of the query, key and value projections. */
  readonly qkvBias: boolean;
  /** Bias of every other linear layer but the head, which never has one. */
  readonly bias: boolean;
  readonly layerNormBias: boolean;
  /** `std` divides by √(s + ε) with s the unbiased standard deviation, as the notebook prints it. */
  readonly layerNormDenominator: 'variance' | 'std';
  readonly layerNormEpsilon: number;
  readonly activation: 'gelu-tanh' | 'gelu-exact';
  /** True when the head is the token embedding itself. */
  readonly tiedHead: boolean;
}

const GPT2_124M: GptConfig = {
  vocabSize: 50257,
  nCtx: 1024,
  nLayer: 12,
  nHead: 12,
  nEmbd: 768,
  nInner: 3072,
  qkvBias: true,
  bias: true,
  layerNormBias: true,
  layerNormDenominator: 'variance',
  layerNormEpsilon: 1e-5,
  activation: 'gelu-tanh',
  tiedHead: true,
};

/** The configurations that the four sources and GPT-2's release name. */
export const PRESETS = {
  /** The notebook's GPT_CONFIG_124M: no q/k/v bias, untied head, LayerNorm by standard deviation. */
  'notebook-124m': { ...GPT2_124M, qkvBias: false, tiedHead: false, layerNormDenominator: 'std' },
  /** minGPT's GPT1Config at GPT-2's vocabulary and context: exact GELU, untied head. */
  'mingpt-gpt1': { ...GPT2_124M, activation: 'gelu-exact', tiedHead: false },
  /** nanoGPT's training default: vocabulary padded to a multiple of 64, no bias, exact GELU. */
  nanogpt: {
    ...GPT2_124M,
    vocabSize: 50304,
    qkvBias: false,
    bias: false,
    layerNormBias: false,
    activation: 'gelu-exact',
  },
  gpt2: GPT2_124M,
  'gpt2-medium': { ...GPT2_124M, nLayer: 24, nHead: 16, nEmbd: 1024, nInner: 4096 },
  'gpt2-large': { ...GPT2_124M, nLayer: 36, nHead: 20, nEmbd: 1280, nInner: 5120 },
  'gpt2-xl': { ...GPT2_124M, nLayer: 48, nHead: 25, nEmbd: 1600, nInner: 6400 },
} as const satisfies Readonly<Record<string, GptConfig>>;

/** D, the width of one head. */
export function headSizeOf(config: GptConfig): number {
  return config.nEmbd / config.nHead;
}

/** Numbers of heads that divide a width, 1 first. */
export function headsFor(nEmbd: number): number[] {
  const most = Math.min(nEmbd, BOUNDS.nHead);
  return Array.from({ length: most }, (_, i) => i + 1).filter((heads) => nEmbd % heads === 0);
}

/** The likeliest number of heads for a width: 64 wide as in every GPT-2, else as wide as fits below. */
export function guessHeads(nEmbd: number): number {
  if (nEmbd > 64 && nEmbd % 64 === 0) return nEmbd / 64;
  return headsFor(nEmbd).find((heads) => nEmbd / heads <= 64) ?? 1;
}

/** Largest sizes believed; a config that asks for more is an attack or a mistake. */
const BOUNDS: Readonly<Record<string, number>> = {
  vocabSize: 1_000_000,
  nCtx: 131_072,
  nLayer: 512,
  nHead: 512,
  nEmbd: 32_768,
  nInner: 262_144,
};

/** Throws `config/…` unless every size is a sensible whole number and heads divide the width. */
export function checkConfig(config: GptConfig): void {
  for (const [name, most] of Object.entries(BOUNDS)) {
    const value = config[name as keyof GptConfig];
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > most) {
      throw new EngineError(
        `${name} is ${String(value)}; expected a whole number from 1 to ${most}.`,
        {
          code: 'config/size',
          hint: 'Check config.json of this model.',
        },
      );
    }
  }
  if (config.nEmbd % config.nHead !== 0) {
    throw new EngineError(
      `nEmbd must be divisible by nHead: ${config.nEmbd} / ${config.nHead} leaves ${config.nEmbd % config.nHead}.`,
      { code: 'config/heads', hint: 'Check n_embd and n_head in config.json of this model.' },
    );
  }
  if (!(config.layerNormEpsilon > 0)) {
    throw new EngineError(
      `layerNormEpsilon is ${config.layerNormEpsilon}; expected a number above 0.`,
      {
        code: 'config/epsilon',
        hint: 'Check layer_norm_epsilon in config.json of this model.',
      },
    );
  }
}

/** `621.83 MB`, of 1,048,576 bytes, as the notebook counts. */
export function toMegabytes(bytes: number): string {
  return `${(bytes / (1024 * 1024)).toFixed(2)} MB`;
}

/** How often values were dropped in training, 0 to 1; a model in use drops none. */
export interface DropRates {
  /** After the embedding. */
  readonly embd?: number;
  /** Of the attention weights. */
  readonly attn?: number;
  /** Of what a block adds to the residual stream. */
  readonly resid?: number;
}

/** What a `config.json` says; fields it leaves open are undefined and decided by the tensors. */
export interface ConfigFile {
  readonly modelType?: string;
  readonly vocabSize?: number;
  readonly nCtx?: number;
  readonly nLayer?: number;
  readonly nHead?: number;
  readonly nEmbd?: number;
  readonly nInner?: number;
  readonly qkvBias?: boolean;
  readonly bias?: boolean;
  readonly layerNormBias?: boolean;
  readonly layerNormDenominator?: 'variance' | 'std';
  readonly layerNormEpsilon?: number;
  readonly activation?: 'gelu-tanh' | 'gelu-exact';
  readonly tiedHead?: boolean;
  readonly bosTokenId?: number;
  readonly eosTokenIds?: readonly number[];
  readonly dropRates?: DropRates;
}

const ACTIVATIONS = new Map<string, 'gelu-tanh' | 'gelu-exact'>([
  ['gelu_new', 'gelu-tanh'],
  ['gelu_fast', 'gelu-tanh'],
  ['gelu_pytorch_tanh', 'gelu-tanh'],
  ['gelu', 'gelu-exact'],
]);

/** Reads Hugging Face's `GPT2Config` keys and ours; what cannot be honoured is refused by name. */
export function readConfigFile(json: unknown): ConfigFile {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new EngineError('config.json is not a JSON object.', {
      code: 'config/format',
      hint: 'Take config.json from a GPT-2 model.',
    });
  }
  const file = json as Record<string, unknown>;
  const refuse = (key: string, expected: string): never => {
    throw new EngineError(
      `config.json: ${key} is ${JSON.stringify(file[key])?.slice(0, 80)}; expected ${expected}.`,
      { code: 'config/unsupported', hint: 'This page runs GPT-2 and models of its shape.' },
    );
  };
  const number = (...keys: string[]): number | undefined => {
    for (const key of keys) {
      const value = file[key];
      if (value === undefined || value === null) continue;
      if (typeof value !== 'number' || !Number.isFinite(value)) refuse(key, 'a number');
      return value as number;
    }
    return undefined;
  };
  const flag = (key: string): boolean | undefined => {
    const value = file[key];
    if (value === undefined || value === null) return undefined;
    if (typeof value !== 'boolean') refuse(key, 'true or false');
    return value as boolean;
  };

  /** Only to be printed: nonsense here is no reason to refuse a model. */
  const rate = (...keys: string[]): number | undefined =>
    keys.map((key) => file[key]).find((value): value is number => typeof value === 'number');

  const type = file.model_type;
  if (type !== undefined && type !== 'gpt2') refuse('model_type', '"gpt2"');
  if (flag('scale_attn_weights') === false) refuse('scale_attn_weights', 'true');
  if (flag('scale_attn_by_inverse_layer_idx')) refuse('scale_attn_by_inverse_layer_idx', 'false');
  if (flag('add_cross_attention')) refuse('add_cross_attention', 'false');
  // `reorder_and_upcast_attn` asks for attention in f32, which it always is here.
  if (flag('is_encoder_decoder')) refuse('is_encoder_decoder', 'false');
  if (file.quantization_config) refuse('quantization_config', 'none: weights as F32, F16 or BF16');
  const pruned = file.pruned_heads;
  if (typeof pruned === 'object' && pruned !== null && Object.keys(pruned).length > 0) {
    refuse('pruned_heads', 'none: heads of one size in every block');
  }

  let activation: 'gelu-tanh' | 'gelu-exact' | undefined;
  if (file.activation_function !== undefined) {
    const name = file.activation_function;
    activation = typeof name === 'string' ? ACTIVATIONS.get(name) : undefined;
    if (!activation) refuse('activation_function', [...ACTIVATIONS.keys()].join(', '));
  }
  const denominator = file.layer_norm_denominator;
  if (denominator !== undefined && denominator !== 'variance' && denominator !== 'std') {
    refuse('layer_norm_denominator', '"variance" or "std"');
  }
  const eos = file.eos_token_id;
  const eosTokenIds = (Array.isArray(eos) ? eos : [eos]).filter(
    (id): id is number => Number.isInteger(id) && (id as number) >= 0,
  );
  return {
    modelType: typeof type === 'string' ? type : undefined,
    vocabSize: number('vocab_size'),
    nCtx: number('n_positions', 'n_ctx', 'block_size', 'context_length'),
    nLayer: number('n_layer', 'n_layers'),
    nHead: number('n_head', 'n_heads'),
    nEmbd: number('n_embd', 'emb_dim'),
    nInner: number('n_inner'),
    qkvBias: flag('qkv_bias'),
    bias: flag('bias'),
    layerNormBias: flag('layer_norm_bias'),
    layerNormDenominator: denominator as 'variance' | 'std' | undefined,
    layerNormEpsilon: number('layer_norm_epsilon'),
    activation,
    tiedHead: flag('tie_word_embeddings'),
    bosTokenId: number('bos_token_id'),
    eosTokenIds: eos === undefined || eos === null ? undefined : eosTokenIds,
    dropRates: {
      embd: rate('embd_pdrop', 'drop_rate', 'dropout'),
      attn: rate('attn_pdrop', 'drop_rate', 'dropout'),
      resid: rate('resid_pdrop', 'drop_rate', 'dropout'),
    },
  };
}

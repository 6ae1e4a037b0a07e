// What config.json says of a model: Hugging Face's GPT2Config keys, those of nanoGPT, minGPT and the book, and ours.
import { EngineError } from '../errors.ts';
import { isObject, show } from '../json.ts';
import type { GptConfig } from './config.ts';

/** How often values were dropped in training, 0 to 1; a model in use drops none. */
export interface DropRates {
  /** After the embedding. */
  readonly embd?: number;
  /** Of the attention weights. */
  readonly attn?: number;
  /** Of what a block adds to the residual stream. */
  readonly resid?: number;
}

/**
 * What a `config.json` says; fields it leaves open are undefined and decided by the tensors. The names of tokens are
 * texts where the file has texts: only a tokenizer knows which ids they have.
 */
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
  readonly layerNormDenominator?: GptConfig['layerNormDenominator'];
  readonly layerNormEpsilon?: number;
  readonly activation?: GptConfig['activation'];
  readonly scaleAttnWeights?: boolean;
  readonly scaleAttnByInverseLayerIdx?: boolean;
  /** Attention in f32, which it always is here; kept for whoever trains the saved model in halves. */
  readonly reorderAndUpcastAttn?: boolean;
  readonly tiedHead?: boolean;
  readonly bosTokenId?: number | string;
  readonly eosTokenIds?: readonly (number | string)[];
  readonly dropRates?: DropRates;
  /** Standard deviation of its first weights; kept for whoever reads what became of a model. */
  readonly initializerRange?: number;
  /** All files of the tokenizer, where the file says so (`tokenizer_files`): nobody looks for others then. */
  readonly tokenizerFiles?: readonly string[];
}

/** transformers' names, the one that is saved first of each. */
const ACTIVATIONS = new Map<string, GptConfig['activation']>([
  ['gelu_new', 'gelu-tanh'],
  ['gelu_fast', 'gelu-tanh'],
  ['gelu_pytorch_tanh', 'gelu-tanh'],
  ['gelu_python_tanh', 'gelu-tanh'],
  ['gelu_accurate', 'gelu-tanh'],
  ['gelu', 'gelu-exact'],
  ['gelu_python', 'gelu-exact'],
  ['quick_gelu', 'gelu-quick'],
  ['relu', 'relu'],
  ['silu', 'silu'],
  ['swish', 'silu'],
  ['tanh', 'tanh'],
]);

/** The activation that transformers calls so; undefined for a name that is none here. */
export function activationNamed(name: string): GptConfig['activation'] | undefined {
  return ACTIVATIONS.get(name);
}

/** What transformers calls an activation. */
export function nameOfActivation(activation: GptConfig['activation']): string {
  for (const [name, named] of ACTIVATIONS) if (named === activation) return name;
  throw new Error(`transformers has no name for ${activation}.`);
}

/**
 * Types of transformers that are built in another way, some of them under GPT-2's own tensor names. Any type that is not
 * here is somebody's word for a model of their own: its tensors say whether it is a GPT.
 */
const OTHER_TYPES = new Set(
  [
    'albert bart bert biogpt blenderbot bloom camembert clip clvp codegen cohere cohere2 ctrl deberta deberta-v2',
    'decision_transformer deepseek deepseek_v2 deepseek_v3 distilbert electra encoder-decoder ernie exaone falcon',
    'falcon_mamba gemma gemma2 gemma3 gemma3_text glm glm4 gpt_bigcode gpt_neo gpt_neox gpt_neox_japanese gpt_oss gptj',
    'granite imagegpt internlm internlm2 jais jamba llama llama4 mamba mamba2 marian mbart minicpm ministral mistral',
    'mixtral modernbert mpnet mpt mt5 nemotron olmo olmo2 olmo3 openai-gpt opt pegasus phi phi-msft phi3 qwen qwen2',
    'qwen2_moe qwen3 qwen3_moe recurrent_gemma refinedweb refinedwebmodel roberta rwkv smollm3 stablelm stablelm_epoch',
    'starcoder2 t5 transfo-xl vision-encoder-decoder vit wav2vec2 whisper xglm xlm-roberta xlnet',
  ].flatMap((types) => types.split(' ')),
);

const HINT = 'This page runs GPT-2 and models of its shape.';

/** The names under which codebases state the same number, in the order in which they are believed. */
const KEYS = {
  nCtx: ['n_positions', 'n_ctx', 'block_size', 'context_length', 'max_position_embeddings'],
  nLayer: ['n_layer', 'n_layers', 'num_hidden_layers'],
  nHead: ['n_head', 'n_heads', 'num_attention_heads'],
  nEmbd: ['n_embd', 'emb_dim', 'hidden_size'],
} as const;

/** Of configurations within configurations: `{ model: { init_args: { config } } }`. */
const DEEPEST = 3;

type Source = Readonly<Record<string, unknown>>;

/** Null is as good as silence. */
const says = (source: Source, key: string): boolean =>
  source[key] !== undefined && source[key] !== null;

/**
 * The objects that are about this model, the file itself first. Where it states heads or a width, it is whole: what lies
 * within is of a teacher, or of a training. Where it states none, PyTorchModelHubMixin keeps a model's arguments under
 * their own names ("config", "cfg"), and a checkpoint of nanoGPT has "model_args", beside a "config" that may have been
 * another model's when its training began.
 */
function sourcesOf(file: Source): Source[] {
  const hasHeads = (each: Source): boolean => KEYS.nHead.some((key) => says(each, key));
  const hasWidth = (each: Source): boolean => KEYS.nEmbd.some((key) => says(each, key));
  if (hasHeads(file) || hasWidth(file)) return [file];
  if (isObject(file.model_args)) return [file, file.model_args];
  const within = (object: Source, depth: number): Source[] =>
    Object.values(object)
      .filter(isObject)
      .flatMap((each) => {
        if (hasHeads(each)) return [each];
        return depth > 1 ? within(each, depth - 1) : [];
      });
  const found = within(file, DEEPEST);
  // Beside one that states both, heads alone are of something else.
  return [file, ...(found.some(hasWidth) ? found.filter(hasWidth) : found)];
}

/** What is to be done about a value of the wrong kind; the usual hint where it does not help. */
function unquoted(value: unknown): string {
  return typeof value === 'string' ? 'Write it without quotes.' : 'Correct it, or leave it out.';
}

/** A token as `bos_token_id` gives it: its id, a numeral, its text, or what transformers writes of an added one. */
function toToken(value: unknown): number | string | undefined {
  if (typeof value === 'number') return Number.isInteger(value) && value >= 0 ? value : undefined;
  if (typeof value === 'string') return /^\d{1,9}$/.test(value) ? Number(value) : value;
  return isObject(value) && typeof value.content === 'string' ? value.content : undefined;
}

/** Reads a parsed `config.json`; what cannot be honoured is refused by name. Throws `config/…`. */
export function readConfigFile(json: unknown): ConfigFile {
  if (!isObject(json)) {
    throw new EngineError('config.json is not a JSON object.', {
      code: 'config/format',
      hint: 'Take config.json from a GPT-2 model.',
    });
  }
  const sources = sourcesOf(json);
  /** What the file says of a key; null is as good as silence. */
  const stated = (key: string): unknown =>
    sources.map((source) => source[key]).find((value) => value !== undefined && value !== null);
  const refuse = (key: string, expected: string, hint = HINT): never => {
    throw new EngineError(`config.json: ${key} is ${show(stated(key))}; expected ${expected}.`, {
      code: 'config/unsupported',
      hint,
    });
  };
  /** The key under which it is said, and what: said twice, what decides numbers is said alike. */
  const decided = (...keys: string[]): { key: string; value: unknown } | undefined => {
    const [first, ...rest] = keys.flatMap((key) =>
      sources.filter((source) => says(source, key)).map((source) => ({ key, value: source[key] })),
    );
    const other = rest.find(({ value }) => value !== first.value);
    if (!other) return first;
    const [value, another] = [first, other].map((each) => show(each.value));
    const contradiction =
      other.key === first.key
        ? `${first.key} twice, as ${value} and as ${another}`
        : `${first.key} as ${value} and ${other.key} as ${another}`;
    throw new EngineError(`config.json gives ${contradiction}.`, {
      code: 'config/format',
      hint: 'Leave the one in it that is of this model.',
    });
  };
  const number = (...keys: string[]): number | undefined => {
    const { key, value } = decided(...keys) ?? { key: '', value: undefined };
    if (value === undefined) return undefined;
    if (typeof value !== 'number' || !Number.isFinite(value))
      refuse(key, 'a number', unquoted(value));
    return value as number;
  };
  const flag = (key: string): boolean | undefined => {
    const value = decided(key)?.value;
    if (value !== undefined && typeof value !== 'boolean') {
      refuse(key, 'true or false', unquoted(value));
    }
    return value as boolean | undefined;
  };
  /** Only to be printed: nonsense here is no reason to refuse a model. */
  const rate = (...keys: string[]): number | undefined =>
    keys.map(stated).find((value): value is number => Number.isFinite(value));

  const type = stated('model_type');
  if (type !== undefined && typeof type !== 'string') refuse('model_type', 'a name like "gpt2"');
  // minGPT calls sizes of its own after other models; only it and nanoGPT have a block_size.
  const isOther = OTHER_TYPES.has(String(type).toLowerCase()) && stated('block_size') === undefined;
  if (isOther) {
    throw new EngineError(
      `config.json: model_type is ${show(type)}, a kind of model that is built in another way than GPT-2.`,
      { code: 'config/unsupported', hint: HINT },
    );
  }
  if (flag('add_cross_attention')) refuse('add_cross_attention', 'false');
  if (flag('is_encoder_decoder')) refuse('is_encoder_decoder', 'false');
  if (stated('quantization_config')) {
    refuse('quantization_config', 'none: weights as F32, F16 or BF16');
  }
  const pruned = stated('pruned_heads');
  if (isObject(pruned) && Object.keys(pruned).length > 0) {
    refuse('pruned_heads', 'none: heads of one size in every block');
  }

  const named = decided('activation_function')?.value;
  const activation = typeof named === 'string' ? activationNamed(named) : undefined;
  if (named !== undefined && !activation) {
    refuse('activation_function', `one of ${[...ACTIVATIONS.keys()].join(', ')}`);
  }
  const denominator = decided('layer_norm_denominator')?.value;
  if (denominator !== undefined && denominator !== 'variance' && denominator !== 'std') {
    refuse('layer_norm_denominator', '"variance" or "std"');
  }
  const eos = stated('eos_token_id');
  const files = stated('tokenizer_files');
  return {
    modelType: type as string | undefined,
    vocabSize: number('vocab_size'),
    // The tensors have it, too, and GPT2Config's n_ctx may be left over from the model that it began as.
    nCtx: number(KEYS.nCtx.find((key) => stated(key) !== undefined) ?? KEYS.nCtx[0]),
    nLayer: number(...KEYS.nLayer),
    nHead: number(...KEYS.nHead),
    nEmbd: number(...KEYS.nEmbd),
    nInner: number('n_inner'),
    qkvBias: flag('qkv_bias'),
    bias: flag('bias'),
    layerNormBias: flag('layer_norm_bias'),
    layerNormDenominator: denominator as GptConfig['layerNormDenominator'] | undefined,
    layerNormEpsilon: number('layer_norm_epsilon'),
    activation,
    scaleAttnWeights: flag('scale_attn_weights'),
    scaleAttnByInverseLayerIdx: flag('scale_attn_by_inverse_layer_idx'),
    reorderAndUpcastAttn: flag('reorder_and_upcast_attn'),
    tiedHead: flag('tie_word_embeddings'),
    bosTokenId: toToken(stated('bos_token_id')),
    eosTokenIds:
      eos === undefined || Number.isNaN(eos)
        ? undefined
        : [eos]
            .flat()
            .map(toToken)
            .filter((token) => token !== undefined),
    dropRates: {
      embd: rate('embd_pdrop', 'drop_rate', 'dropout'),
      attn: rate('attn_pdrop', 'drop_rate', 'dropout'),
      resid: rate('resid_pdrop', 'drop_rate', 'dropout'),
    },
    initializerRange: rate('initializer_range'),
    tokenizerFiles: Array.isArray(files)
      ? files.filter((file) => typeof file === 'string')
      : undefined,
  };
}

// What adapter_config.json says of a LoRA adapter: PEFT's LoraConfig, as far as it decides numbers. What would decide
// them otherwise than it is computed here is refused by name.
// Source: github.com/huggingface/peft, tuners/lora and utils/other.py.
import { EngineError } from '../../errors.ts';
import { isObject, show } from '../../json.ts';
import { toNamePattern } from './namePattern.ts';

export interface AdapterConfig {
  /** The model it was trained on, as its file names it: an id on a Hub or a path of another machine; null for none. */
  readonly base: string | null;
  /** `r`; null where the file leaves it to the tensors. */
  readonly rank: number | null;
  /** `lora_alpha`; null where it is missing, which makes the scale unknown. */
  readonly alpha: number | null;
  /** Whether the product is scaled by α/√r instead of α/r. */
  readonly usesRsLora: boolean;
  /** `r` of a module by its name in the base model (`transformer.h.0.attn.c_attn`). */
  readonly rankOf: (module: string) => number | null;
  /** `lora_alpha` of a module. Throws `adapter/config` where there is none. */
  readonly alphaOf: (module: string) => number;
  /** Modules that are stored whole, by the ends of their names. */
  readonly modulesToSave: readonly string[];
  /** Whether an embedding that is stored whole stays one matrix with the head. */
  readonly keepsTying: boolean;
  /** Of what it says and nothing is done about. */
  readonly notes: readonly string[];
}

const FILE = 'adapter_config.json';
const MERGE =
  'Merge it where it was made, and load the result: model = PeftModel.from_pretrained(base, "adapter").merge_and_unload(); model.save_pretrained("merged").';

/** Which fields say something that changes no number of a merged model, or is looked at here. */
const KNOWN = new Set(
  [
    'peft_type task_type base_model_name_or_path revision inference_mode auto_mapping peft_version r lora_alpha',
    'lora_dropout use_rslora use_dora fan_in_fan_out bias target_modules exclude_modules modules_to_save rank_pattern',
    'alpha_pattern layers_to_transform layers_pattern init_lora_weights megatron_config megatron_core loftq_config',
    'eva_config corda_config lora_bias runtime_config qalora_group_size ensure_weight_tying use_qalora layer_replication',
    'target_parameters trainable_token_indices alora_invocation_tokens arrow_config lora_ga_config',
  ].flatMap((keys) => keys.split(' ')),
);

/** How A and B began, where that left the base as it was. The others take their beginning out of the base's weights. */
const PLAIN_BEGINNINGS: readonly unknown[] = [
  undefined,
  null,
  true,
  false,
  'gaussian',
  'eva',
  'orthogonal',
];

/** Fields with which an adapter is something else than W + s·B·A, and what it is then. */
const OTHERS: readonly (readonly [key: string, what: string])[] = [
  ['use_dora', 'DoRA, which scales each output by a length of its own'],
  ['use_qalora', 'QALoRA, which pools its inputs'],
  ['layer_replication', 'an adapter of a model whose blocks are repeated'],
  ['target_parameters', 'an adapter of parameters that are no layers'],
  ['trainable_token_indices', 'an adapter with rows of the embedding of its own'],
  ['alora_invocation_tokens', 'an activated LoRA, which begins at a token of the text'],
  ['arrow_config', 'a mixture of adapters'],
  ['megatron_config', 'an adapter of Megatron’s layers'],
];

const MOST_PATTERNS = 10_000;

/** Reads a parsed adapter_config.json; nothing in it is believed. Throws `adapter/config` and `adapter/unsupported`. */
export function readAdapterConfig(json: unknown): AdapterConfig {
  if (!isObject(json)) throw wrong('it is no JSON object');
  const type = json.peft_type;
  if (typeof type !== 'string' || type.toUpperCase() !== 'LORA') {
    throw unsupported(
      type === undefined
        ? `${FILE} does not say what kind of adapter it is (peft_type).`
        : `This is an adapter of the kind ${show(type)}; only LoRA is merged here.`,
    );
  }
  for (const [key, what] of OTHERS) {
    const value = json[key];
    if (isSilent(value)) continue;
    throw unsupported(`${FILE} has ${key}: this is ${what}, which is not merged here.`);
  }
  if (!PLAIN_BEGINNINGS.includes(json.init_lora_weights)) {
    throw unsupported(
      `${FILE} has init_lora_weights: ${show(json.init_lora_weights)}, which changes the base model’s own weights too.`,
    );
  }
  const { r: rank } = json;
  const alpha = json.lora_alpha ?? null;
  if (alpha !== null && !isNumber(alpha))
    throw wrong(`lora_alpha is ${show(alpha)}; expected a number`);
  if (rank !== undefined && rank !== null && !isRank(rank)) {
    throw wrong(`r is ${show(rank)}; expected a whole number from 1`);
  }
  const ranks = patternsOf(json.rank_pattern, 'rank_pattern', isRank);
  const alphas = patternsOf(json.alpha_pattern, 'alpha_pattern', isNumber);
  const saved = json.modules_to_save;
  const unknown = Object.entries(json)
    .filter(([key, value]) => !KNOWN.has(key) && !isSilent(value))
    .map(([key]) => key.slice(0, 40));
  const base = json.base_model_name_or_path;
  return {
    base: typeof base === 'string' && base !== '' ? base.slice(0, 300) : null,
    rank: isRank(rank) ? rank : null,
    alpha,
    usesRsLora: json.use_rslora === true,
    rankOf: (module) => ranks(module) ?? (isRank(rank) ? rank : null),
    alphaOf(module) {
      const found = alphas(module) ?? alpha;
      if (found !== null) return found;
      throw wrong('it has no lora_alpha, so nobody can know the scale of the adapter');
    },
    modulesToSave: Array.isArray(saved) ? saved.filter((name) => typeof name === 'string') : [],
    keepsTying: json.ensure_weight_tying === true,
    notes:
      unknown.length === 0
        ? []
        : [
            `${FILE} has ${unknown.slice(0, 3).join(', ')}, which is unknown here: the adapter is merged as LoRA without it.`,
          ],
  };
}

/** The scale of B·A: α/r, or α/√r. */
export function scaleOf(
  { usesRsLora, alphaOf }: AdapterConfig,
  module: string,
  rank: number,
): number {
  return alphaOf(module) / (usesRsLora ? Math.sqrt(rank) : rank);
}

type Lookup = (module: string) => number | undefined;

/**
 * Keys are regular expressions of the end of a module's name, from its beginning or after a dot; the first that fits
 * holds, as in PEFT.
 */
function patternsOf(
  value: unknown,
  key: string,
  isRight: (value: unknown) => value is number,
): Lookup {
  if (isSilent(value)) return () => undefined;
  if (!isObject(value)) throw wrong(`${key} is no object`);
  const entries = Object.entries(value);
  if (entries.length > MOST_PATTERNS) throw wrong(`${key} has ${entries.length} entries`);
  const rules = entries.map(([pattern, number]) => {
    if (!isRight(number)) throw wrong(`${key} has ${show(number)} for ${show(pattern)}`);
    const fits = toNamePattern(pattern);
    if (fits) return { fits, number };
    throw unsupported(
      `${FILE} has a ${key} for ${show(pattern)}, an expression that is not understood here.`,
    );
  });
  return (module) => rules.find(({ fits }) => fits(module))?.number;
}

/** Null, false, and what holds nothing. */
function isSilent(value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === '') return true;
  if (Array.isArray(value)) return value.length === 0;
  return isObject(value) && Object.keys(value).length === 0;
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function isRank(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 1;
}

function wrong(problem: string): EngineError {
  return new EngineError(`${FILE}: ${problem}.`, {
    code: 'adapter/config',
    hint: `Take ${FILE} from the adapter’s own folder again. ${MERGE}`,
  });
}

function unsupported(message: string): EngineError {
  return new EngineError(message, { code: 'adapter/unsupported', hint: MERGE });
}

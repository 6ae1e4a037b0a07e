// What a checkpoint says of its run beside weights and moments: where it stands, and how it was asked for. The file has
// transformers' name, and its keys where they mean the same. Read back, nothing in it is believed.
import { EngineError } from '../../errors.ts';
import { type JsonValue, isObject, show } from '../../json.ts';
import { type GptConfig, checkConfig } from '../../model/config.ts';
import { nameOfActivation } from '../../model/configFile.ts';
import type { TorchRandomState } from '../../model/training/torchRandom.ts';

/** Numbers of a step by transformers' names: `step`, `loss`, `eval_loss`, `learning_rate`, `grad_norm`. */
export type LogEntry = { readonly step: number } & Readonly<Record<string, number>>;

/** Where a run stands between two steps. */
export interface TrainerState {
  /** The run's own id. */
  readonly run: string;
  /** Steps done. */
  readonly step: number;
  /** Passes with dropout so far: where the masks' generator stands. */
  readonly microSteps: number;
  /** The model as it trains: files of weights do not tell absent biases from zeros. */
  readonly config: GptConfig;
  /** How the run was asked for; whoever wrote them checks them. */
  readonly options: { readonly [key: string]: JsonValue };
  /** Where PyTorch's generator stands, in runs that draw from it. */
  readonly generator: TorchRandomState | null;
  /** The position in the data, as its owner says it; its owner checks it. */
  readonly position: JsonValue;
  /** Validation loss of these weights; null where they were not measured. */
  readonly evalLoss: number | null;
  /** What was told of the last steps. */
  readonly log: readonly LogEntry[];
}

export const TRAINER_STATE = 'trainer_state.json';

const FORMAT = 'glass-gpt';
const VERSION = 1;
/** Steps whose log a checkpoint keeps. */
const MOST_LOG = 1000;
/** No such file is larger, in bytes. */
const MOST_BYTES = 8 << 20;
const GENERATOR_WORDS = 624;

const SIZES = ['vocabSize', 'nCtx', 'nLayer', 'nHead', 'nEmbd', 'nInner'] as const;
const FLAGS = [
  'qkvBias',
  'bias',
  'layerNormBias',
  'scaleAttnWeights',
  'scaleAttnByInverseLayerIdx',
  'tiedHead',
] as const;

/** The text of the file. Every number in it must be one: JSON has no NaN. */
export function writeTrainerState(state: TrainerState): string {
  const { generator } = state;
  const json = {
    format: FORMAT,
    version: VERSION,
    run: state.run,
    global_step: state.step,
    micro_steps: state.microSteps,
    eval_loss: state.evalLoss,
    model: state.config,
    options: state.options,
    generator: generator && {
      words: [...generator.words],
      drawn: generator.drawn,
      next_normal: generator.nextNormal,
    },
    position: state.position,
    log_history: state.log.slice(-MOST_LOG),
  };
  const text = JSON.stringify(json, (key, value: unknown) => {
    if (typeof value === 'number' && !Number.isFinite(value)) {
      throw new Error(`${TRAINER_STATE} cannot hold ${key} = ${value}.`);
    }
    return value;
  });
  return `${text}\n`;
}

/** Reads the file. Throws `training/checkpoint`, naming what is wrong. */
export function readTrainerState(bytes: Uint8Array): TrainerState {
  if (bytes.length > MOST_BYTES) throw fail(`is larger than ${MOST_BYTES} bytes`);
  const json = parse(bytes);
  if (!isObject(json)) throw fail('is no JSON object');
  if (json.format !== FORMAT) {
    throw new EngineError(
      `${TRAINER_STATE} is not one that this program wrote: its format is ${show(json.format)}.`,
      {
        code: 'training/checkpoint',
        hint: 'A run of another program cannot go on here, but its weights can be loaded as a model, and trained on.',
      },
    );
  }
  if (json.version !== VERSION) {
    throw new EngineError(
      `${TRAINER_STATE} has the version ${show(json.version)}; this program reads version ${VERSION}.`,
      { code: 'training/checkpoint', hint: 'Go on with the version that wrote it.' },
    );
  }
  const { run, options, position = null } = json;
  if (typeof run !== 'string') throw wrong('run', run, 'a text');
  if (!isObject(options)) throw wrong('options', options, 'an object');
  return {
    run,
    step: wholeNumber('global_step', json.global_step),
    microSteps: wholeNumber('micro_steps', json.micro_steps),
    evalLoss: json.eval_loss === null ? null : finite('eval_loss', json.eval_loss),
    config: toConfig(json.model),
    // All of it came from JSON.
    options: options as TrainerState['options'],
    generator: json.generator === null ? null : toGenerator(json.generator),
    position: position as JsonValue,
    log: toLog(json.log_history),
  };
}

function toConfig(json: unknown): GptConfig {
  if (!isObject(json)) throw wrong('model', json, 'an object');
  const config: Record<string, unknown> = {};
  for (const key of SIZES) config[key] = wholeNumber(`model.${key}`, json[key]);
  for (const key of FLAGS) {
    if (typeof json[key] !== 'boolean') throw wrong(`model.${key}`, json[key], 'true or false');
    config[key] = json[key];
  }
  const { layerNormDenominator, layerNormEpsilon, activation } = json;
  if (layerNormDenominator !== 'variance' && layerNormDenominator !== 'std') {
    throw wrong('model.layerNormDenominator', layerNormDenominator, '"variance" or "std"');
  }
  try {
    nameOfActivation(activation as GptConfig['activation']);
  } catch {
    throw wrong('model.activation', activation, 'an activation like "gelu-tanh"');
  }
  config.layerNormDenominator = layerNormDenominator;
  config.layerNormEpsilon = finite('model.layerNormEpsilon', layerNormEpsilon);
  config.activation = activation;
  // Every field is there, and of its type.
  const whole = config as unknown as GptConfig;
  try {
    checkConfig(whole);
  } catch (error) {
    throw fail(`has no model that can be: ${(error as Error).message}`, '');
  }
  return whole;
}

function toGenerator(json: unknown): TorchRandomState {
  if (!isObject(json)) throw wrong('generator', json, 'an object');
  const { words, next_normal: nextNormal } = json;
  const isWord = (word: unknown): boolean =>
    Number.isInteger(word) && Number(word) >= 0 && Number(word) < 2 ** 32;
  if (!Array.isArray(words) || words.length !== GENERATOR_WORDS || !words.every(isWord)) {
    throw wrong('generator.words', words, `${GENERATOR_WORDS} words of 32 bits`);
  }
  return {
    words: Uint32Array.from(words as number[]),
    drawn: wholeNumber('generator.drawn', json.drawn),
    nextNormal: nextNormal === null ? null : finite('generator.next_normal', nextNormal),
  };
}

function toLog(json: unknown): LogEntry[] {
  if (!Array.isArray(json) || json.length > MOST_LOG) {
    throw wrong('log_history', json, `a list of at most ${MOST_LOG} entries`);
  }
  return json.map((entry: unknown, i) => {
    const at = `log_history[${i}]`;
    if (!isObject(entry)) throw wrong(at, entry, 'an object');
    const numbers = Object.entries(entry).map(([key, value]) => [
      key,
      finite(`${at}.${key}`, value),
    ]);
    return { ...Object.fromEntries(numbers), step: wholeNumber(`${at}.step`, entry.step) };
  });
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw fail('is no JSON in UTF-8', '.', cause);
  }
}

function wholeNumber(key: string, value: unknown): number {
  if (Number.isSafeInteger(value) && Number(value) >= 0) return Number(value);
  throw wrong(key, value, 'a whole number from 0 on');
}

function finite(key: string, value: unknown): number {
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw wrong(key, value, 'a number');
}

function wrong(key: string, value: unknown, expected: string): EngineError {
  return fail(`has ${key} = ${show(value)}; expected ${expected}`);
}

function fail(problem: string, end = '.', cause?: unknown): EngineError {
  return new EngineError(`${TRAINER_STATE} ${problem}${end}`, {
    code: 'training/checkpoint',
    hint: 'The checkpoint is damaged: go on from the one before it.',
    cause,
  });
}

// The sampler's knobs as the page keeps them: ranges, defaults, clamping. Pure data and functions.
import type { GenerationOptions, SamplingOptions } from '../api.ts';

/** Every knob of a run. `seed: null` draws a new one for each run. */
export interface Settings extends SamplingOptions {
  readonly max_new_tokens: number;
  readonly seed: number | null;
  readonly stop: readonly string[];
}

/** The knobs that are numbers with a range. */
export type NumericKey =
  | 'temperature'
  | 'top_k'
  | 'top_p'
  | 'min_p'
  | 'repetition_penalty'
  | 'max_new_tokens';

export interface NumericRange {
  readonly label: string;
  readonly min: number;
  readonly max: number;
  readonly step: number;
  /** Where the slider ends; the number field goes on to `max`. */
  readonly sliderMax: number;
  readonly integer: boolean;
  /** The value that switches the step off, if there is one. */
  readonly off?: number;
}

export const RANGES: Readonly<Record<NumericKey, NumericRange>> = {
  temperature: {
    label: 'Temperature',
    min: 0.05,
    max: 5,
    step: 0.05,
    sliderMax: 2,
    integer: false,
  },
  top_k: {
    label: 'Top-k',
    min: 0,
    max: 100_000,
    step: 1,
    sliderMax: 200,
    integer: true,
    off: 0,
  },
  top_p: {
    label: 'Top-p',
    min: 0.01,
    max: 1,
    step: 0.01,
    sliderMax: 1,
    integer: false,
    off: 1,
  },
  min_p: {
    label: 'Min-p',
    min: 0,
    max: 1,
    step: 0.01,
    sliderMax: 0.5,
    integer: false,
    off: 0,
  },
  repetition_penalty: {
    label: 'Repetition penalty',
    min: 0.1,
    max: 5,
    step: 0.05,
    sliderMax: 2,
    integer: false,
    off: 1,
  },
  max_new_tokens: {
    label: 'Length',
    min: 1,
    max: 4096,
    step: 1,
    sliderMax: 400,
    integer: true,
  },
};

export const NUMERIC_KEYS: readonly NumericKey[] = [
  'temperature',
  'top_k',
  'top_p',
  'min_p',
  'repetition_penalty',
  'max_new_tokens',
];

export const MAX_SEED = 0xffff_ffff;
const MAX_STOPS = 8;
const MAX_STOP_LENGTH = 200;

export const DEFAULT_SETTINGS: Settings = {
  do_sample: true,
  temperature: 0.8,
  top_k: 40,
  top_p: 1,
  min_p: 0,
  repetition_penalty: 1,
  max_new_tokens: 120,
  seed: null,
  stop: [],
};

/** Nearest allowed value, or undefined where `value` is no number at all. */
export function clampSetting(key: NumericKey, value: unknown): number | undefined {
  if (typeof value !== 'number' || Number.isNaN(value)) return undefined;
  const { min, max, integer } = RANGES[key];
  const bounded = Math.min(max, Math.max(min, value));
  return integer ? Math.round(bounded) : bounded;
}

export function clampSeed(value: unknown): number | undefined {
  if (typeof value !== 'number' || Number.isNaN(value)) return undefined;
  return Math.min(MAX_SEED, Math.max(0, Math.round(value)));
}

export function cleanStops(values: readonly unknown[]): string[] {
  const strings = values.filter((v): v is string => typeof v === 'string' && v !== '');
  return [...new Set(strings.map((s) => s.slice(0, MAX_STOP_LENGTH)))].slice(0, MAX_STOPS);
}

/** Whatever an unknown value holds of settings, clamped; the rest falls away. */
export function readSettings(value: unknown): Partial<Settings> {
  if (typeof value !== 'object' || value === null) return {};
  const source: Record<string, unknown> = { ...value };
  const found: Writable = {};
  for (const key of NUMERIC_KEYS) {
    const clamped = clampSetting(key, source[key]);
    if (clamped !== undefined) found[key] = clamped;
  }
  if (typeof source.do_sample === 'boolean') found.do_sample = source.do_sample;
  if (source.seed === null) found.seed = null;
  else {
    const seed = clampSeed(source.seed);
    if (seed !== undefined) found.seed = seed;
  }
  if (Array.isArray(source.stop)) found.stop = cleanStops(source.stop);
  return found;
}

export function toSamplingOptions(settings: Settings): SamplingOptions {
  const { do_sample, temperature, top_k, top_p, min_p, repetition_penalty } = settings;
  return { do_sample, temperature, top_k, top_p, min_p, repetition_penalty };
}

export function toGenerationOptions(settings: Settings): GenerationOptions {
  return {
    ...toSamplingOptions(settings),
    max_new_tokens: settings.max_new_tokens,
    stop: settings.stop,
    ...(settings.seed === null ? {} : { seed: settings.seed }),
  };
}

type Writable = { -readonly [K in keyof Settings]?: Settings[K] };

/**
 * Takes a number from outside into `settings`: clamped, with a note that says so. A temperature of 0
 * is greedy, as everywhere. `shown` is the value as it was written there.
 */
export function takeNumber(
  settings: Writable,
  key: NumericKey,
  value: number,
  shown: string,
  notes: string[],
): void {
  const clamped = clampSetting(key, value);
  if (clamped === undefined) {
    notes.push(`${shown} is no number and was ignored.`);
    return;
  }
  if (key === 'temperature' && value === 0) {
    settings.do_sample = false;
    return;
  }
  settings[key] = clamped;
  if (clamped === value) return;
  const { min, max, integer } = RANGES[key];
  const range = integer ? `whole numbers from ${min} to ${max}` : `${min} to ${max}`;
  notes.push(`${shown} is outside ${range}; ${clamped} is used.`);
}

/**
 * The page's defaults with what the model's own `generation_config.json` says, clamped like what an
 * address says; the notes tell what was.
 */
export function withDefaults(defaults: Partial<GenerationOptions> = {}): {
  readonly settings: Settings;
  readonly notes: readonly string[];
} {
  const own: Writable = {};
  const notes: string[] = [];
  if (defaults.do_sample !== undefined) own.do_sample = defaults.do_sample;
  for (const key of NUMERIC_KEYS) {
    const value = defaults[key];
    if (value === undefined) continue;
    takeNumber(own, key, value, `generation_config.json: ${key} ${value}`, notes);
  }
  return { settings: { ...DEFAULT_SETTINGS, ...own }, notes };
}

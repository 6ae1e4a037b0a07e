// The model that the page has loaded, as one that a run goes on training.
import type {
  BaseSource,
  Dtype,
  LoadedBase,
  RunArguments,
  RunBase,
  RunModel,
  RunSettings,
} from '../../api.ts';
import type { Here, ModelFacts } from '../facts/model.ts';
import { hostOf } from '../modelName.ts';
import { presetRate, USUAL } from './presets.ts';

/** What is known of it before a trainer reads it again. */
export interface GoOnFacts {
  readonly base: RunBase;
  readonly loaded: LoadedBase;
  /** What it is like. */
  readonly model: RunModel;
  readonly vocabSize: number;
  readonly parameters: number;
  /** What the page has it in: it is trained in 32 bits. */
  readonly dtype: Dtype;
  /** Whom reading it again asks for its files; null where nobody. */
  readonly host: string | null;
  /** Why it cannot be gone on with, and what would do; null where it can. */
  readonly whyNot: string | null;
}

/** Null where none is loaded. `home` is the page's address. */
export function goOnOf(model: ModelFacts, home: string): GoOnFacts | null {
  if (model.at !== 'here') return null;
  const { summary, wish } = model.here;
  const { fingerprint, layout, nLayer, nHead, nEmbd, nCtx, vocabSize } = summary;
  const source = sourceOf(model.here, home);
  const name = wish.run === undefined ? summary.name : wish.source;
  const isStd = summary.layerNormDenominator === 'std';
  const kind = layout === 'nanogpt' || layout === 'mingpt' ? layout : 'gpt2';
  return {
    base: { name, fingerprint, source: wish.files === undefined ? source : null },
    loaded: {
      fingerprint,
      source: { ...source, ...(wish.files === undefined ? {} : { files: wish.files }) },
    },
    model: {
      kind: isStd ? 'notebook' : kind,
      n_layer: nLayer,
      n_head: nHead,
      n_embd: nEmbd,
      n_ctx: nCtx,
    },
    vocabSize,
    parameters: summary.parameterCount,
    dtype: summary.dtype,
    host: summary.origin?.kind === 'folder' ? hostOf(source, home) : null,
    whyNot: whyNot(name, summary),
  };
}

function whyNot(name: string, { reads, origin }: Here['summary']): string | null {
  if (reads === 'ids') {
    return `${name} has no tokenizer, so it cannot learn from a text: put its tokenizer.json beside its weights, and load it again.`;
  }
  if (origin?.kind === 'hub' && origin.keptIn === 'memory') {
    return `${name} is not kept in this browser, and would be downloaded again: load it once more, and keep it.`;
  }
  return null;
}

/** What names it, at the commit that is here, and how it was read. */
function sourceOf({ summary, wish }: Here, home: string): BaseSource {
  const { origin, assumed = [] } = summary;
  const { revision, host, base_model, base_revision, run } = wish;
  const { nHead, layer_norm_denominator, activation_function } = wish;
  const own = new URL('.', home).href;
  const isOwn = host === undefined && wish.source.startsWith(own);
  const commit = origin?.kind === 'hub' ? (origin.commit ?? revision) : revision;
  const said = { revision: commit, host, base_model, base_revision, run };
  const read = { nHead, layer_norm_denominator, activation_function };
  const decided = Object.fromEntries(assumed.map(({ key, value }) => [key, value]));
  return {
    source: isOwn ? `./${wish.source.slice(own.length)}` : wish.source,
    ...told(said),
    ...told(read),
    ...decided,
  };
}

function told<T extends object>(all: T): Partial<T> {
  return Object.fromEntries(
    Object.entries(all).filter(([, value]) => value !== undefined),
  ) as Partial<T>;
}

// ── what going on usually is ────────────────────────────────────────────────────────────────────

/** A model that knows something moves in small steps; an adapter, which begins with nothing, in larger ones. */
const RATES = { all: 1e-4, lora: 1e-3 } as const;
/** Tokens that are read at a time, where it could see more: a step of a second is watched, one of ten is not. */
const MOST_TOKENS = 128;

/** PEFT's rank, and twice of it, as most take it. */
export const LORA = { r: 8, lora_alpha: 16 } as const;

export function goOnArguments({ n_ctx }: RunModel): RunArguments {
  return {
    ...USUAL,
    ...ratesOf(false),
    per_device_train_batch_size: 4,
    block_size: Math.min(n_ctx, MOST_TOKENS),
    max_steps: 100,
    warmup_steps: 5,
    eval_steps: 10,
    save_steps: 20,
    sample_steps: 10,
  };
}

function ratesOf(isLora: boolean): { readonly learning_rate: number; readonly min_lr: number } {
  const learning_rate = isLora ? RATES.lora : RATES.all;
  return { learning_rate, min_lr: learning_rate / 10 };
}

/** The rate that a run of such a model begins with where nobody says another. */
export function usualRate({ base, model }: Pick<RunSettings, 'base' | 'model'>): number {
  return base === undefined ? presetRate(model) : ratesOf(base.lora !== undefined).learning_rate;
}

/** The arguments of a run in which something else learns than before: a rate that nobody changed goes with it. */
export function followLora(args: RunArguments, isLora: boolean): RunArguments {
  const before = ratesOf(!isLora);
  return args['learning_rate'] === before.learning_rate ? { ...args, ...ratesOf(isLora) } : args;
}

/** How many parameters a LoRA of attention has: A is r × n_embd, B three times n_embd × r, in each block. */
export function loraParameters({ n_layer, n_embd }: RunModel, r: number): number {
  return n_layer * 4 * n_embd * r;
}

// Whole training runs of PyTorch from a seed, with dropout on, of the conformance pack's `seeded`.
import { type GptConfig, PRESETS } from '../../src/model/config.ts';
import type { InitialRule } from '../../src/model/training/initialise.ts';

export const SEEDED_RUNS = [
  'notebook',
  'mingpt',
  'nanogpt',
] as const satisfies readonly InitialRule[];

/** `run.json`: what there is to know of a run. */
export interface SeededRun {
  readonly seed: number;
  readonly config: {
    readonly vocab_size: number;
    readonly context_length: number;
    readonly emb_dim: number;
    readonly n_layers: number;
    readonly n_heads: number;
    readonly drop_rate: number;
  };
  readonly optimizer: {
    readonly lr: number;
    readonly betas: readonly [number, number];
    readonly weight_decay: number;
    readonly eps: number;
    readonly grad_clip: number;
  };
  readonly batch: number;
  readonly steps: number;
  /** Names of the tensors that decay, and of those that do not. */
  readonly decay: readonly string[];
  readonly no_decay: readonly string[];
  /** Where in `data` the windows of each step begin. */
  readonly batch_starts: readonly (readonly number[])[];
  readonly losses: readonly number[];
  readonly gradient_norms: readonly number[];
  readonly data: readonly number[];
  readonly final_input_starts: readonly number[];
}

const KINDS = {
  notebook: PRESETS['notebook-124m'],
  mingpt: PRESETS['mingpt-gpt1'],
  nanogpt: PRESETS.nanogpt,
} as const satisfies Readonly<Record<InitialRule, GptConfig>>;

/** The run's model: its codebase's kind, in its sizes. */
export function configOfRun(rule: InitialRule, { config }: Pick<SeededRun, 'config'>): GptConfig {
  return {
    ...KINDS[rule],
    vocabSize: config.vocab_size,
    nCtx: config.context_length,
    nLayer: config.n_layers,
    nHead: config.n_heads,
    nEmbd: config.emb_dim,
    nInner: 4 * config.emb_dim,
  };
}

// What shape a GPT has.
import { EngineError } from '../errors.ts';
import type { Activation } from '../kernels/activation.ts';

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
  /** Between the MLP's two linear layers. */
  readonly activation: Exclude<Activation, 'none'>;
  /** Scores are divided by √D; GPT2Config's name. */
  readonly scaleAttnWeights: boolean;
  /** Scores of block l are divided by l + 1 too, as Mistral trained its GPT-2s; GPT2Config's name. */
  readonly scaleAttnByInverseLayerIdx: boolean;
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
  scaleAttnWeights: true,
  scaleAttnByInverseLayerIdx: false,
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

/** What the products of queries and keys are multiplied by in each block, before the softmax. */
export function scoreScalesOf(config: GptConfig): number[] {
  const each = config.scaleAttnWeights ? 1 / Math.sqrt(headSizeOf(config)) : 1;
  return Array.from({ length: config.nLayer }, (_, l) =>
    config.scaleAttnByInverseLayerIdx ? each / (l + 1) : each,
  );
}

/** Numbers of heads that divide a width, 1 first. */
export function headsFor(nEmbd: number): number[] {
  const most = Math.min(nEmbd, BOUNDS.nHead);
  return Array.from({ length: most }, (_, i) => i + 1).filter((heads) => nEmbd % heads === 0);
}

/** Largest sizes believed; a config that asks for more is an attack or a mistake. */
export const BOUNDS = {
  vocabSize: 1_000_000,
  nCtx: 131_072,
  nLayer: 512,
  nHead: 512,
  nEmbd: 32_768,
  nInner: 262_144,
} as const satisfies Partial<Record<keyof GptConfig, number>>;

/**
 * Throws `config/…` unless every size is a sensible whole number and heads divide the width; `hint` says where they
 * come from.
 */
export function checkConfig(config: GptConfig, hint = 'Check config.json of this model.'): void {
  for (const [name, most] of Object.entries(BOUNDS)) {
    const value = config[name as keyof GptConfig];
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > most) {
      throw new EngineError(
        `${name} is ${String(value)}; expected a whole number from 1 to ${most}.`,
        { code: 'config/size', hint },
      );
    }
  }
  if (config.nEmbd % config.nHead !== 0) {
    throw new EngineError(
      `nEmbd must be divisible by nHead: ${config.nEmbd} / ${config.nHead} leaves ${config.nEmbd % config.nHead}.`,
      { code: 'config/heads', hint },
    );
  }
  if (!(config.layerNormEpsilon > 0)) {
    throw new EngineError(
      `layerNormEpsilon is ${config.layerNormEpsilon}; expected a number above 0.`,
      { code: 'config/epsilon', hint },
    );
  }
}

/** `621.83 MB`, of 1,048,576 bytes, as the notebook counts. */
export function toMegabytes(bytes: number): string {
  return `${(bytes / (1024 * 1024)).toFixed(2)} MB`;
}

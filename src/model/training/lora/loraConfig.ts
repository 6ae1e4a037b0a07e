// What a LoRA is to be, in PEFT's words, and which linear layers of a model that means.
// Source: Hu et al. 2021, arXiv:2106.09685; github.com/huggingface/peft, tuners/lora.
import { EngineError } from '../../../errors.ts';
import type { GptConfig } from '../../config.ts';
import { HUGGING_FACE } from '../../layouts.ts';
import {
  type Linear,
  type MatrixSpec,
  type Parameters,
  isMatrix,
  parameterTable,
} from '../../parameters.ts';

/** PEFT's LoraConfig, as far as it is known here. */
export interface LoraConfig {
  /** Rank of what is added to each weight. */
  readonly r: number;
  /** What is added is scaled by lora_alpha / r. */
  readonly lora_alpha: number;
  /** Share of a layer's inputs that its adapter does not see while it trains, 0 ≤ p < 1. */
  readonly lora_dropout: number;
  /** Ends of the names of modules that are adapted: `c_attn`, `c_proj` (of attention and MLP), `mlp.c_fc`. */
  readonly target_modules: readonly string[];
  /** Blocks that are adapted, from 0; all where it is left out. */
  readonly layers_to_transform?: readonly number[];
}

/** PEFT's own, and what it adapts of a GPT-2. */
export const LORA_DEFAULTS: LoraConfig = {
  r: 8,
  lora_alpha: 8,
  lora_dropout: 0,
  target_modules: ['c_attn'],
};

/** Above it, a LoRA is more than what it replaces. */
export const MOST_RANK = 1024;

/** A linear layer that is adapted. */
export interface LoraSite {
  /** `transformer.h.0.attn.c_attn` */
  readonly module: string;
  /** Its weight in the list of parameters. */
  readonly weight: MatrixSpec;
  of(p: Parameters): Linear;
}

/** Where in a block a layer stands, in the order in which it computes. */
const LAYERS: readonly (readonly [path: string, of: (p: Parameters, l: number) => Linear])[] = [
  ['attn.cAttn', (p, l) => p.h[l].attn.cAttn],
  ['attn.cProj', (p, l) => p.h[l].attn.cProj],
  ['mlp.cFc', (p, l) => p.h[l].mlp.cFc],
  ['mlp.cProj', (p, l) => p.h[l].mlp.cProj],
];

/** What B·A is multiplied by. */
export function scaleOf({ r, lora_alpha: alpha }: LoraConfig): number {
  return alpha / r;
}

/** The layers that are adapted, in the order in which they compute. Throws `training/lora`, naming what is wrong. */
export function loraSites(config: GptConfig, lora: LoraConfig): LoraSite[] {
  checkLora(config, lora);
  const weights = new Map(
    parameterTable(config)
      .filter(isMatrix)
      .map((spec) => [spec.path, spec]),
  );
  const modules: LoraSite[] = [];
  for (let l = 0; l < config.nLayer; l++) {
    for (const [path, of] of LAYERS) {
      const weight = weights.get(`h.${l}.${path}.weight`);
      if (!weight) throw new Error(`h.${l}.${path} has no weight.`);
      modules.push({ module: moduleOf(weight.path), weight, of: (p) => of(p, l) });
    }
  }
  for (const target of lora.target_modules) {
    if (modules.some(({ module }) => endsIn(module, target))) continue;
    throw wrong(
      `target_modules has ${JSON.stringify(target.slice(0, 60))}, and no linear layer of a block ends in it`,
      `Take some of ${LAYERS.map(([path]) => moduleOf(`h.0.${path}.weight`).replace(/^.*\.0\./u, '')).join(', ')}: c_proj alone means both.`,
    );
  }
  const layers = lora.layers_to_transform;
  return modules.filter(
    ({ module }, i) =>
      lora.target_modules.some((target) => endsIn(module, target)) &&
      (!layers || layers.includes(Math.floor(i / LAYERS.length))),
  );
}

/** PEFT's rule for a list: the whole name, or its end from a dot on. */
function endsIn(module: string, target: string): boolean {
  return module === target || module.endsWith(`.${target}`);
}

/** A weight's module by transformers' name. */
function moduleOf(path: string): string {
  return HUGGING_FACE.namesOf(path)[0].replace(/\.weight$/u, '');
}

function checkLora({ nLayer }: GptConfig, lora: LoraConfig): void {
  const { r, lora_alpha: alpha, lora_dropout: dropout, target_modules: targets } = lora;
  if (!Number.isInteger(r) || r < 1 || r > MOST_RANK) {
    throw wrong(`r is ${r}; expected a whole number from 1 to ${MOST_RANK}`, 'Take 8.');
  }
  if (!(alpha > 0 && alpha < Infinity)) {
    throw wrong(
      `lora_alpha is ${alpha}; expected a number above 0`,
      'Take r, or twice as much: what is added is scaled by lora_alpha / r.',
    );
  }
  if (!(dropout >= 0 && dropout < 1)) {
    throw wrong(
      `lora_dropout is ${dropout}; expected a number from 0 up to, not including, 1`,
      'Take 0.05, or 0 to drop nothing.',
    );
  }
  if (targets.length === 0) {
    throw wrong('target_modules is empty: nothing would train', 'Take c_attn.');
  }
  const layers = lora.layers_to_transform ?? [0];
  const other = layers.find((l) => !Number.isInteger(l) || l < 0 || l >= nLayer);
  if (layers.length > 0 && other === undefined) return;
  throw wrong(
    other === undefined
      ? 'layers_to_transform is empty: nothing would train'
      : `layers_to_transform has ${other}; the model has blocks 0 to ${nLayer - 1}`,
    'Leave it out to adapt all blocks.',
  );
}

function wrong(problem: string, hint: string): EngineError {
  return new EngineError(`${problem}.`, { code: 'training/lora', hint });
}

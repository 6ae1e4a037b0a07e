// What decides a model's numbers and stands in none of its files: which readings fit, and which is the usual one.
import type { Assumption } from '../api.ts';
import { headsFor } from './config.ts';
import type { ConfigFile } from './configFile.ts';
import {
  type Layout,
  type TensorShapes,
  countBlocks,
  hasOwnNorm,
  usualActivation,
} from './layouts.ts';

/** Heads by width of GPT-2, in every size that was published: 64 wide. */
const GPT2_HEADS: Readonly<Record<number, number>> = { 768: 12, 1024: 16, 1280: 20, 1600: 25 };

/**
 * Heads by width, as minGPT and nanoGPT name their sizes. People change layers more often than widths, so the width
 * alone decides; under the names of other codebases these widths are anybody's.
 */
const NANO_HEADS: Readonly<Record<number, number>> = {
  48: 3, // gpt-nano
  128: 4, // gpt-micro, and nanoGPT's run on a laptop
  192: 6, // gpt-mini
  384: 6, // nanoGPT's Shakespeare
};

/** GPT2Config's default, which transformers takes where a config.json of its own says nothing. */
const DEFAULT_HEADS = 12;

/** gopher-44m of minGPT: narrower heads than anybody else's of its width, so only its layers tell it. */
const GOPHER = { width: 512, layers: 8, heads: 16 };

function knownHeads({ name }: Layout, width: number, layers: number): number | null {
  const isSmall = name === 'nanogpt' || name === 'mingpt';
  if (isSmall && width === GOPHER.width && layers === GOPHER.layers) return GOPHER.heads;
  return (isSmall ? NANO_HEADS[width] : undefined) ?? GPT2_HEADS[width] ?? null;
}

/** A question that no file answers, with the answer that is taken where nothing can be measured. */
export interface OpenQuestion {
  readonly key: Assumption['key'];
  /** All that fit. */
  readonly choices: Assumption['choices'];
  /** Null where nothing is usual: somebody has to say it. */
  readonly usual: Assumption['value'] | null;
  readonly by: 'known' | 'convention';
}

/**
 * What neither config.json nor the caller (`told`) says of a checkpoint. `hasOwnHead`: its head is another matrix
 * than its embedding, whatever names they are stored under.
 */
export function openQuestions(
  layout: Layout,
  shapes: TensorShapes,
  told: ConfigFile,
  hasOwnHead: boolean,
): OpenQuestion[] {
  const questions: OpenQuestion[] = [];
  if (told.nHead === undefined) {
    const width = shapes.get(layout.namesOf('wte.weight')[0])?.[1] ?? 0;
    const isDefault =
      layout.name === 'huggingface' && told.modelType === 'gpt2' && width % DEFAULT_HEADS === 0;
    const usual = isDefault
      ? DEFAULT_HEADS
      : knownHeads(layout, width, countBlocks(layout, shapes));
    const by = isDefault ? 'convention' : 'known';
    questions.push({ key: 'nHead', choices: headsFor(width), usual, by });
  }
  if (told.layerNormDenominator === undefined && hasOwnNorm(layout)) {
    const choices = ['variance', 'std'];
    const key = 'layer_norm_denominator';
    questions.push({ key, choices, usual: 'variance', by: 'convention' });
  }
  if (told.activation === undefined && layout.name === 'nanogpt') {
    const isExact = usualActivation(layout, hasOwnHead) === 'gelu-exact';
    const [key, choices] = ['activation_function', ['gelu', 'gelu_new']] as const;
    questions.push({ key, choices, usual: isExact ? 'gelu' : 'gelu_new', by: 'convention' });
  }
  return questions;
}

/** Narrower and wider heads than these are nobody's, and not tried. */
const HEAD_SIZES = { least: 4, most: 256 };

/** Numbers of heads that are worth trying, the fewest first. */
export function triedHeads(nEmbd: number): number[] {
  const { least, most } = HEAD_SIZES;
  return headsFor(nEmbd).filter((heads) => nEmbd / heads >= least && nEmbd / heads <= most);
}

/** The heads with which a model is loaded whose heads are to be measured: without padding, where that can be. */
export function firstTried(nEmbd: number): number {
  const tried = triedHeads(nEmbd);
  return tried.find((heads) => (nEmbd / heads) % 4 === 0) ?? tried[0] ?? 1;
}

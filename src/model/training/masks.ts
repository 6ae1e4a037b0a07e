// Which values a training pass drops. A mask has a bit an element, 1 where it is kept; the masks of a pass lie one
// behind the other in the order in which the codebases apply them, each from a whole word on.
import { EngineError } from '../../errors.ts';
import type { GptConfig } from '../config.ts';
import type { DropRates } from '../configFile.ts';
import type { PassRows } from '../forward.ts';
import type { TorchRandom } from './torchRandom.ts';

/** One place where values are dropped: element e is bit e % 32 of word `start + (e >> 5)`. */
export interface MaskPlace {
  readonly start: number;
  readonly elements: number;
  /** How probable a value stays; it is divided by that. */
  readonly keep: number;
}

/** The places of a block; null where nothing is dropped. Elements are counted row by row, without padding. */
export interface BlockMasks {
  /** Attention weights (B, H, T, T), those of later tokens too. */
  readonly attention: MaskPlace | null;
  /** (R, C) what is added after attention. */
  readonly residual: MaskPlace | null;
  /** (R, C) what is added after the MLP. */
  readonly mlp: MaskPlace | null;
}

export interface MaskPlan {
  /** Of all masks together. */
  readonly words: number;
  /** (R, C) the embedding. */
  readonly embedding: MaskPlace | null;
  readonly blocks: readonly BlockMasks[];
}

/** Where the masks of a pass lie. Throws `training/dropout` where a rate is none. */
export function planMasks(
  config: GptConfig,
  { batch, tokens }: Pick<PassRows, 'batch' | 'tokens'>,
  { embd = 0, attn = 0, resid = 0 }: DropRates,
): MaskPlan {
  let words = 0;
  const place = (name: string, rate: number, elements: number): MaskPlace | null => {
    if (!(rate >= 0 && rate < 1)) {
      throw new EngineError(
        `${name} is ${rate}; expected a number from 0 up to, not including, 1.`,
        {
          code: 'training/dropout',
          hint: 'Take 0.1, or 0 to drop nothing.',
        },
      );
    }
    if (rate === 0) return null;
    const start = words;
    words += Math.ceil(elements / 32);
    return { start, elements, keep: 1 - rate };
  };
  const residual = batch * tokens * config.nEmbd;
  const embedding = place('embd_pdrop', embd, residual);
  const blocks = Array.from({ length: config.nLayer }, () => ({
    attention: place('attn_pdrop', attn, batch * config.nHead * tokens * tokens),
    residual: place('resid_pdrop', resid, residual),
    mlp: place('resid_pdrop', resid, residual),
  }));
  return { words, embedding, blocks };
}

/** The masks of one pass as PyTorch draws them, from where its generator stands. */
export function drawMasks(
  random: TorchRandom,
  { words, embedding, blocks }: MaskPlan,
): Uint32Array {
  const masks = new Uint32Array(words);
  const inOrder = [
    embedding,
    ...blocks.flatMap((each) => [each.attention, each.residual, each.mlp]),
  ];
  for (const place of inOrder) {
    if (place) random.bernoulli(masks, place.elements, place.keep, place.start);
  }
  return masks;
}

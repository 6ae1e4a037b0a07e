// Where a pass gets its dropout masks from: made on the device from a function of seed, pass, block and element, as often
// as they are needed; or given, where somebody else draws them in order.
import type { Arena, Encoder, Tensor } from '../../gpu/device.ts';
import { dropoutMask } from '../../kernels/dropout.ts';
import type { GptConfig } from '../config.ts';
import type { DropRates } from '../configFile.ts';
import { type BlockMasks, type MaskPlace, type MaskPlan, planMasks } from './masks.ts';

/** Shares that dropout takes away, 0 ≤ p < 1. */
export type Dropout = Required<DropRates>;

export const NO_DROPOUT: Dropout = { embd: 0, attn: 0, resid: 0 };

/** Whether anything is dropped. */
export function drops({ embd, attn, resid }: Dropout): boolean {
  return embd > 0 || attn > 0 || resid > 0;
}

/** One mask as kernels read it: which tensor, from which word on, and the share that is kept. */
export interface Drop {
  readonly mask: Tensor;
  readonly maskStart: number;
  readonly keep: number;
}

/** Of a block; null where nothing is dropped. */
export type BlockDrops = Readonly<Record<keyof BlockMasks, Drop | null>>;

export const NOTHING_DROPPED: BlockDrops = { attention: null, residual: null, mlp: null };

/** Masks of one pass after the other. Both record what it takes for the masks to be there from then on. */
export interface Masks {
  embedding(enc: Encoder, pass: MaskedPass): Drop | null;
  block(enc: Encoder, l: number, pass: MaskedPass): BlockDrops;
}

/** Which pass is meant. */
export interface MaskedPass {
  /** A whole number from 0 to 2⁵³ − 1. */
  readonly seed: number;
  /** Passes with dropout before this one, over the whole run. */
  readonly microStep: number;
}

interface Windows {
  readonly batch: number;
  readonly tokens: number;
}

/**
 * Masks by Philox: room for one block's, made anew for the way forward and for the way back. Throws
 * `training/dropout`, `device/out-of-memory`.
 */
export function createPhiloxMasks(
  arena: Arena,
  config: GptConfig,
  windows: Windows,
  rates: Dropout,
): Masks {
  const plan = planMasks(config, windows, rates);
  const mask = arena.zeros('masks', [Math.max(4, philoxWords(plan))], 'u32');
  const make = (
    enc: Encoder,
    { seed, microStep }: MaskedPass,
    layer: number,
    first: number,
    places: readonly (MaskPlace | null)[],
  ): (Drop | null)[] => {
    // They lie side by side; of a block's, those of what is added keep one share, attention's may keep another.
    const there = places.filter((place) => place !== null);
    const [begin, end] = [there.at(0), there.at(-1)];
    if (begin && end) {
      const other = there.find(({ keep }) => keep !== begin.keep);
      const options = {
        seed,
        step: microStep,
        layer,
        keep: begin.keep,
        start: begin.start - first,
        words: endOf(end) - begin.start,
        ...(other && { next: { start: other.start - first, keep: other.keep } }),
      };
      dropoutMask(enc, { out: mask }, options);
    }
    return places.map((place) => dropOf(mask, place, first));
  };
  return {
    embedding: (enc, pass) => make(enc, pass, 0, 0, [plan.embedding])[0],
    block(enc, l, pass) {
      const { attention, residual, mlp } = plan.blocks[l];
      const first = attention?.start ?? residual?.start ?? 0;
      const [a, r, m] = make(enc, pass, l + 1, first, [attention, residual, mlp]);
      return { attention: a, residual: r, mlp: m };
    },
  };
}

/** Words that are there at once: of the embedding, or of a block, all of which are alike. */
export function philoxWords({ words, embedding, blocks }: MaskPlan): number {
  const ofEmbedding = embedding ? endOf(embedding) : 0;
  return Math.max(ofEmbedding, (words - ofEmbedding) / blocks.length);
}

/** Masks that come with each batch, all of a pass at once. Throws as `createPhiloxMasks`. */
export function createGivenMasks(
  arena: Arena,
  config: GptConfig,
  windows: Windows,
  rates: Dropout,
): Masks & { write(words: Uint32Array): void } {
  const plan = planMasks(config, windows, rates);
  const mask = arena.zeros('masks', [Math.max(4, plan.words)], 'u32');
  return {
    embedding: () => dropOf(mask, plan.embedding, 0),
    block(_enc, l) {
      const { attention, residual, mlp } = plan.blocks[l];
      return {
        attention: dropOf(mask, attention, 0),
        residual: dropOf(mask, residual, 0),
        mlp: dropOf(mask, mlp, 0),
      };
    },
    write(words) {
      if (words.length !== plan.words) {
        throw new Error(`${words.length} words of masks; ${plan.words} are needed.`);
      }
      arena.write(mask, words);
    },
  };
}

function dropOf(mask: Tensor, place: MaskPlace | null, first: number): Drop | null {
  return place && { mask, maskStart: place.start - first, keep: place.keep };
}

function endOf({ start, elements }: MaskPlace): number {
  return start + Math.ceil(elements / 32);
}

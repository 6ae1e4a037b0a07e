// Looking into a model: attention, the lens, and parts that are off.
import type { TokenPiece } from './tokens.ts';
import type { Meant } from './turn.ts';

/** Attention of one head over the tokens that the model sees. */
export interface AttentionMap {
  readonly layer: number;
  readonly head: number;
  /** Number of tokens T in the map. */
  readonly size: number;
  /** Index into the requested ids of the map's first token (> 0 once the window has moved). */
  readonly firstIndex: number;
  /** T × T, row = the token that looks, column = the token looked at; the upper triangle is 0. */
  readonly weights: Float32Array;
}

/** Where one token looks, in every head. */
export interface AttentionRows {
  readonly nLayer: number;
  readonly nHead: number;
  /** Index into the requested ids of the token that looks. */
  readonly query: number;
  /** Index into the requested ids of the first token that the model sees. */
  readonly firstIndex: number;
  /** Tokens looked at, S = query − firstIndex + 1. */
  readonly size: number;
  /** (L, H, S); every row sums to 1. */
  readonly weights: Float32Array;
}

/** What a head may be known for. Scores run from 0 to 1; `HeadScores` says how each is measured. */
export type Behaviour = 'previous' | 'first' | 'duplicate' | 'induction' | 'local' | 'broad';

/**
 * How strongly every head does what heads are known for, averaged over the rows where it can be done.
 * previous: weight on the token before. first: weight on the first token. duplicate: weight on earlier
 * copies of the same token. induction: weight on what followed earlier copies. local: weight on the
 * token itself and the four before it, in rows with at least eight before them. broad: entropy of
 * the row over the entropy of an even spread.
 */
export interface HeadScores {
  readonly nLayer: number;
  readonly nHead: number;
  /** Tokens of the text that was scored. */
  readonly size: number;
  /** The text that heads were measured on; absent for random tokens that come twice, and for the text that is here. */
  readonly on?: string;
  /** (L, H) for each behaviour; NaN where no row of the text can show it. */
  readonly scores: Readonly<Record<Behaviour, Float32Array>>;
  /** (L, H), mean entropy of a row in bits. */
  readonly entropyBits: Float32Array;
}

/**
 * What a head may be called for. Beside the behaviours: `sentence` looks at the beginning of the sentence or speech,
 * `punctuation` at marks, `words` at the last of a few words of its own. Which tokens these mean: `marks.ts`.
 */
export type Habit = Behaviour | 'sentence' | 'punctuation' | 'words';

/**
 * What every head does in one text, beside a control: the same head with the rows of its key matrix shuffled, so that
 * queries and keys are as long as they were and no longer know each other. Scores run from 0 to 1. Those of a
 * `Behaviour` are averages as `HeadScores` has them. sentence: weight on the beginning, or the mark before it.
 * punctuation: weight on marks that came before. words: weight on the last of the head's own words before the token,
 * averaged over each word and then over the words; 0 where fewer than three of them have a tenth.
 */
export interface HeadNames {
  readonly nLayer: number;
  readonly nHead: number;
  /** Tokens of the text that was read. */
  readonly size: number;
  /** What was read where the text that is here is too short to tell: the line `on`, or a fixed text in plain English. */
  readonly standIn?: { readonly on?: string };
  /** (L, H) for each habit; NaN where too few rows of the text can show it. */
  readonly scores: Readonly<Record<Habit, Float32Array>>;
  /** (L, H) the highest of eight shuffles of the head. */
  readonly shuffled: Readonly<Record<Habit, Float32Array>>;
  /** The highest of all shuffles of all heads; of `words` the one that one in 200 of them passes. */
  readonly ceiling: Readonly<Record<Habit, number>>;
  /** (L · H) the head's own words as far as this text has them, the one that has most first. */
  readonly words: readonly (readonly string[])[];
  /** (L, H) the mean weight on the first token of a fixed text; NaN where the model cannot read that. */
  readonly firstElsewhere: Float32Array;
}

/** Every head's map as a thumbnail, and its scores on this text. */
export interface AttentionAtlas extends HeadScores {
  readonly firstIndex: number;
  /** Cells P a side: ⌈size / block⌉. */
  readonly cells: number;
  /** A cell is the strongest weight of block × block. */
  readonly block: number;
  /** (L, H, P, P). */
  readonly thumbnails: Float32Array;
}

/** A part of the model that is switched off, and what stands in its place. */
export interface PartOff {
  readonly part: 'head' | 'attention' | 'mlp';
  /** From 0. */
  readonly layer: number;
  /** From 0; for `head` alone. */
  readonly head?: number;
  /** `zero` adds nothing. `mean` adds the part's average output over a fixed reference text. */
  readonly by: 'zero' | 'mean';
}

/**
 * What the model would say if it ended after each layer: residual → final LayerNorm → head.
 * Depth 0 is the embedding, depth l the residual after l blocks; depth L is the model's own answer.
 */
export interface LensColumns {
  /** Index into the requested ids of the first token that the model sees. */
  readonly firstIndex: number;
  /** Columns from `from` to before `from + count`: each is about what comes after that token. */
  readonly from: number;
  readonly count: number;
  /** Depths L + 1. */
  readonly depths: number;
  /** (count, depths) id of the most probable token. */
  readonly tokens: Uint32Array;
  /** (count, depths) ln of its probability. */
  readonly logprobs: Float32Array;
  /** Every token that occurs in `tokens`, once. */
  readonly pieces: readonly TokenPiece[];
}

/** One cell of the lens in full: its most probable tokens. */
export interface LensCell {
  readonly position: number;
  readonly depth: number;
  readonly top: readonly { readonly piece: TokenPiece; readonly probability: number }[];
  readonly entropyBits: number;
}

/** How one token fares through the depths, at one position. */
export interface LensCurve {
  readonly position: number;
  readonly piece: TokenPiece;
  /** (depths) 1 is the most probable. */
  readonly ranks: Uint32Array;
  readonly logprobs: Float32Array;
}

/** Euclidean norms of what flows at one position. */
export interface ResidualNorms {
  readonly position: number;
  /** (L + 1) before each block, and after the last. */
  readonly residual: Float32Array;
  /** (L) what attention adds. */
  readonly attention: Float32Array;
  /** (L) what the MLP adds. */
  readonly mlp: Float32Array;
}

/** The next-token distribution of the whole model beside the one with parts off, before sampling. */
export interface Comparison {
  /** KL(whole ‖ with parts off), in bits. */
  readonly klBits: number;
  /** The most probable of either, the largest change first. */
  readonly candidates: readonly {
    readonly piece: TokenPiece;
    readonly before: number;
    readonly after: number;
  }[];
  readonly entropyBefore: number;
  readonly entropyAfter: number;
}

export interface SweepRequest extends Meant {
  /** The text before the target. */
  readonly ids: readonly number[];
  /** The token whose log-probability is watched. */
  readonly target: number;
  /** Watches the target's logit less this token's instead, which no third token changes. */
  readonly against?: number;
  /** Parts that are off all the time. */
  readonly off?: readonly PartOff[];
  readonly by: PartOff['by'];
  readonly signal?: AbortSignal;
}

/** The effect of switching each head, attention and MLP off in turn. */
export type SweepEvent =
  | {
      readonly type: 'base';
      /** ln of the target's probability, or its logit less the other's, before anything is switched off for the sweep. */
      readonly value: number;
      readonly target: TokenPiece;
      readonly against: TokenPiece | null;
      /** Parts that are going to be switched off: L · (H + 2). */
      readonly parts: number;
    }
  | {
      readonly type: 'part';
      readonly part: PartOff['part'];
      readonly layer: number;
      /** Of a head. */
      readonly head?: number;
      /** What is watched with this part off, less what it was. */
      readonly delta: number;
      /** Parts done so far. */
      readonly done: number;
    };

/**
 * What each part adds by itself to a token's logit after a text, or to one logit less another: the residual stream is a sum,
 * and with the scale that the final LayerNorm has there the logit is linear in it. So all of them sum to the logit.
 */
export interface DirectAdditions {
  readonly target: TokenPiece;
  readonly against: TokenPiece | null;
  /** (L, H) what each head puts into the stream, through the projection of its layer. */
  readonly heads: Float64Array;
  /** (L) what a layer's attention adds besides its heads: the bias of its projection, or the mean in its place. */
  readonly biases: Float64Array;
  /** (L) */
  readonly mlps: Float64Array;
  /** Of the token and its position. */
  readonly embedding: number;
  /** The bias of the final LayerNorm, through the head. */
  readonly final: number;
  /** The logit, or the difference of both, as the model says it. */
  readonly total: number;
}

/** A text, and the parts of the model that are off while it is read. */
export interface Looked {
  readonly ids: readonly number[];
  readonly off?: readonly PartOff[];
}

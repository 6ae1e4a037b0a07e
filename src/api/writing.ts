// Writing: the sampler's knobs and steps, the next-token distribution, and the stream of tokens.
import type { PartOff } from './looking.ts';
import type { TokenPiece } from './tokens.ts';
import type { Meant } from './turn.ts';

/** The knobs between logits and a token, in transformers' words and order. */
export interface SamplingOptions {
  /** False takes the most probable token always (greedy) and ignores temperature, top-k, top-p and min-p. */
  readonly do_sample: boolean;
  /** ≥ 0; 0 is greedy, as `do_sample: false` is. */
  readonly temperature: number;
  /** 0 is off. Ties with the k-th are kept. */
  readonly top_k: number;
  /** 0 < p ≤ 1; 1 is off. */
  readonly top_p: number;
  /** 0 ≤ p ≤ 1, relative to the most probable token; 0 is off. */
  readonly min_p: number;
  /** > 0; 1 is off. Logits of tokens seen before are divided (if > 0) or multiplied (if < 0). */
  readonly repetition_penalty: number;
}

export interface GenerationOptions extends SamplingOptions {
  readonly max_new_tokens: number;
  /** No end-of-text before so many tokens are written; 0 by default. */
  readonly min_new_tokens?: number;
  /** Unsigned 32-bit; undefined draws one and reports it. */
  readonly seed?: number;
  /** Generation ends when the new text contains one of these. */
  readonly stop: readonly string[];
  /** Overrides the model's end-of-text ids; null never stops at one. */
  readonly eos_token_id?: number | readonly number[] | null;
}

/** A candidate for the next token. Probabilities are over the whole vocabulary. */
export interface Candidate {
  readonly piece: TokenPiece;
  /** Probability in the model's own distribution (softmax of the raw logits). */
  readonly rawProbability: number;
  /** Probability after all sampling steps; 0 when a step removed it. */
  readonly probability: number;
  readonly logit: number;
}

/** The next-token distribution at the end of some ids, before and after the sampling steps. */
export interface Distribution {
  /** The most probable first (by `probability`, then `rawProbability`). */
  readonly top: readonly Candidate[];
  /** Tokens with a probability above 0 after all steps. */
  readonly kept: number;
  readonly vocabSize: number;
  /** Mass of the raw distribution outside `top`. */
  readonly restRaw: number;
  /** Mass of the final distribution outside `top`. */
  readonly rest: number;
  /** Tokens before this index are not seen by the model: the text is longer than its context. */
  readonly firstVisible?: number;
  /** Tokens that were computed for this answer; the rest of the text came from the cache. */
  readonly computed?: number;
  /** Entropy of the raw distribution, in bits. */
  readonly entropyBits: number;
}

/** The distribution after one step of the sampler. */
export interface SamplerStage {
  readonly step: 'model' | 'repetition_penalty' | 'temperature' | 'top_k' | 'top_p' | 'min_p';
  /** False where the setting changes nothing; greedy knows no step after the penalty. */
  readonly active: boolean;
  /** Tokens with a probability above 0. */
  readonly kept: number;
  /** Mass, of the distribution before this step, of the tokens that this step removed. */
  readonly removed: number;
  readonly entropyBits: number;
  /** One for each of `SamplerSteps.candidates`. */
  readonly probabilities: readonly number[];
}

/** The way from the model's distribution to the drawn token. */
export interface SamplerSteps {
  /**
   * The `top` most probable of the last stage, as many of the model, and the chosen token, each
   * once; ordered by the last stage, then by the model.
   */
  readonly candidates: readonly TokenPiece[];
  readonly stages: readonly SamplerStage[];
  /** What seed and position decide; null for greedy. */
  readonly draw: {
    readonly seed: number;
    /** Index of the token that is drawn. */
    readonly position: number;
    /** In [0, 1). */
    readonly uniform: number;
    /** The kept tokens in id order as intervals of [0, 1): the widest 64, and the chosen one. */
    readonly intervals: readonly {
      readonly piece: TokenPiece;
      readonly from: number;
      readonly to: number;
    }[];
  } | null;
  /** The token that comes out. */
  readonly chosen: TokenPiece;
  /** In the last stage; greedy takes the most probable token there, whatever this is. */
  readonly chosenProbability: number;
}

export interface GenerateRequest extends Meant {
  readonly ids: readonly number[];
  readonly options: GenerationOptions;
  /** Parts that are off while these tokens are written. */
  readonly off?: readonly PartOff[];
  readonly signal?: AbortSignal;
  /** How many candidates a distribution carries. */
  readonly top?: number;
  /** Milliseconds between two token events that carry their distribution: who draws it cannot draw each. 0: all do. */
  readonly distributionMs?: number;
}

export type GenerateEvent =
  | {
      readonly type: 'start';
      /** The seed in use, given or drawn. */
      readonly seed: number;
      /** Length of the ids that came in, after an empty prompt was given its beginning-of-text token. */
      readonly promptIds: readonly number[];
      /** Tokens before this index are not seen by the model (prompt longer than the context). */
      readonly firstVisible: number;
      /** Milliseconds for reading the prompt. */
      readonly promptMs: number;
      /** Prompt tokens that were computed anew (the rest came from the cache). */
      readonly computed: number;
    }
  | {
      readonly type: 'token';
      readonly piece: TokenPiece;
      /** ln of the raw probability of the chosen token. */
      readonly logprob: number;
      /** Rank of the chosen token in the raw distribution, 1 = most probable. */
      readonly rank: number;
      /** The distribution the token was drawn from; null where one went less than `distributionMs` ago. */
      readonly distribution: Distribution | null;
      /** Decode steps a second since the first token; null for that one, which took none. */
      readonly tokensPerSecond: number | null;
    }
  | {
      /** The context was full: the last half was read again. */
      readonly type: 'window';
      /** Tokens before this index are no longer seen by the model. */
      readonly firstVisible: number;
    }
  | {
      readonly type: 'done';
      readonly reason: 'length' | 'eos' | 'stop' | 'aborted';
      /** The stop string that was found, for `stop`. */
      readonly stop?: string;
    };

// Tokens as people see them, and how likely each was.

/** One token as people see it. `bytes` are the token's own; half characters are possible. */
export interface TokenPiece {
  readonly id: number;
  readonly bytes: readonly number[];
  /** The bytes as text where they are valid UTF-8 alone, else `\xF0\x9F` escapes. */
  readonly text: string;
  /** True for end-of-text and its like, which have no bytes of their own. */
  readonly special: boolean;
}

/** How likely the model found each token of a text, given all tokens before it. */
export interface TokenScores {
  /** Natural logarithm of the probability; NaN for the first token and for tokens the model does not see. */
  readonly logprobs: Float32Array;
  /** 1 is the most probable; 0 where there is no score. */
  readonly ranks: Uint32Array;
}

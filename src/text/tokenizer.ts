// What everybody who reads and writes text with a model needs of its tokenizer, of whatever kind it is.
import type { TokenPiece } from '../api.ts';
import { EngineError } from '../errors.ts';

/** What of `encode` can be chosen. */
export interface EncodeOptions {
  /**
   * Special and other added tokens whose names in the text become their ids; other names are plain text. By default
   * what whoever published the vocabulary does: all of `addedTokens`.
   */
  readonly allowedSpecial?: 'all' | readonly string[] | undefined;
  /** Whether tokens that belong around a text by its tokenizer's template are put there; true by default. */
  readonly add_special_tokens?: boolean | undefined;
}

export interface DecodeOptions {
  /** Leaves special tokens out; false by default. */
  readonly skip_special_tokens?: boolean;
}

export interface Tokenizer {
  /** Highest id + 1. */
  readonly vocabSize: number;
  /** Special and other added tokens, name → id. */
  readonly specialTokens: ReadonlyMap<string, number>;
  /** Those of them that `encode` finds in a text where nothing else is said. */
  readonly addedTokens: readonly string[];
  /** Id of `<|endoftext|>`, or null in a vocabulary without it. */
  readonly endOfTextId: number | null;
  /** Tokens that its template puts before a text; none where it has none. */
  readonly before?: readonly number[];
  /** Ordinary tokens of its files that were left out, because the model has no row for their ids. */
  readonly leftOut: number;
  /**
   * Ids of a text; lone surrogates count as U+FFFD. Throws `tokenizer/special` for an allowed name that does not
   * exist, `tokenizer/byte` where the vocabulary lacks a byte or character of the text.
   */
  encode(text: string, options?: EncodeOptions): number[];
  /** Whether a token has this id: a vocabulary may leave some out. */
  has(id: number): boolean;
  /** Text of ids; half characters become U+FFFD. Throws `tokens/vocabulary` for an id outside the vocabulary. */
  decode(ids: readonly number[], options?: DecodeOptions): string;
  /** What one token adds to a text that stands before it, in bytes. Throws `tokens/vocabulary`. */
  bytesOf(id: number): Uint8Array;
  /** One token as people see it; bytes that are no whole character appear as `\xF0\x9F`. Throws `tokens/vocabulary`. */
  pieceOf(id: number): TokenPiece;
}

/** The name that ends a text in GPT-2's vocabulary. */
export const END_OF_TEXT = '<|endoftext|>';

/** The hint where nothing else helps a tokenizer that cannot be used. */
export const STILL_IDS = 'The model can still be given token ids.';

/** Names that count in a text. Throws `tokenizer/special` for one that is no token's. */
export function allowedNames(
  { addedTokens, specialTokens }: Pick<Tokenizer, 'addedTokens' | 'specialTokens'>,
  allowed: EncodeOptions['allowedSpecial'] = addedTokens,
): readonly string[] {
  const names = allowed === 'all' ? [...specialTokens.keys()] : allowed;
  for (const name of names) {
    if (specialTokens.has(name)) continue;
    throw new EngineError(`${JSON.stringify(name)} is no special token of this vocabulary.`, {
      code: 'tokenizer/special',
      hint: `It has: ${[...specialTokens.keys()].join(', ') || 'none'}.`,
    });
  }
  return names;
}

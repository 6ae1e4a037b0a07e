// Texts that stand for others: what parts put out on average is measured over one that is usual.
import { EngineError } from '../../errors.ts';
import type { GptConfig } from '../../model/config.ts';
import { REFERENCE_TEXT } from '../../text/referenceText.ts';
import type { Tokenizer } from '../../text/tokenizer.ts';
import { uniform } from '../sampling/random.ts';

const TOKENS = 64;

/** Ids of the text's first 64 tokens, or of random ones for a model that cannot read it. */
export function referenceIds(tokenizer: Tokenizer | null, config: GptConfig): number[] {
  return readableIds(REFERENCE_TEXT, TOKENS, tokenizer, config);
}

/**
 * Ids of the first tokens of a text, at most `most`. A model without a tokenizer, or with one that cannot read the text
 * (a vocabulary of letters), gets random ids: the same every time.
 */
export function readableIds(
  text: string,
  most: number,
  tokenizer: Tokenizer | null,
  { nCtx, vocabSize }: GptConfig,
): number[] {
  let ids: number[] = [];
  try {
    ids = tokenizer?.encode(text) ?? [];
  } catch (error) {
    if (!(error instanceof EngineError && error.code.startsWith('tokenizer/'))) throw error;
  }
  if (ids.length === 0) {
    ids = Array.from({ length: most }, (_, n) => Math.floor(uniform(0, n) * vocabSize));
  }
  return ids.slice(0, Math.min(most, nCtx));
}

// What a model reads to find out what its files do not say.
import { EngineError } from '../../errors.ts';
import type { GptConfig } from '../../model/config.ts';
import type { Tokenizer } from '../../text/tokenizer.ts';
import { LONG_TEXT } from '../../text/referenceText.ts';

/** Tokens that are read at once at most; most readings show in the first of them that they are wrong. */
const WINDOW = 64;

/** Fewer tokens tell no reading from another. */
const LEAST_MEASURED = 24;

/**
 * What is read to measure a question that no file answers: a text in windows that the model sees whole. Words that it
 * has no tokens for are left out; empty where too little is left, so that nothing is measured on noise.
 */
export function measuringText(
  tokenizer: Tokenizer,
  { nCtx, vocabSize }: Pick<GptConfig, 'nCtx' | 'vocabSize'>,
): number[][] {
  const ids = LONG_TEXT.split(' ').flatMap((word, i) =>
    knownIds(tokenizer, i === 0 ? word : ` ${word}`, vocabSize),
  );
  if (ids.length < LEAST_MEASURED) return [];
  const size = Math.min(WINDOW, nCtx);
  const windows: number[][] = [];
  for (let from = 0; from < ids.length; from += size) windows.push(ids.slice(from, from + size));
  return windows.filter((window) => window.length > 1);
}

/** Ids of a word; none where the tokenizer, or the model, has not all of them. */
function knownIds(tokenizer: Tokenizer, word: string, vocabSize: number): number[] {
  try {
    const ids = tokenizer.encode(word, { add_special_tokens: false });
    return ids.every((id) => id < vocabSize) ? ids : [];
  } catch (error) {
    if (error instanceof EngineError && error.code.startsWith('tokenizer/')) return [];
    throw error;
  }
}

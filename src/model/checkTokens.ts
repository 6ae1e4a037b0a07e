// What may be read: ids of the vocabulary, batches without ragged edges, no more than the context.
import { EngineError } from '../errors.ts';
import type { GptConfig } from './config.ts';

/** Throws `tokens/ids` for what is no list at all: whoever calls may write JavaScript. */
export function checkList(ids: unknown, what: string, expected: string): void {
  if (Array.isArray(ids) || (ArrayBuffer.isView(ids) && !(ids instanceof DataView))) return;
  const found = ids === null || ids === undefined ? String(ids) : `of type ${typeof ids}`;
  throw new EngineError(`${what} is ${found}; expected ${expected}.`, {
    code: 'tokens/ids',
    hint: 'Ids are whole numbers, like [464, 3290].',
  });
}

/** Throws in words for ragged or empty batches, ids outside the vocabulary, too many tokens. */
export function checkTokens(
  tokens: readonly (readonly number[])[],
  batch: number,
  past: number,
  capacity: number,
  config: GptConfig,
): void {
  const length = tokens[0]?.length ?? 0;
  if (tokens.length === 0 || length === 0) {
    throw new EngineError('The batch is empty: there is no token to read.', {
      code: 'tokens/empty',
      hint: 'Give at least one token; an empty text starts from the beginning-of-text token.',
    });
  }
  if (tokens.length !== batch) {
    throw new Error(`${tokens.length} sequences for a session of ${batch}.`);
  }
  const odd = tokens.findIndex((sequence) => sequence.length !== length);
  if (odd >= 0) {
    throw new EngineError(
      `The batch is ragged: sequence 0 has ${length} tokens, sequence ${odd} has ${tokens[odd].length}.`,
      { code: 'tokens/ragged', hint: 'Give all sequences of a batch the same length.' },
    );
  }
  const most = Math.min(capacity, config.nCtx);
  if (past + length > most) {
    throw new EngineError(
      `Cannot forward ${past + length} tokens: the model's context is ${most} tokens.`,
      { code: 'tokens/context', hint: `Shorten the text to ${most} tokens.` },
    );
  }
  for (const sequence of tokens) {
    for (const id of sequence) checkTokenId(id, config);
  }
}

/** Throws `tokens/vocabulary` for what is no id of this model. */
export function checkTokenId(id: number, { vocabSize }: GptConfig): void {
  if (Number.isInteger(id) && id >= 0 && id < vocabSize) return;
  throw new EngineError(
    `Token id ${id} is outside the vocabulary: ids run from 0 to ${vocabSize - 1}.`,
    { code: 'tokens/vocabulary', hint: 'Use the tokenizer that belongs to this model.' },
  );
}

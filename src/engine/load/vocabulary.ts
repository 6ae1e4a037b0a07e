// What tokens are called; a model without a tokenizer has numbers for words.
import type { Tokenizer } from '../../text/tokenizer.ts';

/** Turns ids into pieces and bytes. */
export type Vocabulary = Pick<Tokenizer, 'pieceOf' | 'bytesOf'>;

/**
 * Ids that no tokenizer names (a padded vocabulary, or one with holes) show as their number; where there is no tokenizer
 * at all, a text is numbers with spaces between them, as it is typed.
 */
export function vocabularyOf(tokenizer: Tokenizer | null): Vocabulary {
  const utf8 = new TextEncoder();
  const name = (id: number): string => (tokenizer === null ? `${id} ` : `⟨${id}⟩`);
  const bytesOf = (id: number): Uint8Array =>
    tokenizer?.has(id) ? tokenizer.bytesOf(id) : utf8.encode(name(id));
  return {
    pieceOf: (id) =>
      tokenizer?.has(id)
        ? tokenizer.pieceOf(id)
        : { id, bytes: [...bytesOf(id)], text: name(id), special: false },
    bytesOf,
  };
}

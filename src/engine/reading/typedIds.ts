// Numbers for words: what is typed for a model that has no tokenizer.
import { EngineError } from '../../errors.ts';

/** What may stand between two ids: spaces, and what Python, JSON and this page write around them. */
const BETWEEN = /[\s,;[\](){}⟨⟩]+|\b(?:tensor|array)(?=\()/u;

/** Longer words are shown by their beginning. */
const SHOWN = 20;

/**
 * Ids of a text of numbers: `5 77 123`, `[5, 77, 123]`, `tensor([5, 77])`. Throws `tokens/ids` with the first word that
 * is none, or is none of this vocabulary.
 */
export function typedIds(text: string, vocabSize: number, name: string): number[] {
  return text
    .split(BETWEEN)
    .filter((word) => word !== '')
    .map((word) => {
      const id = Number(word);
      if (/^\d+$/.test(word) && id < vocabSize) return id;
      const shown = word.length > SHOWN ? `${word.slice(0, SHOWN)}…` : word;
      const what = /^\d+$/.test(word) ? `no token of ${name}` : 'no token’s number';
      throw new EngineError(
        `“${shown}” is ${what}. Without a tokenizer, ${name} reads numbers from 0 to ${vocabSize - 1}.`,
        {
          code: 'tokens/ids',
          hint: 'Write ids with spaces between them (5 77 123), or put its tokenizer.json beside its weights.',
        },
      );
    });
}

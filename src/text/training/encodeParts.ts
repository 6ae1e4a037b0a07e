// From a text that comes in parts to its ids, without the whole of either at once.
import { BytePairEncoder } from '../bytePairEncoder.ts';
import { CharacterTokenizer } from '../characters.ts';
import type { Tokenizer } from '../tokenizer.ts';
import { CodePointTable } from './codePointTable.ts';
import { NameFinder } from './nameFinder.ts';
import { PieceCutter } from './pieceCutter.ts';

/** Encodes texts that come in parts. */
export interface PartEncoder {
  /** `ends` says that nothing follows: the next part is another text's. Throws as `Tokenizer.encode`. */
  encode: (part: string, ends: boolean) => void;
}

/** Texts of other tokenizers are cut after a line from this length on, in UTF-16 units. */
const LONG = 1 << 16;

/**
 * An encoder whose ids, which `take` is given one after the other, are those that `encode` gives the whole text without
 * tokens of a template around it. Tokenizers that are neither byte-level BPE like GPT-2's nor characters are given
 * 65,536 letters and the rest of their line at a time: what they would merge across that line's end stays apart.
 */
export function encodeParts(tokenizer: Tokenizer, take: (id: number) => void): PartEncoder {
  if (tokenizer instanceof BytePairEncoder) return encodePieces(tokenizer, take);
  if (tokenizer instanceof CharacterTokenizer) return encodeCharacters(tokenizer, take);
  return encodeLines(tokenizer, take);
}

function encodePieces(tokenizer: BytePairEncoder, take: (id: number) => void): PartEncoder {
  const cutter = new PieceCutter((piece) => {
    for (const id of tokenizer.encodePiece(piece)) take(id);
  });
  const { addedTokens, specialTokens } = tokenizer;
  if (addedTokens.length === 0) return { encode: (part, ends) => cutter.cut(part, ends) };
  const finder = new NameFinder(addedTokens);
  return {
    encode(part, ends) {
      finder.find(part, ends, (text, name) => {
        cutter.cut(text, ends || name !== null);
        const id = name === null ? undefined : specialTokens.get(name);
        if (id !== undefined) take(id);
      });
    },
  };
}

function encodeCharacters(tokenizer: CharacterTokenizer, take: (id: number) => void): PartEncoder {
  /** Ids plus 1; 0 is not asked yet. */
  const known = new CodePointTable();
  return {
    encode(part) {
      for (const character of part) {
        const code = character.codePointAt(0) ?? 0;
        let id = known.get(code) - 1;
        if (id < 0) {
          [id] = tokenizer.encode(character);
          known.set(code, id + 1);
        }
        take(id);
      }
    },
  };
}

function encodeLines(tokenizer: Tokenizer, take: (id: number) => void): PartEncoder {
  let held = '';
  const encode = (text: string): void => {
    for (const id of tokenizer.encode(text, { add_special_tokens: false })) take(id);
  };
  return {
    encode(part, ends) {
      held += part;
      for (let at = held.indexOf('\n', LONG); at >= 0; at = held.indexOf('\n', LONG)) {
        encode(held.slice(0, at + 1));
        held = held.slice(at + 1);
      }
      if (!ends) return;
      encode(held);
      held = '';
    },
  };
}

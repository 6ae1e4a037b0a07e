// Tokenizers of every kind against the ids of Hugging Face's own library (tests/fixtures/tokenizers/make.py).
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { readTokenizerJson } from '../../../src/text/tokenizerJson.ts';

interface Parts extends Record<string, unknown> {
  readonly model: Readonly<Record<string, unknown>>;
}

interface Reference {
  readonly plain: Parts;
  readonly texts: readonly string[];
  readonly tokenizers: readonly {
    readonly name: string;
    /** What stands in place of what `plain` says; all there is, where there is a decoder. */
    readonly parts: Parts;
    /** By text. */
    readonly ids: readonly (readonly number[])[];
    /** Without special tokens. */
    readonly decoded: readonly string[];
  }[];
}

const file = new URL('../../fixtures/tokenizers/reference.json', import.meta.url);
const { plain, texts, tokenizers } = JSON.parse(readFileSync(file, 'utf8')) as Reference;

function whole(parts: Parts): Parts {
  if ('decoder' in parts) return parts;
  const vocab = { ...(plain.model.vocab as object), ...(parts.model.vocab as object) };
  return { ...plain, ...parts, model: { ...plain.model, ...parts.model, vocab } };
}

/**
 * The reference takes letters of an added token's name for bytes, writes the end of a word as it is spelt, and does not
 * know a special token for one whose name is normalised.
 */
const isOdd = (text: string): boolean => /\uFFFD|<\/w>|<a>/.test(text);

describe.each(tokenizers)('$name', ({ parts, ids, decoded }) => {
  const tokenizer = readTokenizerJson(JSON.stringify(whole(parts)));

  test('gives the ids of the reference', () => {
    for (const [i, text] of texts.entries()) {
      expect([text, tokenizer.encode(text)]).toEqual([text, ids[i]]);
    }
  });

  test('writes the texts of the reference', () => {
    for (const [i, text] of decoded.entries()) {
      if (isOdd(text)) continue;
      expect(tokenizer.decode(ids[i], { skip_special_tokens: true })).toBe(text);
    }
  });

  test('has bytes for each token that make up its text', () => {
    for (const each of ids) {
      const bytes = each.flatMap((id) => [...tokenizer.bytesOf(id)]);
      const joined = new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(bytes));
      // But for blanks: some of a text's first token are not written.
      const bare = (text: string): string => text.replaceAll(/\s+/gu, '');
      expect(bare(joined)).toBe(bare(tokenizer.decode(each)));
    }
  });
});

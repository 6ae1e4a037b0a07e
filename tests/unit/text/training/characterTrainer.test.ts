// Vocabularies of a text's characters.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { readOtherTokenizer } from '../../../../src/engine/load/otherTokenizer.ts';
import { trainCharacters } from '../../../../src/text/training/characterTrainer.ts';

describe('a trained tokenizer of characters', () => {
  test('has the text’s characters by code point, as nanoGPT', async () => {
    const corpus = new URL('../../../fixtures/conformance/bpe/corpus.txt', import.meta.url);
    const text = readFileSync(corpus, 'utf8').slice(0, 30_000);
    const { tokenizer, characters } = await trainCharacters(text);
    expect(characters).toBe(30_000);
    const sorted = [...new Set(text)].toSorted();
    expect(tokenizer.vocabSize).toBe(65);
    expect(tokenizer.encode(sorted.join(''))).toEqual(sorted.map((_, id) => id));
    expect(tokenizer.endOfTextId).toBeNull();
  });

  test('loads again from its file', async () => {
    const { tokenizer, files } = await trainCharacters('😀\uE000 10"\\a\n<|endoftext|>\nb');
    expect(tokenizer.decode([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])).toBe(' "01\\ab\uE000😀<|endoftext|>');
    const again = await readOtherTokenizer(files, 10);
    expect(again.tokenizer?.vocabSize).toBe(10);
    expect(again.tokenizer?.endOfTextId).toBe(9);
    expect(again.tokenizer?.encode('10 😀')).toEqual(tokenizer.encode('10 😀'));
  });

  test('without an end of text has a line feed to part documents', async () => {
    const { tokenizer } = await trainCharacters('a<|endoftext|>b', { endOfText: false });
    expect(tokenizer.decode([0, 1, 2])).toBe('\nab');
    expect(tokenizer.endOfTextId).toBeNull();
  });

  test('takes a separator for text where there is none', async () => {
    const { tokenizer } = await trainCharacters('a<|endoftext|>', { separator: null });
    expect(tokenizer.encode('<|>')).toHaveLength(3);
  });

  test('cannot be made of nothing', async () => {
    await expect(trainCharacters('')).rejects.toThrow('The text is empty');
  });
});

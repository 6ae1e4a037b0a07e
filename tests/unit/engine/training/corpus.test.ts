// A text as ids: documents, what is counted, characters that a tokenizer lacks.
import { describe, expect, test } from 'vitest';
import {
  type Corpus,
  checkVocabulary,
  readCorpus,
} from '../../../../src/engine/training/corpus.ts';
import { type Ids, TokenIds } from '../../../../src/engine/training/tokenIds.ts';
import { BytePairEncoder } from '../../../../src/text/bytePairEncoder.ts';
import { CharacterTokenizer } from '../../../../src/text/characters.ts';
import { createBytes } from '../../../../src/text/training/bytePairTrainer.ts';

const characters = (text: string, special: readonly string[] = []): CharacterTokenizer =>
  new CharacterTokenizer(new Map([...text, ...special].map((name, id) => [name, id])));

function idsOf(ids: Ids): number[] {
  const all = new Uint32Array(ids.length);
  ids.copyTo(all, 0, 0, ids.length);
  return [...all];
}

const facts = ({ documents, characters: count, bytes, leftOut }: Corpus): object => ({
  documents,
  count,
  bytes,
  leftOut,
});

describe('a corpus', () => {
  test('has the end of text behind each document that a separator ends', async () => {
    const { tokenizer } = createBytes({ endOfText: true });
    const corpus = await readCorpus('é\n<|endoftext|>\n\n<|endoftext|>b\n', tokenizer);
    expect(idsOf(corpus.ids)).toEqual([0xc3, 0xa9, 256, 98, 10]);
    expect(facts(corpus)).toEqual({ documents: [0, 3], count: 3, bytes: 4, leftOut: 0 });
  });

  test('has a line feed there where the tokenizer has no end of text', async () => {
    const text = 'a<|endoftext|>b';
    expect(idsOf((await readCorpus(text, characters('ab\n'))).ids)).toEqual([0, 2, 1]);
    expect(idsOf((await readCorpus(text, characters('ab'))).ids)).toEqual([0, 1]);
    expect(idsOf((await readCorpus(text, characters('ab', ['<|endoftext|>']))).ids)).toEqual([
      0, 2, 1,
    ]);
  });

  test('may have another separator or none', async () => {
    const { tokenizer } = createBytes();
    const corpus = await readCorpus('a\n---\nb', tokenizer, { separator: '---' });
    expect(idsOf(corpus.ids)).toEqual([97, 10, 98]);
    expect(corpus.documents).toEqual([0, 2]);
    const one = await readCorpus('<|endoftext|>', tokenizer, { separator: null });
    expect(one.ids.length).toBe(13);
  });

  test('names the first character that the tokenizer lacks, and where it is', async () => {
    const tokenizer = characters('ab\n');
    await expect(readCorpus('ab\nab☃', tokenizer)).rejects.toMatchObject({
      code: 'tokenizer/byte',
      message: 'The tokenizer has no token for "☃" (U+2603), character 3 of line 2 of the text.',
    });
    await expect(readCorpus('a\n<|endoftext|>\nb\n😀', tokenizer)).rejects.toThrow(
      '"😀" (U+1F600), character 1 of line 2 of document 2.',
    );
    const halves = BytePairEncoder.fromFiles({ vocab: { a: 0, Ã: 1 }, merges: '' });
    await expect(readCorpus('aé', halves)).rejects.toThrow('(U+00E9), character 2 of line 1');
  });

  test('leaves such characters out and counts them where that is asked for', async () => {
    const corpus = await readCorpus('☃a😀b\nc☃', characters('ab'), { unknown: 'skip' });
    expect(idsOf(corpus.ids)).toEqual([0, 1]);
    expect(facts(corpus)).toEqual({ documents: [0], count: 7, bytes: 14, leftOut: 5 });
  });

  test('says how far it is and stops when it is told to', async () => {
    const { tokenizer } = createBytes();
    const told: object[] = [];
    await readCorpus('abc', tokenizer, { onProgress: (each) => told.push(each) });
    expect(told.at(-1)).toEqual({ characters: 3, tokens: 3, share: 1 });
    const stop = new AbortController();
    const endless = async function* (): AsyncGenerator<string, void, undefined> {
      for (;;) yield await Promise.resolve('again '.repeat(1000));
    };
    const onProgress = (): void => stop.abort(new Error('enough'));
    await expect(
      readCorpus(endless(), tokenizer, { signal: stop.signal, onProgress }),
    ).rejects.toThrow('enough');
  });

  test('whose ids a model lacks is refused', async () => {
    const corpus = await readCorpus('abc', characters('cab'));
    expect(() => checkVocabulary(corpus.ids, 3)).not.toThrow();
    expect(() => checkVocabulary(corpus.ids, 2)).toThrow(
      "The text has token 2; the model's vocabulary has 2 tokens, 0 to 1.",
    );
  });
});

describe('many ids', () => {
  test('take two bytes each where the vocabulary is small enough, and no more room than they need', () => {
    for (const [vocabSize, bytes] of [
      [65_536, 2],
      [65_537, 4],
    ]) {
      const ids = new TokenIds(vocabSize);
      const count = 2 ** 17 + 3;
      for (let i = 0; i < count; i++) ids.push(i % vocabSize);
      ids.trim();
      expect(ids.sizeBytes).toBe(count * bytes);
      expect(ids.highest).toBe(vocabSize - 1);
      const read = new Uint32Array(6);
      ids.copyTo(read, 1, 2 ** 17 - 2, 5);
      const at = (i: number): number => (2 ** 17 - 2 + i) % vocabSize;
      expect([...read]).toEqual([0, at(0), at(1), at(2), at(3), at(4)]);
    }
  });
});

// Models of characters: the shapes in which people keep them, and what is said of other files.
import { describe, expect, test } from 'vitest';
import { CharacterTokenizer, readCharacters } from '../../../src/text/characters.ts';

const read = (json: unknown): [string, number][] | null => {
  const idOf = readCharacters(json, 'meta.json');
  return idOf && [...idOf];
};
const AB = [
  ['\n', 0],
  ['b', 1],
];

describe('a file of characters', () => {
  test.each([
    ['stoi and itos', { stoi: { '\n': 0, b: 1 }, itos: { 0: '\n', 1: 'b' } }],
    ['nanoGPT’s meta', { vocab_size: 2, itos: { 0: '\n', 1: 'b' }, stoi: { '\n': 0, b: 1 } }],
    ['stoi alone', { stoi: { '\n': 0, b: 1 } }],
    ['itos as a list', { itos: ['\n', 'b'] }],
    ['a list', ['\n', 'b']],
    ['a text', '\nb'],
    ['chars', { chars: ['\n', 'b'], block_size: 8 }],
    ['characters and ids', { '\n': 0, b: 1 }],
  ])('may be %s', (_what, json) => {
    expect(read(json)).toEqual(AB);
  });

  test.each([
    ['words', { the: 0, king: 1 }],
    ['a list of words', ['the', 'king']],
    ['nothing', {}],
    ['an empty list', []],
    ['an empty text', ''],
    ['a number', 7],
    ['an object of another kind', { stoi: 7 }],
    ['special tokens alone', { '<a>': 0 }],
  ])('is not %s', (_what, json) => {
    expect(read(json)).toBeNull();
  });

  test.each([
    ['one id twice', { a: 0, b: 0 }, /"a" and "b" have the same id 0/],
    ['no whole number', { a: 0.5 }, /"a" has the id 0\.5/],
    ['a character twice', ['a', 'a'], /"a" stands in it twice/],
    ['two tables that differ', { stoi: { a: 0, b: 1 }, itos: ['b', 'a'] }, /itos gives the id 0/],
  ])('that gives %s is refused by name', (_what, json, words) => {
    expect(() => read(json)).toThrow(words);
  });
});

describe('a tokenizer of characters', () => {
  const idOf = new Map([...'ab🙂 '].map((letter, id): [string, number] => [letter, id]));
  const tokenizer = new CharacterTokenizer(new Map([...idOf, ['<eos>', 4]]));

  test('reads and writes characters', () => {
    expect(tokenizer.encode('a🙂 b')).toEqual([0, 2, 3, 1]);
    expect(tokenizer.decode([0, 2, 4, 1])).toBe('a🙂<eos>b');
    expect(tokenizer.decode([0, 4, 1], { skip_special_tokens: true })).toBe('ab');
    expect(tokenizer.encode('a<eos>', { allowedSpecial: 'all' })).toEqual([0, 4]);
    expect(tokenizer.pieceOf(2)).toMatchObject({ text: '🙂', special: false });
    expect(() => tokenizer.pieceOf(5)).toThrow(/0 to 4/);
  });

  test('names the character that it does not know', () => {
    expect(() => tokenizer.encode('abé')).toThrow(
      expect.objectContaining({
        code: 'tokenizer/byte',
        message: 'This model reads single characters, and "é" (U+00E9) is none of its 4.',
      }),
    );
    expect(() => tokenizer.encode('<eos>')).toThrow(/"<" \(U\+003C\)/);
  });

  test('leaves out characters that the model has no row for', () => {
    const some = new CharacterTokenizer(idOf, 3);
    expect([some.vocabSize, some.leftOut, some.has(3)]).toEqual([3, 1, false]);
  });
});

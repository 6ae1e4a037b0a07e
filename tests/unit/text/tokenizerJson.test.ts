// tokenizer.json and what stands beside it or beside vocab.json: what is read, and what is refused by name.
import { describe, expect, test } from 'vitest';
import { BytePairEncoder } from '../../../src/text/bytePairEncoder.ts';
import {
  readAddedTokens,
  readTokenizerJson,
  readTokenizerPair,
} from '../../../src/text/tokenizerJson.ts';
import { EngineError } from '../../../src/errors.ts';

const LEVEL = { type: 'ByteLevel', add_prefix_space: false, use_regex: true };
const GOOD = {
  normalizer: null,
  pre_tokenizer: LEVEL,
  added_tokens: [{ id: 3, content: '<|endoftext|>', special: true }],
  model: { type: 'BPE', vocab: { a: 0, b: 1, ab: 2 }, merges: ['a b'] as unknown[] },
};
const read = (json: unknown, rows?: number) => readTokenizerJson(JSON.stringify(json), rows);

describe('tokenizer.json', () => {
  test('gives what vocab.json and merges.txt give, with merges in either form', () => {
    for (const merges of [['a b'], [['a', 'b']], 'a b\n']) {
      const tokenizer = read({ ...GOOD, model: { ...GOOD.model, merges } });
      expect(tokenizer).toBeInstanceOf(BytePairEncoder);
      expect(tokenizer.encode('abba')).toEqual([2, 1, 0]);
      expect(tokenizer.endOfTextId).toBe(3);
    }
  });

  test('finds its added tokens in a text, unless they are to be text', () => {
    const added_tokens = [
      ...GOOD.added_tokens,
      { id: 4, content: 'ba', special: false, normalized: true },
    ];
    const tokenizer = read({ ...GOOD, added_tokens });
    expect(tokenizer.encode('abba')).toEqual([2, 4]);
    expect(tokenizer.encode('abba', { allowedSpecial: [] })).toEqual([2, 1, 0]);
    expect(tokenizer.addedTokens).toEqual(['<|endoftext|>', 'ba']);
    expect(tokenizer.pieceOf(4)).toEqual({ id: 4, bytes: [98, 97], text: 'ba', special: false });
    expect(tokenizer.pieceOf(3)).toMatchObject({ text: '<|endoftext|>', special: true });
    expect(tokenizer.decode([2, 4, 3])).toBe('abba<|endoftext|>');
    expect(tokenizer.decode([2, 4, 3], { skip_special_tokens: true })).toBe('abba');
    expect(() => tokenizer.encode('a', { allowedSpecial: ['<|x|>'] })).toThrow(/<\|x\|>/);
  });

  test('leaves out tokens that the model has no row for, and merges that make them', () => {
    const tokens = 'abcdefghijklmnopqrst';
    const letters = Object.fromEntries([...tokens].map((letter, id) => [letter, id]));
    const vocab = { ...letters, ab: 20, cd: 21 };
    const model = { type: 'BPE', vocab, merges: ['a b', 'c d'] };
    const added_tokens = [{ id: 22, content: '<pad>', special: true }];
    const tokenizer = read({ ...GOOD, added_tokens, model }, 21);
    expect(tokenizer.encode('abcd')).toEqual([20, 2, 3]);
    expect(tokenizer.addedTokens).toEqual([]);
    expect([tokenizer.vocabSize, tokenizer.leftOut, tokenizer.has(21)]).toEqual([21, 1, false]);
    expect(() => read({ ...GOOD, model }, 5)).toThrow(/ids up to 21; .* vocabulary of 5/);
  });

  test('with a pattern that could take for ever is stopped, and says so', () => {
    const pattern = { Regex: '(a+)+b' };
    const split = { type: 'Split', pattern, behavior: 'Isolated', invert: false };
    const pretokenizers = [split, { ...LEVEL, use_regex: false }];
    const tokenizer = read({ ...GOOD, pre_tokenizer: { type: 'Sequence', pretokenizers } });
    expect(tokenizer.encode('aab')).toEqual([0, 2]);
    expect(() => tokenizer.encode('a'.repeat(100))).toThrow(
      expect.objectContaining({ code: 'tokenizer/pattern' }),
    );
  });

  const refused: [string, unknown, RegExp][] = [
    ['another model', { ...GOOD, model: { type: 'Magic' } }, /the model is "Magic"/],
    ['a model without tokens', { ...GOOD, model: { type: 'Unigram', vocab: [] } }, /no tokens/],
    ['a model without merges', { ...GOOD, model: { type: 'BPE', vocab: { a: 0 } } }, /the merges/],
    ['an unknown normaliser', { ...GOOD, normalizer: { type: 'X' } }, /normalises text by "X"/],
    ['an unknown split', { ...GOOD, pre_tokenizer: { type: 'Y' } }, /splits text by "Y"/],
    ['an unknown template', { ...GOOD, post_processor: { type: 'Z' } }, /the template .*Z/],
    [
      'a pattern that nobody understands',
      { ...GOOD, pre_tokenizer: { type: 'Split', pattern: { Regex: '(a' }, behavior: 'Removed' } },
      /pattern \(a cannot be used: a group does not end/,
    ],
    ['a broken merge', { ...GOOD, model: { ...GOOD.model, merges: [7] } }, /merge 1: 7 is no pair/],
    ['a token without id', { ...GOOD, added_tokens: [{ content: 'x' }] }, /has no id/],
    ['no model', { ...GOOD, model: null }, /the model is null/],
  ];
  for (const [what, json, words] of refused) {
    test(`with ${what} is refused by name`, () => {
      expect(() => read(json)).toThrow(words);
    });
  }

  test('that is no JSON object is refused', () => {
    for (const text of ['', '[]', 'null', '{'])
      expect(() => readTokenizerJson(text)).toThrow(/no JSON object/);
  });

  test('is read or refused, never anything else, whatever stands in it', () => {
    const strange = [null, 7, 'x', [], {}, [[]], [7], { type: 'Sequence' }, { type: 'ByteLevel' }];
    for (const key of [
      'normalizer',
      'pre_tokenizer',
      'post_processor',
      'decoder',
      'model',
      'added_tokens',
    ]) {
      for (const value of strange) {
        try {
          read({ ...GOOD, [key]: value }).encode('ab');
        } catch (error) {
          expect([key, value, error]).toEqual([key, value, expect.any(EngineError)]);
        }
      }
    }
  });
});

describe('vocab.json and merges.txt', () => {
  const files = { vocab: '{"a": 0, "Ġ": 1, "Ġa": 2, "<|endoftext|>": 3}', merges: 'Ġ a' };
  const beside = { config: null, specialMap: null, added: null };
  const pair = (more: object) => readTokenizerPair(files, 6, { ...beside, ...more });

  test('heed tokenizer_config.json', () => {
    expect(pair({}).encode('a a')).toEqual([0, 2]);
    expect(pair({ config: '{"add_prefix_space": true}' }).encode('a a')).toEqual([2, 2]);
    const bos = pair({ config: '{"add_bos_token": true}' });
    expect(bos.encode('a')).toEqual([3, 0]);
    expect(bos.encode('a', { add_special_tokens: false })).toEqual([0]);
    expect(bos.before).toEqual([3]);
    const decoder = { 4: { content: '<u>', lstrip: true, special: true }, 9: { content: '<v>' } };
    const added = pair({ config: JSON.stringify({ added_tokens_decoder: decoder }) });
    expect(added.encode('a <u>a<|endoftext|>')).toEqual([0, 4, 0, 3]);
    expect(added.addedTokens).toEqual(['<u>', '<|endoftext|>']);
  });

  test('heed special_tokens_map.json and added_tokens.json', () => {
    const specialMap = '{"bos_token": {"content": "<s>", "rstrip": true}, "eos_token": "<e>"}';
    const tokenizer = pair({ specialMap, added: '{"<s>": 5}' });
    expect(tokenizer.encode('<s> a')).toEqual([5, 2]);
    expect(tokenizer.specialTokens.get('<s>')).toBe(5);
    // What has no id yet is the next one, for which this model has no row.
    expect(tokenizer.specialTokens.has('<e>')).toBe(false);
    expect(pair({ specialMap: '{"eos_token": "<e>"}' }).specialTokens.get('<e>')).toBe(4);
  });

  test('that are broken beside are refused by name', () => {
    expect(() => pair({ config: '7' })).toThrow(/^tokenizer_config\.json is no JSON object/);
  });
});

test('added_tokens.json names special tokens', () => {
  expect([...readAddedTokens('{"<pad>": 50257}')]).toEqual([['<pad>', 50257]]);
  expect([...readAddedTokens(null)]).toEqual([]);
  expect(() => readAddedTokens('{"<pad>": "x"}')).toThrow(/gives "<pad>" the id "x"/);
});

// The tokenizer against the published ids, against js-tiktoken on random text, and against broken files.
import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { Tiktoken } from 'js-tiktoken/lite';
import ranks from 'js-tiktoken/ranks/gpt2';
import { beforeAll, describe, expect, it } from 'vitest';
import { EngineError } from '../../../src/errors.ts';
import { BytePairEncoder } from '../../../src/text/bytePairEncoder.ts';
import { loadGpt2Tokenizer } from '../../../src/text/gpt2Tokenizer.ts';
import { endOfPiece } from '../../../src/text/pieces.ts';
import { cpuMs } from '../../support/cpuTime.ts';

const root = new URL('../../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');
const talesFolder = 'public/models/tales-7m';
const talesFiles = () => ({
  vocab: read(`${talesFolder}/vocab.json`),
  merges: read(`${talesFolder}/merges.txt`),
});

function errorOf(action: () => unknown): EngineError {
  try {
    action();
  } catch (error) {
    if (error instanceof EngineError) return error;
    throw error;
  }
  throw new Error('expected an EngineError');
}

let gpt2: BytePairEncoder;
let tales: BytePairEncoder;
let oracle: Tiktoken;

beforeAll(async () => {
  gpt2 = await loadGpt2Tokenizer();
  tales = BytePairEncoder.fromFiles(talesFiles());
  oracle = new Tiktoken(ranks);
});

describe('GPT-2’s vocabulary', () => {
  it('has 50257 ids and one special token', () => {
    expect(gpt2.vocabSize).toBe(50257);
    expect([...gpt2.specialTokens]).toEqual([['<|endoftext|>', 50256]]);
    expect(gpt2.endOfTextId).toBe(50256);
  });

  it('is made once', async () => {
    expect(await loadGpt2Tokenizer()).toBe(gpt2);
  });

  const cases = JSON.parse(read('tests/fixtures/conformance/tokenizer.json')) as {
    text: string;
    ids: number[];
  }[];
  it.each(cases)('gives the published ids for $text', ({ text, ids }) => {
    expect(gpt2.encode(text)).toEqual(ids);
    expect(gpt2.decode(ids)).toBe(text);
  });

  it('gives the ids that the four documents print', () => {
    expect(gpt2.encode('Every effort moves you')).toEqual([6109, 3626, 6100, 345]);
    expect(gpt2.encode('Every day holds a')).toEqual([6109, 1110, 6622, 257]);
    // The document's listing has "phrase...)", but the ids it prints are those of "phrase ...".
    const printed = [
      2949, 7077, 318, 10893, 319, 262, 5527, 11, 2489, 286, 262, 3595, 318, 257, 20596, 9546, 2644,
      31779, 2786, 3929, 287, 10804, 13, 31428,
    ];
    const prompt =
      'No duty is imposed on the rich, rights of the poor is a hollow phrase ... Enough languishing in custody. Equality';
    expect(gpt2.encode(prompt)).toEqual(printed);
    expect(gpt2.decode(printed)).toBe(prompt);
    const listing = gpt2.encode(prompt.replace(' ...', '...)'));
    expect(listing).toEqual(printed.with(16, 23029));
  });

  it('encodes the bytes of every token that is text as that token', () => {
    const wrong: number[] = [];
    for (let id = 0; id < 50256; id++) {
      const text = gpt2.decode([id]);
      if (text.includes('\uFFFD') || endOfPiece(text, 0) !== text.length) continue;
      const ids = gpt2.encode(text);
      if (ids.length !== 1 || ids[0] !== id) wrong.push(id);
    }
    expect(wrong).toEqual([]);
  });

  it('keeps a name of a special token as plain text unless it is allowed', () => {
    const plain = [27, 91, 437, 1659, 5239, 91, 29];
    expect(gpt2.encode('<|endoftext|>')).toEqual(plain);
    expect(gpt2.encode('a<|endoftext|>b', { allowedSpecial: 'all' })).toEqual([64, 50256, 65]);
    expect(gpt2.encode('<|endoftext|>', { allowedSpecial: ['<|endoftext|>'] })).toEqual([50256]);
    expect(gpt2.encode('<|endoftext|>', { allowedSpecial: [] })).toEqual(plain);
    expect(errorOf(() => gpt2.encode('a', { allowedSpecial: ['<|x|>'] }))).toMatchObject({
      code: 'tokenizer/special',
      hint: 'It has: <|endoftext|>.',
    });
  });

  it('agrees with js-tiktoken on random text', () => {
    const common =
      "'s|'ll| '|  |\n|\r\n|\t|the| The|ing|12| 3|½|...| é|é|ß|🙂|👩‍👩‍👧|Ж|日本| 𝔘|aaaa|====|\u00A0";
    const words = fc.constantFrom('<|endoftext|>', 'abab', ...common.split('|'));
    const text = fc
      .array(fc.oneof(words, fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' })))
      .map((parts) => parts.join(''))
      // js-tiktoken's \s differs from White_Space in these two.
      .filter((joined) => joined.isWellFormed() && !/[\uFEFF\u0085]/.test(joined));
    fc.assert(
      fc.property(text, (sample) => {
        const ids = gpt2.encode(sample);
        expect(ids).toEqual(oracle.encode(sample, [], []));
        expect(gpt2.decode(ids)).toBe(sample);
      }),
      { numRuns: 1000 },
    );
  });

  it('cuts pieces as the published pattern does', () => {
    const pattern =
      /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;
    const letters = fc.constantFrom(
      ...Array.from(" '\n\t\u00A0\u0085\uFEFFatsrevlmdé1½𝟙🙂𝔘.-\u3000\uD800"),
    );
    const text = fc.array(letters, { maxLength: 30 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(text, (sample) => {
        const pieces: string[] = [];
        for (let at = 0; at < sample.length;) {
          const end = endOfPiece(sample, at);
          pieces.push(sample.slice(at, end));
          at = end;
        }
        expect(pieces).toEqual(sample.match(pattern) ?? []);
      }),
      { numRuns: 5000 },
    );
  });

  it('does not count U+FEFF as white space and keeps it', () => {
    expect(gpt2.encode(' \uFEFFhello')).toEqual([27332, 119, 123, 31373]);
    for (const text of ['\uFEFF', '\uFEFFbom', 'a\uFEFFb', ' \uFEFF ']) {
      expect(gpt2.decode(gpt2.encode(text))).toBe(text);
    }
  });

  it('reads a lone surrogate as U+FFFD', () => {
    expect(gpt2.encode('a\uD83D')).toEqual(gpt2.encode('a\uFFFD'));
    expect(gpt2.encode('\uDE00b')).toEqual(gpt2.encode('\uFFFDb'));
  });

  it.each([
    ['random letters', () => lettersOf(100_000)],
    ['one letter', () => 'a'.repeat(100_000)],
    ['equals signs', () => '='.repeat(100_000)],
    ['emoji', () => '🙂'.repeat(50_000)],
    ['spaces', () => ' '.repeat(100_000)],
  ])('encodes 100,000 of %s without a break in under a second', (_name, make) => {
    const text = make();
    const times = [1, 2, 3].map(() => {
      const before = cpuMs();
      gpt2.encode(text);
      return cpuMs() - before;
    });
    expect(Math.min(...times)).toBeLessThan(1000);
    expect(gpt2.decode(gpt2.encode(text))).toBe(text);
  });

  it('does not overflow the stack on millions of emoji', () => {
    const text = '🙂'.repeat(1_500_000);
    expect(gpt2.decode(gpt2.encode(text)) === text).toBe(true);
  });

  it('agrees with js-tiktoken on long words', () => {
    const word = lettersOf(1500);
    expect(gpt2.encode(word)).toEqual(oracle.encode(word));
    expect(gpt2.encode('a'.repeat(777))).toEqual(oracle.encode('a'.repeat(777)));
  });

  it('gives bytes and visible pieces of half characters', () => {
    expect([...gpt2.bytesOf(8582)]).toEqual([0xf0, 0x9f]);
    expect(gpt2.pieceOf(8582)).toEqual({
      id: 8582,
      bytes: [0xf0, 0x9f],
      text: String.raw`\xF0\x9F`,
      special: false,
    });
    expect(gpt2.pieceOf(12520).text).toBe(String.raw` \xF0\x9F`);
    expect(gpt2.pieceOf(25081).text).toBe(String.raw`\x99\x82`);
    expect(gpt2.pieceOf(262)).toMatchObject({ text: ' the', special: false });
    expect(gpt2.pieceOf(50256)).toEqual({
      id: 50256,
      bytes: [],
      text: '<|endoftext|>',
      special: true,
    });
    expect(gpt2.decode([8582])).toBe('\uFFFD');
    expect(gpt2.decode([8582, 25081, 50256])).toBe('🙂<|endoftext|>');
  });

  it('has every id below its size', () => {
    expect([0, 50255, 50256].map((id) => gpt2.has(id))).toEqual([true, true, true]);
  });

  it.each([-1, 50257, 1.5, Number.NaN, 2 ** 40])('refuses the id %d', (id) => {
    expect(gpt2.has(id)).toBe(false);
    for (const action of [
      () => gpt2.decode([id]),
      () => gpt2.bytesOf(id),
      () => gpt2.pieceOf(id),
    ]) {
      expect(errorOf(action)).toMatchObject({ code: 'tokens/vocabulary' });
    }
  });
});

describe('vocab.json and merges.txt', () => {
  it('give the ids that transformers gives for the default model', () => {
    const cases = JSON.parse(read(`${talesFolder}/expected.json`)) as {
      prompt: string;
      ids: number[];
      greedy: number[];
      greedy_text: string;
    }[];
    for (const { prompt, ids, greedy, greedy_text } of cases) {
      expect(tales.encode(prompt)).toEqual(ids);
      expect(tales.decode([...ids, ...greedy])).toBe(greedy_text);
    }
    expect(tales.vocabSize).toBe(8192);
    expect(tales.endOfTextId).toBe(8191);
    expect([...tales.specialTokens]).toEqual([['<|endoftext|>', 8191]]);
  });

  it('bring back any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
        expect(tales.decode(tales.encode(text))).toBe(text.toWellFormed());
      }),
      { numRuns: 500 },
    );
  });

  it('give GPT-2’s ids when GPT-2’s own ranks are written as files', () => {
    const files = asFiles(gpt2);
    const rebuilt = BytePairEncoder.fromFiles(files);
    for (const text of ['Hello, world!', 'naïve café 日本語 🙂', lettersOf(300), "I'm  here\n\n"]) {
      expect(rebuilt.encode(text)).toEqual(gpt2.encode(text));
    }
    expect(rebuilt.endOfTextId).toBe(50256);
  });

  it('merge in the order of merges.txt, whatever the ids are', () => {
    const vocab = JSON.stringify({ a: 9, b: 8, c: 7, bc: 0, ab: 3, abc: 5 });
    expect(BytePairEncoder.fromFiles({ vocab, merges: 'b c\na b\na bc' }).encode('abc')).toEqual([
      5,
    ]);
    expect(BytePairEncoder.fromFiles({ vocab, merges: 'a b\nb c\na bc' }).encode('abc')).toEqual([
      3, 7,
    ]);
    // "ab c" is no merge, although "abc" is a token.
    expect(BytePairEncoder.fromFiles({ vocab, merges: 'a b\na bc\nb c\n' }).encode('abab')).toEqual(
      [3, 3],
    );
  });

  it('may have Windows line ends, a byte-order mark, a version and empty lines', () => {
    const vocab = JSON.stringify({ a: 0, '#': 1, '##': 2, '#version': 3 });
    const encoder = BytePairEncoder.fromFiles({
      vocab,
      merges: '\uFEFF#version: 0.2\r\n# #\r\n\r\n',
    });
    expect(encoder.encode('##a')).toEqual([2, 0]);
    expect([...encoder.specialTokens.keys()]).toEqual(['#version']);
  });

  it('may name tokens like parts of JavaScript’s objects', () => {
    const special = new Map([['constructor', 40]]);
    const letters = Object.fromEntries(Array.from('_proto').map((letter, id) => [letter, id]));
    const vocab = `{"__proto__": 30, "toString": 31, "__": 20, ${JSON.stringify(letters).slice(1)}`;
    const encoder = BytePairEncoder.fromFiles({ vocab, merges: '_ _', specialTokens: special });
    expect(encoder.encode('__proto__')).toEqual([20, 1, 2, 5, 4, 5, 20]);
    expect(encoder.encode('__proto__', { allowedSpecial: 'all' })).toEqual([30]);
    expect(encoder.pieceOf(40).text).toBe('constructor');
    expect(encoder.vocabSize).toBe(41);
  });

  it('may have special tokens with spaces and signs of regular expressions', () => {
    const vocab = JSON.stringify({ a: 0, '<|a (b)|>': 1, '<|a': 2, Ġnever: 3 });
    const encoder = BytePairEncoder.fromFiles({ vocab, merges: '' });
    expect(encoder.encode('a<|a (b)|>a<|a never', { allowedSpecial: 'all' })).toEqual([
      0, 1, 0, 2, 3,
    ]);
    expect(errorOf(() => encoder.encode('ab'))).toMatchObject({
      code: 'tokenizer/byte',
      message: 'The vocabulary has no token for byte 0x62 in "ab".',
    });
  });

  it.each([
    ['no JSON', '{"a": 0', '', 'tokenizer/vocab', /^vocab\.json: this is no JSON/],
    ['an array', '[1]', '', 'tokenizer/vocab', /not one object/],
    ['null', 'null', '', 'tokenizer/vocab', /not one object/],
    ['no tokens', '{}', '', 'tokenizer/vocab', /no tokens/],
    ['a negative id', '{"a": -1}', '', 'tokenizer/vocab', /"a" has the id -1/],
    ['a broken id', '{"a": 0.5}', '', 'tokenizer/vocab', /"a" has the id 0\.5/],
    ['a huge id', '{"a": 1e15}', '', 'tokenizer/vocab', /"a" has the id 1000000000000000/],
    ['an id of text', '{"a": "0"}', '', 'tokenizer/vocab', /"a" has the id "0"/],
    ['one id twice', '{"a": 0, "b": 0}', '', 'tokenizer/vocab', /"a" and "b" have the same id 0/],
    ['an empty token', '{"": 0}', '', 'tokenizer/vocab', /special token ""/],
    ['a text twice', '{"Ġx": 0, " x": 1}', '', 'tokenizer/vocab', /both stand for " x"/],
    ['a merge of three', '{"a": 0}', '#version\na a a', 'tokenizer/merges', /line 2: "a a a"/],
    ['a merge of one', '{"a": 0}', 'aa', 'tokenizer/merges', /line 1: "aa"/],
    ['two spaces', '{"a": 0}', 'a  a', 'tokenizer/merges', /line 1/],
    ['an unknown part', '{"a": 0}', 'a b', 'tokenizer/merges', /line 1: "b" is not in vocab\.json/],
    ['an unknown whole', '{"a": 0}', 'a a', 'tokenizer/merges', /"aa" is not in vocab/],
    ['a strange letter', '{"日": 0, "日日": 1}', '日 日', 'tokenizer/merges', /alphabet/],
  ])('are refused with %s', (_name, vocab, merges, code, message) => {
    const error = errorOf(() => BytePairEncoder.fromFiles({ vocab, merges }));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
    expect(error.hint).not.toBe('');
  });

  it('are refused or loaded, never anything else, when their characters change', () => {
    const vocab = JSON.stringify({ a: 0, b: 1, ab: 2, Ġ: 3, Ġa: 4, '<|endoftext|>': 5 });
    const merges = '#version: 0.2\na b\nĠ a\n';
    const change = fc.tuple(
      fc.boolean(),
      fc.nat(80),
      fc.constantFrom(...Array.from('"{}:,0 9\nab\0é\uD800')),
    );
    fc.assert(
      fc.property(fc.array(change, { maxLength: 4 }), (changes) => {
        const files = { vocab, merges };
        for (const [inVocab, at, character] of changes) {
          const name = inVocab ? 'vocab' : 'merges';
          files[name] = files[name].slice(0, at) + character + files[name].slice(at + 1);
        }
        try {
          const encoder = BytePairEncoder.fromFiles(files);
          for (let id = 0; id < encoder.vocabSize; id++) {
            if (encoder.specialTokens.size > 0) continue;
            encoder.decode(encoder.encode('ab a'));
          }
        } catch (error) {
          expect(error).toBeInstanceOf(EngineError);
        }
      }),
      { numRuns: 3000 },
    );
  });

  it.each(['? 0 IQ==', '! x IQ==', '! 0 I*Q', '! 0 IQ== IQ==', '! -1 IQ=='])(
    'are not mistaken for broken ranks: %s is refused',
    (line) => {
      expect(errorOf(() => BytePairEncoder.fromRanks(line))).toMatchObject({
        code: 'tokenizer/ranks',
      });
    },
  );
});

/** A long word of letters that repeat rarely. */
function lettersOf(count: number): string {
  let state = 1;
  let word = '';
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    word += String.fromCharCode(97 + ((state >>> 16) % 26));
  }
  return word;
}

/** A vocabulary of ranks as Hugging Face's two files: every way to split a token is a merge of the token's rank. */
function asFiles(encoder: BytePairEncoder): { vocab: string; merges: string } {
  const alphabet = new Map<number, string>();
  let next = 0x100;
  for (let byte = 0; byte < 256; byte++) {
    const prints = /^[!-~¡-¬®-ÿ]$/.test(String.fromCharCode(byte));
    alphabet.set(byte, String.fromCharCode(prints ? byte : next++));
  }
  const idOf = new Map<string, number>();
  const merges: string[] = [];
  for (let id = 0; id < encoder.vocabSize - 1; id++) {
    const token = [...encoder.bytesOf(id)].map((byte) => alphabet.get(byte)).join('');
    idOf.set(token, id);
    for (let cut = 1; cut < token.length; cut++) {
      const [left, right] = [token.slice(0, cut), token.slice(cut)];
      if (idOf.has(left) && idOf.has(right)) merges.push(`${left} ${right}`);
    }
  }
  idOf.set('<|endoftext|>', encoder.vocabSize - 1);
  return { vocab: JSON.stringify(Object.fromEntries(idOf)), merges: merges.join('\n') };
}

// Text from wherever it comes, in parts: characters, documents, and the ids of the whole.
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BytePairEncoder } from '../../../../src/text/bytePairEncoder.ts';
import { utf8 } from '../../../../src/text/byteStrings.ts';
import { CharacterTokenizer } from '../../../../src/text/characters.ts';
import { readTokenizerJson } from '../../../../src/text/tokenizerJson.ts';
import { documentParts } from '../../../../src/text/training/documents.ts';
import { encodeParts } from '../../../../src/text/training/encodeParts.ts';
import {
  type TextSource,
  countCharacters,
  textParts,
} from '../../../../src/text/training/textSource.ts';
import type { Tokenizer } from '../../../../src/text/tokenizer.ts';
import { inParts, partsOf } from './parts.ts';

const SAMPLE = 'naïve 東京\r\n😀!';

async function* bytesInParts(
  bytes: Uint8Array,
  length: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < bytes.length; at += length) {
    yield await Promise.resolve(bytes.subarray(at, at + length));
  }
}

async function whole(source: TextSource): Promise<string> {
  let all = '';
  for await (const { text } of textParts(source)) all += text;
  return all;
}

const streamOf = (text: string): ReadableStream<Uint8Array> => new Blob([text]).stream();

describe('a text', () => {
  test.each<[string, () => TextSource]>([
    ['a string', () => SAMPLE],
    ['a file', () => new Blob([SAMPLE])],
    ['a stream', () => streamOf(SAMPLE)],
    ['strings', () => inParts(SAMPLE, 1)],
    ['bytes', () => bytesInParts(utf8.encode(SAMPLE), 1)],
    ['bytes with a byte order mark', () => bytesInParts(utf8.encode(`\uFEFF${SAMPLE}`), 2)],
    ['a file with a byte order mark', () => new Blob([`\uFEFF${SAMPLE}`])],
    ['a string with a byte order mark', () => `\uFEFF${SAMPLE}`],
    ['strings, the first of them a byte order mark', () => inParts(`\uFEFF${SAMPLE}`, 1)],
  ])('comes from %s', async (_what, source) => {
    expect(await whole(source())).toBe(SAMPLE);
  });

  test('keeps what looks like a byte order mark and is within it', async () => {
    const text = `a\uFEFF${SAMPLE}`;
    for (const source of [text, new Blob([text]), bytesInParts(utf8.encode(text), 1)]) {
      expect(await whole(source)).toBe(text);
    }
    expect(await whole(new Blob(['\uFEFF']))).toBe('');
  });

  test('says how much of it has been read, where that is known', async () => {
    const shares = async (source: TextSource): Promise<(number | null)[]> => {
      const all: (number | null)[] = [];
      for await (const { share } of textParts(source)) all.push(share);
      return all;
    };
    const long = 'a'.repeat(300_000);
    const first = 2 ** 18 / 300_000;
    expect(await shares(long)).toEqual([first, 1]);
    expect((await shares(new Blob([long]))).at(-1)).toBe(1);
    expect(await shares(inParts('ab', 1))).toEqual([null, null]);
  });

  test('has U+FFFD for half a character of a string', async () => {
    expect(await whole('a\uD83Db\uDE00')).toBe('a\uFFFDb\uFFFD');
    expect(await whole('a\uD83D')).toBe('a\uFFFD');
  });

  test.each([
    ['no UTF-8', new Uint8Array([0x61, 0xff, 0x61]), 'somewhere in its bytes 0 to 2'],
    ['half a character', new Uint8Array([0x61, 0xe6, 0x9d]), 'it ends within a character, after 3'],
    ['a packed file', new Uint8Array([0x1f, 0x8b, 0x08, 0x00]), 'somewhere in its bytes 0 to 3'],
  ])('is refused where it is %s', async (_what, bytes, message) => {
    await expect(whole(new Blob([bytes]))).rejects.toThrow(message);
  });

  test('stops when it is told to, and lets go of its stream', async () => {
    const stop = new AbortController();
    let cancelled = false;
    const stream = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(utf8.encode('again ')),
      cancel: () => {
        cancelled = true;
      },
    });
    const read = async (): Promise<void> => {
      for await (const part of textParts(stream, stop.signal)) {
        expect(part.text).toBe('again ');
        stop.abort(new Error('enough'));
      }
    };
    await expect(read()).rejects.toThrow('enough');
    expect(cancelled).toBe(true);
  });

  test('is counted in code points', () => {
    expect(countCharacters(SAMPLE)).toBe([...SAMPLE].length);
  });
});

async function documentsOf(source: TextSource, separator: string | null): Promise<string[]> {
  const documents = [''];
  for await (const { text, ends } of documentParts(source, separator)) {
    documents[documents.length - 1] += text;
    if (ends) documents.push('');
  }
  return documents;
}

describe('documents', () => {
  test('are parted by a separator with the line breaks beside it', async () => {
    const text = '\na b\n\n<|endoftext|>\r\n c\n<|endoftext|><|endoftext|>d\n';
    expect(await documentsOf(text, '<|endoftext|>')).toEqual(['\na b', ' c', '', 'd\n']);
    expect(await documentsOf(text, null)).toEqual([text]);
  });

  test('are the same however the text comes', async () => {
    const text = fc
      .array(fc.constantFrom('-', '--', '--8', '--8--', 'a', '\n', '\r\n'), { maxLength: 20 })
      .map((all) => all.join(''));
    await fc.assert(
      fc.asyncProperty(text, partsOf, async (sample, cuts) => {
        const parts = sample.split('--8--');
        const expected = parts.map((each, i) => {
          const tail = i === parts.length - 1 ? each : each.replace(/[\r\n]+$/, '');
          return i === 0 ? tail : tail.replace(/^[\r\n]+/, '');
        });
        expect(await documentsOf(inParts(sample, ...cuts), '--8--')).toEqual(expected);
      }),
    );
  });
});

const merges = file('merges.txt');
const vocab = file('vocab.json');

function file(name: string): string {
  return readFileSync(
    new URL(`../../../fixtures/conformance/bpe/512/${name}`, import.meta.url),
    'utf8',
  );
}

const specialTokens = new Map([
  ['<|a|>', 512],
  ['<|a|><|b|>', 513],
]);

const TOKENIZERS: readonly (readonly [string, Tokenizer])[] = [
  ['byte pairs', BytePairEncoder.fromFiles({ vocab, merges })],
  ['byte pairs with added tokens', BytePairEncoder.fromFiles({ vocab, merges, specialTokens })],
  ['characters', new CharacterTokenizer(new Map([..." \n\tab<|>é😀're1"].map((c, id) => [c, id])))],
  [
    'a pipeline',
    readTokenizerJson(
      JSON.stringify({
        model: { type: 'WordLevel', vocab: { a: 0, b: 1, x: 2 }, unk_token: 'x' },
        pre_tokenizer: { type: 'Whitespace' },
        added_tokens: [],
      }),
      3,
    ),
  ],
];

describe('ids of a text in parts', () => {
  test.each(TOKENIZERS)('are those of the whole: %s', (_what, tokenizer) => {
    const letters = ['a', 'b', ' ', '  ', '\n', '\n\n', '\t', "'", "'r", 're', '1', 'é', '😀'];
    const names = ['<|a|>', '<|b|>', '<|a', '|>', '<|'];
    const text = fc
      .array(fc.constantFrom(...letters, ...names), { maxLength: 30 })
      .map((all) => all.join(''));
    fc.assert(
      fc.property(text, partsOf, (sample, cuts) => {
        const ids: number[] = [];
        const encoder = encodeParts(tokenizer, (id) => ids.push(id));
        const units = [...sample];
        for (let at = 0, part = 0; at < units.length; at += cuts[part++ % cuts.length]) {
          encoder.encode(units.slice(at, at + cuts[part % cuts.length]).join(''), false);
        }
        encoder.encode('', true);
        expect(ids).toEqual(tokenizer.encode(sample));
      }),
      { numRuns: 100 },
    );
  });

  test('of other tokenizers are of some lines at a time where the text is long', () => {
    const [, tokenizer] = TOKENIZERS[3];
    const seen: number[] = [];
    const encoder = encodeParts(tokenizer, (id) => seen.push(id));
    const long = 'a b\n'.repeat(20_000);
    encoder.encode(long, false);
    expect(seen.length).toBeGreaterThan(30_000);
    expect(seen.length).toBeLessThan(40_000);
    encoder.encode('', true);
    expect(seen).toHaveLength(40_000);
  });
});

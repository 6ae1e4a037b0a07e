// Byte-pair vocabularies: the reference trainer's merges, and what a plain trainer finds in any text.
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readOtherTokenizer } from '../../../../src/engine/load/otherTokenizer.ts';
import { byteAlphabet, toBinary, utf8 } from '../../../../src/text/byteStrings.ts';
import { endOfPiece } from '../../../../src/text/pieces.ts';
import { createBytes, trainBytePairs } from '../../../../src/text/training/bytePairTrainer.ts';
import type { TrainerProgress } from '../../../../src/text/training/trained.ts';
import { WordCounts } from '../../../../src/text/training/wordCounts.ts';
import { inParts, partsOf } from './parts.ts';

const file = (name: string): string =>
  readFileSync(new URL(`../../../fixtures/conformance/bpe/${name}`, import.meta.url), 'utf8');

/** Of each training step, all pairs counted anew. */
function plainMerges(texts: readonly string[], most: number, least: number): string[] {
  const names = byteAlphabet.toSorted();
  const words = texts.flatMap((text) => {
    const pieces: number[][] = [];
    for (let at = 0; at < text.length; at = endOfPiece(text, at)) {
      const piece = toBinary(utf8.encode(text.slice(at, endOfPiece(text, at))));
      pieces.push([...piece].map((byte) => names.indexOf(byteAlphabet[byte.charCodeAt(0)])));
    }
    return pieces;
  });
  const merges: string[] = [];
  while (merges.length < most) {
    const counts = new Map<string, number>();
    for (const word of words) {
      for (let i = 0; i + 1 < word.length; i++) {
        const pair = `${word[i]} ${word[i + 1]}`;
        counts.set(pair, (counts.get(pair) ?? 0) + 1);
      }
    }
    const [best] = [...counts]
      .map(([pair, count]) => [count, ...pair.split(' ').map(Number)])
      .toSorted((a, b) => b[0] - a[0] || a[1] - b[1] || a[2] - b[2]);
    if (!best || best[0] < least) break;
    const [, left, right] = best;
    merges.push(`${names[left]} ${names[right]}`);
    for (const word of words) {
      for (let i = 0; i + 1 < word.length; i++) {
        if (word[i] === left && word[i + 1] === right) word.splice(i, 2, names.length);
      }
    }
    names.push(names[left] + names[right]);
  }
  return merges;
}

const mergesOf = ({ files }: { files: ReadonlyMap<string, string> }): string[] =>
  (files.get('merges.txt') ?? '').split('\n').slice(1, -1);

describe('a trained byte-pair tokenizer', () => {
  test.each([512, 2048, 4096])('of %i tokens is the reference trainer’s', async (vocab_size) => {
    const { files, tokenizer, leftOut, characters } = await trainBytePairs(
      inParts(file('corpus.txt'), 10_000),
      { vocab_size },
    );
    expect(files.get('vocab.json')).toBe(file(`${vocab_size}/vocab.json`));
    expect(files.get('merges.txt')).toBe(file(`${vocab_size}/merges.txt`));
    for (const [text, ids] of JSON.parse(file(`${vocab_size}/encoded.json`)) as [
      string,
      number[],
    ][]) {
      expect(tokenizer.encode(text)).toEqual(ids);
    }
    expect({ leftOut, characters }).toEqual({
      leftOut: 0,
      characters: [...file('corpus.txt')].length,
    });
  });

  test('merges what a plain trainer merges, however the text comes', async () => {
    const letters = fc.constantFrom(
      'a',
      'a',
      'b',
      ' ',
      ' ab',
      'aba',
      '\n',
      'é',
      '😀',
      "'r",
      'e',
      '1',
    );
    const text = fc.array(letters, { maxLength: 60 }).map((all) => all.join(''));
    await fc.assert(
      fc.asyncProperty(
        text,
        partsOf,
        fc.integer({ min: 1, max: 4 }),
        async (sample, cuts, least) => {
          for (const unit of ['line', 'document'] as const) {
            const options = { vocab_size: 286, min_frequency: least, unit };
            const learnt = await trainBytePairs(inParts(sample, ...cuts), options);
            const texts = unit === 'line' ? sample.split('\n') : [sample];
            expect(mergesOf(learnt)).toEqual(plainMerges(texts, 30, least));
          }
        },
      ),
      { numRuns: 30 },
    );
  });

  test('keeps <|endoftext|> out of the merges and gives it the last id', async () => {
    const text = 'low lower\n<|endoftext|>\nlowest low<|endoftext|>low';
    const { tokenizer, files } = await trainBytePairs(text, { vocab_size: 259 });
    expect(mergesOf({ files })).toEqual(['l o', 'lo w']);
    expect(tokenizer.endOfTextId).toBe(258);
    expect(tokenizer.encode('low<|endoftext|>')).toEqual([257, 258]);
    const without = await trainBytePairs(text, { vocab_size: 259, endOfText: false });
    expect(without.tokenizer.endOfTextId).toBeNull();
    const asked = await trainBytePairs('low low', { vocab_size: 258, endOfText: true });
    expect(asked.tokenizer.endOfTextId).toBe(257);
    // As text, where nothing separates documents.
    const plain = await trainBytePairs(text, { vocab_size: 300, separator: null });
    expect(mergesOf(plain)).toContain('< |');
  });

  test('loads again from its files', async () => {
    const { tokenizer, files } = await trainBytePairs('low low<|endoftext|>low', {
      vocab_size: 300,
    });
    expect(tokenizer.vocabSize).toBe(259);
    const again = await readOtherTokenizer(files, tokenizer.vocabSize);
    expect(again.tokenizer?.encode('low é<|endoftext|>')).toEqual(
      tokenizer.encode('low é<|endoftext|>'),
    );
    expect(again.tokenizer?.endOfTextId).toBe(258);
  });

  test('has 256 bytes at least and as many tokens as the text gives at most', async () => {
    const { tokenizer, files } = await trainBytePairs('', { vocab_size: 512 });
    expect(tokenizer.vocabSize).toBe(256);
    expect(tokenizer.encode('!é')).toEqual([0, 127, 102]);
    expect(mergesOf({ files })).toEqual([]);
    // One bound in the same words, whether the text was read before it was found or not.
    const bounds =
      'expected a whole number from 256 to 32768, and from 257 where <|endoftext|> is a token.';
    for (const vocab_size of [100, 255, 32_769, 300.5, Number.NaN]) {
      await expect(trainBytePairs('a', { vocab_size })).rejects.toThrow(
        `vocab_size is ${vocab_size}; ${bounds}`,
      );
    }
    const least = { vocab_size: 256 };
    await expect(trainBytePairs('a', { ...least, endOfText: true })).rejects.toThrow(
      `vocab_size is 256; ${bounds}`,
    );
    await expect(trainBytePairs('a<|endoftext|>', least)).rejects.toThrow(
      `vocab_size is 256; ${bounds}`,
    );
    expect((await trainBytePairs('a', least)).tokenizer.vocabSize).toBe(256);
    await expect(trainBytePairs('a', { vocab_size: 300, min_frequency: 0 })).rejects.toThrow(
      'min_frequency is 0',
    );
  });

  test('says how far it is and stops when it is told to', async () => {
    const told: TrainerProgress[] = [];
    await trainBytePairs('low low', { vocab_size: 258, onProgress: (each) => told.push(each) });
    // What comes between depends on the time it takes.
    expect(told).toContainEqual({ stage: 'read', characters: 7, share: 1 });
    expect(told.at(-1)).toEqual({ stage: 'merge', tokens: 258, vocab_size: 258 });
    const stop = new AbortController();
    const endless = async function* (): AsyncGenerator<string, void, undefined> {
      for (let word = 0; ; word++) yield await Promise.resolve(` word${word % 1000}`.repeat(500));
    };
    const onProgress = (): void => stop.abort(new Error('enough'));
    await expect(
      trainBytePairs(endless(), { vocab_size: 300, signal: stop.signal, onProgress }),
    ).rejects.toThrow('enough');
  });

  test('counts words for which there is no room, and goes on counting those it has', () => {
    const words = new WordCounts(6);
    words.add('abc def ghi abc def', true);
    expect([...words.counts]).toEqual([['abc', 1]]);
    expect(words.leftOut).toBe(4);
    words.add('abc', true);
    expect(words.counts.get('abc')).toBe(2);
  });
});

describe('a tokenizer of bytes', () => {
  test('gives each byte its own id', async () => {
    const { tokenizer, files } = createBytes();
    expect(tokenizer.vocabSize).toBe(256);
    expect(tokenizer.encode('Aé\n')).toEqual([...utf8.encode('Aé\n')]);
    const again = await readOtherTokenizer(files, 256);
    expect(again.tokenizer?.encode('Aé\n')).toEqual([...utf8.encode('Aé\n')]);
  });

  test('may have an end of text', async () => {
    const { files } = createBytes({ endOfText: true });
    const { tokenizer } = await readOtherTokenizer(files, 257);
    expect(tokenizer?.encode('A<|endoftext|>')).toEqual([65, 256]);
  });
});

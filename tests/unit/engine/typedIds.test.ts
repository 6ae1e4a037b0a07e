// Numbers for words: what is typed for a model without a tokenizer.
import { describe, expect, it } from 'vitest';
import { answer } from '../../../src/engine/questions/answers.ts';
import { GPT2 } from '../../../src/engine/gpt2.ts';
import { typedIds } from '../../../src/engine/reading/typedIds.ts';
import { packPath } from '../../support/packOnDisk.ts';

describe('typed ids', () => {
  for (const [text, ids] of [
    ['5 77 123', [5, 77, 123]],
    ['  5,77;\n123 ', [5, 77, 123]],
    ['[5, 77, 123]', [5, 77, 123]],
    ['tensor([[5, 77]])', [5, 77]],
    ['⟨5⟩⟨77⟩', [5, 77]],
    ['007', [7]],
    ['', []],
  ] as const) {
    it(`are read from ${JSON.stringify(text)}`, () => {
      expect(typedIds(text, 300, 'toy')).toEqual(ids);
    });
  }

  for (const [text, word] of [
    ['5 Once 77', '“Once” is no token’s number'],
    ['300', '“300” is no token of toy'],
    ['-1', '“-1” is no token’s number'],
    ['1.5', '“1.5” is no token’s number'],
    ['1e2', '“1e2” is no token’s number'],
    ['9'.repeat(400), `“${'9'.repeat(20)}…” is no token of toy`],
  ] as const) {
    it(`that are none are named: ${text.slice(0, 20)}`, () => {
      expect(() => typedIds(text, 300, 'toy')).toThrow(
        expect.objectContaining({
          code: 'tokens/ids',
          message: `${word}. Without a tokenizer, toy reads numbers from 0 to 299.`,
        }),
      );
    });
  }

  it('are what a model without a tokenizer is asked with, and shows', async () => {
    await using model = await GPT2.from_pretrained(packPath('gpt2'), { device: 'cpu' });
    expect(model.summary.reads).toBe('ids');
    const pieces = await answer(model, 'tokenize', { text: '5 77' });
    expect(pieces.map(({ id, text }) => [id, text])).toEqual([
      [5, '5 '],
      [77, '77 '],
    ]);
    // Copied, they are what can be typed.
    expect(pieces.map(({ bytes }) => String.fromCharCode(...bytes)).join('')).toBe('5 77 ');
  });
});

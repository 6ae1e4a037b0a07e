// What is looked for in the text of a run.
import { describe, expect, test } from 'vitest';
import { startsOf } from '../../../../src/engine/runs/passages.ts';
import { taskText } from '../../../../src/engine/runs/tasks.ts';
import { settings } from './trainerKit.ts';

const model = { kind: 'gpt2', n_layer: 1, n_head: 2, n_embd: 16, n_ctx: 64 } as const;
const own = { kind: 'own', name: 'x', text: '' } as const;
/** A token a letter. */
const letters = (text: string) => ({ characters: text.length, tokens: text.length });

describe('starts', () => {
  test('of a task are lines of it with half of their answer, one of them unseen', () => {
    const text = taskText('repeat');
    const starts = startsOf(text, settings({ model }), letters(text));
    expect(starts).toHaveLength(4);
    for (const start of starts) {
      const [asked = '', answer = ''] = start.split('|');
      expect(answer.length).toBe(Math.ceil(asked.length / 2));
      expect(asked.startsWith(answer)).toBe(true);
    }
    expect(text.indexOf(starts[0] ?? '?')).toBeGreaterThan(0.9 * text.length);
    expect(startsOf(text, settings({ model, validation: 0 }), letters(text))[0]).toBe(
      text.slice(0, starts[1]?.length),
    );
  });

  test('of a text are what its samples begin with and whole words of its lines', () => {
    const lines = Array.from(
      { length: 99 },
      (_, i) => `“Line ${i}”, said the fox to the hen, grinning.`,
    );
    const text = `<|endoftext|>\n${lines.join('\n\n')}`;
    const asked = settings({ text: own, prompt: 'Once', model });
    const starts = startsOf(text, asked, letters(text));
    expect(starts[0]).toBe('Once');
    expect(starts.slice(1)).toEqual([
      '“Line 95”, said the fox to the',
      '“Line 0”, said the fox to the',
      expect.stringMatching(/^“Line 3\d”, said the fox to the$/u),
    ]);
    // Two letters a token: twice the room.
    const pairs = { ...letters(text), tokens: text.length / 2 };
    expect(startsOf(text, asked, pairs)[1]).toBe('“Line 95”, said the fox to the hen,');
  });

  test('are found where there are no lines, no sentences, no words, and nothing', () => {
    const of = (text: string) =>
      startsOf(text, settings({ text: own, prompt: '', model, validation: 0 }), letters(text));
    expect(of('cat:meow dog:woof cow:moo '.repeat(80))).toEqual([
      'cat:meow dog:woof cow:moo',
      'dog:woof cow:moo cat:meow',
    ]);
    expect(of('狐'.repeat(500))).toEqual(['狐'.repeat(32)]);
    // No half of an emoji.
    expect(of('🦊'.repeat(500)).every((start) => start.isWellFormed())).toBe(true);
    expect(of('')).toEqual([]);
  });
});

// What is looked for in the text of a run.
import { describe, expect, test } from 'vitest';
import { findIn, otherPassage, startsOf } from '../../../../src/engine/runs/passages.ts';
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

describe('search', () => {
  const text = [
    'The King went out. “Who is there?” asked\nthe king.  A fox! Nobody else.\n\n',
    'Another line without an end\nThe king (of all) slept.\n',
    '<|endoftext|>\nA second document: kings.\n',
  ].join('');
  const taken = (find: string, place = 0) => {
    const within = findIn(text, find, 9).hits[place]?.within ?? [];
    return within.map(({ what, from, to }) => [what, text.slice(from, to)]);
  };

  test('finds any capitals and white space, counts all places, and tells the first', () => {
    expect(findIn(text, ' the  KING ', 2)).toMatchObject({
      count: 3,
      hits: [
        { before: '', match: 'The King', after: expect.stringMatching(/^ went out/u) as string },
        { before: expect.stringMatching(/asked\n$/u) as string, match: 'the king' },
      ],
    });
    expect(findIn(text, 'asked the', 9).hits[0]?.match).toBe('asked\nthe');
    expect(findIn(text, '(of', 9).count).toBe(1);
    for (const signs of ['', '  ', 'owl', '.*', '[a-z]']) {
      expect(findIn(text, signs, 9)).toEqual({ count: 0, hits: [] });
    }
    expect(
      findIn('🦊'.repeat(200), '🦊', 99).hits.every(({ before, after }) =>
        `${before}${after}`.isWellFormed(),
      ),
    ).toBe(true);
  });

  test('says what stands around a place, with what ends it, each larger than the last', () => {
    expect(taken('out')).toEqual([
      ['sentence', 'The King went out. '],
      ['line', 'The King went out. “Who is there?” asked\n'],
      ['paragraph', text.slice(0, text.indexOf('Another'))],
      ['document', text.slice(0, text.indexOf('A second'))],
    ]);
    expect(taken('there')[0]).toEqual(['sentence', '“Who is there?” ']);
    expect(taken('of all').slice(0, 2)).toEqual([
      ['sentence', 'Another line without an end\nThe king (of all) slept.\n'],
      ['document', text.slice(0, text.indexOf('A second'))],
    ]);
    // A place in two sentences is in both; the end of a document is no part of its last sentence.
    expect(taken('king.  A fox')[0]).toEqual(['sentence', 'asked\nthe king.  A fox! ']);
    expect(taken('slept')[0]?.[1]).toMatch(/slept\.\n$/u);
  });
});

describe('another passage', () => {
  test('is as long, stands about as often, and shares no letter with any place of this one', () => {
    const sounds = 'cat:meow dog:woof cow:moo '.repeat(80);
    const other = otherPassage(sounds, 'dog:woof ') ?? '';
    expect(other).toHaveLength(9);
    expect(sounds.split(other).length - 1).toBeGreaterThan(70);
    // What it covers is not what this one covers: taken out, all of this one is there.
    expect(sounds.replaceAll(other, '|').split('dog:woof ')).toHaveLength(81);
    const task = taskText('repeat');
    const line = task.slice(0, task.indexOf('\n') + 1);
    const once = otherPassage(task, line) ?? '';
    expect(once).toHaveLength(line.length);
    expect(task.split(once)).toHaveLength(2);
    expect(otherPassage(task, line)).toBe(once);
  });

  test('is none where the text is no longer than twice this one, or all of it is this one', () => {
    expect(otherPassage('abc abc', 'abc abc')).toBeNull();
    expect(otherPassage('abc '.repeat(50), 'abc ')).toBeNull();
    expect(otherPassage('abc', '')).toBeNull();
    expect(otherPassage(' '.repeat(50), 'abc')).toBeNull();
  });
});

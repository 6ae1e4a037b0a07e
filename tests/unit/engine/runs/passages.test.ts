// What is looked for in the text of a run.
import { describe, expect, test } from 'vitest';
import { findIn, otherPassage, passageIn, startsOf } from '../../../../src/engine/runs/passages.ts';
import { taskText } from '../../../../src/engine/runs/tasks.ts';
import { philoxDraws } from '../../../../src/engine/training/draws.ts';
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
      ['sentence', 'The King went out.'],
      ['line', 'The King went out. “Who is there?” asked\n'],
      ['paragraph', text.slice(0, text.indexOf('Another'))],
      ['document', text.slice(0, text.indexOf('A second'))],
    ]);
    expect(taken('there')[0]).toEqual(['sentence', '“Who is there?”']);
    expect(taken('of all').slice(0, 3)).toEqual([
      ['sentence', 'Another line without an end\nThe king (of all) slept.'],
      ['paragraph', 'Another line without an end\nThe king (of all) slept.\n'],
      ['document', text.slice(0, text.indexOf('A second'))],
    ]);
    // A place in two sentences is in both; the end of a document is no part of its last sentence.
    expect(taken('king.  A fox')[0]).toEqual(['sentence', 'asked\nthe king.  A fox!']);
    expect(taken('slept')[0]?.[1]).toMatch(/slept\.$/u);
  });
});

/** Random sentences, and 20 times a fact: 4 of them end a line. */
const FACT = 'The capital of Zorvia is Mellin.';
function withFacts(apart: number): string {
  const draws = philoxDraws(7, 0);
  const words = ['fox', 'hen', 'sees', 'old', 'runs', 'river', 'the', 'of', 'a', 'night'];
  const sentence = () =>
    `The ${draws
      .randint(words.length, 5)
      .map((i) => words[i])
      .join(' ')}.`;
  return Array.from(
    { length: 20 },
    (_, i) =>
      `${Array.from({ length: apart }, sentence).join(' ')} ${FACT}${i % 5 === 4 ? '\n' : ' '}`,
  ).join('');
}

describe('a sentence that is taken', () => {
  test('has no white space around it, so all places of it are one passage', () => {
    const text = withFacts(9);
    const { count, hits } = findIn(text, 'Zorvia', 20);
    expect(count).toBe(20);
    const taken = hits.map(({ within: [range] }) => range && text.slice(range.from, range.to));
    expect(new Set(taken)).toEqual(new Set([FACT]));
    expect(passageIn(text, FACT).times).toBe(20);
    expect(findIn(`  A fox.  ${text}`, 'fox', 1).hits[0]?.within[0]).toEqual({
      what: 'sentence',
      from: 2,
      to: 8,
    });
  });
});

describe('another passage', () => {
  test('has as many characters in all, and nothing of this one, where it stands many times', () => {
    const text = withFacts(40);
    const other = otherPassage(text, FACT) ?? '';
    const changed = (text.split(other).length - 1) * other.length;
    expect(changed).toBeGreaterThanOrEqual(0.75 * 20 * FACT.length);
    expect(changed).toBeLessThanOrEqual(1.25 * 20 * FACT.length);
    expect(other).not.toMatch(/Zorvia|Mellin|capital/u);
    expect(text.replaceAll(other, '|').split(FACT)).toHaveLength(21);
    // No stretch between two places of it is so long.
    expect(otherPassage(withFacts(3), FACT)).toBeNull();
  });

  test('has none of the words that are this one’s own, where there is such a place', () => {
    const rest = Array.from({ length: 40 }, (_, i) => `Zorvia ${i}. `).join('');
    const plain = Array.from({ length: 9 }, (_, i) => `Lorem ipsum dolor ${i} `).join('');
    const text = `${FACT} ${FACT} ${FACT} Zorvia is old. ${plain}`;
    expect(otherPassage(text, FACT)).not.toMatch(/Zorvia|Mellin/u);
    // Common words are anybody's.
    expect(otherPassage(`${FACT} ${rest}`, FACT)).toMatch(/Zorvia/u);
  });

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

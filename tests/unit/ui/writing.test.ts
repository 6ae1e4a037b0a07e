import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TokenPiece } from '../../../src/api.ts';
import { createTokenText, replaceTokens } from '../../../src/state/tokenText.ts';
import { loadGpt2Tokenizer } from '../../../src/text/gpt2Tokenizer.ts';
import {
  changeOf,
  draftOf,
  editOf,
  END_MARK,
  plainOf,
  snap,
  tokenAt,
} from '../../../src/ui/writing/plain.ts';

const tokenizer = await loadGpt2Tokenizer();
const read = (words: string): TokenPiece[] =>
  tokenizer.encode(words).map((id) => tokenizer.pieceOf(id));
const END: TokenPiece = { id: 50256, bytes: [], text: '<|endoftext|>', special: true };
const idsOf = (pieces: readonly TokenPiece[]): number[] => pieces.map(({ id }) => id);

/** What somebody writes: words, ends of lines, signs of several tokens, letters of several units. */
const part = fc.constantFrom(
  'king',
  ' rode',
  ' ',
  '\n',
  '.',
  '🦊',
  '日本',
  "'s",
  'é',
  '12',
  '👩‍👧',
  'a',
  '\t',
);
const text = fc.array(part, { maxLength: 30 }).map((parts) => parts.join(''));
/** Another text, of which a stretch reads otherwise. */
const change = fc.record({ old: text, at: fc.nat(60), length: fc.nat(12), words: text });

/** The text of a change, before and after, between characters. */
function apply({
  old,
  at,
  length,
  words,
}: {
  old: string;
  at: number;
  length: number;
  words: string;
}): string {
  const from = snap(old, Math.min(at, old.length));
  const to = snap(old, Math.min(from + length, old.length));
  return old.slice(0, from) + words + old.slice(to);
}

describe('a text that is written in', () => {
  it('has its words, and each token begins where its first character does', () => {
    fc.assert(
      fc.property(text, (words) => {
        const pieces = read(words);
        const plain = plainOf(pieces);
        expect(plain.words).toBe(words);
        expect(plain.starts).toHaveLength(pieces.length + 1);
        for (const start of plain.starts) expect(snap(words, start)).toBe(start);
      }),
    );
  });

  it('has a token for every place, and no place within a character', () => {
    const pieces = read('A 🦊日 b');
    const plain = plainOf(pieces);
    for (let at = 0; at <= plain.words.length; at++) {
      const place = snap(plain.words, at);
      const { index, signs } = tokenAt(plain, place);
      expect((plain.starts[index] ?? Number.NaN) + signs).toBe(place);
    }
    // The fox has two units and several tokens: all begin before it, and the first of them is meant.
    expect(snap(plain.words, 3)).toBe(2);
    const first = tokenAt(plain, 2).index;
    expect(plain.starts.filter((start) => start === 2).length).toBeGreaterThan(1);
    expect(plain.starts[first - 1]).toBeLessThan(2);
    expect(tokenAt(plain, 4).index).toBeGreaterThan(first + 1);
    expect(tokenAt(plain, plain.words.length)).toEqual({ index: pieces.length, signs: 0 });
  });

  it('counts lines as a field does, half characters as what they are read as, and an end as one mark', () => {
    const half = read('🦊').slice(0, 1);
    const ofReturns = ['a\r\n', 'b\r', '\nc', '\rd'].map((words, id) => ({
      ...END,
      special: false,
      id,
      text: words,
      bytes: [...new TextEncoder().encode(words)],
    }));
    expect(plainOf(ofReturns)).toEqual({ words: 'a\nb\nc\nd', starts: [0, 2, 3, 5, 7] });
    expect(plainOf([...half, ...read('a')]).words).toBe('\u{FFFD}a');
    expect(plainOf([...read('a'), END, ...read('b')])).toEqual({
      words: `a${END_MARK}b`,
      starts: [0, 1, 2, 3],
    });
  });

  it('finds the one stretch that changed', () => {
    fc.assert(
      fc.property(change, (one) => {
        const now = apply(one);
        const { from, to, words } = changeOf(one.old, now);
        expect(one.old.slice(0, from) + words + one.old.slice(to)).toBe(now);
        expect(to).toBeGreaterThanOrEqual(from);
        expect(snap(one.old, from)).toBe(from);
        expect(snap(one.old, to)).toBe(to);
      }),
    );
    // Halves of two foxes' letters are the same, and neither is cut.
    expect(changeOf('a🦊b', 'a🦋b')).toEqual({ from: 1, to: 3, words: '🦋' });
  });

  it('has the tokens that it would have if all of it were read anew', () => {
    fc.assert(
      fc.property(change, (one) => {
        const now = apply(one);
        const written = createTokenText();
        written.pieces = read(one.old);
        const { from, to, words } = editOf(written.pieces, plainOf(written.pieces), now);
        replaceTokens(written, from, to, words === '' ? [] : read(words));
        expect(plainOf(written.pieces).words).toBe(now);
        expect(idsOf(written.pieces)).toEqual(idsOf(read(now)));
      }),
      { numRuns: 400 },
    );
  });

  it('is read anew around a change alone, and its ends stay', () => {
    const pieces = [...read('Once upon a time there was'), END, ...read('a little fox who ran')];
    const plain = plainOf(pieces);
    const at = plain.words.indexOf('fox');
    const now = `${plain.words.slice(0, at)}red ${plain.words.slice(at)}`;
    const { from, to, words } = editOf(pieces, plain, now);
    expect(words).toBe(' red fox');
    expect(to - from).toBe(1);
    expect(editOf(pieces, plain, `${plain.words}.`).words).toBe(' ran.');
    // Before the end, behind it, and the end itself taken away.
    const end = plain.words.indexOf(END_MARK);
    for (const [where, anew] of [
      [end, ' was not'],
      [end + 1, ' nota'],
    ] as const) {
      const more = `${plain.words.slice(0, where)} not${plain.words.slice(where)}`;
      expect(editOf(pieces, plain, more)).toMatchObject({ words: anew });
    }
    const without = editOf(pieces, plain, plain.words.replace(END_MARK, ''));
    expect(without.words).toBe(' wasa');
    expect(pieces.slice(without.from, without.to)).toContain(END);
  });

  it('shows what is written before its tokens are known, beside all that are', () => {
    fc.assert(
      fc.property(change, (one) => {
        const now = apply(one);
        const pieces = read(one.old);
        const draft = draftOf(pieces, plainOf(pieces), now);
        expect(plainOf(draft.pieces).words).toBe(now);
        expect(draft.pieces.slice(0, draft.from)).toEqual(pieces.slice(0, draft.from));
        for (const piece of draft.pieces.filter(({ id }) => id < 0)) {
          expect(piece.text.slice(0, -1)).not.toContain('\n');
        }
      }),
    );
  });
});

// Patterns of tokenizer files: what Oniguruma finds, and that looking ends. Expected: `Split` of Hugging Face's tokenizers.
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EngineError } from '../../../src/errors.ts';
import { Pattern } from '../../../src/text/pattern/pattern.ts';

const matches = (pattern: string, text: string): string[] =>
  new Pattern(pattern).findAll(text).map(([from, to]) => text.slice(from, to));

describe('a pattern', () => {
  test.each([
    [String.raw`(?i:'s|'t)|\p{L}+`, "DON'T it's 'ſ", ['DON', "'T", 'it', "'s", "'ſ"]],
    [String.raw`\p{N}{1,3}(?=(\p{N}{3})*\b)`, '1234567', ['1', '234', '567']],
    [String.raw`\s+(?!\S)|\s+`, 'a   b  ', ['  ', ' ', '  ']],
    ['(?<=a)b|(?<!a|bb)c', 'ab bbc xc', ['b', 'c']],
    [String.raw`[^\r\n\p{L}\p{N}]?+\p{L}++`, ' ab\nc', [' ab', 'c']],
    ['(?>a+)ab|a', 'aab', ['a', 'a']],
    ['[a-z&&[^aeiou]]+', 'abcde', ['bcd']],
    ['[[:alpha:]]+|[[:^alpha:]]', 'é1', ['é', '1']],
    ['[^(\\s|[.,])]+', 'a(b|c).d', ['a', 'b', 'c', 'd']],
    ['a??b|a{,2}c|d{2}', 'ab aac ddd', ['ab', 'aac', 'dd']],
    ['(?:a*)*b?', 'aab', ['aab']],
    ['(?x) a  b # a comment\n | c', 'ab c', ['ab', 'c']],
    ['^a|b$', 'a\nab\na', ['a', 'a', 'b', 'a']],
    [String.raw`\x{1F642}|\u00e9|\R`, '🙂é\r\n', ['🙂', 'é', '\r\n']],
    ['(ab|a)*?c', 'aabac', ['aabac']],
    [String.raw`\p{Han}+|\P{L}|\p{^Lu}`, '日本 aB', ['日本', ' ', 'a']],
  ] as const)('%s finds what Oniguruma finds', (pattern, text, expected) => {
    expect(matches(pattern, text)).toEqual(expected);
  });

  test('of plain text is that text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 5 }), (text) => {
        if (!text.isWellFormed()) return;
        expect(Pattern.ofText(text).findAll(`${text}${text}`)).toHaveLength(2);
      }),
      { numRuns: 100 },
    );
  });

  test.each([
    '(',
    ')',
    '[',
    '[]',
    'a**?+(',
    '*',
    String.raw`\1`,
    String.raw`\p{Nobody}`,
    '(?<=a+)b',
    'a{5,1}',
    '(?',
  ])('that is not understood is refused: %s', (pattern) => {
    expect(() => new Pattern(pattern)).toThrow(
      expect.objectContaining({ code: 'tokenizer/pattern' }),
    );
  });

  test.each(['(a+)+b', '(a|a)*b', '(a*)*b', '(a|aa)+$b'])(
    'that never ends is stopped: %s',
    (pattern) => {
      expect(() => new Pattern(pattern).findAll('a'.repeat(200))).toThrow(/too many steps/);
    },
  );

  test('does not overflow the stack, on long texts or deep groups', () => {
    expect(matches('(?:.|x)+', '🙂'.repeat(50_000))).toHaveLength(1);
    expect(() => new Pattern(`${'('.repeat(4000)}a`)).toThrow(/too deep/);
    expect(() => new Pattern('(?:(?:a{1000}){1000}){1000}')).toThrow(/larger than any pattern/);
  });

  test('is understood or refused, never anything else', () => {
    const signs = fc.constantFrom(...'()[]{}?*+|^$\\.-&:!=<>aépLbs0,1 #x');
    fc.assert(
      fc.property(fc.array(signs, { maxLength: 14 }), (parts) => {
        try {
          new Pattern(parts.join('')).findAll('aé b-1 [x]');
        } catch (error) {
          expect(error).toBeInstanceOf(EngineError);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

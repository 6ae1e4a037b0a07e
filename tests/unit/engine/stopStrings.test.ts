// Stop strings in text that comes in pieces.
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { StopStringMatcher } from '../../../src/engine/sampling/stopStrings.ts';

/** All that a stream emits, and the stop string that ended it. */
function stream(stops: readonly string[], parts: readonly string[]): [string, string | undefined] {
  const matcher = new StopStringMatcher(stops);
  let text = '';
  let stopped: string | undefined;
  for (const part of parts) {
    const result = matcher.push(part);
    text += result.emit;
    stopped = result.stopped;
  }
  return [text, stopped];
}

it.each([
  [['.'], ['A day. And', ' more'], 'A day.', '.'],
  [['\n\n'], ['one\n', '\ntwo'], 'one\n\n', '\n\n'],
  [['User:'], ['Hi U', 'se', 'r', ': me'], 'Hi User:', 'User:'],
  [['aab'], ['a', 'a', 'a', 'b'], 'aaab', 'aab'],
  [['xyz', 'b'], ['ab', 'xyz'], 'ab', 'b'],
  [['b', 'ab'], ['ab'], 'ab', 'ab'],
  [['abcd', 'bc'], ['abc', 'd'], 'abc', 'bc'],
  [['🙂'], ['a', '🙂b'], 'a🙂', '🙂'],
])('%j ends %j after %j', (stops, parts, text, stopped) => {
  expect(stream(stops, parts)).toEqual([text, stopped]);
});

it('emits everything at once when there is nothing to stop at', () => {
  const matcher = new StopStringMatcher([]);
  expect(matcher.push('anything')).toEqual({ emit: 'anything' });
  const waiting = new StopStringMatcher(['things']);
  expect(waiting.push('any thing')).toEqual({ emit: 'any thing' });
});

it('emits nothing after the stop', () => {
  const matcher = new StopStringMatcher(['b']);
  matcher.push('abc');
  expect(matcher.push('more')).toEqual({ emit: '', stopped: 'b' });
});

it('refuses an empty stop string', () => {
  expect(() => new StopStringMatcher(['a', ''])).toThrow(
    expect.objectContaining({ code: 'sampling/options' }),
  );
});

it('finds the same end however the text is cut', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 5 });
  const stops = fc.array(
    letters.filter((stop) => stop !== ''),
    { maxLength: 4 },
  );
  fc.assert(
    fc.property(stops, fc.array(letters, { maxLength: 12 }), (stopStrings, parts) => {
      const text = parts.join('');
      const ends = stopStrings
        .map((stop) => ({ stop, at: text.indexOf(stop) }))
        .filter(({ at }) => at >= 0)
        .map(({ stop, at }) => at + stop.length);
      const end = ends.length > 0 ? Math.min(...ends) : text.length;
      expect(stream(stopStrings, parts)[0]).toBe(text.slice(0, end));
      expect(stream(stopStrings, parts)).toEqual(stream(stopStrings, parts.length ? [text] : []));
    }),
    { numRuns: 2000 },
  );
});

// JSON as Python writes it is read; what is none is refused as JSON.parse does.
import { expect, it } from 'vitest';
import { parseJson } from '../../src/json.ts';

it.each([
  ['{"a": NaN, "b": [Infinity, -Infinity], "c": 1}', { a: NaN, b: [Infinity, -Infinity], c: 1 }],
  [
    String.raw`{"NaN": "Infinity, NaN", "\"": "\\", "x": "\": NaN", "y":NaN}`,
    { NaN: 'Infinity, NaN', '"': '\\', x: '": NaN', y: NaN },
  ],
  ['NaN', NaN],
  ['{"__proto__": NaN}', JSON.parse('{"__proto__": 0}')],
])('reads %s', (text, value) => {
  const read = parseJson(text);
  if (text.includes('__proto__')) expect(Object.keys(read as object)).toEqual(['__proto__']);
  else expect(read).toEqual(value);
});

it.each(['', '{', '{"a": NaNa}', '{"a": nan}', '{"a": -NaN}', '{a: NaN}', '"NaN', '[NaN NaN]'])(
  'refuses %s as strict JSON is refused',
  (text) => {
    let strict: unknown;
    try {
      JSON.parse(text);
    } catch (error) {
      strict = error;
    }
    expect(strict).toBeInstanceOf(SyntaxError);
    expect(() => parseJson(text)).toThrow((strict as Error).message);
  },
);

it('takes as long as the text is, whatever it is', () => {
  const text = `{"a": NaN, "b": ${'"\\"'.repeat(20_000)}`;
  const start = performance.now();
  expect(() => parseJson(text)).toThrow(SyntaxError);
  expect(performance.now() - start).toBeLessThan(500);
  expect(() => parseJson(`${'['.repeat(100_000)}NaN`)).toThrow(SyntaxError);
});

// What a learner answered comes back, and nothing else that stands in its place.
import { afterEach, expect, test, vi } from 'vitest';
import { readLesson, readNotes, writeNotes } from '../../../src/state/lessonNotes.ts';

function stored(value: string | null): void {
  const items = new Map<string, string>(value === null ? [] : [['glass-gpt.lessons', value]]);
  const storage = {
    getItem: (key: string) => items.get(key) ?? null,
    setItem: (key: string, text: string) => void items.set(key, text),
    removeItem: (key: string) => void items.delete(key),
  };
  vi.stubGlobal('sessionStorage', storage);
  vi.stubGlobal('localStorage', storage);
}

afterEach(() => vi.unstubAllGlobals());

test('step and answers come back', () => {
  stored(null);
  const notes = { step: 4, answers: { pieces: { said: '2', answer: '6', learned: 'It is six.' } } };
  writeNotes(notes);
  expect(readNotes()).toEqual(notes);
  expect(readLesson()).toBe(4);
});

test.each([
  null,
  '{',
  '7',
  '{"step":0,"answers":[]}',
  '{"step":1.5,"answers":{"pieces":{"said":2}}}',
  '{"step":"3","answers":{"pieces":null}}',
])('%s counts as nothing', (value) => {
  stored(value);
  expect(readNotes()).toEqual({ step: 1, answers: {} });
});

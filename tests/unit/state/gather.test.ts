// Answers about another step of a run, shown together.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createGather } from '../../../src/state/gather.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function create() {
  const seen: string[] = [];
  const gather = createGather((change) => {
    seen.push('[');
    change();
    seen.push(']');
  });
  return { gather, seen, tell: (name: string) => gather.tell(() => seen.push(name)) };
}

test('shows an answer at once, but where others are waited for', () => {
  const { gather, seen, tell } = create();
  tell('a');
  gather.end();
  expect(seen).toEqual(['a']);
});

test('shows all of them in one change, in their order, once nothing more is to come', () => {
  const { gather, seen, tell } = create();
  gather.begin();
  tell('a');
  tell('b');
  expect(seen).toEqual([]);
  gather.end();
  expect(seen).toEqual(['[', 'a', 'b', ']']);
  tell('c');
  vi.runAllTimers();
  expect(seen).toEqual(['[', 'a', 'b', ']', 'c']);
});

test('lets the first wait for 50 ms at most, however long the first itself took', () => {
  const { gather, seen, tell } = create();
  gather.begin();
  vi.advanceTimersByTime(1000);
  tell('a');
  vi.advanceTimersByTime(30);
  tell('b');
  vi.advanceTimersByTime(19);
  expect(seen).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(seen).toEqual(['[', 'a', 'b', ']']);
  tell('c');
  expect(seen.at(-1)).toBe('c');
});

test('shows what waits of one step before it waits for those of the next', () => {
  const { gather, seen, tell } = create();
  gather.begin();
  tell('a');
  gather.begin();
  expect(seen).toEqual(['[', 'a', ']']);
  tell('b');
  gather.end();
  expect(seen).toEqual(['[', 'a', ']', '[', 'b', ']']);
});

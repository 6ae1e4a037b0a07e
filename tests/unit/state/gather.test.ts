// Another step of a run and the answers about it, shown together.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createStore } from 'zustand/vanilla';
import { openDoor } from '../../../src/state/door.ts';
import { createGather } from '../../../src/state/gather.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A door to some words, and all that was ever seen of them, each change behind a bar. */
function create() {
  const store = createStore<{ said: { words: string } }>(() => ({ said: { words: '' } }));
  const door = openDoor(store);
  let seen = '';
  store.subscribe(({ said }) => (seen = `${seen}|${said.words}`));
  const pen = door.pen('said');
  const gather = createGather(door);
  const change = (words: string): void => pen({ words: door.get().said.words + words });
  return {
    gather,
    get seen() {
      const all = seen;
      seen = '';
      return all;
    },
    change,
    tell: (words: string) => gather.tell(() => change(words)),
  };
}

test('shows an answer at once, but where others are waited for', () => {
  const page = create();
  page.tell('a');
  page.gather.end();
  page.tell('b');
  expect(page.seen).toBe('|a|ab');
});

test('shows the step and all of them in one change, in their order, once nothing more is to come', () => {
  const page = create();
  page.gather.begin();
  page.change('S');
  page.tell('a');
  page.tell('b');
  expect(page.seen).toBe('');
  page.gather.end();
  expect(page.seen).toBe('|Sab');
  page.tell('c');
  vi.runAllTimers();
  page.gather.end();
  expect(page.seen).toBe('|Sabc');
});

test('lets the step wait for 50 ms, however long its first answer takes, and that one as long for the others', () => {
  const page = create();
  page.gather.begin();
  page.change('S');
  vi.advanceTimersByTime(49);
  expect(page.seen).toBe('');
  vi.advanceTimersByTime(1);
  expect(page.seen).toBe('|S');
  page.change('T');
  expect(page.seen).toBe('|ST');
  vi.advanceTimersByTime(1000);
  page.tell('a');
  vi.advanceTimersByTime(30);
  page.tell('b');
  vi.advanceTimersByTime(19);
  expect(page.seen).toBe('');
  vi.advanceTimersByTime(1);
  expect(page.seen).toBe('|STab');
  page.tell('c');
  expect(page.seen).toBe('|STabc');
});

test('shows the step with its first answer, where that comes in time and others do not', () => {
  const page = create();
  page.gather.begin();
  page.change('S');
  vi.advanceTimersByTime(40);
  page.tell('a');
  vi.advanceTimersByTime(49);
  expect(page.seen).toBe('');
  vi.advanceTimersByTime(1);
  expect(page.seen).toBe('|Sa');
});

test('shows what waits of one step before it waits for those of the next', () => {
  const page = create();
  page.gather.begin();
  page.change('S');
  page.tell('a');
  page.gather.begin();
  expect(page.seen).toBe('|Sa');
  page.change('T');
  page.tell('b');
  page.gather.end();
  expect(page.seen).toBe('|SaTb');
  vi.runAllTimers();
  expect(page.seen).toBe('');
});

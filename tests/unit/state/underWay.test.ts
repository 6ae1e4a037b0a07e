// Whether the page opens on a run that was broken off: the first time, and not again once somebody went elsewhere from it.
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { runLock } from '../../../src/runLock.ts';
import {
  GREETS_MS,
  isBrokenOff,
  readUnderWay,
  writeUnderWay,
} from '../../../src/state/underWay.ts';

function storage(): Pick<Storage, 'getItem' | 'setItem'> {
  const kept = new Map<string, string>();
  return {
    getItem: (name) => kept.get(name) ?? null,
    setItem: (name, value) => void kept.set(name, value),
  };
}

let held: { name: string }[] = [];
beforeEach(() => {
  held = [];
  vi.stubGlobal('localStorage', storage());
  vi.stubGlobal('sessionStorage', storage());
  vi.stubGlobal('navigator', { locks: { query: () => Promise.resolve({ held }) } });
});
afterEach(() => vi.unstubAllGlobals());

const NOW = Date.now();

it('is so once for each time that a run was broken off, in each tab', async () => {
  expect(await isBrokenOff()).toBe(false);
  writeUnderWay([['one', NOW - 5000]]);
  expect(readUnderWay()).toEqual([['one', NOW - 5000]]);
  expect(await isBrokenOff()).toBe(true);
  expect(await isBrokenOff()).toBe(false);
  // It went on, and was broken off again.
  writeUnderWay([['one', NOW - 1000]]);
  expect(await isBrokenOff()).toBe(true);
  expect(await isBrokenOff()).toBe(false);
  // Another tab has heard of none.
  vi.stubGlobal('sessionStorage', storage());
  expect(await isBrokenOff()).toBe(true);
});

it('is not so while a tab has it, nor a week later', async () => {
  writeUnderWay([['one', NOW - 1000]]);
  held = [{ name: runLock('one') }];
  expect(await isBrokenOff()).toBe(false);
  held = [];
  // Nobody has been told by that.
  expect(await isBrokenOff()).toBe(true);
  writeUnderWay([['old', NOW - GREETS_MS - 1000]]);
  vi.stubGlobal('sessionStorage', storage());
  expect(await isBrokenOff()).toBe(false);
});

it('is told each time where nothing is kept in the tab', async () => {
  writeUnderWay([['one', NOW]]);
  vi.stubGlobal('sessionStorage', undefined);
  expect(await isBrokenOff()).toBe(true);
  expect(await isBrokenOff()).toBe(true);
});

// What is measured once a model.
import { expect, it } from 'vitest';
import { Once, OncePer } from '../../../src/engine/reading/once.ts';

it('measures once for all who ask, also for those who ask meanwhile', async () => {
  const once = new Once<number>();
  let measured = 0;
  const ask = (): Promise<number> => once.get(() => Promise.resolve(++measured));
  expect(await Promise.all([ask(), ask(), ask()])).toEqual([1, 1, 1]);
  expect(await ask()).toBe(1);
});

it('fails for the one whose measurement failed, and the next who waits measures anew', async () => {
  const once = new Once<string>();
  const first = once.get(() => Promise.reject(new Error('stopped')));
  const second = once.get(() => Promise.resolve('measured'));
  await expect(first).rejects.toThrow('stopped');
  expect(await second).toBe('measured');
  expect(await once.get(() => Promise.reject(new Error('not asked again')))).toBe('measured');
});

it('measures once for each thing in a row that it is measured by', async () => {
  const once = new OncePer<string | undefined, string>();
  let measured = 0;
  const ask = (key?: string): Promise<string> =>
    once.get(key, () => Promise.resolve(`${key ?? 'nothing'} ${++measured}`));
  expect(await Promise.all([ask(), ask()])).toEqual(['nothing 1', 'nothing 1']);
  expect(await ask('a')).toBe('a 2');
  expect(await ask('a')).toBe('a 2');
  expect(await ask()).toBe('nothing 3');
});

// What `Disk.watch` promises, for every disk there is.
import { expect } from 'vitest';
import type { Disk } from '../../src/kept/disk.ts';

/** Whoever looks hears of each way in which a file can become another one. */
export async function stays(disk: Disk): Promise<void> {
  const write = (bytes: number[]): Promise<void> => disk.write('seen', 'a', new Uint8Array(bytes));
  const look = async (): Promise<() => Promise<boolean>> => {
    const isStill = await disk.watch('seen', 'a');
    if (!isStill) throw new Error('There is a file.');
    // A clock of whole milliseconds: what is written within the same one is not told apart.
    await new Promise((resolve) => setTimeout(resolve, 5));
    return isStill;
  };
  expect(await disk.watch('seen', 'a')).toBeNull();
  await write([1, 2, 3]);
  expect(await disk.watch('seen', 'b')).toBeNull();
  const first = await look();
  await write([1, 2, 3].toReversed());
  expect(await first()).toBe(false);
  const second = await look();
  expect(await second()).toBe(true);
  await disk.write('seen', 'b', new Uint8Array(9));
  expect(await second()).toBe(true);
  expect([...((await disk.read('seen', 'a')) ?? [])]).toEqual([3, 2, 1]);
  expect(await second()).toBe(true);
  await disk.remove('seen');
  expect(await second()).toBe(false);
  await write([4]);
  expect(await second()).toBe(false);
  await disk.remove('seen');
}

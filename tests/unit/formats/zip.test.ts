// Archives as programs make them, and as nobody should: what their directory claims is refused before it costs memory.
import { zipSync } from 'fflate';
import { expect, test } from 'vitest';
import { openZip, readEntry } from '../../../src/formats/zip.ts';

const FILES = {
  'a/run.json': new TextEncoder().encode('{"a": 1}'),
  'a/weights.bin': Uint8Array.from({ length: 300_000 }, (_, i) => (i * i) >> 3),
  'a/none.txt': new Uint8Array(),
};

/** Finds the n-th record of the directory. */
function centralAt(bytes: Uint8Array, n: number): number {
  let at = new DataView(bytes.buffer).getUint32(bytes.length - 22 + 16, true);
  for (let i = 0; i < n; i++) {
    const view = new DataView(bytes.buffer, at);
    at += 46 + view.getUint16(28, true) + view.getUint16(30, true) + view.getUint16(32, true);
  }
  return at;
}

async function readAll(bytes: Uint8Array): Promise<Record<string, Uint8Array>> {
  const found: Record<string, Uint8Array> = {};
  for (const entry of await openZip(new Blob([bytes.slice()]))) {
    found[entry.name] = await readEntry(entry);
  }
  return found;
}

test.each([0, 6] as const)('stored or packed, every file comes back (level %d)', async (level) => {
  expect(await readAll(zipSync(FILES, { level }))).toEqual(FILES);
});

test('half a file, another file and one with a comment', async () => {
  const whole = zipSync(FILES, { level: 0 });
  await expect(readAll(whole.slice(0, -300))).rejects.toMatchObject({ code: 'zip/none' });
  await expect(readAll(new TextEncoder().encode('hello'))).rejects.toMatchObject({
    code: 'zip/none',
  });
  await expect(readAll(new Uint8Array())).rejects.toMatchObject({ code: 'zip/none' });
  const commented = new Uint8Array(whole.length + 5);
  commented.set(whole);
  commented[whole.length - 2] = 5;
  expect(await readAll(commented)).toEqual(FILES);
});

test.each<[string, (bytes: Uint8Array, view: DataView, at: number) => void, string]>([
  ['a size beyond the file', (_, view, at) => view.setUint32(at + 24, 4e9, true), 'cannot be true'],
  [
    'an offset beyond the file',
    (_, view, at) => view.setUint32(at + 42, 3e9, true),
    'cannot be true',
  ],
  ['another offset', (_, view, at) => view.setUint32(at + 42, 3, true), 'is not where'],
  ['a password', (_, view, at) => view.setUint16(at + 8, 1, true), 'a password'],
  ['another packing', (_, view, at) => view.setUint16(at + 10, 14, true), 'packing method 14'],
  ['64-bit sizes', (_, view, at) => view.setUint32(at + 24, 0xffff_ffff, true), '64-bit'],
  ['a wrong checksum', (_, view, at) => view.setUint32(at + 16, 1, true), 'checksum'],
  ['a name that leaves the folder', (bytes, _, at) => bytes.set([46, 46, 47], at + 46), '../'],
  ['a name with a drive', (bytes, _, at) => bytes.set([67, 58], at + 46), 'no name'],
  [
    'too many entries',
    (bytes, view) => view.setUint16(bytes.length - 12, 60_000, true),
    'too long',
  ],
  ['a directory outside', (bytes, view) => view.setUint32(bytes.length - 6, 1e9, true), 'outside'],
])('%s is refused in words', async (_, spoil, words) => {
  for (const level of [0, 6] as const) {
    const bytes = zipSync(FILES, { level });
    spoil(bytes, new DataView(bytes.buffer), centralAt(bytes, 1));
    await expect(readAll(bytes)).rejects.toThrow(words);
  }
});

test('a bomb: entries that share their bytes, and one that unpacks to more than it says', async () => {
  const bytes = zipSync({ a: new Uint8Array(5e6), b: new Uint8Array(5e6) }, { level: 9 });
  const view = new DataView(bytes.buffer);
  view.setUint32(centralAt(bytes, 0) + 24, 1000, true);
  await expect(readAll(bytes)).rejects.toThrow('longer than its directory says');
  const stored = zipSync({ a: new Uint8Array(1e4), b: new Uint8Array(1e4) }, { level: 0 });
  const shared = new DataView(stored.buffer);
  for (const n of [0, 1]) {
    shared.setUint32(centralAt(stored, n) + 20, 15_000, true);
    shared.setUint32(centralAt(stored, n) + 24, 15_000, true);
    shared.setUint32(centralAt(stored, n) + 42, 0, true);
  }
  await expect(readAll(stored)).rejects.toThrow('cannot be true');
});

test('the same name twice', async () => {
  const bytes = zipSync({ ab: new Uint8Array(3), ac: new Uint8Array(3) }, { level: 0 });
  bytes[centralAt(bytes, 1) + 47] = 98;
  await expect(readAll(bytes)).rejects.toThrow('stands in it twice');
});

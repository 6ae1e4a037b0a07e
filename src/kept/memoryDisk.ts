// What finds no room anywhere else: files in memory, gone with whoever holds them.
import { inMemory } from '../formats/byteSource.ts';
import type { Disk } from './disk.ts';

/** A disk in memory. What takes more than there is throws a `RangeError`, as any array does. */
export function memoryDisk(): Disk {
  const folders = new Map<string, Map<string, Uint8Array>>();
  const put = (folder: string, file: string, bytes: Uint8Array): void => {
    const files = folders.get(folder) ?? new Map<string, Uint8Array>();
    folders.set(folder, files.set(file, bytes));
  };
  const at = (folder: string, file: string): Uint8Array | null =>
    folders.get(folder)?.get(file) ?? null;
  return {
    kind: 'memory',
    folders: async () => [...folders.keys()],
    files: async (folder) =>
      new Map([...(folders.get(folder) ?? [])].map(([name, { length }]) => [name, length])),
    read: async (folder, file) => at(folder, file)?.slice() ?? null,
    write: async (folder, file, bytes) => put(folder, file, bytes.slice()),
    async open(folder, file) {
      const bytes = at(folder, file);
      return bytes && inMemory(bytes);
    },
    async grow(folder, file) {
      const whole = (): Uint8Array => at(folder, file) ?? new Uint8Array();
      /** Joined when somebody looks: a large file comes in hundreds of pieces. */
      let pieces: Uint8Array[] = [];
      const join = (): Uint8Array => {
        const before = whole();
        if (pieces.length === 0 && folders.get(folder)?.has(file) === true) return before;
        const parts = [before, ...pieces];
        const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
        let end = 0;
        for (const part of parts) {
          bytes.set(part, end);
          end += part.length;
        }
        pieces = [];
        put(folder, file, bytes);
        return bytes;
      };
      return {
        get size() {
          return pieces.reduce((sum, { length }) => sum + length, whole().length);
        },
        read: async (from, count) => join().slice(from, from + count),
        async append(bytes) {
          pieces.push(bytes.slice());
        },
        truncate: async (size) => put(folder, file, join().slice(0, size)),
        async close() {
          join();
        },
      };
    },
    async rename(folder, from, to) {
      const bytes = at(folder, from);
      if (!bytes) return;
      folders.get(folder)?.delete(from);
      put(folder, to, bytes);
    },
    async remove(folder, file) {
      if (file === undefined) folders.delete(folder);
      else folders.get(folder)?.delete(file);
    },
  };
}

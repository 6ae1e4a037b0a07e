// Files on a disk, in Node: a model's folder, and a directory that keeps downloads.
import { EngineError } from '../errors.ts';
import { type ByteSource, roomFor } from '../formats/byteSource.ts';
import { type Disk, toReadError, toWriteError } from './disk.ts';

interface FileHandle {
  stat(): Promise<{ size: number }>;
  read(target: Uint8Array, options: { position: number }): Promise<{ bytesRead: number }>;
  write(
    bytes: Uint8Array,
    from: number,
    count: number,
    at: number,
  ): Promise<{ bytesWritten: number }>;
  truncate(size: number): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

interface FileFacts {
  readonly size: number;
  /** When it was written last, in ms since 1970. */
  readonly mtimeMs: number;
  isDirectory(): boolean;
  isFile(): boolean;
}

/** The part of `node:fs/promises` that is used. */
interface NodeFiles {
  readFile(path: string): Promise<Uint8Array>;
  writeFile(path: string, bytes: Uint8Array): Promise<void>;
  open(path: string, flags?: string): Promise<FileHandle>;
  stat(path: string): Promise<FileFacts>;
  readdir(path: string): Promise<string[]>;
  mkdir(path: string, options?: { recursive: true }): Promise<unknown>;
  rename(from: string, to: string): Promise<void>;
  /** Of an empty folder. */
  rmdir(path: string): Promise<void>;
  rm(path: string, options: { recursive: boolean; force: boolean }): Promise<void>;
}

export async function nodeFiles(): Promise<NodeFiles> {
  // Named in a variable so that no bundler for browsers looks for it.
  const module = 'node:fs/promises';
  return (await import(/* @vite-ignore */ module)) as NodeFiles;
}

/** Writes all of it: a disk that fills up takes a part without an error, and says so at the next one. */
export async function writeAll(handle: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    const left = bytes.length - written;
    written += (await handle.write(bytes, written, left, at + written)).bytesWritten;
  }
}

/** Makes a folder, and those that it lies in; whether it was missing. */
export async function makeFolder(path: string): Promise<boolean> {
  const fs = await nodeFiles();
  try {
    return (await fs.mkdir(path, { recursive: true })) !== undefined;
  } catch (error) {
    if ((error as { code?: string }).code !== 'ENOENT') throw error;
    // What Node also says where the disk is full; of one folder alone it says what is so.
    await fs.mkdir(path);
    return true;
  }
}

/** Whether there is a folder of this name. */
export async function isFolder(path: string): Promise<boolean> {
  const fs = await nodeFiles();
  return fs.stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/** A file on disk, read anywhere; null where there is none. */
export async function openNodeFile(path: string, signal?: AbortSignal): Promise<ByteSource | null> {
  const fs = await nodeFiles();
  const handle = await fs.open(path).catch((error: unknown) => {
    if ((error as { code?: string }).code === 'ENOENT') return null;
    throw error;
  });
  if (!handle) return null;
  const { size } = await handle.stat();
  return {
    size,
    async read(from, count, into) {
      signal?.throwIfAborted();
      const bytes = roomFor(count, into);
      for (let at = 0; at < count;) {
        const { bytesRead } = await handle.read(bytes.subarray(at), { position: from + at });
        if (bytesRead === 0) {
          throw new EngineError(`${path} ended after ${from + at} bytes.`, {
            code: 'network/truncated',
            hint: 'The file became shorter while it was read. Load it again.',
          });
        }
        at += bytesRead;
      }
      return bytes;
    },
    close: () => handle.close(),
  };
}

/** A directory that keeps downloads, made where it is missing. */
export async function openDirectory(directory: string): Promise<Disk> {
  const fs = await nodeFiles();
  await fs.mkdir(directory, { recursive: true });
  const absent = (error: unknown): null => {
    const { code } = error as { code?: string };
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw error;
  };
  const path = (...parts: string[]): string => [directory, ...parts].join('/');
  return {
    kind: 'directory',
    async folders() {
      const names: string[] = [];
      for (const name of (await fs.readdir(directory).catch(absent)) ?? []) {
        if (await isFolder(path(name))) names.push(name);
      }
      return names;
    },
    async files(folder) {
      const sizes = new Map<string, number>();
      for (const name of (await fs.readdir(path(folder)).catch(absent)) ?? []) {
        // A file may be renamed between the list and the look at it.
        const found = await fs.stat(path(folder, name)).catch(absent);
        if (found?.isFile()) sizes.set(name, found.size);
      }
      return sizes;
    },
    read: (folder, file) => fs.readFile(path(folder, file)).catch(absent),
    async write(folder, file, bytes) {
      try {
        await fs.mkdir(path(folder), { recursive: true });
        await fs.writeFile(path(folder, `${file}.new`), bytes);
        await fs.rename(path(folder, `${file}.new`), path(folder, file));
      } catch (error) {
        throw toWriteError(error, file);
      }
    },
    open: (folder, file) => openNodeFile(path(folder, file)),
    async grow(folder, file) {
      await fs.mkdir(path(folder), { recursive: true });
      const handle =
        (await fs.open(path(folder, file), 'r+').catch(absent)) ??
        (await fs.open(path(folder, file), 'w+'));
      let { size } = await handle.stat();
      let isOpen = true;
      return {
        get size() {
          return size;
        },
        async read(from, count, into) {
          const bytes = roomFor(Math.max(0, Math.min(count, size - from)), into);
          const { bytesRead } = await handle.read(bytes, { position: from });
          return bytes.subarray(0, bytesRead);
        },
        async append(bytes) {
          try {
            await writeAll(handle, bytes, size);
            size += bytes.length;
          } catch (error) {
            throw toWriteError(error, file);
          }
        },
        async truncate(to) {
          await handle.truncate(to);
          size = Math.min(size, to);
        },
        async close() {
          if (!isOpen) return;
          isOpen = false;
          await handle.close();
        },
      };
    },
    async rename(folder, from, to) {
      await fs.rename(path(folder, from), path(folder, to)).catch((error: unknown) => {
        throw toReadError(error, from);
      });
    },
    remove: (folder, file) =>
      fs.rm(file === undefined ? path(folder) : path(folder, file), {
        recursive: true,
        force: true,
      }),
  };
}

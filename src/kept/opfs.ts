// The browser's private file system. Files are written through synchronous handles in a worker, which keep
// what was written when the page goes; elsewhere through streams, which keep it when they are closed.
import { EngineError } from '../errors.ts';
import { roomFor } from '../formats/byteSource.ts';
import { type Disk, type GrowingFile, fromBlob, toWriteError } from './disk.ts';

/** What is kept: models, with the checkpoints of runs among them; and of each run its record and its text. */
export type Root = 'models' | 'runs';

/** The part of a synchronous handle that is used; TypeScript's DOM has it for workers alone. */
interface SyncHandle {
  getSize(): number;
  read(target: Uint8Array, options: { at: number }): number;
  write(bytes: Uint8Array, options: { at: number }): number;
  truncate(size: number): void;
  flush(): void;
  close(): void;
}

type FileHandle = FileSystemFileHandle & {
  createSyncAccessHandle?(): Promise<SyncHandle>;
  move?(name: string): Promise<void>;
};

/** Another tab's worker may need a moment to end. */
const BUSY_TRIES = 12;
const BUSY_WAIT_MS = 250;
/** Reads of a small file that is written again and again meanwhile. */
const READ_TRIES = 3;
/** A file that cannot be renamed is copied in pieces of this size. */
const COPY_BYTES = 4 << 20;

/** Opens it, or null where there is none: private windows of some browsers, pages from disk, Node. */
export async function openOpfs(root: Root = 'models'): Promise<Disk | null> {
  if (typeof navigator !== 'object' || typeof navigator.storage?.getDirectory !== 'function') {
    return null;
  }
  const proto = FileSystemFileHandle.prototype as FileHandle;
  const isSync = 'createSyncAccessHandle' in proto && 'WorkerGlobalScope' in globalThis;
  if (!isSync && !('createWritable' in proto)) return null;
  const open = async (): Promise<FileSystemDirectoryHandle> =>
    (await navigator.storage.getDirectory()).getDirectoryHandle(root, { create: true });
  try {
    return createOpfs(await open(), open, isSync);
  } catch {
    return null;
  }
}

function createOpfs(
  root: FileSystemDirectoryHandle,
  open: () => Promise<FileSystemDirectoryHandle>,
  isSync: boolean,
): Disk {
  /** A browser that clears its storage takes the root away under a page that is open: what is kept next has a new one. */
  async function rooted<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof DOMException) || error.name !== 'NotFoundError') throw error;
      root = await open();
      return work();
    }
  }
  const folderAt = (name: string): Promise<FileSystemDirectoryHandle | null> =>
    root.getDirectoryHandle(name).catch(absent);
  const handleAt = async (folder: string, file: string): Promise<FileHandle | null> =>
    (await (await folderAt(folder))?.getFileHandle(file).catch(absent)) ?? null;
  const fileAt = async (folder: string, file: string): Promise<File | null> =>
    (await handleAt(folder, file))?.getFile() ?? null;
  async function made(folder: string, file: string): Promise<FileHandle> {
    const directory = await rooted(() => root.getDirectoryHandle(folder, { create: true }));
    return directory.getFileHandle(file, { create: true });
  }
  return {
    kind: 'opfs',
    async folders() {
      return rooted(async () => {
        const names: string[] = [];
        for await (const [name, { kind }] of root.entries())
          if (kind === 'directory') names.push(name);
        return names;
      });
    },
    async files(folder) {
      const sizes = new Map<string, number>();
      const directory = await folderAt(folder);
      if (!directory) return sizes;
      const looks: Promise<void>[] = [];
      for await (const [name, handle] of directory.entries()) {
        if (handle.kind !== 'file') continue;
        // A file may be renamed between the list and the look at it.
        const look = async (): Promise<void> => {
          const found = await handle.getFile().catch(absent);
          if (found) sizes.set(name, found.size);
        };
        looks.push(look());
      }
      await Promise.all(looks);
      return sizes;
    },
    async read(folder, file) {
      for (let tries = 1; ; tries++) {
        const found = await fileAt(folder, file);
        try {
          return found && new Uint8Array(await found.arrayBuffer());
        } catch (error) {
          // Another took its place between the look at it and the reading.
          const isReplaced = error instanceof DOMException && error.name === 'NotReadableError';
          if (!isReplaced || tries === READ_TRIES) throw error;
        }
      }
    },
    async write(folder, file, bytes) {
      try {
        const handle = await made(folder, file);
        if (typeof handle.createWritable === 'function') {
          const stream = await handle.createWritable();
          await stream.write(bytes as Uint8Array<ArrayBuffer>);
          await stream.close();
          return;
        }
        const sync = await openSync(handle, file);
        try {
          sync.truncate(0);
          writeAll(sync, bytes, 0);
          sync.flush();
        } finally {
          sync.close();
        }
      } catch (error) {
        throw toWriteError(error, file);
      }
    },
    async open(folder, file) {
      const found = await fileAt(folder, file);
      return found && fromBlob(found, file);
    },
    async grow(folder, file) {
      const handle = await made(folder, file);
      return isSync ? growSync(await openSync(handle, file), file) : growStream(handle, file);
    },
    async rename(folder, from, to) {
      const directory = await root.getDirectoryHandle(folder);
      const handle = (await directory.getFileHandle(from)) as FileHandle;
      await directory.removeEntry(to).catch(absent);
      if (handle.move) {
        await handle.move(to);
        return;
      }
      const source = fromBlob(await handle.getFile(), from);
      const target = await this.grow(folder, to);
      try {
        for (let at = 0; at < source.size; at += COPY_BYTES) {
          await target.append(await source.read(at, Math.min(COPY_BYTES, source.size - at)));
        }
      } finally {
        await target.close();
      }
      await directory.removeEntry(from);
    },
    async remove(folder, file) {
      if (file === undefined) {
        await root.removeEntry(folder, { recursive: true }).catch(absent);
        return;
      }
      await (await folderAt(folder))?.removeEntry(file).catch(absent);
    },
  };
}

/** Null for what is not there; anything else is thrown. */
function absent(error: unknown): null {
  const { name } = error as { name?: string };
  if (name === 'NotFoundError' || name === 'TypeMismatchError') return null;
  if (name === 'NoModificationAllowedError') throw busy('The model', error);
  throw error;
}

async function openSync(handle: FileHandle, file: string): Promise<SyncHandle> {
  if (!handle.createSyncAccessHandle) throw new Error('There are no synchronous handles here.');
  for (let tries = 1; ; tries++) {
    try {
      return await handle.createSyncAccessHandle();
    } catch (error) {
      if ((error as Error).name !== 'NoModificationAllowedError') throw error;
      if (tries === BUSY_TRIES) throw busy(file, error);
      await new Promise((resolve) => setTimeout(resolve, BUSY_WAIT_MS));
    }
  }
}

function busy(file: string, cause: unknown): EngineError {
  return new EngineError(`${file} is being written by another tab or window.`, {
    code: 'storage/busy',
    hint: 'Close the other tabs of this page, or wait until they are done, and try again.',
    cause,
  });
}

function writeAll(handle: SyncHandle, bytes: Uint8Array, at: number): void {
  for (let written = 0; written < bytes.length;) {
    const count = handle.write(bytes.subarray(written), { at: at + written });
    if (count === 0) throw new DOMException('Nothing was written.', 'QuotaExceededError');
    written += count;
  }
}

function growSync(handle: SyncHandle, file: string): GrowingFile {
  let size = handle.getSize();
  // So says Chromium of a file that it has cleared away since it was opened.
  if (size < 0) throw new DOMException(`${file} is gone.`, 'NotFoundError');
  let isOpen = true;
  return {
    get size() {
      return size;
    },
    read(from, count, into) {
      const bytes = roomFor(Math.max(0, Math.min(count, size - from)), into);
      const got = handle.read(bytes, { at: from });
      return Promise.resolve(bytes.subarray(0, got));
    },
    append(bytes) {
      try {
        writeAll(handle, bytes, size);
        size += bytes.length;
        return Promise.resolve();
      } catch (error) {
        return Promise.reject(toWriteError(error, file));
      }
    },
    truncate(to) {
      handle.truncate(to);
      size = Math.min(size, to);
      return Promise.resolve();
    },
    close() {
      if (isOpen) {
        isOpen = false;
        try {
          handle.flush();
        } finally {
          handle.close();
        }
      }
      return Promise.resolve();
    },
  };
}

async function growStream(handle: FileHandle, file: string): Promise<GrowingFile> {
  const before = await handle.getFile();
  let size = before.size;
  let stream: FileSystemWritableFileStream | null = await handle.createWritable({
    keepExistingData: true,
  });
  if (size > 0) await stream.seek(size);
  /** Bytes of this stream are not in the file before it is closed. */
  const there = fromBlob(before, file);
  return {
    get size() {
      return size;
    },
    read: (from, count, into) => there.read(from, Math.min(count, there.size - from), into),
    async append(bytes) {
      try {
        await stream?.write(bytes as Uint8Array<ArrayBuffer>);
        size += bytes.length;
      } catch (error) {
        // Closing it would say so, and not why.
        stream = null;
        throw toWriteError(error, file);
      }
    },
    async truncate(to) {
      await stream?.truncate(to);
      await stream?.seek(to);
      size = Math.min(size, to);
    },
    async close() {
      const open = stream;
      stream = null;
      try {
        await open?.close();
      } catch (error) {
        throw toWriteError(error, file);
      }
    },
  };
}

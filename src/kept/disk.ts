// Where files are kept: folders one level deep, in the browser's private file system or in a directory of Node's.
import { EngineError } from '../errors.ts';
import type { ByteSource } from '../formats/byteSource.ts';

/** A file that grows at its end. One at a time may be open for a name. */
export interface GrowingFile {
  /** In bytes. */
  readonly size: number;
  /** Bytes that are there already, perhaps in `into`, as `ByteSource` has it. */
  read(from: number, count: number, into?: Uint8Array): Promise<Uint8Array>;
  /** Throws `storage/quota`. */
  append(bytes: Uint8Array): Promise<void>;
  truncate(size: number): Promise<void>;
  /** What was appended is kept. Idempotent. */
  close(): Promise<void>;
}

export interface Disk {
  readonly kind: 'opfs' | 'directory' | 'memory';
  folders(): Promise<string[]>;
  /** Sizes in bytes by name; empty for a folder that is not there. */
  files(folder: string): Promise<Map<string, number>>;
  /** All bytes of a small file, or null where there is none. */
  read(folder: string, file: string): Promise<Uint8Array | null>;
  /** Makes the folder where it is missing; a crash leaves the old file or the new one. Throws `storage/quota`. */
  write(folder: string, file: string, bytes: Uint8Array): Promise<void>;
  /** To be read anywhere and by many; null where there is no such file. */
  open(folder: string, file: string): Promise<ByteSource | null>;
  /** Makes folder and file where they are missing. Throws `storage/busy` while somebody else has it. */
  grow(folder: string, file: string): Promise<GrowingFile>;
  /** Takes the place of a file that has the new name. */
  rename(folder: string, from: string, to: string): Promise<void>;
  /** A file, or the whole folder; absent is fine. */
  remove(folder: string, file?: string): Promise<void>;
}

/** The error of a write as one that people can act on. */
export function toWriteError(cause: unknown, file: string): unknown {
  const { name, code } = cause as { name?: string; code?: string };
  if (name === 'QuotaExceededError' || code === 'ENOSPC') {
    return new EngineError(`There is no more room for ${file}: the browser or the disk is full.`, {
      code: 'storage/quota',
      hint: 'Delete stored models or free disk space, then load again: what came is kept.',
      cause,
    });
  }
  return cause;
}

/** A file that somebody deleted while it was read. */
export function toReadError(cause: unknown, file: string): unknown {
  const { name, code } = cause as { name?: string; code?: string };
  if (name === 'NotFoundError' || name === 'NotReadableError' || code === 'ENOENT') {
    return new EngineError(`${file} is gone from this browser's storage.`, {
      code: 'storage/gone',
      hint: 'Load the model again: what is missing is fetched.',
      cause,
    });
  }
  return cause;
}

/** What is read of a blob at once, in bytes: each reading waits for milliseconds, whatever it brings. */
const PIECE_BYTES = 4 << 20;

/** A file of the browser's, or one that was dropped, read in pieces; `toError` puts into words what fails. */
export function fromBlob(blob: Blob, file: string, toError = toReadError): ByteSource {
  /** What was read ahead of a small reading, and where it begins. */
  let ahead = { from: 0, bytes: new Uint8Array(0) as Uint8Array };
  async function read(from: number, count: number, into?: Uint8Array): Promise<Uint8Array> {
    const end = Math.min(from + count, blob.size);
    if (end - from < PIECE_BYTES) {
      if (from < ahead.from || end > ahead.from + ahead.bytes.length) {
        ahead = { from, bytes: await bytesOf(blob, from, from + PIECE_BYTES) };
      }
      const { from: start, bytes } = ahead;
      return bytes.subarray(from - start, end - start);
    }
    if (!into || into.length < end - from) return bytesOf(blob, from, end);
    // A blob's own stream would need no buffers, but reading it into ours may wait for ever in Chromium 156.
    for (let at = from; at < end; at += PIECE_BYTES) {
      into.set(await bytesOf(blob, at, Math.min(at + PIECE_BYTES, end)), at - from);
    }
    return into.subarray(0, end - from);
  }
  return {
    size: blob.size,
    async read(from, count, into) {
      try {
        return await read(from, count, into);
      } catch (error) {
        throw toError(error, file);
      }
    },
    close: () => Promise.resolve(),
  };
}

async function bytesOf(blob: Blob, from: number, to: number): Promise<Uint8Array> {
  return new Uint8Array(await blob.slice(from, to).arrayBuffer());
}

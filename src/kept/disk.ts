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
  readonly kind: 'opfs' | 'directory';
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

/** A file of the browser's, or one that was dropped, read in pieces; `toError` puts into words what fails. */
export function fromBlob(blob: Blob, file: string, toError = toReadError): ByteSource {
  return {
    size: blob.size,
    async read(from, count, into) {
      try {
        const part = blob.slice(from, from + count);
        // A whole buffer for every read is what `into` is there to avoid.
        return into && into.length >= part.size
          ? await readInto(part, into)
          : new Uint8Array(await part.arrayBuffer());
      } catch (error) {
        throw toError(error, file);
      }
    },
    close: () => Promise.resolve(),
  };
}

/** A blob's own stream would need no buffers, but reading it into ours may wait for ever in Chromium 156. */
const BLOB_PIECE_BYTES = 1 << 20;

async function readInto(blob: Blob, into: Uint8Array): Promise<Uint8Array> {
  let at = 0;
  while (at < blob.size) {
    const piece = await blob.slice(at, at + BLOB_PIECE_BYTES).arrayBuffer();
    into.set(new Uint8Array(piece), at);
    at += piece.byteLength;
  }
  return into.subarray(0, at);
}

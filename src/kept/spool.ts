// Archives on their way out of the page: they lie in the private file system until they are downloaded, and
// stay there where the page was closed before.

/** A part of the private file system, for archives that are not yet downloaded. */
const SPOOL = 'saves';
/** The browser copies a download from here at its own pace, and people take their time to say where to. */
export const KEPT_MS = 10 * 60_000;

/** Without a private file system, pieces of this size are handed to the browser to keep. */
const PIECE_BYTES = 32 << 20;

/** Names of those that this page writes now. */
export const writing = new Set<string>();

/**
 * Removes archives of earlier visits; those of the last minutes, which another tab may still download, only
 * where `keptMs` says so. What is being written stays, and so does what the browser holds.
 */
export async function removeLeftovers(keptMs = KEPT_MS): Promise<void> {
  try {
    const root = await navigator.storage.getDirectory();
    const folder = await root.getDirectoryHandle(SPOOL);
    for await (const title of folder.keys()) {
      if (writing.has(title)) continue;
      const ended = await lastChange(folder, title).catch(() => Number.parseInt(title, 10));
      if (Date.now() - ended >= keptMs) await folder.removeEntry(title).catch(() => {});
    }
  } catch {
    // Nothing was ever saved here, or nothing can be.
  }
}

/** A large one takes minutes to write: it counts from its end. */
async function lastChange(folder: FileSystemDirectoryHandle, title: string): Promise<number> {
  const file = await folder.getFileHandle(title);
  return (await file.getFile()).lastModified;
}

/** An archive that grows, off the page's memory. */
export interface Spool {
  write(bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  /** All of it, to be downloaded; it stays until it is discarded. */
  finish(): Promise<Blob>;
  discard(): Promise<void>;
}

/**
 * Keeps an archive off the page's memory until it is downloaded; `inMemory`, where the private file system has no room, in
 * pieces that the browser keeps.
 */
export async function openSpool(name: string, inMemory = false): Promise<Spool> {
  if (inMemory) return openPieces();
  let folder: FileSystemDirectoryHandle;
  let file: FileSystemFileHandle;
  let stream: FileSystemWritableFileStream;
  const title = `${Date.now()}-${name}`;
  try {
    const root = await navigator.storage.getDirectory();
    folder = await root.getDirectoryHandle(SPOOL, { create: true });
    await removeLeftovers();
    writing.add(title);
    file = await folder.getFileHandle(title, { create: true });
    stream = await file.createWritable();
  } catch {
    writing.delete(title);
    // Private windows, and browsers whose private files a page cannot stream into.
    return openPieces();
  }
  return {
    write: (bytes) => stream.write(bytes),
    async finish() {
      await stream.close();
      writing.delete(title);
      return file.getFile();
    },
    async discard() {
      // A closed one has nothing to abort.
      await stream.abort().catch(() => {});
      writing.delete(title);
      await folder.removeEntry(title);
    },
  };
}

function openPieces(): Spool {
  let pieces: Blob[] = [];
  let chunks: Uint8Array<ArrayBuffer>[] = [];
  let bytesHeld = 0;
  const fold = (): void => {
    pieces.push(new Blob(chunks));
    chunks = [];
    bytesHeld = 0;
  };
  return {
    write(bytes) {
      chunks.push(bytes);
      bytesHeld += bytes.length;
      if (bytesHeld >= PIECE_BYTES) fold();
      return Promise.resolve();
    },
    finish() {
      fold();
      return Promise.resolve(new Blob(pieces));
    },
    discard() {
      [pieces, chunks] = [[], []];
      return Promise.resolve();
    },
  };
}

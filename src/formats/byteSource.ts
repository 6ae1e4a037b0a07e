// Bytes that are read once, in order, and never held whole.

/** A file, from wherever it comes. */
export interface ByteSource {
  /** In bytes. */
  readonly size: number;
  /**
   * Bytes `from` … `from + count`; a later `from` is never before an earlier one's end. They may lie in
   * `into`, where that has room: whoever gives it reads a large file without leaving buffers behind.
   */
  read(from: number, count: number, into?: Uint8Array): Promise<Uint8Array>;
  /** Takes in what was not read, and checks the whole where its sum is known. Throws `download/…`. */
  finish?(): Promise<void>;
  close(): Promise<void>;
}

/** The beginning of `into` where it has room for `count` bytes, else a buffer of its own. */
export function roomFor(count: number, into?: Uint8Array): Uint8Array {
  return into && into.length >= count ? into.subarray(0, count) : new Uint8Array(count);
}

/** A file that is in memory. */
export function inMemory(file: Uint8Array): ByteSource {
  return {
    size: file.byteLength,
    read: (from, count) => Promise.resolve(file.subarray(from, from + count)),
    close: () => Promise.resolve(),
  };
}

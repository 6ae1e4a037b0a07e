// The body of an HTTP answer as a file that is read once, from its beginning to its end: a few
// megabytes ahead of whoever reads, never the whole file.
import { EngineError } from '../errors.ts';
import { type ByteSource, roomFor } from '../formats/byteSource.ts';
import { broken } from './network.ts';
import type { PieceReader } from './pieces.ts';

/** Bytes that may wait here: enough to keep the network busy while a tensor is arranged. */
const READ_AHEAD_BYTES = 4 << 20;

/** More than any file has. */
export const UNKNOWN_SIZE = Number.MAX_SAFE_INTEGER;

export interface BodyStreamOptions {
  /** The file's name, for messages. */
  readonly file: string;
  /** Bytes that the answer must have; `UNKNOWN_SIZE` where nobody can say. */
  readonly size: number;
  /** Hears how many bytes have come. */
  readonly onProgress: (loaded: number) => void;
}

/**
 * What came is copied into one buffer that is written round and round, so that nothing of the stream's is
 * kept. Throws `network/truncated` and `network/broken`; an abort keeps its own reason.
 */
export function createBodyStream(
  pieces: PieceReader,
  { file, size, onProgress }: BodyStreamOptions,
): ByteSource {
  let ring = new Uint8Array(Math.max(1, Math.min(size, READ_AHEAD_BYTES)));
  /** Of a piece for which there was no room yet. */
  let left: Uint8Array | null = null;
  /** Where the first waiting byte stands in the file; it lies at this place in the ring, modulo its length. */
  let position = 0;
  let waiting = 0;
  let loaded = 0;
  let ended = false;
  let failure: unknown = null;
  let pumping = false;
  let wake = (): void => {};

  async function pump(): Promise<void> {
    if (pumping) return;
    pumping = true;
    try {
      while (!ended && waiting < ring.length) {
        if (!left) {
          left = await pieces.read();
          // It may have been closed in the meantime.
          if (!left || ended) {
            ended = true;
            break;
          }
          loaded += left.length;
          onProgress(Math.min(loaded, size));
        }
        left = put(left);
        wake();
      }
    } catch (error) {
      ended = true;
      failure = error;
    } finally {
      pumping = false;
      wake();
    }
  }

  /** Takes in what there is room for; the rest, or null. */
  function put(piece: Uint8Array): Uint8Array | null {
    let from = 0;
    while (from < piece.length && waiting < ring.length) {
      const at = (position + waiting) % ring.length;
      const count = Math.min(piece.length - from, ring.length - waiting, ring.length - at);
      ring.set(piece.subarray(from, from + count), at);
      from += count;
      waiting += count;
    }
    return from < piece.length ? piece.subarray(from) : null;
  }

  /** Takes up to `most` bytes off the front. */
  function take(most: number): Uint8Array {
    const at = position % ring.length;
    const part = ring.subarray(at, at + Math.min(most, waiting, ring.length - at));
    position += part.length;
    waiting -= part.length;
    return part;
  }

  async function more(): Promise<void> {
    if (waiting > 0) return;
    if (ended) throw ending();
    const arrived = new Promise<void>((resolve) => (wake = resolve));
    void pump();
    await arrived;
  }

  function ending(): unknown {
    if (failure !== null) {
      if ((failure as Error).name === 'AbortError' || failure instanceof EngineError)
        return failure;
      return broken(file, loaded, failure);
    }
    return truncated(file, loaded, size);
  }

  void pump();
  return {
    size,
    async read(from, count, into) {
      if (from < position) throw new Error(`Byte ${from} of ${file} has gone by.`);
      while (position < from) {
        await more();
        if (waiting > 0) take(from - position);
      }
      const bytes = roomFor(count, into);
      for (let at = 0; at < count;) {
        await more();
        if (waiting === 0) continue;
        const part = take(count - at);
        bytes.set(part, at);
        at += part.length;
      }
      void pump();
      return bytes;
    },
    async close() {
      ended = true;
      waiting = 0;
      left = null;
      ring = new Uint8Array(0);
      await pieces.cancel().catch(() => {});
    },
  };
}

/** A file that is shorter than it must be. */
export function truncated(file: string, loaded: number, size = UNKNOWN_SIZE): EngineError {
  const of = size === UNKNOWN_SIZE ? '' : ` of ${size}`;
  return new EngineError(`${file} ended after ${loaded}${of} bytes.`, {
    code: 'network/truncated',
    hint: 'Try again; the connection may have broken.',
  });
}

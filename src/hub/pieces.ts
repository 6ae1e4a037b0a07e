// The bytes of a stream, piece by piece, in one buffer that is used again: a fresh buffer for every piece is
// left to the collector, which lets a hundred megabytes of them pile up while a large file comes.

export interface PieceReader {
  /** The next piece, good until the one after it is asked for; null at the end. Never empty. */
  read(): Promise<Uint8Array | null>;
  cancel(): Promise<void>;
}

/**
 * Readers that wait for bytes. A stream of a file is not held by the browser's own end of it: one that only its
 * reader knows, and a reader that only its promise knows, are collected together, and the promise never settles.
 */
const waiting = new Set<ReadableStreamBYOBReader>();

/** What has come may fill it at once: every piece is a turn of this thread and of the browser's behind it. */
const PIECE_BYTES = 1 << 20;

/** Takes the stream. Where it cannot read into a buffer of ours, pieces are its own. */
export function readPieces(stream: ReadableStream<Uint8Array>): PieceReader {
  let byob: ReadableStreamBYOBReader;
  try {
    byob = stream.getReader({ mode: 'byob' });
  } catch {
    return ownPieces(stream);
  }
  let buffer = new ArrayBuffer(PIECE_BYTES);
  return {
    async read() {
      waiting.add(byob);
      try {
        for (;;) {
          const { done, value } = await byob.read(new Uint8Array(buffer));
          // The buffer goes away and comes back with every read; a cancelled stream keeps it.
          if (value) ({ buffer } = value);
          if (done) return null;
          if (value.length > 0) return value;
        }
      } finally {
        waiting.delete(byob);
      }
    },
    cancel: () => byob.cancel(),
  };
}

/** As `readPieces`, but every piece has a buffer of its own and stays good. */
export function ownPieces(stream: ReadableStream<Uint8Array>): PieceReader {
  const reader = stream.getReader();
  return {
    async read() {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return null;
        if (value.length > 0) return value;
      }
    },
    cancel: () => reader.cancel(),
  };
}

/** How often a timer looks before a silence is over. */
const LOOKS = 8;

/**
 * The same pieces; a read that waits for longer than `ms` ends the stream and rejects. One timer looks after
 * all reads: thousands of pieces come, and a timer for each would wait for the collector with them. Cancelling
 * ends it. Looks are counted, not the clock: where the machine slept or this thread was busy, nothing was silent.
 */
export function notSilent(pieces: PieceReader, ms: number): PieceReader {
  let isWaiting = false;
  let looks = 0;
  const timer = setInterval(
    () => {
      if (!isWaiting || ++looks <= LOOKS) return;
      void pieces.cancel().catch(() => {});
    },
    Math.max(10, ms / LOOKS),
  );
  return {
    async read() {
      looks = 0;
      isWaiting = true;
      const piece = await pieces.read();
      isWaiting = false;
      if (looks > LOOKS) throw new Error('Nothing came for a while.');
      return piece;
    },
    cancel() {
      clearInterval(timer);
      return pieces.cancel();
    },
  };
}

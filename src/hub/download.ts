// A large file on its way from a server to whoever reads it: in order, resumed where it broke, kept as it
// comes, summed up as it comes, and never held whole.
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { EngineError } from '../errors.ts';
import type { ByteSource } from '../formats/byteSource.ts';
import { createBodyStream } from './bodyStream.ts';
import type { GrowingFile } from '../kept/disk.ts';
import {
  type Patience,
  discard,
  isPassing,
  request,
  retryAfterMs,
  sleep,
  waitFor,
} from './network.ts';
import { type PieceReader, notSilent, readPieces } from './pieces.ts';

export interface DownloadOptions {
  readonly url: URL;
  /** The file's name, for messages. */
  readonly file: string;
  /** Bytes that the whole file must have. */
  readonly size: number;
  /** Sum of the whole file in hex; null where nobody knows it. */
  readonly sha256: string | null;
  /** Where the bytes are kept, with those that came before; null keeps nothing. It is closed at the end. */
  readonly part: GrowingFile | null;
  /** Of the version whose bytes are in `part`. */
  readonly etag: string | null;
  readonly patience: Patience;
  /** Most bytes that are asked for at once. */
  readonly windowBytes?: number;
  readonly signal?: AbortSignal;
  readonly onEtag: (etag: string | null) => Promise<void>;
  /** Hears how many bytes have come, and how many of these from what was kept. */
  readonly onBytes: (loaded: number, kept: number) => void;
  /** Hears, in words, why nothing comes for a while. */
  readonly onNote: (note: string) => void;
  /** The whole file is here and right, and `part` is closed. */
  readonly onWhole: () => Promise<void>;
}

/**
 * What was asked for may wait in the browser: Chromium takes in 59 MB of an answer that comes faster than it is
 * read before it slows the server down. So less is asked for at once, and the next part of the file a little
 * before it is needed, which hides the time that asking takes.
 */
const WINDOW_BYTES = 16 << 20;
/** Part of a window that is still to come when the next is asked for. */
const AHEAD = 1 / 4;

/** Kept bytes are read again in pieces of this size. */
const KEPT_PIECE_BYTES = 1 << 20;

/**
 * The file as it comes. What was kept is read first; then the server is asked for the rest. `finish`
 * takes the rest in and throws `download/hash` or `download/size` when the file is not the one that was
 * listed. After any error of these, or `download/changed`, nothing of it is kept.
 */
export function openDownload(options: DownloadOptions): ByteSource {
  const own = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, own.signal]) : own.signal;
  const chunks = new Download({ ...options, signal }).chunks();
  let settle: { resolve: () => void; reject: (error: unknown) => void };
  const whole = new Promise<void>((resolve, reject) => (settle = { resolve, reject }));
  whole.catch(() => {});
  // Where nobody reads on, it stands still with an open file.
  signal.addEventListener('abort', () => void chunks.return(undefined).catch(() => {}), {
    once: true,
  });
  const pieces: PieceReader = {
    async read() {
      try {
        const { done, value } = await chunks.next();
        if (!done) return value;
        signal.throwIfAborted();
        settle.resolve();
        return null;
      } catch (error) {
        settle.reject(error);
        throw error;
      }
    },
    async cancel() {
      own.abort();
      await chunks.return(undefined).catch(() => {});
    },
  };
  const { file, size } = options;
  const stream = createBodyStream(pieces, { file, size, onProgress: () => {} });
  return {
    ...stream,
    async finish() {
      await stream.read(size, 0);
      await whole;
    },
  };
}

/** An answer whose body goes from `from` to before `to`. */
interface Continuation {
  readonly response: Response;
  readonly from: number;
  readonly to: number;
}

class Download {
  readonly #o: DownloadOptions;
  readonly #sum = sha256.create();
  #etag: string | null;
  /** Bytes that were handed on. */
  #given = 0;
  /** Attempts in a row that brought nothing. */
  #failures = 0;
  /** Across origins `If-Range` needs a permission that `Range` does not. */
  #isConditional = true;

  constructor(options: DownloadOptions) {
    this.#o = options;
    this.#etag = options.etag;
  }

  /** A chunk is good until the next is asked for. */
  async *chunks(): AsyncGenerator<Uint8Array, void, undefined> {
    const { size, part } = this.#o;
    let ahead: Promise<Continuation> | null = null;
    try {
      if (part && part.size > size) await part.truncate(0);
      let next = await this.#begin();
      yield* this.#kept();
      while (this.#given < size) {
        next ??= await this.#connect(this.#given);
        const before = this.#given;
        const { to } = next;
        let failure: unknown = null;
        try {
          for await (const chunk of this.#bodyOf(next)) {
            await part?.append(chunk);
            this.#sum.update(chunk);
            this.#given += chunk.length;
            this.#o.onBytes(this.#given, 0);
            if (!ahead && to < size && to - this.#given <= AHEAD * this.#window) {
              ahead = this.#connect(to);
              ahead.catch(() => {});
            }
            yield chunk;
          }
        } catch (error) {
          if (!(error instanceof Broken)) throw error;
          failure = error.cause;
        }
        if (this.#given > before) this.#failures = 0;
        if (this.#given < to || this.#given === before) await this.#pause(null, failure);
        next = (await ahead) ?? null;
        ahead = null;
        if (next && next.from !== this.#given) {
          await discard(next.response);
          next = null;
        }
      }
      this.#check();
      await part?.close();
      await this.#o.onWhole();
    } catch (error) {
      // What is known to be wrong is not kept; what is only incomplete is.
      if (error instanceof EngineError && error.code.startsWith('download/'))
        await part?.truncate(0);
      throw error;
    } finally {
      void ahead?.then(({ response }) => discard(response)).catch(() => {});
      await part?.close();
    }
  }

  get #window(): number {
    return this.#o.windowBytes ?? WINDOW_BYTES;
  }

  /** The first answer: it decides whether what was kept is of any use. */
  async #begin(): Promise<Continuation | null> {
    const { part, size } = this.#o;
    if (!part || part.size === 0) return size > 0 ? this.#connect(0) : null;
    if (part.size === size) return null;
    const next = await this.#connect(part.size);
    if (next.from === part.size) return next;
    await part.truncate(0);
    return next;
  }

  /** What was kept, summed up again. */
  async *#kept(): AsyncGenerator<Uint8Array, void, undefined> {
    const { part } = this.#o;
    if (!part) return;
    const end = part.size;
    const room = new Uint8Array(Math.min(end, KEPT_PIECE_BYTES));
    while (this.#given < end) {
      this.#o.signal?.throwIfAborted();
      const count = Math.min(room.length, end - this.#given);
      const bytes = await part.read(this.#given, count, room);
      if (bytes.length === 0) throw new Error(`${this.#o.file}: the kept part became shorter.`);
      this.#sum.update(bytes);
      this.#given += bytes.length;
      this.#o.onBytes(this.#given, bytes.length);
      yield bytes;
    }
  }

  /**
   * Asks for the bytes from `from` on. The answer may begin at 0 instead where nothing was handed on
   * yet; else it is brought to `from`, or `download/changed` is thrown.
   */
  async #connect(from: number): Promise<Continuation> {
    const { url, signal, file, size, part } = this.#o;
    for (;;) {
      const response = await this.#ask(from);
      if (!response) continue;
      const { status } = response;
      const etag = response.headers.get('etag');
      const isSame = this.#mayContinue(etag);
      const asked = this.#endOf(from);
      if (status === 206 && (from > 0 || asked < size)) {
        const range = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(
          response.headers.get('content-range') ?? '',
        );
        const isRight = !range || Number(range[1]) === from;
        const total = range && range[3] !== '*' ? Number(range[3]) : size;
        if ((isSame || from === 0) && isRight && total === size) {
          if (from === 0) await this.#setEtag(etag);
          return { response, from, to: range ? Number(range[2]) + 1 : asked };
        }
        await discard(response);
        if (total !== size) throw this.#wrongSize(total);
        if (from === 0) throw this.#refused(status);
      } else if (status === 200) {
        if (this.#given === 0 || from === 0 || isSame) {
          // The whole file again, from its beginning.
          if (this.#given === 0) await this.#setEtag(etag);
          if (this.#given === 0 || from === 0) return { response, from: 0, to: size };
          return { response: await this.#skip(response, from), from, to: size };
        }
        await discard(response);
      } else {
        await discard(response);
        if (isPassing(status)) {
          await this.#pause(retryAfterMs(response), null, status);
          continue;
        }
        const total = /^bytes \*\/(\d+)$/.exec(response.headers.get('content-range') ?? '')?.[1];
        const isOther = status === 416 && total !== undefined && Number(total) !== size;
        if (isOther) throw this.#wrongSize(Number(total));
        if (status !== 416 || from === 0) throw this.#refused(status);
      }
      // The version that began here is gone.
      if (this.#given > 0) {
        throw new EngineError(`${file} changed at ${url.host} while it was on its way.`, {
          code: 'download/changed',
          hint: 'Load again; it starts from the beginning.',
        });
      }
      signal?.throwIfAborted();
      await part?.truncate(0);
      await this.#setEtag(null);
      from = 0;
    }
  }

  /**
   * Whether an answer with this tag may go on with what came before. Mirrors call the same file by other names:
   * where the sum of the whole is known, it decides at the end.
   */
  #mayContinue(etag: string | null): boolean {
    if (this.#o.sha256 !== null || etag === null || this.#etag === null) return true;
    return etag.replace(/^W\//, '') === this.#etag.replace(/^W\//, '');
  }

  /** Where a request from `from` on ends. */
  #endOf(from: number): number {
    return Math.min(this.#o.size, from + this.#window);
  }

  /** One request; null after a failure that was waited out. */
  async #ask(from: number): Promise<Response | null> {
    const { url, signal, part, patience, size } = this.#o;
    const headers: Record<string, string> = {};
    const to = this.#endOf(from);
    if (to < size) headers.Range = `bytes=${from}-${to - 1}`;
    else if (from > 0) headers.Range = `bytes=${from}-`;
    // Weak tags may not stand there. Later requests are compared by the tag of their answer: across origins,
    // each of them would have to ask for permission first.
    const condition = this.#isConditional && this.#etag?.startsWith('"') ? this.#etag : null;
    if (from > 0 && this.#given === 0 && condition !== null) headers['If-Range'] = condition;
    try {
      const { silenceMs } = patience;
      const cache = part ? 'no-store' : 'default';
      return await request(url, { signal, headers, cache, silenceMs });
    } catch (error) {
      if ((error as { code?: string }).code !== 'network/unreachable') throw error;
      if (headers['If-Range'] !== undefined) {
        this.#isConditional = false;
        return null;
      }
      await this.#pause(null, error);
      return null;
    }
  }

  /** The pieces of an answer's body, as many as the file may still have. */
  async *#bodyOf({ response }: Continuation): AsyncGenerator<Uint8Array, void, undefined> {
    const { signal, size, patience } = this.#o;
    if (!response.body) return;
    const pieces = notSilent(readPieces(response.body), patience.silenceMs);
    try {
      for (;;) {
        const piece = await pieces.read().catch((cause: unknown) => {
          signal?.throwIfAborted();
          throw new Broken(cause);
        });
        if (!piece) return;
        if (this.#given + piece.length > size) throw this.#wrongSize(null);
        yield piece;
      }
    } finally {
      await pieces.cancel().catch(() => {});
    }
  }

  /** A whole body without its first `count` bytes. */
  async #skip(response: Response, count: number): Promise<Response> {
    let left = count;
    const skipping = new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        if (chunk.length > left) controller.enqueue(chunk.subarray(left));
        left = Math.max(0, left - chunk.length);
      },
    });
    return new Response(response.body?.pipeThrough(skipping));
  }

  /** Waits before the next attempt, or throws when there were enough. */
  async #pause(asked: number | null, cause: unknown, status?: number): Promise<void> {
    const { patience, url, file, size, signal, part, onNote } = this.#o;
    signal?.throwIfAborted();
    this.#failures++;
    if (this.#failures >= patience.tries) {
      if (cause instanceof EngineError) throw cause;
      const problem =
        status === undefined
          ? `${file} ended after ${this.#given} of ${size} bytes`
          : `${url.host} answered ${status} to ${file}`;
      throw new EngineError(`${problem}, ${this.#failures} times in a row.`, {
        code: status === undefined ? 'network/truncated' : 'network/http',
        hint: part
          ? 'Check the connection and load again: what came is kept.'
          : 'Check the connection and load again.',
        cause,
      });
    }
    const ms = waitFor(this.#failures, asked, patience, url.host);
    let what = `The connection to ${url.host} broke`;
    if (status !== undefined) {
      const isBusy = status === 429 || status === 503;
      what = `${url.host} ${isBusy ? 'is busy' : 'could not answer'} (${status})`;
    }
    const percent = Math.floor((100 * this.#given) / size);
    onNote(
      `${what} at ${percent} %; trying again in ${Math.ceil(ms / 1000)} s (${this.#failures} of ${patience.tries - 1}).`,
    );
    await sleep(ms, signal);
  }

  async #setEtag(etag: string | null): Promise<void> {
    this.#etag = etag;
    await this.#o.onEtag(etag);
  }

  #check(): void {
    const { sha256: expected, file, url } = this.#o;
    if (expected === null) return;
    const found = bytesToHex(this.#sum.digest());
    if (found === expected) return;
    throw new EngineError(
      `${file} is damaged: its SHA-256 is ${found.slice(0, 12)}…, and ${url.host} lists ${expected.slice(0, 12)}….`,
      {
        code: 'download/hash',
        hint: 'It was changed on its way or on the server. Load again, perhaps over another network or from another host.',
      },
    );
  }

  #wrongSize(found: number | null): EngineError {
    const { file, size, url } = this.#o;
    const has = found === null ? 'more' : `${found} bytes`;
    return new EngineError(`${file} has ${has} at ${url.host}; its list says ${size} bytes.`, {
      code: 'download/size',
      hint: 'The server does not have the file that it lists. Try another revision or host.',
    });
  }

  #refused(status: number): EngineError {
    const { file, url } = this.#o;
    if (status === 401 || status === 403) {
      return new EngineError(`${url.host} gives ${file} only to people who are signed in.`, {
        code: 'hub/gated',
        hint: 'Download it where you are signed in, and drop the folder on this page.',
      });
    }
    if (status === 404 || status === 410) {
      return new EngineError(`There is no ${file} at ${url.href}.`, {
        code: 'network/not-found',
        hint: 'The list of files names it, but the server does not have it. Try another host.',
      });
    }
    return new EngineError(`${url.host} answered ${status} to ${file}.`, {
      code: 'network/http',
      hint: 'Try again later, or give another host.',
    });
  }
}

/** A connection that ended early. */
class Broken extends Error {
  constructor(cause: unknown) {
    super('The connection broke.', { cause });
  }
}

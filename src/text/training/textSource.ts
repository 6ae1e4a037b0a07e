// Text of any size, wherever it comes from, as short strings one after the other.
import { EngineError } from '../../errors.ts';

/** A text, its UTF-8 bytes in a file or a stream, or parts of either in order. */
export type TextSource =
  | string
  | Blob
  | ReadableStream<Uint8Array>
  | AsyncIterable<string | Uint8Array>;

/** A part of a text; never ends within a character. */
export interface TextPart {
  readonly text: string;
  /** Share of the whole that has been read with it, 0 to 1; null where its size is not known. */
  readonly share: number | null;
}

/** UTF-16 units, or bytes, that are taken at once. */
const PART = 1 << 18;

/**
 * The parts of a text. Bytes are UTF-8; a byte order mark at the beginning is left out, as everywhere on the web, also
 * where somebody who read a file has made a string of it. Lone surrogates become U+FFFD. Throws `text/encoding` where bytes are no UTF-8, and the signal's reason.
 */
export async function* textParts(
  source: TextSource,
  signal?: AbortSignal,
): AsyncGenerator<TextPart, void, undefined> {
  const size = typeof source === 'string' ? source.length : source instanceof Blob && source.size;
  const reader = new PartReader();
  let done = 0;
  let isBegun = false;
  const told = (part: string): string => {
    const text = isBegun ? part : part.replace(/^\uFEFF/u, '');
    isBegun ||= part !== '';
    return text;
  };
  for await (const chunk of chunksOf(source)) {
    for (let from = 0; from < chunk.length; from += PART) {
      signal?.throwIfAborted();
      const end = Math.min(chunk.length, from + PART);
      const text = told(
        typeof chunk === 'string'
          ? reader.letters(chunk.slice(from, end))
          : reader.bytes(chunk.subarray(from, end)),
      );
      done += end - from;
      if (text !== '') yield { text, share: size === false ? null : done / size };
    }
  }
  signal?.throwIfAborted();
  const text = told(reader.end());
  if (text !== '') yield { text, share: size === false ? null : 1 };
}

async function* chunksOf(source: TextSource): AsyncGenerator<string | Uint8Array, void, undefined> {
  if (typeof source === 'string') yield source;
  else if (source instanceof Blob) yield* streamed(source.stream());
  // Not every browser that has streams lets one loop over them.
  else if (source instanceof ReadableStream) yield* streamed(source);
  else yield* source;
}

async function* streamed(
  stream: ReadableStream<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

/** Puts characters together that lie in two parts. */
class PartReader {
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  #bytes = 0;
  #held = '';

  letters(part: string): string {
    // Bytes before it must have been whole characters.
    const text = this.#decode(new Uint8Array(0), false) + this.#held + part;
    const last = text.charCodeAt(text.length - 1);
    const isHalf = last >= 0xd800 && last < 0xdc00;
    this.#held = isHalf ? text.slice(-1) : '';
    return (isHalf ? text.slice(0, -1) : text).toWellFormed();
  }

  bytes(part: Uint8Array): string {
    const held = this.#held.toWellFormed();
    this.#held = '';
    return held + this.#decode(part, true);
  }

  end(): string {
    return this.#decode(new Uint8Array(0), false) + this.#held.toWellFormed();
  }

  #decode(part: Uint8Array, stream: boolean): string {
    if (part.length === 0 && this.#bytes === 0) return '';
    try {
      const text = this.#decoder.decode(part, { stream });
      this.#bytes += part.length;
      return text;
    } catch (cause) {
      const where =
        part.length > 0
          ? `somewhere in its bytes ${this.#bytes} to ${this.#bytes + part.length - 1}`
          : `it ends within a character, after ${this.#bytes} bytes`;
      throw new EngineError(`The text is no UTF-8: ${where}.`, {
        code: 'text/encoding',
        hint: 'Save it as UTF-8; a file that is packed (gz, zip) must be unpacked first.',
        cause,
      });
    }
  }
}

/** Code points of a text. */
export function countCharacters(text: string): number {
  let count = text.length;
  for (let i = 0; i < text.length; i++) {
    if ((text.charCodeAt(i) & 0xfc00) === 0xdc00) count--;
  }
  return count;
}

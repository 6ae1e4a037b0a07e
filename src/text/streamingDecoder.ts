// Bytes of tokens to text, as they come: half a character waits for its other half.

/** Decodes UTF-8 in pieces; what it gives in all equals decoding everything at once. A U+FEFF is kept. */
export class StreamingDecoder {
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  /** The last three bytes: a fourth would make any character whole. */
  #tail: readonly number[] = [];

  /** Text that became complete with these bytes; '' while half a character waits. */
  push(bytes: Uint8Array): string {
    this.#tail = [...this.#tail, ...bytes.subarray(-3)].slice(-3);
    return this.#decoder.decode(bytes, { stream: true });
  }

  /** The rest, a half character as U+FFFD; the decoder is then as new. */
  flush(): string {
    this.#tail = [];
    return this.#decoder.decode();
  }

  /** Whether half a character may be waiting for its other half. */
  get waits(): boolean {
    return this.#tail.some((byte, i) => lengthOf(byte) > this.#tail.length - i);
  }
}

/** Bytes of a character that begins with this one; 0 for a byte that begins none of several. */
function lengthOf(byte: number): number {
  if (byte < 0xc2 || byte > 0xf4) return 0;
  return byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
}

// Bytes of tokens to text, as they come: half a character waits for its other half.

/** Decodes UTF-8 in pieces; what it gives in all equals decoding everything at once. A U+FEFF is kept. */
export class StreamingDecoder {
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });

  /** Text that became complete with these bytes; '' while half a character waits. */
  push(bytes: Uint8Array): string {
    return this.#decoder.decode(bytes, { stream: true });
  }

  /** The rest, a half character as U+FFFD; the decoder is then as new. */
  flush(): string {
    return this.#decoder.decode();
  }
}

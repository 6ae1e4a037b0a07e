// Bytes as strings: one character U+0000…U+00FF a byte (a "binary string"), and GPT-2's printable alphabet.

export const utf8 = new TextEncoder();
export const lenient = new TextDecoder('utf-8', { ignoreBOM: true });
const strict = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true });

export function toBinary(bytes: Uint8Array): string {
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return binary;
}

export function fromBinary(binary: string): Uint8Array {
  const bytes = new Uint8Array(binary.length);
  writeBinary(binary, bytes, 0);
  return bytes;
}

export function writeBinary(binary: string, bytes: Uint8Array, at: number): number {
  for (let i = 0; i < binary.length; i++) bytes[at + i] = binary.charCodeAt(i);
  return at + binary.length;
}

/** A copy with memory of its own: V8's slices from 13 letters on keep the whole text alive. */
export function detached(slice: string): string {
  return slice.length < 13 ? slice : lenient.decode(utf8.encode(slice));
}

export function decodeStrictly(binary: string): string | undefined {
  try {
    return strict.decode(fromBinary(binary));
  } catch {
    return undefined;
  }
}

/**
 * GPT-2's printable alphabet for bytes: a byte that prints is itself, the others are U+0100 onwards in order.
 * Source: `bytes_to_unicode` of openai/gpt-2, encoder.py.
 */
const codeOfByte: readonly number[] = (() => {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => {
    const prints =
      (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte < 0xad) || (byte > 0xad && byte < 0x100);
    return prints ? byte : next++;
  });
})();

/** The alphabet's character for each byte. */
export const byteAlphabet: readonly string[] = codeOfByte.map((code) => String.fromCharCode(code));

/** Byte by UTF-16 unit; absent for what is not in the alphabet. */
const byteOfCode: readonly (number | undefined)[] = codeOfByte.reduce<number[]>(
  (table, code, byte) => {
    table[code] = byte;
    return table;
  },
  [],
);

const isInAlphabet = (token: string): boolean => {
  for (let i = 0; i < token.length; i++) {
    if (byteOfCode[token.charCodeAt(i)] === undefined) return false;
  }
  return true;
};

/** Fits the arguments of a call. */
const CODES_AT_ONCE = 1024;
const codes: number[] = [];

/**
 * Bytes of a token in the printable alphabet, or undefined when it has characters outside of it. Adding
 * them one by one would leave a string for every letter of a vocabulary behind.
 */
export function toBytes(token: string): string | undefined {
  if (!isInAlphabet(token)) return undefined;
  let binary = '';
  for (let from = 0; from < token.length; from += CODES_AT_ONCE) {
    codes.length = Math.min(CODES_AT_ONCE, token.length - from);
    for (let i = 0; i < codes.length; i++) codes[i] = byteOfCode[token.charCodeAt(from + i)] ?? 0;
    binary += String.fromCharCode(...codes);
  }
  return binary;
}

// What a token's bytes look like, for engine and page alike.

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Bytes as text: characters that are whole as they are, any other byte as `\xF0`. */
export function visibleText(bytes: Uint8Array): string {
  const whole = decodeStrictly(bytes);
  if (whole !== undefined) return whole;
  let text = '';
  for (let at = 0; at < bytes.length;) {
    const lead = bytes[at] ?? 0;
    const length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    const character = decodeStrictly(bytes.subarray(at, at + length));
    if (character === undefined) {
      text += `\\x${lead.toString(16).toUpperCase().padStart(2, '0')}`;
      at++;
    } else {
      text += character;
      at += length;
    }
  }
  return text;
}

function decodeStrictly(bytes: Uint8Array): string | undefined {
  try {
    return strict.decode(bytes);
  } catch {
    return undefined;
  }
}

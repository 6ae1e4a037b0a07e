// Sentencepiece's table of characters that stand for others, as `Precompiled` keeps it in base64: a double-array trie of
// byte sequences, then the texts that they become. Source: the crate spm_precompiled, and sentencepiece's normalizer.cc.
import { lenient, utf8 } from '../byteStrings.ts';
import { unsupported } from './spec.ts';

/** Longer clusters of characters are normalised character by character. */
const MOST_BYTES = 6;

export class PrecompiledMap {
  readonly #units: Uint32Array;
  readonly #texts: Uint8Array;
  readonly #segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

  /** Throws `tokenizer/unsupported`. */
  constructor(base64: string) {
    let bytes: Uint8Array<ArrayBuffer>;
    try {
      bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    } catch {
      throw unsupported('precompiled_charsmap is no base64');
    }
    const size = bytes.length >= 4 ? new DataView(bytes.buffer).getUint32(0, true) : 0;
    if (bytes.length > 0 && (size % 4 !== 0 || size + 4 > bytes.length)) {
      throw unsupported('precompiled_charsmap has no such size');
    }
    const view = new DataView(bytes.buffer);
    this.#units = Uint32Array.from({ length: size / 4 }, (_, i) => view.getUint32(4 + 4 * i, true));
    this.#texts = bytes.subarray(4 + size);
  }

  normalize(text: string): string {
    if (this.#units.length === 0) return text;
    let done = '';
    for (const { segment } of this.#segmenter.segment(text)) {
      const whole = segment.length < MOST_BYTES ? utf8.encode(segment) : null;
      const known = whole && whole.length < MOST_BYTES ? this.#find(whole) : undefined;
      if (known !== undefined) {
        done += known;
        continue;
      }
      for (const character of segment) done += this.#find(utf8.encode(character)) ?? character;
    }
    return done;
  }

  /** What the shortest beginning of the bytes that the table has becomes. */
  #find(key: Uint8Array): string | undefined {
    const units = this.#units;
    const offset = (unit: number): number => (unit >>> 10) << ((unit & (1 << 9)) >>> 6);
    let at = offset(units[0]);
    for (const byte of key) {
      if (byte === 0) break;
      at ^= byte;
      const unit = units[at];
      if (unit === undefined || (unit & 0x800000ff) >>> 0 !== byte) return undefined;
      at ^= offset(unit);
      if (((unit >>> 8) & 1) === 1) return this.#text((units[at] ?? 0) & 0x7fffffff);
    }
    return undefined;
  }

  #text(start: number): string {
    const end = this.#texts.indexOf(0, start);
    return lenient.decode(this.#texts.subarray(start, end < 0 ? undefined : end));
  }
}

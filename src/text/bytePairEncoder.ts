// Byte-level byte-pair encoding, as GPT-2 does it: text → pieces → bytes → merged tokens, and back.
// One class for both ways a vocabulary is published: tiktoken's ranks, or vocab.json + merges.txt.
// Inside, a token's bytes are a "binary string": one character U+0000…U+00FF a byte.
import { show } from '../json.ts';
import type { TokenPiece } from '../api.ts';
import { EngineError } from '../errors.ts';
import { visibleText } from '../visibleText.ts';
import { detached, fromBinary, lenient, toBinary, utf8, writeBinary } from './byteStrings.ts';
import { type Merges, merge, spaceFor } from './merging.ts';
import { endOfPiece } from './pieces.ts';
import {
  type DecodeOptions,
  END_OF_TEXT,
  type EncodeOptions,
  type Tokenizer,
  allowedNames,
} from './tokenizer.ts';
import { type Tables, type TokenizerFiles, readPair, readRanks } from './vocabularyFiles.ts';

const CACHED_PIECES = 50_000;
const CACHED_LENGTH = 64;

/**
 * Encodes text to ids and back for one byte-level BPE vocabulary.
 * Immutable but for a bounded cache; encoding takes O(n log n) for any text.
 */
export class BytePairEncoder implements Tokenizer {
  readonly vocabSize: number;
  readonly specialTokens: ReadonlyMap<string, number>;
  /** Of tiktoken's ranks none; of Hugging Face's files those that are named beside the vocabulary, and `<|endoftext|>`. */
  readonly addedTokens: readonly string[];
  readonly endOfTextId: number | null;
  readonly leftOut: number;

  readonly #tokens: readonly (string | undefined)[];
  readonly #merges: Merges;
  readonly #specialNames: ReadonlyMap<number, string>;
  readonly #byteIds: Int32Array;
  readonly #cache = new Map<string, readonly number[]>();

  private constructor({ tokens, merges, byteIds, special, found, leftOut }: Tables) {
    this.#tokens = tokens;
    this.#merges = merges;
    this.#byteIds = byteIds;
    this.specialTokens = special;
    this.addedTokens = found;
    this.leftOut = leftOut;
    this.#specialNames = new Map([...special].map(([name, id]) => [id, name]));
    let vocabSize = tokens.length;
    for (const id of special.values()) vocabSize = Math.max(vocabSize, id + 1);
    this.vocabSize = vocabSize;
    this.endOfTextId = special.get(END_OF_TEXT) ?? null;
  }

  /**
   * Builds from tiktoken's ranks, where a token's id is also its order of merging:
   * lines of `! firstId base64 base64 …`, as js-tiktoken prints them. Throws `tokenizer/ranks`.
   */
  static fromRanks(
    bpeRanks: string,
    specialTokens: ReadonlyMap<string, number> = new Map(),
  ): BytePairEncoder {
    return new BytePairEncoder(readRanks(bpeRanks, specialTokens));
  }

  /**
   * Builds from `vocab.json` and `merges.txt` of any byte-level BPE model, with Hugging Face's meaning:
   * the order of merging is the order of lines, ids come from the vocabulary. Tokens that are neither
   * a byte nor made by a merge cannot come from text and count as special (`<|endoftext|>`).
   * Throws `tokenizer/vocab` or `tokenizer/merges`, naming file, line and next step.
   */
  static fromFiles(files: TokenizerFiles): BytePairEncoder {
    return new BytePairEncoder(readPair(files));
  }

  encode(text: string, { allowedSpecial }: EncodeOptions = {}): number[] {
    const ids: number[] = [];
    const names = allowedNames(this, allowedSpecial);
    let from = 0;
    if (names.length > 0) {
      for (const match of text.matchAll(anyOf(names))) {
        this.#encodePlain(text.slice(from, match.index), ids);
        const id = this.specialTokens.get(match[0]);
        if (id !== undefined) ids.push(id);
        from = match.index + match[0].length;
      }
    }
    this.#encodePlain(from === 0 ? text : text.slice(from), ids);
    return ids;
  }

  has(id: number): boolean {
    return this.#tokens[id] !== undefined || this.#specialNames.has(id);
  }

  /** As every tokenizer; a leading U+FEFF is kept, special tokens give their name. */
  decode(ids: readonly number[], { skip_special_tokens = false }: DecodeOptions = {}): string {
    const kept = skip_special_tokens ? ids.filter((id) => !this.#specialNames.has(id)) : ids;
    let size = 0;
    for (const id of kept) size += (this.#tokens[id] ?? this.#specialText(id)).length;
    const bytes = new Uint8Array(size);
    let at = 0;
    for (const id of kept) at = writeBinary(this.#tokens[id] ?? this.#specialText(id), bytes, at);
    return lenient.decode(bytes);
  }

  /** Bytes that `decode` writes for one id (a special token's are its name). */
  bytesOf(id: number): Uint8Array {
    return fromBinary(this.#tokens[id] ?? this.#specialText(id));
  }

  pieceOf(id: number): TokenPiece {
    const name = this.#specialNames.get(id);
    if (name !== undefined) return { id, bytes: [], text: name, special: true };
    const bytes = this.bytesOf(id);
    return { id, bytes: [...bytes], text: visibleText(bytes), special: false };
  }

  #specialText(id: number): string {
    const name = this.#specialNames.get(id);
    if (name !== undefined) return toBinary(utf8.encode(name));
    throw new EngineError(
      `Token ${id} is not in the vocabulary, whose ids are 0 to ${this.vocabSize - 1}.`,
      { code: 'tokens/vocabulary', hint: 'The tokenizer files are of another model than the ids.' },
    );
  }

  #encodePlain(text: string, ids: number[]): void {
    for (let start = 0; start < text.length;) {
      const end = endOfPiece(text, start);
      for (const id of this.encodePiece(text.slice(start, end))) ids.push(id);
      start = end;
    }
  }

  /** Ids of a text that is not split before its bytes are merged. Throws `tokenizer/byte`. */
  encodePiece(piece: string): readonly number[] {
    const known = this.#cache.get(piece);
    if (known) return known;
    const merged = this.#mergePiece(piece);
    if (piece.length <= CACHED_LENGTH) {
      if (this.#cache.size >= CACHED_PIECES) this.#cache.clear();
      this.#cache.set(detached(piece), merged);
    }
    return merged;
  }

  #mergePiece(piece: string): number[] {
    const bytes = utf8.encode(piece);
    const length = bytes.length;
    const space = spaceFor(length);
    for (let i = 0; i < length; i++) {
      const id = this.#byteIds[bytes[i]];
      if (id < 0) throw missingByte(bytes[i], piece);
      space.ids[i] = id;
    }
    return length === 1 ? [space.ids[0]] : merge(space, length, this.#merges);
  }
}

/** Longest first, so that a name that starts another does not hide it. */
function anyOf(names: readonly string[]): RegExp {
  const escaped = names
    .toSorted((a, b) => b.length - a.length)
    .map((name) => name.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, String.raw`\$&`));
  return new RegExp(escaped.join('|'), 'g');
}

function missingByte(byte: number, piece: string): EngineError {
  const shown = byte.toString(16).toUpperCase().padStart(2, '0');
  return new EngineError(`The vocabulary has no token for byte 0x${shown} in ${show(piece)}.`, {
    code: 'tokenizer/byte',
    hint: 'This model was made for texts without this character: leave it out.',
  });
}

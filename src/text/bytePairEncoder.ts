// Byte-level byte-pair encoding, as GPT-2 does it: text → pieces → bytes → merged tokens, and back.
// One class for both ways a vocabulary is published: tiktoken's ranks, or vocab.json + merges.txt.
// Inside, a token's bytes are a "binary string": one character U+0000…U+00FF a byte.
import type { TokenPiece } from '../api.ts';
import { EngineError } from '../errors.ts';
import { visibleText } from '../visibleText.ts';
import { detached, fromBinary, lenient, toBinary, utf8, writeBinary } from './byteStrings.ts';
import { type Merges, merge, spaceFor } from './merging.ts';
import { endOfPiece } from './pieces.ts';
import { type Tables, type TokenizerFiles, readPair, readRanks, show } from './vocabularyFiles.ts';

/** What of `encode` can be chosen. */
export interface EncodeOptions {
  /** Special tokens whose names in the text become their ids; by default all names are plain text. */
  readonly allowedSpecial?: 'all' | readonly string[];
}

const END_OF_TEXT = '<|endoftext|>';
const CACHED_PIECES = 50_000;
const CACHED_LENGTH = 64;

/**
 * Encodes text to ids and back for one byte-level BPE vocabulary.
 * Immutable but for a bounded cache; encoding takes O(n log n) for any text.
 */
export class BytePairEncoder {
  /** Highest id + 1. */
  readonly vocabSize: number;
  /** Special tokens, name → id. */
  readonly specialTokens: ReadonlyMap<string, number>;
  /** Id of `<|endoftext|>`, or null in a vocabulary without it. */
  readonly endOfTextId: number | null;

  readonly #tokens: readonly (string | undefined)[];
  readonly #merges: Merges;
  readonly #specialNames: ReadonlyMap<number, string>;
  readonly #byteIds: Int32Array;
  readonly #cache = new Map<string, readonly number[]>();

  private constructor({ tokens, merges, special }: Tables) {
    this.#tokens = tokens;
    this.#merges = merges;
    this.specialTokens = special;
    this.#specialNames = new Map([...special].map(([name, id]) => [id, name]));
    let vocabSize = tokens.length;
    for (const id of special.values()) vocabSize = Math.max(vocabSize, id + 1);
    this.vocabSize = vocabSize;
    this.endOfTextId = special.get(END_OF_TEXT) ?? null;
    this.#byteIds = new Int32Array(256).fill(-1);
    for (let id = 0; id < tokens.length; id++) {
      const token = tokens[id];
      if (token?.length === 1) this.#byteIds[token.charCodeAt(0)] = id;
    }
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

  /**
   * Ids of a text; lone surrogates count as U+FFFD. Names of special tokens are plain text unless allowed.
   * Throws `tokenizer/special` for an allowed name that does not exist and
   * `tokenizer/byte` when the vocabulary lacks a byte of the text.
   */
  encode(text: string, { allowedSpecial = [] }: EncodeOptions = {}): number[] {
    const ids: number[] = [];
    const names = allowedSpecial === 'all' ? [...this.specialTokens.keys()] : allowedSpecial;
    for (const name of names) {
      if (this.specialTokens.has(name)) continue;
      throw new EngineError(`${JSON.stringify(name)} is no special token of this vocabulary.`, {
        code: 'tokenizer/special',
        hint: `It has: ${[...this.specialTokens.keys()].join(', ') || 'none'}.`,
      });
    }
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

  /** Whether a token has this id: a vocabulary may leave some out. */
  has(id: number): boolean {
    return this.#tokens[id] !== undefined || this.#specialNames.has(id);
  }

  /**
   * Text of ids. Half characters become U+FFFD, a leading U+FEFF is kept, special tokens give their name.
   * Throws `tokens/vocabulary` for an id outside the vocabulary.
   */
  decode(ids: readonly number[]): string {
    let size = 0;
    for (const id of ids) size += (this.#tokens[id] ?? this.#specialText(id)).length;
    const bytes = new Uint8Array(size);
    let at = 0;
    for (const id of ids) at = writeBinary(this.#tokens[id] ?? this.#specialText(id), bytes, at);
    return lenient.decode(bytes);
  }

  /** Bytes that `decode` writes for one id (a special token's are its name). Throws `tokens/vocabulary`. */
  bytesOf(id: number): Uint8Array {
    return fromBinary(this.#tokens[id] ?? this.#specialText(id));
  }

  /** One token as people see it; bytes that are no whole character appear as `\xF0\x9F`. Throws `tokens/vocabulary`. */
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
      const piece = text.slice(start, end);
      let merged = this.#cache.get(piece);
      if (merged === undefined) {
        merged = this.#mergePiece(piece);
        if (piece.length <= CACHED_LENGTH) {
          if (this.#cache.size >= CACHED_PIECES) this.#cache.clear();
          this.#cache.set(detached(piece), merged);
        }
      }
      for (const id of merged) ids.push(id);
      start = end;
    }
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

// Byte-level byte-pair encoding, as GPT-2 does it: text → pieces → bytes → merged tokens, and back.
// One class for both ways a vocabulary is published: tiktoken's ranks, or vocab.json + merges.txt.
// Inside, a token's bytes are a "binary string": one character U+0000…U+00FF a byte.
import type { TokenPiece } from '../api.ts';
import { EngineError } from '../errors.ts';
import { visibleText } from '../visibleText.ts';

/** What of `encode` can be chosen. */
export interface EncodeOptions {
  /** Special tokens whose names in the text become their ids; by default all names are plain text. */
  readonly allowedSpecial?: 'all' | readonly string[];
}

/** Contents of a Hugging Face folder's tokenizer files. */
export interface TokenizerFiles {
  /** `vocab.json`: token → id, tokens in GPT-2's printable alphabet for bytes. */
  readonly vocab: string;
  /** `merges.txt`: one pair a line, the earliest line merges first. */
  readonly merges: string;
  /** Special tokens that stand elsewhere (`added_tokens.json`): name → id. */
  readonly specialTokens?: ReadonlyMap<string, number>;
}

const END_OF_TEXT = '<|endoftext|>';
/** Far above any real vocabulary; keeps ids, ranks and positions in one float64 exactly. */
const MAX_TOKENS = 1 << 21;
const MAX_PIECE = 2 ** 32;
const CACHED_PIECES = 50_000;
const CACHED_LENGTH = 64;
/** Longer pieces, in bytes, get memory of their own for merging. */
const SHARED_LENGTH = 256;

/** What merging needs to know of a vocabulary. */
interface Merges {
  /** Order of merging two neighbours (lower first), or -1 when they never merge. */
  readonly rank: (left: number, right: number) => number;
  /** Id that a merge of this rank makes. */
  readonly merged: (rank: number) => number;
}

/** A vocabulary as it is looked up. */
interface Tables {
  /** Bytes of each ordinary id as a binary string; undefined where there is no such id. */
  readonly tokens: readonly (string | undefined)[];
  readonly merges: Merges;
  readonly special: ReadonlyMap<string, number>;
}

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
    const idOf = new Map<string, number>();
    const tokens: (string | undefined)[] = [];
    for (const [index, line] of bpeRanks.split('\n').entries()) {
      if (line === '') continue;
      const [mark, first, ...encoded] = line.split(' ');
      let id = Number(first);
      if (mark !== '!' || !isId(id) || !isId(id + encoded.length)) {
        throw ranksError(`line ${index + 1} does not start with "!" and an id`);
      }
      for (const base64 of encoded) {
        const token = fromBase64(base64, index + 1);
        if (token === '' || idOf.has(token) || tokens[id] !== undefined) {
          throw ranksError(`line ${index + 1} gives token or id ${id} twice, or no bytes to it`);
        }
        idOf.set(token, id);
        tokens[id++] = token;
      }
    }
    checkSpecial(specialTokens, tokens, ranksError);
    // A pair merges when its bytes together are a token: there is no other table in this format.
    const merges: Merges = {
      rank: (left, right) => idOf.get((tokens[left] ?? '') + (tokens[right] ?? '')) ?? -1,
      merged: (rank) => rank,
    };
    return new BytePairEncoder({ tokens, merges, special: new Map(specialTokens) });
  }

  /**
   * Builds from `vocab.json` and `merges.txt` of any byte-level BPE model, with Hugging Face's meaning:
   * the order of merging is the order of lines, ids come from the vocabulary. Tokens that are neither
   * a byte nor made by a merge cannot come from text and count as special (`<|endoftext|>`).
   * Throws `tokenizer/vocab` or `tokenizer/merges`, naming file, line and next step.
   */
  static fromFiles(files: TokenizerFiles): BytePairEncoder {
    const idOf = parseVocab(files.vocab);
    const bytesOf = emptyTable(idOf.size);
    for (const [name, id] of idOf) bytesOf[id] = toBytes(name);
    const { merges, isMade } = parseMerges(files.merges, idOf, bytesOf);
    const tokens = emptyTable(idOf.size);
    const special = new Map<string, number>();
    for (const [name, id] of idOf) {
      if (files.specialTokens?.has(name)) continue;
      const bytes = bytesOf[id];
      if (bytes !== undefined && (bytes.length === 1 || isMade[id] === 1)) {
        tokens[id] = bytes;
        continue;
      }
      const text = bytes === undefined ? name : (decodeStrictly(bytes) ?? name);
      const other = special.get(text);
      if (other !== undefined) {
        throw vocabError(`ids ${other} and ${id} both stand for ${show(text)}`);
      }
      special.set(text, id);
    }
    for (const [name, id] of files.specialTokens ?? []) special.set(name, id);
    checkSpecial(special, tokens, vocabError);
    return new BytePairEncoder({ tokens, merges, special });
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

  /**
   * Merges the bytes of one piece: always the pair of lowest rank, the leftmost among equals.
   * A doubly linked list of parts and a heap of candidate pairs make it O(n log n).
   */
  #mergePiece(piece: string): number[] {
    const bytes = utf8.encode(piece);
    const length = bytes.length;
    const { ids, next, previous, ranks, heap } =
      length <= SHARED_LENGTH ? sharedSpace : createSpace(length);
    for (let i = 0; i < length; i++) {
      const id = this.#byteIds[bytes[i]];
      if (id < 0) throw missingByte(bytes[i], piece);
      ids[i] = id;
    }
    if (length === 1) return [ids[0]];

    const { rank, merged } = this.#merges;
    for (let i = 0; i < length; i++) {
      next[i] = i + 1;
      previous[i] = i - 1;
      ranks[i] = i + 1 < length ? rank(ids[i], ids[i + 1]) : -1;
      if (ranks[i] >= 0) heap.append(ranks[i] * MAX_PIECE + i);
    }
    heap.order();

    let parts = length;
    while (heap.size > 0) {
      const candidate = heap.pop();
      const found = Math.floor(candidate / MAX_PIECE);
      const at = candidate - found * MAX_PIECE;
      if (ranks[at] !== found) continue;
      const absorbed = next[at];
      const after = next[absorbed];
      ids[at] = merged(found);
      ranks[absorbed] = -1;
      next[at] = after;
      parts--;
      ranks[at] = after < length ? rank(ids[at], ids[after]) : -1;
      if (after < length) previous[after] = at;
      if (ranks[at] >= 0) heap.push(ranks[at] * MAX_PIECE + at);
      const before = previous[at];
      if (before < 0) continue;
      ranks[before] = rank(ids[before], ids[at]);
      if (ranks[before] >= 0) heap.push(ranks[before] * MAX_PIECE + before);
    }

    const result: number[] = Array.from({ length: parts });
    for (let i = 0, part = 0; i < length; i = next[i]) result[part++] = ids[i];
    return result;
  }
}

/** Room for merging one piece of at most so many bytes; entries beyond the piece are stale. */
interface MergeSpace {
  readonly ids: Int32Array;
  readonly next: Int32Array;
  readonly previous: Int32Array;
  /** Rank of the pair that starts at a part; -1 when there is none, so that stale candidates show. */
  readonly ranks: Int32Array;
  /**
   * Candidate pairs, each one number, rank · 2³² + position: numeric order is the order of merging.
   * A merge takes one out and puts at most two in. Empty between pieces.
   */
  readonly heap: MinHeap;
}

function createSpace(length: number): MergeSpace {
  const [ids, next, previous, ranks] = Array.from({ length: 4 }, () => new Int32Array(length));
  return { ids, next, previous, ranks, heap: new MinHeap(3 * length) };
}

/** Binary min-heap of numbers with a capacity known beforehand. */
class MinHeap {
  size = 0;
  readonly #items: Float64Array;

  constructor(capacity: number) {
    this.#items = new Float64Array(capacity);
  }

  /** Adds without ordering; `order` must follow. */
  append(value: number): void {
    this.#items[this.size++] = value;
  }

  order(): void {
    for (let i = (this.size >> 1) - 1; i >= 0; i--) this.#sink(i);
  }

  push(value: number): void {
    const items = this.#items;
    let at = this.size++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (items[parent] <= value) break;
      items[at] = items[parent];
      at = parent;
    }
    items[at] = value;
  }

  pop(): number {
    const items = this.#items;
    const least = items[0];
    items[0] = items[--this.size];
    this.#sink(0);
    return least;
  }

  #sink(from: number): void {
    const items = this.#items;
    const value = items[from];
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= this.size) break;
      if (child + 1 < this.size && items[child + 1] < items[child]) child++;
      if (items[child] >= value) break;
      items[at] = items[child];
      at = child;
    }
    items[at] = value;
  }
}

const sharedSpace = createSpace(SHARED_LENGTH);

// — Pieces ————————————————————————————————————————————————————————————————————————————————————————

// GPT-2's pattern, by hand, because a regular expression overflows the stack on millions of emoji:
//   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
// where \s is \p{White_Space}. JavaScript's own \s has U+FEFF, which is none, and lacks U+0085.
const LETTER = 1;
const NUMBER = 2;
const SPACE = 3;
const OTHER = 4;
/** Class of each code point, filled as they are met; 0 is not asked yet. */
const classes = new Uint8Array(0x110000);

function classOf(codePoint: number): number {
  return (classes[codePoint] ||= classify(String.fromCodePoint(codePoint)));
}

function classify(character: string): number {
  if (/\p{L}/u.test(character)) return LETTER;
  if (/\p{N}/u.test(character)) return NUMBER;
  return /\p{White_Space}/u.test(character) ? SPACE : OTHER;
}

/** End of the piece that starts at `start` (both in UTF-16 units), by GPT-2's pattern. */
export function endOfPiece(text: string, start: number): number {
  const first = text.charCodeAt(start);
  if (first === 0x27) {
    const contraction = contractionLength(text, start);
    if (contraction > 0) return start + contraction;
  }
  if (first === 0x20 && start + 1 < text.length) {
    const kind = classOf(text.codePointAt(start + 1) ?? 0);
    if (kind !== SPACE) return endOfRun(text, start + 1, kind);
  }
  const kind = classOf(text.codePointAt(start) ?? 0);
  const end = endOfRun(text, start, kind);
  // White space leaves its last character to the word that follows; all of it is one UTF-16 unit each.
  return kind === SPACE && end < text.length && end - start > 1 ? end - 1 : end;
}

function endOfRun(text: string, start: number, kind: number): number {
  let at = start;
  while (at < text.length) {
    const codePoint = text.codePointAt(at) ?? 0;
    if (classOf(codePoint) !== kind) break;
    at += codePoint > 0xffff ? 2 : 1;
  }
  return at;
}

function contractionLength(text: string, start: number): number {
  const next = text[start + 1];
  if (next === 's' || next === 't' || next === 'm' || next === 'd') return 2;
  const pair = text.slice(start + 1, start + 3);
  return pair === 're' || pair === 've' || pair === 'll' ? 3 : 0;
}

/** Longest first, so that a name that starts another does not hide it. */
function anyOf(names: readonly string[]): RegExp {
  const escaped = names
    .toSorted((a, b) => b.length - a.length)
    .map((name) => name.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, String.raw`\$&`));
  return new RegExp(escaped.join('|'), 'g');
}

// — Bytes and strings —————————————————————————————————————————————————————————————————————————————

const utf8 = new TextEncoder();
const lenient = new TextDecoder('utf-8', { ignoreBOM: true });
const strict = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true });

function toBinary(bytes: Uint8Array): string {
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return binary;
}

function fromBinary(binary: string): Uint8Array {
  const bytes = new Uint8Array(binary.length);
  writeBinary(binary, bytes, 0);
  return bytes;
}

function writeBinary(binary: string, bytes: Uint8Array, at: number): number {
  for (let i = 0; i < binary.length; i++) bytes[at + i] = binary.charCodeAt(i);
  return at + binary.length;
}

/** A copy with memory of its own: V8's slices from 13 letters on keep the whole text alive. */
function detached(slice: string): string {
  return slice.length < 13 ? slice : lenient.decode(utf8.encode(slice));
}

function decodeStrictly(binary: string): string | undefined {
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
function toBytes(token: string): string | undefined {
  if (!isInAlphabet(token)) return undefined;
  let binary = '';
  for (let from = 0; from < token.length; from += CODES_AT_ONCE) {
    codes.length = Math.min(CODES_AT_ONCE, token.length - from);
    for (let i = 0; i < codes.length; i++) codes[i] = byteOfCode[token.charCodeAt(from + i)] ?? 0;
    binary += String.fromCharCode(...codes);
  }
  return binary;
}

// — Files —————————————————————————————————————————————————————————————————————————————————————————

function fromBase64(base64: string, line: number): string {
  try {
    return atob(base64);
  } catch {
    throw ranksError(`line ${line} has ${JSON.stringify(base64.slice(0, 40))}, which is no base64`);
  }
}

function parseVocab(json: string): Map<string, number> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch (cause) {
    throw vocabError(`this is no JSON: ${cause instanceof Error ? cause.message : 'unreadable'}`);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw vocabError('this is not one object of tokens and ids');
  }
  const idOf = new Map<string, number>();
  const names = Object.keys(parsed);
  const taken = emptyTable(names.length);
  for (const token of names) {
    const id = (parsed as Record<string, unknown>)[token];
    if (!isId(id)) {
      const shown = JSON.stringify(id).slice(0, 40);
      throw vocabError(
        `${show(token)} has the id ${shown}; expected a whole number from 0 to ${MAX_TOKENS - 1}`,
      );
    }
    const other = taken[id];
    if (other !== undefined) {
      throw vocabError(`${show(other)} and ${show(token)} have the same id ${id}`);
    }
    taken[id] = token;
    idOf.set(token, id);
  }
  if (idOf.size === 0) throw vocabError('there are no tokens');
  return idOf;
}

/** By id, for so many tokens. Ids may come in any order, and an array that grows in leaps becomes a dictionary. */
function emptyTable(count: number): (string | undefined)[] {
  return Array.from({ length: count });
}

/** Pair table of merges.txt, and which ids its merges make. `bytesOf` has what is in the alphabet for bytes. */
function parseMerges(
  file: string,
  idOf: ReadonlyMap<string, number>,
  bytesOf: readonly (string | undefined)[],
): { merges: Merges; isMade: Uint8Array } {
  const isMade = new Uint8Array(bytesOf.length);
  const mergedIds: number[] = [];
  const lines = file.replace(/^\uFEFF/, '').split('\n');
  const ranks = new PairTable(Math.min(lines.length, MAX_TOKENS));
  const idAt = (index: number, token: string): number => {
    const id = idOf.get(token);
    if (id === undefined) throw mergesError(index, `${show(token)} is not in vocab.json`);
    return id;
  };
  for (const [index, ended] of lines.entries()) {
    const line = ended.endsWith('\r') ? ended.slice(0, -1) : ended;
    if (line === '' || line.startsWith('#version')) continue;
    const space = line.indexOf(' ');
    if (space <= 0 || space === line.length - 1 || line.includes(' ', space + 1)) {
      throw mergesError(index, `${show(line)} is not two tokens with one space between them`);
    }
    const left = line.slice(0, space);
    const right = line.slice(space + 1);
    const leftId = idAt(index, left);
    const rightId = idAt(index, right);
    const id = idAt(index, left + right);
    if (bytesOf[id] === undefined) {
      throw mergesError(index, `${show(left + right)} is not in the alphabet for bytes`);
    }
    if (mergedIds.length >= MAX_TOKENS) {
      throw mergesError(index, `one merge too many; expected at most ${MAX_TOKENS}`);
    }
    // A pair that stands twice counts where it stands last, as in Hugging Face's tokenizers.
    ranks.set(leftId, rightId, mergedIds.length);
    mergedIds.push(id);
    isMade[id] = 1;
  }
  return {
    merges: {
      rank: (left, right) => ranks.get(left, right),
      merged: (rank) => mergedIds[rank],
    },
    isMade,
  };
}

/**
 * Ranks by pairs of ids, with open addressing: a `Map` would keep a number on the heap for each of 50,000 pairs. Where a
 * pair lies is drawn anew for each table, so that no file can be made whose pairs all lie in one place.
 */
class PairTable {
  readonly #mask: number;
  readonly #shift: number;
  readonly #pairs: Int32Array;
  readonly #ranks: Int32Array;
  readonly #factors = [randomOdd(), randomOdd()] as const;

  /** With room for so many pairs. */
  constructor(count: number) {
    // Half of it stays empty.
    const bits = Math.ceil(Math.log2(count + 1)) + 1;
    this.#mask = 2 ** bits - 1;
    this.#shift = 32 - bits;
    this.#pairs = new Int32Array(2 ** (bits + 1));
    this.#ranks = new Int32Array(2 ** bits).fill(-1);
  }

  set(left: number, right: number, rank: number): void {
    const at = this.#placeOf(left, right);
    this.#pairs[2 * at] = left;
    this.#pairs[2 * at + 1] = right;
    this.#ranks[at] = rank;
  }

  /** -1 where there is none. */
  get(left: number, right: number): number {
    return this.#ranks[this.#placeOf(left, right)];
  }

  #placeOf(left: number, right: number): number {
    const [one, other] = this.#factors;
    let at = (Math.imul(left, one) + Math.imul(right, other)) >>> this.#shift;
    while (
      this.#ranks[at] >= 0 &&
      (this.#pairs[2 * at] !== left || this.#pairs[2 * at + 1] !== right)
    ) {
      at = (at + 1) & this.#mask;
    }
    return at;
  }
}

/** Of 32 bits. */
function randomOdd(): number {
  return (Math.random() * 2 ** 32) | 1;
}

function checkSpecial(
  special: ReadonlyMap<string, number>,
  tokens: readonly (string | undefined)[],
  error: (problem: string) => EngineError,
): void {
  const taken = new Set<number>();
  for (const [name, id] of special) {
    if (name === '' || !isId(id) || tokens[id] !== undefined || taken.has(id)) {
      throw error(`the special token ${show(name)} has the id ${id}, which is taken or no id`);
    }
    taken.add(id);
  }
}

function isId(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) < MAX_TOKENS;
}

function show(token: string): string {
  return JSON.stringify(token.length > 40 ? `${token.slice(0, 40)}…` : token);
}

function vocabError(problem: string): EngineError {
  return new EngineError(`vocab.json: ${problem}.`, {
    code: 'tokenizer/vocab',
    hint: 'Take vocab.json from the folder of the model, unchanged; it maps each token to its id.',
  });
}

function mergesError(index: number, problem: string): EngineError {
  return new EngineError(`merges.txt, line ${index + 1}: ${problem}.`, {
    code: 'tokenizer/merges',
    hint: 'Take merges.txt and vocab.json from the same folder, unchanged.',
  });
}

function ranksError(problem: string): EngineError {
  return new EngineError(`The tokenizer's ranks are broken: ${problem}.`, {
    code: 'tokenizer/ranks',
    hint: 'Reload the page; if it stays, install js-tiktoken again.',
  });
}

function missingByte(byte: number, piece: string): EngineError {
  const shown = byte.toString(16).toUpperCase().padStart(2, '0');
  return new EngineError(`The vocabulary has no token for byte 0x${shown} in ${show(piece)}.`, {
    code: 'tokenizer/byte',
    hint: 'This model was made for texts without this character: leave it out.',
  });
}

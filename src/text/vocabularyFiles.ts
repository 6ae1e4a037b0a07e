// The ways in which a byte-level BPE vocabulary is published, as tables: tiktoken's ranks, and Hugging Face's vocab.json
// with merges.txt, which stand in tokenizer.json too.
import { show } from '../json.ts';
import { EngineError } from '../errors.ts';
import { decodeStrictly, toBinary, toBytes, utf8 } from './byteStrings.ts';
import type { Merges } from './merging.ts';
import { END_OF_TEXT } from './tokenizer.ts';

/** Contents of a Hugging Face folder's tokenizer files. */
export interface TokenizerFiles {
  /** `vocab.json`: token → id, tokens in GPT-2's printable alphabet for bytes; or what tokenizer.json has of it. */
  readonly vocab: string | Readonly<Record<string, unknown>>;
  /** `merges.txt`: one pair a line, the earliest line merges first; or such lines and pairs, as tokenizer.json has them. */
  readonly merges: string | readonly unknown[];
  /** Special and other added tokens that stand elsewhere (`added_tokens.json`): name → id. */
  readonly specialTokens?: ReadonlyMap<string, number>;
  /**
   * Rows of the model's embedding: tokens with higher ids are left out, and merges that make them. By default there is
   * one for each.
   */
  readonly rows?: number;
  /** Whether `specialTokens` are all there are, as in tokenizer.json; else tokens that no merge makes are special, too. */
  readonly isWhole?: boolean;
}

/** Far above any real vocabulary; keeps ids, ranks and positions in one float64 exactly. */
const MAX_TOKENS = 1 << 21;

/** One ordinary token of so many may lack a row of the model. */
const MOST_LEFT_OUT = 10;

/** What the files are called that a vocabulary comes from. */
export interface Source {
  readonly vocab: string;
  readonly merges: string;
  /** What merges are counted in. */
  readonly unit: string;
}

export const PAIR: Source = { vocab: 'vocab.json', merges: 'merges.txt', unit: 'line' };
export const TOKENIZER_JSON: Source = {
  vocab: 'tokenizer.json',
  merges: 'tokenizer.json',
  unit: 'merge',
};

/** A vocabulary as it is looked up. */
export interface Tables {
  /** Bytes of each ordinary id as a binary string; undefined where there is no such id. */
  readonly tokens: readonly (string | undefined)[];
  readonly merges: Merges;
  /** Id of each byte; -1 where it has none. */
  readonly byteIds: Int32Array;
  readonly special: ReadonlyMap<string, number>;
  /** Names of special tokens that count in a text unless somebody says otherwise. */
  readonly found: readonly string[];
  /** Ordinary tokens that the model has no row for. */
  readonly leftOut: number;
}

/** What `BytePairEncoder.fromRanks` reads. */
export function readRanks(bpeRanks: string, specialTokens: ReadonlyMap<string, number>): Tables {
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
  const byteIds = new Int32Array(256).fill(-1);
  for (const [token, id] of idOf) if (token.length === 1) byteIds[token.charCodeAt(0)] = id;
  const special = new Map(specialTokens);
  return { tokens, merges, byteIds, special, found: [], leftOut: 0 };
}

/** What `BytePairEncoder.fromFiles` reads. */
export function readPair(files: TokenizerFiles): Tables {
  const { rows = Infinity, isWhole = false, specialTokens = new Map<string, number>() } = files;
  const source: Source = isWhole ? TOKENIZER_JSON : PAIR;
  const idOf = parseVocab(files.vocab, source);
  const bytesOf = emptyTable(idOf.size);
  const byteIds = new Int32Array(256).fill(-1);
  for (const [name, id] of idOf) {
    const bytes = toBytes(name);
    bytesOf[id] = bytes;
    if (bytes?.length === 1 && id < rows) byteIds[bytes.charCodeAt(0)] = id;
  }
  const { merges, isMade } = parseMerges(files.merges, idOf, { rows, source, bytesOf });
  const tokens = emptyTable(Math.min(idOf.size, rows));
  const special = new Map<string, number>();
  let ordinary = 0;
  let leftOut = 0;
  for (const [name, id] of idOf) {
    if (specialTokens.has(name)) continue;
    const bytes = bytesOf[id];
    const isOrdinary = isWhole || (bytes !== undefined && (bytes.length === 1 || isMade[id] === 1));
    if (isOrdinary) {
      ordinary++;
      if (id >= rows) leftOut++;
      else tokens[id] = bytes ?? toBinary(utf8.encode(name));
      continue;
    }
    if (id >= rows) continue;
    const text = bytes === undefined ? name : (decodeStrictly(bytes) ?? name);
    const other = special.get(text);
    if (other !== undefined) {
      throw vocabError(`ids ${other} and ${id} both stand for ${show(text)}`, source);
    }
    special.set(text, id);
  }
  checkRows(idOf, { rows, ordinary, leftOut }, source);
  for (const [name, id] of specialTokens) if (id < rows) special.set(name, id);
  checkSpecial(special, tokens, (problem) => vocabError(problem, source));
  const found = [END_OF_TEXT, ...specialTokens.keys()].filter((name) => special.has(name));
  return { tokens, merges, byteIds, special, found: [...new Set(found)], leftOut };
}

/** Throws `tokenizer/vocab` where so many ordinary tokens have no row that the files must be another model's. */
export function checkRows(
  idOf: ReadonlyMap<string, number>,
  { rows, ordinary, leftOut }: { rows: number; ordinary: number; leftOut: number },
  { vocab }: Source,
): void {
  if (leftOut <= ordinary / MOST_LEFT_OUT) return;
  let highest = 0;
  for (const id of idOf.values()) highest = Math.max(highest, id);
  throw new EngineError(
    `${vocab} has ids up to ${highest}; the model expects a vocabulary of ${rows}.`,
    { code: 'tokenizer/vocab', hint: 'The tokenizer files are of another model.' },
  );
}

function fromBase64(base64: string, line: number): string {
  try {
    return atob(base64);
  } catch {
    throw ranksError(`line ${line} has ${JSON.stringify(base64.slice(0, 40))}, which is no base64`);
  }
}

/** Ids by token. Throws `tokenizer/vocab`. */
export function parseVocab(
  vocab: string | Readonly<Record<string, unknown>>,
  source: Source,
): Map<string, number> {
  let parsed: unknown = vocab;
  try {
    if (typeof vocab === 'string') parsed = JSON.parse(vocab);
  } catch (cause) {
    const words = cause instanceof Error ? cause.message : 'unreadable';
    throw vocabError(`this is no JSON: ${words}`, source);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw vocabError('this is not one object of tokens and ids', source);
  }
  const idOf = new Map<string, number>();
  const names = Object.keys(parsed);
  const taken = emptyTable(names.length);
  for (const token of names) {
    const id = (parsed as Record<string, unknown>)[token];
    if (!isId(id)) {
      const shown = show(id);
      throw vocabError(
        `${show(token)} has the id ${shown}; expected a whole number from 0 to ${MAX_TOKENS - 1}`,
        source,
      );
    }
    const other = taken[id];
    if (other !== undefined) {
      throw vocabError(`${show(other)} and ${show(token)} have the same id ${id}`, source);
    }
    taken[id] = token;
    idOf.set(token, id);
  }
  if (idOf.size === 0) throw vocabError('there are no tokens', source);
  return idOf;
}

/** By id, for so many tokens. Ids may come in any order, and an array that grows in leaps becomes a dictionary. */
function emptyTable(count: number): (string | undefined)[] {
  return Array.from({ length: count });
}

/** What of merges is heeded. */
interface MergeOptions {
  readonly rows: number;
  readonly source: Source;
  /** Bytes of ids where tokens are bytes: a merge then makes no others. */
  readonly bytesOf?: readonly (string | undefined)[];
  /** Letters in front of a token that stand for its place in a word; the merged token lacks them. */
  readonly prefix?: string;
}

/** Pair table of merges, and which ids they make. Throws `tokenizer/merges`. */
export function parseMerges(
  file: string | readonly unknown[],
  idOf: ReadonlyMap<string, number>,
  { rows, source, bytesOf, prefix = '' }: MergeOptions,
): { merges: Merges; isMade: Uint8Array } {
  const isMade = new Uint8Array(bytesOf?.length ?? 0);
  const mergedIds: number[] = [];
  const lines = typeof file === 'string' ? file.replace(/^\uFEFF/, '').split('\n') : file;
  const ranks = new PairTable(Math.min(lines.length, MAX_TOKENS));
  const wrong = (index: number, problem: string): EngineError =>
    mergesError(index, problem, source);
  const idAt = (index: number, token: string): number => {
    const id = idOf.get(token);
    if (id === undefined) throw wrong(index, `${show(token)} is not in ${source.vocab}`);
    return id;
  };
  for (const [index, line] of lines.entries()) {
    const pair = pairOf(line, (problem) => wrong(index, problem));
    if (!pair) continue;
    const [left, right] = pair;
    const whole = left + right.slice(prefix.length);
    const leftId = idAt(index, left);
    const rightId = idAt(index, right);
    const id = idAt(index, whole);
    if (source === PAIR && bytesOf?.[id] === undefined) {
      throw wrong(index, `${show(whole)} is not in the alphabet for bytes`);
    }
    if (mergedIds.length >= MAX_TOKENS) {
      throw wrong(index, `one merge too many; expected at most ${MAX_TOKENS}`);
    }
    if (bytesOf) isMade[id] = 1;
    if (leftId >= rows || rightId >= rows || id >= rows) continue;
    // A pair that stands twice counts where it stands last, as in Hugging Face's tokenizers.
    ranks.set(leftId, rightId, mergedIds.length);
    mergedIds.push(id);
  }
  return {
    merges: {
      rank: (left, right) => ranks.get(left, right),
      merged: (rank) => mergedIds[rank],
    },
    isMade,
  };
}

/** The two tokens of a line or pair; nothing for a line without any. */
function pairOf(
  merge: unknown,
  wrong: (problem: string) => EngineError,
): readonly [left: string, right: string] | undefined {
  if (Array.isArray(merge) && merge.length === 2) {
    const [left, right] = merge as unknown[];
    if (typeof left === 'string' && typeof right === 'string') return [left, right];
  }
  if (typeof merge !== 'string') throw wrong(`${show(merge)} is no pair of tokens`);
  const line = merge.endsWith('\r') ? merge.slice(0, -1) : merge;
  if (line === '' || line.startsWith('#version')) return undefined;
  const space = line.indexOf(' ');
  if (space <= 0 || space === line.length - 1 || line.includes(' ', space + 1)) {
    throw wrong(`${show(line)} is not two tokens with one space between them`);
  }
  return [line.slice(0, space), line.slice(space + 1)];
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

function vocabError(problem: string, { vocab }: Source): EngineError {
  return new EngineError(`${vocab}: ${problem}.`, {
    code: 'tokenizer/vocab',
    hint: `Take ${vocab} from the folder of the model, unchanged; it maps each token to its id.`,
  });
}

function mergesError(index: number, problem: string, { vocab, merges, unit }: Source): EngineError {
  const files = vocab === merges ? merges : `${merges} and ${vocab}`;
  return new EngineError(`${merges}, ${unit} ${index + 1}: ${problem}.`, {
    code: 'tokenizer/merges',
    hint: `Take ${files} from the same folder, unchanged.`,
  });
}

function ranksError(problem: string): EngineError {
  return new EngineError(`The tokenizer's ranks are broken: ${problem}.`, {
    code: 'tokenizer/ranks',
    hint: 'Reload the page; if it stays, install js-tiktoken again.',
  });
}

// The two ways in which a byte-level BPE vocabulary is published, as tables: tiktoken's ranks, and Hugging Face's
// vocab.json with merges.txt.
import { EngineError } from '../errors.ts';
import { decodeStrictly, toBytes } from './byteStrings.ts';
import type { Merges } from './merging.ts';

/** Contents of a Hugging Face folder's tokenizer files. */
export interface TokenizerFiles {
  /** `vocab.json`: token → id, tokens in GPT-2's printable alphabet for bytes. */
  readonly vocab: string;
  /** `merges.txt`: one pair a line, the earliest line merges first. */
  readonly merges: string;
  /** Special tokens that stand elsewhere (`added_tokens.json`): name → id. */
  readonly specialTokens?: ReadonlyMap<string, number>;
}

/** Far above any real vocabulary; keeps ids, ranks and positions in one float64 exactly. */
const MAX_TOKENS = 1 << 21;

/** A vocabulary as it is looked up. */
export interface Tables {
  /** Bytes of each ordinary id as a binary string; undefined where there is no such id. */
  readonly tokens: readonly (string | undefined)[];
  readonly merges: Merges;
  readonly special: ReadonlyMap<string, number>;
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
  return { tokens, merges, special: new Map(specialTokens) };
}

/** What `BytePairEncoder.fromFiles` reads. */
export function readPair(files: TokenizerFiles): Tables {
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
  return { tokens, merges, special };
}

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

export function show(token: string): string {
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

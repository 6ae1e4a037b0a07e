// Vocabularies of characters, as nanoGPT's and the lectures' models have them: each character of a text is a token.
import type { TokenPiece } from '../api.ts';
import { EngineError } from '../errors.ts';
import { isObject, show } from '../json.ts';
import { utf8 } from './byteStrings.ts';
import {
  type DecodeOptions,
  END_OF_TEXT,
  type EncodeOptions,
  type Tokenizer,
  allowedNames,
} from './tokenizer.ts';

/** Far above any real vocabulary. */
const MAX_TOKENS = 1 << 21;
/** What is named like this is a token for something that is no text. */
const SPECIAL = /^(?:<.+>|\[.+\])$/su;

/**
 * Ids by character from a file in one of the shapes that people write: `{stoi, itos}` or one of the two (with whatever
 * else nanoGPT's `meta` has), a list or text of characters, alone or as `chars`, `{character: id}`. Null where it is none of them. Throws
 * `tokenizer/vocab` where it is one and contradicts itself.
 */
export function readCharacters(json: unknown, file: string): ReadonlyMap<string, number> | null {
  if (typeof json === 'string') return fromList([...json], file);
  if (Array.isArray(json)) return fromList(json, file);
  if (!isObject(json)) return null;
  if (typeof json.chars === 'string' || Array.isArray(json.chars)) {
    return readCharacters(json.chars, file);
  }
  const hasBoth = isTable(json.stoi) && isTable(json.itos);
  const idOf = isTable(json.stoi) ? fromIds(json.stoi, file) : null;
  const names = isTable(json.itos) ? fromNames(json.itos, file) : null;
  if (!idOf && !names) return 'stoi' in json || 'itos' in json ? null : fromIds(json, file);
  if (hasBoth && idOf && names) {
    for (const [name, id] of names) {
      if (idOf.get(name) === id) continue;
      throw wrong(
        file,
        `itos gives the id ${id} to ${show(name)}, stoi gives it ${show(idOf.get(name))}`,
      );
    }
  }
  return idOf ?? names;
}

const isTable = (value: unknown): value is object => typeof value === 'object' && value !== null;

/** `{character: id}`; null where names are no characters. */
function fromIds(table: object, file: string): Map<string, number> | null {
  const entries = Object.entries(table) as [string, unknown][];
  if (!entries.every(([name, id]) => isName(name) && typeof id === 'number')) return null;
  return toMap(entries as [string, number][], file);
}

/** `{id: character}`, or a list. */
function fromNames(table: object, file: string): Map<string, number> | null {
  const entries = Object.entries(table).map(([id, name]): [unknown, number] => [name, Number(id)]);
  if (!entries.every(([name]) => typeof name === 'string' && isName(name))) return null;
  return toMap(entries as [string, number][], file);
}

const fromList = (list: readonly unknown[], file: string): Map<string, number> | null =>
  fromNames({ ...list }, file);

function isName(name: string): boolean {
  return [...name].length === 1 || SPECIAL.test(name);
}

function toMap(entries: readonly [string, number][], file: string): Map<string, number> | null {
  if (!entries.some(([name]) => [...name].length === 1)) return null;
  const idOf = new Map<string, number>();
  const taken = new Map<number, string>();
  for (const [name, id] of entries) {
    if (!Number.isInteger(id) || id < 0 || id >= MAX_TOKENS) {
      throw wrong(file, `${show(name)} has the id ${id}; expected a whole number`);
    }
    const other = taken.get(id);
    if (other !== undefined)
      throw wrong(file, `${show(other)} and ${show(name)} have the same id ${id}`);
    if (idOf.has(name)) throw wrong(file, `${show(name)} stands in it twice`);
    taken.set(id, name);
    idOf.set(name, id);
  }
  return idOf;
}

function wrong(file: string, problem: string): EngineError {
  return new EngineError(`${file}: ${problem}.`, {
    code: 'tokenizer/vocab',
    hint: `Take ${file} as training wrote it.`,
  });
}

/** Reads and writes characters. Immutable. */
export class CharacterTokenizer implements Tokenizer {
  readonly vocabSize: number;
  readonly specialTokens: ReadonlyMap<string, number>;
  readonly addedTokens: readonly string[];
  readonly endOfTextId: number | null;
  readonly leftOut: number;
  readonly #idOf: ReadonlyMap<string, number>;
  readonly #names = new Map<number, string>();

  /** Characters whose ids are not below `rows` are left out. */
  constructor(all: ReadonlyMap<string, number>, rows = Infinity) {
    const special = new Map<string, number>();
    const idOf = new Map<string, number>();
    let size = 0;
    for (const [name, id] of all) {
      if (id >= rows) continue;
      ([...name].length === 1 ? idOf : special).set(name, id);
      this.#names.set(id, name);
      size = Math.max(size, id + 1);
    }
    this.#idOf = idOf;
    this.vocabSize = size;
    this.specialTokens = special;
    this.addedTokens = [];
    this.endOfTextId = special.get(END_OF_TEXT) ?? null;
    this.leftOut = all.size - this.#names.size;
  }

  encode(text: string, { allowedSpecial }: EncodeOptions = {}): number[] {
    const names = allowedNames(this, allowedSpecial).toSorted((a, b) => b.length - a.length);
    const ids: number[] = [];
    for (let at = 0; at < text.length;) {
      const name =
        names.find((each) => text.startsWith(each, at)) ??
        String.fromCodePoint(text.codePointAt(at) ?? 0);
      const id = this.#idOf.get(name) ?? this.specialTokens.get(name);
      if (id === undefined) throw this.#missing(name);
      ids.push(id);
      at += name.length;
    }
    return ids;
  }

  has(id: number): boolean {
    return this.#names.has(id);
  }

  decode(ids: readonly number[], { skip_special_tokens = false }: DecodeOptions = {}): string {
    const isKept = (id: number): boolean => !skip_special_tokens || !this.pieceOf(id).special;
    return ids
      .filter(isKept)
      .map((id) => this.#nameOf(id))
      .join('');
  }

  bytesOf(id: number): Uint8Array {
    return utf8.encode(this.#nameOf(id));
  }

  pieceOf(id: number): TokenPiece {
    const text = this.#nameOf(id);
    const special = this.specialTokens.has(text);
    return { id, bytes: special ? [] : [...this.bytesOf(id)], text, special };
  }

  #nameOf(id: number): string {
    const name = this.#names.get(id);
    if (name !== undefined) return name;
    throw new EngineError(
      `Token ${id} is not in the vocabulary, whose ids are 0 to ${this.vocabSize - 1}.`,
      { code: 'tokens/vocabulary', hint: 'The vocabulary is of another model than the ids.' },
    );
  }

  #missing(character: string): EngineError {
    const code = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
    const known = [...this.#idOf.keys()]
      .filter((each) => each.trim() !== '')
      .slice(0, 100)
      .join('');
    const blanks = this.#idOf.has(' ') ? 'blanks and ' : '';
    return new EngineError(
      `This model reads single characters, and ${show(character)} (U+${code}) is none of its ${this.#idOf.size}.`,
      { code: 'tokenizer/byte', hint: `Write without it; it knows ${blanks}${known}` },
    );
  }
}

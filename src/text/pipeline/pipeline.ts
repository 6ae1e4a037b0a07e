// A tokenizer as tokenizer.json describes it: added tokens are found, the text between them is normalised and split, and
// each part becomes tokens; a template then puts its own around them.
import type { TokenPiece } from '../../api.ts';
import { EngineError } from '../../errors.ts';
import { visibleText } from '../../visibleText.ts';
import { fromBinary, lenient, utf8 } from '../byteStrings.ts';
import {
  type DecodeOptions,
  END_OF_TEXT,
  type EncodeOptions,
  type Tokenizer,
  allowedNames,
} from '../tokenizer.ts';
import { type AddedToken, AddedTokens } from './addedTokens.ts';
import type { Place } from './decoders.ts';
import type { Normalizer } from './normalizers.ts';
import type { Part, PreTokenizer } from './preTokenizers.ts';

/** Tokens that belong around a text. */
export interface Template {
  readonly before: readonly number[];
  readonly after: readonly number[];
}

/** The vocabulary proper, and how a part of a text becomes tokens of it. */
export interface Words {
  readonly size: number;
  readonly leftOut: number;
  /** Throws `tokenizer/byte`. */
  encode(part: string): readonly number[];
  /** An ordinary token's bytes as a binary string; undefined where there is no such token. */
  decode(id: number, place: Place): string | undefined;
  /** The same of an added token, by its name. */
  decodeAdded(name: string, place: Place): string;
}

export interface PipelineParts {
  readonly added: readonly AddedToken[];
  readonly normalizers: readonly Normalizer[];
  readonly preTokenizers: readonly PreTokenizer[];
  readonly words: Words;
  readonly template: Template;
}

const WITHIN: Place = { isFirst: false, isLast: false };

export class Pipeline implements Tokenizer {
  readonly vocabSize: number;
  readonly specialTokens: ReadonlyMap<string, number>;
  readonly addedTokens: readonly string[];
  readonly endOfTextId: number | null;
  readonly before: readonly number[];
  readonly leftOut: number;
  readonly #normalize: Normalizer;
  readonly #added: AddedTokens;
  readonly #addedById: ReadonlyMap<number, AddedToken>;
  readonly #preTokenizers: readonly PreTokenizer[];
  readonly #words: Words;
  readonly #after: readonly number[];

  constructor({ added, normalizers, preTokenizers, words, template }: PipelineParts) {
    this.#normalize = (text) => normalizers.reduce((done, normalize) => normalize(done), text);
    this.#added = new AddedTokens(added, this.#normalize);
    this.#addedById = new Map(added.map((token) => [token.id, token]));
    this.#preTokenizers = preTokenizers;
    this.#words = words;
    this.before = template.before;
    this.#after = template.after;
    this.leftOut = words.leftOut;
    this.vocabSize = added.reduce((size, { id }) => Math.max(size, id + 1), words.size);
    this.specialTokens = new Map(added.map(({ content, id }) => [content, id]));
    this.addedTokens = [...this.specialTokens.keys()];
    this.endOfTextId = this.specialTokens.get(END_OF_TEXT) ?? null;
  }

  encode(text: string, options: EncodeOptions = {}): number[] {
    const { allowedSpecial, add_special_tokens = true } = options;
    const allowed = new Set(allowedNames(this, allowedSpecial));
    const ids: number[] = add_special_tokens ? [...this.before] : [];
    // Lone surrogates count as U+FFFD, as wherever text becomes bytes.
    const whole = lenient.decode(utf8.encode(text));
    for (const section of this.#added.split(whole, ({ content }) => allowed.has(content))) {
      if ('id' in section) {
        ids.push(section.id);
        continue;
      }
      let parts: readonly Part[] = [section];
      for (const split of this.#preTokenizers) parts = parts.flatMap(split);
      for (const part of parts) for (const id of this.#words.encode(part.text)) ids.push(id);
    }
    if (add_special_tokens) ids.push(...this.#after);
    return ids;
  }

  has(id: number): boolean {
    return this.#addedById.has(id) || this.#words.decode(id, WITHIN) !== undefined;
  }

  decode(ids: readonly number[], { skip_special_tokens = false }: DecodeOptions = {}): string {
    const kept = skip_special_tokens
      ? ids.filter((id) => this.#addedById.get(id)?.special !== true)
      : ids;
    const last = kept.length - 1;
    const parts = kept.map((id, i) => this.#binary(id, { isFirst: i === 0, isLast: i === last }));
    return lenient.decode(fromBinary(parts.join('')));
  }

  bytesOf(id: number): Uint8Array {
    return fromBinary(this.#binary(id, WITHIN));
  }

  pieceOf(id: number): TokenPiece {
    const added = this.#addedById.get(id);
    if (added?.special) return { id, bytes: [], text: added.content, special: true };
    const bytes = this.bytesOf(id);
    return { id, bytes: [...bytes], text: visibleText(bytes), special: false };
  }

  #binary(id: number, place: Place): string {
    const added = this.#addedById.get(id);
    // Where names are normalised before they are found, the text has them so.
    if (added) {
      const { content, normalized } = added;
      return this.#words.decodeAdded(normalized ? this.#normalize(content) : content, place);
    }
    const binary = this.#words.decode(id, place);
    if (binary !== undefined) return binary;
    throw new EngineError(
      `Token ${id} is not in the vocabulary, whose ids are 0 to ${this.vocabSize - 1}.`,
      { code: 'tokens/vocabulary', hint: 'The tokenizer files are of another model than the ids.' },
    );
  }
}

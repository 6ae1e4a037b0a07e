// The text that a model learns from, as ids.
import { Breath } from '../../breath.ts';
import { EngineError } from '../../errors.ts';
import { show } from '../../json.ts';
import { CodePointTable } from '../../text/training/codePointTable.ts';
import { documentParts } from '../../text/training/documents.ts';
import { encodeParts } from '../../text/training/encodeParts.ts';
import type { TextSource } from '../../text/training/textSource.ts';
import { END_OF_TEXT, type Tokenizer } from '../../text/tokenizer.ts';
import { type Ids, TokenIds } from './tokenIds.ts';

export interface CorpusOptions {
  /**
   * What stands between documents; null where the text is one. `<|endoftext|>` by default. Line breaks beside it belong
   * to it; in its place comes the tokenizer's end-of-text, or a line feed where it has none.
   */
  readonly separator?: string | null;
  /** What becomes of characters that the tokenizer cannot write: an `error` by default, or they are left out (`skip`). */
  readonly unknown?: 'error' | 'skip';
  readonly onProgress?: (progress: CorpusProgress) => void;
  readonly signal?: AbortSignal;
}

export interface CorpusProgress {
  readonly characters: number;
  readonly tokens: number;
  /** Share of the text, 0 to 1; null where its size is not known. */
  readonly share: number | null;
}

/** A text as ids. */
export interface Corpus {
  readonly ids: TokenIds;
  /** Where each document begins in `ids`, in order; the end-of-text behind a document is its own. */
  readonly documents: readonly number[];
  /** Code points of the text, separators not counted, those that were left out counted. */
  readonly characters: number;
  /** Bytes of these characters in UTF-8. */
  readonly bytes: number;
  /** Characters that were left out, as often as they came. */
  readonly leftOut: number;
}

/**
 * Encodes a text of any size; what is held is its ids and a part of the text. Documents without text are none.
 * Throws `tokenizer/byte` at the first character that the tokenizer cannot write, `text/encoding` where bytes are no
 * UTF-8, and the signal's reason.
 */
export async function readCorpus(
  source: TextSource,
  tokenizer: Tokenizer,
  { separator = END_OF_TEXT, unknown = 'error', onProgress, signal }: CorpusOptions = {},
): Promise<Corpus> {
  const breath = new Breath();
  const ids = new TokenIds(tokenizer.vocabSize);
  const documents: number[] = [];
  const encoder = encodeParts(tokenizer, (id) => ids.push(id));
  const characters = new CharacterSieve(tokenizer, unknown);
  let isEmpty = true;
  for await (const { text, ends, share } of documentParts(source, separator, signal)) {
    if (isEmpty && text !== '') {
      documents.push(ids.length);
      isEmpty = false;
    }
    const known = characters.sift(text);
    if (ends && !isEmpty && tokenizer.endOfTextId === null) {
      encoder.encode(known + characters.between('\n'), true);
    } else {
      encoder.encode(known, ends);
      if (ends && !isEmpty && tokenizer.endOfTextId !== null) ids.push(tokenizer.endOfTextId);
    }
    isEmpty ||= ends;
    if (ends) characters.endDocument();
    if (!breath.isDue) continue;
    onProgress?.({ characters: characters.count, tokens: ids.length, share });
    await breath.take(signal);
  }
  encoder.encode('', true);
  ids.trim();
  const { count, bytes, leftOut } = characters;
  onProgress?.({ characters: count, tokens: ids.length, share: 1 });
  return { ids, documents, characters: count, bytes, leftOut };
}

/** Throws `tokens/vocabulary` where a text has ids that a model with `vocab_size` rows lacks. */
export function checkVocabulary(ids: Pick<Ids, 'highest'>, vocab_size: number): void {
  if (ids.highest < vocab_size) return;
  throw new EngineError(
    `The text has token ${ids.highest}; the model's vocabulary has ${vocab_size} tokens, 0 to ${vocab_size - 1}.`,
    {
      code: 'tokens/vocabulary',
      hint: "Take the model's own tokenizer, or give the model as many rows as the tokenizer has tokens.",
    },
  );
}

const WRITES = 1;
const LACKS = 2;

/** Looks at every character before the tokenizer does, and knows where it is. */
class CharacterSieve {
  count = 0;
  bytes = 0;
  leftOut = 0;
  #document = 1;
  #line = 1;
  #column = 0;
  readonly #tokenizer: Tokenizer;
  readonly #skips: boolean;
  readonly #kinds = new CodePointTable();

  constructor(tokenizer: Tokenizer, unknown: 'error' | 'skip') {
    this.#tokenizer = tokenizer;
    this.#skips = unknown === 'skip';
  }

  /** The text without characters that the tokenizer lacks. Throws `tokenizer/byte` at the first, unless they are left out. */
  sift(text: string): string {
    let kept = '';
    let from = 0;
    for (let at = 0; at < text.length;) {
      const code = text.codePointAt(at) ?? 0;
      const width = code > 0xffff ? 2 : 1;
      this.count++;
      this.bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : width + 2;
      this.#column++;
      if (this.#kindOf(code) === LACKS) {
        if (!this.#skips) throw this.#unknown(code);
        this.leftOut++;
        kept += text.slice(from, at);
        from = at + width;
      }
      if (code === 0x0a) {
        this.#line++;
        this.#column = 0;
      }
      at += width;
    }
    return from === 0 ? text : kept + text.slice(from);
  }

  endDocument(): void {
    this.#document++;
    this.#line = 1;
    this.#column = 0;
  }

  /** What comes between documents, which is none of the text's; nothing where the tokenizer lacks it. */
  between(character: string): string {
    return this.#kindOf(character.codePointAt(0) ?? 0) === LACKS ? '' : character;
  }

  #kindOf(code: number): number {
    const known = this.#kinds.get(code);
    if (known > 0) return known;
    const kind = this.#ask(code);
    this.#kinds.set(code, kind);
    return kind;
  }

  #ask(code: number): number {
    try {
      this.#tokenizer.encode(String.fromCodePoint(code), { add_special_tokens: false });
      return WRITES;
    } catch (error) {
      if (error instanceof EngineError && error.code === 'tokenizer/byte') return LACKS;
      throw error;
    }
  }

  #unknown(code: number): EngineError {
    const character = String.fromCodePoint(code);
    const hex = code.toString(16).toUpperCase().padStart(4, '0');
    const where = this.#document > 1 ? `document ${this.#document}` : 'the text';
    return new EngineError(
      `The tokenizer has no token for ${show(character)} (U+${hex}), character ${this.#column} of line ${this.#line} of ${where}.`,
      {
        code: 'tokenizer/byte',
        hint: 'Leave such characters out (unknown: "skip"), or make a tokenizer of this text.',
      },
    );
  }
}

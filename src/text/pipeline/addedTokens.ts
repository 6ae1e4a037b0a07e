// Tokens that were added to a vocabulary, found in a text before it is split: as Hugging Face's tokenizers find them
// (`AddedVocabulary` of tokenizers/src/tokenizer/added_vocabulary.rs).
import { NameTree } from './nameTree.ts';

export interface AddedToken {
  readonly content: string;
  readonly id: number;
  /** Not within a word. */
  readonly single_word: boolean;
  /** Takes the white space before it, or after it, too. */
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  /** Looked for in the normalised text, by its normalised name. */
  readonly normalized: boolean;
  readonly special: boolean;
}

/** A stretch of text, or the token that stands in its place. */
export type Section =
  | { readonly text: string; readonly isStart: boolean }
  | { readonly id: number };

const ENDS_WITH_WORD = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]$/u;
const STARTS_WITH_WORD = /^[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]/u;
const WHITE = /\p{White_Space}/u;

export class AddedTokens {
  readonly #plain: NameTree<AddedToken>;
  readonly #normalized: NameTree<AddedToken>;
  readonly #normalize: (text: string) => string;

  /** `normalize` is what the tokenizer does to every text first. */
  constructor(tokens: readonly AddedToken[], normalize: (text: string) => string) {
    this.#normalize = normalize;
    const isPlain = (token: AddedToken): boolean => !token.normalized;
    this.#plain = toTree(tokens.filter(isPlain), (name) => name);
    this.#normalized = toTree(
      tokens.filter((token) => !isPlain(token)),
      normalize,
    );
  }

  /** A text as stretches, normalised, and the tokens between them; `isAllowed` says which tokens count. */
  *split(text: string, isAllowed: (token: AddedToken) => boolean): Generator<Section> {
    for (const outer of sections(text, this.#plain, isAllowed)) {
      if ('id' in outer) {
        yield outer;
        continue;
      }
      for (const inner of sections(this.#normalize(outer.text), this.#normalized, isAllowed)) {
        yield 'id' in inner ? inner : { ...inner, isStart: inner.isStart && outer.isStart };
      }
    }
  }
}

function toTree(
  tokens: readonly AddedToken[],
  nameOf: (content: string) => string,
): NameTree<AddedToken> {
  const tree = new NameTree<AddedToken>();
  for (const token of tokens) tree.set(nameOf(token.content), token);
  return tree;
}

/** The leftmost names of a text, of those that begin there the longest. */
function* sections(
  text: string,
  tree: NameTree<AddedToken>,
  isAllowed: (token: AddedToken) => boolean,
): Generator<Section> {
  let from = 0;
  for (let at = 0; !tree.isEmpty && at < text.length;) {
    const found = nameAt(text, at, tree, isAllowed);
    if (!found) {
      at++;
      continue;
    }
    const { token, end } = found;
    let start = at;
    let stop = end;
    at = end;
    if (
      token.single_word &&
      (ENDS_WITH_WORD.test(text.slice(Math.max(0, start - 2), start)) ||
        STARTS_WITH_WORD.test(text.slice(stop, stop + 2)))
    ) {
      continue;
    }
    // White space is of one UTF-16 unit each.
    if (token.lstrip) while (start > from && WHITE.test(text[start - 1])) start--;
    if (token.rstrip) while (stop < text.length && WHITE.test(text[stop])) stop++;
    if (start > from) yield { text: text.slice(from, start), isStart: from === 0 };
    yield { id: token.id };
    from = stop;
  }
  if (from < text.length) yield { text: text.slice(from), isStart: from === 0 };
}

/** The longest name that begins here. */
function nameAt(
  text: string,
  start: number,
  tree: NameTree<AddedToken>,
  isAllowed: (token: AddedToken) => boolean,
): { token: AddedToken; end: number } | undefined {
  let longest: { token: AddedToken; end: number } | undefined;
  tree.each(text, start, (token, end) => {
    if (isAllowed(token)) longest = { token, end };
  });
  return longest;
}

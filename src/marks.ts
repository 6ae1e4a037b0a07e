// Which tokens a head's habit means: for the engine, which scores heads over a text, and for the page, which reads one row.

/** Places are indexes into the tokens that the model sees. */
export interface Marks {
  /** Where the sentence or speech begins in which a token stands; a token that begins one stands in it. */
  readonly begins: readonly number[];
  /** Whether a token is marks alone: no letter, no digit, and not blank. */
  readonly isMark: readonly boolean[];
  /** The word that a token is, in small letters; '' for a part of one, a number, a mark. */
  readonly words: readonly string[];
}

const QUOTE = /["“”]/u;
const ENDS = /[.!?…]|\n/u;
const WHOLE_WORD = /^\s\p{L}+$/u;

/**
 * Reads off the tokens of a text what habits are about. A speech begins with its quotation mark and ends with the next
 * one; what follows belongs to it until a sentence ends. One that stands open at the end of a line ends there.
 */
export function marksOf(texts: readonly string[]): Marks {
  const isMark = texts.map((text) => text.trim() !== '' && !/[\p{L}\p{N}]/u.test(text));
  const begins: number[] = [];
  let begin = 0;
  let ended = false;
  let isSpeech = false;
  for (const [t, text] of texts.entries()) {
    const opens = QUOTE.test(text) && !isSpeech;
    if (opens || (ended && text.trim() !== '' && !(QUOTE.test(text) && isSpeech))) {
      begin = t;
      ended = false;
    }
    if (QUOTE.test(text)) isSpeech = !isSpeech;
    begins.push(begin);
    if (ENDS.test(text)) ended = true;
    if (text.includes('\n')) isSpeech = false;
  }
  const words = texts.map((text) => (WHOLE_WORD.test(text) ? text.trim().toLowerCase() : ''));
  return { begins, isMark, words };
}

/**
 * The tokens that `sentence` means for token `t`: the first of its sentence or speech, and the mark before that. None for
 * a token that begins one, and none in the text's first sentence, where that is the first token, which has its own name.
 */
export function sentencePlaces({ begins, isMark }: Marks, t: number): readonly number[] {
  const begin = begins[t] ?? 0;
  if (begin === 0 || begin === t) return [];
  return isMark[begin - 1] ? [begin - 1, begin] : [begin];
}

/** The last of `own` before token `t`, the text's first token aside; null where there is none. */
export function lastWordPlace(
  { words }: Marks,
  own: ReadonlySet<string>,
  t: number,
): number | null {
  for (let k = t - 1; k > 0; k--) if (own.has(words[k] ?? '')) return k;
  return null;
}

/** A word counts as one of a head's own where it has this share of the row on average. */
export const LEAST_OF_A_WORD = 0.1;

// What several lessons ask the loaded model.
import type { SamplingOptions, TokenPiece } from '../../api.ts';
import type { HeadRef } from '../../state/facts/attention.ts';
import type { Ask } from './lesson.ts';

export async function idsOf(ask: Ask, text: string): Promise<readonly number[]> {
  return (await ask('tokenize', { text })).map(({ id }) => id);
}

/** The pieces of a word as it stands within a text, behind a space. */
export async function piecesOf(ask: Ask, word: string): Promise<readonly TokenPiece[]> {
  return ask('tokenize', { text: ` ${word}`, isWithin: true });
}

/** How surprised the model is by what comes after a text, in bits; all of its pieces together. */
export async function surpriseOf(ask: Ask, before: string, after: string): Promise<number> {
  const start = await idsOf(ask, before);
  const ids = await idsOf(ask, before + after);
  const { logprobs } = await ask('score', { ids });
  return -logprobs.slice(start.length).reduce((sum, ln) => sum + ln, 0) / Math.LN2;
}

/** Numbers in rising order, each once, as words. */
export function choicesOf(numbers: readonly number[], words: (number: number) => string): string[] {
  return [...new Set(numbers)].toSorted((a, b) => a - b).map(words);
}

/** Words that many models have as one piece. */
const COMMON = ['castle', 'king', 'house', 'the'];

/** The model's own odds. */
export const PLAIN = {
  do_sample: true,
  temperature: 1,
  top_k: 0,
  top_p: 1,
  min_p: 0,
  repetition_penalty: 1,
};
const TOP = 20;
/** Who finds nothing likelier than this does not guess. */
export const LIKELY = 0.05;

export async function distributionAfter(
  ask: Ask,
  prompt: string,
  options: SamplingOptions = PLAIN,
) {
  return ask('distribution', { ids: await idsOf(ask, prompt), options, top: TOP });
}

export async function firstWhole(ask: Ask): Promise<string | null> {
  for (const word of COMMON) if ((await piecesOf(ask, word)).length === 1) return word;
  return null;
}

/** To two digits: nobody needs more of “one in 641”. */
export function rounded(value: number): number {
  return Number(value.toPrecision(2));
}

/** The surprise of any piece to who knows nothing. */
export async function chanceBits(ask: Ask): Promise<number> {
  return Math.log2((await distributionAfter(ask, 'the')).vocabSize);
}

// ── heads by what they find ─────────────────────────────────────────────────────────────────────

/** A word that has to be found, from the last piece of a text. */
export interface Find {
  readonly text: string;
  readonly word: string;
}

/** A head that finds something gives it more than half of its attention, in every text. */
const FINDS = 0.5;

/** Where the last piece of the text looks, in every head, and which piece the word is. */
export async function looksAt(ask: Ask, { text, word }: Find) {
  const pieces = await ask('tokenize', { text });
  const rows = await ask('attentionRows', {
    ids: pieces.map(({ id }) => id),
    query: pieces.length - 1,
  });
  const end = text.lastIndexOf(word) + word.length;
  let letters = 0;
  const at = pieces.findIndex((piece) => (letters += piece.text.length) >= end);
  const piece = pieces[at];
  if (piece === undefined) throw new Error(`“${word}” is no part of “${text}”.`);
  const weights = Array.from(
    { length: rows.nLayer * rows.nHead },
    (_, head) => rows.weights[head * rows.size + at] ?? 0,
  );
  return { pieces, rows, piece, weights };
}

/**
 * The head whose weakest look at its word is the strongest, over texts in which that word stands at different distances:
 * a head that counts places, or one that happens to look there once, is not found. Null where none does so.
 */
export async function headThatFinds(
  ask: Ask,
  finds: readonly Find[],
): Promise<{ readonly head: HeadRef; readonly shares: readonly number[] } | null> {
  const looks: Awaited<ReturnType<typeof looksAt>>[] = [];
  for (const find of finds) looks.push(await looksAt(ask, find));
  const [first] = looks;
  if (first === undefined) return null;
  const weakest = first.weights.map((_, head) =>
    Math.min(...looks.map(({ weights }) => weights[head] ?? 0)),
  );
  const best = weakest.indexOf(Math.max(...weakest));
  if ((weakest[best] ?? 0) <= FINDS) return null;
  const { nHead } = first.rows;
  return {
    head: { layer: Math.floor(best / nHead), head: best % nHead },
    shares: looks.map(({ weights }) => weights[best] ?? 0),
  };
}

// The text as tokens: append-only while it streams, replaced as a whole otherwise. The store holds
// only its `epoch`, `length` and `scored` numbers, so that a new token copies nothing.
import type { TokenPiece, TokenScores } from '../api.ts';
import { cutRuns, extendRuns, runAt, type Recipe, type RunRecord } from './runs.ts';

export interface TokenText {
  /** Changes whenever tokens were replaced or removed; appending keeps it. */
  epoch: number;
  /** Changes whenever scores of older tokens were filled in. */
  scored: number;
  /** Tokens [0, promptCount) come from the prompt, the rest was generated. */
  promptCount: number;
  pieces: TokenPiece[];
  /** ln of the probability; NaN where unknown. */
  logprobs: number[];
  /** 0 where unknown. */
  ranks: number[];
  /** Who wrote what: sorted stretches of tokens that the model wrote. The array itself never changes. */
  runs: readonly RunRecord[];
  /** Identity of the model whose ids these are; '' where nobody knows. */
  owner: string;
}

/** A whole text at one moment; arrays are never changed once they are in a snapshot. */
export interface Snapshot {
  readonly prompt: string;
  readonly promptCount: number;
  readonly pieces: readonly TokenPiece[];
  readonly logprobs: readonly number[];
  readonly ranks: readonly number[];
  readonly runs: readonly RunRecord[];
  readonly owner: string;
}

export const NO_TEXT: Snapshot = {
  prompt: '',
  promptCount: 0,
  pieces: [],
  logprobs: [],
  ranks: [],
  runs: [],
  owner: '',
};

export function createTokenText(): TokenText {
  return {
    epoch: 0,
    scored: 0,
    promptCount: 0,
    pieces: [],
    logprobs: [],
    ranks: [],
    runs: [],
    owner: '',
  };
}

export function takeSnapshot(text: TokenText, prompt: string): Snapshot {
  const { pieces, logprobs, ranks } = text;
  return {
    ...lookAt(text, prompt),
    pieces: pieces.slice(),
    logprobs: logprobs.slice(),
    ranks: ranks.slice(),
  };
}

/** The same for reading at once: nothing is copied, so that it changes with the text. */
export function lookAt(text: TokenText, prompt: string): Snapshot {
  const { promptCount, pieces, logprobs, ranks, runs, owner } = text;
  return { prompt, promptCount, pieces, logprobs, ranks, runs, owner };
}

export function restoreSnapshot(text: TokenText, snapshot: Snapshot): void {
  text.promptCount = snapshot.promptCount;
  text.pieces = snapshot.pieces.slice();
  text.logprobs = snapshot.logprobs.slice();
  text.ranks = snapshot.ranks.slice();
  text.runs = snapshot.runs;
  text.owner = snapshot.owner;
  text.epoch += 1;
}

/** Without a recipe a person put the token there. */
export function append(
  text: TokenText,
  piece: TokenPiece,
  logprob: number,
  rank: number,
  recipe?: Recipe,
): void {
  if (recipe !== undefined) text.runs = extendRuns(text.runs, text.pieces.length, recipe);
  text.pieces.push(piece);
  text.logprobs.push(logprob);
  text.ranks.push(rank);
}

export function truncate(text: TokenText, length: number): void {
  text.pieces.length = length;
  text.logprobs.length = length;
  text.ranks.length = length;
  text.runs = cutRuns(text.runs, length);
  text.promptCount = Math.min(text.promptCount, length);
  text.epoch += 1;
}

/**
 * Puts tokens in place of those in [from, to). Scores and runs stay up to the first that is another one: everything after
 * that was scored, and written, in another context. Gives where they are others: from one index to before another.
 */
export function replaceTokens(
  text: TokenText,
  from: number,
  to: number,
  pieces: readonly TokenPiece[],
): readonly [number, number] {
  const idAt = (index: number): number | undefined => text.pieces[index]?.id;
  let first = 0;
  while (from + first < to && pieces[first] && pieces[first]?.id === idAt(from + first)) first++;
  let last = pieces.length;
  for (let old = to; last > first && old > from + first; old--, last--) {
    if (pieces[last - 1]?.id !== idAt(old - 1)) break;
  }
  const same = from + first;
  if (same < to || first < pieces.length) {
    const unknown = pieces.length - first + text.pieces.length - to;
    // Joined and not spread: a long text has hundreds of thousands.
    text.pieces = text.pieces.slice(0, same).concat(pieces.slice(first), text.pieces.slice(to));
    text.logprobs = text.logprobs.slice(0, same).concat(Array<number>(unknown).fill(Number.NaN));
    text.ranks = text.ranks.slice(0, same).concat(Array<number>(unknown).fill(0));
    text.runs = cutRuns(text.runs, same);
  }
  text.epoch += 1;
  return [same, from + last];
}

/** Puts new prompt tokens in place of the old ones. */
export function replacePrompt(text: TokenText, pieces: readonly TokenPiece[]): void {
  replaceTokens(text, 0, text.promptCount, pieces);
  text.promptCount = pieces.length;
}

/** Fills scores in; tokens the model no longer sees keep what was known of them. */
export function fillScores(text: TokenText, scores: TokenScores): void {
  const count = Math.min(text.pieces.length, scores.logprobs.length);
  for (let i = 0; i < count; i++) {
    const logprob = scores.logprobs[i] ?? Number.NaN;
    if (Number.isNaN(logprob)) continue;
    text.logprobs[i] = logprob;
    text.ranks[i] = scores.ranks[i] ?? 0;
  }
  text.scored += 1;
}

export function toIds(text: TokenText, end = text.pieces.length): number[] {
  const ids: number[] = [];
  for (let i = 0; i < end; i++) {
    const piece = text.pieces[i];
    if (piece !== undefined) ids.push(piece.id);
  }
  return ids;
}

const END_OF_TEXT = '<|endoftext|>';

/**
 * The bytes of all tokens as text; half characters as U+FFFD. Control words stand there by their names, as they are typed;
 * the end of a text is none of it, since a typed one is text.
 */
export function toPlainText(pieces: readonly TokenPiece[]): string {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  const parts: string[] = [];
  for (const piece of pieces) {
    const isNamed = piece.special && piece.text !== END_OF_TEXT;
    if (isNamed) parts.push(decoder.decode(), piece.text);
    else parts.push(decoder.decode(Uint8Array.from(piece.bytes), { stream: true }));
  }
  parts.push(decoder.decode());
  return parts.join('');
}

/** The text in the parts that one hand wrote: a person's are the prompt, and what was typed or chosen later. */
export function authored({
  pieces,
  promptCount,
  runs,
}: Pick<Snapshot, 'pieces' | 'promptCount' | 'runs'>): { isYours: boolean; words: string }[] {
  // One decoder for all: a character may have been begun by one hand and ended by another.
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  const parts: { isYours: boolean; words: string[] }[] = [];
  pieces.forEach(({ bytes }, i) => {
    const isYours = i < promptCount || runAt(runs, i) === undefined;
    if (parts.at(-1)?.isYours !== isYours) parts.push({ isYours, words: [] });
    parts.at(-1)?.words.push(decoder.decode(Uint8Array.from(bytes), { stream: true }));
  });
  parts.at(-1)?.words.push(decoder.decode());
  return parts.map(({ isYours, words }) => ({ isYours, words: words.join('') }));
}

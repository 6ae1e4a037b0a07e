// Tokens and their scores as they are stored: each different token once, and scores from the first known one on.
// Of a long text the model sees the end, and scores are known of that alone.
import type { TokenPiece } from '../api.ts';
import { visibleText } from '../visibleText.ts';

interface Scores {
  readonly logprobs: readonly number[];
  readonly ranks: readonly number[];
}

/** Each different token once: its id, and its bytes or, of a special one, its name. */
export function writeWords(
  pieces: Iterable<TokenPiece>,
): (readonly [number, string | readonly number[]])[] {
  const known = new Map<number, TokenPiece>();
  for (const piece of pieces) known.set(piece.id, piece);
  return [...known.values()].map((p) => [p.id, p.special ? p.text : p.bytes]);
}

/** Null where one of them is no token. */
export function readWords(value: unknown): Map<number, TokenPiece> | null {
  if (!Array.isArray(value)) return null;
  const known = new Map<number, TokenPiece>();
  for (const entry of value as unknown[]) {
    const piece = Array.isArray(entry) ? parsePiece(entry[0], entry[1]) : null;
    if (piece === null) return null;
    known.set(piece.id, piece);
  }
  return known;
}

/** Null where one of the ids is no number that is known. */
export function readIds(
  ids: readonly unknown[],
  known: ReadonlyMap<number, TokenPiece>,
): TokenPiece[] | null {
  const pieces: TokenPiece[] = [];
  for (const id of ids) {
    const piece = typeof id === 'number' ? known.get(id) : undefined;
    if (piece === undefined) return null;
    pieces.push(piece);
  }
  return pieces;
}

export function writeScores({ logprobs, ranks }: Scores): {
  from: number;
  logprobs: (number | null)[];
  ranks: number[];
} {
  let from = 0;
  while (from < ranks.length && ranks[from] === 0 && Number.isNaN(logprobs[from])) from++;
  return { from, logprobs: logprobs.slice(from).map(toStored), ranks: ranks.slice(from) };
}

/** Scores of `length` tokens; null where there are not that many. An older version stored all. */
export function readScores(
  { from, logprobs, ranks }: Record<string, unknown>,
  length: number,
): Scores | null {
  if (!Array.isArray(logprobs) || !Array.isArray(ranks)) return null;
  const start = parseCount(from);
  if (start + logprobs.length !== length || start + ranks.length !== length) return null;
  return {
    logprobs: [...Array<number>(start).fill(Number.NaN), ...logprobs.map(parseLogprob)],
    ranks: [...Array<number>(start).fill(0), ...ranks.map(parseCount)],
  };
}

export function parsePiece(id: unknown, bytes: unknown): TokenPiece | null {
  if (typeof id !== 'number' || !Number.isSafeInteger(id) || id < 0) return null;
  if (typeof bytes === 'string') return { id, bytes: [], text: bytes.slice(0, 100), special: true };
  if (!Array.isArray(bytes)) return null;
  const numbers: number[] = [];
  for (const byte of bytes as unknown[]) {
    if (typeof byte !== 'number' || !Number.isInteger(byte) || byte < 0 || byte > 255) return null;
    numbers.push(byte);
  }
  return { id, bytes: numbers, text: visibleText(Uint8Array.from(numbers)), special: false };
}

export function parseCount(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : 0;
}

/** JSON has no NaN; four digits are more than the page shows. */
function toStored(logprob: number): number | null {
  return Number.isNaN(logprob) ? null : Number(logprob.toFixed(4));
}

function parseLogprob(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) && value <= 0 ? value : Number.NaN;
}

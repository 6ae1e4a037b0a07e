// The lens in words.
import type { LensCurve, ResidualNorms, TokenPiece } from '../../api.ts';
import type { LensView } from '../../state/facts/lens.ts';
import { formatCount, formatPercent, quoteToken } from '../format.ts';

/** Depth 0 is the embedding; depth d is what leaves layer d − 1, counted as everywhere on the page. */
export function depthName(depth: number): string {
  return depth === 0 ? 'in the embedding' : `after layer ${depth - 1}`;
}

export function depthLabel(depth: number): string {
  return depth === 0 ? 'emb' : String(depth - 1);
}

export interface Guess {
  readonly piece: TokenPiece | undefined;
  readonly id: number;
  readonly probability: number;
}

/** The top guess of a cell; null while it is not known. */
export function guessAt(lens: LensView, position: number, depth: number): Guess | null {
  const column = position - lens.from;
  if (column < 0 || column >= lens.count || depth < 0 || depth >= lens.depths) return null;
  const at = column * lens.depths + depth;
  const logprob = lens.logprobs[at] ?? Number.NaN;
  if (Number.isNaN(logprob)) return null;
  const id = lens.tokens[at] ?? 0;
  return { id, piece: lens.pieces.get(id), probability: Math.exp(logprob) };
}

/** The first depth from which on the top guess is the model's answer; null while it is not known. */
export function settledDepth(lens: LensView, position: number): number | null {
  const last = lens.depths - 1;
  const answer = guessAt(lens, position, last);
  if (answer === null) return null;
  let depth = last;
  while (depth > 0 && guessAt(lens, position, depth - 1)?.id === answer.id) depth -= 1;
  return depth;
}

/** What became of the guess after one token, in a sentence. */
export function lensFinding(
  lens: LensView,
  position: number,
  token: TokenPiece | undefined,
  next: TokenPiece | undefined,
): string {
  const answer = guessAt(lens, position, lens.depths - 1);
  const settled = settledDepth(lens, position);
  const after = token === undefined ? 'Here' : `After ${quoteToken(token)}`;
  if (answer === null || settled === null) return `${after} the guesses are being worked out.`;
  const word = answer.piece === undefined ? `“${answer.id}”` : quoteToken(answer.piece);
  const share = formatPercent(answer.probability);
  const when =
    settled === 0
      ? `the guess is ${word} from the embedding on`
      : settled === lens.depths - 1
        ? `only the last layer arrives at ${word}`
        : `the guess settles on ${word} ${depthName(settled)}`;
  const came =
    next === undefined
      ? ''
      : next.id === answer.id
        ? ' It is what came.'
        : ` What came is ${quoteToken(next)}.`;
  return `${after}, ${when} and ends with ${share}.${came}`;
}

/** Said of a token that the text has grown away from. */
export function unseenWords(token: TokenPiece | undefined): string {
  const name = token === undefined ? 'this token' : `this token, ${quoteToken(token)}`;
  return `The model no longer sees ${name}.`;
}

/** How the stream grows, and which addition is the largest, in a sentence. */
export function normsFinding(norms: ResidualNorms, token: TokenPiece | undefined): string {
  const { residual, attention, mlp } = norms;
  const who = token === undefined ? 'this token' : quoteToken(token);
  const growth = `At ${who} the residual stream goes from a norm of ${formatNorm(residual[0] ?? 0)} in the embedding to ${formatNorm(residual.at(-1) ?? 0)} at the end`;
  const most = (values: ArrayLike<number>): number =>
    Array.from(values).reduce((best, value, i) => (value > (values[best] ?? 0) ? i : best), 0);
  const [a, m] = [most(attention), most(mlp)];
  if (attention.length === 0 || mlp.length === 0) return `${growth}.`;
  const ofMlp = (mlp[m] ?? 0) > (attention[a] ?? 0);
  const size = formatNorm(ofMlp ? (mlp[m] ?? 0) : (attention[a] ?? 0));
  return `${growth}; the largest addition is ${size}, by the ${ofMlp ? 'MLP' : 'attention'} of layer ${ofMlp ? m : a}.`;
}

export function formatNorm(value: number): string {
  return value >= 1000
    ? formatCount(Math.round(value))
    : value >= 100
      ? value.toFixed(0)
      : value.toFixed(value >= 10 ? 1 : 2);
}

/** How a word fares through the depths, in a sentence. */
export function curveWords(curve: LensCurve): string {
  const { ranks, logprobs } = curve;
  const last = ranks.length - 1;
  const word = quoteToken(curve.piece);
  const start = ranks[0] ?? 0;
  const end = ranks[last] ?? 0;
  const share = formatPercent(Math.exp(logprobs[last] ?? -Infinity));
  let best = 0;
  for (let depth = 1; depth <= last; depth++) {
    if ((ranks[depth] ?? Infinity) < (ranks[best] ?? Infinity)) best = depth;
  }
  const climb = `${word} starts at rank ${formatCount(start)} and ends at rank ${formatCount(end)} with ${share}`;
  const top = ranks[best] ?? end;
  if (top >= end || best === last || best === 0) return `${climb}.`;
  return `${climb}; it stood best ${depthName(best)}, at rank ${formatCount(top)}.`;
}

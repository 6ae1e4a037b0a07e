// What the picture of the machine shows of one token: every number is an answer of the loaded model.
import type { Answer, PartOff, SamplingOptions, TokenPiece } from '../../../api.ts';
import type { LensView } from '../../../state/facts/lens.ts';
import { partWords } from '../../../state/facts/parts.ts';
import type { Actions } from '../../../state/page.ts';
import type { Recipe } from '../../../state/runs.ts';

/** What the page knows of the text and of the model, to ask about one token. */
export interface Asked {
  readonly pieces: readonly TokenPiece[];
  /** Index of the token. */
  readonly position: number;
  /** How the token after it was written; null where a person wrote it, or nothing has come yet. */
  readonly recipe: Recipe | null;
  readonly off: readonly PartOff[];
  readonly sampling: SamplingOptions;
  /** Of the settings; null where each run draws its own. */
  readonly seed: number | null;
  readonly model: {
    readonly nLayer: number;
    readonly nHead: number;
    readonly nEmbd: number;
    readonly vocabSize: number;
  };
}

/** How much of a part is switched off. */
export interface Off {
  /** As the page says it elsewhere: `MLP 3 · mean`; '' where all of the part is on. */
  readonly words: string;
  /** 1: the whole part; 0.25: a quarter of the heads. */
  readonly share: number;
}

/** One attention or one MLP at the token. */
export interface Adds {
  /** Euclidean norm of what it adds. */
  readonly norm: number;
  /** As a multiple of the norm of the stream that enters the layer. */
  readonly times: number;
  readonly off: Off;
}

export interface MachineFacts {
  /** Index of the token in the text. */
  readonly position: number;
  readonly token: TokenPiece;
  /** The text before its word. */
  readonly before: string;
  /** The pieces of its word, and which of them it is. */
  readonly word: readonly TokenPiece[];
  readonly inWord: number;
  readonly next: TokenPiece | null;
  /** The lens at this token alone. */
  readonly lens: LensView;
  /** (L + 1) norm of the stream before each block, and after the last. */
  readonly stream: ArrayLike<number>;
  readonly layers: readonly { readonly attention: Adds; readonly mlp: Adds }[];
  /** The likeliest pieces, by the model itself. */
  readonly odds: Answer<'lensCell'>['top'];
  readonly dice: Dice;
  readonly model: Asked['model'];
}

export interface Dice {
  /** Pieces that stay in the draw. */
  readonly kept: number;
  /** Where the dice fell, in [0, 1); null where the likeliest is taken, or nobody has thrown them. */
  readonly fell: number | null;
  /** What comes out of it; null where nobody has thrown them. */
  readonly chosen: TokenPiece | null;
}

/** So many of the likeliest are drawn. */
const ODDS = 5;

/** Asks the model about one token of a text. Fails as the lens does, with `inspect/position` where it is not seen. */
export async function readMachine(
  ask: Actions['ask'],
  asked: Asked,
  signal?: AbortSignal,
): Promise<MachineFacts> {
  const { pieces, position, off, model, recipe } = asked;
  const token = pieces[position];
  if (token === undefined) throw new Error('There is no token to follow.');
  const looked = { ids: pieces.map(({ id }) => id), off };
  // One after the other: the first has the model read the token, and the rest find it read.
  const columns = await ask('lens', { ...looked, from: position, count: 1 }, signal);
  const norms = await ask('residualNorms', { ...looked, position }, signal);
  const last = { ...looked, position, depth: model.nLayer, top: ODDS };
  const { top } = await ask('lensCell', last, signal);
  const seed = recipe?.seed ?? asked.seed;
  const options = recipe?.settings ?? asked.sampling;
  const before = { ids: looked.ids.slice(0, position + 1), off };
  const steps = await ask('samplerSteps', { ...before, options, seed: seed ?? 0, top: 1 }, signal);
  const isThrown = seed !== null || steps.draw === null;
  const { residual } = norms;
  const adds = (norm: number, layer: number, part: 'attention' | 'mlp'): Adds => ({
    norm,
    times: norm / Math.max(residual[layer] ?? 0, Number.MIN_VALUE),
    off: offOf(off, layer, part, model.nHead),
  });
  return {
    position,
    token,
    ...wordAt(pieces, position),
    next: pieces[position + 1] ?? null,
    lens: {
      from: position,
      count: 1,
      depths: columns.depths,
      tokens: columns.tokens,
      logprobs: columns.logprobs,
      pieces: new Map(columns.pieces.map((piece) => [piece.id, piece])),
    },
    stream: residual,
    layers: Array.from({ length: model.nLayer }, (_, l) => ({
      attention: adds(norms.attention[l] ?? 0, l, 'attention'),
      mlp: adds(norms.mlp[l] ?? 0, l, 'mlp'),
    })),
    odds: top,
    dice: {
      kept: steps.stages.at(-1)?.kept ?? 0,
      fell: isThrown ? (steps.draw?.uniform ?? null) : null,
      chosen: isThrown ? steps.chosen : null,
    },
    model,
  };
}

/** The pieces of the word that one of them stands in. */
function wordAt(
  pieces: readonly TokenPiece[],
  position: number,
): Pick<MachineFacts, 'before' | 'word' | 'inWord'> {
  const goesOn = (at: number): boolean =>
    /^[\p{L}\p{N}]/u.test(pieces[at]?.text ?? '') && endsInWord(pieces[at - 1]);
  let start = position;
  while (goesOn(start)) start -= 1;
  let end = position + 1;
  while (goesOn(end)) end += 1;
  const before = pieces.slice(Math.max(0, start - BEFORE), start).map(({ text }) => text);
  return { before: before.join(''), word: pieces.slice(start, end), inWord: position - start };
}

/** Pieces before the word that the picture may have room for. */
const BEFORE = 40;

function endsInWord(piece: TokenPiece | undefined): boolean {
  return piece !== undefined && !piece.special && /[\p{L}\p{N}]$/u.test(piece.text);
}

function offOf(
  off: readonly PartOff[],
  layer: number,
  part: 'attention' | 'mlp',
  nHead: number,
): Off {
  const whole = off.find((one) => one.layer === layer && one.part === part);
  if (whole !== undefined) return { words: partWords(whole), share: 1 };
  const heads = off.filter((one) => one.layer === layer && one.part === 'head');
  if (part === 'mlp' || heads.length === 0) return { words: '', share: 0 };
  const [first] = heads;
  const words =
    heads.length === 1 && first !== undefined
      ? partWords(first)
      : `${heads.length} of ${nHead} heads`;
  return { words, share: Math.min(1, heads.length / nHead) };
}

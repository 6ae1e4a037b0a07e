// What each question of the treaty means, asked of a loaded model. A new question is a line in the
// table and a function that answers it.
import type { Answer, Input, ModelQuestion, TokenPiece } from '../../api.ts';
import type { GiveWay } from '../foreground.ts';
import type { GPT2 } from '../gpt2.ts';
import { distributionAfter, samplerStepsAfter, scoreText } from './text.ts';

type Answers = {
  readonly [Q in ModelQuestion]: (
    model: GPT2,
    input: Input<Q>,
    signal: AbortSignal | undefined,
    giveWay: GiveWay | undefined,
  ) => Answer<Q> | Promise<Answer<Q>>;
};

const ANSWERS: Answers = {
  tokenize: (model, { text, ...how }) => piecesOf(model, model.encodeTyped(text, how)),
  pieces: (model, { ids }) => piecesOf(model, ids),
  distribution: distributionAfter,
  score: scoreText,
  attention: later(async () => (await import('./heads.ts')).attentionMap),
  attentionRows: later(async () => (await import('./heads.ts')).attentionRows),
  atlas: later(async () => (await import('./heads.ts')).attentionAtlas),
  probeHeads: later(async () => (await import('./heads.ts')).probeHeads),
  headNames: later(async () => (await import('./headNames.ts')).headNames),
  lens: later(async () => (await import('./lens.ts')).lensColumns),
  lensCell: later(async () => (await import('./lens.ts')).lensCell),
  lensCurve: later(async () => (await import('./lens.ts')).lensCurve),
  residualNorms: later(async () => (await import('./lens.ts')).residualNorms),
  samplerSteps: samplerStepsAfter,
  compare: later(async () => (await import('./compare.ts')).compareParts),
  directAdditions: later(async () => (await import('./direct.ts')).directAdditions),
  anatomy: (model) => model.anatomy,
  precisionCost: later(async () => (await import('./precision.ts')).precisionCost),
  selfCheck: later(async () => (await import('../checking/selfCheck.ts')).selfCheck),
  measureDevices: later(async () => (await import('./speed.ts')).measureDevices),
};

/** Each different token once, however often it stands there: a message copies an object once, too. */
function piecesOf(model: GPT2, ids: readonly number[]): TokenPiece[] {
  const known = new Map<number, TokenPiece>();
  return ids.map((id) => {
    const piece = known.get(id) ?? model.vocabulary.pieceOf(id);
    known.set(id, piece);
    return piece;
  });
}

/** An answer whose code comes with the first question: the engine starts sooner without it. */
function later<Asked extends unknown[], A>(
  load: () => Promise<(...asked: Asked) => Promise<A>>,
): (...asked: Asked) => Promise<A> {
  let loaded: ((...asked: Asked) => Promise<A>) | null = null;
  // Asking for a module that is there takes a millisecond each time.
  return async (...asked) => (loaded ??= await load())(...asked);
}

/** Whether nobody waits for the answer: it gives way to all others. */
export function isInBackground(question: ModelQuestion): boolean {
  return question === 'selfCheck';
}

/** Answers `question` with `model`; what nobody waits for gives way between its steps. */
export async function answer<Q extends ModelQuestion>(
  model: GPT2,
  question: Q,
  input: Input<Q>,
  signal?: AbortSignal,
  giveWay?: GiveWay,
): Promise<Answer<Q>> {
  return ANSWERS[question](model, input, signal, giveWay);
}

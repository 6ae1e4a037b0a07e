// What each question of the treaty means, asked of a loaded model. A new question is a line in the
// table and a function that answers it.
import type { Answer, Input, ModelQuestion, TokenScores } from '../../api.ts';
import { EngineError } from '../../errors.ts';
import type { GPT2 } from '../gpt2.ts';
import { startingIds } from '../reading/startingIds.ts';
import { DEFAULT_OPTIONS, describe } from '../sampling/generate.ts';
import { readAttention, readScores } from '../../model/reads.ts';

type Answers = {
  readonly [Q in ModelQuestion]: (
    model: GPT2,
    input: Input<Q>,
    signal: AbortSignal | undefined,
  ) => Answer<Q> | Promise<Answer<Q>>;
};

/** Decode steps that a speed measurement times, after one that warms up. */
const MEASURED_TOKENS = 12;

const ANSWERS: Answers = {
  tokenize: (model, { text }) => model.encode(text).map((id) => model.vocabulary.pieceOf(id)),
  pieces: (model, { ids }) => ids.map((id) => model.vocabulary.pieceOf(id)),
  distribution: async (model, { ids, options, top = 20, off }, signal) => {
    const text = startingIds(ids, model.bosTokenId);
    const read = await model.conversation(off).follow(text, { signal });
    return describe(read, text, options, top, model.vocabulary);
  },
  score: scoreText,
  attention: (model, { ids, layer, head, off }, signal) => {
    const text = startingIds(ids, model.bosTokenId);
    return model.conversation(off).look(text, { signal }, async (firstVisible, session) => {
      const size = text.length - firstVisible;
      const weights = await readAttention(session, 0, layer, head, 1, size);
      return { layer, head, size, firstIndex: firstVisible, weights };
    });
  },
  attentionRows: later(async () => (await import('./heads.ts')).attentionRows),
  atlas: later(async () => (await import('./heads.ts')).attentionAtlas),
  probeHeads: later(async () => (await import('./heads.ts')).probeHeads),
  lens: later(async () => (await import('./lens.ts')).lensColumns),
  lensCell: later(async () => (await import('./lens.ts')).lensCell),
  lensCurve: later(async () => (await import('./lens.ts')).lensCurve),
  residualNorms: later(async () => (await import('./lens.ts')).residualNorms),
  samplerSteps: async (model, { ids, options, seed, top, off }, signal) => {
    const text = startingIds(ids, model.bosTokenId);
    const { logits } = await model.conversation(off).follow(text, { signal });
    const { toSamplerSteps } = await import('../sampling/samplerSteps.ts');
    return toSamplerSteps(logits, text, { ...options, seed }, top, (id) =>
      model.vocabulary.pieceOf(id),
    );
  },
  compare: later(async () => (await import('./compare.ts')).compareParts),
  anatomy: (model) => model.anatomy,
  precisionCost: later(async () => (await import('./precision.ts')).precisionCost),
  selfCheck: later(async () => (await import('../checking/selfCheck.ts')).selfCheck),
  measureDevices,
};

/** An answer whose code comes with the first question: the engine starts sooner without it. */
function later<I, A>(
  load: () => Promise<(model: GPT2, input: I, signal: AbortSignal | undefined) => Promise<A>>,
): (model: GPT2, input: I, signal: AbortSignal | undefined) => Promise<A> {
  return async (model, input, signal) => (await load())(model, input, signal);
}

/** Answers `question` with `model`. */
export async function answer<Q extends ModelQuestion>(
  model: GPT2,
  question: Q,
  input: Input<Q>,
  signal?: AbortSignal,
): Promise<Answer<Q>> {
  return ANSWERS[question](model, input, signal);
}

async function scoreText(
  model: GPT2,
  { ids, off }: Input<'score'>,
  signal: AbortSignal | undefined,
): Promise<TokenScores> {
  const logprobs = new Float32Array(ids.length).fill(NaN);
  const ranks = new Uint32Array(ids.length);
  if (ids.length < 2) return { logprobs, ranks };
  const conversation = model.conversation(off);
  await conversation.look(ids, { signal }, async (firstVisible, session) => {
    const targets = ids.slice(firstVisible + 1);
    if (targets.length === 0) return;
    const { loss, rank } = await readScores(session, 0, 0, targets, signal);
    loss.forEach((value, i) => (logprobs[firstVisible + 1 + i] = -value));
    ranks.set(rank, firstVisible + 1);
  });
  return { logprobs, ranks };
}

async function measureDevices(
  loaded: GPT2,
  _: Input<'measureDevices'>,
  signal: AbortSignal | undefined,
): Promise<Answer<'measureDevices'>> {
  const { dtype } = loaded.summary;
  const speedOn = async (device: 'webgpu' | 'cpu'): Promise<number> => {
    const model = await loaded.again({ device, dtype, signal });
    try {
      return await measureSpeed(model, signal);
    } finally {
      await model.dispose();
    }
  };
  let webgpu: number | null = null;
  try {
    webgpu = await speedOn('webgpu');
  } catch (error) {
    if (!(error instanceof EngineError) || !error.code.startsWith('webgpu/')) throw error;
  }
  return { webgpu, cpu: await speedOn('cpu') };
}

/** Tokens a second after a short prompt: what a person would see streaming. */
async function measureSpeed(model: GPT2, signal?: AbortSignal): Promise<number> {
  const length = Math.max(1, Math.min(16, model.config.nCtx - MEASURED_TOKENS - 2));
  const ids = Array.from({ length }, (_, i) => i % model.config.vocabSize);
  const options = { ...DEFAULT_OPTIONS, max_new_tokens: MEASURED_TOKENS + 1, eos_token_id: null };
  let start = 0;
  let tokens = 0;
  for await (const event of model.events(ids, options, 1, signal)) {
    if (event.type !== 'token') continue;
    // The clock starts with the first token: it waits for the prompt.
    if (start === 0) start = performance.now();
    else tokens++;
  }
  signal?.throwIfAborted();
  return (1000 * tokens) / (performance.now() - start);
}

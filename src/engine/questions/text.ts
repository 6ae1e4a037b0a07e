// What the model makes of a text: what comes next, how it is drawn, and how surprising each token was.
import type { Distribution, Input, SamplerSteps, TokenScores } from '../../api.ts';
import { readScores } from '../../model/reads.ts';
import type { GPT2 } from '../gpt2.ts';
import { startingIds } from '../reading/startingIds.ts';
import { describe } from '../sampling/generate.ts';

/** The distribution after `ids`, and what the sampling settings leave of it. */
export async function distributionAfter(
  model: GPT2,
  { ids, options, top = 20, off }: Input<'distribution'>,
  signal: AbortSignal | undefined,
): Promise<Distribution> {
  const text = startingIds(ids, model.bosTokenId);
  const read = await model.conversation(off).follow(text, { signal });
  return describe(read, text, options, top, model.vocabulary);
}

/** The same, step by step, and the draw under this seed. */
export async function samplerStepsAfter(
  model: GPT2,
  { ids, options, seed, top, off }: Input<'samplerSteps'>,
  signal: AbortSignal | undefined,
): Promise<SamplerSteps> {
  const text = startingIds(ids, model.bosTokenId);
  const { logits } = await model.conversation(off).follow(text, { signal });
  const { toSamplerSteps } = await import('../sampling/samplerSteps.ts');
  return toSamplerSteps(logits, text, { ...options, seed }, top, (id) =>
    model.vocabulary.pieceOf(id),
  );
}

/** ln p and rank of every token that the model sees after another; NaN and 0 for the others. */
export async function scoreText(
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

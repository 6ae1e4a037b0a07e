// What each part adds by itself to a logit: one pass, and sums that are the logit.
import type { DirectAdditions, Input } from '../../api.ts';
import { addToLogits } from '../../model/directAdditions.ts';
import { Session } from '../../model/session.ts';
import { toPartsOff } from '../../model/partsOff.ts';
import { windowStart } from '../../window.ts';
import { startingIds } from '../reading/startingIds.ts';
import { logprobAndRank } from '../sampling/sampler.ts';
import type { GPT2 } from '../gpt2.ts';

/** Reads the text once, in a session of its own. Throws `tokens/vocabulary` for a token that the model does not have. */
export async function directAdditions(
  model: GPT2,
  { ids, off = [], target, against }: Input<'directAdditions'>,
  signal: AbortSignal | undefined,
): Promise<DirectAdditions> {
  const { config, gpt, readers, vocabulary } = model;
  const text = startingIds(ids, model.bosTokenId);
  const visible = text.slice(windowStart(text.length, config.nCtx));
  const session = new Session(gpt, { capacity: visible.length });
  try {
    const set = toPartsOff(off, config);
    await readers.switchOff(session, set);
    if (visible.length > 1) await session.append([visible.slice(0, -1)], { signal });
    const { logits, ...sums } = await addToLogits(session, visible.slice(-1), set, (row) => {
      // Refuses a token that is none before anything is computed with it.
      for (const id of [target, against]) if (id !== undefined) logprobAndRank(row, id);
      return { target, against };
    });
    return {
      target: vocabulary.pieceOf(target),
      against: against === undefined ? null : vocabulary.pieceOf(against),
      ...sums,
      total: logits[target] - (against === undefined ? 0 : logits[against]),
    };
  } finally {
    session.dispose();
  }
}

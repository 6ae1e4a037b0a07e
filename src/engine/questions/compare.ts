// The next token according to the whole model, and to the one with parts off.
import type { Comparison, Input } from '../../api.ts';
import { divergenceBits } from '../checking/agreement.ts';
import { startingIds } from '../reading/startingIds.ts';
import type { GPT2 } from '../gpt2.ts';
import { entropyBits, softmax, topIds } from '../sampling/sampler.ts';

/** Both distributions after `ids`, the `top` most probable of each, and how far they are apart. */
export async function compareParts(
  model: GPT2,
  { ids, top, off }: Input<'compare'>,
  signal: AbortSignal | undefined,
): Promise<Comparison> {
  const text = startingIds(ids, model.bosTokenId);
  const edited = model.conversation(off);
  const whole = await model.conversation().follow(text, { signal });
  const changed = await edited.follow(text, { signal });
  const before = softmax(Float64Array.from(whole.logits));
  const after = softmax(Float64Array.from(changed.logits));
  const count = Math.min(top, before.length);
  const union = new Set([before, after].flatMap((p) => topIds(p, p, count)));
  const change = (id: number): number => Math.abs(after[id] - before[id]);
  const candidates = [...union]
    .toSorted((a, b) => change(b) - change(a) || before[b] - before[a])
    .map((id) => ({
      piece: model.vocabulary.pieceOf(id),
      before: before[id],
      after: after[id],
    }));
  return {
    klBits: divergenceBits(whole.logits, changed.logits),
    candidates,
    entropyBefore: entropyBits(before),
    entropyAfter: entropyBits(after),
  };
}

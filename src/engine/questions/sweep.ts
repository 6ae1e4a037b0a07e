// The effect of every head, attention and MLP on one token, or on two: each is switched off in turn.
import type { PartOff, SweepEvent, SweepRequest } from '../../api.ts';
import { EngineError } from '../../errors.ts';
import { type BlockInputs, Reruns } from '../../model/rerun.ts';
import { Session } from '../../model/session.ts';
import { toPartsOff } from '../../model/partsOff.ts';
import { startingIds } from '../reading/startingIds.ts';
import type { GPT2 } from '../gpt2.ts';
import { logprobAndRank } from '../sampling/sampler.ts';
import { windowStart } from '../../window.ts';

/** What is kept of a text between the heads may take so much, in bytes: GPT-2 XL with 800 tokens. */
const MOST_KEPT_BYTES = 2 ** 29;

/**
 * Streams the change in ln p(target), or in the target's logit less another's, with each head off, then with each layer's
 * whole attention and its MLP off, in a session of its own. What a part changes lies behind it, so everything before it is computed once for all;
 * the last layers come first, because they are done soonest. Aborting ends the stream. Throws `inspect/…` (`inspect/size` where the text is too long for
 * `mostBytes`), `tokens/…`.
 */
export async function* sweepParts(
  model: GPT2,
  request: SweepRequest,
  mostBytes: number = MOST_KEPT_BYTES,
): AsyncGenerator<SweepEvent, void, undefined> {
  const { signal } = request;
  const { nCtx, nLayer, nHead } = model.config;
  const text = startingIds(request.ids, model.bosTokenId);
  const visible = text.slice(windowStart(text.length, nCtx));
  const alwaysOff = toPartsOff(request.off ?? [], model.config);
  const { heads: width, head: layout } = model.gpt.widths;
  const bytesEach = nLayer * (model.config.nEmbd + width) * 4;
  if (visible.length * bytesEach > mostBytes) {
    throw new EngineError(
      `A sweep over ${visible.length} tokens of ${model.summary.name} would keep ${visible.length * bytesEach} bytes; at most ${mostBytes} are.`,
      {
        code: 'inspect/size',
        hint: `Shorten the text to ${Math.floor(mostBytes / bytesEach)} tokens, or select an earlier token.`,
      },
    );
  }
  const session = new Session(model.gpt, { capacity: visible.length });
  try {
    await model.readers.switchOff(session, alwaysOff);
    const { logits, inputs } = await readWithInputs(session, visible, signal);
    const value = watched(logits, request);
    const { target, against } = request;
    yield {
      type: 'base',
      value,
      target: model.vocabulary.pieceOf(target),
      against: against === undefined ? null : model.vocabulary.pieceOf(against),
      parts: nLayer * (nHead + 2),
    };
    // Nobody waits for it; what fails here fails again where it is used.
    const reruns = new Reruns(session);
    reruns.prepare().catch(() => {});
    let done = 0;
    const { by } = request;
    const isByMean = by === 'mean' || alwaysOff.parts.some((part) => part.by === 'mean');
    const means = isByMean ? await model.readers.partMeans() : null;
    const averages = by === 'mean' ? (means?.headValues ?? null) : null;
    for (let layer = nLayer - 1; layer >= 0; layer--) {
      for (let head = 0; head < nHead; head++) {
        let delta = 0;
        // A head that is off already changes nothing.
        if (!isOff(alwaysOff.parts, { part: 'head', layer, head })) {
          const from = head * layout.headStride;
          const to = from + layout.headStride;
          const heads = inputs[layer].heads.slice();
          for (let at = 0; at < heads.length; at += width) {
            if (averages)
              heads.set(averages.subarray(layer * width + from, layer * width + to), at + from);
            else heads.fill(0, at + from, at + to);
          }
          const { residual } = inputs[layer];
          const changed = await reruns.run(layer, { residual, heads }, signal);
          delta = watched(changed, request) - value;
        }
        yield { type: 'part', part: 'head', layer, head, delta, done: ++done };
        signal?.throwIfAborted();
      }
      for (const part of ['attention', 'mlp'] as const) {
        let delta = 0;
        if (!isOff(alwaysOff.parts, { part, layer })) {
          // Its block is run again with all that flowed into it, so nothing that was read is out of date.
          const off = [...alwaysOff.parts, { part, layer, by }];
          session.setPartsOff(toPartsOff(off, model.config), means);
          const changed = await reruns.run(layer, inputs[layer], signal);
          session.setPartsOff(alwaysOff, means);
          delta = watched(changed, request) - value;
        }
        yield { type: 'part', part, layer, delta, done: ++done };
        signal?.throwIfAborted();
      }
    }
  } catch (error) {
    if (!signal?.aborted) throw error;
  } finally {
    session.dispose();
  }
}

/** ln p(target); with `against` its logit less that one's, in which the sum over all others cancels. */
function watched(
  logits: Float32Array,
  { target, against }: Pick<SweepRequest, 'target' | 'against'>,
): number {
  const { logprob } = logprobAndRank(logits, target);
  return against === undefined ? logprob : logprob - logprobAndRank(logits, against).logprob;
}

/** Whether a part is off by itself, or a head with its whole attention. */
function isOff(off: readonly PartOff[], { part, layer, head }: Omit<PartOff, 'by'>): boolean {
  return off.some(
    (one) =>
      one.layer === layer &&
      (one.part === part ? one.head === head : part === 'head' && one.part === 'attention'),
  );
}

/** Reads a text; gives the logits after it, and what flowed into each block and out of its heads. */
async function readWithInputs(
  session: Session,
  ids: readonly number[],
  signal: AbortSignal | undefined,
): Promise<{ logits: Float32Array; inputs: BlockInputs[] }> {
  const { config, widths } = session.model;
  const inputs = Array.from({ length: config.nLayer }, () => ({
    residual: new Float32Array(ids.length * config.nEmbd),
    heads: new Float32Array(ids.length * widths.heads),
  }));
  const [logits] = await session.append([ids], {
    lastLogits: true,
    taps: {
      onHidden: (layer, from, values) => inputs[layer]?.residual.set(values, from * config.nEmbd),
      onHeads: (layer, from, values) => inputs[layer].heads.set(values, from * widths.heads),
    },
    signal,
  });
  return { logits, inputs };
}

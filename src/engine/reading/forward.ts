// One pass over a batch of texts, with whatever of it is asked for; nothing of it stays.
import { EngineError } from '../../errors.ts';
import { checkList, checkTokens } from '../../model/checkTokens.ts';
import type { Gpt } from '../../model/gpt.ts';
import {
  MOST_ATTENTION_ELEMENTS,
  attentionTooLarge,
  readAttention,
  readLogits,
  readScores,
} from '../../model/reads.ts';
import { Session } from '../../model/session.ts';

/** Numbers with a shape, row-major. */
export interface OutputTensor {
  readonly data: Float32Array;
  readonly dims: number[];
}

export interface ForwardOptions {
  /** Same shape as the ids, not shifted; −1 is ignored. Asks for `loss`. */
  readonly targets?: readonly number[] | readonly (readonly number[])[];
  /** Logits of the last position alone, dims `[B, 1, V]`. */
  readonly last_logits_only?: boolean;
  readonly output_attentions?: boolean;
  readonly output_hidden_states?: boolean;
  readonly signal?: AbortSignal;
}

export interface ForwardOutput {
  /** `[B, T, V]`, or `[B, 1, V]` with `last_logits_only`. */
  readonly logits: OutputTensor;
  /** Mean cross-entropy over targets that are not −1; NaN when all are. */
  readonly loss?: number;
  /** One `[B, H, T, T]` a layer. */
  readonly attentions?: OutputTensor[];
  /**
   * `[B, T, C]` before each block and after the last, before the final LayerNorm. (In
   * transformers the last one is after the final LayerNorm.)
   */
  readonly hidden_states?: OutputTensor[];
}

/** What `GPT2.forward` promises. */
export async function forward(
  gpt: Gpt,
  ids: readonly number[] | readonly (readonly number[])[],
  o: ForwardOptions,
): Promise<ForwardOutput> {
  checkList(ids, 'What is to be read', 'a list of token ids, or a list of such lists');
  const batch = toBatch(ids);
  const { nCtx, nEmbd, nHead, nLayer, vocabSize } = gpt.config;
  checkTokens(batch, batch.length, 0, nCtx, gpt.config);
  const [B, T] = [batch.length, batch[0].length];
  const targets = o.targets && toBatch(o.targets);
  if (targets) checkTargets(targets, B, T, vocabSize);
  if (o.output_attentions && B * nLayer * nHead * T * T > MOST_ATTENTION_ELEMENTS) {
    throw attentionTooLarge(B * nLayer * nHead, T);
  }
  const hidden = Array.from({ length: o.output_hidden_states ? nLayer + 1 : 0 }, () => ({
    data: new Float32Array(B * T * nEmbd),
    dims: [B, T, nEmbd],
  }));
  const session = new Session(gpt, { batch: B, capacity: T });
  try {
    const last = await session.append(batch, {
      lastLogits: o.last_logits_only,
      signal: o.signal,
      taps: o.output_hidden_states
        ? {
            onHidden: (layer, from, values) => {
              const rows = values.length / B;
              for (let b = 0; b < B; b++) {
                const part = values.subarray(b * rows, (b + 1) * rows);
                hidden[layer].data.set(part, (b * T + from) * nEmbd);
              }
            },
          }
        : undefined,
    });
    const kept = o.last_logits_only ? 1 : T;
    const logits = { data: new Float32Array(B * kept * vocabSize), dims: [B, kept, vocabSize] };
    let lossSum = 0;
    let lossCount = 0;
    for (let b = 0; b < B; b++) {
      if (o.last_logits_only) logits.data.set(last[b], b * vocabSize);
      else {
        await readLogits(session, b, 0, T, (rows) =>
          logits.data.set(rows.logits, (b * T + rows.start) * vocabSize),
        );
      }
      if (targets) {
        const { loss, rank } = await readScores(session, b, 0, targets[b], o.signal);
        loss.forEach((value) => (lossSum += value));
        lossCount += rank.filter((r) => r > 0).length;
      }
    }
    const attentions: OutputTensor[] = [];
    if (o.output_attentions) {
      for (let l = 0; l < nLayer; l++) attentions.push(await attentionsOf(session, l, nHead));
    }
    return {
      logits,
      ...(targets ? { loss: lossSum / lossCount } : {}),
      ...(o.output_attentions ? { attentions } : {}),
      ...(o.output_hidden_states ? { hidden_states: hidden } : {}),
    };
  } finally {
    session.dispose();
  }
}

/** `[B, H, T, T]` of one layer. */
async function attentionsOf(session: Session, layer: number, nHead: number): Promise<OutputTensor> {
  const [B, T] = [session.batch, session.length];
  const data = new Float32Array(B * nHead * T * T);
  for (let b = 0; b < B; b++) {
    data.set(await readAttention(session, b, layer, 0, nHead), b * nHead * T * T);
  }
  return { data, dims: [B, nHead, T, T] };
}

function toBatch<T>(values: readonly T[] | readonly (readonly T[])[]): readonly (readonly T[])[] {
  if (values.length > 0 && Array.isArray(values[0])) return values as readonly (readonly T[])[];
  return [values as readonly T[]];
}

function checkTargets(
  targets: readonly (readonly number[])[],
  batch: number,
  length: number,
  vocabSize: number,
): void {
  const found = `${targets.length} × ${targets.map((t) => t.length).join('/')}`;
  if (targets.length !== batch || targets.some((t) => t.length !== length)) {
    throw new EngineError(`targets are ${found}; expected ${batch} × ${length}, as the ids.`, {
      code: 'tokens/targets',
      hint: 'Give one target a token; -1 is ignored.',
    });
  }
  const outside = targets
    .flat()
    .find((id) => id !== -1 && !(Number.isInteger(id) && id >= 0 && id < vocabSize));
  if (outside === undefined) return;
  throw new EngineError(
    `Target ${outside} is outside the vocabulary: ids run from 0 to ${vocabSize - 1}, or -1 to ignore.`,
    { code: 'tokens/vocabulary', hint: 'Use the tokenizer that belongs to this model.' },
  );
}

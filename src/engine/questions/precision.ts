// What a precision costs this model: the same text read in f32 and as the model is stored.
import type { Dtype, Input, PrecisionCost } from '../../api.ts';
import { EngineError } from '../../errors.ts';
import { parameterBytes } from '../../model/parameters.ts';
import { agreementOf } from '../checking/agreement.ts';
import type { GPT2 } from '../gpt2.ts';
import { referenceIds } from '../reading/referenceText.ts';

/** A reference larger than this is not loaded unasked, in bytes. */
const MOST_REFERENCE_BYTES = 2 ** 30;

/**
 * Reads the reference text with the model in `dtype` and in f32, and compares. What is not loaded as
 * it is asked for is loaded beside it, and let go afterwards. Throws `precision/memory` where that
 * would be more than `mostBytes`, and what loading throws.
 */
export async function precisionCost(
  model: GPT2,
  { dtype = model.summary.dtype, mostBytes = MOST_REFERENCE_BYTES }: Input<'precisionCost'>,
  signal: AbortSignal | undefined,
): Promise<PrecisionCost> {
  const start = performance.now();
  const { name } = model.summary;
  const ids = referenceIds(model.tokenizer, model.config);
  const facts = { dtype, tokens: ids.length };
  if (dtype === 'fp32') {
    return { ...facts, top1: 1, klBits: 0, maxDifference: 0, referenceBytes: 0, ms: 0 };
  }
  const beside = ([dtype, 'fp32'] as const).filter((one) => one !== model.summary.dtype);
  // One after the other: at no time are both there.
  const referenceBytes = Math.max(...beside.map((one) => parameterBytes(model.config, one)));
  if (referenceBytes > mostBytes) {
    throw new EngineError(
      `${name} would take ${referenceBytes} bytes beside what is loaded; at most ${mostBytes} were allowed.`,
      {
        code: 'precision/memory',
        hint: 'Allow more, or compare on a computer with more memory: npm run verify -- --dtype does.',
      },
    );
  }
  const rounded = await readAs(model, dtype, ids, signal);
  const reference = await readAs(model, 'fp32', ids, signal);
  const { top1, klBits, maxDifference } = agreementOf(reference, rounded, model.config.vocabSize);
  const ms = performance.now() - start;
  return { ...facts, top1, klBits, maxDifference, referenceBytes, ms };
}

/** (T, V) logits of `ids` with the weights in `dtype`. */
async function readAs(
  model: GPT2,
  dtype: Dtype,
  ids: readonly number[],
  signal: AbortSignal | undefined,
): Promise<Float32Array> {
  if (dtype === model.summary.dtype) return (await model.forward(ids, { signal })).logits.data;
  const other = await model.again({ dtype, signal });
  try {
    return (await other.forward(ids, { signal })).logits.data;
  } finally {
    await other.dispose();
  }
}

// A model that is checked as it is loaded, and computed in a simpler way where it fails.
import type { SelfCheck } from '../../api.ts';
import { EngineError } from '../../errors.ts';
import type { GPT2 } from '../gpt2.ts';
import type { FromPretrainedOptions } from '../load/options.ts';
import { selfCheck } from './selfCheck.ts';

/** A model that was checked, and the checks that others failed before it. */
export interface CheckedModel {
  readonly model: GPT2;
  readonly check: SelfCheck;
  readonly failed: readonly SelfCheck[];
}

/**
 * Checks a model and, where it fails, loads it again in the next simpler way: fp32, then kernels
 * without workgroup memory, then the processor, then its plain loops. What fails last, or cannot be loaded again, is given
 * back with its failed check. A model that is left behind is disposed.
 */
export async function checkedModel(first: GPT2, signal?: AbortSignal): Promise<CheckedModel> {
  const failed: SelfCheck[] = [];
  let model = first;
  try {
    for (;;) {
      const check = await selfCheck(model, {}, signal);
      const simpler = check.passed ? null : simplerThan(model);
      if (!simpler) return { model, check, failed };
      let next: GPT2;
      try {
        next = await model.again({ ...simpler, signal });
      } catch (error) {
        signal?.throwIfAborted();
        if (!(error instanceof EngineError)) throw error;
        return { model, check, failed };
      }
      failed.push(check);
      await model.dispose();
      model = next;
    }
  } catch (error) {
    await model.dispose();
    throw error;
  }
}

function simplerThan({ gpt, summary }: GPT2): FromPretrainedOptions | null {
  const plain = gpt.device.traits.lanes === 'imitated';
  if (summary.dtype !== 'fp32') return { dtype: 'fp32', plain };
  if (summary.device.kind === 'cpu') {
    if (summary.device.unpacks === true) return null;
    return { dtype: 'fp32', device: 'cpu', processor: { wasm: 'none' } };
  }
  return plain ? { dtype: 'fp32', device: 'cpu' } : { dtype: 'fp32', plain: true };
}

// How fast this model writes, on the graphics card and on the processor.
import type { Answer, Input } from '../../api.ts';
import { EngineError } from '../../errors.ts';
import type { GPT2 } from '../gpt2.ts';
import { DEFAULT_OPTIONS } from '../sampling/generate.ts';

/** Decode steps that are timed, after one that warms up. */
const MEASURED_TOKENS = 12;

/** Loads the model once more on each device; null for a graphics card that is not there. Throws what loading throws. */
export async function measureDevices(
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
  for await (const event of model.events(ids, options, { top: 1 }, signal)) {
    if (event.type !== 'token') continue;
    // The clock starts with the first token: it waits for the prompt.
    if (start === 0) start = performance.now();
    else tokens++;
  }
  signal?.throwIfAborted();
  return (1000 * tokens) / (performance.now() - start);
}

// The page's engine in this thread: what `Engine` promises, done with a `GPT2`.
import type {
  AttentionMap,
  Distribution,
  Engine,
  GenerateEvent,
  GenerateRequest,
  LoadOptions,
  ModelSummary,
  SamplingOptions,
  TokenPiece,
  TokenScores,
} from '../api.ts';
import { EngineError } from '../errors.ts';
import { DEFAULT_OPTIONS, GPT2 } from './gpt2.ts';
import { describe, startingIds } from './generate.ts';

/** Decode steps that a speed measurement times, after one that warms up. */
const MEASURED_TOKENS = 12;

export class LocalEngine implements Engine {
  #model: GPT2 | null = null;
  #disposed = false;
  /** Counts loads: of several at once the one that was asked for last stays. */
  #turn = 0;
  readonly #lostListeners = new Set<(reason: string) => void>();

  async load(source: string, options: LoadOptions = {}): Promise<ModelSummary> {
    this.#checkUsable();
    const turn = ++this.#turn;
    const model = await GPT2.from_pretrained(source, options);
    if (this.#disposed || turn !== this.#turn) {
      await model.dispose();
      this.#checkUsable();
      throw new EngineError('Another model was asked for in the meantime.', {
        code: 'engine/superseded',
        hint: 'Nothing to do: the model that was asked for last is loaded.',
      });
    }
    // The running model goes only now that the new one is ready.
    const previous = this.#model;
    this.#model = model;
    await previous?.dispose();
    void model.lost.then((reason) => {
      if (this.#model !== model || this.#disposed) return;
      for (const listener of this.#lostListeners) listener(reason);
    });
    return model.summary;
  }

  tokenize(text: string): Promise<TokenPiece[]> {
    return this.#with((model) => model.encode(text).map((id) => model.vocabulary.pieceOf(id)));
  }

  detokenize(ids: readonly number[]): Promise<string> {
    return this.#with((model) => model.vocabulary.decode(ids));
  }

  distribution(
    ids: readonly number[],
    options: SamplingOptions,
    top = 20,
    signal?: AbortSignal,
  ): Promise<Distribution> {
    return this.#with(async (model) => {
      const text = startingIds(ids, model.bosTokenId);
      const read = await model.conversation.follow(text, { signal });
      return describe(read, text, options, top, model.vocabulary);
    });
  }

  score(ids: readonly number[], signal?: AbortSignal): Promise<TokenScores> {
    return this.#with(async (model) => {
      const logprobs = new Float32Array(ids.length).fill(NaN);
      const ranks = new Uint32Array(ids.length);
      if (ids.length < 2) return { logprobs, ranks };
      await model.conversation.follow(ids, { signal }, async ({ firstVisible }, session) => {
        const targets = ids.slice(firstVisible + 1);
        if (targets.length === 0) return;
        const { loss, rank } = await session.score(0, 0, targets, signal);
        loss.forEach((value, i) => (logprobs[firstVisible + 1 + i] = -value));
        ranks.set(rank, firstVisible + 1);
      });
      return { logprobs, ranks };
    });
  }

  attention(
    ids: readonly number[],
    layer: number,
    head: number,
    signal?: AbortSignal,
  ): Promise<AttentionMap> {
    return this.#with((model) => {
      const text = startingIds(ids, model.bosTokenId);
      return model.conversation.follow(text, { signal }, async ({ firstVisible }, session) => {
        const size = text.length - firstVisible;
        const weights = await session.readAttention(0, layer, head, 1, size);
        return { layer, head, size, firstIndex: firstVisible, weights };
      });
    });
  }

  async *generate(request: GenerateRequest): AsyncGenerator<GenerateEvent, void, undefined> {
    const model = this.#loaded();
    yield* model.events(request.ids, request.options, request.top ?? 20, request.signal);
  }

  async measureDevices(signal?: AbortSignal): Promise<{ webgpu: number | null; cpu: number }> {
    const { source, dtype } = this.#loaded().summary;
    const speedOn = async (device: 'webgpu' | 'cpu'): Promise<number> => {
      const model = await GPT2.from_pretrained(source, { device, dtype, signal });
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

  onLost(listener: (reason: string) => void): () => void {
    this.#lostListeners.add(listener);
    return () => this.#lostListeners.delete(listener);
  }

  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    await this.#model?.dispose();
    this.#model = null;
  }

  async #with<T>(use: (model: GPT2) => T | Promise<T>): Promise<T> {
    return await use(this.#loaded());
  }

  #loaded(): GPT2 {
    this.#checkUsable();
    if (this.#model) return this.#model;
    throw new EngineError('No model is loaded yet.', {
      code: 'engine/no-model',
      hint: 'Wait for the model to load, or load one.',
    });
  }

  #checkUsable(): void {
    if (!this.#disposed) return;
    throw new EngineError('This engine was disposed.', {
      code: 'engine/disposed',
      hint: 'Reload the page.',
    });
  }
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

// What snapshots make of a text, asked beside the model that the page looks at: two steps side by side, or two runs.
import type { StepReading, TrainerQuestions } from '../../api.ts';
import { EngineError } from '../../errors.ts';
import { GPT2 } from '../gpt2.ts';
import type { ProcessorOptions } from '../load/processor.ts';
import { answer } from '../questions/answers.ts';
import { Turns } from '../reading/turns.ts';
import { DEFAULT_OPTIONS } from '../sampling/generate.ts';
import { snapshotsOf } from './record.ts';

type Asked = Omit<TrainerQuestions['readAt']['input'], 'id'>;

/** Models that stay for the next question: two that are compared, and what they are measured against. */
const MOST_MODELS = 3;
const TOP = 10;

interface ReadingOptions {
  readonly processor?: ProcessorOptions;
  readonly cache_dir?: string;
}

export class Readings {
  readonly #options: ReadingOptions;
  /** By run and step, the last used last. */
  readonly #models = new Map<string, GPT2>();
  readonly #turns = new Turns();

  constructor({ processor, cache_dir }: ReadingOptions) {
    this.#options = { ...(processor && { processor }), ...(cache_dir && { cache_dir }) };
  }

  /** One after the other: a model goes when nobody reads with it. Throws as `readAt`. */
  async read(id: string, asked: Asked, signal: AbortSignal | undefined): Promise<StepReading> {
    return this.#turns.take(() => this.#read(id, asked, signal));
  }

  async #read(
    id: string,
    { step, text, top = TOP, at = Infinity, head }: Asked,
    signal: AbortSignal | undefined,
  ): Promise<StepReading> {
    signal?.throwIfAborted();
    const model = await this.#model(id, step);
    const tokens = await answer(model, 'tokenize', { text });
    const looked = { ids: tokens.map((piece) => piece.id), off: [] };
    const { logprobs } = await answer(model, 'score', looked, signal);
    const options = { ...DEFAULT_OPTIONS, do_sample: true, temperature: 1, top_k: 0 };
    const last = Math.min(at, tokens.length - 1);
    const before = { ...looked, ids: looked.ids.slice(0, last + 1) };
    const next = await answer(model, 'distribution', { ...before, options, top }, signal);
    const attention =
      head && tokens.length > 0
        ? await answer(model, 'attention', { ...looked, ...head }, signal)
        : null;
    return { step, tokens, logprobs, at: last, top: next.top, attention };
  }

  async #model(id: string, step: number): Promise<GPT2> {
    const key = `${id} ${step}`;
    const there = this.#models.get(key) ?? (await this.#load(id, step));
    this.#models.delete(key);
    this.#models.set(key, there);
    for (const [oldest, model] of this.#models) {
      if (this.#models.size <= MOST_MODELS) break;
      this.#models.delete(oldest);
      await model.dispose();
    }
    return there;
  }

  /** On the processor, whatever computes elsewhere: it is a text of a few words. */
  async #load(id: string, step: number): Promise<GPT2> {
    try {
      const run = { id: snapshotsOf(id), step };
      return await GPT2.from_pretrained('', { run, device: 'cpu', ...this.#options });
    } catch (error) {
      if (!(error instanceof EngineError) || !error.code.startsWith('storage/')) throw error;
      throw new EngineError(`Step ${step} of this run is not kept.`, {
        code: 'training/run',
        hint: 'Choose one of the steps of its time line.',
        cause: error,
      });
    }
  }

  async dispose(): Promise<void> {
    await this.#turns.take(async () => {
      for (const model of this.#models.values()) await model.dispose();
      this.#models.clear();
    });
  }
}

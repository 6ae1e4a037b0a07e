// The page's engine in this thread: what `Engine` promises, done with a `GPT2`.
import type {
  Answer,
  Engine,
  GenerateEvent,
  GenerateRequest,
  Input,
  LoadOptions,
  ModelSummary,
  Question,
  SaveEvent,
  SaveRequest,
  SweepEvent,
  SweepRequest,
} from '../api.ts';
import { EngineError } from '../errors.ts';
import { answer } from './questions/answers.ts';
import { GPT2 } from './gpt2.ts';
import type { CheckedModel } from './checking/selfCheck.ts';
import { answerStore, isStoreQuestion } from './questions/storage.ts';

/** `answer` for a question that needs a model, which TypeScript cannot see of `Q`. */
type Ask<Q extends Question> = (
  model: GPT2,
  question: Q,
  input: Input<Q>,
  signal: AbortSignal | undefined,
) => Promise<Answer<Q>>;

export class LocalEngine implements Engine {
  #model: GPT2 | null = null;
  #disposed = false;
  /** Counts loads as they are asked for. */
  #turn = 0;
  /** Turn of the running model: what was asked for before it is not installed any more. */
  #installed = 0;
  /** What stops the loads that are under way, by their turns. */
  readonly #loading = new Map<number, AbortController>();
  readonly #lostListeners = new Set<(reason: string) => void>();

  async load(source: string, options: LoadOptions = {}): Promise<ModelSummary> {
    this.#checkUsable();
    const turn = ++this.#turn;
    const stop = new AbortController();
    this.#loading.set(turn, stop);
    const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
    let model: GPT2;
    let checked: CheckedModel | null = null;
    try {
      model = await GPT2.from_pretrained(source, { ...options, signal });
      if (options.selfCheck) {
        checked = await (await import('./checking/selfCheck.ts')).checkedModel(model, signal);
        ({ model } = checked);
      }
    } catch (error) {
      if (!stop.signal.aborted || options.signal?.aborted) throw error;
      this.#checkUsable();
      throw superseded();
    } finally {
      this.#loading.delete(turn);
    }
    if (this.#disposed || turn < this.#installed) {
      await model.dispose();
      this.#checkUsable();
      throw superseded();
    }
    this.#installed = turn;
    // Nobody waits any more for what was asked for before.
    for (const [other, older] of this.#loading) if (other < turn) older.abort();
    // The running model goes only now that the new one is ready.
    const previous = this.#model;
    this.#model = model;
    await previous?.dispose();
    void model.lost.then((reason) => {
      if (this.#model !== model || this.#disposed) return;
      for (const listener of this.#lostListeners) listener(reason);
    });
    if (!checked) return model.summary;
    return { ...model.summary, check: checked.check, failedChecks: checked.failed };
  }

  async ask<Q extends Question>(
    question: Q,
    input: Input<Q>,
    signal?: AbortSignal,
  ): Promise<Answer<Q>> {
    if (isStoreQuestion(question)) {
      this.#checkUsable();
      return answerStore(question, input, signal);
    }
    const asked = answer as Ask<Q>;
    return asked(this.#loaded(), question, input, signal);
  }

  async *generate(request: GenerateRequest): AsyncGenerator<GenerateEvent, void, undefined> {
    const { ids, options, top = 20, signal, off } = request;
    yield* this.#loaded().events(ids, options, top, signal, off);
  }

  async *sweep(request: SweepRequest): AsyncGenerator<SweepEvent, void, undefined> {
    const model = this.#loaded();
    const { sweepHeads } = await import('./questions/sweep.ts');
    yield* sweepHeads(model, request);
  }

  async *save(request: SaveRequest): AsyncGenerator<SaveEvent, void, undefined> {
    const model = this.#loaded();
    const { saveEvents } = await import('./save.ts');
    yield* saveEvents(model, request);
  }

  onLost(listener: (reason: string) => void): () => void {
    this.#lostListeners.add(listener);
    return () => this.#lostListeners.delete(listener);
  }

  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const loading of this.#loading.values()) loading.abort();
    await this.#model?.dispose();
    this.#model = null;
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

function superseded(): EngineError {
  return new EngineError('Another model was asked for later and is loaded already.', {
    code: 'engine/superseded',
    hint: 'Load this one again if it is still wanted.',
  });
}

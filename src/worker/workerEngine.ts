// `Engine` for a page: a worker does the work. One that breaks is replaced when the next model is loaded.
import type {
  Answer,
  Engine,
  GenerateEvent,
  GenerateRequest,
  Input,
  LoadOptions,
  LoadedModel,
  Question,
  SaveEvent,
  SaveRequest,
  SweepEvent,
  SweepRequest,
} from '../api.ts';
import { EngineError } from '../errors.ts';
import { type Client, type ClientPort, connect } from './channel.ts';
import type { EngineTreaty } from './protocol.ts';

interface WorkerEngineOptions {
  /** What paths are relative to, for the page: a worker's own address is that of its file. */
  readonly base?: string;
}

export class WorkerEngine implements Engine {
  readonly #start: () => ClientPort;
  readonly #base: string | undefined;
  /** Null between a worker that broke and the next. */
  #client: Client<EngineTreaty> | null;
  /** What broke the last worker, and took its model along; until another model is loaded. */
  #broken: EngineError | null = null;
  /** The highest turn there was: no worker counts below it. */
  #last = 0;
  #disposed = false;
  readonly #hearLost = new Set<(reason: string, turn: number) => void>();

  /** Starts a worker at once, and another whenever one has broken and is asked for something. */
  constructor(start: () => ClientPort, { base }: WorkerEngineOptions = {}) {
    this.#start = start;
    this.#base = base;
    this.#client = this.#connected();
  }

  /** An engine whose workers are the engine's own file. */
  static create(options?: WorkerEngineOptions): WorkerEngine {
    const start = (): Worker =>
      new Worker(new URL('./worker.ts', import.meta.url), {
        type: 'module',
        name: 'glass-gpt engine',
      });
    return new WorkerEngine(start, options);
  }

  async load(source: string, options: LoadOptions = {}): Promise<LoadedModel> {
    const { signal, progress_callback, base = this.#base, after = 0, ...others } = options;
    const sent = { ...others, base, after: Math.max(this.#last, after) };
    const model = await this.#running().call(
      'load',
      { source, options: sent },
      { signal, onProgress: progress_callback },
    );
    this.#last = Math.max(this.#last, model.turn);
    this.#broken = null;
    return model;
  }

  async ask<Q extends Question>(
    question: Q,
    input: Input<Q>,
    signal?: AbortSignal,
    turn?: number,
  ): Promise<Answer<Q>> {
    const sent = question === 'planModel' ? { base: this.#base, ...input } : input;
    // TypeScript cannot see that the question and its input belong together.
    const asked = { question, input: sent, turn } as EngineTreaty['calls']['ask']['input'];
    try {
      return (await this.#running().call('ask', asked, { signal })) as Answer<Q>;
    } catch (error) {
      throw this.#explained(error);
    }
  }

  generate({ signal, ...request }: GenerateRequest): AsyncIterable<GenerateEvent> {
    return this.#stream('generate', request, signal);
  }

  sweep({ signal, ...request }: SweepRequest): AsyncIterable<SweepEvent> {
    return this.#stream('sweep', request, signal);
  }

  save({ signal, ...request }: SaveRequest): AsyncIterable<SaveEvent> {
    return this.#stream('save', request, signal);
  }

  onLost(listener: (reason: string, turn: number) => void): () => void {
    this.#hearLost.add(listener);
    return () => this.#hearLost.delete(listener);
  }

  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    const client = this.#client;
    // A worker that breaks meanwhile is gone as well.
    await client?.call('dispose', null).catch(() => {});
    client?.close(disposed());
  }

  async *#stream<N extends keyof EngineTreaty['streams']>(
    name: N,
    request: EngineTreaty['streams'][N]['request'],
    signal: AbortSignal | undefined,
  ): AsyncGenerator<EngineTreaty['streams'][N]['event'], void, undefined> {
    try {
      yield* this.#running().stream(name, request, signal);
    } catch (error) {
      throw this.#explained(error);
    }
  }

  /** The worker that runs, or a new one in the place of one that broke. */
  #running(): Client<EngineTreaty> {
    if (this.#disposed) throw disposed();
    return (this.#client ??= this.#connected());
  }

  #connected(): Client<EngineTreaty> {
    return connect<EngineTreaty>(this.#start(), {
      news: ({ reason, turn }) => {
        for (const hear of this.#hearLost) hear(reason, turn);
      },
      broken: (reason) => {
        this.#client = null;
        this.#broken = new EngineError(`The engine's worker failed: ${reason}.`, {
          code: 'engine/worker',
          hint: 'Try again: the model is loaded in a new worker. If that fails too, add ?engine=local to the address of the page, to compute without one.',
        });
        return this.#broken;
      },
    });
  }

  /** A new worker has no model: what took the last one is worth more words than that. */
  #explained(error: unknown): unknown {
    const hasNone = error instanceof EngineError && error.code === 'engine/no-model';
    return hasNone && this.#broken !== null ? this.#broken : error;
  }
}

function disposed(): EngineError {
  return new EngineError('This engine was disposed.', {
    code: 'engine/disposed',
    hint: 'Reload the page.',
  });
}

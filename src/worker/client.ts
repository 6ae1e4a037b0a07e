// The page's side of the bridge: `Engine` by talking to a worker that has a LocalEngine.
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
import { EngineError, toErrorInfo } from '../errors.ts';
import type { StreamName, Streams, ToPage, ToWorker } from './protocol.ts';

/** The part of a Worker that the client needs; tests hand in a MessagePort. */
export interface ClientPort {
  postMessage(message: ToWorker): void;
  onmessage: ((event: MessageEvent<ToPage>) => void) | null;
  onerror?: ((event: ErrorEvent) => void) | null;
  terminate?(): void;
}

/** A message before it has its number. */
type Unnumbered = ToWorker extends infer M ? (M extends ToWorker ? Omit<M, 'id'> : never) : never;

interface Waiting {
  readonly take: (message: ToPage) => void;
}

export class WorkerEngine implements Engine {
  readonly #port: ClientPort;
  readonly #waiting = new Map<number, Waiting>();
  readonly #lostListeners = new Set<(reason: string, turn: number) => void>();
  #nextId = 1;
  #disposed = false;
  /** What broke the worker for good; every later call rejects with it. */
  #broken: EngineError | null = null;

  constructor(port: ClientPort) {
    this.#port = port;
    port.onmessage = ({ data }) => {
      if (data.type === 'lost')
        for (const listener of this.#lostListeners) listener(data.reason, data.turn);
      else this.#waiting.get(data.id)?.take(data);
    };
    port.onerror = (event) => {
      this.#broken = new EngineError(
        `The engine's worker failed: ${event.message || 'it did not start'}.`,
        {
          code: 'engine/worker',
          hint: 'Reload the page, or add ?engine=local to its address to compute without a worker.',
        },
      );
      const { code, message, hint } = this.#broken;
      for (const [id, { take }] of this.#waiting) {
        take({ type: 'error', id, error: { code, message, hint } });
      }
    };
  }

  /** Starts a worker of its own. */
  static create(): WorkerEngine {
    const worker = new Worker(new URL('./host.ts', import.meta.url), {
      type: 'module',
      name: 'glass-gpt engine',
    });
    return new WorkerEngine(worker);
  }

  load(source: string, options: LoadOptions = {}): Promise<LoadedModel> {
    const { signal, progress_callback, ...sent } = options;
    // A worker's own address is its file; paths are relative to the page.
    const base = sent.base ?? document.baseURI;
    const message = { type: 'load', source, options: { ...sent, base } } as const;
    return this.#call<LoadedModel>(message, signal, (answer) => {
      if (answer.type === 'progress') progress_callback?.(answer.info);
    });
  }

  ask<Q extends Question>(
    question: Q,
    input: Input<Q>,
    signal?: AbortSignal,
    turn?: number,
  ): Promise<Answer<Q>> {
    const sent = question === 'planModel' ? { base: document.baseURI, ...input } : input;
    return this.#call<Answer<Q>>(
      { type: 'ask', question, input: sent, turn } as Unnumbered,
      signal,
    );
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

  async *#stream<N extends StreamName>(
    name: N,
    request: Streams[N]['request'],
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Streams[N]['event'], void> {
    const broken = this.#problem();
    if (broken) throw broken;
    const id = this.#nextId++;
    const events: Streams[N]['event'][] = [];
    let finished = false;
    let failure: Error | null = null;
    let wake = (): void => {};
    this.#waiting.set(id, {
      take: (message) => {
        if (message.type === 'event') events.push(message.event);
        else finished = true;
        if (message.type === 'error') failure = toError(message.error);
        // Half a folder must not look like a whole one.
        if (message.type === 'aborted' && name === 'save') failure = signal?.reason as Error;
        wake();
      },
    });
    const abort = (): void => this.#port.postMessage({ type: 'abort', id });
    signal?.addEventListener('abort', abort, { once: true });
    try {
      this.#port.postMessage({ type: 'stream', id, name, request } as ToWorker);
      if (signal?.aborted) abort();
      for (;;) {
        for (let event = events.shift(); event; event = events.shift()) {
          yield event;
          if (name === 'save') this.#port.postMessage({ type: 'more', id });
        }
        if (finished) break;
        await new Promise<void>((resolve) => {
          wake = resolve;
          if (events.length > 0 || finished) resolve();
        });
      }
      if (failure) throw failure as Error;
    } finally {
      // Leaving the loop early stops the work.
      if (!finished) abort();
      signal?.removeEventListener('abort', abort);
      this.#waiting.delete(id);
    }
  }

  onLost(listener: (reason: string, turn: number) => void): () => void {
    this.#lostListeners.add(listener);
    return () => this.#lostListeners.delete(listener);
  }

  async dispose(): Promise<void> {
    if (this.#disposed) return;
    const disposing = this.#broken ? null : this.#call<void>({ type: 'dispose' });
    this.#disposed = true;
    await disposing;
    this.#port.terminate?.();
    // Whatever still waited will never be answered now.
    const problem = toErrorInfo(this.#problem());
    for (const [id, { take }] of this.#waiting) take({ type: 'error', id, error: problem });
  }

  #problem(): EngineError | null {
    if (this.#broken) return this.#broken;
    if (!this.#disposed) return null;
    return new EngineError('This engine was disposed.', {
      code: 'engine/disposed',
      hint: 'Reload the page.',
    });
  }

  #call<T>(
    message: Unnumbered,
    signal?: AbortSignal,
    onMessage: (message: ToPage) => void = () => {},
  ): Promise<T> {
    const problem = this.#problem();
    if (problem) return Promise.reject(problem);
    if (signal?.aborted) return Promise.reject(signal.reason as Error);
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const abort = (): void => this.#port.postMessage({ type: 'abort', id });
      const end = (): void => {
        this.#waiting.delete(id);
        signal?.removeEventListener('abort', abort);
      };
      this.#waiting.set(id, {
        take: (answer) => {
          onMessage(answer);
          if (answer.type === 'result') {
            end();
            resolve(answer.value as T);
          } else if (answer.type === 'error') {
            end();
            reject(toError(answer.error));
          } else if (answer.type === 'aborted') {
            end();
            reject(
              (signal?.reason as Error | undefined) ?? new DOMException('Aborted', 'AbortError'),
            );
          }
        },
      });
      signal?.addEventListener('abort', abort, { once: true });
      this.#port.postMessage({ ...message, id });
    });
  }
}

function toError({
  code,
  message,
  hint,
}: {
  code: string;
  message: string;
  hint: string;
}): EngineError {
  return new EngineError(message, { code, hint });
}

// The page's side of the bridge: `Engine` by talking to a worker that has a LocalEngine.
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
import { EngineError, toErrorInfo } from '../errors.ts';
import type { CallName, CallResult, Calls, ToPage, ToWorker } from './protocol.ts';

/** The part of a Worker that the client needs; tests hand in a MessagePort. */
export interface ClientPort {
  postMessage(message: ToWorker): void;
  onmessage: ((event: MessageEvent<ToPage>) => void) | null;
  onerror?: ((event: ErrorEvent) => void) | null;
  terminate?(): void;
}

interface Waiting {
  readonly take: (message: ToPage) => void;
}

export class WorkerEngine implements Engine {
  readonly #port: ClientPort;
  readonly #waiting = new Map<number, Waiting>();
  readonly #lostListeners = new Set<(reason: string) => void>();
  #nextId = 1;
  #disposed = false;
  /** What broke the worker for good; every later call rejects with it. */
  #broken: EngineError | null = null;

  constructor(port: ClientPort) {
    this.#port = port;
    port.onmessage = ({ data }) => {
      if (data.type === 'lost') for (const listener of this.#lostListeners) listener(data.reason);
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

  load(source: string, options: LoadOptions = {}): Promise<ModelSummary> {
    const { dtype, device, signal, progress_callback } = options;
    // A worker resolves paths against its own file, the page against its address.
    if (!URL.canParse(source, document.baseURI)) {
      return Promise.reject(
        new EngineError(`${JSON.stringify(source)} is not a path or URL.`, {
          code: 'network/url',
          hint: 'Give the address of a folder that holds config.json and model.safetensors.',
        }),
      );
    }
    const absolute = new URL(source, document.baseURI).href;
    const input = { source: absolute, options: { dtype, device } };
    return this.#call('load', input, signal, (message) => {
      if (message.type === 'progress') progress_callback?.(message.info);
    });
  }

  tokenize(text: string): Promise<TokenPiece[]> {
    return this.#call('tokenize', { text });
  }

  detokenize(ids: readonly number[]): Promise<string> {
    return this.#call('detokenize', { ids });
  }

  distribution(
    ids: readonly number[],
    options: SamplingOptions,
    top?: number,
    signal?: AbortSignal,
  ): Promise<Distribution> {
    return this.#call('distribution', { ids, options, top }, signal);
  }

  score(ids: readonly number[], signal?: AbortSignal): Promise<TokenScores> {
    return this.#call('score', { ids }, signal);
  }

  attention(
    ids: readonly number[],
    layer: number,
    head: number,
    signal?: AbortSignal,
  ): Promise<AttentionMap> {
    return this.#call('attention', { ids, layer, head }, signal);
  }

  measureDevices(signal?: AbortSignal): Promise<{ webgpu: number | null; cpu: number }> {
    return this.#call('measureDevices', {}, signal);
  }

  async *generate({ signal, ...request }: GenerateRequest): AsyncGenerator<GenerateEvent, void> {
    const broken = this.#problem();
    if (broken) throw broken;
    const id = this.#nextId++;
    const events: GenerateEvent[] = [];
    let finished = false;
    let failure: Error | null = null;
    let wake = (): void => {};
    this.#waiting.set(id, {
      take: (message) => {
        if (message.type === 'event') events.push(message.event);
        else finished = true;
        if (message.type === 'error') failure = toError(message.error);
        wake();
      },
    });
    const abort = (): void => this.#port.postMessage({ type: 'abort', id });
    signal?.addEventListener('abort', abort, { once: true });
    try {
      this.#port.postMessage({ type: 'generate', id, request });
      if (signal?.aborted) abort();
      for (;;) {
        for (let event = events.shift(); event; event = events.shift()) yield event;
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

  onLost(listener: (reason: string) => void): () => void {
    this.#lostListeners.add(listener);
    return () => this.#lostListeners.delete(listener);
  }

  async dispose(): Promise<void> {
    if (this.#disposed) return;
    const disposing = this.#broken ? null : this.#call('dispose', {});
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

  #call<N extends CallName>(
    name: N,
    input: Calls[N],
    signal?: AbortSignal,
    onMessage: (message: ToPage) => void = () => {},
  ): Promise<CallResult<N>> {
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
        take: (message) => {
          onMessage(message);
          if (message.type === 'result') {
            end();
            resolve(message.value as CallResult<N>);
          } else if (message.type === 'error') {
            end();
            reject(toError(message.error));
          } else if (message.type === 'aborted') {
            end();
            reject(
              (signal?.reason as Error | undefined) ?? new DOMException('Aborted', 'AbortError'),
            );
          }
        },
      });
      signal?.addEventListener('abort', abort, { once: true });
      this.#port.postMessage({ type: 'call', id, name, input } as ToWorker);
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

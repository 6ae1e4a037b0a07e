// A channel between a page and its worker: calls, streams and news, under the names and types of a treaty. It knows
// nothing of what is asked. `serve` stands in the worker, `connect` in the page; a MessagePort does for either.
import type { ErrorInfo } from '../api.ts';
import { EngineError, toErrorInfo } from '../errors.ts';

/** What can cross, as types. All of it is data that survives `postMessage`. */
export interface Treaty {
  /** Answered once. `progress` is what is told meanwhile. */
  readonly calls: Readonly<Record<string, { input: unknown; answer: unknown; progress?: unknown }>>;
  /** Answered event by event. Of a `pulled` one, the next event is made when the page has taken the last. */
  readonly streams: Readonly<Record<string, { request: unknown; event: unknown; pulled?: true }>>;
  /** Said unasked. */
  readonly news: unknown;
}

type Progress<Call> = Call extends { progress: infer P } ? P : never;

/** How an answer that is being made hears of its end, and tells of its progress. */
export interface Context<P> {
  /** Aborted where the page has aborted its own signal, or reads the stream no further. */
  readonly signal: AbortSignal;
  /** Tells the page how far it is. What `isOften` is left out where the last word went a moment ago. */
  readonly progress: (info: P, isOften: boolean) => void;
}

type Run<Request, Event> = (request: Request, signal: AbortSignal) => AsyncIterable<Event>;
type AnyCall = (input: unknown, context: Context<unknown>) => Promise<unknown>;
type AnyStream = Run<unknown, unknown> | Pulled<unknown, unknown>;

/** A stream whose next event is made when the page has taken the last; where `waits` is given, only after such events. */
interface Pulled<Request, Event> {
  readonly pulled: Run<Request, Event>;
  readonly waits?: (event: Event) => boolean;
}

/** What a worker does for each name of its treaty. Typed arrays in what it gives are gone from here afterwards. */
export interface Handlers<T extends Treaty> {
  readonly calls: {
    readonly [N in keyof T['calls']]: (
      input: T['calls'][N]['input'],
      context: Context<Progress<T['calls'][N]>>,
    ) => Promise<T['calls'][N]['answer']>;
  };
  readonly streams: {
    readonly [N in keyof T['streams']]: T['streams'][N] extends { pulled: true }
      ? Pulled<T['streams'][N]['request'], T['streams'][N]['event']>
      : Run<T['streams'][N]['request'], T['streams'][N]['event']>;
  };
  /** Called once, with what sends news. */
  readonly news: (tell: (news: T['news']) => void) => void;
}

type ToWorker =
  | { type: 'call'; id: number; name: string; input: unknown }
  | { type: 'stream'; id: number; name: string; request: unknown }
  | { type: 'more'; id: number }
  | { type: 'abort'; id: number };

type ToPage =
  | { type: 'result'; id: number; answer: unknown }
  | { type: 'error'; id: number; error: ErrorInfo }
  | { type: 'aborted'; id: number }
  | { type: 'progress'; id: number; info: unknown }
  | { type: 'event'; id: number; event: unknown; pulled: boolean }
  | { type: 'end'; id: number }
  | { type: 'news'; news: unknown };

/** The part of a worker's global scope, or of a MessagePort, that `serve` needs. */
export interface HostPort {
  postMessage(message: unknown, transfer: Transferable[]): void;
  onmessage: ((event: MessageEvent) => void) | null;
}

/** The part of a Worker, or of a MessagePort, that `connect` needs. */
export interface ClientPort {
  postMessage(message: unknown): void;
  onmessage: ((event: MessageEvent) => void) | null;
  onerror?: ((event: ErrorEvent) => void) | null;
  terminate?(): void;
}

/** Byte counts come thousands of times a second; a page needs ten. */
const PROGRESS_MS = 100;

// — The worker's side ————————————————————————————————————————————————————————————————————————————

/** Answers every message on `port` with `handlers`. */
export function serve<T extends Treaty>(port: HostPort, handlers: Handlers<T>): void {
  // The page's types have seen to it that a name goes with its input.
  const calls = handlers.calls as unknown as Readonly<Record<string, AnyCall>>;
  const streams = handlers.streams as unknown as Readonly<Record<string, AnyStream>>;
  const aborts = new Map<number, AbortController>();
  /** Streams that wait until the page has taken their last event. */
  const waiting = new Map<number, () => void>();
  const post = (message: ToPage): void => {
    const given =
      message.type === 'result' ? message.answer : message.type === 'event' && message.event;
    port.postMessage(message, buffersOf(given));
  };

  async function answer(message: Extract<ToWorker, { name: string }>): Promise<void> {
    const { id, name } = message;
    const controller = new AbortController();
    const { signal } = controller;
    aborts.set(id, controller);
    try {
      if (message.type === 'stream') {
        const handler = named(streams, name);
        const { pulled: run, waits = (): boolean => true } =
          typeof handler === 'object' ? handler : { pulled: handler, waits: (): boolean => false };
        for await (const event of run(message.request, signal)) {
          // Once it is posted, what it holds may be gone from here.
          const pulled = waits(event);
          post({ type: 'event', id, event, pulled });
          if (pulled) await taken(id, signal);
        }
        post({ type: 'end', id });
      } else {
        const progress = throttle((info) => post({ type: 'progress', id, info }));
        const result = await named(calls, name)(message.input, { signal, progress });
        post({ type: 'result', id, answer: result });
      }
    } catch (error) {
      if (signal.aborted) post({ type: 'aborted', id });
      else post({ type: 'error', id, error: toErrorInfo(error) });
    } finally {
      aborts.delete(id);
    }
  }

  function taken(id: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const go = (): void => {
        waiting.delete(id);
        signal.removeEventListener('abort', go);
        resolve();
      };
      waiting.set(id, go);
      signal.addEventListener('abort', go);
      if (signal.aborted) go();
    });
  }

  port.onmessage = ({ data }: MessageEvent<ToWorker>) => {
    if (data.type === 'abort') aborts.get(data.id)?.abort();
    else if (data.type === 'more') waiting.get(data.id)?.();
    else void answer(data);
  };
  handlers.news((news) => post({ type: 'news', news }));
}

function named<H>(handlers: Readonly<Record<string, H>>, name: string): H {
  if (Object.hasOwn(handlers, name)) return handlers[name];
  throw new EngineError(`Nobody answers to ${JSON.stringify(name)} here.`, {
    code: 'engine/unknown',
    hint: 'Reload the page: a part of it is older than the rest.',
  });
}

function throttle<P>(post: (info: P) => void): Context<P>['progress'] {
  let last = -Infinity;
  return (info, isOften) => {
    const now = performance.now();
    if (isOften && now - last < PROGRESS_MS) return;
    last = now;
    post(info);
  };
}

/** Typed arrays in what is given, at the top or one level down, move instead of being copied. */
function buffersOf(value: unknown): Transferable[] {
  const buffers = new Set<Transferable>();
  const collect = (part: unknown, depth: number): void => {
    if (ArrayBuffer.isView(part)) {
      // Memory that several share stays where it is.
      if (part.buffer instanceof ArrayBuffer) buffers.add(part.buffer);
    } else if (depth > 0 && typeof part === 'object' && part !== null && !Array.isArray(part)) {
      for (const inner of Object.values(part)) collect(inner, depth - 1);
    }
  };
  collect(value, 2);
  return [...buffers];
}

// — The page's side ——————————————————————————————————————————————————————————————————————————————

/** The page's end of a channel. */
export interface Client<T extends Treaty> {
  /** Rejects with an `EngineError`, or with the reason of `signal`. */
  call<N extends keyof T['calls'] & string>(
    name: N,
    input: T['calls'][N]['input'],
    options?: {
      signal?: AbortSignal | undefined;
      onProgress?: ((info: Progress<T['calls'][N]>) => void) | undefined;
    },
  ): Promise<T['calls'][N]['answer']>;
  /**
   * What the handler gives, as it comes. Leaving the loop stops the handler; a handler that ends of itself when it is
   * aborted ends the loop, and one that throws then throws the reason of `signal` here.
   */
  stream<N extends keyof T['streams'] & string>(
    name: N,
    request: T['streams'][N]['request'],
    signal?: AbortSignal,
  ): AsyncGenerator<T['streams'][N]['event'], void, undefined>;
  /** Ends the worker. What waits, and whatever is asked later, rejects with `error`. */
  close(error: EngineError): void;
}

export interface Hear<T extends Treaty> {
  readonly news: (news: T['news']) => void;
  /** An error that nobody caught: the worker is ended, and everything rejects with what this makes of it. */
  readonly broken: (reason: string) => EngineError;
}

/** Talks to what is served at the other end of `port`. */
export function connect<T extends Treaty>(port: ClientPort, hear: Hear<T>): Client<T> {
  const waiting = new Map<number, (message: Exclude<ToPage, { type: 'news' }>) => void>();
  let nextId = 1;
  let closed: EngineError | null = null;
  const post = (message: ToWorker): void => port.postMessage(message);

  port.onmessage = ({ data }: MessageEvent<ToPage>) => {
    if (data.type === 'news') hear.news(data.news);
    else waiting.get(data.id)?.(data);
  };
  port.onerror = (event) => close(hear.broken(event.message || 'it did not start'));

  function close(error: EngineError): void {
    if (closed !== null) return;
    closed = error;
    port.terminate?.();
    // Whatever still waits will never be answered now.
    for (const [id, take] of waiting) take({ type: 'error', id, error: toErrorInfo(error) });
  }

  async function call(
    name: string,
    input: unknown,
    { signal, onProgress }: { signal?: AbortSignal; onProgress?: (info: never) => void } = {},
  ): Promise<unknown> {
    if (closed !== null) throw closed;
    signal?.throwIfAborted();
    const id = nextId++;
    const abort = (): void => post({ type: 'abort', id });
    try {
      return await new Promise((resolve, reject) => {
        waiting.set(id, (message) => {
          if (message.type === 'progress') onProgress?.(message.info as never);
          else if (message.type === 'result') resolve(message.answer);
          else reject(failureOf(message, signal));
        });
        signal?.addEventListener('abort', abort, { once: true });
        post({ type: 'call', id, name, input });
      });
    } finally {
      waiting.delete(id);
      signal?.removeEventListener('abort', abort);
    }
  }

  async function* stream(
    name: string,
    request: unknown,
    signal?: AbortSignal,
  ): AsyncGenerator<unknown, void, undefined> {
    if (closed !== null) throw closed;
    const id = nextId++;
    const events: { event: unknown; pulled: boolean }[] = [];
    let isFinished = false;
    let failure: Error | null = null;
    let wake = (): void => {};
    waiting.set(id, (message) => {
      if (message.type === 'event') events.push(message);
      else isFinished = true;
      if (message.type === 'error' || message.type === 'aborted') {
        failure = failureOf(message, signal);
      }
      wake();
    });
    const abort = (): void => post({ type: 'abort', id });
    signal?.addEventListener('abort', abort, { once: true });
    try {
      post({ type: 'stream', id, name, request });
      if (signal?.aborted) abort();
      for (;;) {
        for (let next = events.shift(); next !== undefined; next = events.shift()) {
          yield next.event;
          if (next.pulled) post({ type: 'more', id });
        }
        if (isFinished) break;
        await new Promise<void>((resolve) => {
          wake = resolve;
          if (events.length > 0 || isFinished) resolve();
        });
      }
      if (failure !== null) throw failure as Error;
    } finally {
      // Leaving the loop early stops the work.
      if (!isFinished) abort();
      signal?.removeEventListener('abort', abort);
      waiting.delete(id);
    }
  }

  // The names decide the types, which the body need not know.
  return { call, stream, close } as Client<T>;
}

function failureOf(message: ToPage, signal: AbortSignal | undefined): Error {
  if (message.type === 'error') {
    return new EngineError(message.error.message, message.error);
  }
  return (signal?.reason as Error | undefined) ?? new DOMException('Aborted', 'AbortError');
}

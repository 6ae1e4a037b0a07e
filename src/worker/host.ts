// The worker's side of the bridge: a LocalEngine behind messages.
import type { Engine } from '../api.ts';
import { LocalEngine } from '../engine/localEngine.ts';
import { toErrorInfo } from '../errors.ts';
import type { StreamEvent, ToPage, ToWorker } from './protocol.ts';

/** The part of a worker's global scope that the host needs; tests hand in a MessagePort. */
export interface HostPort {
  postMessage(message: ToPage, transfer: Transferable[]): void;
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
}

/** Answers every message on `port` with `engine`. */
export function serve(port: HostPort, engine: Engine): void {
  const aborts = new Map<number, AbortController>();
  /** Streams that wait until the page has taken their last event. */
  const waiting = new Map<number, () => void>();
  const post = (message: ToPage, transfer: Transferable[] = []): void =>
    port.postMessage(message, transfer);

  engine.onLost((reason, turn) => post({ type: 'lost', reason, turn }));

  async function answer(message: Exclude<ToWorker, { type: 'abort' | 'more' }>): Promise<void> {
    const { id } = message;
    const controller = new AbortController();
    aborts.set(id, controller);
    try {
      if (message.type === 'stream') {
        for await (const event of stream(message, controller.signal)) {
          const isSave = message.name === 'save';
          post({ type: 'event', id, event }, isSave ? buffersOf(event) : []);
          if (isSave) await taken(id, controller.signal);
        }
        post({ type: 'end', id });
      } else {
        const value = await call(message, controller.signal);
        post({ type: 'result', id, value }, buffersOf(value));
      }
    } catch (error) {
      if (controller.signal.aborted) post({ type: 'aborted', id });
      else post({ type: 'error', id, error: toErrorInfo(error) });
    } finally {
      aborts.delete(id);
    }
  }

  function stream(
    message: Extract<ToWorker, { type: 'stream' }>,
    signal: AbortSignal,
  ): AsyncIterable<StreamEvent> {
    switch (message.name) {
      case 'generate':
        return engine.generate({ ...message.request, signal });
      case 'sweep':
        return engine.sweep({ ...message.request, signal });
      case 'save':
        return engine.save({ ...message.request, signal });
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

  function call(
    message: Exclude<ToWorker, { type: 'abort' | 'more' | 'stream' }>,
    signal: AbortSignal,
  ): Promise<unknown> {
    switch (message.type) {
      case 'load': {
        const progress_callback = throttle(message.id, post);
        return engine.load(message.source, { ...message.options, signal, progress_callback });
      }
      case 'ask':
        return engine.ask(message.question, message.input, signal, message.turn);
      case 'dispose':
        return engine.dispose();
    }
  }

  port.onmessage = ({ data }) => {
    if (data.type === 'abort') aborts.get(data.id)?.abort();
    else if (data.type === 'more') waiting.get(data.id)?.();
    else void answer(data);
  };
}

type Progress = Extract<ToPage, { type: 'progress' }>['info'];

/** Byte counts come thousands of times a second; the page needs ten. */
function throttle(id: number, post: (message: ToPage) => void): (info: Progress) => void {
  let last = 0;
  return (info) => {
    const now = performance.now();
    const isOften = info.status === 'progress' && info.progress !== 100 && info.note === undefined;
    if (isOften && now - last < 100) return;
    last = now;
    post({ type: 'progress', id, info });
  };
}

/** Typed arrays in a result, at the top or one level down, move instead of being copied. */
function buffersOf(value: unknown, depth = 1): Transferable[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [];
  return Object.values(value).flatMap((part: unknown) => {
    if (ArrayBuffer.isView(part)) return [part.buffer as ArrayBuffer];
    return depth > 0 ? buffersOf(part, depth - 1) : [];
  });
}

// In a worker this module serves at once; a page or test that imports it calls `serve` itself.
if ('WorkerGlobalScope' in globalThis) {
  serve(globalThis as unknown as HostPort, new LocalEngine());
}

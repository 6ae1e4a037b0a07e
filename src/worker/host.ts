// The worker's side of the bridge: a LocalEngine behind messages.
import type { Engine } from '../api.ts';
import { LocalEngine } from '../engine/localEngine.ts';
import { toErrorInfo } from '../errors.ts';
import type { ToPage, ToWorker } from './protocol.ts';

/** The part of a worker's global scope that the host needs; tests hand in a MessagePort. */
export interface HostPort {
  postMessage(message: ToPage, transfer: Transferable[]): void;
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
}

/** Answers every message on `port` with `engine`. */
export function serve(port: HostPort, engine: Engine): void {
  const aborts = new Map<number, AbortController>();
  const post = (message: ToPage, transfer: Transferable[] = []): void =>
    port.postMessage(message, transfer);

  engine.onLost((reason) => post({ type: 'lost', reason }));

  async function answer(message: Exclude<ToWorker, { type: 'abort' }>): Promise<void> {
    const { id } = message;
    const controller = new AbortController();
    aborts.set(id, controller);
    try {
      if (message.type === 'generate') {
        const request = { ...message.request, signal: controller.signal };
        for await (const event of engine.generate(request)) post({ type: 'event', id, event });
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

  function call(
    message: Extract<ToWorker, { type: 'call' }>,
    signal: AbortSignal,
  ): Promise<unknown> {
    switch (message.name) {
      case 'load': {
        const { source, options } = message.input;
        const progress_callback = throttle(message.id, post);
        return engine.load(source, { ...options, signal, progress_callback });
      }
      case 'tokenize':
        return engine.tokenize(message.input.text);
      case 'detokenize':
        return engine.detokenize(message.input.ids);
      case 'distribution': {
        const { ids, options, top } = message.input;
        return engine.distribution(ids, options, top, signal);
      }
      case 'score':
        return engine.score(message.input.ids, signal);
      case 'attention': {
        const { ids, layer, head } = message.input;
        return engine.attention(ids, layer, head, signal);
      }
      case 'measureDevices':
        return engine.measureDevices(signal);
      case 'dispose':
        return engine.dispose();
    }
  }

  port.onmessage = ({ data }) => {
    if (data.type === 'abort') aborts.get(data.id)?.abort();
    else void answer(data);
  };
}

type Progress = Extract<ToPage, { type: 'progress' }>['info'];

/** Byte counts come thousands of times a second; the page needs ten. */
function throttle(id: number, post: (message: ToPage) => void): (info: Progress) => void {
  let last = 0;
  return (info) => {
    const now = performance.now();
    if (info.status === 'progress' && info.progress !== 100 && now - last < 100) return;
    last = now;
    post({ type: 'progress', id, info });
  };
}

/** Typed arrays at the top of a result move instead of being copied. */
function buffersOf(value: unknown): Transferable[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value)
    .filter((part): part is Float32Array | Uint32Array => ArrayBuffer.isView(part))
    .map((part) => part.buffer as ArrayBuffer);
}

// In a worker this module serves at once; a page or test that imports it calls `serve` itself.
if ('WorkerGlobalScope' in globalThis) {
  serve(globalThis as unknown as HostPort, new LocalEngine());
}

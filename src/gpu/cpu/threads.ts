// Helpers beside the thread that computes: workers that share its memory. None need be there, and none is missed.

/** What a helper is told once, at its start. */
export interface HelperStart {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  /** Address of the place where threads meet. */
  readonly control: number;
  /** The helper's number, from 1 on. */
  readonly thread: number;
  /** How often it looks for work before it sleeps. */
  readonly looks: number;
}

/** The part of a Worker, of a page or of Node, that is needed here. */
interface Helper {
  postMessage(message: HelperStart): void;
  /** Resolves when it runs no more. */
  terminate(): Promise<unknown>;
}

/** What a helper says of itself. */
interface Hear {
  readonly ready: () => void;
  /** It broke, or ended. */
  readonly gone: () => void;
}

/** Whether memory can be shared between threads here. */
export function canShare(): boolean {
  return nodeThreads() !== null || globalThis.crossOriginIsolated;
}

/** How many threads compute at once where nobody says: more than four gain little, memory is what they wait for. */
export function usualThreads(): number {
  const cores = globalThis.navigator?.hardwareConcurrency ?? nodeCores();
  return Math.max(1, Math.min(cores, 4));
}

/**
 * So long, in ms, somebody who has all else waits for helpers that have not started, to say how many there are. One
 * whose file cannot be had says so at once; this is for a line that hangs.
 */
const PATIENCE_MS = 5000;

/**
 * A page is not told when a worker has ended. Chromium lets a script that is at something go on for two seconds before
 * it breaks it off; other browsers break it off at once.
 */
const ENDED_MS = 3000;

export class Helpers {
  readonly #running = new Set<Helper>();
  readonly #answers: Answer[] = [];
  #ready = 0;

  /** Starts `count` of them. Those that cannot start are never counted. */
  constructor(count: number, start: Omit<HelperStart, 'thread'>) {
    for (let thread = 1; thread <= count; thread++) this.#start({ ...start, thread });
  }

  /** How many do pieces of the work now. */
  get ready(): number {
    return this.#ready;
  }

  /** Resolves when each has said that it is ready, or that it never will be; or after a while. */
  async settled(): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const patience = new Promise<void>((resolve) => (timer = setTimeout(resolve, PATIENCE_MS)));
    await Promise.race([Promise.all(this.#answers.map(({ given }) => given)), patience]);
    clearTimeout(timer);
  }

  /** Ends all of them; resolves when none runs any more. */
  async stop(): Promise<void> {
    const ending = [...this.#running].map((helper) => helper.terminate());
    this.#running.clear();
    this.#ready = 0;
    for (const { give } of this.#answers) give();
    await Promise.all(ending);
  }

  #start(start: HelperStart): void {
    let helper: Helper | null = null;
    let isReady = false;
    const answer = createAnswer();
    this.#answers.push(answer);
    const gone = (): void => {
      answer.give();
      if (helper === null || !this.#running.delete(helper)) return;
      if (isReady) this.#ready--;
      void helper.terminate();
    };
    const ready = (): void => {
      answer.give();
      if (helper === null || !this.#running.has(helper)) return;
      isReady = true;
      this.#ready++;
    };
    try {
      helper = nodeThreads() === null ? ofPage({ ready, gone }) : ofNode({ ready, gone });
      this.#running.add(helper);
      helper.postMessage(start);
    } catch {
      // Refused at once: by Node's permissions, or because the file is of another origin than the page.
      gone();
    }
  }
}

/** Whether a helper came, once that is known. */
interface Answer {
  readonly given: Promise<void>;
  readonly give: () => void;
}

function createAnswer(): Answer {
  let give = (): void => {};
  const given = new Promise<void>((resolve) => (give = resolve));
  return { given, give };
}

function ofPage({ ready, gone }: Hear): Helper {
  const worker = new Worker(new URL('./helper.js', import.meta.url), {
    type: 'module',
    name: 'glass-gpt helper',
  });
  worker.onmessage = ready;
  worker.onerror = gone;
  return {
    postMessage: (message) => worker.postMessage(message),
    terminate: () => {
      worker.terminate();
      return new Promise((resolve) => setTimeout(resolve, ENDED_MS));
    },
  };
}

type NodeThreads = typeof import('node:worker_threads');

function ofNode({ ready, gone }: Hear): Helper {
  const { Worker: NodeWorker } = nodeThreads() as NodeThreads;
  const worker = new NodeWorker(new URL('./helper.js', import.meta.url));
  worker.on('message', () => {
    // Only now: one that is let go before it has started may never start.
    worker.unref();
    ready();
  });
  worker.on('error', gone);
  worker.on('exit', gone);
  return worker;
}

/** Node's threads; null in a page. Asked for in this way, so that a page's bundle has no trace of them. */
function nodeThreads(): NodeThreads | null {
  const { process } = globalThis as { process?: { getBuiltinModule?: (name: string) => unknown } };
  return (process?.getBuiltinModule?.('node:worker_threads') as NodeThreads | undefined) ?? null;
}

function nodeCores(): number {
  const { process } = globalThis as { process?: { getBuiltinModule?: (name: string) => unknown } };
  const os = process?.getBuiltinModule?.('node:os') as typeof import('node:os') | undefined;
  return os?.availableParallelism() ?? 1;
}

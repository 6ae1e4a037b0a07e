// `Trainer` for a page: a worker does the work. One that breaks is replaced when something is asked next.
import type {
  DrawEvent,
  DrawRequest,
  ReceiptEvent,
  ReceiptRequest,
  RunEvent,
  RunExportRequest,
  RunFileEvent,
  RunRequest,
  Trainer,
  TrainerQuestion,
  TrainerQuestions,
} from '../api.ts';
import { EngineError } from '../errors.ts';
import { type Client, type ClientPort, connect } from './channel.ts';
import { TRAINER_NAME, type TrainerPage, type TrainerTreaty } from './trainerProtocol.ts';

export class WorkerTrainer implements Trainer {
  readonly #start: () => ClientPort;
  readonly #page: TrainerPage;
  /** Null before something is asked, and between a worker that broke and the next. */
  #client: Client<TrainerTreaty> | null = null;
  #disposed = false;

  /** No worker is started before something is asked. */
  constructor(start: () => ClientPort, page: TrainerPage) {
    this.#start = start;
    this.#page = page;
  }

  /** A trainer whose workers are the workers' one file, under the trainer's name. */
  static create(page: TrainerPage): WorkerTrainer {
    const start = (): Worker =>
      new Worker(new URL('./worker.ts', import.meta.url), {
        type: 'module',
        name: TRAINER_NAME,
      });
    return new WorkerTrainer(start, page);
  }

  async ask<Q extends TrainerQuestion>(
    question: Q,
    input: TrainerQuestions[Q]['input'],
    signal?: AbortSignal,
  ): Promise<TrainerQuestions[Q]['answer']> {
    // TypeScript cannot see that the question and its input belong together.
    const asked = { question, input } as TrainerTreaty['calls']['ask']['input'];
    return this.#running().call('ask', asked, { signal });
  }

  async *train(
    request: RunRequest,
    signal?: AbortSignal,
  ): AsyncGenerator<RunEvent, void, undefined> {
    yield* this.#running().stream('train', request, signal);
  }

  async *exportRun(
    request: RunExportRequest,
    signal?: AbortSignal,
  ): AsyncGenerator<RunFileEvent, void, undefined> {
    yield* this.#running().stream('exportRun', request, signal);
  }

  async *checkReceipt(
    request: ReceiptRequest,
    signal?: AbortSignal,
  ): AsyncGenerator<ReceiptEvent, void, undefined> {
    yield* this.#running().stream('checkReceipt', request, signal);
  }

  async *draw(
    request: DrawRequest,
    signal?: AbortSignal,
  ): AsyncGenerator<DrawEvent, void, undefined> {
    yield* this.#running().stream('draw', request, signal);
  }

  dispose(): void {
    this.#disposed = true;
    this.#client?.close(disposed());
  }

  #running(): Client<TrainerTreaty> {
    if (this.#disposed) throw disposed();
    if (this.#client === null) {
      const client = this.#connected();
      this.#client = client;
      const alive = 'locks' in navigator ? `glass-gpt trainer ${crypto.randomUUID()}` : undefined;
      // Messages arrive in order: what is asked next finds it there. A worker that breaks tells whoever asks.
      client
        .call('begin', { ...this.#page, ...(alive !== undefined && { alive }) })
        .then(() => (alive === undefined ? undefined : this.#awaitEnd(client, alive)))
        .catch(() => {});
    }
    return this.#client;
  }

  /** A browser that ends a worker, for want of memory, tells nobody; but its lock is free then. */
  async #awaitEnd(client: Client<TrainerTreaty>, alive: string): Promise<void> {
    await navigator.locks.request(alive, { mode: 'shared' }, () => {});
    if (this.#client !== client) return;
    this.#client = null;
    client.close(failed('the browser ended it'));
  }

  #connected(): Client<TrainerTreaty> {
    return connect<TrainerTreaty>(this.#start(), {
      news: () => {},
      broken: (reason) => {
        this.#client = null;
        return failed(reason);
      },
    });
  }
}

function failed(reason: string): EngineError {
  return new EngineError(`The worker that trains failed: ${reason}.`, {
    code: 'engine/worker',
    hint: 'Go on with the run: it stands at its last checkpoint.',
  });
}

function disposed(): EngineError {
  return new EngineError('This trainer was disposed.', {
    code: 'engine/disposed',
    hint: 'Reload the page.',
  });
}

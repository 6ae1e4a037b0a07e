// The processor's one thread as a queue: what is submitted runs in order, and between its steps the thread
// breathes, so that a worker hears "stop" in the middle of a long pass.
import { afterOthers } from '../../breath.ts';
import type { EngineError } from '../../errors.ts';

/**
 * What a step throws that is to run again, as if it never had, once `when` resolves; nothing else runs until then.
 */
export class NotYet extends Error {
  readonly when: Promise<void>;

  constructor(message: string, when: Promise<void>) {
    super(message);
    this.name = 'NotYet';
    this.when = when;
  }
}

/** What was submitted at once. */
export interface Job {
  /** Each throws an `EngineError`, `NotYet` or nothing. */
  readonly steps: readonly (() => void)[];
  /** Where it aborts, the steps that are left do not run. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Hears that all steps have run, or why not all did: what the first failing one threw, or the signal's reason.
   */
  readonly done: (fault: EngineError | null, reason?: unknown) => void;
}

const BREATH_EVERY_MS = 40;
let lastBreath = 0;

export class JobQueue {
  readonly #jobs: Job[] = [];
  /** The next step of the first job. */
  #next = 0;
  #running = false;

  /** Whether something waits to be run. */
  get busy(): boolean {
    return this.#jobs.length > 0;
  }

  /** Runs a job after those before it: at once, until a breath is due. */
  push(job: Job): void {
    this.#jobs.push(job);
    if (this.#running) return;
    this.#running = true;
    this.#run();
  }

  #run(): void {
    while (this.#jobs.length > 0) {
      const [{ steps, signal, done }] = this.#jobs;
      let fault: EngineError | null = null;
      // Only while the thread breathes can anybody abort.
      const isWanted = (): boolean => signal?.aborted !== true;
      while (this.#next < steps.length && !fault && isWanted()) {
        if (performance.now() - lastBreath >= BREATH_EVERY_MS) {
          afterOthers(() => {
            lastBreath = performance.now();
            this.#run();
          });
          return;
        }
        try {
          steps[this.#next]();
          this.#next++;
        } catch (error) {
          if (error instanceof NotYet) {
            void error.when.then(() => this.#run());
            return;
          }
          fault = error as EngineError;
        }
      }
      const isLeft = this.#next < steps.length && !fault;
      this.#next = 0;
      this.#jobs.shift();
      if (isLeft) done(null, signal?.reason);
      else done(fault);
    }
    this.#running = false;
  }
}

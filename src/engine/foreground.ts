// What somebody waits for goes before what nobody waits for: a check gives way to every question, stream and load.
import type { Background } from '../model/background.ts';

/** Stands between two steps of what nobody waits for, as `Foreground.giveWay` does. */
export type GiveWay = (signal?: AbortSignal) => Promise<void>;

/** What runs in the background lets messages be heard this often, in milliseconds. */
const BREATH_MS = 15;
/** Who was answered often asks again at once: so long the background waits for that, in milliseconds. */
const REST_MS = 50;

/** Knows whether somebody waits for an answer. */
export class Foreground {
  #answers = 0;
  #endedAt = -Infinity;
  #heardAt = -Infinity;
  readonly #waiting = new Set<() => void>();

  /** Answers somebody who waits. */
  async during<T>(answer: () => Promise<T>): Promise<T> {
    this.#answers++;
    try {
      return await answer();
    } finally {
      this.#end();
    }
  }

  /** As `during`, for what comes one by one: from the first that is asked for to the last that is taken. */
  async *throughout<E>(events: AsyncIterable<E>): AsyncGenerator<E, void, undefined> {
    this.#answers++;
    try {
      yield* events;
    } finally {
      this.#end();
    }
  }

  /**
   * For between two steps of what nobody waits for: resolves when nobody waits for anything else. Rejects with the
   * reason of `signal`.
   */
  readonly giveWay: GiveWay = async (signal) => {
    signal?.throwIfAborted();
    if (performance.now() - this.#heardAt >= BREATH_MS) await this.#next(signal, 0);
    for (;;) {
      this.#heardAt = performance.now();
      signal?.throwIfAborted();
      if (this.#answers > 0) await this.#next(signal);
      else if (this.#heardAt - this.#endedAt < REST_MS) await this.#next(signal, REST_MS);
      else return;
    }
  };

  #end(): void {
    this.#answers--;
    this.#endedAt = performance.now();
    for (const wake of this.#waiting) wake();
  }

  /** The next thing that happens: an answer, an abort, or that the time is over. */
  #next(signal: AbortSignal | undefined, ms?: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(() => wake(), ms);
      const wake = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      this.#waiting.add(wake);
      signal?.addEventListener('abort', wake);
    });
  }
}

/** Work in the background that gives way to others, to nobody by default, and ends with its signal. */
export class GivingWay implements Background {
  readonly #giveWay: GiveWay;
  readonly #signal: AbortSignal | undefined;
  #ms = 0;
  #resumedAt = performance.now();

  constructor(giveWay: GiveWay = new Foreground().giveWay, signal?: AbortSignal) {
    this.#giveWay = giveWay;
    this.#signal = signal;
  }

  async pause(): Promise<void> {
    this.#ms = this.ms;
    await this.#giveWay(this.#signal);
    this.#resumedAt = performance.now();
  }

  get ms(): number {
    return this.#ms + performance.now() - this.#resumedAt;
  }
}

// Long work on one thread lets others have their turn.

/**
 * Calls back behind all that this thread was sent meanwhile. In a timer, because a message to oneself can overtake the
 * page's messages for ever; in one that a message began, because browsers have a timer of a timer of a timer wait for 4 ms.
 */
export function afterOthers(callback: () => void): void {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    port1.close();
    setTimeout(callback);
  };
  port2.postMessage(null);
}

const BREATH_EVERY_MS = 40;

/** Says when a loop has worked long enough without letting others have their turn. */
export class Breath {
  #last = performance.now();

  get isDue(): boolean {
    return performance.now() - this.#last >= BREATH_EVERY_MS;
  }

  /** Lets others go first; throws the signal's reason where one of them wants this to stop. */
  async take(signal?: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      afterOthers(resolve);
    });
    signal?.throwIfAborted();
    this.#last = performance.now();
  }
}

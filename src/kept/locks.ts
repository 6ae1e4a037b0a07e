// Who downloads a model, or trains a run, has its lock, in all tabs of the page; where there are no Web Locks, in this thread.

const here = new Map<string, Promise<void>>();

/** Waits for the lock `name` and returns how to give it back; `onWait` hears that somebody else has it. */
export async function takeLock(
  name: string,
  onWait: () => void,
  signal?: AbortSignal,
): Promise<() => void> {
  signal?.throwIfAborted();
  // Shared with Node 24, where the locks of one process suffice too.
  if (typeof navigator !== 'object' || !navigator.locks) return takeHere(name, onWait, signal);
  return new Promise((resolve, reject) => {
    const hold = (): Promise<void> =>
      new Promise((release) => {
        resolve(() => release());
      });
    navigator.locks
      .request(name, { ifAvailable: true }, async (lock) => {
        if (lock) return hold();
        onWait();
        // Not awaited here: this callback's own (empty) turn ends at once.
        navigator.locks.request(name, { signal }, hold).catch(reject);
      })
      .catch(reject);
  });
}

/** Takes the lock `name` and returns how to give it back, or null where somebody has it. */
export async function takeFreeLock(name: string): Promise<(() => void) | null> {
  if (typeof navigator !== 'object' || !navigator.locks) {
    return here.has(name) ? null : takeHere(name, () => {}, undefined);
  }
  for (;;) {
    const release = await new Promise<(() => void) | null>((resolve, reject) => {
      const hold = (lock: Lock | null): Promise<void> =>
        new Promise((free) => {
          if (lock) return resolve(() => free());
          resolve(null);
          free();
        });
      navigator.locks.request(name, { ifAvailable: true }, hold).catch(reject);
    });
    // Who only waited for its end (`untilFree`) has it for no time at all.
    if (release || (await isLocked(name))) return release;
  }
}

/** Whether somebody has the lock; who only waited for its end has not. */
export async function isLocked(name: string): Promise<boolean> {
  if (typeof navigator !== 'object' || !navigator.locks) return here.has(name);
  const { held = [] } = await navigator.locks.query();
  return held.some((lock) => lock.name === name && lock.mode === 'exclusive');
}

/** Resolves when nobody has the lock any more, also where whoever had it was killed. Takes it from nobody. */
export async function untilFree(name: string, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  if (typeof navigator !== 'object' || !navigator.locks) {
    await Promise.race([here.get(name), aborted(signal)]);
    signal?.throwIfAborted();
    return;
  }
  await navigator.locks.request(name, { mode: 'shared', ...(signal && { signal }) }, () => {});
}

async function takeHere(
  name: string,
  onWait: () => void,
  signal: AbortSignal | undefined,
): Promise<() => void> {
  if (here.has(name)) onWait();
  for (let other = here.get(name); other; other = here.get(name)) {
    await Promise.race([other, aborted(signal)]);
    signal?.throwIfAborted();
  }
  let free = (): void => {};
  const held = new Promise<void>((resolve) => (free = resolve));
  here.set(name, held);
  return () => {
    if (here.get(name) === held) here.delete(name);
    free();
  };
}

function aborted(signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    signal?.addEventListener('abort', () => resolve(), { once: true });
  });
}

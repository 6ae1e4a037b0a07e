// What a tab keeps: its own in sessionStorage, which a reload finds again and a copied tab takes along, and the
// same in localStorage, where it is what the last tab has left: a new tab starts from a copy of that.

/** How a value was kept; `refused` where the browser stores nothing at all. */
export type Kept = 'kept' | 'full' | 'refused';

export interface TabStorage {
  readonly read: (name: string) => string | null;
  /** `kept` where a reload of this tab finds the value again. A value that found no room leaves the older one. */
  readonly write: (name: string, value: string) => Kept;
  readonly remove: (name: string) => void;
  /** Calls back when another tab has left something, which is the last from then on. */
  readonly onOther: (callback: () => void) => void;
}

/** `main` is the name without which a tab has nothing of its own; it is one of `names`. */
export function createTabStorage(main: string, names: readonly string[]): TabStorage {
  let isBegun = false;

  /** A tab without anything of its own takes all that the last one has left, or nothing. */
  function begin(): void {
    isBegun = true;
    const [own, last] = [area('sessionStorage'), area('localStorage')];
    if (own === null || last === null) return;
    try {
      if (own.getItem(main) !== null) return;
      for (const name of names) {
        const value = last.getItem(name);
        if (value === null) own.removeItem(name);
        else own.setItem(name, value);
      }
    } catch {
      attempt(() => own.removeItem(main));
    }
  }

  return {
    read(name) {
      if (!isBegun) begin();
      const own = area('sessionStorage');
      const hasOwn = attempt(() => own?.getItem(main) ?? null) !== null;
      return attempt(() => (hasOwn ? own : area('localStorage'))?.getItem(name)) ?? null;
    },
    write(name, value) {
      const own = put(area('sessionStorage'), name, value);
      const last = put(area('localStorage'), name, value);
      // What is older here would stand before what is newer there.
      if (own !== 'kept' && last === 'kept')
        attempt(() => area('sessionStorage')?.removeItem(name));
      if (own === 'kept' || last === 'kept') return 'kept';
      return own === 'full' || last === 'full' ? 'full' : 'refused';
    },
    remove(name) {
      for (const where of ['sessionStorage', 'localStorage'] as const) {
        attempt(() => area(where)?.removeItem(name));
      }
    },
    onOther(callback) {
      addEventListener('storage', ({ key, storageArea }) => {
        if (key === main && storageArea === area('localStorage')) callback();
      });
    },
  };
}

/** Null where the browser has none, or forbids it. */
function area(name: 'sessionStorage' | 'localStorage'): Storage | null {
  return attempt(() => globalThis[name]) ?? null;
}

function put(where: Storage | null, name: string, value: string): Kept {
  if (where === null) return 'refused';
  try {
    where.setItem(name, value);
    return 'kept';
  } catch (error) {
    // A browser that stores nothing at all calls it full as well; it is, if it holds nothing.
    const isFull = error instanceof DOMException && error.name === 'QuotaExceededError';
    return isFull && (attempt(() => where.length) ?? 0) > 0 ? 'full' : 'refused';
  }
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

// The one door to the store: a part of the facts is changed by who owns it, and by nobody else.
import type { AppState, AppStore } from './store.ts';

/** What an owner may change at once. The model is a machine of states: it becomes another as a whole. */
export type Facts<N extends keyof AppState> = N extends 'model' | 'busy'
  ? AppState[N]
  : Partial<AppState[N]>;

export interface Door {
  readonly get: () => AppState;
  /** The pen of a part's owner. */
  readonly pen: <N extends keyof AppState>(name: N) => (facts: Facts<N>) => void;
  /** What changes within is one change: nobody sees half of it. */
  readonly together: <T>(change: () => T) => T;
}

export function openDoor(store: AppStore): Door {
  /** The facts while several parts change. */
  let held: AppState | null = null;
  const get = (): AppState => held ?? store.getState();
  return {
    get,
    pen: (name) => (facts) => {
      const state = get();
      const isWhole = name === 'model' || name === 'busy';
      const part = isWhole ? facts : { ...(state[name] as object), ...facts };
      const next = { ...state, [name]: part };
      if (held === null) store.setState(next);
      else held = next;
    },
    together(change) {
      if (held !== null) return change();
      const before = store.getState();
      held = before;
      try {
        return change();
      } finally {
        const after = held;
        held = null;
        if (after !== before) store.setState(after);
      }
    },
  };
}

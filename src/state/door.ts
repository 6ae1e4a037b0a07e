// The one door to the store: a part of the facts is changed by who owns it, and by nobody else.
import type { StoreApi } from 'zustand/vanilla';
import type { AppState } from './store.ts';

/** What an owner may change at once. The model is a machine of states: it becomes another as a whole. */
export type Facts<N extends keyof S, S = AppState> = N extends 'model' | 'busy'
  ? S[N]
  : Partial<S[N]>;

export interface Door<S = AppState> {
  readonly get: () => S;
  /** The pen of a part's owner. */
  readonly pen: <N extends keyof S>(name: N) => (facts: Facts<N, S>) => void;
  /** What changes within is one change: nobody sees half of it. */
  readonly together: <T>(change: () => T) => T;
  /** From now on as within `together`, until what is returned is called. */
  readonly hold: () => () => void;
}

export function openDoor<S extends object>(store: StoreApi<S>): Door<S> {
  /** The facts while several parts change. */
  let held: S | null = null;
  /** Who changes them, one within the other. */
  let holders = 0;
  const get = (): S => held ?? store.getState();

  function hold(): () => void {
    holders++;
    held ??= store.getState();
    return letGo;
  }

  function letGo(): void {
    holders--;
    if (holders > 0 || held === null) return;
    const after = held;
    held = null;
    if (after !== store.getState()) store.setState(after);
  }

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
      hold();
      try {
        return change();
      } finally {
        letGo();
      }
    },
    hold,
  };
}

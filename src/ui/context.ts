// Hands the store, the tokens and the actions to every component.
import { createContext, useContext } from 'react';
import { useStore } from 'zustand';
import { useShallow } from 'zustand/react/shallow';
import type { Actions } from '../state/page.ts';
import type { AppState, AppStore } from '../state/store.ts';
import type { TokenText } from '../state/tokenText.ts';
import type { Training } from '../state/training/training.ts';

export interface AppContext {
  readonly store: AppStore;
  readonly text: TokenText;
  readonly actions: Actions;
  /** What trains: its code comes when it is asked for, and it is the same each time. */
  readonly openTraining: () => Promise<Training>;
}

export const AppProvider = createContext<AppContext | null>(null);

export function useApp(): AppContext {
  const app = useContext(AppProvider);
  if (app === null) throw new Error('useApp needs an AppProvider above it.');
  return app;
}

/** Renders again only when one of the picked facts changes. */
export function useFacts<T extends object>(pick: (state: AppState) => T): T {
  return useStore(useApp().store, useShallow(pick));
}

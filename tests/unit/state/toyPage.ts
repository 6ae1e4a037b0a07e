// The page's state on an engine that a test made up.
import { vi } from 'vitest';
import type { Engine, ModelSummary } from '../../../src/api.ts';
import { createPage } from '../../../src/state/page.ts';
import type { ModelFacts } from '../../../src/state/facts/model.ts';
import type { Looked, Saved } from '../../../src/state/persist.ts';
import { openDoor, type Facts } from '../../../src/state/door.ts';
import { createGather } from '../../../src/state/gather.ts';
import type { PageContext, SliceContext } from '../../../src/state/slices/slice.ts';
import { createAppStore, type AppState, type AppStore } from '../../../src/state/store.ts';
import type { TokenText } from '../../../src/state/tokenText.ts';
import type { UrlState } from '../../../src/state/urlState.ts';

const HOME = 'https://glass.example/';
/** The model that comes with the page. */
export const OWN = `${HOME}models/toy`;

/** Facts of several parts. */
export type Patch = { readonly [N in keyof AppState]?: Facts<N> };

/** Lets facts hold that a page would have to come to. */
export function change(store: AppStore, patch: Patch): void {
  const { pen, together } = openDoor(store);
  together(() => {
    for (const [name, facts] of Object.entries(patch)) {
      pen(name as keyof AppState)(facts);
    }
  });
}

/** What slices stand on, on an engine that a test made up; what they report is thrown. */
export function createContext(engine: Engine, store: AppStore, text: TokenText) {
  const door = openDoor(store);
  const { get, together, pen } = door;
  const context: PageContext = {
    engine,
    store,
    text,
    get,
    together,
    answers: createGather(door),
    answerable: () => true,
    off: () => get().view.off,
    look: pen('view'),
    sees: (firstVisible) => pen('text')({ firstVisible }),
    work(name, isOn) {
      const others = [...get().busy].filter((one) => one !== name);
      pen('busy')(new Set(isOn ? [...others, name] : others));
    },
    report: (error) => {
      throw error;
    },
    say: (announcement) => pen('page')({ announcement }),
    note: (notes) => pen('page')({ notes }),
    used: () => {},
    refreshAll: vi.fn(),
  };
  const of = <N extends keyof AppState>(name: N): SliceContext<N> => ({
    ...context,
    set: pen(name),
  });
  return { context, of };
}

/** A loaded model, as the page's facts have it. */
export function toHere(model: ModelSummary): ModelFacts {
  const summary = { ...model, turn: 1 };
  const wish = { source: summary.source, device: 'auto' } as const;
  return { at: 'here', wish, here: { wish, summary, place: null }, refused: null, losses: [] };
}

/** A page whose address says `url`, on a first visit; `facts` hold before anything happens. */
export function createToyPage(
  engine: Engine,
  url: Partial<UrlState> = {},
  facts: Patch = {},
  saved: Saved | null = null,
  looked: Looked | null = null,
) {
  const { store, text, savedOver } = createAppStore(
    {
      settings: {},
      ...(saved === null && { prompt: 'ab' }),
      localEngine: false,
      notes: [],
      ...url,
    },
    saved,
  );
  change(store, facts);
  const actions = createPage({
    engine,
    store,
    text,
    wish: url.wish,
    looked,
    ownSource: OWN,
    base: HOME,
    savedTree: null,
    savedOver:
      savedOver === null || savedOver.text === null
        ? null
        : { snapshot: savedOver.text, tree: null },
    recording: url.recording,
    frame: (callback) => setTimeout(callback),
  });
  return { store, text, actions };
}

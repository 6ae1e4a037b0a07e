// The page's state on an engine that a test made up.
import type { Engine, ModelSummary } from '../../../src/api.ts';
import { createActions } from '../../../src/state/actions.ts';
import type { ModelFacts } from '../../../src/state/facts/model.ts';
import type { Saved } from '../../../src/state/persist.ts';
import { change, createAppStore, type Patch } from '../../../src/state/store.ts';
import type { UrlState } from '../../../src/state/urlState.ts';

const HOME = 'https://glass.example/';
/** The model that comes with the page. */
export const OWN = `${HOME}models/toy`;

/** A loaded model, as the page's facts have it. */
export function toHere(summary: ModelSummary): ModelFacts {
  const wish = { source: summary.source, device: 'auto' } as const;
  return { at: 'here', wish, here: { wish, summary, place: null }, refused: null };
}

/** A page whose address says `url`, on a first visit; `facts` hold before anything happens. */
export function createToyPage(
  engine: Engine,
  url: Partial<UrlState> = {},
  facts: Patch = {},
  saved: Saved | null = null,
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
  const actions = createActions({
    engine,
    store,
    text,
    wish: url.wish,
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

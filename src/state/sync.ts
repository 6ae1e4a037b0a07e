// Keeps what is stored and the address up to date with the store: throttled, and once more on leaving.
import type { Tree } from './branches.ts';
import type { Actions } from './page.ts';
import { onOtherText, writeLooked, writeSaved, writeTree } from './persist.ts';
import { DEFAULT_SETTINGS } from './settings.ts';
import type { Own } from './slices/lessons.ts';
import type { AppStore } from './store.ts';
import { formatUrl } from './urlState.ts';
import { placeOf } from './facts/model.ts';

const SAVE_MS = 400;
/** A save that took long, as of a long text, gives the page this many times as long for itself. */
const SAVE_BACK_OFF = 20;
/** Browsers limit how often an address may change. */
const ADDRESS_MS = 700;

export function startSync(store: AppStore, actions: Actions): void {
  /** Another tab has left its text since: this one leaves its branches with it again. */
  let isOther = false;
  /** What somebody made of the page; a step of the lessons has only borrowed it. */
  const ownFacts = (): Pick<Own, 'run' | 'view'> => actions.own() ?? store.getState();
  const tree = (): Tree => actions.own()?.text.moment.tree ?? actions.tree();
  onOtherText(() => (isOther = true));

  const save = throttle(SAVE_MS, () => {
    const { page } = store.getState();
    const { run, view } = ownFacts();
    const kept = writeSaved({
      text: actions.own()?.text.moment.snapshot ?? actions.snapshot(),
      tree: tree().id,
      // What a model brought is no choice, and the next one brings its own.
      settings: run.chosen ? run.settings : {},
      by: run.by,
      theme: page.theme,
      // One goes on at the end of the text; which workspace or lesson is open, the address says.
      view: { ...view, workspace: 'write', lesson: 0, selected: null, corner: null },
      done: page.done,
    });
    actions.setStorage(kept);
    if (isOther) saveTree.soon();
    isOther = false;
  });

  const saveTree = throttle(SAVE_MS, () => actions.setTreeStored(writeTree(tree())));

  const fromAddress = (): boolean => store.getState().models.offer?.fromAddress ?? false;

  const address = throttle(ADDRESS_MS, () => {
    const state = store.getState();
    const { settings, chosen } = ownFacts().run;
    // What a link recorded is more than the page would write.
    if (state.replay.asRecorded) return;
    // A step brings its text with it.
    const prompt = actions.own() === null ? state.text.prompt : '';
    const { search, hash } = formatUrl(chosen ? settings : DEFAULT_SETTINGS, prompt, {
      // Until a model is there, and while one is asked for, the address names it.
      model: state.model.here === null || fromAddress() ? undefined : placeOf(state),
      workspace: state.view.workspace,
      lesson: state.view.lesson,
      oldSearch: location.search,
      oldHash: location.hash,
    });
    if (search === location.search && hash === location.hash) return;
    try {
      history.replaceState(history.state, '', location.pathname + search + hash);
    } catch {
      // Too many changes for this browser: the next one brings it up to date.
    }
  });

  store.subscribe((now, before) => {
    if (now.model.at === 'none') return;
    if (
      now.text.prompt !== before.text.prompt ||
      now.text.epoch !== before.text.epoch ||
      now.text.length !== before.text.length ||
      now.text.scored !== before.text.scored ||
      now.run.settings !== before.run.settings ||
      now.page.theme !== before.page.theme ||
      now.view !== before.view ||
      now.page.done !== before.page.done
    ) {
      save.soon();
    }
    if (now.text.branches !== before.text.branches) saveTree.soon();
    if (now.model.here !== before.model.here && now.model.here !== null) {
      writeLooked(now.model.here.wish, now.text.own);
    }
    const isElsewhere =
      now.view.workspace !== before.view.workspace || now.view.lesson !== before.view.lesson;
    if (
      isElsewhere ||
      now.text.prompt !== before.text.prompt ||
      now.run.settings !== before.run.settings ||
      now.replay.asRecorded !== before.replay.asRecorded ||
      now.model.here !== before.model.here ||
      now.models.offer !== before.models.offer
    ) {
      address.soon();
    }
    // Where somebody goes on after a reload: a browser reloads the address as it was when it began to.
    if (isElsewhere) address.flush();
  });

  addEventListener('pagehide', () => {
    save.flush();
    saveTree.flush();
    address.flush();
  });
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState !== 'hidden') return;
    save.flush();
    saveTree.flush();
  });
  // Somebody put another link into the address line of this very page.
  addEventListener('hashchange', () => {
    address.cancel();
    location.reload();
  });
}

interface Throttled {
  readonly soon: () => void;
  readonly flush: () => void;
  readonly cancel: () => void;
}

function throttle(delayMs: number, run: () => void): Throttled {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let free = -Infinity;
  const fire = (): void => {
    clearTimeout(timer);
    timer = undefined;
    const start = performance.now();
    run();
    const end = performance.now();
    free = end + SAVE_BACK_OFF * (end - start);
  };
  return {
    soon: () => {
      timer ??= setTimeout(fire, Math.max(delayMs, free - performance.now()));
    },
    flush: () => {
      if (timer !== undefined) fire();
    },
    cancel: () => {
      clearTimeout(timer);
      timer = undefined;
    },
  };
}

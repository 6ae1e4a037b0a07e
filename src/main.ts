// The composition root: makes the engine, the store and the page, loads the model, and has all of it drawn. What
// draws comes with a script of its own: while the browser reads it, the engine's worker starts and asks for the model.
import type { Engine } from './api.ts';
import { probeGpu } from './gpu/webgpu/adapter.ts';
import { keepPage } from './offline/keepPage.ts';
import { createPage } from './state/page.ts';
import { modelOf } from './state/facts/model.ts';
import {
  dropBefore,
  keepBefore,
  readBefore,
  readLooked,
  readSaved,
  readTree,
} from './state/persist.ts';
import { createAppStore } from './state/store.ts';
import { startSync } from './state/sync.ts';
import { isBrokenOff } from './state/underWay.ts';
import { parseUrl } from './state/urlState.ts';
import { WorkerEngine } from './worker/workerEngine.ts';

/** Later than this, the page says that the browser has not answered yet. */
const VERDICT_LATE_MS = 1800;
/** How long after the model is there the page itself is kept for offline use. */
const KEEP_MS = 3000;
/** A recorded story that comes later than this after the page's own code is not waited for any longer. */
const STORY_MS = 1000;

/** Text that is written is drawn so often, in ms: nobody reads faster, and drawing takes the processor from the model. */
const DRAWN_MS = 30;

const url = parseUrl(location.search, location.hash, document.baseURI);
const saved = readSaved();
/** What a first visit finds as its text, unless the address asks for something else. */
const story = isPlainVisit() ? fetchStory() : null;
const { store, text, savedOver } = createAppStore(url, saved);
const savedText = saved?.text ?? null;
const savedTree = saved === null || savedText === null ? null : readTree(savedText, saved.tree);
if (savedOver !== null) keepBefore();

const engine: Engine = url.localEngine
  ? new (await import('./engine/localEngine.ts')).LocalEngine()
  : WorkerEngine.create({ base: document.baseURI });

const ownSource = new URL('models/tales-7m', document.baseURI).href;
const actions = createPage({
  engine,
  store,
  text,
  wish: url.wish,
  // Whoever follows a link wants the link's model.
  looked: savedOver === null && url.recording === undefined ? readLooked() : null,
  ownSource,
  base: document.baseURI,
  savedTree: savedOver === null ? savedTree : null,
  savedOver:
    readBefore() ??
    (savedOver === null || savedText === null ? null : { snapshot: savedText, tree: savedTree }),
  wrote: dropBefore,
  recording: url.recording,
  frame: seldom(),
});
startSync(store, actions);
void actions.start();

const showTheme = (): void => {
  const { dataset } = document.documentElement;
  const { theme } = store.getState().page;
  // Writing the same again would tell every chart that its colours have changed.
  if (dataset.theme !== theme) dataset.theme = theme;
};
showTheme();
store.subscribe(showTheme);

setTimeout(() => actions.setVerdictLate(), VERDICT_LATE_MS);
probeGpu().then(
  (verdict) => actions.setVerdict(verdict),
  () => actions.setVerdict({ code: 'no-adapter' }),
);

const stopWaiting = store.subscribe((state) => {
  if (state.model.at !== 'here') return;
  stopWaiting();
  // The first answers go first.
  setTimeout(() => void keepPage(modelOf(state)?.source === ownSource), KEEP_MS);
});

const { showPage } = await import('./ui/showPage.tsx');
// What comes after that comes too late: by then the page is the visitor's.
const tooLate = new Promise<null>((resolve) => setTimeout(() => resolve(null), STORY_MS));
const recorded = await Promise.race([story, tooLate]);
if (recorded && actions.showStory(recorded.story)) {
  recorded.followStory(recorded.story, store, text, actions.showNext);
}
if (mayComeBack() && (await isBrokenOff())) actions.openWorkspace('train');
showPage({
  store,
  text,
  actions,
  openTraining: async () => {
    const { openTraining } = await import('./trainingRoot.ts');
    // A link says where it was computed, and not where it must be.
    return openTraining(actions, store, url.deviceLinked === true ? undefined : url.device);
  },
});

/** What is recorded, and the code for it; null where that cannot be fetched, and the page begins without. */
async function fetchStory() {
  try {
    const code = await import('./state/story.ts');
    const found = await code.fetchStory(document.baseURI);
    return found === null ? null : { ...code, story: found };
  } catch {
    return null;
  }
}

/** Whether nobody was here before, and the address asks for no text, model or settings of its own. */
function isPlainVisit(): boolean {
  const { prompt, recording, wish, workspace, lesson, settings } = url;
  const asked = [prompt, recording, wish, workspace, lesson, ...Object.keys(settings)];
  return saved === null && asked.every((one) => one === undefined);
}

/** Whether nobody has said where to go: a reload, or an address that names nothing. */
function mayComeBack(): boolean {
  const { workspace = 'train', lesson, recording, wish } = url;
  if (workspace !== 'train' || lesson !== undefined || recording !== undefined) return false;
  const [opened] = performance.getEntriesByType('navigation');
  const isReload = opened instanceof PerformanceNavigationTiming && opened.type === 'reload';
  return isReload || (location.hash.length < 2 && wish === undefined);
}

/** Calls back in the next frame that comes `DRAWN_MS` or more after the last one that did. */
function seldom(): (callback: () => void) => void {
  let last = -Infinity;
  return function wait(callback) {
    requestAnimationFrame((now) => {
      if (now - last < DRAWN_MS) return wait(callback);
      last = now;
      callback();
    });
  };
}

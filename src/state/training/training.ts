// The workspace that trains: a store of its own, made when it is first opened, and all that can be done there. Of the
// page it knows how something is said to those who cannot see it, and how a step of a run is looked at.
import { createStore, type StoreApi } from 'zustand/vanilla';
import type { RunArguments, RunStep, Trainer } from '../../api.ts';
import { isSameJson } from '../../json.ts';
import { openDoor } from '../door.ts';
import type { RunTexts } from '../facts/models.ts';
import type { AppState } from '../store.ts';
import { goOnOf, type GoOnFacts } from './base.ts';
import { type Browser, NO_BROWSER } from './browser.ts';
import { COMPARISON_NOTHING, createComparison } from './comparison.ts';
import { Curve } from './curve.ts';
import { BROUGHT_NOTHING, createBrought } from './brought.ts';
import { createDrawing, DRAWING_NOTHING } from './drawing.ts';
import { createDraft, firstDraft, problemsOf, whyNothing } from './draft.ts';
import { WATCH_NOTHING, type TrainingState } from './facts.ts';
import { readLink } from './link.ts';
import { brokenOff } from './kept.ts';
import { createLooked, LOOKED_NOTHING } from './looked.ts';
import { createOut, OUT_NOTHING } from './out.ts';
import { createRuns } from './runs.ts';
import { createSchooling, SCHOOLING_NOTHING } from './schooling.ts';
import { createWatch } from './watch.ts';

export interface TrainingOptions {
  readonly makeTrainer: () => Trainer;
  /** The model that the page has, as it changes, and the page's address; absent where there is no page. */
  readonly page?: {
    readonly home: string;
    readonly store: Pick<StoreApi<Pick<AppState, 'model'>>, 'getState' | 'subscribe'>;
  };
  /** How long somebody has to be still before anything is read or measured for them; 350 by default. */
  readonly stillMs?: number;
  readonly say: (words: string) => void;
  readonly browser?: Browser;
  /** Settings of a run, as an address brings them. */
  readonly link?: string | null;
  /** Takes them out of the address: whoever has begun a run needs them no more. */
  readonly forgetLink?: () => void;
  /** Puts a step of a run, by the run's name, under the instruments of the page; `files` where no store has it as a model. */
  readonly look: (step: RunStep, name: string, texts: RunTexts, files?: readonly File[]) => void;
}

/** A browser gives back what a page held within this time after it has gone. */
const STILL_AT_IT_MS = 5000;

export type TrainingStore = StoreApi<TrainingState>;
export type Training = ReturnType<typeof createTraining>;

export function createTraining({
  makeTrainer,
  page,
  stillMs = 350,
  say,
  look,
  browser = NO_BROWSER,
  link = null,
  forgetLink = () => {},
}: TrainingOptions) {
  const nowLoaded = (): GoOnFacts | null =>
    page === undefined ? null : goOnOf(page.store.getState().model, page.home);
  const store: TrainingStore = createStore<TrainingState>(() => ({
    loaded: { now: nowLoaded() },
    draft: firstDraft(browser.keptText()),
    text: { read: { at: 'none' } },
    cost: { estimate: { at: 'none' }, last: null, planned: null, freeBytes: null },
    watch: WATCH_NOTHING,
    live: { away: null },
    runs: {
      all: null,
      isAwaited: link === null && browser.underWay().length > 0,
      missed: 0,
      error: null,
    },
    schooling: SCHOOLING_NOTHING,
    out: OUT_NOTHING,
    brought: BROUGHT_NOTHING,
    comparison: COMPARISON_NOTHING,
    looked: LOOKED_NOTHING,
    drawing: DRAWING_NOTHING,
  }));
  const { get, pen } = openDoor(store);
  const curve = new Curve();
  const beside = new Curve();
  let made: Trainer | null = null;
  const trainer = (): Trainer => (made ??= makeTrainer());
  const shared = { trainer, get, say };
  /** Until somebody looks for the first time. */
  let linked = link === null ? null : readLink(link);
  /** What came with it, as long as this page is open: its losses are those of its settings alone. */
  const came = linked;

  const draft = createDraft({
    ...shared,
    stillMs,
    browser,
    set: pen('draft'),
    setRead: pen('text'),
    setCost: pen('cost'),
  });
  const dismissLink = (): void => {
    draft.actions.dismissLink();
    forgetLink();
  };
  const runs = createRuns({
    ...shared,
    set: pen('runs'),
    browser,
    endedElsewhere(id) {
      watch.lookAgain(id);
      // A page that is reloaded may find its old self still at it.
      if (Date.now() - started < STILL_AT_IT_MS) void openBroken();
    },
    named: (id, name) => watch.named(id, name),
    runsElsewhere(id) {
      const { run } = get().watch;
      if (run?.id !== id) return;
      if (run.elsewhere) void watch.lookThere();
      else watch.lookAgain(id);
    },
  });
  // What other tabs began, ended or deleted meanwhile.
  browser.onSight(() => {
    if (browser.isHidden() || get().runs.all === null) return;
    void runs.refresh();
    draft.lookForRoom();
  });
  const looked = createLooked({ ...shared, set: pen('looked') });
  const comparison = createComparison({
    ...shared,
    stillMs,
    set: pen('comparison'),
    begin: (request) => watch.begin(request),
  });
  const watch = createWatch({
    ...shared,
    set: pen('watch'),
    setLive: pen('live'),
    curve,
    beside,
    look,
    browser,
    begins(): void {
      draft.yield();
      dismissLink();
    },
    ended(): void {
      void runs.refresh();
      draft.lookForRoom();
      // What was chosen meanwhile was not measured.
      if (get().watch.at === 'nothing') draft.measure();
    },
    grew: () => runs.follow(),
    twinDone: (twin) => comparison.twinDone(twin),
  });
  const schooling = createSchooling({
    ...shared,
    stillMs,
    set: pen('schooling'),
    begin: watch.begin,
  });
  const out = createOut({ ...shared, set: pen('out'), curve });
  const drawing = createDrawing({ ...shared, set: pen('drawing') });
  const brought = createBrought({
    ...shared,
    set: pen('brought'),
    async came(id) {
      await runs.refresh();
      watch.actions.open(id);
    },
  });
  const isUnkept = ({ watch: { run }, runs: { all } }: TrainingState): boolean =>
    run?.unkept === true || all?.some(({ unkept }) => unkept) === true;
  store.subscribe((now, before) => {
    if (now.runs === before.runs && now.watch.run === before.watch.run) return;
    if (isUnkept(now) !== isUnkept(before)) browser.holdTab(isUnkept(now));
  });
  const setLoaded = pen('loaded');
  page?.store.subscribe(({ model }, before) => {
    if (model === before.model) return;
    setLoaded({ now: nowLoaded() });
    draft.loadedChanged();
  });
  /** When somebody looked for the first time, in ms since 1970. */
  let started = -Infinity;

  /** What was broken off, where that is what somebody comes back for, and else the choices. */
  async function greet(): Promise<void> {
    const { isAwaited } = get().runs;
    started = Date.now();
    await runs.refresh();
    if (!isAwaited) return;
    const { all } = get().runs;
    const isThere = (one: string): boolean =>
      all?.some(
        ({ id, state, elsewhere }) => id === one && (elsewhere || state === 'interrupted'),
      ) ?? true;
    browser.noteUnderWay(browser.underWay().filter(([id]) => isThere(id)));
    await openBroken();
    runs.settled();
    if (get().watch.at === 'nothing' && get().text.read.at === 'none') draft.read();
  }

  async function openBroken(): Promise<void> {
    const all = get().runs.all ?? [];
    const broken = brokenOff(all, browser.underWay(), Date.now());
    if (broken === null || link !== null || get().watch.at !== 'nothing') return;
    await watch.open(broken.id);
    say(`${broken.name} was broken off at step ${broken.step}. Go on is there.`);
  }

  /** Whoever turns to a run turns away from two that are compared. */
  const alone =
    <A extends readonly unknown[], R>(work: (...input: A) => R) =>
    (...input: A): R => {
      comparison.close();
      return work(...input);
    };

  return {
    store,
    curve,
    /** Of the run that runs, where another is shown. */
    beside,
    actions: {
      ...draft.actions,
      dismissLink,
      ...watch.actions,
      ...runs.actions,
      ...schooling.actions,
      ...out.actions,
      ...brought.actions,
      ...comparison.actions,
      ...looked.actions,
      ...drawing.actions,
      open: alone((id: string) => watch.actions.open(id)),
      close: alone(() => {
        const { run } = get().watch;
        if (run?.state === 'interrupted') watch.noteEnd(run.id);
        watch.actions.close();
        if (get().text.read.at === 'none') draft.read();
        else draft.measure();
      }),
      showLive: alone(() => watch.actions.showLive()),
      resume: alone((id: string, change?: RunArguments, from?: number) =>
        watch.actions.resume(id, change, from),
      ),
      /** Somebody looks for the first time. */
      start(): void {
        const { runs: known, text } = get();
        if (known.all === null) void greet();
        if (linked !== null) draft.actions.takeLink(linked);
        else if (!known.isAwaited && text.read.at === 'none') draft.read();
        linked = null;
      },
      train(): void {
        const { draft: now, text } = get();
        if (Object.keys(problemsOf(now)).length > 0 || watch.isBusy()) return;
        if (text.read.at !== 'here' || whyNothing(text.read.value, now.settings) !== null) return;
        draft.actions.dismissLink();
        const isLinked = came !== null && isSameJson(came.settings, now.settings);
        watch.begin({ run: { settings: now.settings } }, isLinked ? came.losses : []);
      },
      /** Out of memory: the same windows a step, fewer at a time. */
      takeSmallerBatch(batch: number, accumulation: number): void {
        draft.actions.setField('per_device_train_batch_size', String(batch));
        draft.actions.setField('gradient_accumulation_steps', String(accumulation));
      },
      /** Deleted; where it was shown, nothing is. */
      removeRun(id: string): void {
        watch.gone(id);
        comparison.close();
        runs.actions.remove(id);
      },
    },
  };
}

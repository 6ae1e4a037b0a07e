// Everything the page can do. The only place that calls the engine.
import type {
  DeviceRequest,
  Dtype,
  Engine,
  GpuVerdict,
  LoadOptions,
  ModelSummary,
} from '../api.ts';
import { toErrorInfo } from '../errors.ts';
import type { Tree } from './branches.ts';
import type { Wish } from './facts/models.ts';
import { hostOf, identityOf, isSameName, titleOf, type ModelName } from './modelName.ts';
import { createModels, toOptions, toRequest } from './models.ts';
import { createChecking } from './checking.ts';
import { createSaving } from './saving.ts';
import { createEditing, type EditingOptions } from './editing.ts';
import { createLatest } from './latest.ts';
import type { Theme } from './persist.ts';
import type { Recording } from './replay.ts';
import type { Recipe } from './runs.ts';
import {
  DEFAULT_SETTINGS,
  toGenerationOptions,
  toSamplingOptions,
  type Settings,
} from './settings.ts';
import { createAnatomy } from './slices/anatomy.ts';
import { createAttention } from './slices/attention.ts';
import { createLens } from './slices/lens.ts';
import { createParts } from './slices/parts.ts';
import { createReplay } from './slices/replay.ts';
import { createSampler } from './slices/sampler.ts';
import type { Slice, SliceContext } from './slices/slice.ts';
import {
  change,
  withWork,
  type AppState,
  type AppStore,
  type Patch,
  type Problem,
  type RunFacts,
} from './store.ts';
import { append, fillScores, toIds, toPlainText, type TokenText } from './tokenText.ts';
import { modelOf, placeOf, progressOf, whyOf, type Asked, type Progress } from './facts/model.ts';

/** How many candidates the next-token panel shows. */
const TOP = 20;
const SCORE_DELAY_MS = 250;
/** Bars that change more often cannot be read, and drawing them takes the processor from the model. */
const PANELS_WHILE_STREAMING_MS = 125;

export interface ActionsOptions {
  readonly engine: Engine;
  readonly store: AppStore;
  readonly text: TokenText;
  /** The model that the address names; undefined for the page's own. */
  readonly wish?: Wish | undefined;
  /** Absolute address of the model that comes with the page. */
  readonly ownSource: string;
  /** The page's address. */
  readonly base: string;
  /** The branches of the restored text. */
  readonly savedTree: Tree | null;
  /** A saved text that the address replaced; undo brings it back. */
  readonly savedOver: EditingOptions['before'];
  /** The person writes: what the address replaced need not be found again after a reload. */
  readonly wrote?: () => void;
  /** A text that came with the address. */
  readonly recording?: Recording | undefined;
  readonly frame: (callback: () => void) => void;
}

export type Actions = ReturnType<typeof createActions>;

export function createActions(options: ActionsOptions) {
  const { engine, store, text } = options;
  const get = store.getState;
  const set = (patch: Patch): void => change(store, patch);

  let runId = 0;
  let runController: AbortController | null = null;
  /** The run that writes now, to its last token; the store hears of it less often. */
  let runFacts: Omit<RunFacts, 'reason'> | null = null;
  /** Parts that are off in the run that writes now, whatever is switched meanwhile. */
  let runOff: AppState['view']['off'] | null = null;
  let loadController: AbortController | null = null;
  let loadId = 0;
  let losses: number[] = [];
  const own: Wish = { source: options.ownSource };
  set({ model: { ...get().model, wish: toAsked(options.wish ?? own) } });
  let scoreTimer: ReturnType<typeof setTimeout> | undefined;

  const context: SliceContext = {
    engine,
    store,
    text,
    get,
    set,
    answerable,
    off: () => runOff ?? get().view.off,
    report,
    used,
    refreshAll: refreshPanels,
  };
  const attention = createAttention(context);
  const parts = createParts(context);
  const lens = createLens(context);
  const editing = createEditing({
    ...context,
    abortRun,
    cancelPanels,
    tree: options.savedTree,
    before: options.savedOver,
    wrote: () => options.wrote?.(),
  });
  const { publish, tokenised, seenFrom } = editing;
  const replay = createReplay({
    ...context,
    editing,
    recording: options.recording,
    modelName: () => {
      const place = placeOf(get());
      const model = modelOf(get());
      if (get().model.wish.files !== undefined) return undefined;
      const commit = model?.origin?.commit ?? null;
      // The very commit, whatever the branch will mean when somebody opens the link.
      return place === null || commit === null ? place : { ...place, revision: commit };
    },
    isNamed: () => isSameName(get().model.wish, options.wish ?? own),
  });
  const models = createModels({
    ...context,
    base: options.base,
    toAsked,
    adopt: takeModel,
    declined: () => {
      const model = modelOf(get());
      if (model !== null && replay.waits()) void showRecording(model);
    },
  });
  const saving = createSaving(context);
  const checking = createChecking({
    ...context,
    loadSimpler: (why) => load(get().model.wish, why, { selfCheck: true }),
  });
  // After the parts, which may drop some; before the views, since everybody reads the bars.
  const bars = { refresh: () => distribution.ask(), cancel: () => distribution.cancel() };
  const slices = [
    replay,
    parts,
    { slice: bars as Slice },
    attention,
    lens,
    createSampler(context),
    createAnatomy(context),
  ];

  function select(index: number | null): void {
    const selected = index === null || index >= text.pieces.length ? null : Math.max(0, index);
    if (selected === get().view.selected) return;
    set({ view: { selected } });
    if (get().busy.has('run')) return;
    for (const { slice } of slices) slice.refresh();
  }

  // ── running ─────────────────────────────────────────────────────────────────────────────────

  function abortRun(): void {
    if (runController === null) return;
    runId += 1;
    runController.abort();
    runController = null;
    runOff = null;
    publish({
      run: { last: runFacts === null ? null : { ...runFacts, reason: 'aborted' } },
      busy: withWork(get().busy, 'run', false),
    });
    runFacts = null;
    editing.endRun();
  }

  /** Ends the stream and keeps the text, without waiting for the engine to hear of it. */
  function stop(): void {
    if (get().run.queued) set({ run: { queued: false } });
    if (runController === null) return;
    abortRun();
    publish({ page: { announcement: 'Stopped. The text is kept.' } });
    used('generate');
    refreshPanels();
  }

  function generate(): void {
    void runTokens(get().run.settings);
  }

  function step(): void {
    const { settings } = get().run;
    // Draws go by position, so under a fixed seed steps write what one run would.
    void runTokens({ ...settings, max_new_tokens: 1, stop: [] });
  }

  function regenerate(): void {
    const start = editing.lastStart();
    const undoable = text.pieces.length > start;
    void runTokens(get().run.settings, undoable ? start : undefined);
  }

  async function runTokens(settings: Settings, from?: number): Promise<void> {
    if (get().busy.has('run')) return;
    const { at } = get().model;
    if (at !== 'here') {
      set({ run: { queued: true } });
      if (at === 'failed') void load();
      return;
    }
    const id = ++runId;
    const controller = new AbortController();
    runController = controller;
    cancelPanels();
    set({
      run: { queued: false },
      page: { problem: null },
      view: { selected: null },
      busy: withWork(get().busy, 'run', true),
    });
    const mine = (): boolean => id === runId;
    let scheduled = false;
    let pending: Patch = {};
    const flush = (): void => {
      scheduled = false;
      if (!mine()) return;
      publish(pending);
      pending = {};
    };
    let lastPanels = 0;
    let ended: RunFacts['reason'] = 'failed';
    let stopFound: string | undefined;
    let facts = { seed: 0, tokens: 0, tokensPerSecond: 0, promptMs: 0 };
    const { off } = get().view;
    runOff = off;
    let recipe: Recipe = { seed: 0, settings: toSamplingOptions(settings), off };
    replay.stopLive();
    try {
      await tokenised();
      if (!mine()) return;
      editing.beginRun(from);
      publish({
        run: { last: null },
        page: { announcement: settings.max_new_tokens > 1 ? 'Generating.' : '' },
        text: seenFrom(text.pieces.length),
      });
      const stream = engine.generate({
        ids: toIds(text),
        options: toGenerationOptions(settings),
        off,
        signal: controller.signal,
        top: TOP,
      });
      for await (const event of stream) {
        if (!mine()) return;
        switch (event.type) {
          case 'start': {
            facts = { ...facts, seed: event.seed, promptMs: event.promptMs };
            runFacts = facts;
            recipe = { ...recipe, seed: event.seed };
            editing.addStartToken(event.promptIds);
            publish({
              text: {
                firstVisible: event.firstVisible,
                dropped: Math.min(event.firstVisible, text.promptCount),
              },
              run: { last: { ...facts, reason: null } },
            });
            break;
          }
          case 'token': {
            append(text, event.piece, event.logprob, event.rank, recipe);
            facts = {
              ...facts,
              tokens: facts.tokens + 1,
              tokensPerSecond: event.tokensPerSecond ?? 0,
            };
            runFacts = facts;
            const now = performance.now();
            if (now - lastPanels > PANELS_WHILE_STREAMING_MS) {
              lastPanels = now;
              pending = { ...pending, run: { last: { ...facts, reason: null } } };
              if (get().view.selected === null) {
                const newest = text.pieces.length - 1;
                pending = { ...pending, next: { distribution: event.distribution, at: newest } };
              }
              editing.nameBranch();
            }
            for (const { slice } of slices) slice.onToken?.();
            if (!scheduled) {
              scheduled = true;
              options.frame(flush);
            }
            break;
          }
          case 'window':
            pending = { ...pending, text: { firstVisible: event.firstVisible } };
            break;
          case 'done':
            ended = event.reason;
            stopFound = event.stop;
            break;
        }
      }
    } catch (error) {
      if (mine() && controller.signal.aborted) ended = 'aborted';
      else if (mine() && whyOf(get()) === null) report(error, 'generate');
    } finally {
      if (mine()) {
        runController = null;
        runFacts = null;
        runOff = null;
        const run = {
          ...facts,
          reason: ended,
          ...(stopFound === undefined ? {} : { stop: stopFound }),
        };
        const words = toPlainText(text.pieces.slice(editing.lastStart()));
        const { text: seen, next } = pending;
        pending = {};
        publish({
          ...(seen === undefined ? {} : { text: seen }),
          ...(next === undefined ? {} : { next }),
          run: { last: run },
          page: {
            announcement: `Finished: ${facts.tokens} ${facts.tokens === 1 ? 'token' : 'tokens'}. ${words}`,
          },
          busy: withWork(get().busy, 'run', false),
        });
        editing.endRun();
        used(settings.max_new_tokens > 1 ? 'generate' : 'step');
        refreshPanels();
      }
    }
  }

  // ── panels ──────────────────────────────────────────────────────────────────────────────────

  function answerable(): boolean {
    return get().model.at === 'here' && get().text.tokenised;
  }

  const distribution = createLatest<void>(async (_, signal) => {
    if (!answerable() || get().busy.has('run')) return;
    const { selected } = get().view;
    const { settings } = get().run;
    const at = selected ?? text.pieces.length;
    const { epoch } = text;
    try {
      const sampling = toSamplingOptions(settings);
      const input = { ids: toIds(text, at), off: get().view.off, options: sampling, top: TOP };
      const result = await engine.ask('distribution', input, signal);
      if (signal.aborted || text.epoch !== epoch || get().busy.has('run')) return;
      const { forked } = get().text;
      const isFirst = forked !== null && forked.computed === null && at === text.pieces.length;
      set({
        next: { distribution: result, at },
        ...(isFirst ? { text: { forked: { ...forked, computed: result.computed ?? null } } } : {}),
      });
      const { firstVisible } = result;
      if (firstVisible !== undefined && at === text.pieces.length) {
        const isPrompt = text.promptCount === text.pieces.length;
        set({ text: isPrompt ? { firstVisible, dropped: firstVisible } : { firstVisible } });
      }
    } catch (error) {
      if (!signal.aborted) report(error, 'panels');
    }
  });

  const scores = createLatest<void>(async (_, signal) => {
    if (!answerable() || get().busy.has('run') || text.pieces.length < 2) return;
    const { epoch } = text;
    const { length } = text.pieces;
    try {
      const result = await engine.ask('score', { ids: toIds(text), off: get().view.off }, signal);
      if (signal.aborted || text.epoch !== epoch || text.pieces.length !== length) return;
      fillScores(text, result);
      publish();
    } catch (error) {
      if (!signal.aborted) report(error, 'panels');
    }
  });

  function refreshPanels(): void {
    if (!answerable() || get().busy.has('run')) return;
    for (const { slice } of slices) slice.refresh();
    clearTimeout(scoreTimer);
    scoreTimer = setTimeout(() => scores.ask(), SCORE_DELAY_MS);
  }

  function cancelPanels(): void {
    clearTimeout(scoreTimer);
    for (const { slice } of slices) slice.cancel();
    scores.cancel();
  }

  function openPanel(panel: string): void {
    set({ view: { panel } });
    if (!get().busy.has('run')) for (const { slice } of slices) slice.refresh();
  }

  function changeSettings(patch: Partial<Settings>): void {
    set({
      run: { settings: { ...get().run.settings, ...patch }, chosen: true },
      replay: { asRecorded: false },
    });
    if (patch.temperature !== undefined) used('temperature');
    if (!get().busy.has('run')) distribution.ask();
  }

  function resetSettings(): void {
    changeSettings(withDefaults(modelOf(get())));
    set({ run: { chosen: false } });
  }

  // ── the model ───────────────────────────────────────────────────────────────────────────────

  /** A wish with the page's own device and precision where it names none. */
  function toAsked(wish: Wish): Asked {
    const { device, dtype } = get().model.wish;
    return { ...wish, device: wish.device ?? device, dtype: wish.dtype ?? dtype };
  }

  /** Loads the page's first model: what the address names, if that needs no question; else its own. */
  async function startPage(): Promise<void> {
    const { wish } = options;
    let named: Wish | null = null;
    if (wish !== undefined) {
      if (await models.takeAddress(wish)) named = wish;
      else set({ model: { ...get().model, wish: toAsked(own) } });
    }
    await load();
    await models.resumeBroken(named);
  }

  /** Whether the engine has the model that was here last. */
  function goesOn(): boolean {
    const { model } = get();
    return model.at === 'here' || (model.at === 'coming' && model.goesOn);
  }

  /** Loads a model, for the first time or again. What runs goes on being the model if that fails. */
  async function load(
    wish: Asked = get().model.wish,
    why: string | null = null,
    more: LoadOptions = {},
  ): Promise<void> {
    loadController?.abort();
    const controller = new AbortController();
    loadController = controller;
    const id = ++loadId;
    abortRun();
    cancelPanels();
    if (isReload(wish) && (await wouldFetchAgain(wish, why))) return;
    const comes = (progress: Progress): void => {
      const { here } = get().model;
      set({ model: { at: 'coming', wish, here, goesOn: goesOn(), why, progress } });
    };
    set({ page: { problem: null } });
    comes({ what: 'the model', loaded: 0, total: 0 });
    try {
      const model = await engine.load(wish.source, {
        ...toOptions(wish),
        ...more,
        signal: controller.signal,
        progress_callback: (info) => {
          if (id !== loadId) return;
          comes({
            what: info.file ?? 'the model',
            loaded: info.loaded ?? progressOf(get())?.loaded ?? 0,
            total: info.total ?? progressOf(get())?.total ?? 0,
          });
        },
      });
      losses = losses.filter((at) => Date.now() - at < 60_000);
      // Whatever was wanted meanwhile: what the engine has is what the page is about.
      adopt(wish, model);
      models.goOn();
    } catch (error) {
      if (id !== loadId || controller.signal.aborted) return;
      const code = get().page.verdict?.code ?? 'ok';
      if (wish.device === 'auto' && code !== 'ok' && code !== 'software') {
        // No GPU was promised; the processor can do it.
        await load({ ...wish, device: 'cpu' }, why, more);
        return;
      }
      const { here } = get().model;
      if (here === null || !goesOn()) {
        set({ model: { at: 'failed', wish, here }, run: { queued: false } });
      } else {
        // The engine kept what ran before.
        set({ model: { at: 'here', wish: here.wish, here, refused: wish } });
        refreshPanels();
      }
      report(error, 'load');
      models.goOn();
    }
  }

  /**
   * Whether loading a model again would download it again, because nothing keeps it. Nobody agreed to
   * that: it is offered, and what runs goes on; where nothing runs any more, the page's own model comes.
   */
  async function wouldFetchAgain(wish: Asked, why: string | null): Promise<boolean> {
    const id = loadId;
    const kept = await engine.ask('findStored', toRequest(wish)).catch(() => null);
    if (id !== loadId) return true;
    if (kept?.complete) return false;
    models.offer(wish);
    if (goesOn()) return true;
    const meanwhile = `${titleOf(wish.source)} is kept nowhere, so the story model is loaded meanwhile; your text is kept.`;
    void load(
      { ...own, device: wish.device, dtype: wish.dtype },
      why === null ? meanwhile : `${why.replace(/\. .*/u, '.')} ${meanwhile}`,
    );
    return true;
  }

  /** Whether a model from elsewhere, which was here already, is to be loaded once more. */
  function isReload(wish: Wish): boolean {
    const model = modelOf(get());
    if (model === null || wish.files !== undefined || hostOf(wish, options.base) === null)
      return false;
    return model.origin?.kind === 'hub';
  }

  function setVerdict(verdict: GpuVerdict): void {
    set({ page: { verdict, verdictLate: false } });
    const { device } = get().model.wish;
    if (verdict.code !== 'limits' || device !== 'auto') return;
    if (modelOf(get())?.device.kind === 'cpu') return;
    // Such a GPU may hand out a device all the same; the kernels would fail on it.
    reload({ device: 'cpu' });
  }

  /** With another device or precision, once it is known which model the page begins with. */
  function reload(other: Pick<Wish, 'device' | 'dtype'>): void {
    const { model } = get();
    const wish = { ...model.wish, ...other } as Asked;
    if (model.at === 'none') set({ model: { ...model, wish } });
    else void load(wish);
  }

  /** Another model was loaded beside the one that ran: everything turns to it. */
  function takeModel(wish: Asked, model: ModelSummary): void {
    // A load of the old one that is under way has lost to this.
    loadController?.abort();
    loadId += 1;
    abortRun();
    cancelPanels();
    set({ page: { problem: null } });
    adopt(wish, model);
  }

  function adopt(wish: Asked, model: ModelSummary): void {
    const { layer, head } = get().view;
    const prompt = editing.fit(model);
    const before = modelOf(get());
    const isSame = before !== null && identityOf(before) === identityOf(model);
    models.reset(model, isSame);
    if (before !== null && !isSame) {
      // Candidates of the old one could be chosen, and its speed would be taken for the new one's.
      set({
        next: { distribution: null },
        measured: { speeds: null },
        view: { selected: null },
        text: { hovered: null },
      });
    }
    if (!isSame || before?.device.kind !== model.device.kind || before.dtype !== model.dtype) {
      set({ run: { last: null } });
    }
    // The slices fit what they keep to it.
    const here = { wish, summary: model, place: toPlace(wish, options) };
    set({
      view: { layer: Math.min(layer, model.nLayer - 1), head: Math.min(head, model.nHead - 1) },
      model: { at: 'here', wish, here, refused: null },
    });
    for (const { slice } of slices) slice.reset?.();
    const known = text.promptCount > 0 || (text.pieces.length > 0 && prompt === '');
    if (!get().run.chosen) set({ run: { settings: withDefaults(model) } });
    publish({
      text: {
        prompt,
        tokenised: known || prompt === '',
        ...seenFrom(text.pieces.length),
      },
    });
    // A link's text waits for the link's model, as long as it may still come.
    const mayCome = get().models.offer?.fromAddress ?? false;
    if (replay.waits() && !mayCome) void showRecording(model);
    else begin();
  }

  /** The model is there: the panels may ask, and who waited may go on. */
  function begin(): void {
    if (get().text.tokenised) refreshPanels();
    else editing.tokenise();
    if (get().run.queued) generate();
  }

  async function showRecording(model: ModelSummary): Promise<void> {
    try {
      if ((await replay.show(model)) && !get().run.queued) return;
    } catch (error) {
      report(error, 'panels');
    }
    begin();
  }

  /** Goes back to the model that comes with the page. */
  function takeOwnModel(): void {
    const { device, dtype } = get().model.wish;
    void load({ ...own, device, dtype });
  }

  async function measure(): Promise<void> {
    if (get().busy.has('measure') || get().model.at !== 'here') return;
    abortRun();
    cancelPanels();
    set({ busy: withWork(get().busy, 'measure', true) });
    try {
      set({ measured: { speeds: await engine.ask('measureDevices', {}) } });
    } catch (error) {
      report(error, 'measure');
    } finally {
      set({ busy: withWork(get().busy, 'measure', false) });
      refreshPanels();
    }
  }

  engine.onLost((reason) => {
    const now = Date.now();
    losses = [...losses.filter((at) => now - at < 60_000), now];
    const again = losses.length > 2;
    const cause = reason === '' ? '' : ` (${reason})`;
    const why = again
      ? `The GPU went away repeatedly${cause}. The model is being loaded on the processor instead; your text is kept.`
      : `The GPU went away${cause}. The model is being loaded again; your text is kept.`;
    const { wish: asked, here } = get().model;
    const wish: Asked = again ? { ...asked, device: 'cpu' } : asked;
    const progress = { what: 'the model', loaded: 0, total: 0 };
    set({ model: { at: 'coming', wish, here, goesOn: false, why, progress } });
    void load(wish, why);
  });

  // ── the rest ────────────────────────────────────────────────────────────────────────────────

  function report(error: unknown, during: Problem['during']): void {
    if (error instanceof DOMException && error.name === 'AbortError') return;
    // The loss itself is told and mended by `onLost`.
    const info = toErrorInfo(error);
    if (info.code === 'device/lost' && whyOf(get()) !== null) return;
    set({ page: { problem: { info, during } } });
  }

  function tryAgain(): void {
    const { problem } = get().page;
    const { model } = get();
    set({ page: { problem: null } });
    if (problem?.during === 'load' || model.at === 'failed') {
      void load(model.at === 'here' ? (model.refused ?? model.wish) : model.wish);
    } else if (problem?.during === 'generate') generate();
    else if (problem?.during === 'measure') void measure();
    else refreshPanels();
  }

  function used(hint: string): void {
    const { done } = get().page;
    if (!done.includes(hint)) set({ page: { done: [...done, hint] } });
  }

  return {
    start: startPage,
    load: () => load(),
    setVerdict,
    setVerdictLate: () => {
      if (get().page.verdict === null) set({ page: { verdictLate: true } });
    },
    ...editing.actions,
    tree: editing.tree,
    /** The text to store. */
    snapshot: editing.textNow,
    select,
    hover: (hovered: number | null) => {
      if (hovered !== get().text.hovered) set({ text: { hovered } });
    },
    generate,
    stop,
    step,
    regenerate,
    changeSettings,
    resetSettings,
    openPanel,
    ...attention.actions,
    ...lens.actions,
    ...parts.actions,
    ...replay.actions,
    ...models.actions,
    ...checking.actions,
    ...saving.actions,
    takeDevice: (device: DeviceRequest) => reload({ device }),
    takeDtype: (dtype: Dtype) => reload({ dtype }),
    takeOwnModel,
    hasOtherModel: () => {
      const { wish } = get().model;
      return !isSameName(wish, own) || wish.files !== undefined;
    },
    measure,
    tryAgain,
    /** Says it to those who cannot see it; '' takes the last words away, so that they can be said again. */
    announce: (announcement: string) => set({ page: { announcement } }),
    dismissProblem: () => set({ page: { problem: null } }),
    dismissNotes: () => set({ page: { notes: [] } }),
    setTheme: (theme: Theme) => set({ page: { theme } }),
    setStorageWorks: (storageWorks: boolean) => {
      if (storageWorks !== get().page.storageWorks) set({ page: { storageWorks } });
    },
    setTreeStored: (treeStored: boolean) => {
      if (treeStored !== get().page.treeStored) set({ page: { treeStored } });
    },
    used,
  };
}

/** How the address names a model; null for the page's own, and for what no address can name. */
function toPlace(wish: Wish, { ownSource, base }: ActionsOptions): ModelName | null {
  const { source, files } = wish;
  if (files !== undefined || source === ownSource) return null;
  return hostOf(wish, base) === null ? { source: toPath(source, ownSource) } : toRequest(wish);
}

/** A model's path beside the page's own. */
function toPath(source: string, ownSource: string): string {
  const home = ownSource.replace(/models\/[^/]*$/u, '');
  if (source.startsWith(home)) {
    const path = source.slice(home.length);
    // Two parts alone would be an id on the Hub.
    return path.startsWith('models/') ? path : `./${path}`;
  }
  return URL.canParse(source) ? new URL(source).pathname : source;
}

/** The page's defaults with what the model's own `generation_config.json` says. */
function withDefaults(model: ModelSummary | null): Settings {
  const { seed: _, stop: __, eos_token_id: ___, ...own } = model?.defaults ?? {};
  return { ...DEFAULT_SETTINGS, ...own };
}

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
import type { AppState, AppStore, Problem, RunFacts } from './store.ts';
import { append, fillScores, toIds, toPlainText, type TokenText } from './tokenText.ts';

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

/** How a model is loaded. */
interface Change {
  readonly wish: Wish;
  readonly device: DeviceRequest;
  readonly dtype: Dtype | undefined;
}

export type Actions = ReturnType<typeof createActions>;

export function createActions(options: ActionsOptions) {
  const { engine, store, text } = options;
  const get = store.getState;
  const set = (patch: Partial<AppState>): void => store.setState(patch);

  let runId = 0;
  let runController: AbortController | null = null;
  /** The run that writes now, to its last token; the store hears of it less often. */
  let runFacts: Omit<RunFacts, 'reason'> | null = null;
  /** Parts that are off in the run that writes now, whatever is switched meanwhile. */
  let runOff: AppState['off'] | null = null;
  let loadController: AbortController | null = null;
  let loadId = 0;
  let losses: number[] = [];
  const own: Wish = { source: options.ownSource };
  /** What the loaded model goes by, or the one that is being loaded. */
  let current = options.wish ?? own;
  /** What runs, to go back to where a change fails; null while nothing runs. */
  let settled: Change | null = null;
  /** The change that failed, for another try. */
  let failedChange: Change | null = null;
  set({ wanted: titleOf(current.source) });
  let scoreTimer: ReturnType<typeof setTimeout> | undefined;

  const context: SliceContext = {
    engine,
    store,
    text,
    get,
    set,
    answerable,
    off: () => runOff ?? get().off,
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
      const { place, model } = get();
      if (current.files !== undefined) return undefined;
      const commit = model?.origin?.commit ?? null;
      // The very commit, whatever the branch will mean when somebody opens the link.
      return place === null || commit === null ? place : { ...place, revision: commit };
    },
    isNamed: () => isSameName(current, options.wish ?? own),
  });
  const models = createModels({
    ...context,
    base: options.base,
    current: () => current,
    loadOptions,
    adopt: takeModel,
    declined: () => {
      const { model } = get();
      if (model !== null && replay.waits()) void showRecording(model);
    },
  });
  const saving = createSaving(context);
  const checking = createChecking({
    ...context,
    loadSimpler: (why) => load(why, { selfCheck: true }),
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
    if (selected === get().selected) return;
    set({ selected });
    if (get().generating) return;
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
      generating: false,
      run: runFacts === null ? null : { ...runFacts, reason: 'aborted' },
    });
    runFacts = null;
    editing.endRun();
  }

  /** Ends the stream and keeps the text, without waiting for the engine to hear of it. */
  function stop(): void {
    if (get().queued) set({ queued: false });
    if (runController === null) return;
    abortRun();
    publish({ announcement: 'Stopped. The text is kept.' });
    used('generate');
    refreshPanels();
  }

  function generate(): void {
    void runTokens(get().settings);
  }

  function step(): void {
    const { settings } = get();
    // Draws go by position, so under a fixed seed steps write what one run would.
    void runTokens({ ...settings, max_new_tokens: 1, stop: [] });
  }

  function regenerate(): void {
    const start = editing.lastStart();
    const undoable = text.pieces.length > start;
    void runTokens(get().settings, undoable ? start : undefined);
  }

  async function runTokens(settings: Settings, from?: number): Promise<void> {
    if (get().generating) return;
    const { phase } = get();
    if (phase !== 'ready') {
      set({ queued: true });
      if (phase === 'failed') void load();
      return;
    }
    const id = ++runId;
    const controller = new AbortController();
    runController = controller;
    cancelPanels();
    set({ generating: true, queued: false, problem: null, selected: null });
    const mine = (): boolean => id === runId;
    let scheduled = false;
    let pending: { -readonly [K in keyof AppState]?: AppState[K] } = {};
    const flush = (): void => {
      scheduled = false;
      if (!mine()) return;
      publish(pending);
      pending = {};
    };
    let lastPanels = 0;
    let ended: NonNullable<AppState['run']>['reason'] = 'failed';
    let stopFound: string | undefined;
    let facts = { seed: 0, tokens: 0, tokensPerSecond: 0, promptMs: 0 };
    const { off } = get();
    runOff = off;
    let recipe: Recipe = { seed: 0, settings: toSamplingOptions(settings), off };
    replay.stopLive();
    try {
      await tokenised();
      if (!mine()) return;
      editing.beginRun(from);
      publish({
        run: null,
        announcement: settings.max_new_tokens > 1 ? 'Generating.' : '',
        ...seenFrom(text.pieces.length),
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
              firstVisible: event.firstVisible,
              dropped: Math.min(event.firstVisible, text.promptCount),
              run: { ...facts, reason: null },
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
              pending.run = { ...facts, reason: null };
              if (get().selected === null) {
                pending.distribution = event.distribution;
                pending.distributionAt = text.pieces.length - 1;
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
            pending.firstVisible = event.firstVisible;
            break;
          case 'done':
            ended = event.reason;
            stopFound = event.stop;
            break;
        }
      }
    } catch (error) {
      if (mine() && controller.signal.aborted) ended = 'aborted';
      else if (mine() && get().restoring === null) report(error, 'generate');
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
        const last = pending;
        pending = {};
        publish({
          ...last,
          generating: false,
          run,
          announcement: `Finished: ${facts.tokens} ${facts.tokens === 1 ? 'token' : 'tokens'}. ${words}`,
        });
        editing.endRun();
        used(settings.max_new_tokens > 1 ? 'generate' : 'step');
        refreshPanels();
      }
    }
  }

  // ── panels ──────────────────────────────────────────────────────────────────────────────────

  function answerable(): boolean {
    const { phase, tokenised: known } = get();
    return phase === 'ready' && known;
  }

  const distribution = createLatest<void>(async (_, signal) => {
    if (!answerable() || get().generating) return;
    const { selected, settings } = get();
    const at = selected ?? text.pieces.length;
    const { epoch } = text;
    try {
      const sampling = toSamplingOptions(settings);
      const input = { ids: toIds(text, at), off: get().off, options: sampling, top: TOP };
      const result = await engine.ask('distribution', input, signal);
      if (signal.aborted || text.epoch !== epoch || get().generating) return;
      const { forked } = get();
      const isFirst = forked !== null && forked.computed === null && at === text.pieces.length;
      set({
        distribution: result,
        distributionAt: at,
        ...(isFirst ? { forked: { ...forked, computed: result.computed ?? null } } : {}),
      });
      const { firstVisible } = result;
      if (firstVisible !== undefined && at === text.pieces.length) {
        const isPrompt = text.promptCount === text.pieces.length;
        set(isPrompt ? { firstVisible, dropped: firstVisible } : { firstVisible });
      }
    } catch (error) {
      if (!signal.aborted) report(error, 'panels');
    }
  });

  const scores = createLatest<void>(async (_, signal) => {
    if (!answerable() || get().generating || text.pieces.length < 2) return;
    const { epoch } = text;
    const { length } = text.pieces;
    try {
      const result = await engine.ask('score', { ids: toIds(text), off: get().off }, signal);
      if (signal.aborted || text.epoch !== epoch || text.pieces.length !== length) return;
      fillScores(text, result);
      publish();
    } catch (error) {
      if (!signal.aborted) report(error, 'panels');
    }
  });

  function refreshPanels(): void {
    if (!answerable() || get().generating) return;
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
    set({ panel });
    if (!get().generating) for (const { slice } of slices) slice.refresh();
  }

  function changeSettings(patch: Partial<Settings>): void {
    set({
      settings: { ...get().settings, ...patch },
      settingsChosen: true,
      asRecorded: false,
    });
    if (patch.temperature !== undefined) used('temperature');
    if (!get().generating) distribution.ask();
  }

  function resetSettings(): void {
    changeSettings(withDefaults(get().model));
    set({ settingsChosen: false });
  }

  // ── the model ───────────────────────────────────────────────────────────────────────────────

  function loadOptions(): LoadOptions {
    const { device, dtype } = get();
    return { device, ...(dtype === undefined ? {} : { dtype }) };
  }

  /** Loads the page's first model: what the address names, if that needs no question; else its own. */
  async function startPage(): Promise<void> {
    const { wish } = options;
    let named: Wish | null = null;
    if (wish !== undefined) {
      if (await models.takeAddress(wish)) named = wish;
      else turnTo(own);
    }
    await load();
    await models.resumeBroken(named);
  }

  function turnTo(wish: Wish): void {
    current = wish;
    set({ wanted: titleOf(wish.source) });
  }

  /** Loads `current`, for the first time or again. What runs goes on being the model if that fails. */
  async function load(why: string | null = null, more: LoadOptions = {}): Promise<void> {
    loadController?.abort();
    const controller = new AbortController();
    loadController = controller;
    const id = ++loadId;
    abortRun();
    cancelPanels();
    const { device, dtype: asked } = get();
    const wish = current;
    if (isReload(wish) && (await wouldFetchAgain(wish, why))) return;
    set({
      phase: 'loading',
      loading: { what: 'the model', loaded: 0, total: 0 },
      problem: null,
      restoring: why,
    });
    try {
      const model = await engine.load(wish.source, {
        ...loadOptions(),
        ...toOptions(wish),
        ...more,
        signal: controller.signal,
        progress_callback: (info) => {
          if (id !== loadId) return;
          set({
            loading: {
              what: info.file ?? 'the model',
              loaded: info.loaded ?? get().loading?.loaded ?? 0,
              total: info.total ?? get().loading?.total ?? 0,
            },
          });
        },
      });
      // Whatever was wanted meanwhile: what the engine has is what the page is about.
      turnTo(wish);
      set({ device, dtype: asked });
      losses = losses.filter((at) => Date.now() - at < 60_000);
      adopt(model);
      models.goOn();
    } catch (error) {
      if (id !== loadId || controller.signal.aborted) return;
      const code = get().verdict?.code ?? 'ok';
      if (device === 'auto' && code !== 'ok' && code !== 'software') {
        // No GPU was promised; the processor can do it.
        set({ device: 'cpu' });
        await load(why, more);
        return;
      }
      const change = { wish, device, dtype: asked };
      if (settled === null) {
        set({ phase: 'failed', loading: null, restoring: null, queued: false });
      } else {
        // The engine kept what ran before.
        failedChange = change;
        turnTo(settled.wish);
        const { device: before, dtype } = settled;
        set({ phase: 'ready', loading: null, restoring: null, device: before, dtype });
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
  async function wouldFetchAgain(wish: Wish, why: string | null): Promise<boolean> {
    const id = loadId;
    const kept = await engine.ask('findStored', toRequest(wish)).catch(() => null);
    if (id !== loadId) return true;
    if (kept?.complete) return false;
    const { device, dtype } = get();
    models.offer({ ...wish, device, ...(dtype === undefined ? {} : { dtype }) });
    if (settled === null) {
      turnTo(own);
      const meanwhile = `${titleOf(wish.source)} is kept nowhere, so the story model is loaded meanwhile; your text is kept.`;
      void load(why === null ? meanwhile : `${why.replace(/\. .*/u, '.')} ${meanwhile}`);
    } else set({ device: settled.device, dtype: settled.dtype });
    return true;
  }

  /** Whether a model from elsewhere, which was here already, is to be loaded once more. */
  function isReload(wish: Wish): boolean {
    const { model } = get();
    if (model === null || wish.files !== undefined || hostOf(wish, options.base) === null)
      return false;
    return model.origin?.kind === 'hub';
  }

  function setVerdict(verdict: GpuVerdict): void {
    set({ verdict, verdictLate: false });
    const { device, model } = get();
    if (verdict.code !== 'limits' || device !== 'auto' || model?.device.kind === 'cpu') return;
    // Such a GPU may hand out a device all the same; the kernels would fail on it.
    set({ device: 'cpu' });
    reload();
  }

  /** With another device or precision, once it is known which model the page begins with. */
  function reload(): void {
    if (get().phase !== 'starting') void load();
  }

  /** Another model was loaded beside the one that ran: everything turns to it. */
  function takeModel(wish: Wish, model: ModelSummary): void {
    // A load of the old one that is under way has lost to this.
    loadController?.abort();
    loadId += 1;
    abortRun();
    cancelPanels();
    turnTo(wish);
    const { device = get().device, dtype = get().dtype } = wish;
    set({ problem: null, device, dtype });
    adopt(model);
  }

  function adopt(model: ModelSummary): void {
    const { layer, head } = get();
    const prompt = editing.fit(model);
    settled = { wish: current, device: get().device, dtype: get().dtype };
    failedChange = null;
    const before = get().model;
    const isSame = before !== null && identityOf(before) === identityOf(model);
    models.reset(model, isSame);
    if (before !== null && !isSame) {
      // Candidates of the old one could be chosen, and its speed would be taken for the new one's.
      set({ distribution: null, measured: null, selected: null, hovered: null });
    }
    if (!isSame || before?.device.kind !== model.device.kind || before.dtype !== model.dtype) {
      set({ run: null });
    }
    // The slices fit what they keep to it.
    set({
      model,
      place: placeOf(current, options),
      layer: Math.min(layer, model.nLayer - 1),
      head: Math.min(head, model.nHead - 1),
    });
    for (const { slice } of slices) slice.reset?.();
    const known = text.promptCount > 0 || (text.pieces.length > 0 && prompt === '');
    if (!get().settingsChosen) set({ settings: withDefaults(model) });
    publish({
      prompt,
      phase: 'ready',
      loading: null,
      restoring: null,
      tokenised: known || prompt === '',
    });
    set(seenFrom(text.pieces.length));
    // A link's text waits for the link's model, as long as it may still come.
    const mayCome = get().offer?.fromAddress ?? false;
    if (replay.waits() && !mayCome) void showRecording(model);
    else begin();
  }

  /** The model is there: the panels may ask, and who waited may go on. */
  function begin(): void {
    if (get().tokenised) refreshPanels();
    else editing.tokenise();
    if (get().queued) generate();
  }

  async function showRecording(model: ModelSummary): Promise<void> {
    try {
      if ((await replay.show(model)) && !get().queued) return;
    } catch (error) {
      report(error, 'panels');
    }
    begin();
  }

  function takeDevice(device: DeviceRequest): void {
    set({ device });
    reload();
  }

  function takeDtype(dtype: Dtype): void {
    set({ dtype });
    reload();
  }

  /** Goes back to the model that comes with the page. */
  function takeOwnModel(): void {
    turnTo(own);
    void load();
  }

  async function measure(): Promise<void> {
    if (get().measuring || get().phase !== 'ready') return;
    abortRun();
    cancelPanels();
    set({ measuring: true });
    try {
      set({ measured: await engine.ask('measureDevices', {}) });
    } catch (error) {
      report(error, 'measure');
    } finally {
      set({ measuring: false });
      refreshPanels();
    }
  }

  engine.onLost((reason) => {
    const now = Date.now();
    losses = [...losses.filter((at) => now - at < 60_000), now];
    const again = losses.length > 2;
    if (again) set({ device: 'cpu' });
    settled = null;
    const cause = reason === '' ? '' : ` (${reason})`;
    void load(
      again
        ? `The GPU went away repeatedly${cause}. The model is being loaded on the processor instead; your text is kept.`
        : `The GPU went away${cause}. The model is being loaded again; your text is kept.`,
    );
  });

  // ── the rest ────────────────────────────────────────────────────────────────────────────────

  function report(error: unknown, during: Problem['during']): void {
    if (error instanceof DOMException && error.name === 'AbortError') return;
    // The loss itself is told and mended by `onLost`.
    const info = toErrorInfo(error);
    if (info.code === 'device/lost' && get().restoring !== null) return;
    set({ problem: { info, during } });
  }

  function tryAgain(): void {
    const { problem, phase } = get();
    set({ problem: null });
    if (problem?.during === 'load' || phase === 'failed') {
      if (failedChange !== null) {
        const { wish, device, dtype } = failedChange;
        turnTo(wish);
        set({ device, dtype });
      }
      void load();
    } else if (problem?.during === 'generate') generate();
    else if (problem?.during === 'measure') void measure();
    else refreshPanels();
  }

  function used(hint: string): void {
    const { done } = get();
    if (!done.includes(hint)) set({ done: [...done, hint] });
  }

  return {
    start: startPage,
    load,
    setVerdict,
    setVerdictLate: () => {
      if (get().verdict === null) set({ verdictLate: true });
    },
    ...editing.actions,
    tree: editing.tree,
    /** The text to store. */
    snapshot: editing.textNow,
    select,
    hover: (hovered: number | null) => {
      if (hovered !== get().hovered) set({ hovered });
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
    takeDevice,
    takeDtype,
    takeOwnModel,
    hasOtherModel: () => !isSameName(current, own) || current.files !== undefined,
    measure,
    tryAgain,
    dismissProblem: () => set({ problem: null }),
    dismissNotes: () => set({ notes: [] }),
    setTheme: (theme: Theme) => set({ theme }),
    setStorageWorks: (storageWorks: boolean) => {
      if (storageWorks !== get().storageWorks) set({ storageWorks });
    },
    setTreeStored: (treeStored: boolean) => {
      if (treeStored !== get().treeStored) set({ treeStored });
    },
    used,
  };
}

/** How the address names a model; null for the page's own, and for what no address can name. */
function placeOf(wish: Wish, { ownSource, base }: ActionsOptions): ModelName | null {
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

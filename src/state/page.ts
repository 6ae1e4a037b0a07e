// Everything the page can do: who owns which facts, and who hears of what. The wires; what happens at
// their ends stands in the slices, which alone call the engine.
import type { Engine, GpuVerdict, ModelSummary, SweepRequest } from '../api.ts';
import { toErrorInfo } from '../errors.ts';
import type { Tree } from './branches.ts';
import { openDoor } from './door.ts';
import { whyOf } from './facts/model.ts';
import { isNameless, type Wish } from './facts/models.ts';
import type { Problem, Theme, Work } from './facts/page.ts';
import type { NextFacts, RunEnd } from './facts/run.ts';
import { createGather } from './gather.ts';
import { meanWhatIsHere } from './meant.ts';
import { identityOf, type ModelName } from './modelName.ts';
import type { Looked } from './persist.ts';
import type { Recording } from './replay.ts';
import type { Settings } from './settings.ts';
import { createAnatomy } from './slices/anatomy.ts';
import { createAttention } from './slices/attention.ts';
import { createCheck } from './slices/check.ts';
import { createKept } from './slices/kept.ts';
import { createLens } from './slices/lens.ts';
import { createLessons } from './slices/lessons.ts';
import { createMeasured } from './slices/measured.ts';
import { createModel } from './slices/model.ts';
import { createNext } from './slices/next.ts';
import { createOffer } from './slices/offer.ts';
import { createParts } from './slices/parts.ts';
import { createReplay } from './slices/replay.ts';
import { createRun } from './slices/run.ts';
import { createSampler } from './slices/sampler.ts';
import { createSaving } from './slices/saving.ts';
import type { PageContext, Slice, SliceContext } from './slices/slice.ts';
import type { TextOptions } from './slices/text/desk.ts';
import { isAboutWords } from './slices/text/prompt.ts';
import { createText } from './slices/text/text.ts';
import type { AppState, AppStore } from './store.ts';
import type { Story } from './story.ts';
import type { Kept } from './tabStorage.ts';
import type { TokenText } from './tokenText.ts';
import { VIEW, type View } from './view.ts';

export interface PageOptions {
  readonly engine: Engine;
  readonly store: AppStore;
  readonly text: TokenText;
  /** The model that the address names; undefined for the page's own. */
  readonly wish?: Wish | undefined;
  /** The step of a run that this tab looked at before it was loaded again. */
  readonly looked?: Looked | null;
  /** Absolute address of the model that comes with the page. */
  readonly ownSource: string;
  /** The page's address. */
  readonly base: string;
  /** The branches of the restored text. */
  readonly savedTree: Tree | null;
  /** A saved text that the address replaced; undo brings it back. */
  readonly savedOver: TextOptions['before'];
  /** The person writes: what the address replaced need not be found again after a reload. */
  readonly wrote?: () => void;
  /** A text that came with the address. */
  readonly recording?: Recording | undefined;
  readonly frame: (callback: () => void) => void;
}

export type Actions = ReturnType<typeof createPage>;

export function createPage(options: PageOptions) {
  const { store, text } = options;
  const door = openDoor(store);
  const { get, together } = door;
  const engine = meanWhatIsHere(options.engine, get);
  const answers = createGather(door);
  const [setView, setPage, setBusy] = [door.pen('view'), door.pen('page'), door.pen('busy')];

  const context: PageContext = {
    engine,
    store,
    text,
    get,
    together,
    answers,
    answerable: () => get().model.at === 'here' && get().text.tokenised,
    off: () => get().run.off ?? get().view.off,
    look,
    sees: (firstVisible) => writing.sees(firstVisible),
    work,
    report,
    say: (announcement) => setPage({ announcement }),
    note: (words) => {
      if (words.length > 0) setPage({ notes: [...get().page.notes, ...words] });
    },
    used,
    refreshAll,
  };
  const of = <N extends keyof AppState>(name: N): SliceContext<N> => ({
    ...context,
    set: door.pen(name),
  });

  // ── who owns what ───────────────────────────────────────────────────────────────────────────

  const writing = createText({
    ...of('text'),
    abortRun: () => run.abort(),
    cancelPanels,
    departs: () => replay.departs(),
    forgetRun: () => run.forget(),
    takeSeed: (seed) => run.takeSeed(seed),
    tree: options.savedTree,
    own: options.looked?.own ?? null,
    before: options.savedOver,
    // A lesson's text is not what somebody writes.
    wrote(): void {
      if (lessons.own() === null) options.wrote?.();
    },
    undone: () => setPage({ replaced: false }),
  });
  const model = createModel({
    ...of('model'),
    ownSource: options.ownSource,
    base: options.base,
    wish: options.wish,
    interrupt,
    settle,
    ended(error) {
      if (error !== null) {
        if (get().model.at === 'failed') run.unqueue();
        else refreshAll();
        report(error, 'load');
      }
      offer.goOn();
    },
    offer: (wish) => offer.offer(wish),
  });
  const run = createRun({
    ...of('run'),
    writing,
    frame: options.frame,
    cancelPanels,
    onToken: () => {
      for (const { slice } of slices) slice.onToken?.();
    },
    showNext: (shown) => next.show(shown),
    begins(): void {
      setPage({ problem: null });
      replay.stopLive();
      measured.stop();
    },
    loadAgain: () => model.again(),
  });
  const next = createNext(of('next'), writing);
  const kept = createKept(of('kept'));
  const offer = createOffer({
    ...of('models'),
    base: options.base,
    toAsked: model.toAsked,
    bring: model.bring,
    declined(): void {
      const { here } = get().model;
      if (here !== null && replay.waits()) void showRecording(here.summary);
    },
    keptChanged: kept.refresh,
  });
  const replay = createReplay({
    ...of('replay'),
    writing,
    recording: options.recording,
    modelName,
    isNamed: model.isNamed,
  });
  const measured = createMeasured({ ...of('measured'), interrupt });
  const saving = createSaving(of('saving'));
  const check = createCheck({
    ...of('check'),
    loadSimpler: model.loadSimpler,
  });
  const attention = createAttention(of('attention'));
  const lens = createLens(of('lens'));
  const parts = createParts(of('parts'));
  const lessons = createLessons({ ...context, writing, run, parts });

  // The bars before the views, since everybody reads them.
  const slices: readonly { readonly slice: Slice }[] = [
    replay,
    parts,
    next,
    attention,
    lens,
    createSampler(of('sampler')),
    createAnatomy(of('anatomy')),
  ];

  /** The text's epoch while it is the recorded story. */
  let storyEpoch = -1;

  // ── who hears of what ───────────────────────────────────────────────────────────────────────

  function look(patch: Partial<View>): void {
    const isOther = patch.selected !== undefined && patch.selected !== get().view.selected;
    // A window that was moved by hand follows the next token that is selected.
    setView(isOther && patch.corner === undefined ? { ...patch, corner: null } : patch);
  }

  function work(name: Work, isOn: boolean): void {
    if (get().busy.has(name) === isOn) return;
    const busy = new Set(get().busy);
    if (isOn) busy.add(name);
    else busy.delete(name);
    setBusy(busy);
  }

  function refreshSlices(): void {
    if (!get().busy.has('run')) for (const { slice } of slices) slice.refresh();
  }

  function refreshAll(): void {
    if (!context.answerable() || get().busy.has('run')) return;
    refreshSlices();
    next.scoreSoon();
  }

  function cancelPanels(): void {
    answers.end();
    for (const { slice } of slices) slice.cancel();
  }

  function interrupt(reason: RunEnd = 'aborted'): void {
    run.abort(reason);
    cancelPanels();
    if (get().page.problem !== null) setPage({ problem: null });
  }

  /** Everything turns to the model that is here now. */
  function settle(now: ModelSummary, before: ModelSummary | null): void {
    const prompt = writing.fit(now, before, get().model.here?.wish.texts?.starts[0]);
    const isSame = before !== null && identityOf(before) === identityOf(now);
    // Of one run: who looks at a step looks at the same token and the same head of the other.
    // A fingerprint does not tell the first steps apart, whose rate is next to nothing.
    const isStep =
      isSame &&
      (before.fingerprint !== now.fingerprint ||
        before.origin?.run?.step !== now.origin?.run?.step);
    check.reset(now);
    saving.reset();
    if (!isSame || isStep) measured.forget();
    if (!isSame) {
      if (before !== null) {
        next.forget();
        writing.hover(null);
        look({ selected: null });
      }
    }
    if (!isSame || isStep || before.device.kind !== now.device.kind || before.dtype !== now.dtype) {
      run.forget();
    }
    look(VIEW.fit(get().view, now));
    // What was recorded of the story stays as well until the model has answered.
    const isGoingOn = isStep || (before === null && storyEpoch === text.epoch);
    if (isStep) answers.begin();
    for (const { slice } of slices) (isGoingOn ? (slice.turn ?? slice.reset) : slice.reset)?.();
    run.takeDefaults();
    const known = text.promptCount > 0 || (text.pieces.length > 0 && prompt === '');
    const tokenised = known || prompt === '';
    writing.publish({ prompt, tokenised, unread: null, ...writing.seenFrom(text.pieces.length) });
    // A link's text waits for the link's model, as long as it may still come.
    if (replay.waits() && !offer.mayCome()) void showRecording(now);
    else begin();
  }

  /** The model is there: the panels may ask, and who waited may go on. */
  function begin(): void {
    if (get().text.tokenised) refreshAll();
    else writing.tokenise();
    if (get().run.queued) run.actions.generate();
  }

  async function showRecording(now: ModelSummary): Promise<void> {
    try {
      if ((await replay.show(now)) && !get().run.queued) return;
    } catch (error) {
      report(error, 'panels');
    }
    begin();
  }

  /** Loads the page's first model: what the address names, if that needs no question; else its own. */
  async function start(): Promise<void> {
    const { wish } = options;
    let named: Wish | null = null;
    if (wish !== undefined) {
      if (await offer.takeAddress(wish)) named = wish;
      else model.beginWith(model.own);
    } else if (options.looked) model.beginWith(options.looked.wish);
    await model.load();
    await offer.resumeBroken(named);
  }

  /** Shows what the page's own model once wrote, until it is there; nothing where somebody has written before. */
  function showStory({ snapshot, rows, map, lens: columns }: Story): boolean {
    const { model: now, text: words } = get();
    const isOther = words.prompt !== snapshot.prompt || words.undoDepth > 0;
    if (now.at === 'here' || text.pieces.length > 0 || isOther || get().run.queued) return false;
    together(() => {
      writing.restore(snapshot);
      setPage({ story: true });
      attention.show(rows, map);
      lens.show(columns);
    });
    storyEpoch = text.epoch;
    return true;
  }

  /** The loaded model as links name it; null for the page's own, undefined where no link can. */
  function modelName(): ModelName | null | undefined {
    const { wish, here } = get().model;
    if (isNameless(wish)) return undefined;
    const place = here?.place ?? null;
    const commit = here?.summary.origin?.commit ?? null;
    // The very commit, whatever the branch will mean when somebody opens the link.
    return place === null || commit === null ? place : { ...place, revision: commit };
  }

  function report(error: unknown, during: Problem['during']): void {
    if (error instanceof DOMException && error.name === 'AbortError') return;
    const info = toErrorInfo(error);
    // The loss itself is told and mended where the model is brought back.
    if (info.code === 'device/lost' && (during !== 'load' || whyOf(get()) !== null)) return;
    // Another model has come, and everything is asked of it anew.
    if (info.code === 'engine/superseded') return;
    // What a prompt has no token for is said beneath it already.
    if (during === 'generate' && isAboutWords(info.code) && get().text.unread !== null) {
      setPage({ announcement: info.message });
      return;
    }
    if (info.code === 'engine/worker') model.gone();
    setPage({ problem: { info, during } });
  }

  function tryAgain(): void {
    const { problem } = get().page;
    setPage({ problem: null });
    if (problem?.during === 'load' || get().model.at === 'failed') model.again();
    else if (problem?.during === 'generate') run.actions.generate();
    else if (problem?.during === 'measure') measured.actions.measure();
    else refreshAll();
  }

  function used(hint: string): void {
    const { done } = get().page;
    if (!done.includes(hint)) setPage({ done: [...done, hint] });
  }

  function select(index: number | null): void {
    const selected = index === null || index >= text.pieces.length ? null : Math.max(0, index);
    if (selected === get().view.selected) return;
    look({ selected });
    refreshSlices();
  }

  function changeSettings(patch: Partial<Settings>): void {
    together(() => {
      // A field that does not show at once what is typed loses it.
      answers.end();
      run.change(patch);
      replay.departs();
      if (patch.temperature !== undefined) used('temperature');
    });
    if (!get().busy.has('run')) next.ask();
  }

  return {
    start,
    ...writing.actions,
    tree: writing.tree,
    /** The text to store. */
    snapshot: writing.textHere,
    hover: (index: number | null) => writing.hover(index),
    /** The text with all that belongs to it, and to have it stand there again. */
    stands: writing.stands,
    standsAgain: writing.standsAgain,
    select,
    showStory,
    /** Candidates that were recorded. */
    showNext: (facts: NextFacts) => next.show(facts),
    setReading: (reading: View['reading']) => look({ reading }),
    openWorkspace(workspace: View['workspace']): void {
      lessons.leave();
      look({ workspace, lesson: 0 });
    },
    /** Opens a step of the lessons, from 1; 0 leaves them. Whoever learns, writes. */
    learn(lesson: number): void {
      if (lesson === 0) lessons.leave();
      look({ workspace: 'write', lesson });
      used('learn');
    },
    beginStep: (...step: Parameters<typeof lessons.begin>) => lessons.begin(...step),
    /** The page before the lessons, which is what is to be stored; null while nobody learns. */
    own: lessons.own,
    /** What the numbers in lessons are measured with: asks, and changes nothing that is shown. */
    ask: (async (question, input, signal) => engine.ask(question, input, signal)) as Engine['ask'],
    sweep: (request: SweepRequest) => engine.sweep(request),
    openPanel(panel: string): void {
      look({ panel });
      if (panel !== '') used(`open-${panel}`);
      refreshSlices();
    },
    ...run.actions,
    changeSettings,
    resetSettings(): void {
      changeSettings({});
      run.reset();
    },
    ...attention.actions,
    ...lens.actions,
    ...parts.actions,
    ...replay.actions,
    ...model.actions,
    ...offer.actions,
    closeModels(): void {
      offer.actions.closeModels();
      kept.close();
    },
    ...kept.actions,
    ...measured.actions,
    ...check.actions,
    ...saving.actions,
    setVerdict(verdict: GpuVerdict): void {
      setPage({ verdict, verdictLate: false });
      model.judge(verdict);
    },
    setVerdictLate(): void {
      if (get().page.verdict === null) setPage({ verdictLate: true });
    },
    tryAgain,
    /** Says it to those who cannot see it; '' takes the last words away, so that they can be said again. */
    announce: context.say,
    dismissProblem: () => setPage({ problem: null }),
    dismissNotes: () => setPage({ notes: [] }),
    dismissReplaced: () => setPage({ replaced: false }),
    setTheme: (theme: Theme) => setPage({ theme }),
    setStorage(storage: Kept): void {
      if (storage !== get().page.storage) setPage({ storage });
    },
    setTreeStored(treeStored: boolean): void {
      if (treeStored !== get().page.treeStored) setPage({ treeStored });
    },
    used,
  };
}

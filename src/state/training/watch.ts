// The run that is shown, and the one that runs, which may be another: its events become facts, and buttons become orders.
import type {
  ErrorInfo,
  RunArguments,
  RunEvent,
  RunRecord,
  RunRequest,
  RunStep,
  TrainerQuestions,
} from '../../api.ts';
import { EngineError, toErrorInfo } from '../../errors.ts';
import type { RunTexts } from '../facts/models.ts';
import type { Browser } from './browser.ts';
import { loadedOf, type TrainingContext } from './context.ts';
import type { Curve } from './curve.ts';
import { WATCH_NOTHING, type LiveFacts, type ShownRun, type WatchFacts } from './facts.ts';
import { isKept, lastUnseen } from './kept.ts';
import { liveOf } from './live.ts';
import { modelFiles } from './modelFiles.ts';
import { Pace } from './pace.ts';

/** When a tab is seen again, what was told meanwhile is heard within this time. */
const HEARD_MS = 1000;

export function createWatch({
  trainer,
  get,
  set,
  setLive,
  say,
  curve,
  beside,
  look,
  browser,
  begins,
  ended,
  grew,
  twinDone,
}: TrainingContext<'watch'> & {
  readonly setLive: (facts: LiveFacts) => void;
  /** Of the run that is shown. */
  readonly curve: Curve;
  /** Of the one that runs, where that is another. */
  readonly beside: Curve;
  readonly look: (step: RunStep, name: string, texts: RunTexts, files?: readonly File[]) => void;
  readonly browser: Browser;
  /** The device is taken from now on. */
  readonly begins: () => void;
  /** A run has begun or come to an end: lists are out of date. */
  readonly ended: () => void;
  /** More is kept of the run that runs. */
  readonly grew: () => void;
  /** A twin has made all its steps. Whether it is shown beside the run that it is a twin of. */
  readonly twinDone: (twin: ShownRun) => boolean;
}) {
  /** Resolves when the run that runs has ended. */
  let running: Promise<void> | null = null;
  let stopping = false;
  /** The step that the run which goes on had come to before: what lies below is made again. */
  let lost = 0;
  const pace = new Pace();
  browser.onSight(() => {
    if (browser.isHidden()) pace.hide();
    else setTimeout(seenAgain, HEARD_MS);
  });

  function seenAgain(): void {
    if (browser.isHidden()) return;
    const message = pace.show();
    if (message === null) return;
    const hint = 'Keep it in sight, in a window of its own, and it trains as fast as it can.';
    tell({ code: 'training/slowed', message, hint });
  }

  /** Not the end of anything, and worth to be heard. */
  function tell(notice: ErrorInfo): void {
    put({ notice });
    say(notice.message);
  }

  /** Facts of the run that runs, wherever they stand. */
  const now = (): WatchFacts => liveOf(get());
  const line = (): Curve => (get().live.away === null ? curve : beside);
  function put(facts: Partial<WatchFacts>): void {
    const { away } = get().live;
    if (away === null) set(facts);
    else setLive({ away: { ...away, ...facts } });
  }
  const patchRun = (patch: Partial<ShownRun>): void => {
    const { run } = now();
    if (run !== null) put({ run: { ...run, ...patch } });
  };
  /** It has ended, or nobody wants to be brought back to it. */
  function noteEnd(id: string): void {
    browser.noteUnderWay(browser.underWay().filter(([one]) => one !== id));
  }
  function noteBegin(id: string): void {
    noteEnd(id);
    browser.noteUnderWay([...browser.underWay(), [id, Date.now()]]);
  }
  /** Whether it runs, here and now. */
  const isLive = (id: string): boolean => running !== null && now().run?.id === id;

  /** What runs makes room for something else, and is told of in its own place. */
  function stepAside(): void {
    if (running === null || get().live.away !== null) return;
    beside.exchange(curve);
    setLive({ away: get().watch });
  }

  /** What stepped aside is shown again, also where it has ended meanwhile. */
  function showLive(): void {
    const { away } = get().live;
    if (away === null) return;
    curve.exchange(beside);
    const { horizontal, revision } = get().watch;
    set({ ...away, horizontal, revision: Math.max(away.revision, revision) + 1 });
    setLive({ away: null });
    const { run } = away;
    if (running === null && run?.state === 'done' && run.twinOf !== null) twinDone(run);
  }

  /** Shows a run with its curve; whatever was shown goes, but for what runs. */
  function show({ points, ...run }: RunRecord): void {
    stepAside();
    curve.clear();
    curve.add(points);
    set({
      ...WATCH_NOTHING,
      horizontal: get().watch.horizontal,
      at: 'resting',
      run,
      last: curve.at(curve.length - 1),
      revision: get().watch.revision + 1,
      error: run.error,
    });
  }

  /** `linked`: losses that its first steps are to have (`WatchFacts.linked`). */
  function begin(request: RunRequest, linked: readonly number[] = []): void {
    if (running !== null) return;
    begins();
    setLive({ away: null });
    stopping = false;
    set({
      at: 'preparing',
      preparing: { what: 'Starting', share: null },
      error: null,
      notice: null,
      chosen: null,
      // What is shown stays where it is what goes on.
      ...('id' in request.run ? {} : { run: null, last: null, linked }),
    });
    running = follow(request).finally(() => {
      running = null;
      ended();
    });
  }

  async function follow(request: RunRequest): Promise<void> {
    try {
      const loaded = loadedOf(get());
      const asked = loaded === null ? request : { ...request, loaded };
      for await (const event of trainer().train(asked)) hear(event);
      await lookAtEnd();
      // Whoever ends without a word was stopped before the first step.
      if (now().at === 'preparing') rest('stopped');
    } catch (error) {
      await lookAtKept();
      fail(toErrorInfo(error));
      if (toErrorInfo(error).code === 'storage/busy') await lookThere();
    }
  }

  /** As another tab has it by now; why it does not go on here stays beside it. */
  async function lookThere(): Promise<void> {
    const { run, error } = now();
    const found =
      run &&
      (await trainer()
        .ask('run', { id: run.id })
        .catch(() => null));
    if (found === null || found.id !== now().run?.id) return;
    line().clear();
    line().add(found.points);
    const { points: _, ...there } = found;
    put({ run: there, last: line().at(line().length - 1), revision: now().revision + 1, error });
  }

  /** What it can go on from, and what can be looked at, as it is now. */
  async function lookAtKept(): Promise<void> {
    const id = now().run?.id;
    if (id === undefined) return;
    // Of a run that is gone there is nothing; what ended it is told.
    const found = await trainer()
      .ask('run', { id })
      .catch(() => null);
    if (found === null) return;
    const { unkept: _, ...run } = now().run ?? found;
    const { kept, snapshots, unkept } = found;
    if (run.id === id) put({ run: { ...run, kept, snapshots, ...(unkept && { unkept }) } });
  }

  /** Whether it found room. */
  async function lookAtEnd(): Promise<void> {
    await lookAtKept();
    const { run } = now();
    if (run?.unkept === true) say(`${run.name} found no room: it stands in this tab alone.`);
  }

  function hear(event: RunEvent): void {
    const watch = now();
    switch (event.type) {
      case 'preparing':
        put({ preparing: { what: event.what, share: event.share } });
        break;
      case 'begun': {
        const { points, ...run } = event.run;
        line().clear();
        line().add(points);
        const last = line().at(line().length - 1);
        const done = watch.run?.id === run.id ? watch.run.step : run.step;
        if (done > run.step) put({ notice: againWords(run.step, done) });
        lost = done;
        put({
          at: 'running',
          run: { ...run, state: 'running' },
          last,
          revision: watch.revision + 1,
          memory: event.memory,
          device: event.device,
        });
        pace.run(run.step);
        noteBegin(run.id);
        say(`${run.name}: training ${run.step > 0 ? `goes on from step ${run.step}` : 'began'}.`);
        ended();
        break;
      }
      case 'points': {
        line().add(event.points);
        const last = line().at(line().length - 1);
        put({
          last,
          revision: watch.revision + 1,
          // A single step tells no speed.
          tokensPerSecond: event.tokensPerSecond,
          secondsAStep: pace.secondsAStep(),
        });
        if (last !== null) {
          if (watch.notice?.code === AGAIN && last.step > lost) put({ notice: null });
          pace.to(last.step);
          patchRun({ step: last.step, loss: last.loss });
        }
        break;
      }
      case 'evaluation':
        pace.evaluated(event.step);
        patchRun({
          evaluations: after(watch.run?.evaluations, { step: event.step, loss: event.loss }),
          // What stands before the first step is no result of it.
          ...(event.step > 0 && { evalLoss: event.loss }),
        });
        put({ revision: watch.revision + 1 });
        break;
      case 'sample':
        patchRun({ samples: after(watch.run?.samples, event.sample) });
        break;
      case 'snapshot':
        patchRun({ snapshots: after(watch.run?.snapshots, event.snapshot) });
        break;
      case 'checkpoint':
        patchRun({ kept: event.kept });
        grew();
        // There is room again.
        if (/storage/u.test(watch.notice?.code ?? '')) put({ notice: null });
        break;
      case 'cleared':
        patchRun({
          kept: event.kept,
          snapshots: (watch.run?.snapshots ?? []).map((one) =>
            event.snapshots.includes(one.step) ? one : { ...one, sizeBytes: 0 },
          ),
        });
        tell({
          code: 'training/cleared',
          message: 'What was kept of this run was deleted: by the browser, or in its settings.',
          hint: 'It trains on, and is kept anew from its next save on.',
        });
        break;
      case 'paused':
        put({ at: 'paused' });
        pace.rest();
        grew();
        // A step of a paused run pauses it again, and says nothing.
        if (watch.at === 'running') say(`Paused at step ${event.step}.`);
        break;
      case 'going':
        put({ at: 'running' });
        pace.run(watch.run?.step ?? 0);
        break;
      case 'notice':
        tell(event.info);
        break;
      case 'ended':
        patchRun({ step: event.step });
        if (watch.run !== null) noteEnd(watch.run.id);
        // It spoke of a next save.
        if (/storage/u.test(watch.notice?.code ?? '')) put({ notice: null });
        rest(event.state);
        break;
    }
  }

  function rest(state: 'stopped' | 'done'): void {
    pace.rest();
    patchRun({ state });
    put({ at: now().run === null ? 'nothing' : 'resting' });
    const { run } = now();
    if (run === null) return;
    if (state === 'stopped') return say(`${run.name}: stopped at step ${run.step}.`);
    // Whoever looks at something else is not taken away from it.
    const isPair = run.twinOf !== null && get().live.away === null && twinDone(run);
    say(
      `${run.name}: done, all ${run.step} steps.${isPair ? ' Both stand side by side now.' : ''}`,
    );
  }

  function fail(error: ErrorInfo): void {
    pace.rest();
    const id = now().run?.id;
    // A worker that broke has written no end down.
    if (id !== undefined && error.code !== 'engine/worker') noteEnd(id);
    // What never began, as where the model is not at hand that it stands on, stays what it was.
    if (now().at !== 'preparing') {
      const ranAway = error.code === 'training/not-finite';
      patchRun({ state: 'failed', error, ...(ranAway && { loss: null, evalLoss: null }) });
    }
    put({ at: now().run === null ? 'nothing' : 'resting', error });
    say(error.message);
  }

  async function order(what: TrainerQuestions['control']['input']['what']): Promise<void> {
    try {
      await trainer().ask('control', { what });
    } catch (error) {
      put({ error: toErrorInfo(error) });
    }
  }

  async function stop(): Promise<void> {
    if (running === null || stopping) return;
    stopping = true;
    await order('stop');
    await running;
  }

  return {
    begin,
    open,
    noteEnd,
    isBusy: () => running !== null,
    /** The heading is the name in the list. */
    named(id: string, name: string): void {
      const { run } = get().watch;
      if (run?.id === id && run.name !== name) set({ run: { ...run, name } });
      const live = now().run;
      if (live?.id === id && live.name !== name) patchRun({ name });
    },
    /** Another tab has run it until now, or runs it since. */
    lookAgain(id: string): void {
      if (!isLive(id) && get().watch.run?.id === id) void open(id);
    },
    lookThere,
    /** It is deleted. */
    gone(id: string): void {
      noteEnd(id);
      if (get().live.away?.run?.id === id) setLive({ away: null });
      if (get().watch.run?.id === id) close();
    },
    actions: {
      pause: () => void order('pause'),
      goOn: () => void order('go'),
      oneStep: () => void order('step'),
      stop: () => void stop(),
      /** A run that is kept goes on, or the one that runs goes on with something changed. */
      async resume(id: string, change?: RunArguments, from?: number): Promise<void> {
        if (get().watch.run?.id !== id) await open(id);
        // One run at a time: what another one waits for is said where it would go on.
        if (isLive(id)) await stop();
        if (get().watch.run?.id !== id) return;
        begin({
          run: { id },
          ...(change === undefined ? {} : { change }),
          ...(from === undefined ? {} : { from }),
        });
      },
      open: (id: string) => void open(id),
      /** Somebody has made room for a run that found none when it ended. */
      async keepRun(id: string): Promise<void> {
        set({ error: null });
        try {
          show(await trainer().ask('keepRun', { id }));
          say('Kept: it goes on after a reload.');
        } catch (error) {
          set({ error: toErrorInfo(error) });
          say(toErrorInfo(error).message);
        }
        ended();
      },
      close,
      showLive,
      /** It has ended, and nobody wants to see it now. */
      dismissLive(): void {
        if (running === null) setLive({ away: null });
      },
      /**
       * At a step that has a snapshot, or at the weights as they are now, or were last; of the run that is shown, the one
       * that runs, or the one that the page looks into.
       */
      async lookInside(step?: number, id = get().watch.run?.id): Promise<void> {
        const known = [get().watch.run, now().run, get().looked.run];
        const run = known.find((one) => one?.id === id);
        if (run == null) return;
        try {
          const last = isLive(run.id) ? null : lastUnseen(run);
          const isLast = last !== null && (step === undefined || step === last);
          const at = isLast ? last : (step ?? (await newest(run)));
          if (at === null) return;
          const files = isLast ? await modelFiles(trainer(), run.id) : undefined;
          look({ id: run.snapshotsId, step: at }, run.name, await textsOf(run), files);
        } catch (error) {
          set({ error: toErrorInfo(error) });
        }
      },
      chooseSample: (step: number | null) => set({ chosen: step }),
      setHorizontal: (horizontal: 'linear' | 'log') => set({ horizontal }),
      dismiss: () => set({ error: null, notice: null }),
    },
  };

  async function textsOf({ id, snapshots }: Pick<ShownRun, 'id' | 'snapshots'>): Promise<RunTexts> {
    // Without them the prompt stays what it is.
    const starts = await trainer()
      .ask('starts', { id })
      .catch(() => []);
    const probe = snapshots.at(-1)?.scores?.on;
    return { starts, ...(probe !== undefined && { probe }) };
  }

  /** The step of the newest weights that can be looked at; of a run that runs they are kept now. */
  async function newest(run: ShownRun): Promise<number | null> {
    const last = run.snapshots.findLast(isKept);
    if (!isLive(run.id) || last?.step === run.step) return last?.step ?? null;
    const kept = await trainer().ask('keepNow', {});
    if (isKept(kept)) return kept.step;
    throw new EngineError(`The weights of step ${kept.step} could not be kept.`, {
      code: 'training/not-kept',
      hint: 'What is not kept cannot be looked at: make room in the browser’s storage, or look at an earlier step.',
    });
  }

  /** Another run than the one that runs, which goes on, or that one again. */
  async function open(id: string): Promise<void> {
    if (now().run?.id === id && (running !== null || get().live.away !== null)) return showLive();
    try {
      show(await trainer().ask('run', { id }));
    } catch (error) {
      set({ error: toErrorInfo(error) });
    }
  }

  /** Back to the three choices; a run that runs goes on. */
  function close(): void {
    stepAside();
    set({ ...WATCH_NOTHING, horizontal: get().watch.horizontal });
  }
}

/** A list with one more; what stands there of the same step, as of a run that went back, and behind it, goes. */
function after<T extends { readonly step: number }>(list: readonly T[] = [], one: T): readonly T[] {
  return [...list.filter(({ step }) => step < one.step), one];
}

const AGAIN = 'training/again';

/** A run that was broken off goes on from what was kept. */
function againWords(kept: number, done: number): ErrorInfo {
  const words = (count: number): string => count.toLocaleString('en');
  const lost = done - kept;
  return {
    code: AGAIN,
    message: `It goes on from step ${words(kept)}, the last that was kept.`,
    hint:
      lost === 1
        ? 'The step behind it is made again.'
        : `The ${words(lost)} steps behind it are made again.`,
  };
}

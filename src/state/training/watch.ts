// The run that is shown, and the one that runs: its events become facts, and buttons become orders.
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
import { WATCH_NOTHING, type ShownRun } from './facts.ts';
import { isKept } from './kept.ts';
import { Pace } from './pace.ts';

/** When a tab is seen again, what was told meanwhile is heard within this time. */
const HEARD_MS = 1000;

export function createWatch({
  trainer,
  get,
  set,
  say,
  curve,
  look,
  browser,
  begins,
  ended,
  grew,
  twinDone,
}: TrainingContext<'watch'> & {
  readonly curve: Curve;
  readonly look: (step: RunStep, name: string, texts: RunTexts) => void;
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
    set({ notice });
    say(notice.message);
  }

  const patchRun = (patch: Partial<ShownRun>): void => {
    const { run } = get().watch;
    if (run !== null) set({ run: { ...run, ...patch } });
  };

  /** Shows a run with its curve; whatever was shown goes. */
  function show({ points, ...run }: RunRecord): void {
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
      if (get().watch.at === 'preparing') rest('stopped');
    } catch (error) {
      await lookAtKept();
      fail(toErrorInfo(error));
    }
  }

  /** What it can go on from, and what can be looked at, as it is now. */
  async function lookAtKept(): Promise<void> {
    const id = get().watch.run?.id;
    if (id === undefined) return;
    // Of a run that is gone there is nothing; what ended it is told.
    const found = await trainer()
      .ask('run', { id })
      .catch(() => null);
    if (found === null) return;
    const { unkept: _, ...run } = get().watch.run ?? found;
    const { kept, snapshots, unkept } = found;
    if (run.id === id) set({ run: { ...run, kept, snapshots, ...(unkept && { unkept }) } });
  }

  /** Whether it found room. */
  async function lookAtEnd(): Promise<void> {
    await lookAtKept();
    const { run } = get().watch;
    if (run?.unkept === true) say(`${run.name} found no room: it stands in this tab alone.`);
  }

  function hear(event: RunEvent): void {
    const { watch } = get();
    switch (event.type) {
      case 'preparing':
        set({ preparing: { what: event.what, share: event.share } });
        break;
      case 'begun': {
        const { points, ...run } = event.run;
        curve.clear();
        curve.add(points);
        const last = curve.at(curve.length - 1);
        const done = watch.run?.id === run.id ? watch.run.step : run.step;
        if (done > run.step) set({ notice: againWords(run.step, done) });
        set({
          at: 'running',
          run: { ...run, state: 'running' },
          last,
          revision: watch.revision + 1,
          memory: event.memory,
          device: event.device,
        });
        pace.run(run.step);
        say(`${run.name}: training ${run.step > 0 ? `goes on from step ${run.step}` : 'began'}.`);
        ended();
        break;
      }
      case 'points': {
        curve.add(event.points);
        const last = curve.at(curve.length - 1);
        set({
          last,
          revision: watch.revision + 1,
          // A single step tells no speed.
          tokensPerSecond: event.tokensPerSecond,
          secondsAStep: pace.secondsAStep(),
        });
        if (last !== null) {
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
        set({ revision: watch.revision + 1 });
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
        if (/storage/u.test(watch.notice?.code ?? '')) set({ notice: null });
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
        set({ at: 'paused' });
        pace.rest();
        grew();
        // A step of a paused run pauses it again, and says nothing.
        if (watch.at === 'running') say(`Paused at step ${event.step}.`);
        break;
      case 'going':
        set({ at: 'running' });
        pace.run(watch.run?.step ?? 0);
        break;
      case 'notice':
        tell(event.info);
        break;
      case 'ended':
        patchRun({ step: event.step });
        // It spoke of a next save.
        if (/storage/u.test(watch.notice?.code ?? '')) set({ notice: null });
        rest(event.state);
        break;
    }
  }

  function rest(state: 'stopped' | 'done'): void {
    pace.rest();
    patchRun({ state });
    set({ at: get().watch.run === null ? 'nothing' : 'resting' });
    const { run } = get().watch;
    if (run === null) return;
    if (state === 'stopped') return say(`${run.name}: stopped at step ${run.step}.`);
    const beside = run.twinOf !== null && twinDone(run) ? ' Both stand side by side now.' : '';
    say(`${run.name}: done, all ${run.step} steps.${beside}`);
  }

  function fail(error: ErrorInfo): void {
    pace.rest();
    // What never began, as where the model is not at hand that it stands on, stays what it was.
    if (get().watch.at !== 'preparing') {
      const ranAway = error.code === 'training/not-finite';
      patchRun({ state: 'failed', error, ...(ranAway && { loss: null, evalLoss: null }) });
    }
    set({ at: get().watch.run === null ? 'nothing' : 'resting', error });
    say(error.message);
  }

  async function order(what: TrainerQuestions['control']['input']['what']): Promise<void> {
    try {
      await trainer().ask('control', { what });
    } catch (error) {
      set({ error: toErrorInfo(error) });
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
    isBusy: () => running !== null,
    /** The heading is the name in the list. */
    named(id: string, name: string): void {
      const { run } = get().watch;
      if (run?.id === id && run.name !== name) patchRun({ name });
    },
    /** Another tab has run it until now. */
    lookAgain(id: string): void {
      if (running === null && get().watch.run?.id === id) void open(id);
    },
    actions: {
      pause: () => void order('pause'),
      goOn: () => void order('go'),
      oneStep: () => void order('step'),
      stop: () => void stop(),
      /** A run that is kept goes on, or the one that runs goes on with something changed. */
      async resume(id: string, change?: RunArguments, from?: number): Promise<void> {
        if (get().watch.run?.id !== id) await open(id);
        await stop();
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
      /** Back to the three choices; a run that runs goes on. */
      close(): void {
        if (running === null) set({ ...WATCH_NOTHING, horizontal: get().watch.horizontal });
      },
      /** At a step that has a snapshot, or at the weights as they are now. */
      async lookInside(step?: number): Promise<void> {
        const { run } = get().watch;
        if (run === null) return;
        try {
          const at = step ?? (await newest(run));
          if (at !== null) look({ id: run.snapshotsId, step: at }, run.name, await textsOf(run));
        } catch (error) {
          set({ error: toErrorInfo(error) });
        }
      },
      chooseSample: (step: number | null) => set({ chosen: step }),
      setHorizontal: (horizontal: 'linear' | 'log') => set({ horizontal }),
      dismiss: () => set({ error: null, notice: null }),
    },
  };

  async function textsOf({ id, snapshots }: ShownRun): Promise<RunTexts> {
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
    if (running === null || last?.step === run.step) return last?.step ?? null;
    const now = await trainer().ask('keepNow', {});
    if (isKept(now)) return now.step;
    throw new EngineError(`The weights of step ${now.step} could not be kept.`, {
      code: 'training/not-kept',
      hint: 'What is not kept cannot be looked at: make room in the browser’s storage, or look at an earlier step.',
    });
  }

  async function open(id: string): Promise<void> {
    if (running !== null) {
      // One run at a time, and it is the one that is shown.
      if (get().watch.run?.id === id) return;
      await stop();
    }
    try {
      show(await trainer().ask('run', { id }));
    } catch (error) {
      set({ error: toErrorInfo(error) });
    }
  }
}

/** A list with one more; what stands there of the same step, as of a run that went back, and behind it, goes. */
function after<T extends { readonly step: number }>(list: readonly T[] = [], one: T): readonly T[] {
  return [...list.filter(({ step }) => step < one.step), one];
}

/** A run that was broken off goes on from what was kept. */
function againWords(kept: number, done: number): ErrorInfo {
  const words = (count: number): string => count.toLocaleString('en');
  const lost = done - kept;
  return {
    code: 'training/again',
    message: `It goes on from step ${words(kept)}, the last that was kept.`,
    hint:
      lost === 1
        ? 'The step behind it is made again.'
        : `The ${words(lost)} steps behind it are made again.`,
  };
}

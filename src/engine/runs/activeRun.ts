// The run that runs: what `train` tells becomes events for a page, and what the page wants is done between two steps.
import type {
  ErrorInfo,
  HeadScores,
  LoadedBase,
  RunArguments,
  RunChange,
  RunEvent,
  RunPoint,
  RunSettings,
  RunSnapshot,
} from '../../api.ts';
import { EngineError, toErrorInfo } from '../../errors.ts';
import type { MemoryPlan } from '../../model/training/plan.ts';
import { argumentsAt, changedNames } from '../../runChanges.ts';
import { isMeasuredStep, isSeenStep } from '../../runSteps.ts';
import type { GPT2 } from '../gpt2.ts';
import type { SavedFile } from '../save.ts';
import { measureHeads } from '../reading/headScores.ts';
import type { TrainOptions } from '../training/begin.ts';
import {
  type CheckpointStore,
  isOfTheStore,
  lastCheckpoint,
  savedFilesOf,
  sizeOf,
} from '../training/checkpointStore.ts';
import type { StartEvent, TrainEvent } from '../training/events.ts';
import { train } from '../training/train.ts';
import type { Bases, Beginning } from './bases.ts';
import { caughtUp } from './catchUp.ts';
import { memoryOf } from './estimate.ts';
import { type PreparedText, prepareText } from './prepare.ts';
import { Queue } from './queue.ts';
import { type KeptRun, toRecord, upTo } from './record.ts';
import { type RunStore, takeRun } from './runStore.ts';
import { optionsOf, plainName } from './settings.ts';
import { probeOf } from './tasks.ts';
import { strangeWords, wordsOf } from './strangeWords.ts';

/** Points go to the page this often at most, and a record to the disk. */
const POINTS_MS = 125;
const RECORD_MS = 4000;
/** Fewer tokens than these show nothing that heads do. */
const LEAST_PROBE = 8;

type Model = () => Promise<GPT2>;

export interface ActiveOptions {
  readonly id: string;
  readonly settings: RunSettings;
  readonly name: string;
  readonly twinOf: string | null;
  /** What is kept of it already, where it goes on. */
  readonly before: KeptRun | null;
  /** Of a twin: where its rate changes. */
  readonly changes?: readonly RunChange[] | undefined;
  /** What is different from here on. */
  readonly change?: RunArguments | undefined;
  /** The kept step that it goes back to; its last by default. */
  readonly from?: number | undefined;
  /** Null where nothing can be kept. */
  readonly store: RunStore | null;
  /** Where what finds no room there at the end is held, in memory. */
  readonly spare: () => Promise<RunStore>;
  /** The text's bytes. */
  readonly read: (signal: AbortSignal) => Promise<Uint8Array<ArrayBuffer>>;
  readonly where: Pick<TrainOptions, 'device' | 'processor'>;
  readonly bases: () => Promise<Bases>;
  /** What the page has loaded. */
  readonly loaded: LoadedBase | null;
}

export class ActiveRun {
  readonly id: string;
  readonly #options: ActiveOptions;
  readonly #queue = new Queue<RunEvent>();
  readonly #stop = new AbortController();
  /** `step`: one step, and then it waits again. */
  #pace: 'going' | 'paused' | 'step' = 'going';
  #isWaiting = false;
  #wake = (): void => {};
  readonly #keepers: {
    resolve: (snapshot: RunSnapshot) => void;
    reject: (error: unknown) => void;
  }[] = [];
  #run: KeptRun | null = null;
  /** As it was read, edits not made. */
  #text = new Blob([]);
  /** Steps that it can go on from. */
  #steps: readonly number[] = [];
  /** Whether it has its memory; whether its record was ever written, and whether it was told that nothing can be kept now. */
  #hasBegun = false;
  #wasWritten = false;
  #isTroubled = false;
  /** Whether its last checkpoint found no room, and what of its last step found none. */
  #isLost = false;
  #lastTrouble: string | null = null;
  #plan: MemoryPlan | null = null;
  #start: StartEvent | null = null;
  #points: { readonly point: RunPoint; readonly tokensPerSecond: number }[] = [];
  #told = 0;
  #written = 0;
  #known: ReadonlySet<string> | null = null;

  constructor(options: ActiveOptions) {
    this.id = options.id;
    this.#options = options;
  }

  /** What is known of it; null before its text was read. */
  get record(): KeptRun | null {
    return this.#run;
  }

  // ── what the page wants ─────────────────────────────────────────────────────────────────────

  control(what: 'pause' | 'go' | 'step' | 'stop'): void {
    if (what === 'stop') this.#stop.abort();
    else if (what === 'pause') this.#pace = 'paused';
    else if (what === 'go') {
      this.#pace = 'going';
      if (this.#isWaiting) this.#queue.push({ type: 'going' });
    } else this.#pace = 'step';
    this.#wake();
  }

  /** False where it has no record yet. What is written next has the name. */
  rename(name: string): boolean {
    if (!this.#run) return false;
    this.#run = { ...this.#run, name };
    return true;
  }

  /** The weights as they are when the step in hand is done. */
  keepNow(): Promise<RunSnapshot> {
    return new Promise((resolve, reject) => {
      this.#keepers.push({ resolve, reject });
      this.#wake();
    });
  }

  // ── what it does ────────────────────────────────────────────────────────────────────────────

  /** Leaving the loop stops it after the step in hand. */
  async *events(signal?: AbortSignal): AsyncGenerator<RunEvent, void, undefined> {
    const stop = (): void => this.control('stop');
    signal?.addEventListener('abort', stop, { once: true });
    if (signal?.aborted) stop();
    const running = this.#work();
    try {
      yield* this.#queue.read();
    } finally {
      stop();
      signal?.removeEventListener('abort', stop);
      await running;
    }
  }

  async #work(): Promise<void> {
    let release = (): void => {};
    let failure: { readonly error: unknown } | null = null;
    try {
      release = await takeRun(this.id);
      await this.#train();
    } catch (error) {
      // Nothing was lost: it was stopped before its first step.
      if (!this.#stop.signal.aborted || !isAbort(error)) failure = { error: onPage(error) };
    }
    try {
      // What never began is no run, or stays what it was.
      if (failure && this.#hasBegun) await this.#fail(toErrorInfo(failure.error));
    } finally {
      release();
      const gone = failure?.error ?? noRun();
      for (const { reject } of this.#keepers.splice(0)) reject(gone);
      this.#queue.end(failure);
    }
  }

  async #train(): Promise<void> {
    const { before, change } = this.#options;
    const { base, ...asked } = this.#options.settings;
    const settings = { ...asked, arguments: { ...asked.arguments, ...change } };
    if (!base) return this.#trainFrom(null, settings);
    this.#queue.push({ type: 'preparing', what: `Reading ${base.name}`, share: null });
    const { bases, loaded, where, store } = this.#options;
    const { signal } = this.#stop;
    const checkpoints =
      before && store ? { id: this.id, store: store.checkpoints(this.id) } : undefined;
    const begins = await (await bases()).begin(base, { loaded, where, checkpoints, signal });
    try {
      const { sha256 } = begins.base;
      await this.#trainFrom(begins, { ...settings, base: { ...base, sha256 } });
    } finally {
      await begins.dispose();
    }
  }

  async #trainFrom(begins: Beginning | null, settings: RunSettings): Promise<void> {
    const { store, where, before, from, read } = this.#options;
    const { signal } = this.#stop;
    this.#queue.push({ type: 'preparing', what: 'Fetching the text', share: null });
    const whole = await read(signal);
    this.#text = new Blob([whole]);
    const prepared = await this.#prepare(whole, settings, begins, signal);
    const options = optionsOf(settings, prepared, begins, where);
    this.#run = before
      ? { ...before, settings, text: prepared.facts, state: 'running', error: null }
      : newRun(this.#options, settings, prepared);
    if (from !== undefined) await store?.removeAfter(this.id, from, 'checkpoints');
    if (!store) {
      this.#queue.push({
        type: 'notice',
        info: {
          code: 'training/not-kept',
          message: 'This window keeps no files, so the run is gone when it is closed.',
          hint: 'Open the page in an ordinary window to keep runs, go on with them and look back.',
        },
      });
    }
    // A model that was there knows words that the text has not.
    const isTold = settings.text.kind !== 'task' && !begins;
    if (isTold) this.#known = wordsOf(prepared.bytes);
    const events = train({
      ...options,
      // Where it changes now, nothing of before comes again.
      changes: this.#isChanged() ? [] : ratesOf(this.#run),
      run: this.id,
      checkpoints: store && this.#checkpoints(store),
      resume_from_checkpoint: before !== null && store !== null,
      between: (step, model) => this.#between(step, model),
      signal,
    });
    for await (const event of events) await this.#hear(event);
  }

  async #prepare(
    whole: Uint8Array<ArrayBuffer>,
    settings: RunSettings,
    begins: Beginning | null,
    signal: AbortSignal,
  ): Promise<PreparedText> {
    const { before } = this.#options;
    const tell = (what: string, share: number | null): void =>
      this.#queue.push({ type: 'preparing', what, share });
    const { tokenizer, edits } = settings;
    const base = begins?.base ?? null;
    const how = { ...(edits && { edits }), base, tell, signal };
    const prepared = await prepareText(whole, tokenizer, how);
    if (before && before.text.sha256 !== prepared.facts.sha256) {
      throw new EngineError('The text that is kept is not the one that this run began with.', {
        code: 'training/text',
        hint: 'Begin a new run with these settings.',
      });
    }
    tell('Taking memory', null);
    return prepared;
  }

  async #hear(event: TrainEvent): Promise<void> {
    switch (event.type) {
      case 'plan':
        this.#plan = event.plan;
        break;
      case 'start':
        await this.#begin(event);
        break;
      case 'step': {
        const { step, loss, learning_rate, grad_norm, tokensPerSecond } = event;
        this.#points.push({ point: { step, loss, learning_rate, grad_norm }, tokensPerSecond });
        this.#patch({ step });
        if (performance.now() - this.#told >= POINTS_MS) this.#flush();
        if (performance.now() - this.#written >= RECORD_MS) await this.#write();
        break;
      }
      case 'evaluation': {
        const { step, eval_loss: loss } = event;
        this.#patch({ evaluations: withOne(this.#kept().evaluations, { step, loss }) });
        this.#tell({ type: 'evaluation', step, loss });
        break;
      }
      case 'sample': {
        const { step, prompt, text } = event;
        const strange = this.#known && strangeWords(prompt, text, this.#known);
        const sample = { step, prompt, text, ...(strange && { strange }) };
        this.#patch({ samples: withOne(this.#kept().samples, sample) });
        this.#tell({ type: 'sample', sample });
        break;
      }
      case 'checkpoint':
        this.#flush();
        this.#isTroubled = false;
        this.#steps = [...this.#steps.filter((one) => !event.removed.includes(one)), event.step];
        await this.#keepText();
        await this.#write();
        this.#tell({ type: 'checkpoint', step: event.step, kept: this.#steps });
        break;
      case 'notice': {
        const { code, message, hint } = event;
        if (isOfTheStore(new EngineError(message, { code, hint }))) {
          this.#trouble({ code, message });
        } else this.#tell({ type: 'notice', info: { code, message, hint } });
        break;
      }
      case 'done': {
        const state = event.reason === 'stopped' ? 'stopped' : 'done';
        await event.model.dispose();
        this.#flush();
        this.#patch({ state });
        await this.#keepEnd();
        this.#tell({ type: 'ended', state, step: event.step });
        break;
      }
    }
  }

  /** From here on it is known where the run begins, or goes on. */
  async #begin(start: StartEvent): Promise<void> {
    this.#start = start;
    this.#hasBegun = true;
    const { store, before } = this.#options;
    const { step, max_steps, parameters } = start;
    const kept = this.#kept();
    const stores = before &&
      store && { checkpoints: store.checkpoints(this.id), snapshots: store.snapshots(this.id) };
    const run = upTo(stores ? await caughtUp(kept, stores) : kept, step);
    const changes =
      before && this.#isChanged() ? changedAt(before, step, run.settings.arguments) : run.changes;
    this.#run = { ...run, max_steps, parameters, changes, state: 'running' };
    if (before && store) {
      await store.removeAfter(this.id, step, 'snapshots');
      const { checkpoints, snapshots } = await store.filesOf(this.id);
      this.#steps = checkpoints;
      // Those that are gone are made anew where the run comes by.
      const isThere = (one: RunSnapshot): boolean => isMeasure(one) || snapshots.includes(one.step);
      this.#patch({ snapshots: run.snapshots.filter(isThere) });
    }
    await this.#keepText();
    await this.#write();
  }

  /** Whether it goes on with something else than it had. */
  #isChanged(): boolean {
    const { before, change } = this.#options;
    if (!before || !change) return false;
    const last = before.settings.arguments;
    // Of a twin that is held before a change of its way the last are not in force yet.
    const was = argumentsAt(before, before.step) ?? last;
    return changedNames(was, { ...last, ...change }).length > 0;
  }

  async #between(step: number, model: Model): Promise<void> {
    if (this.#start) await this.#tellBegun(model);
    const { max_steps, parameters, snapshots } = this.#kept();
    const isLast = step === max_steps || this.#stop.signal.aborted;
    const there = snapshots.find((one) => one.step === step);
    if (isLast || isSeenStep(step, parameters)) {
      if (!there || isMeasure(there)) await this.#snapshot(step, model);
    } else if (!there && isMeasuredStep(step, max_steps)) await this.#measure(step, model);
    await this.#answerKeepers(step, model);
    if (this.#pace === 'step') this.#pace = 'paused';
    if (this.#pace !== 'paused' || this.#stop.signal.aborted) return;
    this.#flush();
    this.#patch({ state: 'paused' });
    await this.#write();
    this.#queue.push({ type: 'paused', step });
    this.#isWaiting = true;
    while (this.#isPaused()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      await this.#answerKeepers(step, model);
    }
    this.#isWaiting = false;
    this.#patch({ state: 'running' });
  }

  #isPaused(): boolean {
    return this.#pace === 'paused' && !this.#stop.signal.aborted;
  }

  async #tellBegun(model: Model): Promise<void> {
    const [start, plan] = [this.#start, this.#plan];
    this.#start = null;
    if (!start || !plan) return;
    const { device } = await model();
    this.#patch({ device: [device.label, device.description].filter(Boolean).join(', ') });
    const nothing = { sizeBytes: 0, checkpoints: [], snapshots: [] };
    const files = (await this.#options.store?.filesOf(this.id)) ?? nothing;
    this.#queue.push({
      type: 'begun',
      run: toRecord(this.#kept(), files, 'here'),
      memory: memoryOf(plan),
      device,
      tokensAStep: start.tokensAStep,
    });
  }

  async #answerKeepers(step: number, model: Model): Promise<void> {
    for (const keeper of this.#keepers.splice(0)) {
      try {
        const there = this.#kept().snapshots.find((one) => one.step === step);
        const kept = there && !isMeasure(there) ? there : await this.#snapshot(step, model);
        // A copy: what goes to another thread takes its arrays along.
        keeper.resolve(structuredClone(kept));
      } catch (error) {
        keeper.reject(error);
      }
    }
  }

  /** Keeps the weights to be looked at, and what heads do with them. What cannot be kept is told, and the run goes on. */
  async #snapshot(step: number, model: Model): Promise<RunSnapshot> {
    const gpt2 = await model();
    const scores = isProbed(gpt2) ? await this.#scores(gpt2) : null;
    let sizeBytes = 0;
    const { store } = this.#options;
    if (store) {
      const saved = await gpt2.save_pretrained({ dtype: 'fp16' });
      try {
        sizeBytes = sizeOf(await store.snapshots(this.id).write(step, saved.files));
      } catch (error) {
        this.#catchTrouble(error);
      } finally {
        await saved.dispose();
      }
    }
    return this.#add({ step, sizeBytes, scores });
  }

  /** What heads do after a step whose weights are not kept. */
  async #measure(step: number, model: Model): Promise<void> {
    const gpt2 = await model();
    if (isProbed(gpt2)) this.#add({ step, sizeBytes: 0, scores: await this.#scores(gpt2) });
  }

  #add(snapshot: RunSnapshot): RunSnapshot {
    this.#patch({ snapshots: withOne(this.#kept().snapshots, snapshot) });
    this.#tell({ type: 'snapshot', snapshot });
    return snapshot;
  }

  async #scores(gpt2: GPT2): Promise<HeadScores> {
    const { text, tokenizer } = this.#kept().settings;
    const line = text.kind === 'task' && tokenizer.kind !== 'bpe' ? probeOf(text.name) : null;
    return measureHeads(gpt2.gpt, { text: line ?? undefined, tokenizer: gpt2.tokenizer });
  }

  async #fail(error: ErrorInfo): Promise<void> {
    this.#flush();
    this.#patch({ state: 'failed', error });
    // What ended the run is worth more words than a record that could not be written.
    this.#isTroubled = true;
    await this.#write();
  }

  // ── telling ─────────────────────────────────────────────────────────────────────────────────

  #kept(): KeptRun {
    if (!this.#run) throw new Error('The run has no record yet.');
    return this.#run;
  }

  #patch(change: Partial<KeptRun>): void {
    this.#run = { ...this.#kept(), ...change };
  }

  /** In order: behind the points that came before. */
  #tell(event: RunEvent): void {
    this.#flush();
    this.#queue.push(event);
  }

  #flush(): void {
    if (this.#points.length === 0) return;
    const points = this.#points.map(({ point }) => point);
    const secondsAToken = this.#points.reduce((sum, one) => sum + 1 / one.tokensPerSecond, 0);
    this.#queue.push({ type: 'points', points, tokensPerSecond: points.length / secondsAToken });
    this.#patch({ points: [...this.#kept().points, ...points], lastStep: Date.now() });
    this.#points = [];
    this.#told = performance.now();
  }

  // ── keeping ─────────────────────────────────────────────────────────────────────────────────

  /** Nothing makes the last checkpoint again: where the store has no room for it, memory may. */
  #checkpoints(store: RunStore): CheckpointStore {
    const kept = store.checkpoints(this.id);
    return {
      ...kept,
      write: async (step, files, signal) => {
        try {
          return await kept.write(step, files, signal);
        } catch (error) {
          if (isOfTheStore(error) && this.#isAtEnd()) {
            this.#isLost = true;
            await this.#hold({ step, files });
          }
          throw error;
        }
      },
    };
  }

  async #hold(checkpoint: { step: number; files: readonly SavedFile[] }): Promise<void> {
    const [spare, { hold }] = await Promise.all([this.#options.spare(), import('./spare.ts')]);
    await hold(this.id, checkpoint, spare);
  }

  #isAtEnd(): boolean {
    const { step, max_steps } = this.#kept();
    return step === max_steps || this.#stop.signal.aborted;
  }

  /** What ends and cannot be kept is held in memory, until somebody makes room or the tab goes. */
  async #keepEnd(): Promise<void> {
    const { store } = this.#options;
    if (!store) return;
    const isText = await this.#keepText();
    const isRecord = await this.#write();
    if (isText && isRecord && !this.#isLost) {
      if (this.#lastTrouble === null) return;
      const hint = this.#kept().settings.base?.lora
        ? 'The run is kept and can go on; the weights of its last step cannot be seen.'
        : 'The run is kept and can go on; its last step is seen as it goes on from there.';
      const info = { code: 'training/not-kept', message: this.#lastTrouble, hint };
      return this.#tell({ type: 'notice', info });
    }
    const spare = await this.#options.spare();
    if (!this.#isLost) {
      const last = await lastCheckpoint(store.checkpoints(this.id));
      const files = last && savedFilesOf(last);
      if (files) await this.#hold({ step: last.step, files });
    }
    await spare.writeText(this.id, this.#text);
    await spare.write(this.#kept());
  }

  /** Where the record cannot be written, that is told, and the run goes on. Whether it was. */
  async #write(): Promise<boolean> {
    this.#written = performance.now();
    const { store } = this.#options;
    if (!store) return false;
    try {
      const isCleared = this.#wasWritten && !(await store.has(this.id));
      await store.write(this.#kept());
      this.#wasWritten = true;
      if (isCleared) await this.#tellCleared(store);
      return true;
    } catch (error) {
      this.#catchTrouble(error);
      return false;
    }
  }

  /** The text as it is: edits are made whenever it is read. Whether it is there. */
  async #keepText(): Promise<boolean> {
    try {
      await this.#options.store?.writeText(this.id, this.#text);
      return true;
    } catch (error) {
      this.#catchTrouble(error);
      return false;
    }
  }

  /** The browser, or somebody, has deleted what was kept of it. */
  async #tellCleared(store: RunStore): Promise<void> {
    const { checkpoints, snapshots } = await store.filesOf(this.id);
    this.#steps = checkpoints;
    const isThere = (one: RunSnapshot): boolean => isMeasure(one) || snapshots.includes(one.step);
    this.#patch({ snapshots: this.#kept().snapshots.filter(isThere) });
    this.#tell({ type: 'cleared', kept: checkpoints, snapshots });
    await this.#keepText();
  }

  /** Throws what is no matter of the store. */
  #catchTrouble(error: unknown): void {
    if (!isOfTheStore(error)) throw error;
    this.#trouble(toErrorInfo(error));
  }

  /** What could not be kept is told once, until something was kept again: a full disk is full for a while. */
  #trouble({ code, message }: Pick<ErrorInfo, 'code' | 'message'>): void {
    if (this.#isAtEnd()) {
      // There is no next save: how it ends is told when it has ended.
      this.#lastTrouble = message;
      return;
    }
    if (this.#isTroubled) return;
    this.#isTroubled = true;
    const hint =
      'The run goes on, but a tab that is closed now loses what was learned since the last save. Delete runs or models that you do not need, or free disk space: the next save is kept then.';
    this.#tell({ type: 'notice', info: { code, message, hint } });
  }
}

/** A list with one more; what stood there of the same step, as of a run that went back, and behind it, goes. */
function withOne<T extends { readonly step: number }>(list: readonly T[], one: T): readonly T[] {
  return [...list.filter(({ step }) => step < one.step), one];
}

/** Whether its scores are all that there is, because nobody asked for its weights or there was no room. */
function isMeasure({ sizeBytes, scores }: RunSnapshot): boolean {
  return sizeBytes === 0 && scores !== null;
}

/** The library's hints name its options; on the page there is a button. */
const HINTS: Readonly<Record<string, string>> = {
  'device/lost': 'Go on: the device is opened anew, and the steps behind that are made again.',
  'training/not-finite':
    'The rate is too high, and the weights ran away: go back behind that, and take a smaller one.',
};

function onPage(error: unknown): unknown {
  if (!(error instanceof EngineError) || HINTS[error.code] === undefined) return error;
  const { code, message } = error;
  return new EngineError(message, { code, hint: HINTS[code], cause: error });
}

function newRun(
  { id, name, twinOf, changes = [] }: ActiveOptions,
  settings: RunSettings,
  { facts }: PreparedText,
): KeptRun {
  const { text } = settings;
  return {
    id,
    name,
    // The text itself lies beside the record.
    settings:
      text.kind === 'own'
        ? { ...settings, text: { ...text, name: plainName(text.name), text: '' } }
        : settings,
    twinOf,
    device: '',
    state: 'running',
    step: 0,
    max_steps: 0,
    parameters: 0,
    begun: Date.now(),
    lastStep: Date.now(),
    text: facts,
    points: [],
    evaluations: [],
    samples: [],
    snapshots: [],
    changes,
    claimed: null,
    error: null,
  };
}

function isProbed({ config: { nCtx, vocabSize } }: GPT2): boolean {
  return nCtx >= LEAST_PROBE && vocabSize >= LEAST_PROBE;
}

/** Arguments that hold until a step; what an earlier version did not keep of them nobody can follow. */
function ratesOf({ changes }: KeptRun): NonNullable<TrainOptions['changes']> {
  return changes.flatMap(({ step, before }) => (before ? [{ step, before }] : []));
}

/** The changes of a run that goes on with other arguments after so many steps. Before its first step there are none. */
function changedAt(run: KeptRun, step: number, now: RunArguments): readonly RunChange[] {
  if (step === 0) return [];
  const made = run.changes.filter((change) => change.step < step);
  const before = argumentsAt(run, step - 1);
  const words = wordsOfChange(before ?? run.settings.arguments, now);
  return words === '' ? made : [...made, { step, words, ...(before && { before }) }];
}

function wordsOfChange(was: RunArguments, now: RunArguments): string {
  return changedNames(was, now)
    .map((name) => `${name} ${was[name] ?? 'as usual'} → ${now[name] ?? 'as usual'}`)
    .join(', ');
}

function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError';
}

export function noRun(): EngineError {
  return new EngineError('No run is running.', {
    code: 'training/no-run',
    hint: 'Begin one, or go on with one that is kept.',
  });
}

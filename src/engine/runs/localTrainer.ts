// What `Trainer` promises, in this thread: one run at a time, and questions about all that are kept.
import type {
  DeviceRequest,
  DrawEvent,
  DrawRequest,
  ReceiptEvent,
  ReceiptRequest,
  RunEstimate,
  RunEvent,
  RunExportRequest,
  RunFacts,
  RunFileEvent,
  RunRecord,
  RunRequest,
  TextFacts,
  Trainer,
  TrainerQuestion,
  TrainerQuestions,
} from '../../api.ts';
import { EngineError, toErrorInfo } from '../../errors.ts';
import { openOpfs } from '../../kept/opfs.ts';
import { openDevice } from '../load/openDevice.ts';
import type { ProcessorOptions } from '../load/processor.ts';
import type { Tokenizer } from '../../text/tokenizer.ts';
import { ActiveRun, noRun } from './activeRun.ts';
import type { Bases } from './bases.ts';
import { editedText } from './edits.ts';
import { estimate } from './estimate.ts';
import { prepareText } from './prepare.ts';
import type { Readings } from './readings.ts';
import { type KeptRun, toRecord } from './record.ts';
import { RunStore, isRunning, untilEnded } from './runStore.ts';
import { nameAmong, nameOf, newModelOf, plainName } from './settings.ts';
import { readRunText } from './texts.ts';

type Answers = {
  readonly [Q in TrainerQuestion]: (
    input: TrainerQuestions[Q]['input'],
    signal: AbortSignal | undefined,
  ) => Promise<TrainerQuestions[Q]['answer']>;
};

/** What only some runs ever need comes when it is asked for. */
const archives = () => import('./archive.ts');
const receipts = () => import('./receipt.ts');
const passages = () => import('./passages.ts');
const spares = () => import('./spare.ts');

export interface LocalTrainerOptions {
  /** The page's address: texts that come with it lie beside it. */
  readonly base: string;
  /** Where it computes where nobody says. */
  readonly device?: DeviceRequest;
  /** Where runs are kept; the browser's private file system by default, and nowhere where that is not there. */
  readonly openStore?: () => Promise<RunStore | null>;
  /** How the processor computes, where it does. */
  readonly processor?: ProcessorOptions;
  /** The directory that keeps its models, in Node. */
  readonly cache_dir?: string;
}

export class LocalTrainer implements Trainer {
  readonly #options: LocalTrainerOptions;
  #store: Promise<RunStore | null> | null = null;
  /** Runs that found no room when they ended, in memory; null before there is one. */
  #spare: Promise<RunStore> | null = null;
  #active: ActiveRun | null = null;
  /** Of the text that was read last. */
  #tokenizer: Tokenizer | null = null;
  /** Of a measurement that is under way. */
  #measuring: Promise<unknown> | null = null;
  /** What has the device without being a run, in words, and when it will be done. */
  #other: { readonly what: string; readonly done: Promise<void> } | null = null;
  #readings: Promise<Readings> | null = null;
  #bases: Promise<Bases> | null = null;
  #disposed = false;

  constructor(options: LocalTrainerOptions) {
    this.#options = options;
  }

  async ask<Q extends TrainerQuestion>(
    question: Q,
    input: TrainerQuestions[Q]['input'],
    signal?: AbortSignal,
  ): Promise<TrainerQuestions[Q]['answer']> {
    this.#checkUsable();
    // TypeScript cannot see that the question and its input belong together.
    const answer = this.#answers[question] as (
      input: TrainerQuestions[Q]['input'],
      signal: AbortSignal | undefined,
    ) => Promise<TrainerQuestions[Q]['answer']>;
    return answer(input, signal);
  }

  async *train(
    { run, change, from, device, loaded = null }: RunRequest,
    signal?: AbortSignal,
  ): AsyncGenerator<RunEvent, void, undefined> {
    this.#checkUsable();
    if (this.#isBusy()) throw this.#busy();
    await this.#measuring?.catch(() => {});
    const { base } = this.#options;
    const store = await this.#open();
    const where = this.#where(device);
    const bases = (): Promise<Bases> => this.#opened();
    const shared = { store, spare: () => this.#held(), where, bases, loaded };
    let active: ActiveRun;
    if ('id' in run) {
      if (await this.#isHeld(run.id)) await this.#keep(run.id);
      const before = await (store ?? noStore()).get(run.id);
      const { name, settings, twinOf } = before;
      const read = (): Promise<Uint8Array<ArrayBuffer>> => (store ?? noStore()).readText(run.id);
      const goesOn = { id: run.id, name, settings, twinOf, before, change, from };
      active = new ActiveRun({ ...goesOn, ...shared, read });
    } else {
      const { settings, twinOf = null, changes = [] } = run;
      if (changes.length > 0) (await receipts()).checkChanges({ settings, changes });
      const named = plainName(run.name ?? nameOf(settings));
      const name = nameAmong(named, (await store?.list()) ?? []);
      const read = (stop: AbortSignal): Promise<Uint8Array<ArrayBuffer>> =>
        twinOf === null
          ? readRunText(settings.text, base, stop)
          : this.#storeOf(twinOf).then((kept) => kept.readText(twinOf));
      const begun = { id: newId(), settings, name, twinOf, changes, before: null };
      active = new ActiveRun({ ...begun, ...shared, read });
    }
    // Another may have begun while the store was opened.
    if (this.#isBusy()) throw this.#busy();
    this.#active = active;
    try {
      yield* active.events(signal);
    } finally {
      this.#active = null;
    }
  }

  async *exportRun(
    request: RunExportRequest,
    signal?: AbortSignal,
  ): AsyncGenerator<RunFileEvent, void, undefined> {
    this.#checkUsable();
    const { exportRun } = await archives();
    yield* exportRun(await this.#storeOf(request.id), request, signal);
  }

  async *checkReceipt(
    { device, loaded = null, ...request }: ReceiptRequest,
    signal?: AbortSignal,
  ): AsyncGenerator<ReceiptEvent, void, undefined> {
    const { base } = this.#options;
    const bases = (): Promise<Bases> => this.#opened();
    const how = { base, bases, loaded, where: this.#where(device), signal };
    const { checkReceipt } = await receipts();
    yield* this.#alone('The first steps of a receipt are being made.', () =>
      checkReceipt(request, how),
    );
  }

  async *draw(
    request: DrawRequest,
    signal?: AbortSignal,
  ): AsyncGenerator<DrawEvent, void, undefined> {
    // What draws, and PyTorch's numbers, come when somebody asks for them.
    const { draw } = await import('./fromSeed/draw.ts');
    yield* this.#alone('The notebook’s model is being drawn.', () =>
      draw(
        { ...request, device: this.#where(request.device).device },
        this.#options.processor,
        signal,
      ),
    );
  }

  dispose(): void {
    this.#disposed = true;
    this.#active?.control('stop');
    void this.#readings?.then((readings) => readings.dispose());
  }

  readonly #answers: Answers = {
    readText: (input, signal) => this.#readText(input, signal),
    checkPrompt: ({ prompt }) => {
      try {
        this.#tokenizer?.encode(prompt);
        return Promise.resolve(null);
      } catch (error) {
        return Promise.resolve(toErrorInfo(error));
      }
    },
    estimate: async (input, signal) => {
      if (this.#active) throw busy();
      await this.#other?.done;
      await this.#measuring?.catch(() => {});
      const measuring = this.#estimate(input, signal);
      this.#measuring = measuring;
      return measuring;
    },
    planRun: async (request) => {
      const { planOf } = await import('./fromSeed/plan.ts');
      const device = await openDevice(this.#where(request.device).device, this.#options);
      try {
        return planOf(device, request);
      } finally {
        device.dispose();
      }
    },
    control: ({ what }) => {
      if (!this.#active) throw noRun();
      this.#active.control(what);
      return Promise.resolve(null);
    },
    keepNow: () => {
      if (!this.#active) throw noRun();
      return this.#active.keepNow();
    },
    runs: () => this.#runs(),
    run: async ({ id }) => this.#toRecord(await (await this.#storeOf(id)).get(id)),
    keepRun: async ({ id }) => {
      await this.#keep(id);
      return this.#toRecord(await (await this.#kept()).get(id));
    },
    untilEnded: async ({ id }, signal) => {
      await untilEnded(id, signal);
      return null;
    },
    readAt: async ({ id, ...asked }, signal) => {
      await (await this.#storeOf(id)).get(id);
      this.#readings ??= import('./readings.ts').then(
        ({ Readings: Made }) => new Made(this.#options),
      );
      return (await this.#readings).read(id, asked, signal);
    },
    passage: async ({ id, passage }) => {
      const [{ text }, { passageIn }] = await Promise.all([this.#textOf(id), passages()]);
      return passageIn(text, typeof passage === 'string' ? passage : text.slice(...passage));
    },
    findText: async ({ id, find, most }) => {
      const [{ text }, { findIn }] = await Promise.all([this.#textOf(id), passages()]);
      return findIn(text, find, most);
    },
    otherPassage: async ({ id, passage }) => {
      const [{ text }, { otherPassage }] = await Promise.all([this.#textOf(id), passages()]);
      return otherPassage(text, passage);
    },
    starts: async ({ id }) => {
      const [{ run, text }, { startsOf }] = await Promise.all([this.#textOf(id), passages()]);
      return startsOf(text, run.settings, run.text);
    },
    receipt: async ({ id }) => {
      const [store, { receiptOf }] = await Promise.all([this.#storeOf(id), receipts()]);
      return receiptOf(await store.get(id), store);
    },
    textOf: async ({ id }) => new Blob([await (await this.#storeOf(id)).readText(id)]),
    importRun: async ({ file, text }, signal) => {
      const id = newId();
      const { importRun } = await archives();
      await importRun(await this.#kept(), { id, file, text }, this.#options.base, signal);
      return { id };
    },
    renameRun: async ({ id, name }) => {
      const store = await this.#storeOf(id);
      const short = plainName(name);
      // The run that runs writes its record itself.
      if (this.#active?.id === id && this.#active.rename(short)) return null;
      await store.write({ ...(await store.get(id)), name: short });
      return null;
    },
    removeRun: async ({ id }) => {
      const freedBytes = await (await this.#kept()).remove(id);
      if (await this.#isHeld(id)) await (await this.#held()).discard(id);
      return { freedBytes };
    },
  };

  async #readText(
    { text, tokenizer, base, loaded = null }: TrainerQuestions['readText']['input'],
    signal: AbortSignal | undefined,
  ): Promise<TextFacts> {
    const bytes = await readRunText(text, this.#options.base, signal);
    const known = base ? await (await this.#opened()).know(base, loaded, signal) : null;
    const prepared = await prepareText(bytes, tokenizer, { base: known, signal });
    if (!signal?.aborted) this.#tokenizer = prepared.tokenizer;
    return prepared.facts;
  }

  async #estimate(
    { settings, vocabSize, loaded = null, device }: TrainerQuestions['estimate']['input'],
    signal: AbortSignal | undefined,
  ): Promise<RunEstimate> {
    const where = this.#where(device);
    const { base, model } = settings;
    if (!base)
      return estimate(
        settings,
        vocabSize,
        { ...where, model: newModelOf(model, vocabSize) },
        signal,
      );
    const begins = await (await this.#opened()).begin(base, { loaded, where, signal });
    try {
      return await estimate(settings, vocabSize, begins.how, signal);
    } finally {
      await begins.dispose();
    }
  }

  /** The text that a run that is kept learns from. */
  async #textOf(id: string): Promise<{ readonly run: KeptRun; readonly text: string }> {
    const store = await this.#storeOf(id);
    const run = await store.get(id);
    return { run, text: editedText(await store.readText(id), run.settings.edits ?? []) };
  }

  async #runs(): Promise<RunFacts[]> {
    const store = await this.#open();
    const held = this.#spare === null ? [] : await (await this.#spare).list();
    // What is held is newer than what was kept of it on the way.
    const kept = ((await store?.list()) ?? []).filter(
      ({ id }) => !held.some((one) => one.id === id),
    );
    const found: RunFacts[] = [];
    for (const run of [...held, ...kept]) {
      const { points: _, samples: __, snapshots: ___, ...facts } = await this.#toRecord(run);
      found.push(facts);
    }
    return found;
  }

  async #toRecord(kept: KeptRun): Promise<RunRecord> {
    const own = this.#active?.id === kept.id ? this.#active.record : null;
    const files = await (await this.#kept()).filesOf(kept.id);
    if (await this.#isHeld(kept.id)) {
      const { checkpoints } = await (await this.#held()).filesOf(kept.id);
      const steps = [...new Set([...files.checkpoints, ...checkpoints])].toSorted((a, b) => a - b);
      const all = { ...files, checkpoints: steps };
      return { ...toRecord(own ?? kept, all, own ? 'here' : 'nowhere'), unkept: true };
    }
    if (own) return toRecord(own, files, 'here');
    return toRecord(kept, files, (await isRunning(kept.id)) ? 'elsewhere' : 'nowhere');
  }

  /** Models that runs go on from: most begin with one of their own. */
  #opened(): Promise<Bases> {
    this.#bases ??= import('./bases.ts').then(({ Bases: Made }) => new Made(this.#options));
    return this.#bases;
  }

  /** What found no room when it ended. */
  #held(): Promise<RunStore> {
    this.#spare ??= spares().then(({ spareStore }) => spareStore());
    return this.#spare;
  }

  async #isHeld(id: string): Promise<boolean> {
    return this.#spare !== null && (await this.#spare).has(id);
  }

  /** Where a run is found. */
  async #storeOf(id: string): Promise<RunStore> {
    return (await this.#isHeld(id)) ? this.#held() : this.#kept();
  }

  /** Throws `training/storage-full`. */
  async #keep(id: string): Promise<void> {
    const [{ keepHeld }, held, store] = await Promise.all([spares(), this.#held(), this.#kept()]);
    await keepHeld(id, held, store);
  }

  async #kept(): Promise<RunStore> {
    return (await this.#open()) ?? noStore();
  }

  #open(): Promise<RunStore | null> {
    this.#store ??= (this.#options.openStore ?? openBrowserStore)();
    return this.#store;
  }

  #where(asked: DeviceRequest | undefined) {
    const { processor, device = 'auto' } = this.#options;
    return { device: asked ?? device, ...(processor && { processor }) };
  }

  #isBusy(): boolean {
    return this.#active !== null || this.#other !== null;
  }

  /** Has the device for itself while it lasts, as a run has. Throws `training/busy`. */
  async *#alone<T>(what: string, work: () => AsyncGenerator<T>): AsyncGenerator<T> {
    this.#checkUsable();
    if (this.#isBusy()) throw this.#busy();
    let done = (): void => {};
    this.#other = { what, done: new Promise((resolve) => (done = resolve)) };
    try {
      await this.#measuring?.catch(() => {});
      yield* work();
    } finally {
      this.#other = null;
      done();
    }
  }

  #busy(): EngineError {
    if (this.#active || !this.#other) return busy();
    return new EngineError(this.#other.what, {
      code: 'training/busy',
      hint: 'Wait until that is done, or end it.',
    });
  }

  #checkUsable(): void {
    if (!this.#disposed) return;
    throw new EngineError('This trainer was disposed.', {
      code: 'engine/disposed',
      hint: 'Reload the page.',
    });
  }
}

async function openBrowserStore(): Promise<RunStore | null> {
  const [runs, models] = await Promise.all([openOpfs('runs'), openOpfs()]);
  return runs && models && new RunStore(runs, models);
}

/** A name for its folders: when it began, and something that no other has. */
function newId(): string {
  const stamp = new Date().toISOString().slice(0, 19).replace(/[-:]/gu, '').replace('T', '-');
  const [random] = crypto.getRandomValues(new Uint32Array(1));
  return `${stamp}-${random.toString(36).padStart(7, '0')}`;
}

function busy(): EngineError {
  return new EngineError('A run is running already.', {
    code: 'training/busy',
    hint: 'Stop it first; it can go on later.',
  });
}

function noStore(): never {
  throw new EngineError('This window keeps no files, so there are no runs of before.', {
    code: 'storage/none',
    hint: 'Open the page in an ordinary window.',
  });
}

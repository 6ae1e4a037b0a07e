// A trainer that answers at once and trains as a test says, for tests of what the page makes of it.
import type {
  DrawEvent,
  ReceiptEvent,
  ReceiptRequest,
  RunEvent,
  RunExportRequest,
  RunFacts,
  RunFileEvent,
  RunRecord,
  RunRequest,
  RunSettings,
  TextFacts,
  Trainer,
  TrainerQuestion,
  TrainerQuestions,
} from '../../../../src/api.ts';

export const TEXT: TextFacts = {
  characters: 150_000,
  tokens: 50_000,
  vocabSize: 1024,
  documents: 22,
  evenLoss: Math.log(1024),
  frequencyLoss: 5.7,
  beginning: [],
  sha256: 'a'.repeat(64),
};

export const DEVICE = {
  kind: 'cpu',
  isSoftware: false,
  label: 'a processor',
  vendor: '',
  architecture: '',
  description: '',
  features: [],
  limits: {},
} as const;

export const MEMORY = {
  weights: 4e6,
  gradients: 4e6,
  moments: 8e6,
  activations: 20e6,
  total: 36e6,
  limit: null,
  problem: null,
  suggestion: null,
};

export function recordOf(settings: RunSettings, facts: Partial<RunRecord> = {}): RunRecord {
  return {
    id: 'one',
    name: 'Tales 1',
    settings,
    state: 'running',
    step: 0,
    max_steps: Number(settings.arguments['max_steps']),
    parameters: 900_000,
    loss: null,
    evalLoss: null,
    twinOf: null,
    claimed: null,
    elsewhere: false,
    kept: [],
    begun: 1,
    lastStep: 1,
    sizeBytes: 1000,
    snapshotsId: 'one.seen',
    text: TEXT,
    points: [],
    evaluations: [],
    samples: [],
    snapshots: [],
    changes: [],
    error: null,
    ...facts,
  };
}

export class ToyTrainer implements Trainer {
  readonly asked: { question: string; input: unknown; signal: AbortSignal | undefined }[] = [];
  readonly requests: RunRequest[] = [];
  runs: readonly RunFacts[] = [];
  records = new Map<string, RunRecord>();
  answers: Partial<{
    [Q in TrainerQuestion]: (
      input: TrainerQuestions[Q]['input'],
    ) => TrainerQuestions[Q]['answer'] | Promise<TrainerQuestions[Q]['answer']>;
  }> = {
    readText: () => TEXT,
    checkPrompt: () => null,
    estimate: ({ settings }) => ({
      device: DEVICE,
      parameters: 900_000,
      secondsAStep: 0.1,
      steps: Number(settings.arguments['max_steps']),
      memory: MEMORY,
    }),
    control: ({ what }) => {
      if (what === 'stop') this.end?.();
      return null;
    },
    runs: () => this.runs,
    run: ({ id }) => {
      const found = this.records.get(id);
      if (found === undefined) throw new Error(`There is no run ${id}.`);
      return found;
    },
    renameRun: () => null,
    removeRun: () => ({ freedBytes: 2e6 }),
    untilEnded: () => new Promise(() => {}),
    keepNow: () => ({ step: 7, sizeBytes: 10, scores: null }),
  };
  /** Set while a run runs. */
  end: (() => void) | null = null;
  #tell: ((event: RunEvent | Error | null) => void) | null = null;

  async ask<Q extends TrainerQuestion>(
    question: Q,
    input: TrainerQuestions[Q]['input'],
    signal?: AbortSignal,
  ): Promise<TrainerQuestions[Q]['answer']> {
    this.asked.push({ question, input, signal });
    const answer = this.answers[question];
    if (answer === undefined) throw new Error(`Nobody answers ${question}.`);
    return answer(input);
  }

  /** What was asked, by its name. */
  of(question: TrainerQuestion): readonly unknown[] {
    return this.asked.filter((one) => one.question === question).map(({ input }) => input);
  }

  /** The run tells something; an error ends it, null does too. */
  async tell(...events: readonly (RunEvent | Error | null)[]): Promise<void> {
    for (const event of events) {
      this.#tell?.(event);
      await settle();
    }
  }

  async *train(request: RunRequest): AsyncGenerator<RunEvent> {
    this.requests.push(request);
    const told: (RunEvent | Error | null)[] = [];
    let wake = (): void => {};
    this.#tell = (event) => {
      told.push(event);
      wake();
    };
    this.end = () => this.#tell?.(null);
    for (;;) {
      const next = told.shift();
      if (next === undefined) await new Promise<void>((resolve) => (wake = resolve));
      else if (next === null) break;
      else if (next instanceof Error) throw next;
      else yield next;
    }
    this.#tell = null;
    this.end = null;
  }

  /** What is taken away of a run, and what a receipt's steps come to. */
  files: readonly RunFileEvent[] = [];
  receipt: readonly (ReceiptEvent | Error)[] = [];

  async *exportRun(request: RunExportRequest): AsyncGenerator<RunFileEvent> {
    this.exported.push(request);
    for (const event of this.files) yield await Promise.resolve(event);
  }
  readonly exported: RunExportRequest[] = [];

  readonly checked: ReceiptRequest[] = [];

  async *checkReceipt(request: ReceiptRequest): AsyncGenerator<ReceiptEvent> {
    this.checked.push(request);
    for (const event of this.receipt) {
      if (event instanceof Error) throw event;
      yield await Promise.resolve(event);
    }
  }

  /** What drawing tells, and then nothing more unless it ends. */
  drawn: readonly (DrawEvent | Error)[] = [];
  async *draw(): AsyncGenerator<DrawEvent> {
    for (const event of this.drawn) {
      if (event instanceof Error) throw event;
      yield await Promise.resolve(event);
    }
  }

  dispose(): void {}
}

/** What was promised has come. */
export async function settle(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 0));
}

// What the large test does inside the page: the engine in its worker, driven as the page drives it.
import type { ModelSummary, SamplingOptions, StoredModelFacts } from '../../src/api.ts';
import { WorkerEngine } from '../../src/worker/workerEngine.ts';

/** Leaves every logit as it is. */
const GREEDY: SamplingOptions = {
  do_sample: false,
  temperature: 1,
  top_k: 0,
  top_p: 1,
  min_p: 0,
  repetition_penalty: 1,
};

let engine: WorkerEngine | null = null;

/** Starts the worker and has it answer, so that its code is there. */
async function start(): Promise<readonly StoredModelFacts[]> {
  engine = WorkerEngine.create();
  return engine.ask('storedModels', {});
}

export interface Loaded {
  readonly summary: ModelSummary;
  readonly seconds: number;
  /** How often the engine said how far it is. */
  readonly reports: number;
}

async function load(
  id: string,
  options: { host: string; device: 'webgpu'; dtype: 'fp32' | 'fp16' | 'q8' },
): Promise<Loaded> {
  let reports = 0;
  const begin = performance.now();
  const summary = await started().load(id, {
    ...options,
    progress_callback: () => reports++,
  });
  return { summary, seconds: (performance.now() - begin) / 1000, reports };
}

/** Logits of every token of the vocabulary after `ids`, by id. */
async function logits(ids: readonly number[], vocabSize: number): Promise<number[]> {
  const { top } = await started().ask('distribution', { ids, options: GREEDY, top: vocabSize });
  const found = Array<number>(vocabSize).fill(NaN);
  for (const { piece, logit } of top) found[piece.id] = logit;
  return found;
}

const stored = (): Promise<readonly StoredModelFacts[]> => started().ask('storedModels', {});

const deleteStored = (key: string): Promise<{ freedBytes: number }> =>
  started().ask('deleteStored', { key });

/** Keeps the page's own process busy, so that it can be told from the others. */
function spin(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end;);
}

function started(): WorkerEngine {
  if (!engine) throw new Error('start() comes first.');
  return engine;
}

const CALLS: Readonly<Record<string, (...given: never[]) => unknown>> = {
  start,
  load,
  logits,
  stored,
  deleteStored,
  spin,
};

/** Does what the test asks for, one call after the other; see barePage.ts. */
export async function listen(): Promise<void> {
  for (;;) {
    const { name, given } = (await (await fetch('/bare/next')).json()) as {
      name: string;
      given: never[];
    };
    if (name === 'reload') {
      location.reload();
      return;
    }
    let answer: { value?: unknown; error?: string };
    try {
      answer = { value: await CALLS[name](...given) };
    } catch (error) {
      answer = { error: String(error) };
    }
    await fetch('/bare/answer', { method: 'POST', body: JSON.stringify(answer) });
  }
}

// What a run takes here, measured: some of its steps, on random tokens.
import type { DeviceSummary, RunEstimate, RunMemory, RunSettings } from '../../api.ts';
import { EngineError } from '../../errors.ts';
import { type MemoryPlan, checkPlan } from '../../model/training/plan.ts';
import { openDevice } from '../load/openDevice.ts';
import type { TrainOptions } from '../training/begin.ts';
import { philoxDraws } from '../training/draws.ts';
import { isLoaded } from '../training/learner.ts';
import { DEFAULTS, type TrainingArguments } from '../training/options.ts';
import { TokenIds } from '../training/tokenIds.ts';
import { train } from '../training/train.ts';

/** Steps are made for this long, and so many at the least behind one that warms up. */
const LONG_MS = 400;
const LEAST_STEPS = 2;
const WARM_UP = 1;
/** Steps of any length take the same time; with these no weights run away. */
const GENTLE = {
  learning_rate: 1e-5,
  min_lr: 0,
  warmup_steps: 0,
  lr_scheduler_type: 'constant',
} as const;
/** Windows of random tokens that steps are drawn from. */
const WINDOWS = 4;
/** So many tokens tell how long a step of more takes, which could take minutes and cannot be broken off. */
const MOST_TOKENS = 4096;

/** Nothing stays allocated. Throws what `train` throws, but not for want of memory: the estimate says that. */
export async function estimate(
  settings: RunSettings,
  vocabSize: number,
  how: Pick<TrainOptions, 'model' | 'lora' | 'device' | 'processor'>,
  signal?: AbortSignal,
): Promise<RunEstimate> {
  signal?.throwIfAborted();
  const args = settings.arguments as Partial<TrainingArguments>;
  const window = args.block_size ?? settings.model.n_ctx;
  const {
    per_device_train_batch_size: batch = DEFAULTS.per_device_train_batch_size,
    gradient_accumulation_steps: passes = DEFAULTS.gradient_accumulation_steps,
  } = args;
  const fewer = Math.max(1, Math.floor(MOST_TOKENS / window));
  const isLong = batch * passes > fewer;
  const measured = {
    per_device_train_batch_size: Math.min(batch, fewer),
    gradient_accumulation_steps: 1,
  };
  const ids = philoxDraws(1, 0).randint(vocabSize, Math.max(2, WINDOWS * window + 1));
  const stop = new AbortController();
  const end = (): void => stop.abort();
  signal?.addEventListener('abort', end, { once: true });
  let plan: MemoryPlan | null = null;
  let parameters = 0;
  let device: DeviceSummary | null = null;
  let [steps, durationMs, last] = [-WARM_UP, 0, 0];
  const options: TrainOptions = {
    ...args,
    ...how,
    // Whatever its weights are, a step takes as long.
    model: isLoaded(how.model) ? how.model : { config: how.model.config },
    train: TokenIds.from(ids, vocabSize),
    tokenizer: null,
    generator: settings.generator,
    max_steps: 1e6,
    ...GENTLE,
    logging_steps: 1,
    eval_steps: 0,
    save_steps: 0,
    sample_steps: 0,
    signal: stop.signal,
  };
  try {
    if (isLong) {
      plan = await planOf(options);
      checkPlan(plan);
    }
    for await (const event of train(isLong ? { ...options, ...measured } : options)) {
      if (event.type === 'plan') plan ??= event.plan;
      else if (event.type === 'start') {
        parameters = event.parameters;
        last = performance.now();
      } else if (event.type === 'step') {
        const now = performance.now();
        if (steps >= 0) durationMs += now - last;
        steps++;
        last = now;
        if (steps >= LEAST_STEPS && durationMs >= LONG_MS) stop.abort();
      } else if (event.type === 'done') {
        device = event.model.device;
        await event.model.dispose();
      }
    }
  } catch (error) {
    signal?.throwIfAborted();
    // The plan says so itself, and what would fit.
    if (!(error instanceof EngineError) || error.code !== 'training/memory') throw error;
  } finally {
    signal?.removeEventListener('abort', end);
  }
  signal?.throwIfAborted();
  if (!plan) throw new Error('Nothing was planned.');
  const times = isLong ? (batch * passes) / measured.per_device_train_batch_size : 1;
  return {
    device: device ?? (isLoaded(how.model) ? how.model.device : await summaryOf(how)),
    parameters,
    secondsAStep: steps > 0 ? (durationMs / 1000 / steps) * times : 0,
    steps: Math.max(0, steps),
    memory: memoryOf(plan),
  };
}

/** What a run takes, before anything is taken. */
async function planOf(options: TrainOptions): Promise<MemoryPlan> {
  for await (const event of train(options)) if (event.type === 'plan') return event.plan;
  throw new Error('A run begins with its plan.');
}

/** The plan in the page's words. */
export function memoryOf(plan: MemoryPlan): RunMemory {
  const { base, weights, gradients, moments, activations, total, limit, problem, suggestion } =
    plan;
  return {
    base,
    weights,
    gradients,
    moments,
    activations,
    total,
    limit: limit?.bytes ?? null,
    problem,
    suggestion,
  };
}

async function summaryOf({
  device,
  processor,
}: Pick<TrainOptions, 'device' | 'processor'>): Promise<DeviceSummary> {
  const opened = await openDevice(device, { processor });
  opened.dispose();
  return opened.summary;
}

// The loop: a step after the other, and between them what a listener wants to know of the model as it grows.
import { EngineError } from '../../errors.ts';
import type { Gpt } from '../../model/gpt.ts';
import { parameterCount } from '../../model/parameters.ts';
import { checkPlan } from '../../model/training/plan.ts';
import type { StepResult } from '../../model/training/trainer.ts';
import type { GPT2 } from '../gpt2.ts';
import { type Run, type TrainOptions, beginRun, optionsToKeep, planRun } from './begin.ts';
import { isOfTheStore, removeOldest, sizeOf } from './checkpointStore.ts';
import type { CheckpointEvent, NoticeEvent, SampleEvent, StepEvent, TrainEvent } from './events.ts';
import { isLoaded } from './learner.ts';
import { samplingOf } from './options.ts';
import { type ScheduleOptions, learningRateAt } from './schedule.ts';
import { fingerprintOf, saidOf, trainedModel } from './trainedModel.ts';
import { wholeWindows } from './windows.ts';

/**
 * Trains, and tells what happens: first the plan of its memory, before any is taken, at last the model, which is the
 * listener's then. Leaving the loop before that frees everything. Aborting `signal` stops after the step in hand, which
 * is measured and kept as a last step is; the model is there all the same. Throws what `planRun` throws,
 * `training/memory`, `training/not-finite`, `device/…`, and the signal's reason where it is aborted before the first
 * step; nothing stays allocated then.
 */
export async function* train(options: TrainOptions): AsyncGenerator<TrainEvent, void, undefined> {
  const planned = await planRun(options);
  let run: Run | null = null;
  let isHandedOver = false;
  try {
    yield { type: 'plan', plan: planned.plan };
    checkPlan(planned.plan);
    run = await beginRun(planned);
    const reason = yield* steps(run);
    const { steps: step } = run.trainer;
    const { gpt, adapter } = await run.learner.finish();
    let model: GPT2;
    try {
      model = trainedModel(run, gpt, await fingerprintOf(gpt));
    } catch (error) {
      gpt.dispose();
      throw error;
    }
    isHandedOver = true;
    yield { type: 'done', reason, step, model, adapter };
  } catch (error) {
    throw run ? withCheckpoint(error, run) : error;
  } finally {
    if (!isHandedOver) {
      run?.trainer.dispose();
      if (planned.ownsDevice) planned.device.dispose();
    }
    await planned.release();
  }
}

async function* steps(run: Run): AsyncGenerator<TrainEvent, 'max_steps' | 'stopped', undefined> {
  const { trainer, args, options } = run;
  const meter = new Meter(run);
  yield {
    type: 'start',
    step: trainer.steps,
    max_steps: args.max_steps,
    parameters: parameterCount(run.config),
    trainable: run.learner.parameters,
    tokensAStep: meter.tokensAStep,
    checkpoint: run.resumed,
  };
  for (const notice of run.passedOver) yield notice;
  if (trainer.steps > args.max_steps) yield isPast(run);
  const isStopped = (): boolean => options.signal?.aborted === true;
  const { steps: begun } = trainer;
  /** At which step each was told, or done, last; what a run goes on from was seen to by the run before. */
  const seen = { step: begun, evaluation: begun, sample: begun, checkpoint: begun };
  /** Whether it is due, which it then is no more. Asked right before each: a signal may come while another is told. */
  const claim = (what: keyof typeof seen, every: number): boolean => {
    const isEnd = trainer.steps === args.max_steps || isStopped();
    if (every === 0 || seen[what] === trainer.steps) return false;
    if (!isEnd && trainer.steps % every !== 0) return false;
    seen[what] = trainer.steps;
    return true;
  };
  /** Of these very weights; null where they were not measured. */
  let evalLoss: number | null = null;
  async function* whatIsDue(): AsyncGenerator<TrainEvent, void, undefined> {
    if (claim('step', args.logging_steps)) {
      const event = meter.read();
      run.log.push({
        step: event.step,
        loss: event.loss,
        learning_rate: event.learning_rate,
        grad_norm: event.grad_norm,
      });
      yield event;
    }
    if (options.validation && claim('evaluation', args.eval_steps)) {
      const event = await evaluated(run);
      evalLoss = event.eval_loss;
      if (!Number.isFinite(evalLoss)) {
        throw await notFinite(run, { loss: evalLoss, gradientNorm: 0 }, trainer.steps);
      }
      run.log.push({ step: event.step, eval_loss: evalLoss });
      yield event;
    }
    if (claim('sample', args.sample_steps)) yield* samples(run);
    if (options.checkpoints && claim('checkpoint', args.save_steps)) {
      if (evalLoss === null) await prove(run);
      const event = await keep(run, evalLoss);
      if (event.type === 'checkpoint') noteKept(run, event);
      yield event;
    }
  }
  if (trainer.steps === 0 && args.eval_steps > 0 && options.validation) {
    yield await evaluated(run);
  }
  // What was there before writes something already.
  const { model } = options;
  const knows = isLoaded(model) || model.first !== undefined;
  if (trainer.steps === 0 && args.sample_steps > 0 && knows) yield* samples(run);
  await letWatch(run);
  while (trainer.steps < args.max_steps && !isStopped()) {
    const rate = learningRateAt(trainer.steps, scheduleAt(run, trainer.steps));
    const start = performance.now();
    const batches = Array.from({ length: args.gradient_accumulation_steps }, () => run.draw());
    const result = await trainer.step(batches, rate);
    if (!isFinite(result)) throw await notFinite(run, result, trainer.steps - 1);
    meter.add(result, rate, performance.now() - start);
    evalLoss = null;
    yield* whatIsDue();
    await letWatch(run);
  }
  // A signal that came after something was found not to be due.
  yield* whatIsDue();
  return trainer.steps < args.max_steps ? 'stopped' : 'max_steps';
}

/** What the rate of the step behind `done` steps follows. */
function scheduleAt({ args, earlier }: Run, done: number): ScheduleOptions {
  return earlier.find(({ step }) => done < step)?.schedule ?? args;
}

/** Nobody asked for what a run learned after the step that they name, and nobody takes it away. */
function isPast({ trainer, args }: Run): NoticeEvent {
  return {
    type: 'notice',
    step: trainer.steps,
    code: 'training/past',
    message: `The run is past max_steps ${args.max_steps} already: it stands at step ${trainer.steps}.`,
    hint: `No step is made. Give a max_steps above ${trainer.steps} to go on.`,
  };
}

/** Whoever watches has their turn. */
async function letWatch(run: Run): Promise<void> {
  const { between } = run.options;
  if (!between) return;
  const lent: { gpt: Gpt; isOwn: boolean; model: GPT2 }[] = [];
  try {
    await between(run.trainer.steps, async () => {
      const { gpt, isOwn } = await run.learner.current();
      const model = trainedModel(run, gpt);
      lent.push({ gpt, isOwn, model });
      return model;
    });
  } finally {
    for (const each of lent) giveBack(each);
  }
}

/** A model that goes on learning stays: only what read with it ends. */
function giveBack({ gpt, isOwn, model }: { gpt: Gpt; isOwn: boolean; model: GPT2 }): void {
  model.readers.dispose();
  if (isOwn) gpt.dispose();
}

/** What is kept now that a checkpoint was, and others gave way. */
function noteKept({ kept }: Run, { step, removed }: CheckpointEvent): void {
  kept.splice(0, Infinity, ...kept.filter((each) => !removed.includes(each)), step);
}

/** A device that is lost takes weights and moments with it: what is left is the last checkpoint. */
function withCheckpoint(error: unknown, { kept, options }: Run): unknown {
  if (!(error instanceof EngineError) || error.code !== 'device/lost') return error;
  const step = kept.at(-1);
  const rest = options.checkpoints
    ? 'No checkpoint was kept before that.'
    : 'The run keeps no checkpoints.';
  const { code, message, hint } = error;
  return new EngineError(
    `${message} ${step === undefined ? rest : `The run stands at checkpoint-${step}.`}`,
    {
      code,
      hint: step === undefined ? hint : 'Go on from there with resume_from_checkpoint.',
      cause: error,
    },
  );
}

function isFinite({ loss, gradientNorm }: StepResult): boolean {
  return Number.isFinite(loss) && Number.isFinite(gradientNorm);
}

/**
 * Why the run ends, and what is left of it: a checkpoint of the very weights that were measured is no good one, and goes.
 */
async function notFinite(
  run: Run,
  { loss, gradientNorm }: StepResult,
  measuredAt: number,
): Promise<EngineError> {
  const { trainer, options, kept } = run;
  const { learning_rate: rate } = scheduleAt(run, Math.max(0, trainer.steps - 1));
  if (kept.at(-1) === measuredAt) await options.checkpoints?.remove(measuredAt);
  const good = kept.filter((step) => step < measuredAt).at(-1);
  const what = Number.isFinite(loss) ? `gradient's norm is ${gradientNorm}` : `loss is ${loss}`;
  const rest =
    good === undefined
      ? 'No good checkpoint is left: begin again'
      : `The last good checkpoint is checkpoint-${good}: go on from it`;
  // What is left stands in the hint alone: who has other ways back, as the page has, says so in its place.
  return new EngineError(`Step ${trainer.steps}: the ${what}.`, {
    code: 'training/not-finite',
    hint: `${rest} with a smaller learning_rate than ${rate}, more warmup_steps, or a smaller max_grad_norm.`,
  });
}

/** Loss over whole windows of the validation text, without dropout. */
async function evaluated({ trainer, args, options }: Run) {
  const size = { batch: args.per_device_train_batch_size, tokens: args.block_size };
  let [sum, targets] = [0, 0];
  if (options.validation) {
    for (const batch of wholeWindows(options.validation, size, args.max_eval_samples)) {
      const found = await trainer.evaluate(batch);
      sum += found.sum;
      targets += found.count;
    }
  }
  return { type: 'evaluation', step: trainer.steps, eval_loss: sum / targets, targets } as const;
}

/** What is kept is known to be good: an older checkpoint may give way to it. Throws `training/not-finite`. */
async function prove(run: Run): Promise<void> {
  const { trainer, args, options } = run;
  const size = { batch: args.per_device_train_batch_size, tokens: args.block_size };
  const [batch] = wholeWindows(options.train, size, size.batch);
  const { sum } = await trainer.evaluate(batch);
  if (!Number.isFinite(sum)) {
    throw await notFinite(run, { loss: sum, gradientNorm: 0 }, trainer.steps);
  }
}

/** What the model writes after each prompt. */
async function* samples(run: Run): AsyncGenerator<SampleEvent, void, undefined> {
  const { options, trainer, args } = run;
  const { prompts = [''], sampling } = options;
  const { tokenizer } = run;
  const { gpt, isOwn } = await run.learner.current();
  const model = trainedModel(run, gpt);
  try {
    for (const prompt of prompts) {
      const ids = startOf(prompt, model);
      const written: number[] = [];
      let text = '';
      const chosen = { ...samplingOf(args), ...sampling };
      for await (const token of model.generate(ids, chosen)) {
        written.push(token.token_id);
        text += token.text;
      }
      const shown = tokenizer ? text : written.join(' ');
      yield { type: 'sample', step: trainer.steps, prompt, text: shown };
    }
  } finally {
    giveBack({ gpt, isOwn, model });
  }
}

/** Ids to go on from; a text of a vocabulary without an end-of-text begins with its first token. */
function startOf(prompt: string, model: GPT2): number[] {
  const ids = prompt === '' || !model.tokenizer ? [] : model.encode(prompt);
  if (ids.length > 0 || model.bosTokenId !== null) return ids;
  return [0];
}

/** Keeps a checkpoint; a run whose store is full, or cannot be written, goes on and says so. */
async function keep(run: Run, evalLoss: number | null): Promise<CheckpointEvent | NoticeEvent> {
  const { options, trainer, batches, random, log } = run;
  const store = options.checkpoints;
  if (!store) throw new Error('A run without a store keeps nothing.');
  const step = trainer.steps;
  // It describes the files; weights are the learner's, and nobody merges an adapter for them.
  const model = trainedModel(run, run.base?.gpt ?? (await run.learner.current()).gpt);
  try {
    const beside = { ...saidOf(run), tokenizerFiles: run.tokenizerFiles };
    const files = await run.learner.checkpoint(model, beside, {
      run: options.run ?? 'run',
      step,
      microSteps: trainer.microSteps,
      config: run.config,
      options: optionsToKeep(run),
      generator: random?.state ?? null,
      position: batches.position,
      evalLoss,
      log,
    });
    const stored = await store.write(step, files);
    const removed = await removeOldest(store, options.keep ?? {});
    return { type: 'checkpoint', step, name: stored.name, sizeBytes: sizeOf(stored), removed };
  } catch (error) {
    if (!isOfTheStore(error)) throw error;
    return toNotice(error, step);
  } finally {
    model.readers.dispose();
  }
}

function toNotice(error: unknown, step: number): NoticeEvent {
  if (error instanceof EngineError) {
    const { code, message, hint } = error;
    return { type: 'notice', step, code, message, hint };
  }
  return {
    type: 'notice',
    step,
    code: 'training/storage',
    message: `The checkpoint of step ${step} could not be kept: ${error instanceof Error ? error.message : String(error)}.`,
    hint: 'The run goes on, and keeps the next one where that can be written.',
  };
}

/** Counts between two events of `step`. */
class Meter {
  readonly tokensAStep: number;
  readonly #run: Run;
  #losses: number[] = [];
  #durationMs = 0;
  #rate = 0;
  #norm = 0;

  constructor(run: Run) {
    this.#run = run;
    const { args } = run;
    const windows = args.per_device_train_batch_size * args.gradient_accumulation_steps;
    this.tokensAStep = windows * args.block_size;
  }

  add({ loss, gradientNorm }: StepResult, rate: number, durationMs: number): void {
    this.#losses.push(loss);
    this.#durationMs += durationMs;
    this.#rate = rate;
    this.#norm = gradientNorm;
  }

  read(): StepEvent {
    const count = this.#losses.length;
    const { trainer, options } = this.#run;
    const tokens = trainer.steps * this.tokensAStep;
    const event: StepEvent = {
      type: 'step',
      step: trainer.steps,
      loss: this.#losses.reduce((sum, loss) => sum + loss, 0) / count,
      learning_rate: this.#rate,
      grad_norm: this.#norm,
      tokensPerSecond: (count * this.tokensAStep * 1000) / this.#durationMs,
      tokens,
      epoch: tokens / options.train.length,
    };
    this.#losses = [];
    this.#durationMs = 0;
    return event;
  }
}

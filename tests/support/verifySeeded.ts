// Whole training runs from a seed, with dropout on, and one that learns: the conformance pack's `seeded/` and `learns/`.
import type { DeviceRequest } from '../../src/api.ts';
import { openDevice } from '../../src/engine/load/openDevice.ts';
import type { ProcessorOptions } from '../../src/engine/load/processor.ts';
import { TokenIds } from '../../src/engine/training/tokenIds.ts';
import { wholeWindows } from '../../src/engine/training/windows.ts';
import type { Device } from '../../src/gpu/device.ts';
import { type Layout, MINGPT, NANOGPT, NOTEBOOK } from '../../src/model/layouts.ts';
import { NO_DROPOUT } from '../../src/model/training/dropout.ts';
import { type InitialRule, initialise } from '../../src/model/training/initialise.ts';
import { torchInitial } from '../../src/model/training/torchInitial.ts';
import { drawMasks, planMasks } from '../../src/model/training/masks.ts';
import { TorchRandom } from '../../src/model/training/torchRandom.ts';
import { type Batch, type OptimiserOptions, Trainer } from '../../src/model/training/trainer.ts';
import { SEEDED_RUNS, type SeededRun, configOfRun } from './seededRuns.ts';
import { storedTensors } from './storedTensors.ts';
import {
  type Expected,
  type GroupResult,
  compare,
  fetchJson,
  readExpected,
} from './verifyGroups.ts';

const LAYOUTS: Readonly<Record<InitialRule, Layout>> = {
  notebook: NOTEBOOK,
  mingpt: MINGPT,
  nanogpt: NANOGPT,
};

/** In standard deviations: PyTorch's logarithm, sine and cosine differ in their last bits. */
const NORMAL_BOUND = 2e-6;
const LOGITS_BOUND = 1e-5;
/** Of the first losses, and of the last. */
const LOSS_BOUNDS = [1e-4, 1e-3] as const;
const END_BOUND = 1e-3;

/** The run under `url` (with a slash at its end). */
export async function verifySeeded(
  url: string,
  wish: DeviceRequest | GPUDevice = 'cpu',
  processor?: ProcessorOptions,
): Promise<GroupResult[]> {
  const run = (await fetchJson(`${url}run.json`)) as SeededRun;
  const expected = await readExpected(`${url}expected.safetensors`);
  const name = ruleOf(run);
  const device = await openDevice(wish, { processor });
  try {
    return await seeded(device, name, run, expected);
  } finally {
    device.dispose();
  }
}

/** Whose run it is, by the names of its tensors. */
function ruleOf({ decay }: SeededRun): InitialRule {
  const rule = SEEDED_RUNS.find((each) => decay.includes(`${FIRST_MODULES[each]}.weight`));
  if (!rule) throw new Error('run.json names the tensors of no codebase that is known.');
  return rule;
}

const FIRST_MODULES: Readonly<Record<InitialRule, string>> = {
  notebook: 'trf_blocks.0.att.W_query',
  mingpt: 'blocks.0.attn.query',
  nanogpt: 'transformer.h.0.attn.c_attn',
};

async function seeded(
  device: Device,
  name: InitialRule,
  run: SeededRun,
  expected: Expected,
): Promise<GroupResult[]> {
  const config = configOfRun(name, run);
  const layout = LAYOUTS[name];
  const { drop_rate: rate } = run.config;
  const dropout = { embd: rate, attn: rate, resid: rate };
  const windows = { batch: run.batch, tokens: config.nCtx };
  const rule = name === 'nanogpt' ? 'nanogpt' : 'mingpt';
  const optimiser = optimiserOf(run.optimizer, rule);
  const trainer = new Trainer(device, config, { ...windows, dropout, masks: 'given', optimiser });
  try {
    const { arena, trainables } = trainer;
    const random = new TorchRandom(run.seed);
    await initialise(arena, trainables.parameters, config, name, torchInitial(random));
    const first = await storedTensors(device, config, trainables.parameters, layout);
    const plan = planMasks(config, windows, dropout);
    const data = Uint32Array.from(run.data);
    let wrongStarts = 0;
    const draw = (step: number): Batch => {
      const starts =
        name === 'nanogpt'
          ? random.randint(data.length - config.nCtx, run.batch)
          : run.batch_starts[step];
      wrongStarts += starts.filter((start, i) => start !== run.batch_starts[step][i]).length;
      const batch = windowsAt(data, starts, config.nCtx);
      return { ...batch, masks: drawMasks(random, plan) };
    };
    const batch = draw(0);
    const logits = await trainer.logits(batch, true);
    const found = [await trainer.step([batch], run.optimizer.lr)];
    for (let step = 1; step < run.losses.length; step++) {
      found.push(await trainer.step([draw(step)], run.optimizer.lr));
    }
    const last = await storedTensors(device, config, trainables.parameters, layout);
    const finalBatch = windowsAt(data, run.final_input_starts, config.nCtx);
    const finalLogits = await trainer.logits(finalBatch, false);
    return [
      initGroup(name, first, expected, wrongStarts),
      logitsGroup('first logits', logits, expected('first_logits_dropout_on').data, LOGITS_BOUND),
      lossGroup(
        'losses',
        found.map(({ loss }) => loss),
        run.losses,
      ),
      lossGroup(
        'gradient norms',
        found.map(({ gradientNorm }) => gradientNorm),
        run.gradient_norms,
      ),
      endGroup(first, last, expected, run),
      logitsGroup('end logits', finalLogits, expected('final_logits_dropout_off').data, END_BOUND),
    ];
  } finally {
    trainer.dispose();
  }
}

/** Windows of T tokens that begin at `starts`; the targets are the next ones. */
function windowsAt(
  data: ArrayLike<number>,
  starts: readonly number[],
  tokens: number,
): { ids: Uint32Array; targets: Uint32Array } {
  const ids = new Uint32Array(starts.length * tokens);
  const targets = new Uint32Array(ids.length);
  starts.forEach((start, b) => {
    for (let t = 0; t < tokens; t++) {
      ids[b * tokens + t] = data[start + t];
      targets[b * tokens + t] = data[start + t + 1];
    }
  });
  return { ids, targets };
}

function optimiserOf(
  o: SeededRun['optimizer'],
  decay: OptimiserOptions['decay'],
): OptimiserOptions {
  const [beta1, beta2] = o.betas;
  const { eps: epsilon, weight_decay: weightDecay, grad_clip: maxGradNorm } = o;
  return { beta1, beta2, epsilon, weightDecay, maxGradNorm, decay };
}

/** Uniform tensors and constants bit for bit, normal ones in standard deviations, and no draw too many or too few. */
function initGroup(
  name: InitialRule,
  found: ReadonlyMap<string, Float32Array>,
  expected: Expected,
  wrongStarts: number,
): GroupResult {
  let [absolute, relative, unequal] = [0, 0, 0];
  for (const [tensor, values] of found) {
    const wanted = expected(`init.${tensor}`).data;
    const isNormal = name === 'notebook' ? /_emb/u.test(tensor) : wanted.some((x) => x % 1 !== 0);
    const { absolute: error } = compare(values, wanted);
    if (isNormal) {
      absolute = Math.max(absolute, error);
      relative = Math.max(relative, error / (name === 'notebook' ? 1 : 0.02));
    } else if (error !== 0) unequal++;
  }
  return {
    group: 'init',
    absolute,
    relative,
    bound: `${NORMAL_BOUND} deviations, others equal`,
    ok: relative <= NORMAL_BOUND && unequal === 0 && wrongStarts === 0,
    note: `${found.size} tensors, ${unequal} unequal${name === 'nanogpt' ? `, ${wrongStarts} windows begin elsewhere` : ''}`,
  };
}

function logitsGroup(
  group: string,
  found: Float32Array,
  wanted: Float32Array,
  bound: number,
): GroupResult {
  const { absolute, relative } = compare(found, wanted);
  return { group, absolute, relative, bound: `relative ${bound}`, ok: relative <= bound };
}

/** The bound widens evenly from the first to the last: float32 drifts. */
function lossGroup(
  group: string,
  found: readonly number[],
  wanted: readonly number[],
): GroupResult {
  const [atFirst, atLast] = LOSS_BOUNDS;
  let [absolute, relative, ok] = [0, 0, true];
  wanted.forEach((value, i) => {
    const error = Math.abs(found[i] - value);
    absolute = Math.max(absolute, error);
    relative = Math.max(relative, error / value);
    const share = i / Math.max(1, wanted.length - 1);
    ok &&= error / value <= atFirst + (atLast - atFirst) * share;
  });
  const bound = `relative ${atFirst}, ${atLast} at last`;
  return { group, absolute, relative, bound, ok, note: `${wanted.length} steps` };
}

/** What a softmax does not see moves by rounding alone: within the learning rate a step. */
function endGroup(
  first: ReadonlyMap<string, Float32Array>,
  found: ReadonlyMap<string, Float32Array>,
  expected: Expected,
  { optimizer, losses }: SeededRun,
): GroupResult {
  let [absolute, relative, ok] = [0, 0, true];
  for (const [name, values] of found) {
    if (name.endsWith('attn.key.bias')) {
      const moved = compare(values, first.get(name) ?? []).absolute;
      ok &&= moved <= 1.001 * optimizer.lr * losses.length;
      continue;
    }
    const error = compare(values, expected(`end.${name}`).data);
    absolute = Math.max(absolute, error.absolute);
    relative = Math.max(relative, error.relative);
  }
  return {
    group: 'end',
    absolute,
    relative,
    bound: `relative ${END_BOUND}`,
    ok: ok && relative <= END_BOUND,
    note: `${found.size} tensors`,
  };
}

/** `learns/run.json`. */
interface LearnsRun {
  readonly seed: number;
  readonly config: SeededRun['config'];
  readonly batch: number;
  readonly optimizer: SeededRun['optimizer'];
  readonly steps: number;
  readonly losses: readonly number[];
  /** By the number of steps done. */
  readonly validation: Readonly<Record<string, number>>;
  readonly even_guess: number;
  readonly by_frequency: number;
}

const TEXT_LENGTH = 30_000;
const TRAINED_LENGTH = 27_000;
const FIRST_LOSSES = 20;
const FIRST_LOSS_BOUND = 1e-4;
const VALIDATION_BOUND = 0.02;

/**
 * The run under `url` over the corpus at `corpusUrl`; `steps` breaks it off. It is validated where PyTorch did: before the
 * first step and after each hundred.
 */
export async function verifyLearns(
  url: string,
  corpusUrl: string,
  wish: DeviceRequest | GPUDevice = 'cpu',
  {
    processor,
    steps,
  }: { processor?: ProcessorOptions | undefined; steps?: number | undefined } = {},
): Promise<GroupResult[]> {
  const run = (await fetchJson(`${url}run.json`)) as LearnsRun;
  const text = (await (await fetch(corpusUrl)).text()).slice(0, TEXT_LENGTH);
  const device = await openDevice(wish, { processor });
  try {
    return await learns(device, run, text, steps ?? run.steps);
  } finally {
    device.dispose();
  }
}

async function learns(
  device: Device,
  run: LearnsRun,
  text: string,
  steps: number,
): Promise<GroupResult[]> {
  const characters = [...new Set(text)].toSorted((a, b) => a.codePointAt(0)! - b.codePointAt(0)!);
  const idOf = new Map(characters.map((character, id) => [character, id]));
  const ids = Array.from(text, (character) => idOf.get(character) ?? 0);
  const [train, validation] = [ids.slice(0, TRAINED_LENGTH), ids.slice(TRAINED_LENGTH)];
  const config = configOfRun('nanogpt', run);
  const tokens = config.nCtx;
  const optimiser = optimiserOf(run.optimizer, 'nanogpt');
  const trainer = new Trainer(device, config, {
    batch: run.batch,
    tokens,
    optimiser,
    dropout: NO_DROPOUT,
  });
  try {
    const random = new TorchRandom(run.seed);
    const { arena, trainables } = trainer;
    await initialise(arena, trainables.parameters, config, 'nanogpt', torchInitial(random));
    const losses: number[] = [];
    const validated: [step: number, found: number][] = [];
    for (let step = 0; step <= steps; step++) {
      if (String(step) in run.validation) {
        validated.push([step, await validationLoss(trainer, validation, run.batch, tokens)]);
      }
      if (step === steps) break;
      const starts = random.randint(train.length - tokens, run.batch);
      const { loss } = await trainer.step([windowsAt(train, starts, tokens)], run.optimizer.lr);
      losses.push(loss);
    }
    const [lastStep, last] = validated.at(-1) ?? [0, NaN];
    return [
      ratioGroup('first losses', losses.slice(0, FIRST_LOSSES), run.losses, FIRST_LOSS_BOUND),
      ratioGroup(
        'validation',
        validated.map(([, found]) => found),
        validated.map(([step]) => run.validation[step]),
        VALIDATION_BOUND,
        `${last.toFixed(4)} after ${lastStep} steps; PyTorch ${run.validation[lastStep].toFixed(4)}, by frequency ${run.by_frequency.toFixed(2)}, even guess ${run.even_guess.toFixed(2)}`,
      ),
    ];
  } finally {
    trainer.dispose();
  }
}

/** Over all whole windows, one behind the other. */
async function validationLoss(
  trainer: Trainer,
  ids: readonly number[],
  batch: number,
  tokens: number,
): Promise<number> {
  let [sum, count] = [0, 0];
  for (const windows of wholeWindows(TokenIds.from(ids), { batch, tokens })) {
    const found = await trainer.evaluate(windows);
    sum += found.sum;
    count += found.count;
  }
  return sum / count;
}

function ratioGroup(
  group: string,
  found: readonly number[],
  wanted: readonly number[],
  bound: number,
  note?: string,
): GroupResult {
  let [absolute, relative] = [0, 0];
  found.forEach((value, i) => {
    const error = Math.abs(value - wanted[i]);
    absolute = error <= absolute ? absolute : error;
    relative = error / wanted[i] <= relative ? relative : error / wanted[i];
  });
  const ok = found.length > 0 && relative <= bound;
  return { group, absolute, relative, bound: `relative ${bound}`, ok, ...(note ? { note } : {}) };
}

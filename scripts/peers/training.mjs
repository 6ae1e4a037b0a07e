// The training part of `npm run bench:peers`: steps of one small GPT, by this engine and by others, in turns.
// @ts-check
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openEnginePage } from '../enginePage.mjs';
import { fetched } from '../fetched.mjs';

const OURS = 'ours';
/** Threads that ours computes with on the processor. */
const THREADS = 2;
/** How far losses of the same model may be apart, as a part of the loss: at first, and after steps of optimisers that differ in decay. */
const LOSS_BOUNDS = { first: 1e-4, later: 2e-2 };
/** Times as many steps as where others wait for their turn; PyTorch's. */
const STEPS_ALONE = 4;
const STEPS_OF_PYTORCH = 20;

/** @typedef {import('./report.mjs').Learner} Learner */
/** @typedef {import('./report.mjs').TrainingRun} TrainingRun */

/** Where the other trainers are. */
export function installTrainers() {
  const folder = fetched(
    'peers/training',
    '@genai-fi/nanogpt',
    'other trainers, to measure beside (once, 400 MB)',
    (fresh) =>
      readFileSync(
        join(fresh, 'node_modules/@tensorflow/tfjs-backend-webgpu/dist/tf-backend-webgpu.min.js'),
      ),
  );
  /** @param {string} name */
  const of = (name) => {
    const at = join(folder, 'node_modules', name);
    const { version } = JSON.parse(readFileSync(join(at, 'package.json'), 'utf8'));
    return { name, at, version };
  };
  return {
    nanoGpt: of('@genai-fi/nanogpt'),
    tfjs: of('@tensorflow/tfjs'),
    backend: of('@tensorflow/tfjs-backend-webgpu'),
  };
}

/**
 * All on WebGPU, each in a page of its own: both copies of tfjs would share what they register in one.
 * @param {ReturnType<typeof installTrainers>} peers @param {number} steps of each that are timed
 * @returns {Promise<TrainingRun & { browser: string }>}
 */
export async function trainOnWebGpu({ nanoGpt, tfjs, backend }, steps) {
  const engine = await openEnginePage([
    join(nanoGpt.at, 'dist'),
    join(tfjs.at, 'dist'),
    join(backend.at, 'dist'),
  ]);
  try {
    const names = [OURS, `${nanoGpt.name} ${nanoGpt.version}`, `tfjs ${tfjs.version}`];
    const calls = [caller(engine.page)];
    while (calls.length < names.length) {
      const page = await engine.browser.newPage();
      await page.goto(engine.page.url());
      calls.push(caller(page));
    }
    const tfjsFiles = [`${engine.urlOf(1)}tf.min.js`, `${engine.urlOf(2)}tf-backend-webgpu.min.js`];
    await calls[0]('loadOurs', names[0], 'webgpu');
    await calls[1]('loadNanoGpt', names[1], engine.urlOf(0));
    await calls[2]('loadTfjs', names[2], tfjsFiles);
    const learners = await inTurns(names, calls, steps);
    checkSame(learners[0], learners[2]);
    const sizes = await calls[0]('sizes');
    for (const learner of learners) checkLearns(learner, sizes);
    return {
      browser: browserOf(engine),
      device: 'WebGPU',
      tokensAStep: sizes.batch * sizes.tokens,
      learners,
      forwardMs: null,
    };
  } finally {
    await engine.close();
  }
}

/**
 * Ours on the processor, its way forward alone, and PyTorch where there is one.
 * @param {{ steps: number, python?: string | undefined, wasm?: string | undefined }} options
 * @returns {Promise<TrainingRun & { browser: string }>}
 */
export async function trainOnProcessor({ steps, python, wasm }) {
  const engine = await openEnginePage();
  try {
    const call = caller(engine.page);
    await call('loadOurs', OURS, 'cpu', { threads: THREADS, wasm });
    const learners = await inTurns([OURS], [call], STEPS_ALONE * steps);
    const forwardMs = [];
    for (let i = 0; i < STEPS_ALONE * steps; i++) {
      forwardMs.push((await call('timeForward', OURS, 100 + i)).ms);
    }
    const sizes = await call('sizes');
    for (const learner of learners) checkLearns(learner, sizes);
    if (python) learners.push(pyTorch(python, sizes));
    return {
      browser: browserOf(engine),
      device: 'the processor',
      tokensAStep: sizes.batch * sizes.tokens,
      learners,
      forwardMs,
    };
  } finally {
    await engine.close();
  }
}

/** @param {{ browser: import('playwright').Browser }} engine */
function browserOf({ browser }) {
  return `Chromium ${browser.version()}`;
}

/** @param {import('playwright').Page} page @returns {(name: string, ...given: unknown[]) => Promise<any>} */
function caller(page) {
  return (name, ...given) =>
    page.evaluate(
      async ([path, what, args]) => (await import(path))[what](...args),
      /** @type {[string, string, unknown[]]} */ (['/tests/support/peersTraining.ts', name, given]),
    );
}

/**
 * A step that nobody counts, then a step of each in every round; another goes first each time.
 * @param {string[]} names @param {ReturnType<typeof caller>[]} calls @param {number} rounds
 * @returns {Promise<Learner[]>}
 */
async function inTurns(names, calls, rounds) {
  /** @type {Learner[]} */
  const learners = names.map((name) => ({ name, description: '', ms: [], losses: [] }));
  for (let round = 0; round <= rounds; round++) {
    for (let i = 0; i < names.length; i++) {
      const at = (round + i) % names.length;
      const { ms, loss } = await calls[at]('timeStep', names[at], round);
      learners[at].losses.push(loss);
      if (round > 0) learners[at].ms.push(ms);
    }
    if (names.length > 1)
      console.error(round === 0 ? 'a first step' : `step ${round} of ${rounds}`);
  }
  for (const [i, learner] of learners.entries()) {
    learner.description = await calls[i]('describe', learner.name);
  }
  return learners;
}

/** Throws where two that have the same weights and windows do not lose the same. @param {Learner} one @param {Learner} other */
function checkSame(one, other) {
  one.losses.forEach((loss, i) => {
    const difference = Math.abs(other.losses[i] - loss) / loss;
    const bound = i === 0 ? LOSS_BOUNDS.first : LOSS_BOUNDS.later;
    if (difference <= bound) return;
    throw new Error(
      `${one.name} and ${other.name} do not train the same: before step ${i + 1} their losses are ${loss} and ` +
        `${other.losses[i]}, and ${bound} of it is the most that they may differ by.`,
    );
  });
}

/**
 * Throws where a loss is no number, or none at which a model of that vocabulary begins.
 * @param {Learner} learner @param {Record<string, number>} sizes
 */
function checkLearns({ name, losses }, { vocabulary }) {
  const blind = Math.log(vocabulary);
  if (losses.every(Number.isFinite) && Math.abs(losses[0] - blind) < 0.1 * blind) return;
  throw new Error(`${name} trains something else: its losses are ${losses.join(', ')}.`);
}

/** Throws where `python` has no PyTorch: before anything is measured. @param {string} python */
export function checkPython(python) {
  const { status, stderr, error } = spawnSync(python, ['-c', 'import torch'], { encoding: 'utf8' });
  if (status === 0) return;
  const why = error?.message ?? stderr.trim().split('\n').at(-1);
  throw new Error(`--python ${python} cannot import torch: ${why}`);
}

/** @param {string} python @param {Record<string, number>} sizes @returns {Learner} */
function pyTorch(python, sizes) {
  const script = fileURLToPath(new URL('training/train.py', import.meta.url));
  const { layers, heads, channels, vocabulary, batch, tokens } = sizes;
  const words = [layers, heads, channels, vocabulary, batch, tokens, STEPS_OF_PYTORCH].map(String);
  const { status, stdout, stderr, error } = spawnSync(python, [script, ...words], {
    encoding: 'utf8',
  });
  if (status !== 0) {
    throw new Error(`${python} could not train: ${error?.message ?? stderr.trim()}`);
  }
  const { torch, threads, ms, losses } = JSON.parse(stdout);
  const description = `${threads} ${threads === 1 ? 'thread' : 'threads'}`;
  return { name: `PyTorch ${torch}`, description, ms, losses };
}

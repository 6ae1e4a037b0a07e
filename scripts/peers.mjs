// npm run bench:peers -- [--threads 2,1] [--rounds N] [--dtype fp32,q8] [--wasm relaxed|exact|none] [--quick] [--json FILE]
// This engine on the processor and onnxruntime-web's WebAssembly backend in turns, in one page, with the same weights.
// Nothing is timed before their logits agree. What it is made of, and why it stands apart: scripts/peers/README.md.
// @ts-check
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { buildConstants } from './constants.mjs';
import { openEnginePage } from './enginePage.mjs';
import { fetched } from './fetched.mjs';
import { describeRun, median, ratiosOf } from './peers/report.mjs';
import { SEED, weightsFolder } from './peers/weights.mjs';
import { fail, root } from './setup.mjs';

const USAGE =
  'npm run bench:peers -- [--threads 2,1] [--rounds 9] [--dtype fp32,q8] ' +
  '[--wasm relaxed|exact|none] [--quick] [--json FILE]';

/**
 * How far logits may be from onnxruntime's, as a part of its largest one. In fp32 both add in other orders, and nothing
 * else; of fewer bits it says no more than that it is the same model.
 */
const BOUNDS = { fp32: 1e-4, fp16: 1e-2, q8: 1e-1 };
const GPT2 = 'GPT-2 124M';
const TALES = 'tales-7m';
const CONTEXT = 64;
const PROMPT_16 = 'a prompt of 16';
const PROMPT_64 = 'a prompt of 64';
const TOKEN = 'a token after 64';
/** Whoever had a turn may have helpers that look for work for a while. */
const PAUSE_MS = 50;

/** Calls a function of tests/support/peers.ts in the page. @typedef {(name: string, ...given: unknown[]) => Promise<any>} Call */

const asked = readOptions();
const runtime = installPeer();
const folders = [
  weightsFolder(join(root, 'node_modules/.cache/peers')),
  join(root, 'public/models/tales-7m'),
  join(runtime, 'dist'),
  join(root, 'scripts/peers'),
];
const { version } = JSON.parse(readFileSync(join(runtime, 'package.json'), 'utf8'));
const peer = `onnxruntime-web ${version}`;
const constants = buildConstants();
const facts = {
  date: new Date().toISOString(),
  commit: JSON.parse(constants.__COMMIT__),
  versions: { 'glass-gpt': JSON.parse(constants.__VERSION__), 'onnxruntime-web': version },
  machine: `${cpus().length} × ${cpus()[0].model.trim()}`,
  node: process.version,
  loadAverage: loadavg()[0],
  seed: SEED,
  rounds: asked.rounds,
  tokensPerRound: asked.tokens,
};
console.log(
  `${peer} and this engine (commit ${facts.commit}) on ${facts.machine}, ${asked.rounds} rounds in turns; ` +
    `load average before: ${facts.loadAverage.toFixed(1)}`,
);
if (facts.loadAverage > 1) {
  console.log(
    'Something else computes on this machine: two threads that wait for each other suffer most.',
  );
}
const runs = [];
let browser = '';
for (const threads of asked.threads) {
  try {
    const run = await measure(threads);
    console.log(`\n${describeRun(run).join('\n')}`);
    runs.push({ ...run, ratios: ratiosOf(run) });
  } catch (error) {
    fail(`\n${error instanceof Error ? error.message : String(error)}`);
  }
}
const file = resolve(asked.json ?? join(root, 'test-results/peers.json'));
mkdirSync(dirname(file), { recursive: true });
writeFileSync(file, `${JSON.stringify({ ...facts, browser, runs }, null, 2)}\n`);
console.log(`\nMedians and their range, of ${browser}; under 10 % is a tie. Written to ${file}`);

function readOptions() {
  const values = parsed();
  const { quick, wasm, json } = values;
  const threads = values.threads.split(',').map(Number);
  const rounds = Number(values.rounds ?? (quick ? 3 : 9));
  const dtypes = /** @type {(keyof typeof BOUNDS)[]} */ (values.dtype.split(','));
  if (!threads.every((n) => Number.isInteger(n) && n >= 1 && n <= 64)) {
    stop(`--threads ${values.threads}: whole numbers from 1 to 64.`);
  }
  if (!Number.isInteger(rounds) || rounds < 1) {
    stop(`--rounds ${values.rounds}: a whole number from 1 on.`);
  }
  if (!dtypes.every((dtype) => Object.hasOwn(BOUNDS, dtype))) {
    stop(`--dtype ${values.dtype}: some of ${Object.keys(BOUNDS).join(', ')}.`);
  }
  if (wasm !== undefined && !['relaxed', 'exact', 'none'].includes(wasm)) {
    stop(`--wasm ${wasm}: relaxed, exact or none.`);
  }
  return {
    threads: [...new Set(threads)],
    rounds,
    dtypes: [...new Set(dtypes)],
    tokens: quick ? 4 : 8,
    wasm,
    json,
  };
}

function parsed() {
  try {
    return parseArgs({
      options: {
        threads: { type: 'string', default: '2,1' },
        rounds: { type: 'string' },
        dtype: { type: 'string', default: 'fp32,q8' },
        wasm: { type: 'string' },
        quick: { type: 'boolean', default: false },
        json: { type: 'string' },
      },
    }).values;
  } catch (error) {
    return stop(error instanceof Error ? error.message : String(error));
  }
}

/** @param {string} message @returns {never} */
function stop(message) {
  console.error(`${message}\nUsage: ${USAGE}`);
  process.exit(2);
}

/** The folder of onnxruntime-web. */
function installPeer() {
  const inside = 'node_modules/onnxruntime-web';
  const what = 'onnxruntime-web, to measure beside (once, 150 MB)';
  try {
    const folder = fetched('peers', 'onnxruntime-web', what, (fresh) =>
      readFileSync(join(fresh, inside, 'dist/ort-wasm-simd-threaded.wasm')),
    );
    return join(folder, inside);
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error));
  }
}

/**
 * Everything with as many threads, in a page of its own.
 * @param {number} threads
 * @returns {Promise<import('./peers/report.mjs').Run>}
 */
async function measure(threads) {
  const isIsolated = threads > 1;
  const engine = await openEnginePage(folders, { isolated: isIsolated });
  try {
    browser = `Chromium ${engine.browser.version()}`;
    if ((await engine.page.evaluate(() => crossOriginIsolated)) !== isIsolated) {
      throw new Error(`The page was to be ${isIsolated ? '' : 'not '}cross-origin isolated.`);
    }
    /** @type {Call} */
    const call = (name, ...given) =>
      engine.page.evaluate(
        async ([path, what, args]) => (await import(path))[what](...args),
        /** @type {[string, string, unknown[]]} */ (['/tests/support/peers.ts', name, given]),
      );
    const ours = asked.dtypes.flatMap((dtype) => [
      { name: `ours, ${dtype}`, model: GPT2, dtype, url: engine.urlOf(0) },
      { name: `${TALES}, ${dtype}`, model: TALES, dtype, url: engine.urlOf(1) },
    ]);
    console.error(`Loading, for ${threads} thread${threads === 1 ? '' : 's'} …`);
    const files = {
      runtime: engine.urlOf(2),
      graph: `${engine.urlOf(3)}gpt2-124m.onnx`,
      weights: `${engine.urlOf(0)}model.safetensors`,
    };
    await call('loadOnnxruntime', peer, files, threads);
    const processor = { threads, wasm: asked.wasm };
    for (const { name, url, dtype } of ours)
      await call('loadOurs', name, url, { dtype, processor });

    // This is the first run too, whose time nobody counts.
    const agreements = [];
    for (const { name, dtype } of ours.filter(({ model }) => model === GPT2)) {
      agreements.push(await agreement(call, name, BOUNDS[dtype]));
    }
    const times = await inTurns(call, ours);
    const contenders = [];
    for (const { name, model, dtype } of [{ name: peer, model: GPT2, dtype: 'fp32' }, ...ours]) {
      contenders.push({
        name,
        model,
        dtype,
        ours: name !== peer,
        ...(await call('factsOf', name)),
      });
    }
    return { threads, isIsolated, contenders, agreements, times };
  } finally {
    await engine.close();
  }
}

/**
 * Throws where logits are further from onnxruntime's than `bound`.
 * @param {Call} call @param {string} name @param {number} bound
 */
async function agreement(call, name, bound) {
  const at = [];
  for (const tokens of [16, CONTEXT]) {
    const { prompt, next } = await call('disagreement', peer, name, tokens, tokens);
    at.push({ after: `a prompt of ${tokens}`, difference: prompt });
    at.push({ after: `a prompt of ${tokens} and the token it gave`, difference: next });
  }
  const worst = at.find(({ difference }) => !(difference <= bound));
  if (worst) {
    throw new Error(
      `${name} and ${peer} do not compute the same: after ${worst.after} their logits differ by ` +
        `${worst.difference.toExponential(1)} of the largest, and ${bound} is the most. Nothing was timed.`,
    );
  }
  return { name, bound, largest: Math.max(...at.map(({ difference }) => difference)), at };
}

/**
 * The times of every contender at its tasks. In each round everybody has a turn at a task before the next task begins,
 * and another one goes first.
 * @param {Call} call
 * @param {readonly { name: string, model: string, dtype: string }[]} ours
 * @returns {Promise<import('./peers/report.mjs').Timed[]>}
 */
async function inTurns(call, ours) {
  const everybody = [peer, ...ours.map(({ name }) => name)];
  const inFloats = ours.filter(({ model, dtype }) => model === GPT2 && dtype === 'fp32');
  const prompted = [peer, ...inFloats.map(({ name }) => name)];
  // Whose prompts are not timed has one all the same.
  for (const name of everybody.filter((one) => !prompted.includes(one))) {
    await call('timePrompt', name, CONTEXT, 1);
  }
  const tasks = [
    { task: PROMPT_16, names: prompted },
    { task: PROMPT_64, names: prompted },
    { task: TOKEN, names: everybody },
  ];
  /** @param {string} task @param {string} name @param {number} seed @returns {Promise<number>} milliseconds */
  async function turn(task, name, seed) {
    if (task === PROMPT_16) return call('timePrompt', name, 16, seed);
    if (task === PROMPT_64) return call('timePrompt', name, CONTEXT, seed);
    return median(await call('timeTokens', name, asked.tokens, seed));
  }
  /** @type {import('./peers/report.mjs').Timed[]} */
  const times = tasks.flatMap(({ task, names }) => names.map((name) => ({ name, task, ms: [] })));
  for (let round = 0; round < asked.rounds; round++) {
    for (const [t, { task, names }] of tasks.entries()) {
      const first = round % names.length;
      for (const name of [...names.slice(first), ...names.slice(0, first)]) {
        await sleep(PAUSE_MS);
        // Nobody has read this text before.
        const ms = await turn(task, name, 100 + tasks.length * round + t);
        times.find((one) => one.name === name && one.task === task)?.ms.push(ms);
      }
    }
    console.error(`round ${round + 1} of ${asked.rounds}`);
  }
  return times;
}

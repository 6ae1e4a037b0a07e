// The reading part of `npm run bench:peers`: prompts and tokens, by this engine and by onnxruntime-web, in turns in one page.
// @ts-check
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openEnginePage } from '../enginePage.mjs';
import { fetched } from '../fetched.mjs';
import { root } from '../setup.mjs';
import { median } from './report.mjs';
import { weightsFolder } from './weights.mjs';

/**
 * How far logits may be from onnxruntime's, as a part of its largest one. In fp32 both add in other orders, and nothing
 * else; of fewer bits it says no more than that it is the same model.
 */
export const BOUNDS = { fp32: 1e-4, fp16: 1e-2, q8: 1e-1 };
const GPT2 = 'GPT-2 124M';
const TALES = 'tales-7m';
const CONTEXT = 64;
const PROMPT_16 = 'a prompt of 16';
const PROMPT_64 = 'a prompt of 64';
const TOKEN = 'a token after 64';
/** Whoever had a turn may have helpers that look for work for a while. */
const PAUSE_MS = 50;

/** Calls a function of tests/support/peers.ts in the page. @typedef {(name: string, ...given: unknown[]) => Promise<any>} Call */

/**
 * @typedef {object} Reading
 * @property {(keyof typeof BOUNDS)[]} dtypes
 * @property {number} rounds
 * @property {number} tokens after a prompt, a round
 * @property {string | undefined} wasm `relaxed`, `exact` or `none`
 * @property {{ at: string, name: string }} runtime where onnxruntime-web is, and how it is called here
 */

/** Where onnxruntime-web is, and which. */
export function installRuntime() {
  const inside = 'node_modules/onnxruntime-web';
  const what = 'onnxruntime-web, to measure beside (once, 150 MB)';
  const folder = fetched('peers', 'onnxruntime-web', what, (fresh) =>
    readFileSync(join(fresh, inside, 'dist/ort-wasm-simd-threaded.wasm')),
  );
  const at = join(folder, inside);
  const { version } = JSON.parse(readFileSync(join(at, 'package.json'), 'utf8'));
  return { at, name: `onnxruntime-web ${version}`, version };
}

/**
 * Everything with as many threads, in a page of its own.
 * @param {number} threads @param {Reading} asked
 * @returns {Promise<import('./report.mjs').Run & { browser: string }>}
 */
export async function measureReading(threads, asked) {
  const { at, name: peer } = asked.runtime;
  const isIsolated = threads > 1;
  const folders = [
    weightsFolder(join(root, 'node_modules/.cache/peers')),
    join(root, 'public/models/tales-7m'),
    join(at, 'dist'),
    join(root, 'scripts/peers'),
  ];
  const engine = await openEnginePage(folders, { isolated: isIsolated });
  try {
    const browser = `Chromium ${engine.browser.version()}`;
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
      agreements.push(await agreement(call, peer, name, BOUNDS[dtype]));
    }
    const times = await inTurns(call, ours, asked);
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
    return { browser, threads, isIsolated, contenders, agreements, times };
  } finally {
    await engine.close();
  }
}

/**
 * Throws where logits are further from the peer's than `bound`.
 * @param {Call} call @param {string} peer @param {string} name @param {number} bound
 */
async function agreement(call, peer, name, bound) {
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
 * @param {Reading} asked
 * @returns {Promise<import('./report.mjs').Timed[]>}
 */
async function inTurns(call, ours, { runtime, rounds, tokens }) {
  const peer = runtime.name;
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
    return median(await call('timeTokens', name, tokens, seed));
  }
  /** @type {import('./report.mjs').Timed[]} */
  const times = tasks.flatMap(({ task, names }) => names.map((name) => ({ name, task, ms: [] })));
  for (let round = 0; round < rounds; round++) {
    for (const [t, { task, names }] of tasks.entries()) {
      const first = round % names.length;
      for (const name of [...names.slice(first), ...names.slice(0, first)]) {
        await sleep(PAUSE_MS);
        // Nobody has read this text before.
        const ms = await turn(task, name, 100 + tasks.length * round + t);
        times.find((one) => one.name === name && one.task === task)?.ms.push(ms);
      }
    }
    console.error(`round ${round + 1} of ${rounds}`);
  }
  return times;
}

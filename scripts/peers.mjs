// npm run bench:peers -- [--parts reading,training] [--threads 2,1] [--rounds N] [--dtype fp32,q8] [--wasm relaxed|exact|none]
// [--python PATH] [--quick] [--json FILE]
// Reading: this engine on the processor and onnxruntime-web's WebAssembly backend in turns, in one page, with the same
// weights. Nothing is timed before their logits agree. Training: steps of a small GPT in turns with other trainers of browsers
// on WebGPU, and beside PyTorch on the processor (peers/training.mjs). What it is made of, and why it stands apart: scripts/peers/README.md.
// @ts-check
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { buildConstants } from './constants.mjs';
import { BOUNDS, installRuntime, measureReading } from './peers/reading.mjs';
import { describeRun, describeTraining, ratiosOf } from './peers/report.mjs';
import {
  checkPython,
  installTrainers,
  trainOnProcessor,
  trainOnWebGpu,
} from './peers/training.mjs';
import { SEED } from './peers/weights.mjs';
import { fail, root } from './setup.mjs';

const USAGE =
  'npm run bench:peers -- [--parts reading,training] [--threads 2,1] [--rounds 9] [--dtype fp32,q8] ' +
  '[--wasm relaxed|exact|none] [--python PATH] [--quick] [--json FILE]';
const PARTS = ['reading', 'training'];

const asked = readOptions();
const constants = buildConstants();
const facts = {
  date: new Date().toISOString(),
  commit: JSON.parse(constants.__COMMIT__),
  machine: `${cpus().length} × ${cpus()[0].model.trim()}`,
  node: process.version,
  loadAverage: loadavg()[0],
  seed: SEED,
  rounds: asked.rounds,
  tokensPerRound: asked.tokens,
};
/** @type {Record<string, string>} */
const versions = { 'glass-gpt': JSON.parse(constants.__VERSION__) };
console.log(
  `This engine (commit ${facts.commit}) on ${facts.machine}; load average before: ${facts.loadAverage.toFixed(1)}`,
);
if (facts.loadAverage > 1) {
  console.log(
    'Something else computes on this machine: two threads that wait for each other suffer most.',
  );
}
const runs = [];
const training = [];
let browser = '';
try {
  if (asked.python !== undefined) checkPython(asked.python);
  if (asked.parts.includes('reading')) {
    const runtime = installRuntime();
    versions['onnxruntime-web'] = runtime.version;
    for (const threads of asked.threads) {
      const run = await measureReading(threads, { ...asked, runtime });
      ({ browser } = run);
      console.log(`\n${describeRun(run).join('\n')}`);
      runs.push({ ...run, ratios: ratiosOf(run) });
    }
  }
  if (asked.parts.includes('training')) {
    const trainers = installTrainers();
    for (const { name, version } of Object.values(trainers)) versions[name] = version;
    for (const measured of [
      () => trainOnWebGpu(trainers, asked.steps),
      () => trainOnProcessor(asked),
    ]) {
      const run = await measured();
      ({ browser } = run);
      console.log(`\n${describeTraining(run).join('\n')}`);
      training.push(run);
    }
  }
} catch (error) {
  fail(`\n${error instanceof Error ? error.message : String(error)}`);
}
const file = resolve(asked.json ?? join(root, 'test-results/peers.json'));
mkdirSync(dirname(file), { recursive: true });
writeFileSync(
  file,
  `${JSON.stringify({ ...facts, versions, browser, runs, training }, null, 2)}\n`,
);
console.log(`\nMedians and their range, of ${browser}; under 10 % is a tie. Written to ${file}`);

function readOptions() {
  const values = parsed();
  const { quick, wasm, python, json } = values;
  const parts = values.parts.split(',');
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
  if (!parts.every((part) => PARTS.includes(part))) {
    stop(`--parts ${values.parts}: some of ${PARTS.join(', ')}.`);
  }
  return {
    parts,
    threads: [...new Set(threads)],
    rounds,
    // One of the slowest takes twenty seconds.
    steps: Math.ceil(rounds / 3),
    dtypes: [...new Set(dtypes)],
    tokens: quick ? 4 : 8,
    wasm,
    python,
    json,
  };
}

function parsed() {
  try {
    return parseArgs({
      options: {
        parts: { type: 'string', default: 'reading,training' },
        threads: { type: 'string', default: '2,1' },
        rounds: { type: 'string' },
        dtype: { type: 'string', default: 'fp32,q8' },
        wasm: { type: 'string' },
        python: { type: 'string' },
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

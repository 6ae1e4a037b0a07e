// npm run bench -- [--models tales-7m,gpt2-124m-hash] [--device webgpu|cpu] [--dtype fp32|fp16|q8] [--steps N] [--quick]
// [--wasm relaxed|exact|none] [--threads N] [--training small,tales-7m] [--json FILE]
// Measures in the browser, prints a table, and writes JSON with adapter, browser and commit.
// An empty list of models or of trainings leaves them out.
// npm run bench -- --page measures the built page instead: tokens a second while one looks, and how soon it repaints.
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { benchTraining, describeTraining } from './benchTraining.mjs';
import { buildConstants } from './constants.mjs';
import { openEnginePage } from './enginePage.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const MODELS = {
  'tales-7m': 'public/models/tales-7m',
  'gpt2-124m-hash': 'tests/fixtures/conformance/gpt2-124m-hash',
};
/** Steps that are timed of what tests/support/trainingRig.ts has under these names. */
const TRAININGS = { small: 8, 'tales-7m': 3 };

const { values } = parseArgs({
  options: {
    models: { type: 'string', default: 'tales-7m,gpt2-124m-hash' },
    training: { type: 'string', default: 'small,tales-7m' },
    device: { type: 'string', default: 'webgpu' },
    dtype: { type: 'string', default: 'fp32' },
    steps: { type: 'string', default: '24' },
    wasm: { type: 'string' },
    threads: { type: 'string' },
    quick: { type: 'boolean', default: false },
    page: { type: 'boolean', default: false },
    json: { type: 'string' },
  },
});
if (values.page) {
  const { status } = spawnSync(
    process.execPath,
    [resolve(ROOT, 'node_modules/@playwright/test/cli.js'), 'test'],
    { cwd: ROOT, stdio: 'inherit', env: { ...process.env, GLASS_BENCH: '1' } },
  );
  process.exit(status ?? 1);
}
const names = values.models.split(',').filter(Boolean);
const shapes = values.training.split(',').filter(Boolean);
for (const name of names) {
  if (MODELS[name]) continue;
  console.error(`There is no model ${name}; choose from ${Object.keys(MODELS).join(', ')}.`);
  process.exit(2);
}
for (const shape of shapes) {
  if (Object.hasOwn(TRAININGS, shape)) continue;
  console.error(`There is no training ${shape}; choose from ${Object.keys(TRAININGS).join(', ')}.`);
  process.exit(2);
}

if (!['webgpu', 'cpu'].includes(values.device) || !['fp32', 'fp16', 'q8'].includes(values.dtype)) {
  console.error('--device is webgpu or cpu; --dtype is fp32, fp16 or q8.');
  process.exit(2);
}
if (!/^[1-9]\d*$/.test(values.steps)) {
  console.error(`--steps ${values.steps}: a whole number from 1 on.`);
  process.exit(2);
}

const engine = await openEnginePage(names.map((name) => resolve(ROOT, MODELS[name])));
try {
  const ceilings = await engine.page.evaluate(async () => {
    const { benchCeilings } = await import('/tests/support/bench.ts');
    return await benchCeilings();
  });
  const processor = { wasm: values.wasm, threads: values.threads && Number(values.threads) };
  const results = [];
  for (const i of names.keys()) {
    const options = {
      device: values.device,
      dtype: values.dtype,
      processor,
      steps: Number(values.steps),
      quick: values.quick,
    };
    const result = await engine.page.evaluate(
      async ([url, asked]) => {
        const { benchModel } = await import('/tests/support/bench.ts');
        return await benchModel(new URL(url, location.href).href, asked);
      },
      [engine.urlOf(i), options],
    );
    results.push({ ...result, model: names[i] });
  }
  const training = [];
  for (const shape of shapes) {
    const { device, quick } = values;
    const steps = quick ? 2 : TRAININGS[shape];
    training.push(await benchTraining(engine, { device, processor, shape, steps, quick }));
  }
  const constants = buildConstants();
  const report = {
    date: new Date().toISOString(),
    commit: JSON.parse(constants.__COMMIT__),
    browser: `Chromium ${engine.browser.version()}`,
    machine: `${cpus().length} × ${cpus()[0].model.trim()}`,
    node: process.version,
    ceilings,
    results,
    training,
  };
  print(report);
  const file = values.json ?? resolve(ROOT, 'test-results', 'bench.json');
  mkdirSync(dirname(resolve(file)), { recursive: true });
  writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
  console.log(`\nWritten to ${file}`);
} finally {
  await engine.close();
}

function print({ browser, machine, commit, ceilings, results, training }) {
  console.log(`${browser}, ${machine}, commit ${commit}`);
  if (ceilings) {
    const { readGBps, registerGflops, dispatchesPerSecond, roundTripsPerSecond } = ceilings;
    console.log(
      `ceilings: reads ${readGBps.toFixed(2)} GB/s, registers ${registerGflops.toFixed(2)} GFLOP/s, ` +
        `${Math.round(dispatchesPerSecond)} dispatches/s, ${Math.round(roundTripsPerSecond)} round trips/s`,
    );
  }
  for (const r of results) {
    console.log(`\n${r.model}, ${r.dtype}, ${r.adapter} (${r.device})`);
    console.log(
      `  load ${r.loadMs.toFixed(0)} ms   prompt 16: ${r.prompt16Ms.toFixed(0)} ms   prompt 64: ${r.prompt64Ms.toFixed(0)} ms   ` +
        `token at 64: ${r.decodeMs.toFixed(1)} ms (best ${r.decodeBestMs.toFixed(1)})   ${r.tokensPerSecond.toFixed(1)} tokens/s`,
    );
    const { attentionRowsMs, headMapMs, atlasMs, sweptHeadMs } = r.looking;
    console.log(
      `  looking at 128: rows of a token ${attentionRowsMs.toFixed(1)} ms   head map ${headMapMs.toFixed(1)} ms   ` +
        `atlas ${atlasMs.toFixed(0)} ms   swept head ${sweptHeadMs.toFixed(0)} ms`,
    );
    for (const k of r.kernels) {
      console.log(
        `  ${k.phase.padEnd(10)} ${k.kernel.padEnd(16)} ${k.on.padEnd(28)} ${String(k.calls).padStart(3)} ×  ` +
          `${k.ms.toFixed(2).padStart(8)} ms  ${k.GBps.toFixed(2).padStart(6)} GB/s  ${k.gflops.toFixed(2).padStart(6)} GFLOP/s`,
      );
    }
  }
  for (const one of training) console.log(`\n${describeTraining(one).join('\n')}`);
}

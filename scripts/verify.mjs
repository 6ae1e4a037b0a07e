// npm run verify -- DIR… [--device webgpu|cpu] [--dtype fp32|fp16|q8] [--wasm relaxed|exact|none] [--threads N] [--json FILE]
// Loads each folder shaped like those of the conformance pack into the engine, in the browser, and
// compares it with the expected tensors: forward, and trained where PyTorch trained it; whole runs from a seed too. Exit code 0 only if every group of every case is ok; the
// bounds are those of fp32, so fp16 and q8 print their errors and are not judged by them.
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { openEnginePage } from './enginePage.mjs';

const USAGE =
  'npm run verify -- DIR… [--device webgpu|cpu] [--dtype fp32|fp16|q8] [--wasm relaxed|exact|none] [--threads N] [--json FILE]';

let parsed;
try {
  parsed = parseArgs({
    allowPositionals: true,
    options: {
      device: { type: 'string', default: 'webgpu' },
      dtype: { type: 'string', default: 'fp32' },
      wasm: { type: 'string' },
      threads: { type: 'string' },
      json: { type: 'string' },
    },
  });
} catch (error) {
  stop(error.message);
}
const { positionals, values } = parsed;
if (positionals.length === 0) stop('Name at least one folder.');
if (!['webgpu', 'cpu'].includes(values.device)) stop(`--device ${values.device}: webgpu or cpu.`);
if (!['fp32', 'fp16', 'q8'].includes(values.dtype))
  stop(`--dtype ${values.dtype}: fp32, fp16 or q8.`);
if (![undefined, 'relaxed', 'exact', 'none'].includes(values.wasm))
  stop(`--wasm ${values.wasm}: relaxed, exact or none.`);
if (values.threads !== undefined && !/^[1-9]\d*$/.test(values.threads))
  stop(`--threads ${values.threads}: a whole number from 1 on.`);
const processor = { wasm: values.wasm, threads: values.threads && Number(values.threads) };
const folders = positionals.map((folder) => resolve(folder));
for (const folder of folders) {
  if (!existsSync(folder) || !statSync(folder).isDirectory()) stop(`There is no folder ${folder}.`);
}

function stop(message) {
  console.error(`${message}\nUsage: ${USAGE}`);
  process.exit(2);
}

const engine = await openEnginePage(folders);
const results = [];
try {
  for (const [i, folder] of folders.entries()) {
    const result = await engine.page
      .evaluate(
        async ([url, options]) => {
          const { verifyCase } = await import('/tests/support/verifyCase.ts');
          return await verifyCase(new URL(url, location.href).href, options);
        },
        [engine.urlOf(i), { device: values.device, dtype: values.dtype, processor }],
      )
      .catch((error) => ({ error: error.message.split('\n')[0] }));
    results.push({ folder, ...result, name: basename(folder) });
    print(results.at(-1));
  }
} finally {
  await engine.close();
}
const ok = results.every((result) => result.ok);
if (values.json) {
  mkdirSync(dirname(resolve(values.json)), { recursive: true });
  const { device, dtype } = values;
  writeFileSync(values.json, `${JSON.stringify({ device, dtype, ok, cases: results }, null, 2)}\n`);
}
console.log(ok ? 'ok' : 'FAIL');
process.exit(ok ? 0 : 1);

function print(result) {
  if (result.error) {
    console.log(`${result.name}\n  ${result.error}\n  FAIL`);
    return;
  }
  const { name, layout, adapter, seconds } = result;
  console.log(`${name} (${layout}, ${values.dtype}, ${adapter}, ${seconds.toFixed(1)} s)`);
  for (const group of result.groups) {
    const [absolute, relative] = [group.absolute, group.relative].map((n) => n.toExponential(2));
    console.log(
      `  ${group.ok ? 'ok  ' : 'FAIL'} ${group.group.padEnd(20)} absolute ${absolute}  relative ${relative}  ` +
        `bound: ${group.bound}${group.note ? `  (${group.note})` : ''}`,
    );
  }
  if (!result.agreement) return;
  const { positions, top1, klBits, maxDifference } = result.agreement;
  console.log(
    `  beside PyTorch: most probable token the same at ${Math.round(top1 * positions)} of ${positions} positions, ` +
      `largest logit error ${maxDifference.toExponential(2)}, mean KL ${klBits.toExponential(2)} bits`,
  );
}

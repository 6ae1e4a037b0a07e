// npm run notebook -- [--device cpu|webgpu]
// The cells of source 000, here: after torch.manual_seed(123), a model of 163,009,536 parameters with dropout on reads two
// prompts, and the logits are printed as the notebook prints them, beside what it printed. On the processor in Node, or on
// WebGPU in Chromium.
// Exit code 0: every printed number is at most 1 off in its last digit, or float32 tells no more. 1: it is not.
// 2: it could not be computed here.
import { freemem } from 'node:os';
import { parseArgs } from 'node:util';

const USAGE = 'npm run notebook -- [--device cpu|webgpu]';

function stop(message) {
  console.error(message);
  process.exit(2);
}

let device = 'cpu';
try {
  const options = { device: { type: 'string', default: 'cpu' } };
  ({ device } = parseArgs({ options }).values);
} catch (error) {
  stop(`${error.message}\nUsage: ${USAGE}`);
}
/** What it takes, measured on two cores: gigabytes beside the weights, and minutes. */
const TAKES = {
  cpu: { beside: 0.3, time: 'half a minute' },
  webgpu: { beside: 1.1, time: 'a minute on a program that imitates a GPU' },
}[device];
if (!TAKES) stop(`--device ${device}: cpu or webgpu.\nUsage: ${USAGE}`);

const { openEngineHere } = await import('./engineHere.mjs');
const here = await openEngineHere();
let code = 2;
try {
  const notebook = await here.load('/tests/support/notebook.ts');
  const { SEED, PARAMETERS, BYTES, SIZE, printCell, compareWithPrinted } = notebook;
  const needed = BYTES / 1e9 + TAKES.beside;
  console.log(
    `${PARAMETERS.toLocaleString('en')} parameters from seed ${SEED}: ${SIZE} of weights, ${needed.toFixed(1)} GB of memory in ` +
      `all, and about ${TAKES.time}.`,
  );
  const free = freemem() / 1e9;
  if (free < needed) {
    console.error(`Only ${free.toFixed(1)} GB of memory are free: close something, and try again.`);
  } else {
    const run = device === 'cpu' ? await notebook.runNotebook('cpu') : await inBrowser();
    console.log(`\n${printCell(run.rows)}\n`);
    const { count, same, near, others, ok } = compareWithPrinted(run.rows);
    console.log(
      `Of the ${count} numbers that the notebook printed: the same ${same}, 1 off in the last digit ${near}, more ${others.length}.`,
    );
    for (const other of others) console.log(`  ${other}`);
    console.log(`${ok ? 'ok' : 'FAIL'} (${run.adapter}, ${run.seconds.toFixed(0)} s)`);
    code = ok ? 0 : 1;
  }
} catch (error) {
  console.error(`${error.message.split('\n')[0]}\n${error.hint ?? ''}`.trimEnd());
} finally {
  await here.close();
}
process.exit(code);

async function inBrowser() {
  const { openEnginePage } = await import('./enginePage.mjs');
  const engine = await openEnginePage();
  try {
    return await engine.page.evaluate(async () => {
      const { runNotebook } = await import('/tests/support/notebook.ts');
      return await runNotebook('webgpu');
    });
  } finally {
    await engine.close();
  }
}

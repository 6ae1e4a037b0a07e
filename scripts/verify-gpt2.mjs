// npm run verify:gpt2 -- [--host URL] [--model ID] [--revision REV] [--device webgpu|cpu] [--dtype fp32|fp16|q8] [--cache DIR]
// Fetches the real GPT-2 from the Hub, checked against the SHA-256 that the Hub lists, and verifies it as `npm run
// verify` does the conformance pack: logits, losses, probabilities of tokens and greedy continuations that others
// published of it (tests/support/published.ts), and every kernel of every block against its plain meaning in float64.
// Of a model of which nothing is published, the kernels alone. Where there is PyTorch,
// `python scripts/check_transformers.py FOLDER --like ID` compares all logits of a folder that the engine saved.
// Exit code 0: all that was compared is right. 1: something is wrong. 2: nothing could be compared.
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const USAGE =
  'npm run verify:gpt2 -- [--host URL] [--model ID] [--revision REV] [--device webgpu|cpu] [--dtype fp32|fp16|q8] [--cache DIR]';

function stop(message) {
  console.error(message);
  process.exit(2);
}

let values;
try {
  ({ values } = parseArgs({
    options: {
      host: { type: 'string' },
      model: { type: 'string', default: 'openai-community/gpt2' },
      revision: { type: 'string', default: 'e7da7f2' },
      device: { type: 'string', default: 'webgpu' },
      dtype: { type: 'string', default: 'fp32' },
      cache: { type: 'string', default: join(ROOT, 'node_modules/.cache/glass-gpt') },
    },
  }));
} catch (error) {
  stop(`${error.message}\nUsage: ${USAGE}`);
}
const { host, model, revision, device, dtype } = values;
if (!['webgpu', 'cpu'].includes(device)) stop(`--device ${device}: webgpu or cpu.\n${USAGE}`);
if (!['fp32', 'fp16', 'q8'].includes(dtype)) stop(`--dtype ${dtype}: fp32, fp16 or q8.\n${USAGE}`);
const cache = resolve(values.cache);

// The engine's own code fetches, in Node. It is loaded here, behind what is said at once.
const { openEngineHere } = await import('./engineHere.mjs');
const here = await openEngineHere();
let code = 2;
try {
  const { fetchModel, verifyKnown } = await here.load('/tests/support/verifyKnown.ts');
  const fetched = await fetchHere(fetchModel);
  if (fetched.error) {
    // Damage was compared, and found; whatever else happens on the way leaves nothing to compare.
    const isDamaged = (fetched.error.code ?? '').startsWith('download/');
    code = isDamaged ? 1 : 2;
    console.error(`${fetched.error.message}\n${fetched.error.hint ?? ''}`.trimEnd());
    console.error(
      isDamaged
        ? 'FAIL'
        : `${model} could not be fetched from ${host ?? 'huggingface.co'}, so nothing was verified: this is no pass. ` +
            'Run it where that host can be reached, or name a mirror with --host.',
    );
  } else {
    const folder = join(cache, fetched.folder);
    console.log(`${model} at ${fetched.commit}, in ${folder}`);
    const whole = {
      what: 'SHA-256 of the weights',
      ok: fetched.isVerified ? true : null,
      detail: fetched.isVerified ? 'as the Hub lists it' : 'the Hub lists none',
    };
    const { adapter, findings } = await verify(verifyKnown, folder, fetched.id);
    for (const finding of [whole, ...findings]) print(finding);
    code = findings.some(({ ok }) => ok === false) ? 1 : 0;
    console.log(`${code === 0 ? 'ok' : 'FAIL'} (${dtype}, ${adapter})`);
  }
} catch (error) {
  // It was here, and could not be loaded or computed.
  console.error(error.message.split('\n')[0]);
  console.error('FAIL');
  code = 1;
} finally {
  await here.close();
}
process.exit(code);

async function fetchHere(fetchModel) {
  let shown = 0;
  const progress_callback = ({ file, progress = 0 }) => {
    if (!file?.endsWith('.safetensors') || progress < shown + 10) return;
    shown = Math.floor(progress / 10) * 10;
    console.log(`  ${file}: ${shown} %`);
  };
  try {
    return await fetchModel(model, { host, revision, cache_dir: cache, progress_callback });
  } catch (error) {
    return { error };
  }
}

/** In a browser, or, on the processor, right here. */
async function verify(verifyKnown, folder, id) {
  if (device === 'cpu') return verifyKnown(folder, id, { device, dtype });
  const { openEnginePage } = await import('./enginePage.mjs');
  const engine = await openEnginePage([folder]);
  try {
    return await engine.page.evaluate(
      async ([url, name, options]) => {
        const page = await import('/tests/support/verifyKnown.ts');
        return await page.verifyKnown(new URL(url, location.href).href, name, options);
      },
      [engine.urlOf(0), id, { device, dtype }],
    );
  } finally {
    await engine.close();
  }
}

function print({ what, ok, detail }) {
  const [first, ...more] = detail.split('\n');
  const mark = ok === null ? '—   ' : ok ? 'ok  ' : 'FAIL';
  console.log([`${mark} ${what}: ${first}`, ...more.map((line) => `       ${line}`)].join('\n'));
}

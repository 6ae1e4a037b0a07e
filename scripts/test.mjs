// npm test: everything there is to test, from a fresh clone. Installs dependencies and a browser where they are missing,
// runs every stage even when an earlier one failed, and ends with one line: "N passed, N failed".
// @ts-check
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromiums } from './chromium.mjs';
import { checkNode, fail, install, root } from './setup.mjs';

/** @typedef {{ passed: number, failed: number, skipped: number }} Counts */

const VITEST = 'node_modules/vitest/vitest.mjs';
const VITE = 'node_modules/vite/bin/vite.js';
const PLAYWRIGHT = 'node_modules/@playwright/test/cli.js';
const MINUTE = 60_000;
/** On two quiet cores the whole run takes ten minutes at most; a slow machine has time for the same. */
const LONGEST = 40 * MINUTE;
const deadline = Date.now() + LONGEST;

checkNode();
install();
const chromium = findBrowser() ?? installBrowser();
console.log(`Browser: ${chromium}`);

const scratch = mkdtempSync(join(tmpdir(), 'glass-gpt-test-'));

/** What ends each stage that runs. @type {Set<(signal: NodeJS.Signals) => void>} */
const running = new Set();
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    for (const end of running) end('SIGTERM');
    process.exit(130);
  });
}

/** @type {Counts} */
const total = { passed: 0, failed: 0, skipped: 0 };

// Half of a kernel test is waiting for the browser, so what needs none runs beside them. Page tests fill the machine by
// themselves, and run alone: beside others every wait is longer, and a page that waits is drawn all the while.
const [isBuilt] = await Promise.all([checks(), kernels(), units()]);
if (isBuilt) add(await playwright(LONGEST));
else add(report('e2e', { passed: 0, failed: 1, skipped: 0 }, 'the site could not be built'));

rmSync(scratch, { recursive: true, force: true });
const tail = total.skipped > 0 ? `, ${total.skipped} skipped` : '';
console.log(`${total.passed} passed, ${total.failed} failed${tail}`);
process.exit(total.failed === 0 ? 0 : 1);

/** The kernels in a browser, shown as they go. */
async function kernels() {
  add(await vitest('gpu', LONGEST));
}

/** What needs no browser. */
async function units() {
  add(await vitest('unit', LONGEST, true));
}

/** What is said without running the program, the library, and the built page. @returns {Promise<boolean>} whether it is built */
async function checks() {
  add(await single('check', ['scripts/check.mjs']));
  add(await naga());
  // The modules of WebAssembly, built again: they are committed, and must be what their sources give.
  add(await single('wasm', ['scripts/wasm.mjs', '--check']));
  add(await single('library', ['scripts/library.mjs']));
  const code = await run('build', [VITE, 'build', '--logLevel', 'warn'], 10 * MINUTE, {}, true);
  if (code === 0) add(await single('size', ['scripts/size.mjs']));
  return code === 0;
}

/** A stage that is one test: its exit code. @param {string} name @param {string[]} args */
async function single(name, args) {
  const code = await run(name, args, 10 * MINUTE, {}, true);
  return report(name, { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: 0 });
}

/** The shaders in a second WGSL front end; a test for each. */
async function naga() {
  const file = join(scratch, 'naga.json');
  const code = await run('naga', ['scripts/naga.mjs', '--json', file], 10 * MINUTE, {}, true);
  return settle('naga', code, file, (counts) => counts);
}

/** One vitest project. @param {string} project @param {number} limitMs @param {boolean} [isBeside] */
async function vitest(project, limitMs, isBeside) {
  const file = join(scratch, `${project}.json`);
  const code = await run(
    project,
    [
      VITEST,
      'run',
      '--project',
      project,
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${file}`,
    ],
    limitMs,
    {},
    isBeside,
  );
  return settle(project, code, file, (json) => ({
    passed: json.numPassedTests,
    // A file that cannot be imported has no tests to count, and is one failure.
    failed: json.numFailedTests + json.testResults.filter(brokeBeforeItsTests).length,
    skipped: json.numPendingTests + json.numTodoTests,
  }));
}

/** @param {{ status: string, assertionResults: { status: string }[] }} file */
function brokeBeforeItsTests(file) {
  return (
    file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed')
  );
}

/** The page tests. @param {number} limitMs */
async function playwright(limitMs) {
  const file = join(scratch, 'e2e.json');
  const env = {
    GLASS_E2E_BUILT: '1',
    GLASS_E2E_QUICK: '1',
    PLAYWRIGHT_JSON_OUTPUT_NAME: file,
  };
  const code = await run('e2e', [PLAYWRIGHT, 'test', '--reporter=list,json'], limitMs, env);
  return settle('e2e', code, file, ({ stats, errors }) => ({
    passed: stats.expected,
    failed: stats.unexpected + stats.flaky + errors.length,
    skipped: stats.skipped,
  }));
}

/**
 * A stage's counts from its report. A runner that crashed, complained without a failed test, or ran nothing is a failure.
 * @param {string} name @param {number} code @param {string} file @param {(json: any) => Counts} count
 */
function settle(name, code, file, count) {
  /** @type {Counts} */
  let counts = { passed: 0, failed: 0, skipped: 0 };
  let note = '';
  if (existsSync(file)) {
    try {
      counts = count(JSON.parse(readFileSync(file, 'utf8')));
    } catch (error) {
      note = `its report could not be read (${error instanceof Error ? error.message : String(error)})`;
    }
  }
  if (counts.failed === 0 && code !== 0) note ||= `the runner ended with code ${code}`;
  const isSkipped = counts.skipped > 0 && code === 0;
  if (counts.passed + counts.failed === 0 && !isSkipped) note ||= 'no test ran';
  if (note) counts.failed += 1;
  return report(name, counts, note || (counts.passed + counts.failed === 0 ? 'not run' : ''));
}

/** @param {string} name @param {Counts} counts @param {string} [note] */
function report(name, counts, note = '') {
  const skipped = counts.skipped > 0 ? `, skipped ${counts.skipped}` : '';
  const why = note ? ` (${note})` : '';
  console.log(`── ${name}: ok ${counts.passed}, not ok ${counts.failed}${skipped}${why}`);
  return counts;
}

/** @param {Counts} counts */
function add(counts) {
  total.passed += counts.passed;
  total.failed += counts.failed;
  total.skipped += counts.skipped;
}

/**
 * Runs a Node program with its output shown, and ends it and its children when its time is over. What runs
 * beside another stage is shown when it has ended, so that each stage's lines stand together.
 * @param {string} name @param {string[]} args @param {number} limitMs @param {Record<string, string>} [env]
 * @param {boolean} [isBeside]
 * @returns {Promise<number>} exit code; 124 when time ran out
 */
function run(name, args, limitMs, env = {}, isBeside = false) {
  const started = Date.now();
  if (!isBeside) console.log(`\n── ${name}`);
  const limit = Math.min(limitMs, deadline - started);
  if (limit <= 0) {
    console.error(`${name} was not started: the whole run may take ${LONGEST / MINUTE} minutes.`);
    return Promise.resolve(124);
  }
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, {
      cwd: root,
      stdio: isBeside ? ['ignore', 'pipe', 'pipe'] : 'inherit',
      env: { ...process.env, ...env, CHROMIUM_PATH: chromium },
      detached: process.platform !== 'win32', // a group of its own, so that its browsers end with it
    });
    const end = (/** @type {NodeJS.Signals} */ signal) => {
      try {
        if (process.platform === 'win32') child.kill(signal);
        else process.kill(-(child.pid ?? 0), signal);
      } catch {
        // It has ended already.
      }
    };
    running.add(end);
    /** @type {Buffer[]} */
    const said = [];
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (part) => said.push(part));
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      console.error(`${name} took longer than ${Math.round(limit / 1000)} s and was stopped.`);
      end('SIGKILL');
    }, limit);
    child.on('close', (code) => {
      clearTimeout(timer);
      if (isBeside) console.log(`\n── ${name}\n${Buffer.concat(said).toString().trimEnd()}`);
      console.log(`   ${name} took ${((Date.now() - started) / 1000).toFixed(0)} s`);
      running.delete(end);
      resolve(late ? 124 : (code ?? 1));
    });
  });
}

/** A browser that is there and starts; undefined sends us to install one. */
function findBrowser() {
  try {
    // A download without its system libraries, or Ubuntu's pointer to a missing snap, fails here.
    return chromiums().find(
      (path) =>
        process.platform === 'win32' || // --version opens a window there
        spawnSync(path, ['--version'], { timeout: MINUTE }).status === 0,
    );
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error));
  }
}

/** Installs a Chromium: Debian's own where we may, Playwright's elsewhere. */
function installBrowser() {
  const isRoot = process.getuid?.() === 0;
  const isDebian = existsSync('/etc/debian_version') && !isUbuntu(); // Ubuntu's package is only a pointer to a snap
  const env = {
    ...process.env,
    DEBIAN_FRONTEND: 'noninteractive',
    PLAYWRIGHT_DOWNLOAD_CONNECTION_TIMEOUT: '10000',
  };
  /** @type {[string, string[]][]} */
  const ways = [];
  if (isRoot && isDebian)
    ways.push(['sh', ['-c', 'apt-get -qq update && apt-get -qq install -y chromium']]);
  ways.push([
    process.execPath,
    [
      PLAYWRIGHT,
      'install',
      ...(isRoot && process.platform === 'linux' ? ['--with-deps'] : []),
      'chromium',
      '--no-shell',
    ],
  ]);
  console.log('Installing a Chromium for the browser tests (once) …');
  for (const [command, args] of ways) {
    const { status, stdout, stderr } = spawnSync(command, args, {
      cwd: root,
      env,
      encoding: 'utf8',
      timeout: 5 * MINUTE,
      maxBuffer: 64 * 1024 * 1024,
    });
    const found = status === 0 ? findBrowser() : undefined;
    if (found) return found;
    console.error(`${stdout ?? ''}${stderr ?? ''}`.trimEnd().split('\n').slice(-5).join('\n'));
  }
  return fail(
    'The tests need Chromium or Chrome 113+ with WebGPU: install one and set CHROMIUM_PATH to it.',
  );
}

function isUbuntu() {
  return (
    existsSync('/etc/os-release') && /^ID=ubuntu$/m.test(readFileSync('/etc/os-release', 'utf8'))
  );
}

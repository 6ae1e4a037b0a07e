// The training part of `npm run bench`: what a step takes, of what, and how long a page that trains hears nothing.
// @ts-check
import { readFileSync } from 'node:fs';

/** @typedef {import('../tests/support/benchTraining.ts').TrainingBenchOptions} Options */
/** @typedef {import('../tests/support/benchTraining.ts').TrainingBenchResult & { longestPauseMs: number, grownBytes: number | null }} Result */

/**
 * @param {{ page: import('playwright').Page, browser: import('playwright').Browser }} engine @param {Options} options
 * @returns {Promise<Result>}
 */
export async function benchTraining({ page, browser }, options) {
  /** @param {string} name @param {unknown[]} given @returns {Promise<any>} */
  const call = (name, ...given) =>
    page.evaluate(
      async ([path, what, args]) => (await import(path))[what](...args),
      /** @type {[string, string, unknown[]]} */ (['/tests/support/benchTraining.ts', name, given]),
    );
  await call('holdDevice', options);
  const before = await residentBytes(page, browser);
  await call('holdTrainer', options);
  const after = await residentBytes(page, browser);
  await call('letGo');
  const result = await call('benchTraining', options);
  return {
    ...result,
    longestPauseMs: await call('longestPause', options),
    grownBytes: before === null || after === null ? null : after - before,
  };
}

/**
 * Resident memory of the browser's pages and of its GPU's process, as the kernel counts it, without what nobody holds any
 * more; null where there is no /proc.
 * @param {import('playwright').Page} page @param {import('playwright').Browser} browser
 */
async function residentBytes(page, browser) {
  const own = await page.context().newCDPSession(page);
  const session = await browser.newBrowserCDPSession();
  try {
    await own.send('HeapProfiler.collectGarbage');
    const { processInfo } = await session.send('SystemInfo.getProcessInfo');
    return processInfo
      .filter(({ type }) => type === 'renderer' || type === 'GPU')
      .reduce((sum, { id }) => sum + residentOf(id), 0);
  } catch {
    return null;
  } finally {
    await session.detach();
    await own.detach();
  }
}

/** @param {number} pid */
function residentOf(pid) {
  const [, kilobytes] =
    /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return 1024 * Number(kilobytes);
}

/** @param {Result} result */
export function describeTraining(result) {
  const { shape, device, adapter, dispatches, dispatchesOfBlock, submits, kernels } = result;
  const { stepMs, stepBestMs, forwardMs, tokensPerSecond, overhead } = result;
  const { sizeBytes, grownBytes, longestPauseMs } = result;
  const grown =
    grownBytes === null ? '' : `, the browser's processes grew by ${megabytes(grownBytes)}`;
  return [
    `training ${shape}, ${adapter} (${device})`,
    `  ${tokensPerSecond.toFixed(0)} tokens/s   step ${stepMs.toFixed(0)} ms (best ${stepBestMs.toFixed(0)}), ` +
      `${(stepMs / forwardMs).toFixed(2)} times its way forward of ${forwardMs.toFixed(0)} ms   ` +
      `outside kernels ${(100 * overhead).toFixed(1)} %`,
    `  ${dispatches} launches in ${submits} submits, ${dispatchesOfBlock} of them a block   ` +
      `memory ${megabytes(sizeBytes)}${grown}   longest pause of a worker ${longestPauseMs.toFixed(0)} ms`,
    ...kernels.map(
      ({ kernel, calls, ms, longestMs }) =>
        `  ${kernel.padEnd(28)} ${String(calls).padStart(3)} ×  ${ms.toFixed(2).padStart(9)} ms` +
        (longestMs === undefined ? '' : `   the longest ${longestMs.toFixed(1)} ms`),
    ),
  ];
}

/** @param {number} bytes */
function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

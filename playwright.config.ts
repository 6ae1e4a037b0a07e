// Page tests against the built site. Alone (`npx playwright test`) it builds first; `npm test` has built already.
import { createServer } from 'node:net';
import { defineConfig } from '@playwright/test';
import { launchOptions } from './tests/chromium.ts';

// Playwright reads this file again in its worker processes: the first reading picks the port for all.
process.env.GLASS_E2E_PORT ??= String(await freePort());
const port = process.env.GLASS_E2E_PORT;
const vite = 'node node_modules/vite/bin/vite.js';
const build = process.env.GLASS_E2E_BUILT === '1' ? '' : `${vite} build --logLevel warn && `;

/** In `npm test`, which leaves out what is long and rare. */
const isQuick = process.env.GLASS_E2E_QUICK === '1';

/** `npm run bench -- --page` measures what the page tests must not depend on. */
const isBench = process.env.GLASS_BENCH === '1';

export default defineConfig({
  testDir: 'tests/e2e',
  testMatch: /\.(spec|test|e2e)\.tsx?$/,
  // Here, because a filter on the command line leaves a project that others wait for as it is.
  ...(isQuick ? { grepInvert: /@thorough/ } : {}),
  globalSetup: './tests/e2e/earlierVisit.ts',
  outputDir: 'test-results',
  // Half of a page test is waiting.
  workers: 2,
  fullyParallel: true,
  retries: 0,
  forbidOnly: process.env.CI !== undefined,
  // No test depends on speed: a machine may be ten times slower than ours on a quiet day. A wait ends
  // when its condition holds, so only a failure takes this long.
  timeout: 300_000,
  expect: { timeout: 60_000 },
  reporter: 'list',
  use: {
    // What is kept for offline use must not answer for the build under test; one file allows it.
    serviceWorkers: 'block',
    baseURL: `http://127.0.0.1:${port}/`,
    viewport: { width: 1280, height: 800 },
    launchOptions,
    // Without a film of the page: on a software GPU it costs more than the tests themselves. What is timed is not traced.
    trace:
      isQuick || isBench
        ? 'off'
        : { mode: 'retain-on-failure', screenshots: false, snapshots: true, sources: true },
    screenshot: 'only-on-failure',
    video: 'off',
  },
  projects: [
    isBench
      ? { name: 'speed', testMatch: /speed\.spec/i, workers: 1 }
      : { name: 'page', testIgnore: /speed\.spec/i },
  ],
  webServer: {
    command: `${build}${vite} preview --host 127.0.0.1 --port ${port} --strictPort`,
    url: `http://127.0.0.1:${port}/`,
    timeout: 120_000,
    reuseExistingServer: false,
    stdout: 'ignore',
    stderr: 'pipe',
  },
});

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const free = typeof address === 'object' && address ? address.port : 0;
      server.close(() => resolve(free));
    });
  });
}

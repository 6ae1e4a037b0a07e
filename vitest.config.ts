// Two projects: `unit` runs in Node; `gpu` runs in a real browser with WebGPU, hardware or software.
// In `gpu` tests every file of the repository can be fetched: /tests/fixtures/…, and public/ at the root: /models/….
import { playwright } from '@vitest/browser-playwright';
import { defineConfig } from 'vitest/config';
import { buildConstants } from './scripts/constants.mjs';
import { ISOLATION } from './scripts/policy.mjs';
import { launchOptions } from './tests/chromium.ts';
import { hubCommands } from './tests/support/hubCommands.ts';
import { storageCommands } from './tests/support/storageCommands.ts';

// A function, because vitest empties `define` of the object it is given.
const shared = () => ({
  define: buildConstants(),
  oxc: { target: 'es2023' }, // lowers `using`, which Node 20 does not know
});

export default defineConfig({
  test: {
    projects: [
      {
        ...shared(),
        test: {
          name: 'unit',
          pool: 'threads', // a process for each file costs more than many a file's tests
          isolate: false, // and so do all modules anew for each file; what a file replaces it puts back
          environment: 'node',
          setupFiles: ['tests/support/equalArrays.ts', 'tests/support/patience.ts'],
          include: ['tests/unit/**/*.test.{ts,tsx}'],
          testTimeout: 180_000, // on a slow machine beside other work
          hookTimeout: 180_000,
        },
      },
      {
        ...shared(),
        appType: 'mpa', // a missing file is a 404, not index.html
        server: { headers: ISOLATION }, // isolated, as the built page is
        // Named here, because a dependency discovered during a run reloads the page under the tests.
        optimizeDeps: { include: ['js-tiktoken/lite', 'js-tiktoken/ranks/gpt2', 'fast-check'] },
        test: {
          name: 'gpu',
          include: ['tests/gpu/**/*.gpu.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 300_000,
          fileParallelism: false,
          isolate: false, // one page and one device for all files: compilers take more time than what they compile
          setupFiles: ['tests/support/equalArrays.ts'],
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            provider: playwright({ launchOptions }),
            instances: [{ browser: 'chromium' }],
            commands: { ...hubCommands, ...storageCommands },
          },
        },
      },
    ],
  },
});

// The processor in a real page: which kernels it runs where, and what becomes of it when something is refused.
import { expect, type Locator, type Page, type Worker } from '@playwright/test';
import { POLICY } from '../../scripts/policy.mjs';
import {
  button,
  chip,
  generate,
  generateButton,
  open,
  setLength,
  untilReady,
  untilSeen,
  wholeText,
} from './helpers.ts';
import { serveSite } from './site.ts';
import { test } from './window.ts';

/** Opens the model's details, which say what computes it. */
async function openDetails(page: Page): Promise<Locator> {
  await button(page, /tales-7m/u).click();
  return page.locator('#model-details');
}

function engineOf(page: Page): Worker {
  const found = page.workers().find((worker) => worker.url().includes('worker-worker'));
  if (found === undefined) throw new Error('The page has no engine.');
  return found;
}

/** As many threads as the cores that the browser tells of, four at most. */
async function threadsOf(page: Page): Promise<number> {
  return page.evaluate(() => Math.min(navigator.hardwareConcurrency, 4));
}

test('it computes in WebAssembly, with all threads, which end with it; the text goes on when a helper dies, and what runs stays when there is no memory', async ({
  page,
}) => {
  await open(page);
  const engine = engineOf(page);
  const helpers = (): Worker[] => page.workers().filter((worker) => worker !== engine);
  const details = await openDetails(page);
  const threads = await threadsOf(page);
  const words = `WebAssembly, ${threads === 1 ? '1 thread' : `${threads} threads`}, relaxed SIMD`;
  await expect(details).toContainText(words);
  await expect(button(page, 'Processor')).toHaveAttribute('aria-pressed', 'true');
  await expect(details).not.toContainText('It is in use');
  expect(helpers()).toHaveLength(threads - 1);
  await button(page, 'Software adapter').click();
  await expect(details).not.toContainText('WebAssembly');
  await expect.poll(helpers).toEqual([]);
  await keepHelpers(engine);
  await button(page, 'Processor').click();
  await untilSeen(details.filter({ hasText: words }));

  await setLength(page, 30);
  await generateButton(page).click();
  await untilSeen(chip(page, 12));
  await engine.evaluate(() => {
    for (const helper of helpersOf()) helper.terminate();
  });
  await untilSeen(chip(page, 39));
  await expect(page.getByTestId('problem')).toBeHidden();

  // Another precision takes memory of its own before it lets go of the old.
  await engine.evaluate(() => {
    WebAssembly.Memory.prototype.grow = () => {
      throw new RangeError('No more.');
    };
  });
  const text = await wholeText(page);
  await openDetails(page);
  await button(page, '8 bit').click();
  await expect(page.getByTestId('problem')).toContainText(/needs \d+ bytes, more than this page/u);
  await button(page, 'Dismiss').click();
  expect(await wholeText(page)).toBe(text);
  await setLength(page, 2);
  await generate(page);
  expect((await wholeText(page)).startsWith(text)).toBe(true);
});

test(
  'without isolation it has one thread, and where a policy refuses WebAssembly plain loops',
  { tag: '@thorough' },
  async ({ page }) => {
    const policy = POLICY.replace(" 'wasm-unsafe-eval'", '');
    expect(policy).not.toBe(POLICY);
    for (const [headers, words] of [
      [{}, 'WebAssembly, 1 thread, relaxed SIMD'],
      [{ 'Content-Security-Policy': policy }, 'Plain TypeScript kernels, f32'],
    ] as const) {
      // oxlint-disable no-await-in-loop -- one site and then the other
      const site = await serveSite(headers);
      try {
        await page.goto(site.address);
        await untilReady(page);
        await expect(await openDetails(page)).toContainText(words);
      } finally {
        site.close();
      }
      // oxlint-enable no-await-in-loop
    }
  },
);

/** Has the engine keep the helpers that it starts from now on. */
async function keepHelpers(engine: Worker): Promise<void> {
  await engine.evaluate(() => {
    const helpers: globalThis.Worker[] = [];
    const Real = globalThis.Worker;
    Object.assign(globalThis, {
      helpersOf: () => helpers,
      Worker: class extends Real {
        constructor(...args: ConstructorParameters<typeof Real>) {
          super(...args);
          helpers.push(this);
        }
      },
    });
  });
}

declare const helpersOf: () => globalThis.Worker[];

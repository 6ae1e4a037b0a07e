// The page and its model open without a network, once they were here.
import { expect, type Page } from '@playwright/test';
import { bars, chip, chips, generate, open, openView, setLength, untilReady } from './helpers.ts';
import { serveSite } from './site.ts';
import { test } from './window.ts';

test.use({ ownWindow: true, serviceWorkers: 'allow' });

/** Kept a while after the model is there; the last file of the model is the sign. */
async function untilKept(page: Page): Promise<void> {
  await expect
    .poll(async () =>
      page.evaluate(async () => {
        const files = ['./', 'models/tales-7m/vocab.json'];
        const kept = await Promise.all(
          files.map(async (path) => caches.match(new URL(path, document.baseURI))),
        );
        return kept.every((file) => file !== undefined);
      }),
    )
    .toBe(true);
}

test('opens without a network after one visit, and writes', async ({ page, context }) => {
  await open(page);
  await untilKept(page);
  // Views that are opened later come from what is kept already.
  expect(await page.evaluate(() => navigator.serviceWorker.controller !== null)).toBe(true);

  await context.setOffline(true);
  // Nothing of this site answers but what is kept.
  const fails = await page.evaluate(async () =>
    fetch('licenses.md', { cache: 'no-store' }).then(
      () => false,
      () => true,
    ),
  );
  expect(fails).toBe(true);
  await page.goto('./?device=cpu&seed=3#prompt=Once+upon+a+time');
  await untilReady(page);
  expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
  await setLength(page, 4);
  const before = await chips(page).count();
  await generate(page);
  await expect(chip(page, before + 3)).toBeVisible();
  // Views come in chunks of their own.
  await openView(page, 'Model');
  await expect(page.getByTestId('model-finding')).toContainText('parameters in 12 blocks');
  await expect(bars(page).first()).toBeVisible();
});

test(
  'opens on a line that hangs, after waiting for it once',
  { tag: '@thorough' },
  async ({ page }) => {
    const site = await serveSite();
    try {
      await page.goto(site.address);
      await untilReady(page);
      await untilKept(page);

      site.turn('hangs');
      await page.goto(site.address);
      await untilReady(page);
      expect(site.asked()).toEqual(['/index.html']);

      site.turn('gateway');
      await page.reload();
      await untilReady(page);

      site.turn('up');
      await page.reload();
      await untilReady(page);
      expect(site.asked()).toContain('/first.css');
    } finally {
      site.close();
    }
  },
);

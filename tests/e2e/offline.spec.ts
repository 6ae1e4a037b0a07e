// The page and its model open without a network, once they were here.
import { readFile } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname } from 'node:path';
import { expect, test, type Page } from '@playwright/test';
import { bars, chip, chips, generate, open, openView, setLength, untilReady } from './helpers.ts';

test.use({ serviceWorkers: 'allow' });

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
  await setLength(page, 4);
  const before = await chips(page).count();
  await generate(page);
  await expect(chip(page, before + 3)).toBeVisible();
  // Views come in chunks of their own.
  await openView(page, 'Model');
  await expect(page.getByTestId('model-finding')).toContainText('parameters in 12 blocks');
  await expect(bars(page).first()).toBeVisible();
});

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
};

/** The built site on a line that can hang, or end at a gateway that is alone. */
async function serveSite() {
  let line: 'up' | 'hangs' | 'gateway' = 'up';
  let asked: string[] = [];
  const give = async (path: string, response: ServerResponse): Promise<void> => {
    const type = TYPES[extname(path)] ?? 'application/octet-stream';
    try {
      const body = await readFile(`dist${path}`);
      response.writeHead(200, { 'content-type': type, 'cache-control': 'no-cache' }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  };
  const server = createServer(({ url = '' }, response) => {
    const path = url.replace(/[?#].*/u, '').replace(/\/$/u, '/index.html');
    // The browser itself asks for a newer one, when it likes.
    if (path !== '/service-worker.js') asked.push(path);
    if (line === 'gateway') response.writeHead(503).end('Service unavailable');
    else if (line === 'up') void give(path, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}/?device=cpu&seed=7`,
    turn(now: typeof line): void {
      line = now;
      asked = [];
    },
    asked: () => asked,
    close(): void {
      server.closeAllConnections();
      server.close();
    },
  };
}

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

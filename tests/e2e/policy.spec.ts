// What a hostile file could make the page do at most. The engine makes every request to another host and parses every
// foreign file, and it is a worker: a policy in the page's head does not govern it, the one its own script came with does.
// Beside it the headers that isolate page and worker, without which threads may share no memory.
import { statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { availableParallelism } from 'node:os';
import { expect, type Page, type Worker } from '@playwright/test';
import { HEADERS, HEADERS_ID, POLICY } from '../../scripts/policy.mjs';
import { open, untilReady, untilSeen } from './helpers.ts';
import { serveSite } from './site.ts';
import { test } from './window.ts';

interface Tried {
  /** Whether text was run as code. */
  readonly ran: boolean;
  /** Whether WebAssembly was compiled. */
  readonly compiled: boolean;
  /** Directives that refused something, each once. */
  readonly refused: string[];
}

/** What the policy leaves, in page and worker alike. */
const GOVERNED: Tried = { ran: false, compiled: true, refused: ['connect-src', 'script-src'] };

/** The engine's worker. */
async function engineOf(page: Page): Promise<Worker> {
  const find = (): Worker | undefined =>
    page.workers().find((worker) => worker.url().includes('worker-worker'));
  await expect.poll(find).toBeDefined();
  const worker = find();
  if (!worker) throw new Error('The engine has no worker.');
  return worker;
}

/** Has page or worker run text as code, compile WebAssembly, and ask a server that the policy does not name. */
async function tryIn(realm: Page | Worker, address: string): Promise<Tried> {
  const attempt = async (url: string): Promise<Tried> =>
    new Promise((resolve) => {
      const refused = new Set<string>();
      addEventListener('securitypolicyviolation', (event) => {
        refused.add(event.effectiveDirective);
      });
      // Later, because what the tools of a test evaluate is exempt.
      setTimeout(() => {
        void (async () => {
          let ran = false;
          try {
            // oxlint-disable-next-line no-new-func, typescript/no-implied-eval -- it is to be refused
            ran = new Function('return true')() as boolean;
          } catch {
            // As it should be.
          }
          // The smallest module: its magic number and its version.
          const compiled = await WebAssembly.compile(
            new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]),
          ).then(
            () => true,
            () => false,
          );
          await fetch(url, { mode: 'no-cors' }).catch(() => {});
          setTimeout(() => resolve({ ran, compiled, refused: [...refused].toSorted() }), 100);
        })();
      });
    });
  // Page and Worker have the same method under types that do not meet.
  return 'goto' in realm ? realm.evaluate(attempt, address) : realm.evaluate(attempt, address);
}

/** Whether page and engine are isolated, and whether helpers share the engine's memory. */
async function isolationOf(page: Page): Promise<Record<'page' | 'engine' | 'helpers', boolean>> {
  const engine = await engineOf(page);
  return {
    page: await page.evaluate(() => crossOriginIsolated),
    engine: await engine.evaluate(() => crossOriginIsolated),
    helpers: page.workers().some((worker) => worker.url().includes('worker-helper')),
  };
}

/** A single core has no use for helpers. */
const ISOLATED = { page: true, engine: true, helpers: availableParallelism() > 1 };

/** A server on this machine under an address that no policy of ours names, and how often it was asked. */
async function withStranger(use: (address: string, asked: () => number) => Promise<void>) {
  let asked = 0;
  const server = createServer((_, response) => {
    asked += 1;
    response.end('hello');
  });
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
  try {
    await use(`http://127.0.0.2:${(server.address() as AddressInfo).port}/`, () => asked);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

test('page and engine are isolated, compile WebAssembly, run no text as code, and ask no server that the policy leaves out', async ({
  page,
}) => {
  const files = new Set<string>();
  page.on('request', (request) => files.add(request.url()));
  await open(page);
  await expect.poll(async () => isolationOf(page)).toEqual(ISOLATED);
  const engine = await engineOf(page);
  await withStranger(async (address, asked) => {
    for (const realm of [page, engine]) {
      // oxlint-disable-next-line no-await-in-loop -- one and then the other
      expect(await tryIn(realm, address)).toEqual(GOVERNED);
    }
    expect(asked()).toBe(0);
  });
  // A script that some cache kept with other headers has another name.
  expect(engine.url()).toContain(HEADERS_ID);
  expect(files.size).toBeGreaterThan(5);
  for (const url of files) {
    // oxlint-disable-next-line no-await-in-loop -- a handful of files on this machine
    const answer = await page.request.head(url);
    const sent = answer.headers();
    for (const [name, value] of Object.entries(HEADERS)) {
      expect(sent[name.toLowerCase()], `${name} of ${url}`).toBe(value);
    }
  }
});

test('what is large is sent as it is, not compressed on each visit', async ({ request }) => {
  const answer = await request.get('models/tales-7m/model.safetensors', {
    headers: { 'accept-encoding': 'gzip, br' },
  });
  const { size } = statSync('public/models/tales-7m/model.safetensors');
  expect(answer.headers()).toMatchObject({ 'content-length': String(size) });
  expect(answer.headers()).not.toHaveProperty('content-encoding');
});

test('in a frame of another site it is not isolated, and works', async ({ page, baseURL }) => {
  const site = createServer((_, response) => {
    response.setHeader('content-type', 'text/html');
    response.end(`<!doctype html><iframe src="${baseURL}?device=cpu&seed=7"></iframe>`);
  });
  await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
  try {
    // As localhost; ours is at 127.0.0.1, which is another site.
    await page.goto(`http://localhost:${(site.address() as AddressInfo).port}/`);
    const inside = page.frameLocator('iframe');
    await untilSeen(inside.locator('[data-testid="next-token"] [data-bar]').first());
    expect(await inside.locator('body').evaluate(() => crossOriginIsolated)).toBe(false);
  } finally {
    site.closeAllConnections();
    site.close();
  }
});

test.describe('on a host that sends no headers', () => {
  test.use({ serviceWorkers: 'allow' });

  test(
    'the page has its policy at once, its worker from the second visit on, and then both are isolated',
    { tag: '@thorough' },
    async ({ page }) => {
      const site = await serveSite();
      try {
        await page.goto(site.address);
        await untilReady(page);
        await expect(page.locator('meta[http-equiv="Content-Security-Policy"]')).toHaveAttribute(
          'content',
          POLICY,
        );
        expect(await isolationOf(page)).toEqual({
          page: false,
          engine: false,
          helpers: false,
        });
        await withStranger(async (address, asked) => {
          expect(await tryIn(page, address)).toEqual(GOVERNED);
          expect(asked()).toBe(0);
        });
        await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
        await page.reload();
        await untilReady(page);
        await expect.poll(async () => isolationOf(page)).toEqual(ISOLATED);
        await withStranger(async (address, asked) => {
          expect(await tryIn(await engineOf(page), address)).toEqual(GOVERNED);
          expect(asked()).toBe(0);
        });
      } finally {
        site.close();
      }
    },
  );
});

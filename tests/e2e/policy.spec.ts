// What a hostile file could make the page do at most. The engine makes every request to another host and parses every
// foreign file, and it is a worker: a policy in the page's head does not govern it, the one its own script came with does.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test, type Page, type Worker } from '@playwright/test';
import { POLICY } from '../../scripts/policy.mjs';
import { open, untilReady } from './helpers.ts';
import { serveSite } from './site.ts';

interface Tried {
  /** Whether text was run as code. */
  readonly ran: boolean;
  /** Directives that refused something. */
  readonly refused: string[];
}

/** The engine's worker. */
async function engineOf(page: Page): Promise<Worker> {
  await expect.poll(() => page.workers().length).toBeGreaterThan(0);
  const [worker] = page.workers();
  if (!worker) throw new Error('The engine has no worker.');
  return worker;
}

/** Has the engine's worker run text as code, and ask a server that the policy does not name. */
async function tryIn(worker: Worker, address: string): Promise<Tried> {
  return worker.evaluate(
    (url) =>
      new Promise<Tried>((resolve) => {
        const refused: string[] = [];
        addEventListener('securitypolicyviolation', (event) => {
          refused.push(event.effectiveDirective);
        });
        // Later, because what the tools of a test evaluate is exempt.
        setTimeout(() => {
          let ran = false;
          try {
            // oxlint-disable-next-line no-new-func, typescript/no-implied-eval -- it is to be refused
            ran = new Function('return true')() as boolean;
          } catch {
            // As it should be.
          }
          const over = (): void => void setTimeout(() => resolve({ ran, refused }), 100);
          fetch(url, { mode: 'no-cors' }).then(over, over);
        });
      }),
    address,
  );
}

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

test('the engine’s worker runs no text as code and asks no server that the policy leaves out', async ({
  page,
}) => {
  const scripts = new Set<string>();
  page.on('request', (request) => {
    if (new URL(request.url()).pathname.endsWith('.js')) scripts.add(request.url());
  });
  await open(page);
  await withStranger(async (address, asked) => {
    const { ran, refused } = await tryIn(await engineOf(page), address);
    expect(ran).toBe(false);
    expect(refused.toSorted()).toEqual(['connect-src', 'script-src']);
    expect(asked()).toBe(0);
  });
  expect(scripts.size).toBeGreaterThan(1);
  for (const url of [page.url(), ...scripts]) {
    // oxlint-disable-next-line no-await-in-loop -- a handful of files on this machine
    const answer = await page.request.get(url);
    expect(answer.headers()['content-security-policy'], url).toBe(POLICY);
  }
});

test.describe('on a host that sends no headers', () => {
  test.use({ serviceWorkers: 'allow' });

  test('the page has its policy at once, its worker from the second visit on', async ({ page }) => {
    const site = await serveSite();
    try {
      await page.goto(site.address);
      await untilReady(page);
      await expect(page.locator('meta[http-equiv="Content-Security-Policy"]')).toHaveAttribute(
        'content',
        POLICY,
      );
      await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
      await page.reload();
      await untilReady(page);
      await withStranger(async (address, asked) => {
        const { ran, refused } = await tryIn(await engineOf(page), address);
        expect(ran).toBe(false);
        expect(refused.toSorted()).toEqual(['connect-src', 'script-src']);
        expect(asked()).toBe(0);
      });
    } finally {
      site.close();
    }
  });
});

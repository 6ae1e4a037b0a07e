// One window for the tests of a worker. A window of its own costs more than most tests do: a profile, the browser's own
// pages around it, and a process for a page that is isolated. So a test takes over the window of the one before, with
// nothing kept, nothing listening and nothing granted, as on a first visit; only the browser's cache is warm.
import { isDeepStrictEqual } from 'node:util';
import {
  test as base,
  type Browser,
  type BrowserContextOptions,
  type Disposable,
  type Page,
} from '@playwright/test';
import { CHECKS } from './earlierVisit.ts';

/** A file of the site that runs nothing. From here the page opens in the process that it was in. */
const ASIDE = './first.css';

/** What tests listen to on a page. */
const HEARD = ['console', 'pageerror', 'request', 'response'] as const;

/** Leaves the page, so that opening it again is a new visit, also where only the fragment is another. */
export async function leave(page: Page): Promise<void> {
  await page.goto(ASIDE);
}

/** Leaves the page as somebody who never was there: nothing of the visit is kept. */
export async function forget(page: Page): Promise<void> {
  await leave(page);
  await page.evaluate(forgetAll);
}

class SharedWindow {
  readonly #browser: Browser;
  readonly #options: BrowserContextOptions;
  readonly #scripts: Disposable[] = [];
  #page: Page | null = null;

  constructor(browser: Browser, options: BrowserContextOptions) {
    this.#browser = browser;
    this.#options = options;
  }

  /** The window as on a first visit, aside from the page. */
  async take(): Promise<Page> {
    if (this.#page === null) {
      const context = await this.#browser.newContext(this.#options);
      this.#page = await context.newPage();
      this.#collectScripts(this.#page);
      await leave(this.#page);
    }
    return this.#page;
  }

  /** Takes back what a test did to it. What cannot be taken back, or a failed test left, is thrown away whole. */
  async giveBack(isSound: boolean): Promise<void> {
    if (isSound && this.#page?.isClosed() === false) await this.#clean(this.#page);
    else await this.close();
  }

  async close(): Promise<void> {
    const context = this.#page?.context();
    this.#page = null;
    this.#scripts.length = 0;
    await context?.close();
  }

  async #clean(page: Page): Promise<void> {
    const context = page.context();
    for (const script of this.#scripts.splice(0)) await script.dispose();
    for (const event of HEARD) page.removeAllListeners(event);
    await page.unrouteAll({ behavior: 'ignoreErrors' });
    await context.clearPermissions();
    await context.setOffline(false);
    for (const other of context.pages()) if (other !== page) await other.close();
    await page.emulateMedia({
      media: null,
      colorScheme: null,
      reducedMotion: null,
      forcedColors: null,
    });
    if (this.#options.viewport) await page.setViewportSize(this.#options.viewport);
    await page.mouse.move(0, 0);
    await forget(page);
  }

  /** Scripts that tests add would run in every page to come. */
  #collectScripts(page: Page): void {
    const add = page.addInitScript.bind(page);
    page.addInitScript = async (script, arg, options) => {
      const added = await add(script, arg, options);
      this.#scripts.push(added);
      return added;
    };
  }
}

/** Empties what the browser keeps for the site. A worker that is ending may hold a file a little longer. */
async function forgetAll(): Promise<void> {
  localStorage.clear();
  sessionStorage.clear();
  for (const name of await caches.keys()) await caches.delete(name);
  const root = await navigator.storage.getDirectory();
  const names: string[] = [];
  for await (const name of root.keys()) names.push(name);
  for (const name of names) {
    for (;;) {
      try {
        await root.removeEntry(name, { recursive: true });
        break;
      } catch (error) {
        if ((error as DOMException).name !== 'NoModificationAllowedError') throw error;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }
}

/** As an earlier visit left it. */
function keepChecks(checks: string): void {
  if (location.protocol.startsWith('http')) localStorage.setItem('glass-gpt.checks', checks);
}

interface Options {
  /** True for a window of the test's own: a profile that was never used. So has whoever wants other options than the rest. */
  readonly ownWindow: boolean;
  /** False for a first visit on which the self-check has yet to be made. */
  readonly isChecked: boolean;
}

export const test = base.extend<Options, { sharedWindow: SharedWindow }>({
  ownWindow: [false, { option: true }],
  isChecked: [true, { option: true }],

  sharedWindow: [
    async ({ browser }, use, { project }) => {
      const { baseURL, viewport, serviceWorkers } = project.use;
      const shared = new SharedWindow(browser, { baseURL, viewport, serviceWorkers });
      await use(shared);
      await shared.close();
    },
    { scope: 'worker' },
  ],

  context: async (
    { browser, ownWindow, sharedWindow, baseURL, viewport, serviceWorkers },
    use,
    info,
  ) => {
    const usual = info.project.use;
    const isOwn =
      ownWindow ||
      serviceWorkers !== usual.serviceWorkers ||
      !isDeepStrictEqual(viewport, usual.viewport);
    if (isOwn) {
      const context = await browser.newContext({ baseURL, viewport, serviceWorkers });
      await use(context);
      await context.close();
      return;
    }
    await use((await sharedWindow.take()).context());
    await sharedWindow.giveBack(info.status === info.expectedStatus);
  },

  page: async ({ context, isChecked }, use) => {
    const [shared] = context.pages();
    const page = shared ?? (await context.newPage());
    const checks = process.env[CHECKS];
    if (isChecked && checks !== undefined) await page.addInitScript(keepChecks, checks);
    await use(page);
  },
});

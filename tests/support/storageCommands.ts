// What only the browser's own tools can do to a page's storage, for tests that run in the page.
import type { BrowserContext, CDPSession, Page } from 'playwright';

interface Told {
  readonly page: Page;
  readonly context: BrowserContext;
}

/** A limit ends with the session that set it. */
let session: CDPSession | null = null;

export const storageCommands = {
  /** The page may store so many bytes and no more; null gives it what it had. */
  limitStorage: async ({ page, context }: Told, bytes: number | null): Promise<void> => {
    session ??= await context.newCDPSession(page);
    const { origin } = new URL(page.url());
    await session.send('Storage.overrideQuotaForOrigin', {
      origin,
      ...(bytes === null ? {} : { quotaSize: bytes }),
    });
    if (bytes !== null) return;
    await session.detach();
    session = null;
  },
};

declare module 'vitest/browser' {
  interface BrowserCommands {
    limitStorage(bytes: number | null): Promise<void>;
  }
}

// node scripts/screenshot.mjs — the README's picture: the page after a short story, as a visitor sees it.
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright';
import { createServer } from 'vite';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const FILE = fileURLToPath(new URL('../.github/screenshot.png', import.meta.url));

const server = await createServer({
  root: ROOT,
  logLevel: 'error',
  server: { host: '127.0.0.1', port: 0, hmr: false, watch: null },
});
await server.listen();
const { launchOptions } = await server.ssrLoadModule('/tests/chromium.ts');
const browser = await chromium.launch({ ...launchOptions, headless: true });
try {
  const page = await browser.newPage({
    viewport: { width: 1440, height: 900 },
    colorScheme: 'light',
  });
  const { port } = server.httpServer.address();
  await page.goto(`http://127.0.0.1:${port}/?seed=3&max_new_tokens=40`);
  await page.getByTestId('next-token').locator('tbody [data-bar]').first().waitFor();
  // The notice about this machine's adapter is true here, but not what most visitors see.
  await page
    .getByTestId('gpu-verdict')
    .getByRole('button', { name: /dismiss|close/i })
    .click();
  await page.keyboard.press('Control+Enter');
  await page.getByText('the length you set was reached').first().waitFor({ timeout: 60_000 });
  await page.waitForTimeout(3000);
  mkdirSync(fileURLToPath(new URL('../.github/', import.meta.url)), { recursive: true });
  await page.screenshot({ path: FILE });
  console.log(FILE);
} finally {
  await browser.close();
  await server.close();
}

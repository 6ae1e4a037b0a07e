// node scripts/screenshot.mjs [write|train] — the README's pictures as a visitor sees them: the page after a short story, and
// a run that is done. The run takes minutes.
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright';
import { createServer } from 'vite';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const FOLDER = fileURLToPath(new URL('../.github/', import.meta.url));

/** Words that come twice: the second time is learned when a head begins to copy, which both charts show. */
const RUN = {
  v: '1',
  task: 'repeat',
  tokenizer: 'characters',
  n_layer: '2',
  n_head: '4',
  n_embd: '64',
  n_ctx: '64',
  block_size: '64',
  per_device_train_batch_size: '32',
  learning_rate: '0.003',
  min_lr: '0.0003',
  warmup_steps: '50',
  max_steps: '1500',
  eval_steps: '250',
  sample_steps: '500',
  save_steps: '500',
};

const PICTURES = {
  write: {
    file: 'screenshot.png',
    at: '?seed=3&max_new_tokens=40',
    async arrange(page) {
      await page.getByTestId('next-token').locator('tbody [data-bar]').first().waitFor();
      // What greets a first visit would stand there, too.
      await page.getByRole('textbox', { name: 'Prompt' }).fill(PROMPT);
      await page.keyboard.press('Control+Enter');
      await page.getByText('the length you set was reached').first().waitFor({ timeout: 60_000 });
      await page.evaluate('document.activeElement.blur()');
      // What heads do is measured last.
      await page.getByText('not measured yet').waitFor({ state: 'detached', timeout: 120_000 });
    },
  },
  train: {
    file: 'train.png',
    at: `?device=cpu#${new URLSearchParams({ workspace: 'train', run: new URLSearchParams(RUN).toString() }).toString()}`,
    async arrange(page) {
      const go = page.getByRole('region', { name: 'Go' }).getByRole('button', { name: 'Train' });
      await page.locator('[aria-describedby="why-not"]').waitFor({ state: 'detached' });
      await go.click();
      await page
        .getByTestId('run-state')
        .getByText('done', { exact: true })
        .waitFor({ timeout: 1_200_000 });
      await page.getByLabel('log steps').check();
    },
  },
};
const PROMPT = 'Once upon a time there was a little fox who';

const asked = process.argv.slice(2);
const names = asked.length > 0 ? asked : Object.keys(PICTURES);

const server = await createServer({
  root: ROOT,
  logLevel: 'error',
  server: { host: '127.0.0.1', port: 0, hmr: false, watch: null },
});
await server.listen();
const { launchOptions } = await server.ssrLoadModule('/tests/chromium.ts');
const browser = await chromium.launch({ ...launchOptions, headless: true });
try {
  mkdirSync(FOLDER, { recursive: true });
  const { port } = server.httpServer.address();
  for (const name of names) {
    const { file, at, arrange } = PICTURES[name];
    const page = await browser.newPage({
      viewport: { width: 1440, height: 900 },
      colorScheme: 'light',
    });
    await page.goto(`http://127.0.0.1:${port}/${at}`);
    await arrange(page);
    // The last numbers and charts come.
    await page.waitForTimeout(3000);
    await page.screenshot({ path: `${FOLDER}${file}` });
    console.log(`${FOLDER}${file}`);
    await page.close();
  }
} finally {
  await browser.close();
  await server.close();
}

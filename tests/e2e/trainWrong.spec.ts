// What goes wrong while the page trains, with the real trainer in the real browser: what is lost, what is said, and the one
// click that helps.
import { writeFileSync } from 'node:fs';
import { expect, type Page, type Worker } from '@playwright/test';
import { objections } from './axe.ts';
import { button, closeViews, everySetting, open, prompt, untilSeen } from './helpers.ts';
import { SUMS, trainAt } from './trainLink.ts';
import { test } from './window.ts';

/** The sums, tiny and quick: a step takes a few milliseconds. */
const SETTINGS = {
  ...SUMS,
  max_steps: '100000',
  eval_steps: '20',
  sample_steps: '0',
  save_steps: '20',
};

/** As many as a table shows; steps that take long enough to be in the midst of them. */
const FEW = { max_steps: '240', per_device_train_batch_size: '48' };

const state = (page: Page) => page.getByTestId('run-state');
const runs = (page: Page) => page.getByTestId('runs').getByRole('listitem');
const problem = (page: Page) => page.getByTestId('train-problem');
const stepOf = async (page: Page): Promise<number> =>
  Number((await page.getByTestId('run-step').textContent())?.replaceAll(',', ''));
const train = (page: Page) =>
  page.getByRole('region', { name: 'Go' }).getByRole('button', { name: 'Train' });

/** The three choices made by a link. */
async function choose(page: Page, more: Record<string, string> = {}, device = 'cpu') {
  const watch = await open(page, { at: trainAt({ ...SETTINGS, ...more }, device), ready: false });
  await untilSeen(page.getByTestId('seen').getByText('13', { exact: true }));
  return watch;
}

async function begin(page: Page, more: Record<string, string> = {}, device = 'cpu') {
  const watch = await choose(page, more, device);
  await train(page).click();
  return watch;
}

const untilStep = (page: Page, step: number) =>
  expect.poll(() => stepOf(page)).toBeGreaterThanOrEqual(step);

/** Steps and losses of the curve. */
async function losses(page: Page): Promise<readonly string[]> {
  const region = page.getByRole('region', { name: 'Loss' });
  await region.getByText('As a table').click();
  const rows = await region.getByRole('table').getByRole('row').allInnerTexts();
  await region.getByText('As a table').click();
  return rows;
}

/** What the page says of a run that was broken off: where it goes on. */
async function keptStep(page: Page): Promise<number> {
  const words = await page.getByTestId('run-where').innerText();
  return Number(/goes on from step ([\d,]+)/u.exec(words)?.[1]?.replaceAll(',', ''));
}

const select = (page: Page) => runs(page).getByRole('button').first().click();

test('two tabs: the other says which one trains and offers nothing of it; when that tab is closed in mid-run, it goes on here', async ({
  page,
  context,
}) => {
  await closeViews(page);
  await begin(page);
  await untilStep(page, 25);
  const other = await context.newPage();
  const watch = await choose(other);
  await expect(runs(other)).toContainText('running in another tab');
  await expect(other.getByTestId('other-tab')).toContainText('“Add, 1 × 32” trains in another tab');
  await expect(button(other, /^Go on with/u)).toHaveCount(0);
  await expect(button(other, /^Delete/u)).toHaveCount(0);
  await select(other);
  await expect(state(other)).toHaveText('running in another tab');
  await expect(other.getByTestId('run-where')).toContainText('Another tab has it');
  await expect(button(other, 'Go on')).toHaveCount(0);
  await expect(button(other, 'Change…')).toHaveCount(0);

  // Nobody is asked, and nothing is written any more.
  await page.close({ runBeforeUnload: false });
  await expect(state(other)).toHaveText('interrupted');
  await expect(other.getByTestId('announcement')).toContainText('trains no more in the other tab');
  await expect(other.getByTestId('run-where')).toContainText('at most 20 steps (save_steps)');
  const from = await keptStep(other);
  expect(from).toBeGreaterThanOrEqual(20);
  expect(from % 20).toBe(0);
  expect(await objections(other)).toEqual([]);
  await button(other, 'Go on').first().click();
  await expect(state(other)).toHaveText('running');
  await untilStep(other, from + 1);
  await button(other, 'Stop').click();
  await expect(state(other)).toHaveText('stopped');
  expect(watch).toEqual({ errors: [], foreign: [], violations: [] });
});

test(
  'a rate that is too high ends in words, and one click goes back with the usual one; what does not fit is said before',
  { tag: '@thorough' },
  async ({ page }) => {
    await closeViews(page);
    await page.addInitScript(() => {
      const { storage } = navigator;
      const estimate = (): Promise<StorageEstimate> => Promise.resolve({ usage: 0, quota: 1e5 });
      Object.defineProperty(storage, 'estimate', { value: estimate });
    });
    const watch = await choose(page, {
      learning_rate: '1000',
      min_lr: '1000',
      save_steps: '4',
      max_steps: '200',
    });
    await expect(page.getByTestId('no-room')).toContainText(/which has 100.kB left for this page/u);

    // More than a page may have: the same step in less memory, by one click.
    await everySetting(page);
    const batch = page.getByRole('textbox', { name: 'per_device_train_batch_size', exact: true });
    await batch.fill('65536');
    await expect(page.getByTestId('why-not')).toContainText('Training this takes');
    await expect(train(page)).toHaveAttribute('aria-disabled', 'true');
    await button(page, 'Take the smaller batch').click();
    await expect(page.getByTestId('why-not')).toHaveCount(0);
    expect(Number(await batch.inputValue())).toBeLessThan(65_536);
    await expect(train(page)).toHaveAttribute('aria-disabled', 'false');

    // What fills the memory takes long to be measured, and nobody waits for it here.
    await page.reload();
    await untilSeen(page.getByTestId('seen').getByText('13', { exact: true }));
    await train(page).click();
    await expect(state(page)).toHaveText('failed');
    await expect(problem(page)).toContainText(/Step \d+: the .*NaN/u);
    expect(await objections(page)).toEqual([]);
    // Weights that ran away are kept too; it goes back behind them.
    await expect(page.getByTestId('run-status')).toContainText(/loss of this step\s*NaN/u);
    await button(page, 'Back to step 0 with the usual rate, 0.002').click();
    await expect(state(page)).toHaveText('done');
    await expect(page.getByTestId('run-status')).toContainText(/learning rate\s*2\.00e-4/u);
    expect(watch).toEqual({ errors: [], foreign: [], violations: [] });
  },
);

test.describe('a killed tab', () => {
  // Its process is killed, so it is to have one of its own.
  test.use({ ownWindow: true });

  test(
    'loses at most save_steps steps, says so, and goes on by one click as if nothing had happened',
    { tag: '@thorough' },
    async ({ page, context, browser }) => {
      await begin(page, FEW);
      await untilStep(page, 45);
      const pid = await rendererOf(page);
      const crashed = page.waitForEvent('crash');
      process.kill(pid, 'SIGKILL');
      await crashed;
      await page.close();

      const next = await context.newPage();
      await open(next, { at: '?device=cpu', ready: false });
      // Whoever comes back finds it, and not the three choices.
      await untilSeen(state(next));
      await expect(state(next)).toHaveText('interrupted');
      await expect(runs(next)).toContainText('interrupted');
      const where = next.getByTestId('run-where');
      await expect(where).toContainText('It was broken off at step');
      await expect(where).toContainText('at most 20 steps (save_steps)');
      const from = await keptStep(next);
      expect(from % 20).toBe(0);
      expect(await objections(next)).toEqual([]);
      // Whoever goes elsewhere from it is not fetched back by each reload.
      await button(next, 'Write').click();
      await prompt(next).fill('A fox that waits');
      await expect(next).toHaveURL(/prompt=A\+fox\+that\+waits/u);
      await next.reload();
      await expect(prompt(next)).toHaveValue('A fox that waits');
      await expect(next.getByTestId('train')).toHaveCount(0);
      await button(next, 'Train').click();
      await expect(state(next)).toHaveText('interrupted');
      await button(next, /^Go on with/u).click();
      await expect(state(next)).toHaveText('done');
      const broken = await losses(next);
      // The titles, and step 0 with its loss on unseen text.
      expect(broken).toHaveLength(242);

      // The same run, unbroken.
      const whole = await context.newPage();
      await begin(whole, FEW);
      await expect(state(whole)).toHaveText('done');
      // What was written down of those before has fewer digits.
      expect((await losses(whole)).slice(from + 2)).toEqual(broken.slice(from + 2));
      expect(browser.isConnected()).toBe(true);
    },
  );
});

/** The process of the page that trains, by its id: the one that is busy. */
async function rendererOf(page: Page): Promise<number> {
  const session = await page.context().browser()?.newBrowserCDPSession();
  if (session === undefined) throw new Error('There is no browser.');
  const times = async (): Promise<Map<number, number>> => {
    const { processInfo } = await session.send('SystemInfo.getProcessInfo');
    const renderers = processInfo.filter(({ type }) => type === 'renderer');
    return new Map(renderers.map(({ id, cpuTime }) => [id, cpuTime]));
  };
  const before = await times();
  const step = await stepOf(page);
  await untilStep(page, step + 15);
  const now = await times();
  await session.detach();
  const used = [...now].map(([id, time]) => ({ id, used: time - (before.get(id) ?? 0) }));
  const [busiest] = used.toSorted((one, other) => other.used - one.used);
  if (busiest === undefined) throw new Error('No page is drawn.');
  return busiest.id;
}

test(
  'a worker that the browser ends in mid-run is told, and the run goes on by one click in the next',
  { tag: '@thorough' },
  async ({ page }) => {
    await closeViews(page);
    await page.addInitScript(() => {
      const workers: globalThis.Worker[] = [];
      Object.assign(globalThis, { workers });
      globalThis.Worker = class extends globalThis.Worker {
        constructor(...args: ConstructorParameters<typeof globalThis.Worker>) {
          super(...args);
          if (args[1]?.name === 'glass-gpt trainer') workers.push(this);
        }
      };
    });
    await begin(page);
    await untilStep(page, 45);
    // Nothing tells the page of it.
    await page.evaluate(() =>
      (globalThis as unknown as { workers: globalThis.Worker[] }).workers.at(-1)?.terminate(),
    );
    await expect(state(page)).toHaveText('failed');
    await expect(problem(page)).toContainText('The worker that trains failed');
    await button(page, /^Go on from step [1-9]/u).click();
    await expect(state(page)).toHaveText('running');
    await untilStep(page, 41);
    await button(page, 'Stop').click();
    await expect(state(page)).toHaveText('stopped');
  },
);

test.describe('with little room', () => {
  // What the browser allows a site stays as a test left it.
  test.use({ ownWindow: true });

  test(
    'a full storage ends no run: the page says what to do, and what was kept is gone on from',
    { tag: '@thorough' },
    async ({ page, context, baseURL }, info) => {
      const session = await context.newCDPSession(page);
      const { origin } = new URL(baseURL ?? '');
      await choose(page);
      await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 600_000 });
      await train(page).click();
      await untilSeen(problem(page));
      await expect(problem(page)).toContainText(/There is no (?:more )?room for/u);
      await expect(problem(page)).toContainText('Delete runs or models that you do not need');
      await expect(page.getByTestId('announcement')).toContainText('no');
      await expect(state(page)).toHaveText('running');
      const told = await stepOf(page);
      await untilStep(page, told + 50);
      // Once: the next save says nothing new.
      await button(page, 'Dismiss').click();
      await untilStep(page, told + 150);
      await expect(problem(page)).toHaveCount(0);

      // With room again it is kept again, and nothing that was learned is lost.
      await session.send('Storage.overrideQuotaForOrigin', { origin });
      await untilStep(page, (await stepOf(page)) + 60);

      // Where it ends without room it stands in the tab alone, is looked at and taken away from there.
      await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 600_000 });
      await button(page, 'Stop').click();
      await expect(state(page)).toHaveText('stopped');
      const stopped = await stepOf(page);
      const unkept = page.getByTestId('run-unkept');
      await expect(unkept).toContainText('stands in this tab’s memory alone');
      await expect(runs(page)).toContainText('not kept');
      const taken = page.waitForEvent('download');
      await button(page, 'Take it away as a file').click();
      const file = info.outputPath('run.zip');
      await (await taken).saveAs(file);
      await expect(unkept).toContainText('It was downloaded as');
      expect(await objections(page)).toEqual([]);
      await page.getByTestId('run-status').getByRole('button', { name: 'Look inside' }).click();
      await expect(page.getByTestId('time-step')).toContainText(
        `step ${stopped.toLocaleString('en')} `,
      );
      await button(page, 'Back to the run').click();
      await button(page, 'Keep it now').click();
      await expect(problem(page)).toContainText('There is still no room for this run');
      await session.send('Storage.overrideQuotaForOrigin', { origin });
      await button(page, 'Keep it now').click();
      await expect(unkept).toHaveCount(0);

      // The file is the same run, here as on any machine.
      await page.getByLabel('A run’s file').setInputFiles(file);
      await expect(runs(page)).toHaveCount(2);
      await expect(state(page)).toHaveText('stopped');
      expect(await stepOf(page)).toBe(stopped);
      await button(page, /^Delete/u)
        .first()
        .click();
      await button(page, 'Yes').click();
      await expect(runs(page)).toHaveCount(1);
      await page.reload();
      await untilSeen(runs(page));
      await button(page, /^Go on with/u).click();
      await expect(state(page)).toHaveText('running');
      await untilStep(page, stopped + 1);
      await button(page, 'Stop').click();
      await expect(state(page)).toHaveText('stopped');
    },
  );
});

test.describe('cleared by the browser', () => {
  test.use({ ownWindow: true });

  test(
    'a storage that is cleared in mid-run is told, and the run is kept anew; between two visits it is missed',
    { tag: '@thorough' },
    async ({ page, context, baseURL }) => {
      const session = await context.newCDPSession(page);
      const { origin } = new URL(baseURL ?? '');
      // As a browser does it that is short of room: files go, and the few bytes beside them stay.
      const clear = () =>
        session.send('Storage.clearDataForOrigin', {
          origin,
          storageTypes: 'file_systems,indexeddb,cache_storage',
        });
      const watch = await begin(page);
      await untilStep(page, 45);
      await clear();
      await expect(problem(page)).toContainText('What was kept of this run was deleted');
      await expect(state(page)).toHaveText('running');
      const told = await stepOf(page);
      await untilStep(page, told + 60);
      await button(page, 'Stop').click();
      await expect(state(page)).toHaveText('stopped');
      const stopped = await stepOf(page);
      await page.reload();
      await untilSeen(runs(page));
      await expect(runs(page)).toContainText('stopped');
      await button(page, /^Go on with/u).click();
      await untilStep(page, stopped + 1);
      await button(page, 'Stop').click();
      await expect(state(page)).toHaveText('stopped');

      // Nobody looks meanwhile.
      const address = page.url();
      await page.goto('about:blank');
      await clear();
      await page.goto(address);
      await expect(page.getByTestId('runs-missed')).toContainText(
        'The run that was kept here is gone: this browser has cleared the site’s files',
      );
      expect(await objections(page)).toEqual([]);
      await untilSeen(page.getByTestId('seen').getByText('tokens'));
      await page.reload();
      await expect(page.getByTestId('runs')).toContainText('A new model knows nothing');
      expect(watch).toEqual({ errors: [], foreign: [], violations: [] });
    },
  );
});

/** The worker that trains, as soon as there is one. */
async function trainerOf(page: Page): Promise<Worker> {
  const isTrainer = (worker: Worker): Promise<boolean> =>
    worker.evaluate(() => (globalThis as unknown as Window).name === 'glass-gpt trainer');
  for (const worker of page.workers()) if (await isTrainer(worker)) return worker;
  for (;;) {
    const worker = await page.waitForEvent('worker');
    if (await isTrainer(worker)) return worker;
  }
}

test(
  'a GPU that goes away in mid-run: the run stands at its last checkpoint, and goes on by one click',
  { tag: '@thorough' },
  async ({ page }) => {
    await closeViews(page);
    const made = trainerOf(page);
    const opened = choose(page, {}, 'webgpu');
    // A worker has no script of a test's own: the devices that it opens from now on are kept.
    await (
      await made
    ).evaluate(() => {
      // oxlint-disable-next-line typescript/unbound-method -- called on its adapter below
      const real = GPUAdapter.prototype.requestDevice;
      const devices: GPUDevice[] = [];
      Object.assign(globalThis, { devices });
      GPUAdapter.prototype.requestDevice = async function requestDevice(...args) {
        const device = await real.apply(this, args);
        devices.push(device);
        return device;
      };
    });
    await opened;
    await train(page).click();
    await untilStep(page, 25);
    await (
      await made
    ).evaluate(() => (globalThis as unknown as { devices: GPUDevice[] }).devices.at(-1)?.destroy());
    await expect(state(page)).toHaveText('failed');
    await expect(problem(page)).toContainText('Go on: the device is opened anew');
    const on = button(page, /^Go on from step/u);
    const from = Number(/step ([\d,]+)/u.exec(await on.innerText())?.[1]?.replaceAll(',', ''));
    expect(from).toBeGreaterThanOrEqual(20);
    expect(from % 20).toBe(0);
    await on.click();
    await expect(state(page)).toHaveText('running');
    await untilStep(page, from + 1);
    await button(page, 'Stop').click();
    await expect(state(page)).toHaveText('stopped');
  },
);

test(
  'a hidden tab trains on, and says when the browser slowed it; a text that is too large is refused in words',
  { tag: '@thorough' },
  async ({ page }, info) => {
    await closeViews(page);
    // Headless, a page is always in sight.
    await page.addInitScript(() => {
      Object.assign(globalThis, { isOut: false });
      Object.defineProperty(document, 'visibilityState', {
        get: () => ((globalThis as unknown as { isOut: boolean }).isOut ? 'hidden' : 'visible'),
      });
    });
    const look = (isOut: boolean) =>
      page.evaluate((out) => {
        Object.assign(globalThis, { isOut: out });
        document.dispatchEvent(new Event('visibilitychange'));
      }, isOut);
    await choose(page);
    const text = page.getByLabel('A text file');
    await page.getByRole('radio', { name: 'Paste or drop' }).check();
    const long = info.outputPath('long.txt');
    writeFileSync(long, Buffer.alloc(100_000_001, 'a '));
    await text.setInputFiles(long);
    await untilSeen(problem(page));
    await expect(problem(page)).toContainText(
      'The text has 101 MB; a page takes up to 100 MB. Take a part of it',
    );
    await expect(train(page)).toHaveAttribute('aria-disabled', 'true');
    await page.getByRole('radio', { name: 'Add' }).check();
    await untilSeen(page.getByTestId('seen').getByText('13', { exact: true }));

    await train(page).click();
    await untilStep(page, 30);
    await look(true);
    const hidden = await stepOf(page);
    await untilStep(page, hidden + 30);
    await look(false);
    await expect(state(page)).toHaveText('running');
    await expect(problem(page)).toHaveCount(0);

    await untilStep(page, hidden + 60);
    const pid = await rendererOf(page);
    await look(true);
    process.kill(pid, 'SIGSTOP');
    // What is waited for is the clock itself: for so long no step may be made.
    await new Promise((resolve) => setTimeout(resolve, 6000));
    process.kill(pid, 'SIGCONT');
    await look(false);
    await expect(problem(page)).toContainText(
      /The browser slowed this tab while it was hidden: [\d,]+ steps? in \d+ seconds/u,
    );
    await expect(page.getByTestId('announcement')).toContainText('slowed this tab');
    await expect(state(page)).toHaveText('running');
    await button(page, 'Stop').click();
    await expect(state(page)).toHaveText('stopped');
  },
);

test(
  'the newest weights of a run are one press away; a step whose run is gone says so, and can be looked at',
  { tag: '@thorough' },
  async ({ page }) => {
    await closeViews(page);
    await begin(page);
    await untilStep(page, 25);
    await button(page, 'Look inside').click();
    await untilSeen(page.getByTestId('time-bar'));
    const shown = async (): Promise<number> => {
      const words = await page.getByTestId('time-step').innerText();
      return Number(/step ([\d,]+)/u.exec(words)?.[1]?.replaceAll(',', ''));
    };
    const first = await shown();
    expect(first).toBeGreaterThanOrEqual(25);
    await button(page, 'Newest').click();
    await expect.poll(shown).toBeGreaterThan(first);
    await button(page, 'Back to the run').click();
    await expect(state(page)).toHaveText('running');
    await button(page, 'Stop').click();
    await expect(state(page)).toHaveText('stopped');
    const stopped = await stepOf(page);
    await button(page, 'Look inside').click();
    await expect.poll(shown).toBe(stopped);
    // Of a run that rests there is no newer one.
    await expect(button(page, 'Newest')).toHaveCount(0);

    // Its record goes, and its weights stay.
    await page.evaluate(async () => {
      const root = await navigator.storage.getDirectory();
      await root.removeEntry('runs', { recursive: true });
    });
    await page.goto('./?device=cpu');
    const missing = page.getByTestId('time-bar-missing');
    await untilSeen(missing);
    await expect(missing).toContainText('whose other steps cannot be chosen');
    await expect(missing).toContainText('is not kept here any more');
    await expect(page.getByTestId('time-bar')).toHaveCount(0);
    expect(await objections(page)).toEqual([]);
  },
);

// Any GPT-2 on the page: looked up, agreed to, fetched, paused, killed, resumed, kept, opened offline, deleted,
// dropped; and everything that goes wrong on the way. Against a Hub on loopback, in the real browser with its
// real storage; only the Hub's side of the wire is made to fail.
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { expect, type Locator, type Page } from '@playwright/test';
import { objections } from './axe.ts';
import { letterModel } from '../support/letterModel.ts';
import { startHub, type HubServer, type ServedModel } from '../support/hubServer.ts';
import { shardedModel, tinyModel } from '../support/servedModels.ts';
import {
  breakMemory,
  button,
  chips,
  closeViews,
  generate,
  keepDevices,
  prompt,
  setLength,
  untilReady,
  untilSeen,
} from './helpers.ts';
import { test as base } from './window.ts';

const ID = 'tests/tiny-gpt2';
const WEIGHTS = 'model.safetensors';
const TINY = tinyModel(ID);
const SIZE = (TINY.files[WEIGHTS] as Uint8Array).length;
/** So many of the bytes of the weights. */
const share = (part: number): number => Math.floor(part * SIZE);
const utf8 = new TextEncoder();

/** The tiny model with files changed or, where null, left out. */
function variant(id: string, files: Record<string, Uint8Array | null>, more = {}): ServedModel {
  const all = Object.entries({ ...TINY.files, ...files }).filter(([, file]) => file !== null);
  return { ...TINY, id, ...more, files: Object.fromEntries(all) as ServedModel['files'] };
}

function lyingHeader(): Uint8Array {
  const bytes = Uint8Array.from(TINY.files[WEIGHTS] as Uint8Array);
  // The header's length, far beyond the file.
  bytes.set([0, 0, 0, 0x7f], 0);
  return bytes;
}

const MODELS = [
  TINY,
  shardedModel(),
  variant('tests/gated', {}, { gated: true }),
  variant('tests/bert', { 'config.json': utf8.encode('{"model_type":"bert"}') }),
  variant('tests/liar', { [WEIGHTS]: lyingHeader() }),
  variant('tests/pickled', { [WEIGHTS]: null, 'pytorch_model.bin': utf8.encode('PK\u0003\u0004') }),
];

const test = base.extend<{ hub: HubServer }>({
  // oxlint-disable-next-line no-empty-pattern -- Playwright reads the parameter's form
  hub: async ({}, use) => {
    const hub = await startHub(MODELS);
    await use(hub);
    await hub.close();
  },
  // No view of the inside is open, so that loading alone takes the processor.
  page: async ({ page }, use) => {
    await closeViews(page, ['gpu-chosen-cpu']);
    await use(page);
  },
});

async function openPage(page: Page, query: Record<string, string> = {}): Promise<void> {
  await page.goto(`./?${new URLSearchParams({ device: 'cpu', seed: '7', ...query }).toString()}`);
  await untilReady(page);
}

const chipOf = (page: Page): Locator => page.locator('[popovertarget="model-details"]').first();
const offer = (page: Page): Locator => page.getByTestId('offer');
const dialog = (page: Page): Locator => page.getByRole('dialog', { name: 'Models' });
const field = (page: Page): Locator => page.getByRole('textbox', { name: /Hugging Face id/u });
const storage = (page: Page): Locator => page.getByTestId('storage');

async function openDialog(page: Page): Promise<void> {
  await chipOf(page).click();
  await button(page, 'Choose another model…').click();
  await expect(field(page)).toBeFocused();
}

/** Types a name and asks for it. */
async function ask(page: Page, id: string, host: string, revision = ''): Promise<void> {
  const more = page.getByText('Revision, host', { exact: true });
  if (!(await page.getByLabel('Host', { exact: true }).isVisible())) await more.click();
  await page.getByLabel('Revision', { exact: true }).fill(revision);
  await page.getByLabel('Host', { exact: true }).fill(host);
  await field(page).fill(id);
  await field(page).press('Enter');
}

async function isStatus(page: Page, status: string): Promise<void> {
  await untilSeen(page.locator(`[data-testid="offer"][data-status="${status}"]`));
  await expect(offer(page)).toHaveAttribute('data-status', status);
}

async function isLoaded(page: Page, name: string | RegExp): Promise<void> {
  await untilSeen(chipOf(page).locator('b').filter({ hasText: name }));
  await expect(chipOf(page).locator('b')).toHaveText(name);
}

const asksFor = (hub: HubServer, part: string): string[] =>
  hub.seen.map(({ path }) => path).filter((path) => path.includes(part));

/** Drags a file or folder of this computer over the page. */
async function dragger(
  page: Page,
): Promise<(file: string, ...steps: ('dragEnter' | 'dragOver' | 'drop')[]) => Promise<void>> {
  const session = await page.context().newCDPSession(page);
  return async (file, ...steps) => {
    for (const type of steps) {
      const data = { items: [], files: [file], dragOperationsMask: 1 };
      await session.send('Input.dispatchDragEvent', { type, x: 600, y: 300, data });
    }
  };
}

/** Waits until the page says that this share of the model is here, and more. */
const untilHere = async (page: Page, part: number): Promise<void> =>
  expect
    .poll(async () => {
      const words = (await page.getByTestId('offer-progress').textContent()) ?? '';
      return 1000 * Number(/^(\d+) of/u.exec(words)?.[1] ?? 0);
    })
    .toBeGreaterThan(share(part));

/** Looks the tiny model up in the dialog; it then waits for a click. */
async function openOffer(page: Page, hub: HubServer): Promise<void> {
  await openDialog(page);
  await ask(page, ID, hub.origin);
  await isStatus(page, 'known');
}

test('by id and host: the size comes before any weights, the old model writes meanwhile, the new one is kept and opens offline', async ({
  page,
  hub,
}) => {
  await openPage(page);
  await openDialog(page);
  expect(await objections(page, 'dialog')).toEqual([]);
  await expect(storage(page)).toContainText('Nothing yet');

  // The page is isolated, and the Hub does not say that others may embed its files: what does not come by CORS is refused.
  expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
  const embedded = page.evaluate(async (url) => fetch(url, { mode: 'no-cors' }), hub.origin);
  await expect(embedded).rejects.toThrow('Failed to fetch');
  hub.seen.length = 0;
  await ask(page, ID, hub.origin);
  await isStatus(page, 'known');
  await expect(offer(page)).toContainText(`${ID} from ${new URL(hub.origin).host}`);
  await expect(offer(page)).toContainText('454 kB in 5 files');
  await expect(offer(page)).toContainText('for this site only');
  await expect(offer(page)).toContainText('are free for this page');
  expect(asksFor(hub, 'safetensors')).toEqual([]);

  hub.faults.set(WEIGHTS, { slow: 200_000, holdAfter: share(0.5) });
  await button(page, /^Download 454.kB$/u).click();
  await isStatus(page, 'arriving');
  await button(page, 'Close').click();
  await expect(chipOf(page)).toBeFocused();
  const progress = page.getByTestId('offer-progress');
  await expect(progress).toHaveText(/\d+ of.454.kB · \d+.kB\/s · .*left · block \d of 3/u);
  await setLength(page, 3);
  await generate(page);
  await expect(chips(page)).toHaveCount(13);
  hub.faults.clear();
  await isLoaded(page, 'tiny-gpt2');
  await expect(offer(page)).toHaveCount(0);
  await expect(page.getByTestId('announcement')).toContainText(/tiny-gpt2|tokens/u);
  expect(hub.sent(WEIGHTS)).toBe(SIZE);
  await expect(page).toHaveURL(/model=tests%2Ftiny-gpt2&host=http/u);

  // The second start asks nobody.
  await hub.close();
  const asked: string[] = [];
  page.on('request', (request) => asked.push(request.url()));
  await page.reload();
  await isLoaded(page, 'tiny-gpt2');
  await untilReady(page);
  expect(asked.filter((url) => !url.startsWith(new URL(page.url()).origin))).toEqual([]);
  await setLength(page, 2);
  await generate(page);

  // And it can be deleted again.
  await openDialog(page);
  const row = storage(page).getByRole('row', { name: ID });
  await expect(row).toContainText(/e7da7f2 · 127\.0\.0\.1:\d+/u);
  await expect(row).toContainText(/45\d.kB/u);
  await expect(row).toContainText('just now');
  await expect(storage(page)).toContainText(
    /This page uses .* of the .* the browser says it allows/u,
  );
  await button(page, `Delete ${ID}`).click();
  await expect(button(page, 'No')).toBeFocused();
  await expect(row).toContainText(/Delete 45\d.kB\?/u);
  await page.keyboard.press('Enter');
  await expect(button(page, `Delete ${ID}`)).toBeFocused();
  await page.keyboard.press('Enter');
  await button(page, 'Yes').press('Enter');
  await expect(page.getByRole('heading', { name: 'Kept in this browser' })).toBeFocused();
  await expect(storage(page)).toContainText('Nothing yet');
  await page.keyboard.press('Escape');
  await expect(dialog(page)).toBeHidden();
});

test(
  'pause, continue and cancel: what came need not come again, and what is given up is gone',
  { tag: '@thorough' },
  async ({ page, hub }, info) => {
    const another = info.outputPath('another.safetensors');
    writeFileSync(another, TINY.files[WEIGHTS] as Uint8Array);
    await openPage(page);
    await openOffer(page, hub);
    hub.faults.set(WEIGHTS, { holdAfter: share(0.4) });
    await button(page, /^Download/u).press('Enter');
    await expect(offer(page)).toBeFocused();
    // Nothing ends it but Pause and Cancel.
    await expect(dialog(page)).toContainText(
      'tiny-gpt2 is being downloaded: pause or cancel it first.',
    );
    for (const name of ['Look it up', 'Choose files…', 'Choose a folder…', /^GPT-2 124 M/u]) {
      await expect(button(page, name)).toBeDisabled();
      await expect(button(page, name)).toHaveAccessibleDescription(/pause or cancel it first/u);
    }
    await field(page).press('Enter');
    await untilHere(page, 0.3);
    await isStatus(page, 'arriving');
    await button(page, 'Pause').press('Enter');
    await isStatus(page, 'paused');
    await expect(offer(page)).toBeFocused();
    await expect(button(page, 'Choose files…')).toBeEnabled();
    await expect(offer(page)).toContainText(/\d+ of.454.kB/u);
    await page.reload();
    await untilReady(page);
    // Paused is paused: after a reload too it waits for a click, and knows how far it was.
    await isStatus(page, 'paused');
    await expect(offer(page)).toContainText(/\d\d+ of.45\d.kB/u);
    const before = hub.seen.length;
    hub.faults.set(WEIGHTS, { holdAfter: 50_000 });
    await button(page, /^Continue: \d+.kB to go$/u).click();
    await isStatus(page, 'arriving');
    const again = (): string | null | undefined =>
      hub.seen.slice(before).find(({ path }) => path.includes(`${WEIGHTS}?of`))?.range;
    await expect.poll(again).toMatch(/^bytes=\d{5,}-$/u);
    await (
      await dragger(page)
    )(another, 'dragEnter', 'dragOver', 'drop');
    await expect(page.locator('[popover="manual"]:popover-open')).toContainText(
      'tiny-gpt2 is being downloaded: pause or cancel it first.',
    );
    await isStatus(page, 'arriving');
    await expect(offer(page)).toContainText(ID);
    await button(page, 'Cancel').press('Enter');
    await expect(offer(page)).toHaveCount(0);
    await expect(chipOf(page)).toBeFocused();
    await openDialog(page);
    await expect(storage(page)).toContainText('Nothing yet');
    await button(page, 'Close').click();
    await isLoaded(page, 'tales-7m');
  },
);

test(
  'a tab that is killed at 60 %: the next one goes on by itself and fetches only the rest',
  { tag: '@thorough' },
  async ({ page, context, hub }) => {
    await openPage(page);
    await openOffer(page, hub);
    hub.faults.set(WEIGHTS, { holdAfter: share(0.6), times: 1 });
    await button(page, /^Download/u).click();
    await untilHere(page, 0.55);
    await page.close();
    const second = await context.newPage();
    await second.goto('./?device=cpu&seed=7');
    await isLoaded(second, 'tiny-gpt2');
    const parts = hub.seen.filter(({ path }) => path.includes(`${WEIGHTS}?of`));
    expect(parts).toHaveLength(2);
    const from = Number(/^bytes=(\d+)-$/u.exec(parts[1]?.range ?? '')?.[1]);
    // The page said so of 0.55; a hundredth of the model is its small files.
    expect(from).toBeGreaterThan(0.5 * SIZE);
    expect(from).toBeLessThanOrEqual(parts[0]?.bytes ?? 0);
    expect(parts[1]?.ifRange).toMatch(/^"[0-9a-f]+"$/u);
    expect(parts[1]?.bytes).toBe(SIZE - from);
    // What the dead tab had not kept yet is lost, and no more.
    expect(hub.sent(WEIGHTS)).toBe((parts[0]?.bytes ?? 0) + SIZE - from);
    await setLength(second, 2);
    await generate(second);
  },
);

test(
  'two tabs: the second one says that it waits, and the bytes come once',
  { tag: '@thorough' },
  async ({ page, context, hub }) => {
    const other = await context.newPage();
    hub.faults.set(WEIGHTS, { holdAfter: share(0.4) });
    for (const each of [page, other]) {
      await each.bringToFront();
      await openPage(each);
      await openDialog(each);
      await ask(each, ID, hub.origin);
      await isStatus(each, 'known');
    }
    await button(page, /^Download/u).click();
    await untilHere(page, 0.1);
    await button(other, /^(?:Download|Continue)/u).click();
    await expect(offer(other)).toContainText('Another tab is downloading this model');
    hub.faults.clear();
    await isLoaded(page, 'tiny-gpt2');
    await isLoaded(other, 'tiny-gpt2');
    expect(hub.sent(WEIGHTS)).toBe(SIZE);
  },
);

interface Row {
  readonly what: string;
  readonly id?: string;
  readonly revision?: string;
  readonly host?: string;
  readonly arrange?: (hub: HubServer) => void;
  /** What the page says, and the code of it. */
  readonly says: RegExp;
  readonly code: string;
}

/** Said under the field, before anything was agreed to. */
const REFUSED: readonly Row[] = [
  {
    what: 'no such model',
    id: 'tests/none',
    says: /There is no public model/u,
    code: 'hub/not-found',
  },
  { what: 'gated', id: 'tests/gated', says: /gated/u, code: 'hub/gated' },
  {
    what: 'too many requests',
    arrange: (hub) =>
      hub.faults.set('api/revision', { status: 429, headers: { 'retry-after': '300' }, times: 1 }),
    says: /asks to wait 300 seconds/u,
    code: 'network/busy',
  },
  { what: 'no GPT-2', id: 'tests/bert', says: /bert/u, code: 'config/unsupported' },
  {
    what: 'only pickled weights',
    id: 'tests/pickled',
    says: /only pickled weights[\s\S]*AutoModelForCausalLM/u,
    code: 'hub/pickle',
  },
];
const RARELY_REFUSED: readonly Row[] = [
  {
    what: 'a server that allows no other page to read it',
    arrange: (hub) => (hub.cors = false),
    says: /does not allow this page to read it \(CORS\)/u,
    code: 'network/unreachable',
  },
  {
    what: 'a host where nobody is',
    host: 'http://127.0.0.1:9',
    says: /127\.0\.0\.1:9 could not be reached/u,
    code: 'network/unreachable',
  },
  { what: 'no such revision', revision: 'v9', says: /no revision "v9"/u, code: 'hub/revision' },
  {
    what: '401',
    arrange: (hub) => hub.faults.set('api/revision', { status: 401, times: 1 }),
    says: /There is no public model/u,
    code: 'hub/not-found',
  },
  { what: 'an id that leaves its folder', id: '../etc', says: /no id of a model/u, code: 'hub/id' },
  { what: 'another scheme', id: 'ftp://a/b', host: '', says: /ftp/u, code: 'network/scheme' },
  {
    what: 'a redirect to another scheme',
    arrange: (hub) => (hub.redirectTo = 'ftp://127.0.0.1'),
    says: /could not be reached|redirects/u,
    code: 'network/',
  },
];

/** What was typed stays, and no weights are asked for. */
async function expectRefused(page: Page, hub: HubServer, rows: readonly Row[]): Promise<void> {
  for (const { what, id = ID, revision = '', host = hub.origin, arrange, says, code } of rows) {
    await test.step(what, async () => {
      hub.reset();
      arrange?.(hub);
      await ask(page, id, host, revision);
      const answer = page.getByTestId('field-answer');
      await expect(answer).toContainText(says);
      await expect(answer).toContainText(`Details (${code}`);
      await expect(field(page)).toHaveValue(id);
      await expect(field(page)).toHaveAttribute('aria-invalid', 'true');
      expect(asksFor(hub, 'safetensors')).toEqual([]);
    });
  }
}

test(
  'what cannot be looked up is said under the field, which keeps what was typed',
  { tag: '@thorough' },
  async ({ page, context, hub }) => {
    await openPage(page);
    await openDialog(page);
    await expectRefused(page, hub, REFUSED);
    await test.step('offline', async () => {
      await context.setOffline(true);
      await button(page, /^GPT-2 124 M/u).click();
      await isStatus(page, 'failed');
      await expect(offer(page)).toContainText(/offline|could not be reached/u);
      await context.setOffline(false);
      await offer(page).getByRole('button', { name: 'Dismiss' }).click();
    });
    await button(page, 'Close').click();
    await setLength(page, 2);
    await generate(page);
    await isLoaded(page, 'tales-7m');
  },
);

test(
  'what can seldom be looked up is said there too',
  { tag: '@thorough' },
  async ({ page, hub }) => {
    await openPage(page);
    await openDialog(page);
    await expectRefused(page, hub, RARELY_REFUSED);
  },
);

/** Said in the card, after the click. */
const BROKEN: readonly Row[] = [
  {
    what: 'a wrong byte, every time',
    arrange: (hub) => hub.faults.set(WEIGHTS, { flip: 300_000 }),
    says: /is damaged/u,
    code: 'download/hash',
  },
  // The last: what the next try says of damage is then its own.
  {
    what: 'weights that are gone',
    arrange: (hub) => hub.faults.set(WEIGHTS, { status: 404 }),
    says: /There is no model\.safetensors/u,
    code: 'network/not-found',
  },
];
const RARELY_BROKEN: readonly Row[] = [
  {
    what: 'a wrong length',
    arrange: (hub) => hub.faults.set(WEIGHTS, { length: SIZE - 4000 }),
    says: /its list says 451504 bytes/u,
    code: 'download/size',
  },
  { what: 'a header that lies', id: 'tests/liar', says: /header/u, code: 'safetensors/' },
];

/** Said in the card, while the running model stays; of the last row the card is left. */
async function expectBroken(page: Page, hub: HubServer, rows: readonly Row[]): Promise<void> {
  for (const { what, id = ID, arrange, says, code } of rows) {
    await test.step(what, async () => {
      hub.reset();
      await ask(page, id, hub.origin);
      await isStatus(page, 'known');
      arrange?.(hub);
      await button(page, /^(?:Download|Continue)/u).click();
      await isStatus(page, 'failed');
      await expect(offer(page)).toContainText(says);
      await expect(offer(page)).toContainText(`Details (${code}`);
      await isLoaded(page, 'tales-7m');
      if (what !== rows.at(-1)?.what) await button(page, 'Dismiss').click();
    });
  }
}

test(
  'what breaks on the way is said, the running model stays, and another try may do',
  { tag: '@thorough' },
  async ({ page, hub }) => {
    await openPage(page);
    await openDialog(page);
    await expectBroken(page, hub, BROKEN);
    await test.step('a wrong byte once, and a connection that breaks', async () => {
      await button(page, 'Close').click();
      await setLength(page, 2);
      await generate(page);
      hub.reset();
      hub.faults.set(WEIGHTS, { flip: 300_000, times: 1, next: { hang: true } });
      await button(page, 'Try again').click();
      await expect(offer(page)).toContainText(/is damaged: .* It is fetched again/u);
      hub.faults.clear();
      await isLoaded(page, 'tiny-gpt2');
      expect(hub.sent(WEIGHTS)).toBe(2 * SIZE);
      await openDialog(page);
      await ask(page, 'tests/tiny-sharded', hub.origin);
      await isStatus(page, 'known');
      await expect(offer(page)).toContainText('8 files');
      const hang = { hang: true };
      hub.faults.set('model-00002-of-00003.safetensors', {
        cutAfter: 60_000,
        times: 2,
        next: hang,
      });
      await button(page, /^Download/u).click();
      await expect(offer(page)).toContainText(/The connection to .* broke.*; trying again/u);
      hub.faults.clear();
      await isLoaded(page, 'tiny-sharded');
    });
  },
);

test('what seldom breaks on the way is said too', { tag: '@thorough' }, async ({ page, hub }) => {
  await openPage(page);
  await openDialog(page);
  await expectBroken(page, hub, RARELY_BROKEN);
});

test('an address asks before anybody is contacted; on a phone too', async ({
  page,
  hub,
  baseURL,
}) => {
  await page.setViewportSize({ width: 390, height: 844 });
  const foreign: string[] = [];
  page.on('request', (request) => {
    const { origin, protocol } = new URL(request.url());
    if (protocol.startsWith('http') && origin !== new URL(baseURL ?? '').origin)
      foreign.push(origin);
  });
  await openPage(page, { model: 'gpt2' });
  await expect(offer(page)).toContainText('This address asks for gpt2 from huggingface.co');
  await expect(offer(page)).toContainText(/about 548.MB/u);
  expect(foreign).toEqual([]);
  await button(page, 'Stay with the story model').click();
  await expect(offer(page)).toHaveCount(0);
  await expect(page).not.toHaveURL(/model=/u);

  await openPage(page, { model: ID, host: hub.origin });
  await isStatus(page, 'asked');
  expect(hub.seen).toEqual([]);
  const sideways = (): Promise<number> =>
    page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  await button(page, 'Look it up').click();
  await isStatus(page, 'known');
  expect(await sideways()).toBeLessThanOrEqual(0);
  expect(await objections(page, '[data-testid="offer"]')).toEqual([]);
  await openDialog(page);
  const inside = (): Promise<number> =>
    dialog(page).evaluate((element) => element.scrollWidth - element.clientWidth);
  expect(await inside()).toBeLessThanOrEqual(0);
  await button(page, /^Download/u).click();
  await isLoaded(page, 'tiny-gpt2');
  await expect(dialog(page)).toBeHidden();
  await openDialog(page);
  await expect(button(page, `Open ${ID}`)).toBeVisible();
  expect(await inside()).toBeLessThanOrEqual(0);
});

test(
  'a GPU that goes away in mid-load is told; the running model writes on, and another try loads',
  { tag: '@thorough' },
  async ({ page, hub }) => {
    await keepDevices(page);
    await page.goto('./?engine=local&device=webgpu&seed=7');
    await untilReady(page);
    await openOffer(page, hub);
    hub.faults.set(WEIGHTS, { holdAfter: share(0.4) });
    await button(page, /^Download/u).click();
    await untilHere(page, 0.3);
    await button(page, 'Close').click();
    await page.evaluate(() =>
      (globalThis as unknown as { devices: GPUDevice[] }).devices.at(-1)?.destroy(),
    );
    hub.faults.clear();
    await isStatus(page, 'failed');
    await expect(offer(page)).toContainText(/Details \(device\/lost\)/u);
    await setLength(page, 2);
    await generate(page);
    await expect(chips(page)).toHaveCount(12);
    await isLoaded(page, 'tales-7m');
    await button(page, 'Try again').click();
    await isLoaded(page, 'tiny-gpt2');
  },
);

test(
  'a GPU without memory for it is said, with ways out; the running model writes on',
  { tag: '@thorough' },
  async ({ page, hub }) => {
    await breakMemory(page);
    await page.goto('./?engine=local&device=webgpu&seed=7');
    await untilReady(page);
    await openOffer(page, hub);
    await page.evaluate(() => void Object.assign(globalThis, { noMemory: true }));
    await button(page, /^Download/u).click();
    await isStatus(page, 'failed');
    await expect(offer(page)).toContainText(
      /The GPU has no memory left for the parameters \(.* kB\)/u,
    );
    await expect(offer(page)).toContainText(
      /fp16 or a smaller model, or compute on the processor/u,
    );
    await expect(offer(page)).toContainText(/Details \(device\/out-of-memory\)/u);
    await button(page, 'Close').click();
    await setLength(page, 2);
    await generate(page);
    await expect(chips(page)).toHaveCount(12);
    await isLoaded(page, 'tales-7m');
    // With the same lack of memory a smaller form may fit, and the processor has memory of its own.
    await expect(button(page, 'Load it in 8 bit')).toBeVisible();
    await button(page, 'Load it on the processor').click();
    await isLoaded(page, 'tiny-gpt2');
    await expect(chipOf(page)).toContainText('on the processor');
  },
);

test.describe('with little room', () => {
  // What the browser allows a site stays as a test left it.
  test.use({ ownWindow: true });

  test(
    'no room: both numbers are said where the browser tells them, and it loads without being kept',
    { tag: '@thorough' },
    async ({ page, context, hub, baseURL }) => {
      await page.addInitScript(() => {
        const estimate = (): Promise<StorageEstimate> =>
          Promise.resolve({ usage: 0, quota: 200_000 });
        if (location.search.includes('engine=local')) navigator.storage.estimate = estimate;
      });
      await openPage(page, { model: ID, host: hub.origin, engine: 'local' });
      await button(page, 'Look it up').click();
      await isStatus(page, 'known');
      await expect(offer(page)).toContainText(
        /It needs 454.kB; the browser says that 200.kB are free for this page/u,
      );
      await expect(button(page, /^Load without keeping it: 454.kB/u)).toBeVisible();

      // Chromium always promises ten gigabytes; that there are none shows when they are written.
      await openPage(page, { model: ID, host: hub.origin });
      const session = await context.newCDPSession(page);
      const { origin } = new URL(baseURL ?? '');
      await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 200_000 });
      await button(page, 'Look it up').click();
      await button(page, /^Download/u).click();
      await isStatus(page, 'failed');
      await expect(offer(page)).toContainText(/no more room[\s\S]*Details \(storage\/quota\)/u);
      await isLoaded(page, 'tales-7m');
      await button(page, 'Load without keeping it').click();
      await isLoaded(page, 'tiny-gpt2');
      await openDialog(page);
      await expect(button(page, `Open ${ID}`)).toHaveCount(0);
    },
  );
});

test(
  'a file alone: heads that nobody can know are asked for, and without a tokenizer it reads numbers',
  { tag: '@thorough' },
  async ({ page }, info) => {
    const file = info.outputPath('mystery.safetensors');
    const [weights] = letterModel();
    writeFileSync(file, new Uint8Array(await weights.arrayBuffer()));
    await openPage(page);
    const drag = await dragger(page);
    await drag(file, 'dragEnter', 'dragOver', 'drop');
    await isStatus(page, 'failed');
    await expect(offer(page)).toContainText('Nothing says how many heads this model has.');
    const load = button(page, 'Load it so');
    await expect(load).toBeDisabled();
    await offer(page).getByRole('combobox', { name: 'Heads' }).selectOption('2');
    await load.click();
    await isLoaded(page, 'mystery');

    // What stood there is no text for it, and is kept.
    await expect(page.getByTestId('unread')).toContainText('is no token’s number');
    await expect(page.getByTestId('problem')).toHaveCount(0);
    await expect(prompt(page)).not.toHaveValue('');
    await button(page, /^Generate/u).click();
    await expect(page.getByTestId('problem')).toHaveCount(0);
    await prompt(page).fill('5, 7 27');
    await expect(page.getByTestId('unread')).toHaveCount(0);
    await expect(chips(page)).toHaveText(['5 ', '7 ', '27 ']);
    await button(page, '1 token').click();
    await expect(chips(page)).toHaveCount(4);
    await button(page, 'Write here').click();
    await page.keyboard.type('3 ');
    await expect(chips(page)).toHaveText(['5 ', '7 ', '27 ', /^\d+ $/u, '3 ']);
    await expect(page.getByTestId('unread')).toHaveCount(0);
    await prompt(page).fill('5 28');
    await expect(page.getByTestId('unread')).toContainText('“28” is no token of mystery');
  },
);

test(
  'control words of a model are one chip each, or text where somebody says so',
  { tag: '@thorough' },
  async ({ page }, info) => {
    const folder = info.outputPath('chat');
    cpSync('tests/fixtures/cases/special-tokens-in-prompt', folder, { recursive: true });
    await openPage(page);
    const drag = await dragger(page);
    await drag(folder, 'dragEnter', 'dragOver', 'drop');
    await isLoaded(page, 'chat');
    // The second is not special to its tokenizer, and a control word all the same.
    await prompt(page).fill('<|user|><|assistant|>the king <|endoftext|>');
    await expect(chips(page).first()).toHaveText('<|user|>');
    await expect(chips(page).nth(1)).toHaveText('<|assistant|>');
    for (const i of [0, 1]) await expect(chips(page).nth(i)).toHaveClass(/special/u);
    await expect(chips(page).nth(2)).not.toHaveClass(/special/u);
    const plain = page.getByRole('checkbox', { name: /Control words are text/u });
    await expect(plain).not.toBeChecked();
    const count = await chips(page).count();
    await plain.check();
    await expect(chips(page).first()).toHaveText('<');
    await expect.poll(() => chips(page).count()).toBeGreaterThan(count);
    await plain.uncheck();
    await expect(chips(page).first()).toHaveText('<|user|>');
    await expect(chips(page)).toHaveCount(count);
  },
);

test('a dropped folder: heads that its config leaves out can be chosen; a pickle is refused with the way out', async ({
  page,
  context,
}, info) => {
  const folder = info.outputPath('my-poems');
  mkdirSync(`${folder}/logs/run-1`, { recursive: true });
  writeFileSync(`${folder}/logs/run-1/old.safetensors`, 'not this one');
  for (const name of [WEIGHTS, 'vocab.json', 'merges.txt']) {
    writeFileSync(`${folder}/${name}`, TINY.files[name] as Uint8Array);
  }
  writeFileSync(`${folder}/config.json`, '{"model_type": "gpt2"}');
  const pickle = info.outputPath('old.pt');
  writeFileSync(pickle, 'PK\u0003\u0004');
  await openPage(page);
  const drag = await dragger(page);
  await drag(folder, 'dragEnter', 'dragOver');
  await expect(page.getByText('Drop a model here')).toBeVisible();
  await drag(folder, 'drop');
  await expect(page.getByText('Drop a model here')).toBeHidden();
  await isLoaded(page, 'my-poems');
  await expect(page).not.toHaveURL(/model=/u);

  const heads = page.getByTestId('reading');
  await expect(heads).toContainText('The files of my-poems do not say how many heads it has.');
  await expect(heads).toContainText('12 are assumed: transformers takes as many');
  const before = await heads.getByRole('combobox').inputValue();
  const choices = await heads.getByRole('option').allInnerTexts();
  expect(choices.length).toBeGreaterThan(2);
  const other = choices
    .map((words) => /^\d+/u.exec(words)?.[0] ?? '')
    .find((n) => n !== before && n !== '1');
  await heads.getByRole('combobox').selectOption(other ?? '');
  await heads.getByRole('button', { name: 'Load it so' }).click();
  await expect(heads).toHaveCount(0);
  await chipOf(page).click();
  await expect(page.locator('#model-details')).toContainText(`${other} heads`);
  await page.keyboard.press('Escape');

  // What the disk does not give, and what it gives.
  await page.evaluate(() => {
    const { prototype } = DataTransferItem;
    // oxlint-disable-next-line typescript/unbound-method -- it is put back
    const { webkitGetAsEntry } = prototype;
    const error = new DOMException('A requested file could not be found.', 'NotFoundError');
    const file = (_: unknown, fail: (error: DOMException) => void): void => fail(error);
    prototype.webkitGetAsEntry = () => {
      Object.assign(prototype, { webkitGetAsEntry });
      return { isFile: true, name: 'old.pt', file } as unknown as FileSystemEntry;
    };
  });
  await drag(pickle, 'dragEnter', 'dragOver', 'drop');
  await isStatus(page, 'failed');
  await expect(offer(page)).toContainText(
    /could not read what was dropped: A requested file[^]*Choose it instead: “Choose files…”/u,
  );
  await expect(button(page, 'Try again')).toHaveCount(0);
  await drag(pickle, 'dragEnter', 'dragOver', 'drop');
  await expect(offer(page)).toContainText('old.pt');
  await isStatus(page, 'failed');
  await expect(offer(page)).toContainText('old.pt is a PyTorch pickle, which can run any code');
  const code = page.getByRole('region', { name: 'Python that converts it' });
  expect((await code.innerText()).split('\n')).toHaveLength(3);
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await offer(page).getByRole('button', { name: 'Copy' }).first().click();
  await expect(button(page, 'Copied')).toBeVisible();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toContain('weights_only=True');
  await isLoaded(page, 'my-poems');
  await button(page, 'Choose another model…').click();
  await button(page, /^The story model/u).click();
  await isLoaded(page, 'tales-7m');
});

test(
  'a server that always breaks off is given up after a while; text that is dragged goes where it always went',
  { tag: '@thorough' },
  async ({ page, context, hub }) => {
    await openPage(page);
    const session = await context.newCDPSession(page);
    const box = await prompt(page).boundingBox();
    const at = { x: (box?.x ?? 0) + 20, y: (box?.y ?? 0) + 20 };
    const items = [{ mimeType: 'text/plain', data: 'Hark! ' }];
    for (const type of ['dragEnter', 'dragOver', 'drop'] as const) {
      const data = { items, dragOperationsMask: 1 };
      await session.send('Input.dispatchDragEvent', { type, ...at, data });
      await expect(page.getByText('Drop a model here')).toBeHidden();
    }
    await expect(prompt(page)).toHaveValue(/Hark! /u);
    await openDialog(page);
    await ask(page, ID, hub.origin);
    await isStatus(page, 'known');
    hub.faults.set(WEIGHTS, { cutAfter: 0 });
    await button(page, /^Download/u).click();
    await expect(offer(page)).toContainText('trying again in');
    await expect(offer(page)).toHaveAttribute('data-status', 'failed');
    await expect(offer(page)).toContainText(/could not be reached|times in a row/u);
    hub.reset();
    await button(page, 'Try again').click();
    await isLoaded(page, 'tiny-gpt2');
  },
);

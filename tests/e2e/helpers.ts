// How the page is opened and read in the tests; one place knows its names.
import { expect, type Locator, type Page } from '@playwright/test';

/** What a page did that no page of ours may do. */
export interface Watch {
  readonly errors: string[];
  readonly foreign: string[];
  readonly violations: string[];
}

export interface OpenOptions {
  /**
   * Query and fragment. On the processor by default: the page is the same on every device, and there
   * the tests are twice as fast. webgpu.spec.ts visits every view on WebGPU; tests/gpu compares the devices themselves.
   */
  readonly at?: string;
  /** Waits until the model is ready and the panels speak; true by default. */
  readonly ready?: boolean;
  /** Where `at` names no seed, this one: a story of 500 tokens that does not end by itself. */
  readonly seed?: number | 'random';
}

/**
 * The page opens with every view of the inside closed, as a visitor left it: loading alone takes the
 * processor, and a test that does not look inside is over sooner.
 */
export async function closeViews(
  page: Page,
  /** Notes that were waved away. */
  done: readonly string[] = [],
): Promise<void> {
  const saved = { version: 1, panel: '', done };
  await page.addInitScript((json) => {
    if (localStorage.getItem('glass-gpt') === null) localStorage.setItem('glass-gpt', json);
  }, JSON.stringify(saved));
}

/** Has the page keep every GPU device that it opens, in `devices`, so that a test can lose one. */
export async function keepDevices(page: Page): Promise<void> {
  await page.addInitScript(() => {
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
}

/**
 * While `globalThis.noMemory` is true, each of a model's parameters asks the GPU for the largest buffer that
 * its limits allow, which a software adapter has no memory for: it refuses it as it would any other.
 */
export async function breakMemory(page: Page): Promise<void> {
  await page.addInitScript(() => {
    // oxlint-disable-next-line typescript/unbound-method -- called on its device below
    const real = GPUDevice.prototype.createBuffer;
    GPUDevice.prototype.createBuffer = function createBuffer(descriptor) {
      const { noMemory = false } = globalThis as { noMemory?: boolean };
      const isStarved = noMemory && descriptor.label?.startsWith('parameters/') === true;
      const size = isStarved ? this.limits.maxBufferSize : descriptor.size;
      return real.call(this, { ...descriptor, size });
    };
  });
}

export const ON_WEBGPU: OpenOptions = { at: '?device=webgpu' };
/** A view's test runs on both, on WebGPU in the thorough run: webgpu.spec.ts is the short visit of every view there. */
export const DEVICES = [
  { device: 'cpu', tag: [] },
  { device: 'webgpu', tag: ['@thorough'] },
];
/** A run that is to be stopped, on any machine: the longest that there is. */
export const ENDLESS = 4096;

/** Opens the page and notes console errors, requests to other origins and policy violations. */
export async function open(
  page: Page,
  { at = '?device=cpu', ready = true, seed = 7 }: OpenOptions = {},
): Promise<Watch> {
  const watch: Watch = { errors: [], foreign: [], violations: [] };
  page.on('console', (message) => {
    if (message.type() !== 'error') return;
    // The window asked for it, at the file where it waited for this test.
    if (message.location().url.endsWith('/favicon.ico')) return;
    if (/Content Security Policy/u.test(message.text())) watch.violations.push(message.text());
    watch.errors.push(message.text());
  });
  page.on('pageerror', (error) => watch.errors.push(error.message));
  page.on('request', (request) => {
    const { protocol, origin } = new URL(request.url());
    if (protocol === 'data:' || protocol === 'blob:') return;
    if (origin !== new URL(page.url() === 'about:blank' ? request.url() : page.url()).origin) {
      watch.foreign.push(request.url());
    }
  });
  await page.goto(`./${seed === 'random' ? at : withSeed(at, seed)}`);
  if (ready) await untilReady(page);
  return watch;
}

/** A random story may end after a few words, and then a test would fail once in fifty runs. */
function withSeed(at: string, seed: number): string {
  const { searchParams, hash } = new URL(at, 'http://localhost');
  if (!searchParams.has('seed')) searchParams.set('seed', String(seed));
  return `?${searchParams.toString()}${hash}`;
}

/** The model is loaded, the bars and the map are there. */
export async function untilReady(page: Page): Promise<void> {
  await untilSeen(bars(page).first());
}

/**
 * What takes the page seconds to show. An `expect` that waits for it would take the whole page down in words with each
 * look, for its message, and keep a core from what it waits for.
 */
export async function untilSeen(shown: Locator): Promise<void> {
  await shown.waitFor({ timeout: 60_000 });
  await expect(shown).toBeVisible();
}

export const prompt = (page: Page): Locator => page.getByRole('textbox', { name: 'Prompt' });
export const button = (page: Page, name: string | RegExp): Locator =>
  page.getByRole('button', { name, exact: typeof name === 'string' });
export const generateButton = (page: Page): Locator => button(page, /^Generate/u);
export const stopButton = (page: Page): Locator => button(page, /^Stop/u);
export const chips = (page: Page): Locator => page.locator('[data-testid="text"] [data-i]');
export const chip = (page: Page, index: number): Locator => page.locator(`[data-i="${index}"]`);
export const bars = (page: Page): Locator =>
  page.getByTestId('next-token').locator('tbody [data-bar]');
export const heatmap = (page: Page): Locator => page.getByTestId('heatmap');
export const mapCanvas = (page: Page): Locator => heatmap(page).locator('canvas');
export const readout = (page: Page): Locator => page.locator('#token-readout');

export const atlas = (page: Page): Locator => page.getByTestId('atlas').locator('canvas');
const HEADS = 12;

/** The middle of a tile, in pixels of the canvas' box. */
export async function tile(
  page: Page,
  layer: number,
  head: number,
): Promise<{ x: number; y: number }> {
  const box = await atlas(page).boundingBox();
  // Margins as the drawing has them: numbers on the left and on top, an edge on the other sides.
  const width = ((box?.width ?? 0) - 25) / HEADS;
  const height = ((box?.height ?? 0) - 18) / HEADS;
  return { x: 22 + (head + 0.5) * width, y: 15 + (layer + 0.5) * height };
}

/** The whole text as it stands, with real spaces. */
export async function wholeText(page: Page): Promise<string> {
  return page
    .getByTestId('text')
    .evaluate((list) =>
      [...list.querySelectorAll('[data-i]')].map((one) => one.textContent).join(''),
    );
}

export async function setLength(page: Page, tokens: number): Promise<void> {
  await openMore(page);
  await page.getByRole('spinbutton', { name: 'Length, as a number' }).fill(String(tokens));
}

export async function openMore(page: Page): Promise<void> {
  const more = page.getByText('More', { exact: true });
  const length = page.getByRole('spinbutton', { name: 'Length, as a number' });
  if (!(await length.isVisible())) await more.click();
}

/** Every field of a run, in sight. */
export async function everySetting(page: Page): Promise<void> {
  const rest = page.getByText('Every other setting');
  // A page that grows at this very moment moves away under the click, as it would under anybody's.
  await expect(async () => {
    if (!(await rest.isVisible())) await page.getByText('More settings').click();
    await expect(rest).toBeVisible({ timeout: 2000 });
  }).toPass();
  await rest.click();
}

export async function setSeed(page: Page, seed: number): Promise<void> {
  await page.getByRole('spinbutton', { name: 'Seed' }).fill(String(seed));
}

/** Presses “Copy link” and gives the link. */
export async function copyLink(page: Page): Promise<string> {
  await button(page, 'Copy link').click();
  const field = page.getByRole('textbox', { name: 'The link' });
  // It stands there once the clipboard has it, or has refused it.
  await expect(field).toHaveValue(/^http/u);
  const href = await field.inputValue();
  await page.keyboard.press('Escape');
  await expect(field).toBeHidden();
  return href;
}

/** Generates and waits for the end. */
export async function generate(page: Page): Promise<void> {
  // The button says Stop from the click on; a short run may be over before anybody looks.
  await generateButton(page).click();
  await untilSeen(generateButton(page));
}

export async function writePrompt(page: Page, text: string, tokens?: number): Promise<void> {
  await prompt(page).fill(text);
  if (tokens === undefined) await untilSeen(page.getByText(/^\d+ tokens?$/u));
  else await expect(chips(page)).toHaveCount(tokens);
}

/** How many different colours a canvas shows, and a number that stands for the picture. */
export async function readPixels(canvas: Locator): Promise<{ colours: number; print: number }> {
  return canvas.evaluate((element: HTMLCanvasElement) => {
    const context = element.getContext('2d');
    if (context === null || element.width === 0) return { colours: 0, print: 0 };
    const { data } = context.getImageData(0, 0, element.width, element.height);
    const colours = new Set<number>();
    let print = 0;
    for (let i = 0; i < data.length; i += 4) {
      const value = ((data[i] ?? 0) << 16) | ((data[i + 1] ?? 0) << 8) | (data[i + 2] ?? 0);
      if ((data[i + 3] ?? 0) > 0) colours.add(value);
      print = (Math.imul(print, 31) + value) | 0;
    }
    return { colours: colours.size, print };
  });
}

/** Opens a view of the inside. */
export async function openView(page: Page, name: string): Promise<void> {
  await page.getByRole('tab', { name, exact: true }).click();
}

/** How many different colours a canvas shows; a blank one shows none. */
export async function countColours(canvas: Locator): Promise<number> {
  return (await readPixels(canvas)).colours;
}

// What is tried on WebGPU as on the processor: streaming, the map, switching off, a reload. Each begins with the ten tokens
// of the first text, and all but the reload leave them so, so that they can follow one another.
import { expect, type Page } from '@playwright/test';
import {
  bars,
  button,
  chip,
  chips,
  countColours,
  ENDLESS,
  generate,
  generateButton,
  heatmap,
  mapCanvas,
  openView,
  readPixels,
  readout,
  setLength,
  setSeed,
  untilReady,
  untilSeen,
  wholeText,
} from './helpers.ts';

/** Tokens come one after the other behind the prompt, until they are stopped or as many as were asked for are there. */
export async function expectStream(page: Page): Promise<void> {
  // How soon a page that is drawn seldom shows four lengths nobody knows: it writes until it has.
  await setLength(page, ENDLESS);
  await page.getByTestId('text').evaluate((text) => {
    const lengths: number[] = [];
    Object.assign(globalThis, { lengths });
    new MutationObserver(() => {
      const length = text.querySelectorAll('[data-i]').length;
      if (length !== lengths.at(-1)) lengths.push(length);
    }).observe(text, { childList: true, subtree: true });
  });
  const seen = (): Promise<number[]> =>
    page.evaluate(() => (globalThis as unknown as { lengths: number[] }).lengths);
  await generateButton(page).click();
  await expect.poll(async () => (await seen()).length).toBeGreaterThan(3);
  await untilSeen(chip(page, 14));
  await page.keyboard.press('Escape');
  await expect(generateButton(page)).toBeVisible();
  const lengths = await seen();
  expect(lengths).toEqual(lengths.toSorted((x, y) => x - y));
  const count = await chips(page).count();
  expect(lengths.at(-1)).toBe(count);
  expect(count).toBeGreaterThan(14);
  expect(count).toBeLessThan(10 + ENDLESS);
  const text = await wholeText(page);
  expect(text).toMatch(/^Once upon a time there was a little fox who/u);
  await expect(readout(page)).toContainText(`${count - 10} new`);
  // The engine is free again, and nothing of the old run comes between.
  await button(page, '1 token').click();
  await expect(chips(page)).toHaveCount(count + 1);
  expect((await wholeText(page)).startsWith(text)).toBe(true);

  await button(page, 'Undo').click();
  await expect(chips(page)).toHaveCount(count);
  await button(page, 'Undo').click();
  await expect(chips(page)).toHaveCount(10);
  await setLength(page, 20);
  await generate(page);
  await expect(chips(page)).toHaveCount(30);
  await expect(readout(page)).toContainText('20 new');
  await button(page, 'Undo').click();
  await expect(chips(page)).toHaveCount(10);
}

/** The map of a head is not blank, and another one for another head or scale. */
export async function expectMap(page: Page): Promise<void> {
  await expect(heatmap(page)).toBeVisible();
  await expect.poll(async () => (await readPixels(mapCanvas(page))).colours).toBeGreaterThan(20);
  const before = await readPixels(mapCanvas(page));
  await page.getByRole('combobox', { name: 'Head' }).selectOption('6');
  await expect(heatmap(page)).toHaveAttribute('data-head', '6');
  await expect.poll(async () => (await readPixels(mapCanvas(page))).print).not.toBe(before.print);
  const strip = await readPixels(mapCanvas(page));
  await page.getByRole('radio', { name: 'linear' }).check();
  await expect.poll(async () => (await readPixels(mapCanvas(page))).print).not.toBe(strip.print);
}

/** A layer without its heads changes the bars, one more part by keyboard; "All on" restores them exactly. */
export async function expectPartsOff(
  page: Page,
  whileOff: () => Promise<void> = async () => {},
): Promise<void> {
  const table = (): Promise<string[]> =>
    bars(page).first().locator('xpath=ancestor::tbody').locator('tr').allInnerTexts();
  const before = await table();
  await openView(page, 'Switch off');
  await page.getByRole('button', { name: 'Layer 9: all heads' }).click();
  const off = page.getByTestId('off-chips');
  await expect(off).toContainText('The model runs with 12 parts off');
  await expect(off.getByRole('listitem').first()).toHaveText(/^head 9\.0/u);
  await expect(page.getByTestId('parts-finding')).toContainText(/KL divergence: \d\.\d{3} bits/u);
  const words = await page.getByTestId('parts-finding').innerText();
  expect(Number(/divergence: ([\d.]+) bits/u.exec(words)?.[1])).toBeGreaterThan(0.001);
  await expect.poll(table).not.toEqual(before);
  await expect(page.getByTestId('kept')).toContainText('bits from the whole model');
  await expect.poll(() => countColours(page.getByTestId('parts-bars'))).toBeGreaterThan(5);

  // By keyboard: to the whole MLP of the row, and replaced by its mean.
  await page.getByRole('button', { name: 'Head 0.0 off' }).focus();
  await page.keyboard.press('End');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await expect(off).toContainText('13 parts off');
  await expect(button(page, 'MLP 1 off')).toHaveAttribute('aria-pressed', 'true');
  await whileOff();

  await off.getByRole('button', { name: 'All on' }).click();
  await expect(off).toBeHidden();
  await expect.poll(table).toEqual(before);
}

/** A reload keeps the text, its tokens and the settings. */
export async function expectKept(page: Page): Promise<void> {
  await setLength(page, 6);
  await setSeed(page, 7);
  await generate(page);
  const text = await wholeText(page);
  await page.reload();
  await expect.poll(() => wholeText(page)).toBe(text);
  await untilReady(page);
  expect(await wholeText(page)).toBe(text);
  await expect(page.getByRole('spinbutton', { name: 'Seed' })).toHaveValue('7');
  await expect(chips(page)).toHaveCount(16);
}

// A text as long as people paste: the page shows a window of it, and has all of it.
import { expect, type Page } from '@playwright/test';
import { button, chip, chips, open, prompt, readout, untilReady } from './helpers.ts';
import { test } from './window.ts';

const LENGTH = 120_000;
const NUMBERED = Array.from({ length: 9000 }, (_, i) => `${i}. The king rode through the wood. `)
  .join('')
  .slice(0, LENGTH);

async function paste(page: Page, text: string): Promise<void> {
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.evaluate((words) => navigator.clipboard.writeText(words), text);
  await prompt(page).focus();
  await page.keyboard.press('ControlOrMeta+A');
  await page.keyboard.press('ControlOrMeta+V');
}

const copied = (page: Page): Promise<string> => page.evaluate(() => navigator.clipboard.readText());
const noCopy = (page: Page): Promise<void> =>
  page.evaluate(() => navigator.clipboard.writeText('nothing'));
const countElements = (page: Page): Promise<number> =>
  page.evaluate(() => document.querySelectorAll('*').length);
/** The token that has the focus. */
const focused = (page: Page): Promise<number> =>
  page.evaluate(() => Number((document.activeElement as HTMLElement).dataset.i));
const countTokens = async (page: Page): Promise<number> =>
  Number((await page.getByText(/^\d+ tokens$/u).textContent())?.split(' ')[0]);

test(
  'a paste of 120,000 characters is a window of elements, whole when copied and after a reload',
  { tag: '@thorough' },
  async ({ page }) => {
    await open(page);
    await paste(page, NUMBERED);
    await expect.poll(() => countTokens(page)).toBeGreaterThan(25_000);
    const count = await countTokens(page);
    await expect(chip(page, count - 1)).toBeVisible();
    expect(await chips(page).count()).toBeLessThan(2000);
    expect(await countElements(page)).toBeLessThan(6000);
    expect((await prompt(page).inputValue()).length).toBeLessThan(13_000);
    await expect(page.getByTestId('window-line')).toContainText('are struck through');

    // By keyboard to the first token and back, line by line.
    await page.locator('[data-end]').focus();
    await page.keyboard.press('Home');
    await expect(chip(page, 0)).toBeFocused();
    await expect(readout(page)).toContainText('No probability: nothing stands before it.');
    await page.keyboard.press('ArrowDown');
    const below = await focused(page);
    expect(below).toBeGreaterThan(3);
    expect(below).toBeLessThan(40);
    await page.keyboard.press('ArrowUp');
    expect(await focused(page)).toBeLessThan(below);
    await page.keyboard.press('ControlOrMeta+A');
    await noCopy(page);
    await page.keyboard.press('ControlOrMeta+C');
    expect(await copied(page)).toBe(NUMBERED);
    expect(await countElements(page)).toBeLessThan(6000);

    // The browser knows nothing of what was put in past it: the keys mean the page's own history.
    await prompt(page).focus();
    await page.keyboard.press('ControlOrMeta+Z');
    await expect(chips(page)).toHaveCount(10);
    await page.keyboard.press('ControlOrMeta+Shift+Z');
    await expect.poll(() => countTokens(page)).toBe(count);

    // A letter at the end of the field is one at the end of the text.
    await prompt(page).focus();
    await page.keyboard.press('ControlOrMeta+End');
    await page.keyboard.type('!');
    await expect.poll(() => countTokens(page)).not.toBe(count);
    await button(page, '1 token').click();
    await expect(readout(page)).toContainText('1 new');
    await noCopy(page);
    await button(page, 'Copy').click();
    await expect.poll(() => copied(page)).toMatch(/!.+$/su);
    const whole = await copied(page);
    expect(whole.startsWith(`${NUMBERED}!`)).toBe(true);

    await page.reload();
    await untilReady(page);
    await noCopy(page);
    await button(page, 'Copy').click();
    await expect.poll(() => copied(page)).toBe(whole);
    // All of the field is all of the prompt.
    await prompt(page).focus();
    await page.keyboard.press('ControlOrMeta+A');
    await page.keyboard.type('The fox');
    await expect(chips(page)).toHaveText(['The', ' fox']);
    await button(page, 'Undo').click();
    await noCopy(page);
    await button(page, 'Copy').click();
    await expect.poll(() => copied(page)).toBe(whole);
  },
);

test(
  'a word of 150,000 letters, and emoji without a space, are a window too',
  { tag: '@thorough' },
  async ({ page }) => {
    await open(page);
    for (const unit of ['kingrode', '🦊', 'A line.\n', '\n']) {
      const text = unit.repeat(150_000 / unit.length);
      await paste(page, text);
      await expect.poll(() => countTokens(page)).toBeGreaterThan(30_000);
      await expect(chip(page, (await countTokens(page)) - 1)).toBeAttached();
      expect(await countElements(page)).toBeLessThan(12_000);
      await noCopy(page);
      await button(page, 'Copy').click();
      await expect.poll(() => copied(page)).toBe(text);
      await page.locator('[data-end]').focus();
      await page.keyboard.press('ControlOrMeta+A');
      await noCopy(page);
      await page.keyboard.press('ControlOrMeta+C');
      expect(await copied(page)).toBe(text);
    }
  },
);

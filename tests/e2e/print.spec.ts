// What comes onto paper.
import { expect } from '@playwright/test';
import { generate, open, openView, setLength, wholeText, writePrompt } from './helpers.ts';
import { test } from './window.ts';

test(
  'print has the whole text, the prompt marked, the chosen figure and the link, light and without buttons',
  { tag: '@thorough' },
  async ({ page }) => {
    await open(page);
    await writePrompt(page, 'The king');
    await setLength(page, 150);
    await generate(page);
    await openView(page, 'Attention');
    await expect(page.getByTestId('heatmap')).toBeVisible();
    const whole = await wholeText(page);
    const inkOf = (selector: string): Promise<string> =>
      page.locator(selector).evaluate((one) => getComputedStyle(one).color);
    await page.getByRole('button', { name: /^Theme/u }).click();
    await expect(page.locator('html')).toHaveAttribute('data-theme', 'light');
    const light = await inkOf('body');
    await page.getByRole('button', { name: /^Theme/u }).click();
    await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
    expect(await inkOf('body')).not.toBe(light);
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' });

    const sheet = page.getByTestId('print');
    await expect(sheet).toBeVisible();
    await expect(sheet.locator('b').first()).toHaveText('The king');
    const printed = await sheet.evaluate((one) => one.children[1]?.textContent);
    // Line ends are marked on the screen, with a space in their place.
    expect(printed?.replaceAll(/\s/gu, ' ')).toBe(whole.replaceAll(/\s/gu, ' '));
    await expect(sheet.locator('figure svg')).not.toHaveCount(0);
    await expect(sheet.locator('figcaption').first()).toContainText('head');
    expect(await sheet.locator('a').getAttribute('href')).toContain('#v=1&texts=');
    for (const role of ['button', 'textbox', 'tab', 'slider'] as const) {
      await expect(page.getByRole(role)).toHaveCount(0);
    }
    // Nothing is cut off: the page is as tall as the sheet.
    const colours = await sheet.evaluate((one) => {
      const { color } = getComputedStyle(one);
      const { backgroundColor } = getComputedStyle(document.body);
      // The darkest shade of a map that was drawn for the dark is its paper.
      const [paper] = [...one.querySelectorAll('figure svg rect')].map((rect) => {
        const context = new OffscreenCanvas(1, 1).getContext('2d');
        if (context === null) return 0;
        context.fillStyle = rect.getAttribute('fill') ?? '';
        context.fillRect(0, 0, 1, 1);
        return context.getImageData(0, 0, 1, 1).data[0];
      });
      return { color, backgroundColor, paper, cut: one.scrollHeight > one.clientHeight };
    });
    expect(colours.color).toBe(light);
    expect(colours.backgroundColor).toBe('rgba(0, 0, 0, 0)');
    expect(colours.paper).toBeGreaterThan(200);
    expect(colours.cut).toBe(false);

    await page.emulateMedia({ media: null });
    await expect(sheet).toHaveCount(0);
    // From the browser's own menu.
    const pdf = await page.pdf();
    expect(pdf.length).toBeGreaterThan(10_000);
    await expect(sheet).toHaveCount(0);
  },
);

import { expect } from '@playwright/test';
import {
  bars,
  button,
  chip,
  chips,
  heatmap,
  mapCanvas,
  open,
  openMore,
  readPixels,
  setLength,
  generate,
  writePrompt,
} from './helpers.ts';
import { expectMap } from './onBoth.ts';
import { test } from './window.ts';

const LONG = 'The old king had three sons and the youngest was called Hans. '.repeat(30);

test.describe('seeing inside', () => {
  test('“kept” follows top-k, and greedy keeps one', { tag: '@thorough' }, async ({ page }) => {
    await open(page);
    await expect(page.getByTestId('kept')).toContainText('Kept 40 of 8,192');
    await page.getByRole('spinbutton', { name: 'Top-k, as a number' }).fill('5');
    await expect(page.getByTestId('kept')).toContainText('Kept 5 of 8,192');
    await expect(page.getByTestId('next-token').getByText('removed')).toHaveCount(15);
    await openMore(page);
    await page.getByRole('checkbox', { name: /^Greedy/u }).check();
    await expect(page.getByTestId('kept')).toContainText('Kept 1 of 8,192');
  });

  test('before anything is generated the bars move with the temperature, the heat map changes with head and scale, arrow keys walk it and say the value in words, and a token shows its numbers', async ({
    page,
  }) => {
    await open(page);
    const width = (): Promise<string> =>
      bars(page)
        .first()
        .evaluate((bar) => (bar as HTMLElement).style.width);
    const before = await width();
    await page.getByRole('slider', { name: 'Temperature' }).fill('0.2');
    await expect.poll(width).not.toBe(before);
    await expect(chips(page)).toHaveCount(10);
    await expectMap(page);

    await heatmap(page).focus();
    await page.keyboard.press('Home');
    await expect(page.locator('#attention-cell')).toContainText(
      /“·who” looks at “Once” with [\d.]+ %/u,
    );
    await expect
      .poll(() =>
        chips(page).evaluateAll(
          (all) =>
            all.filter((c) => (c as HTMLElement).style.getPropertyValue('--look') !== '').length,
        ),
      )
      .toBeGreaterThan(1);
    await page.keyboard.press('ArrowUp');
    await expect(page.locator('#attention-cell')).toContainText('“·fox” looks at “Once”');
    await chip(page, 3).hover();
    await expect(page.locator('#token-readout')).toContainText(/probability.*rank.*surprise/su);
    await chip(page, 0).hover();
    await expect(page.locator('#token-readout')).toContainText('nothing stands before it');
  });

  test(
    'the selected row is there as a table, strongest first',
    { tag: '@thorough' },
    async ({ page }) => {
      await open(page);
      await expect(page.getByTestId('strongest')).toContainText('looks most at');
      const focus = page.getByRole('region', { name: 'Heads in focus' });
      await focus.getByText('As a table').click();
      const rows = focus.getByRole('region', { name: /what “who” \(token 10\) looks at/u });
      const shares = await rows.locator('tbody td:last-child').allTextContents();
      const numbers = shares.map((s) => Number.parseFloat(s));
      expect(numbers).toHaveLength(10);
      expect(numbers).toEqual(numbers.toSorted((a, b) => b - a));
      expect(Math.abs(numbers.reduce((sum, n) => sum + n, 0) - 1)).toBeLessThan(0.002);
    },
  );

  test(
    'a prompt longer than the context strikes out what the model does not read',
    { tag: '@thorough' },
    async ({ page }) => {
      await open(page);
      await writePrompt(page, LONG);
      await expect(page.getByTestId('window-line')).toContainText('struck through');
      await expect(chip(page, 0)).toHaveCSS('text-decoration-line', 'line-through');
      await expect(heatmap(page)).toBeVisible();
      await expect
        .poll(async () => (await readPixels(mapCanvas(page))).colours)
        .toBeGreaterThan(20);
      await expect(button(page, 'Show all')).toBeVisible();
      await button(page, 'Show all').click();
      await expect(page.getByText(/strongest of \d × \d/u)).toBeVisible();
    },
  );

  test(
    'a text that grows beyond the context dims what is no longer seen',
    { tag: '@thorough' },
    async ({ page }) => {
      await open(page);
      await writePrompt(page, LONG.slice(0, 900));
      const before = await chips(page).count();
      expect(before).toBeLessThan(256);
      await setLength(page, 256 - before + 8);
      await generate(page);
      await expect(page.getByTestId('window-line')).toContainText('dimmed');
      const colourOf = (index: number) =>
        chip(page, index).evaluate((word) => getComputedStyle(word).color);
      // Both are of the prompt; the last of them is still seen.
      expect(await colourOf(0)).not.toBe(await colourOf(before - 1));
    },
  );
});

import { expect, type Page } from '@playwright/test';
import { objections } from './axe.ts';
import {
  DEVICES,
  bars,
  countColours,
  generate,
  open,
  openView,
  setLength,
  setSeed,
} from './helpers.ts';
import { test } from './window.ts';

const grid = (page: Page) => page.getByRole('application', { name: /^The top guess/u });

test.describe('the lens', () => {
  for (const { device, tag } of DEVICES) {
    test(
      `its last row is the model’s answer; a cell opens its ten likeliest; a word has a curve, on ${device}`,
      { tag },
      async ({ page }) => {
        await open(page, { at: `?device=${device}&temperature=1&top_k=0` });
        const best = await bars(page)
          .first()
          .locator('xpath=ancestor::tr')
          .locator('td')
          .allInnerTexts();
        await openView(page, 'Lens');
        await expect.poll(() => countColours(page.getByTestId('lens-grid'))).toBeGreaterThan(20);
        await grid(page).focus();
        await page.keyboard.press('End');
        await page.keyboard.press('Enter');
        const top = page.getByTestId('lens-cell').locator('li');
        await expect(top).toHaveCount(10);
        await expect(top.first()).toContainText(best[0] ?? '?');
        await expect(top.first()).toContainText(best[2] ?? '?');
        const shares = (await top.locator('span:last-child').allInnerTexts()).map(
          Number.parseFloat,
        );
        expect(shares).toEqual(shares.toSorted((a, b) => b - a));
        await expect(page.getByTestId('lens-finding')).toContainText(
          (best[0] ?? '?').replace('·', ''),
        );
        // The same word's way there, as a curve and as a table.
        const word = (best[0] ?? '').replace('·', '');
        const curve = page.getByTestId('lens-curve');
        await page.getByRole('textbox', { name: 'Follow a word' }).fill(word);
        await expect(curve).toContainText(`“${word}” starts at rank`);
        await expect(curve).toContainText(`and ends at rank 1 with`);
        await expect.poll(() => countColours(curve.locator('canvas'))).toBeGreaterThan(5);
        await curve.getByText('As a table').click();
        await expect(curve.locator('tbody tr')).toHaveCount(13);
        await expect(curve.locator('tbody tr').last().locator('td').nth(1)).toHaveText('1');
        expect(await objections(page, '[data-region="inside"]')).toEqual([]);
        // Higher up it says something else, by mouse too.
        await page.evaluate(() => scrollTo(0, 0));
        const box = await page.getByTestId('lens-grid').boundingBox();
        if (box === null) throw new Error('The grid has no place.');
        await page.mouse.click(box.x + 60, box.y + 34);
        await expect(page.getByTestId('lens-cell')).toContainText('After “');
        await expect(page.getByTestId('lens-cell')).toContainText('in the embedding');
        await expect(page.getByTestId('norms')).toContainText('Norms for “');
      },
    );
  }

  test(
    'follows a stream and reaches every token of a long text',
    { tag: '@thorough' },
    async ({ page }) => {
      await open(page);
      await openView(page, 'Lens');
      await setSeed(page, 3);
      await setLength(page, 24);
      await generate(page);
      const scroll = page.getByRole('slider', { name: /^Tokens/u });
      await expect(scroll).toBeVisible();
      await scroll.fill('0');
      await grid(page).focus();
      await page.keyboard.press('Home');
      await expect(page.locator('#lens-cell')).toContainText(
        /^After “Once”, after layer 11: “.+” with/u,
      );
    },
  );
});

import { expect, type Page } from '@playwright/test';
import { objections } from './axe.ts';
import {
  bars,
  button,
  countColours,
  DEVICES,
  ENDLESS,
  generateButton,
  open,
  openView,
  setLength,
} from './helpers.ts';
import { test } from './window.ts';

const table = (page: Page): Promise<string[]> =>
  bars(page).first().locator('xpath=ancestor::tbody').locator('tr').allInnerTexts();

test.describe('switching parts off', () => {
  for (const device of DEVICES) {
    test(`a layer without its heads changes the bars, on ${device}; All on restores them exactly`, async ({
      page,
    }) => {
      await open(page, { at: `?device=${device}` });
      const before = await table(page);
      await openView(page, 'Switch off');
      await page.getByRole('button', { name: 'Layer 9: all heads' }).click();
      const chips = page.getByTestId('off-chips');
      await expect(chips).toContainText('The model runs with 12 parts off');
      await expect(chips.getByRole('listitem').first()).toHaveText(/^head 9\.0/u);
      await expect(page.getByTestId('parts-finding')).toContainText(
        /KL divergence: \d\.\d{3} bits/u,
      );
      const words = await page.getByTestId('parts-finding').innerText();
      expect(Number(/divergence: ([\d.]+) bits/u.exec(words)?.[1])).toBeGreaterThan(0.001);
      await expect.poll(() => table(page)).not.toEqual(before);
      await expect(page.getByTestId('kept')).toContainText('bits from the whole model');
      await expect.poll(() => countColours(page.getByTestId('parts-bars'))).toBeGreaterThan(5);

      // By keyboard: to the whole MLP of the row, and replaced by its mean.
      await page.getByRole('button', { name: 'Head 0.0 off' }).focus();
      await page.keyboard.press('End');
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('Enter');
      await expect(chips).toContainText('13 parts off');
      await expect(button(page, 'MLP 1 off')).toHaveAttribute('aria-pressed', 'true');
      expect(await objections(page, 'main')).toEqual([]);

      await chips.getByRole('button', { name: 'All on' }).click();
      await expect(chips).toBeHidden();
      await expect.poll(() => table(page)).toEqual(before);
    });
  }

  test(
    'while a text is written the switches say that they wait for the next run',
    { tag: '@thorough' },
    async ({ page }) => {
      await open(page);
      await openView(page, 'Switch off');
      await setLength(page, ENDLESS);
      const waits = page.getByTestId('parts-running');
      await expect(waits).toBeEmpty();
      await generateButton(page).click();
      await button(page, 'MLP 3 off').click();
      await expect(waits).toContainText('written with every part on');
      await button(page, 'MLP 3 off').click();
      await expect(waits).toBeEmpty();
      await button(page, 'MLP 3 off').click();
      await page.keyboard.press('Escape');
      await expect(generateButton(page)).toBeVisible();
      await expect(waits).toBeEmpty();
    },
  );

  test('a sweep paints each head’s effect as it goes, can be cancelled, and names three', async ({
    page,
  }) => {
    await open(page);
    await openView(page, 'Switch off');
    const blank = await countColours(page.getByTestId('parts-map'));
    const sweep = page.getByTestId('sweep');
    // Pressed as soon as heads are counted: a fast machine may have switched off all of them before we look.
    await sweep.evaluate((element) => {
      new MutationObserver((_, observer) => {
        const cancel = [...element.querySelectorAll('button')].find(
          ({ textContent }) => textContent === 'Cancel',
        );
        if (cancel === undefined || element.querySelector('progress') === null) return;
        observer.disconnect();
        cancel.click();
      }).observe(element, { childList: true, subtree: true });
    });
    await sweep.getByRole('button', { name: 'Switch each head off in turn' }).click();
    await expect(sweep).toContainText(/Ended after \d+ heads/u);
    // Ten tokens, so that the default run stays short; every further token costs each head the same.
    await sweep.getByRole('button', { name: 'Switch each head off in turn' }).click();
    await expect(page.getByTestId('sweep-finding')).toContainText(
      /“was” has 24\s%\. The heads that matter most.*: \d+\.\d+ \(.+\), \d+\.\d+ \(.+\), \d+\.\d+ \(/u,
    );
    expect(await countColours(page.getByTestId('parts-map'))).toBeGreaterThan(blank + 20);
  });
});

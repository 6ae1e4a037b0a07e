import { expect } from '@playwright/test';
import { objections } from './axe.ts';
import {
  button,
  countColours,
  ENDLESS,
  generateButton,
  open,
  openView,
  setLength,
  untilSeen,
} from './helpers.ts';
import { expectPartsOff } from './onBoth.ts';
import { test } from './window.ts';

test.describe('switching parts off', () => {
  test('a layer without its heads changes the bars; All on restores them exactly', async ({
    page,
  }) => {
    await open(page);
    await expectPartsOff(page, async () => {
      expect(await objections(page, 'main')).toEqual([]);
    });
    // Many at once, by keyboard.
    await button(page, 'All MLPs off').press('Space');
    await expect(page.getByTestId('off-chips')).toContainText('12 parts off');
    await expect(button(page, 'MLP 7 off')).toHaveAttribute('aria-pressed', 'true');
    await expect(page.getByTestId('parts-finding')).toContainText(
      /^With all MLPs off, .* The guess moved completely\. KL divergence/u,
    );
    await button(page, 'All MLPs off').press('Space');
    await expect(page.getByTestId('off-chips')).toBeHidden();
  });

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

  test('a sweep paints each part’s effect as it goes, can be cancelled, and has the telling switch ready', async ({
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
    await sweep.getByRole('button', { name: 'Switch each part off in turn' }).click();
    await expect(sweep).toContainText(/Ended after \d+ parts/u);
    // Ten tokens, so that the default run stays short; every further token costs each part the same.
    await sweep.getByRole('button', { name: 'Switch each part off in turn' }).click();
    const finding = page.getByTestId('sweep-finding');
    await untilSeen(finding.filter({ hasText: 'matter' }));
    await expect(finding).toContainText(
      /“was” has 24\s%\. No single head matters here \(the most: head .+\)\. What does: layer 0’s MLP \(/u,
    );
    expect(await countColours(page.getByTestId('parts-map'))).toBeGreaterThan(blank + 20);
    await button(page, 'Switch MLP 0 off').click();
    await expect(page.getByTestId('parts-finding')).toContainText('With MLP 0 off');
    await expect(page.getByTestId('parts-finding')).toContainText('The guess moved completely');
    const both = page.getByTestId('continuations');
    await expect(both).toContainText('They differ from the first word on.');
    expect(await both.locator('mark').count()).toBeGreaterThanOrEqual(2);
    await button(page, 'All on').click();
    await expect(both).toBeHidden();
    // The same, of one token against another, and added up in one pass.
    await sweep.getByRole('combobox', { name: 'less' }).selectOption('·had');
    await sweep.getByRole('radio', { name: 'direct' }).check({ force: true });
    await sweep.getByRole('button', { name: 'Take the logit apart' }).click();
    await expect(finding).toContainText(
      /^The logit of “was” is 0\.\d\d above that of “had”\. It is the sum of what each part adds by itself: /u,
    );
    await sweep.getByText('As a table').click();
    await expect(sweep.getByRole('columnheader', { name: 'Adds' })).toBeVisible();
  });
});

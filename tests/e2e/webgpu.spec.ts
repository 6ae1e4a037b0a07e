// A visit on WebGPU: whatever the page draws of the inside, and what is tried on the processor too. One visit, because on
// a software adapter opening the page is what costs most; tests/gpu compares the devices themselves.
import { expect } from '@playwright/test';
import {
  bars,
  button,
  chip,
  chips,
  countColours,
  ON_WEBGPU,
  open,
  openView,
  prompt,
} from './helpers.ts';
import { expectKept, expectMap, expectPartsOff, expectStream } from './onBoth.ts';
import { test } from './window.ts';

test.describe('a visit on WebGPU', () => {
  test.use({ ownWindow: true });

  test('shows an example with every view of the inside, writes, and is the same after a reload', async ({
    page,
  }) => {
    await open(page, ON_WEBGPU);
    await test.step('a first visit shows an example with its bars', async () => {
      await expect(button(page, /tales-7m.*tiny story model, not GPT-2/u)).toBeVisible();
      await expect(prompt(page)).toHaveValue(/^Once upon a time/u);
      await expect(chips(page)).toHaveCount(10);
      await expect(bars(page)).toHaveCount(20);
    });
    await test.step('the atlas, for another token another one', async () => {
      const atlas = page.getByTestId('atlas').locator('canvas');
      await expect(atlas).toHaveAttribute('data-query', '9');
      await expect.poll(() => countColours(atlas)).toBeGreaterThan(20);
      await chip(page, 8).click();
      await expect(atlas).toHaveAttribute('data-query', '8');
      await page.keyboard.press('Escape');
    });
    await test.step('the map', () => expectMap(page));
    await test.step('the lens', async () => {
      await openView(page, 'Lens');
      await expect.poll(() => countColours(page.getByTestId('lens-grid'))).toBeGreaterThan(20);
    });
    await test.step('the sampler', async () => {
      await openView(page, 'Sampler');
      await expect.poll(() => countColours(page.getByTestId('sampling-steps'))).toBeGreaterThan(10);
    });
    await test.step('parts off', () => expectPartsOff(page));
    await test.step('the model', async () => {
      await openView(page, 'Model');
      await expect(page.getByTestId('model-finding')).toContainText('parameters in 12 blocks');
    });
    await test.step('a stream', () => expectStream(page));
    await test.step('a reload', () => expectKept(page));
  });
});

import { expect } from '@playwright/test';
import { objections } from './axe.ts';
import { DEVICES, countColours, open, openView } from './helpers.ts';
import { test } from './window.ts';

for (const { device, tag } of DEVICES) {
  test(
    `the model is there as a tree with its counts, and its head both ways, on ${device}`,
    { tag },
    async ({ page }) => {
      await open(page, { at: `?device=${device}` });
      await openView(page, 'Model');
      const tree = page.getByRole('region', { name: 'Module tree' });
      await expect(tree.getByRole('row', { name: /wte.*Embedding\(8192, 192\)/u })).toContainText(
        /weight \[8192, 192\]\s*1,572,864\s*6\.00 MB/u,
      );
      await expect(page.getByTestId('model-finding')).toContainText(
        '6,960,768 parameters in 12 blocks',
      );
      const heads = page.getByTestId('model-heads');
      await expect(heads).toContainText(
        /tales-7m\s*8,533,632\s*32\.55 MB\s*6,960,768\s*26\.55 MB/u,
      );
      await expect(heads).toContainText(/163,009,536\s*621\.83 MB\s*124,412,160/u);
      const rest = tree.getByRole('button', { name: '(1–11): 11 × GPT2Block' });
      await expect(rest).toHaveAttribute('aria-expanded', 'false');
      await rest.press('Enter');
      await expect(tree.getByRole('button', { name: '(11): GPT2Block' })).toBeVisible();
      expect(await countColours(page.getByTestId('model-shares'))).toBeGreaterThan(5);
      expect(await objections(page, '[data-region="inside"]')).toEqual([]);
    },
  );
}

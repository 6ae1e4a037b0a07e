import { expect } from '@playwright/test';
import { DEVICES, chip, countColours, generate, open, openView } from './helpers.ts';
import { test } from './window.ts';

test.describe('the sampler under a microscope', () => {
  for (const { device, tag } of DEVICES) {
    test(
      `shows the draw that chose a token, and what other settings make of it, on ${device}`,
      { tag },
      async ({ page }) => {
        await open(page, { at: `?device=${device}&seed=7&max_new_tokens=4` });
        await openView(page, 'Sampler');
        await expect(page.getByTestId('sampling-draw')).toContainText(
          'This is what the next run begins',
        );
        await generate(page);
        await chip(page, 12).click();
        const draw = page.getByTestId('sampling-draw');
        await expect(draw).toContainText('Seed 7 at place 13 gives u = 0.');
        await expect(draw).toContainText('This is how the token in the text was drawn.');
        await expect
          .poll(() => countColours(page.getByTestId('sampling-steps')))
          .toBeGreaterThan(10);

        // Every step's masses: what is kept sums to at most 1, and what top-k cuts is what is missing.
        await page.getByTestId('sampling').getByText('As a table').click();
        const rows = page.getByTestId('sampling').locator('tbody tr');
        await expect(rows.filter({ hasText: 'tokens kept' })).toContainText('40');
        const columns = await rows.evaluateAll((all) =>
          all.map((row) => [...row.children].map((cell) => cell.textContent)),
        );
        const removed = columns.find(([name]) => name === 'mass removed');
        const candidates = columns.slice(0, -3);
        const sum = (column: number): number =>
          candidates.reduce((total, row) => total + Number.parseFloat(row[column] ?? '0'), 0);
        for (const column of [1, 3, 4]) expect(sum(column)).toBeLessThan(1.001);
        // Top-k spreads what it removed evenly over what it kept.
        const cut = Number.parseFloat(removed?.[4] ?? '0');
        expect(cut).toBeGreaterThan(0);
        const [first] = candidates;
        const before = Number.parseFloat(first?.[3] ?? '0');
        expect(Number.parseFloat(first?.[4] ?? '0')).toBeCloseTo(before / (1 - cut), 2);

        await page.getByRole('slider', { name: 'Temperature' }).fill('1.5');
        await expect(draw).toContainText('was drawn with the same u, but with temperature 0.8');
        await expect(page.getByTestId('sampling-finding')).toContainText(
          'Temperature 1.5 flattens',
        );

        // Without a seed there is no draw to show.
        await page.getByRole('checkbox', { name: 'random' }).check();
        await page.getByRole('button', { name: 'back to the end' }).click();
        await expect(draw).toContainText('No seed is fixed');
        await page.getByRole('button', { name: 'Fix seed 42' }).click();
        await expect(draw).toContainText('Seed 42 at place 15 gives u = 0.');
      },
    );
  }
});

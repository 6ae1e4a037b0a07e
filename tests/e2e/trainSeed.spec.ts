// From a seed, like PyTorch: the notebook's GPTModel among the sizes, its numbers beside PyTorch's, and a run of it that
// PyTorch can repeat.
import { expect, type Page } from '@playwright/test';
import { objections } from './axe.ts';
import { button, everySetting, open, untilSeen } from './helpers.ts';
import { test } from './window.ts';

const panel = (page: Page) => page.getByTestId('from-seed');
const drawn = (page: Page) => page.getByTestId('drawn');
const draw = (page: Page) => button(page, 'Draw it from seed 123 and compare');

async function chooseNotebook(page: Page): Promise<void> {
  await untilSeen(page.getByTestId('seen').getByText('tokens'));
  await page.getByRole('radio', { name: 'The notebook’s GPTModel' }).check();
  await untilSeen(panel(page).getByText('163,009,536'));
}

test('the notebook’s model says what it takes; the narrow one has PyTorch’s weights, logits and losses, and trains', async ({
  page,
}) => {
  const watch = await open(page, { at: '?device=cpu#workspace=train', ready: false });
  await page.getByRole('radio', { name: 'Add' }).check();
  await chooseNotebook(page);
  await expect(panel(page)).toContainText('124,412,160');
  await expect(panel(page)).toContainText('621.83 MB');
  await expect(panel(page).getByRole('row', { name: /^together/u })).toContainText(/659.MB.*GB/u);
  await expect(page.getByRole('checkbox', { name: 'As PyTorch draws' })).toBeChecked();

  await panel(page).getByRole('radio', { name: 'Narrow' }).check();
  await draw(page).click();
  await expect(drawn(page)).toContainText('All 44 tensors of its first weights are PyTorch’s');
  await expect(drawn(page)).toContainText(/Of 48 logits (?:all|4\d) are the same digit for digit/u);
  await expect(drawn(page)).not.toContainText('computes something else');
  await untilSeen(drawn(page).getByRole('row', { name: /^12 / }));
  expect(await objections(page)).toEqual([]);

  await everySetting(page);
  await page.getByRole('textbox', { name: 'max_steps', exact: true }).fill('20');
  await expect(panel(page)).toHaveCount(0);
  await untilSeen(page.getByTestId('seen').getByText('13', { exact: true }));
  await page.getByRole('region', { name: 'Go' }).getByRole('button', { name: 'Train' }).click();
  await expect(page.getByTestId('run-state')).toHaveText('done');
  await expect(button(page, 'Copy the cell')).toBeVisible();
  expect(watch).toEqual({ errors: [], foreign: [], violations: [] });
});

test(
  'the whole one has the logits that the notebook printed, or is given up',
  { tag: '@thorough' },
  async ({ page }) => {
    test.slow();
    await open(page, { at: '?device=cpu#workspace=train', ready: false });
    await chooseNotebook(page);
    await draw(page).click();
    await untilSeen(panel(page).getByText('Drawing its weights…'));
    await button(page, 'Cancel').click();
    await expect(draw(page)).toBeVisible();
    await draw(page).click();
    await untilSeen(drawn(page));
    await expect(drawn(page)).toContainText(/Of 48 logits 4\d are the same digit for digit/u);
    await expect(drawn(page)).not.toContainText('computes something else');
  },
);

// A run leaves the page and comes back: as one file that goes on, as a receipt that is made again, as a link.
import { readFileSync } from 'node:fs';
import { expect, type Download, type Page } from '@playwright/test';
import { unzipSync } from 'fflate';
import { objections } from './axe.ts';
import { button, closeViews, everySetting, open, untilSeen } from './helpers.ts';
import { SUMS, trainAt } from './trainLink.ts';
import { leave, test } from './window.ts';

/** The sums, tiny and quick: a run of 24 steps, which the link says in full. */
const SETTINGS = {
  ...SUMS,
  max_steps: '24',
  eval_steps: '12',
  sample_steps: '12',
  save_steps: '12',
};

const state = (page: Page) => page.getByTestId('run-state');
const takeAway = (page: Page) => page.getByTestId('take-away');

async function download(page: Page, name: string): Promise<[Download, Buffer]> {
  const [file] = await Promise.all([
    page.waitForEvent('download'),
    takeAway(page).getByRole('button', { name }).click(),
  ]);
  return [file, readFileSync(await file.path())];
}

async function bring(page: Page, label: string, name: string, buffer: Buffer): Promise<void> {
  const mimeType = name.endsWith('.zip') ? 'application/zip' : 'application/json';
  await page.getByLabel(label, { exact: true }).setInputFiles({ name, mimeType, buffer });
}

/** Steps and losses as the table has them. */
async function losses(page: Page): Promise<string> {
  await page.getByText('As a table').first().click();
  const text = await page.getByRole('table').first().innerText();
  await page.getByText('As a table').first().click();
  return text;
}

test('a link fills the settings in; its run is taken away, deleted, brought back and goes on as it would have', async ({
  page,
  context,
}) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await closeViews(page);
  const watch = await open(page, { at: trainAt({ ...SETTINGS, seed: '-1' }), ready: false });
  const note = page.getByTestId('from-link');
  await expect(note).toContainText('Nothing has begun');
  await expect(note.getByRole('listitem')).toHaveCount(1);
  await expect(note).toContainText('seed=-1 was not taken: seed is a whole number from 0');
  await expect(page.getByRole('radio', { name: 'Add' })).toBeChecked();
  const go = page.getByRole('region', { name: 'Go' }).getByRole('button', { name: 'Train' });
  await expect(page.getByRole('region', { name: 'Go' })).toContainText('24 steps');
  await untilSeen(page.getByTestId('seen').getByText('13', { exact: true }));
  // Two of the model’s own, which everything that leaves the page says from here on.
  await everySetting(page);
  await page.getByRole('textbox', { name: 'n_inner', exact: true }).fill('48');
  await page.getByRole('combobox', { name: 'activation_function' }).selectOption('relu');
  await expect(page.getByTestId('own-fields')).toContainText('n_inner 48 (else 512)');

  await go.click();
  await expect(state(page)).toHaveText('done');
  const made = page.getByRole('region', { name: 'What it is made of' });
  await expect(made).toContainText('32 tokens of context, n_inner 48, activation_function relu:');
  const whole = await losses(page);
  await takeAway(page).getByRole('button', { name: 'Copy link' }).click();
  const link = await page.evaluate(() => navigator.clipboard.readText());
  // The header's is the same, and says what it holds.
  await page.locator('header').getByRole('button', { name: 'Copy link' }).click();
  await expect(page.locator('header')).toContainText('holds all settings of “Add, 1 × 32” and its');
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(link);
  await page.keyboard.press('Escape');
  const copied = new URLSearchParams(new URL(link).hash.slice(1));
  expect(Object.fromEntries(new URLSearchParams(copied.get('run') ?? ''))).toMatchObject({
    ...SETTINGS,
    v: '2',
    n_inner: '48',
    activation_function: 'relu',
    seed: '42',
  });

  // For people.
  const [table, csv] = await download(page, 'Curve as CSV');
  expect(table.suggestedFilename()).toBe('Add-1-32-curve.csv');
  expect(csv.toString().trim().split('\r\n')).toHaveLength(1 + 1 + 24);
  const [, samples] = await download(page, 'Samples as text');
  expect(samples.toString()).toContain('── step 24 ──\n1+2=');

  // For programs, and for this one: the weights of both are the same bytes.
  const [model, folder] = await download(page, 'Model as .zip');
  expect(model.suggestedFilename()).toBe('Add-1-32.zip');
  await expect(page.getByTestId('taken')).toContainText('GPT2LMHeadModel.from_pretrained');
  const files = unzipSync(new Uint8Array(folder));
  expect(JSON.parse(Buffer.from(files['Add-1-32/config.json'] ?? []).toString())).toMatchObject({
    n_inner: 48,
    activation_function: 'relu',
  });
  const [archive, saved] = await download(page, 'Save the run');
  expect(archive.suggestedFilename()).toBe('Add-1-32-run.zip');
  const kept = unzipSync(new Uint8Array(saved));
  expect(kept['Add-1-32-run/checkpoint-24/model.safetensors']).toEqual(
    files['Add-1-32/model.safetensors'],
  );
  const [, receipt] = await download(page, 'Receipt');
  expect(JSON.parse(receipt.toString())).toMatchObject({
    settings: { model: { n_inner: 48, activation_function: 'relu' } },
  });

  const runs = page.getByTestId('runs').getByRole('listitem');
  await runs.getByRole('button', { name: /^Delete/u }).click();
  await button(page, 'Yes').click();
  await expect(page.getByTestId('runs')).toContainText('A new model knows nothing');

  // Somebody else’s file is refused with its reason; the right one is a run again.
  await bring(page, 'A run’s file', 'model.zip', folder);
  await expect(page.getByTestId('brought').getByRole('alert')).toContainText('has no run.json');
  await bring(page, 'A run’s file', 'run.zip', saved);
  await expect(state(page)).toHaveText('done');
  await expect(runs).toHaveCount(1);
  expect(await losses(page)).toBe(whole);
  await expect(page.getByTestId('run-claimed')).toContainText('that its first 24 steps had these');
  expect((await download(page, 'Curve as CSV'))[1]).toEqual(csv);
  await button(page, 'Train on…').click();
  await page.getByRole('textbox', { name: 'max_steps' }).fill('30');
  await page.getByRole('textbox', { name: 'max_steps' }).press('Enter');
  await expect(page.getByTestId('run-step')).toHaveText('30');
  await expect(state(page)).toHaveText('done');

  // The same losses here as there; a number that was changed is found.
  await bring(page, 'A receipt’s file', 'receipt.json', receipt);
  const verdict = page.getByTestId('receipt-verdict');
  await expect(verdict).toContainText('The same losses here as there, over 20 steps');
  expect(await objections(page)).toEqual([]);
  const other = JSON.parse(receipt.toString()) as { losses: { step: number; loss: number }[] };
  for (const one of other.losses) if (one.step >= 3) one.loss += 0.01;
  await bring(page, 'A receipt’s file', 'receipt.json', Buffer.from(JSON.stringify(other)));
  await expect(verdict).toContainText('The losses part at step 3');

  // Whoever follows the link makes the same losses, and is told.
  await leave(page);
  await page.goto(link);
  await untilSeen(page.getByTestId('seen').getByText('13', { exact: true }));
  await go.click();
  await expect(state(page)).toHaveText('done');
  await expect(page.getByTestId('as-linked').locator('summary')).toHaveText(
    'The same losses here as in the link, over 20 steps: none differs by more than 0; 1e-4 is the line.',
  );
  expect(watch).toEqual({ errors: [], foreign: [], violations: [] });
});

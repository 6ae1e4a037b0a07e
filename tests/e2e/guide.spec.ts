// What leads a visitor on: the tips, one gesture at a time.
import { expect, type Locator, type Page } from '@playwright/test';
import { objections } from './axe.ts';
import { button, open, openView } from './helpers.ts';
import { test } from './window.ts';

const tip = (page: Page): Locator => page.getByRole('complementary', { name: 'Explanation' });

test('opening the lens ends the tip that asks for it, tips follow the open view, and words say what they mean', async ({
  page,
}) => {
  // A visitor who has come as far as the lens.
  const done = ['learn', 'generate', 'select', 'choose', 'temperature', 'heatmap', 'attention'];
  await page.addInitScript(
    (json) => localStorage.setItem('glass-gpt', json),
    JSON.stringify({ version: 1, done }),
  );
  await open(page);
  await expect(tip(page)).toContainText('open Lens');
  await openView(page, 'Lens');
  await expect(tip(page)).toContainText('click a cell');
  await openView(page, 'Switch off');
  await expect(tip(page)).toContainText('switch a head off');
  await page.getByRole('button', { name: 'Head 4.1 off' }).click();
  await expect(tip(page)).toContainText('switch each head off in turn');
  await openView(page, 'Attention');
  await expect(tip(page)).toContainText('open Sampler');

  // A word says what it means where it stands, by keyboard and by touch, and opens the view that it is about.
  await button(page, 'Temperature').press('Enter');
  const said = page.getByRole('note').filter({ visible: true });
  await expect(said).toContainText('Sharpens or flattens the odds');
  expect(await objections(page)).toEqual([]);
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await expect(said).toHaveCount(0);
  await expect(page.getByTestId('sampling-finding')).toBeVisible();
  // Or sets the text as the word is about, and goes there.
  await page.getByRole('radio', { name: 'plain' }).check({ force: true });
  await button(page, 'Token').click();
  await said.getByRole('button', { name: 'See it' }).click();
  await expect(page.getByRole('radio', { name: 'pieces' })).toBeChecked();
  await expect(page.getByTestId('text').locator(':focus')).toHaveCount(1);
  await page.setViewportSize({ width: 390, height: 844 });
  await button(page, 'Kept').click();
  await expect(said).toContainText('left for the draw');
  await expect(said).toBeInViewport({ ratio: 1 });
  await page.keyboard.press('Escape');
  await expect(said).toHaveCount(0);
});

test('lessons are offered once, and who declines gets the tips', async ({ page }) => {
  await open(page, { at: '?device=cpu' });
  await expect(tip(page)).toContainText('Start the lessons');
  await page.getByRole('button', { name: 'No lessons: show tips' }).click();
  await expect(tip(page)).toContainText('press Generate');
  await expect(page.getByRole('button', { name: 'No more tips' })).toBeVisible();
});

// A run under the instruments of the page: its steps follow one another under the same text, token and head.
import { expect, type Locator, type Page } from '@playwright/test';
import { objections } from './axe.ts';
import {
  button,
  chip,
  countColours,
  everySetting,
  mapCanvas,
  open,
  prompt,
  readPixels,
  untilSeen,
} from './helpers.ts';
import { test } from './window.ts';

const slider = (page: Page): Locator => page.getByRole('slider', { name: 'Step of the run' });
const timeBar = (page: Page): Locator => page.getByTestId('time-bar');
/** The model's name in the header. */
const model = (page: Page): Locator => page.locator('header [popovertarget="model-details"] b');

/** Trains a very small model to repeat letters, in the workspace, and waits until it is done. */
async function train(page: Page, steps: number): Promise<void> {
  await button(page, 'Train').first().click();
  await page.getByRole('radio', { name: 'Repeat' }).check();
  await page.getByRole('radio', { name: /^Tiny/u }).check();
  // Nothing moves any more once the text has been read.
  await untilSeen(page.getByTestId('seen').getByText('28', { exact: true }));
  await everySetting(page);
  const small = { n_layer: 2, n_head: 2, n_embd: 32, n_ctx: 32, per_device_train_batch_size: 8 };
  const seldom = { eval_steps: steps, sample_steps: steps, save_steps: steps };
  const all = { ...small, learning_rate: 0.01, warmup_steps: 4, max_steps: steps, ...seldom };
  for (const [name, value] of Object.entries(all)) {
    await page.getByRole('textbox', { name, exact: true }).fill(String(value));
  }
  await page.getByRole('region', { name: 'Go' }).getByRole('button', { name: 'Train' }).click();
  await expect(page.getByTestId('run-state')).toHaveText('done');
}

test('a run is looked into: its steps by the keyboard, the same token and head, and back again after a reload', async ({
  page,
}) => {
  await open(page, { at: '?device=cpu' });
  await prompt(page).fill('My own words');
  await train(page, 60);

  // What its heads do over the steps stands under the loss.
  await expect(page.getByTestId('ridge-finding')).toContainText('head');
  expect(await countColours(page.getByTestId('ridge'))).toBeGreaterThan(2);
  expect(await objections(page)).toEqual([]);
  await button(page, 'Look inside').click();

  // Its own text takes the place of the prompt, and of the story model's examples.
  await untilSeen(timeBar(page));
  await expect(prompt(page)).toHaveValue(/^[a-z]+\|[a-z]+$/u);
  await expect(timeBar(page)).toContainText('Yours comes back with the other model');
  const starts = page.getByRole('list', { name: 'Example prompts' }).getByRole('button');
  await expect(starts).toHaveText(Array(3).fill(/^[a-z]+\|[a-z]+ …$/u));
  await expect(model(page)).toHaveText(/step 60$/u);
  await expect(slider(page)).toHaveAttribute(
    'aria-valuetext',
    /^step 60 of 60, loss of this step \d/u,
  );
  await untilSeen(mapCanvas(page).first());
  expect(await objections(page)).toEqual([]);

  // The same token and head, another step.
  await chip(page, 6).click();
  const words = page.getByTestId('head-sentence');
  // The measure that the ridge has, on the line of the task.
  await expect(words).toContainText('on the line jxqkvbzmwp|jxqkvbzmwp');
  // The line is the head of its column, as long a word as it is, and the page is as wide as before.
  const scores = page.getByText(/^Scores of head/u);
  await scores.click();
  await untilSeen(page.getByRole('columnheader', { name: 'jxqkvbzmwp|jxqkvbzmwp' }));
  expect(
    await page.evaluate(() => document.documentElement.scrollWidth - innerWidth),
  ).toBeLessThanOrEqual(0);
  await scores.click();
  const pixels = async (): Promise<number> => (await readPixels(mapCanvas(page).first())).print;
  const last = await pixels();
  const text = await prompt(page).inputValue();
  const head = (await words.textContent())?.slice(0, 8);
  await slider(page).press('Home');
  await expect(model(page)).toHaveText(/step 0$/u);
  await expect(slider(page)).toHaveAttribute('aria-valuetext', /^step 0 of 60; 1 of \d+/u);
  await expect.poll(pixels).not.toBe(last);
  const first = await pixels();
  await expect(chip(page, 6)).toHaveAttribute('aria-selected', 'true');
  await expect(words).toContainText(head ?? '?');
  await expect(prompt(page)).toHaveValue(text);

  // Whatever a step says, nothing moves for it: not the line under the thumb that is dragged, not what stands below.
  const places = (): Promise<unknown> =>
    page.evaluate(() =>
      [
        'header [aria-label^="Keyboard shortcuts"]',
        '[data-testid="time-bar"] [role="slider"], [data-testid="time-bar"] [type="range"]',
        '[data-testid="heatmap"]',
        '[aria-label="Shade"]',
        'main',
      ].map((one) => {
        const { x, y, width, height } = document.querySelector(one)!.getBoundingClientRect();
        return [one, x, y + scrollY, width, height];
      }),
    );
  await slider(page).press('End');
  await expect(model(page)).toHaveText(/step 60$/u);
  await expect.poll(pixels).toBe(last);
  const before = await places();
  await slider(page).press('Home');
  await expect(model(page)).toHaveText(/step 0$/u);
  await expect.poll(pixels).toBe(first);
  expect(await places()).toEqual(before);

  // Two steps on by arrows, back to the end: the picture of before.
  await slider(page).press('ArrowRight');
  await slider(page).press('ArrowRight');
  await expect(model(page)).toHaveText(/step 2$/u);
  await slider(page).press('End');
  await expect(model(page)).toHaveText(/step 60$/u);
  await expect.poll(pixels).toBe(last);
  expect(first).not.toBe(last);

  // On a phone the slider stays in sight with the heads that it moves.
  const desktop = page.viewportSize();
  await page.setViewportSize({ width: 390, height: 844 });
  await page.getByTestId('atlas-finding').evaluate((element) => {
    scrollTo(0, element.getBoundingClientRect().bottom + scrollY - innerHeight);
  });
  await expect(slider(page)).toBeInViewport({ ratio: 1 });
  await expect(page.getByTestId('atlas')).toBeInViewport({ ratio: 1 });
  if (desktop !== null) await page.setViewportSize(desktop);

  // No link names it; the tab comes back to it.
  expect(page.url()).not.toContain('seen');
  await page.reload();
  await expect(model(page)).toHaveText(/step 60$/u);
  await untilSeen(timeBar(page));
  await button(page, 'Back to the run').click();
  await expect(page.getByTestId('run-state')).toHaveText('done');
});

test(
  'a run is played, its heads are seen over its steps, two steps stand side by side, and a run that is gone is shown no more',
  { tag: '@thorough' },
  async ({ page }) => {
    await open(page, { at: '?device=cpu' });
    await prompt(page).fill('My own words');
    await train(page, 60);
    await button(page, 'Look inside').click();
    await untilSeen(mapCanvas(page).first());

    // Played from its end it begins anew, and passes every step: none of them stays to be looked at twice.
    await button(page, 'Play').click();
    for (const step of [/step 0$/u, /step 60$/u]) {
      await model(page).filter({ hasText: step }).waitFor({ timeout: 60_000 });
    }
    await untilSeen(button(page, 'Play'));

    // The heads over the steps, as a table too; a step is chosen on the picture. Where motion is unwanted, a press is one.
    await page.emulateMedia({ reducedMotion: 'reduce' });
    await button(page, 'Heads').click();
    await button(page, 'First step').click();
    await expect(model(page)).toHaveText(/step 0$/u);
    await button(page, 'Next step').click();
    await expect(model(page)).toHaveText(/step 1$/u);
    await page.emulateMedia({ reducedMotion: null });
    const ridges = page.getByTestId('ridges');
    await ridges.getByRole('radio', { name: 'previous token' }).check();
    await expect(ridges.getByTestId('ridge-finding')).toContainText(/token before/u);
    await ridges.getByText('As a table').click();
    await expect(ridges.getByRole('row')).toHaveCount(1 + 4);
    expect(await objections(page)).toEqual([]);
    const box = await ridges.getByTestId('ridge').boundingBox();
    await ridges.getByTestId('ridge').click({ position: { x: 46, y: (box?.height ?? 0) / 2 } });
    await expect(model(page)).toHaveText(/step 0$/u);

    // Two steps side by side, over the same text, and the page stays at the one that is here.
    await button(page, 'Side by side').click();
    const beside = page.getByTestId('beside');
    await untilSeen(beside.getByTestId('beside-finding'));
    await expect(beside.getByRole('combobox')).toHaveValue('60');
    await expect(beside.getByRole('columnheader')).toHaveText(['Next', 'step 0', 'step 60']);
    const maps = beside.getByTestId('beside-map');
    await expect(maps).toHaveCount(2);
    expect((await readPixels(maps.first())).print).not.toBe((await readPixels(maps.last())).print);
    expect(await objections(page)).toEqual([]);
    await beside.getByRole('combobox').selectOption('2');
    await expect(beside.getByRole('columnheader')).toHaveText(['Next', 'step 0', 'step 2']);
    await expect(model(page)).toHaveText(/step 0$/u);

    await button(page, 'Back to the run').click();
    await expect(page.getByTestId('run-state')).toHaveText('done');

    // Of a run that is gone nothing is shown; the page has its own model then, and says so.
    await button(page, /^Delete/u)
      .first()
      .click();
    await button(page, 'Yes').click();
    await expect(page.getByTestId('announcement')).toContainText('Deleted');
    await page.reload();
    await expect(model(page)).toHaveText('tales-7m');
    await expect(page.getByTestId('address-notes')).toContainText('cannot be shown again');
    await button(page, 'Write').first().click();
    await expect(prompt(page)).toHaveValue('My own words');
  },
);

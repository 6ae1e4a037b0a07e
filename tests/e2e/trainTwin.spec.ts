// A passage is taken out of a run's schooling, with the real trainer on the processor: its twin, and both side by side.
import { expect, type Locator, type Page } from '@playwright/test';
import { objections } from './axe.ts';
import { button, countColours, everySetting, open, untilSeen } from './helpers.ts';
import { test } from './window.ts';

/** Seen at once, where an `expect` would look again a second later. */
const untilDone = (page: Page, name: string): Promise<void> =>
  untilSeen(page.getByTestId('run-status').filter({ hasText: name }).getByText('done'));
const untilSaid = (part: Locator, words: string | RegExp): Promise<void> =>
  untilSeen(part.filter({ hasText: words }));

/** Sixty steps on what three animals say: a second or two. */
async function trainSounds(page: Page): Promise<void> {
  await page.getByRole('radio', { name: 'Paste or drop' }).check();
  await page
    .getByRole('textbox', { name: 'Your text' })
    .fill('cat:meow dog:woof cow:moo '.repeat(80));
  await page.getByRole('radio', { name: /^Tiny/u }).check();
  await everySetting(page);
  await page.getByRole('combobox', { name: 'tokenizer', exact: true }).selectOption('characters');
  for (const [name, value] of Object.entries({
    n_layer: '1',
    n_embd: '32',
    n_ctx: '24',
    per_device_train_batch_size: '6',
    learning_rate: '0.01',
    warmup_steps: '0',
    max_steps: '60',
    eval_steps: '30',
    sample_steps: '30',
    save_steps: '60',
    prompt: 'cat:meow dog:',
  })) {
    await page.getByRole('textbox', { name, exact: true }).fill(value);
  }
  await untilSeen(page.getByTestId('seen').getByText('2,080').first());
  await page.getByRole('region', { name: 'Go' }).getByRole('button', { name: 'Train' }).click();
  await untilDone(page, 'My text, 1 × 32');
}

test('a twin without a fact does not know it; a twin without a change differs by exactly 0', async ({
  page,
}) => {
  const watch = await open(page, { at: '?device=cpu#workspace=train', ready: false });
  await trainSounds(page);

  // What does not stand in the text is said, and nothing begins.
  const schooling = page.getByTestId('schooling');
  const passage = schooling.getByRole('textbox', { name: 'Passage' });
  const train = schooling.getByRole('button', { name: 'Train its twin' });
  await expect(passage).toHaveValue('');
  await expect(schooling).toContainText('cat:meow dog:woof cow:moo');
  await passage.fill('fox:');
  await expect(passage).toHaveAccessibleDescription(/^It does not stand in the text\./u);
  await expect(train).toHaveAttribute('aria-disabled', 'true');
  // It is found in the text, and taken from there.
  await schooling.getByRole('searchbox', { name: 'Find it in the text' }).fill('DOG:');
  const hits = schooling.getByTestId('schooling-hits');
  await untilSaid(hits, 'It stands at 80 places, the first 6 of them here.');
  await expect(hits.locator('mark')).toHaveText(Array<string>(6).fill('dog:'));
  await hits.getByRole('button', { name: 'More places' }).click();
  await expect(hits.locator('mark')).toHaveCount(12);
  await passage.fill('dog:woof ');
  await expect(passage).toHaveAccessibleDescription(
    '9 characters. It stands 80 times in the text, so at 79 other places too, and is changed at each.',
  );
  expect(await objections(page)).toEqual([]);
  await train.press('Enter');

  // Both stand side by side when it is done; the keyboard is not taken there, and it is said.
  const comparison = page.getByTestId('comparison');
  await untilSaid(comparison, 'without “dog:woof”');
  await expect(comparison.getByRole('heading', { level: 2 })).not.toBeFocused();
  await expect(page.getByTestId('announcement')).toHaveText(
    'My text without “dog:woof”: done, all 60 steps. Both stand side by side now.',
  );
  await expect(comparison.getByTestId('twins-loss')).toContainText('They part at step 1');
  // That they part is no effect of the passage: another one of its size tells.
  await expect(comparison.getByTestId('twins-yardstick')).toContainText(
    'whatever the passage says',
  );
  await expect(comparison.getByRole('button', { name: /another passage/u })).toBeEnabled();
  expect(await countColours(page.getByTestId('twins-curve'))).toBeGreaterThan(4);
  // The run's own prompt: after “dog:” the first says how a dog does, the twin has never met one.
  await expect(comparison.getByRole('textbox', { name: 'Text' })).toHaveValue('cat:meow dog:');
  await untilSaid(
    comparison.getByTestId('twins-next'),
    /^As it was it expects “w” with \d+(\.\d)?\u00A0%; without “dog:woof” that has/u,
  );
  const shares = await comparison
    .getByRole('row', { name: /^w / })
    .getByRole('cell')
    .allInnerTexts();
  const [withIt = NaN, without = NaN] = shares.map((words) => Number(/[\d.]+/u.exec(words)?.[0]));
  expect(withIt).toBeGreaterThan(50);
  expect(without).toBeLessThan(10);
  await expect(comparison.getByTestId('twins-surprise')).toContainText('bits as it was');
  await expect(comparison.getByTestId('twins-heads')).toContainText(/^Head 0\.\d differs most/u);
  await expect(comparison.locator('mark').first()).toBeVisible();
  expect(await objections(page)).toEqual([]);

  // Before the first step they are one model.
  await comparison.getByRole('combobox', { name: 'Weights after' }).selectOption('0');
  await untilSaid(comparison.getByTestId('twins-next'), 'Differs by exactly 0');
  await comparison.getByRole('textbox', { name: 'Text' }).fill('żaba');
  await expect(comparison.getByRole('textbox', { name: 'Text' })).toHaveAccessibleDescription(/ż/u);
  await button(page, 'Back').click();

  // The same once more, of the first.
  await button(page, 'My text, 1 × 32').click();
  await untilDone(page, 'My text, 1 × 32');
  await schooling.getByRole('radio', { name: 'Change nothing' }).check();
  await train.click();
  await untilSaid(comparison, 'once more');
  await button(page, 'Back').click();
  await button(page, 'Compare My text, 1 × 32 with My text once more').first().click();
  await expect(comparison.getByRole('heading', { level: 2 })).toBeFocused();
  await expect(comparison.getByTestId('twins-loss')).toHaveText(
    'Differs by exactly 0: all 60 losses are the same number.',
  );
  for (const part of ['twins-samples', 'twins-next', 'twins-surprise', 'twins-heads']) {
    await untilSaid(comparison.getByTestId(part), 'Differs by exactly 0');
  }
  await untilSaid(page.getByTestId('comparison-words'), 'the same to the last bit');
  expect(watch).toEqual({ errors: [], foreign: [], violations: [] });
});

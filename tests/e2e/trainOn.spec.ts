// Going on with the model that is loaded, with the real trainer on the processor: a text of one's own, its own tokens, what
// it knew before the first step, and where Look begins.
import { expect } from '@playwright/test';
import { objections } from './axe.ts';
import { button, everySetting, open, untilSeen } from './helpers.ts';
import { test } from './window.ts';

const LESSON =
  'The submarine sank below the waves, and the captain said: dive, dive, dive! '.repeat(20);

test(
  'the loaded model goes on with a pasted text: a few steps, its loss before them, and Look from step 0',
  { tag: '@thorough' },
  async ({ page }) => {
    const watch = await open(page, { at: '?device=cpu#workspace=train', ready: false });
    await page.getByRole('radio', { name: 'Paste or drop' }).check();
    await page.getByRole('textbox', { name: 'Your text' }).fill(LESSON);
    await page.getByRole('radio', { name: /^Go on training tales-7m/u }).check();
    // Its tokens: 8,192 of them, and no other vocabulary is made.
    await untilSeen(page.getByTestId('seen').getByText('8,192', { exact: true }));
    const details = page.getByRole('region', { name: 'Going on with tales-7m' });
    await expect(details).toContainText('It sees 256 tokens at once.');
    await expect(page.getByRole('textbox', { name: 'n_layer', exact: true })).toHaveCount(0);
    await everySetting(page);
    await expect(page.getByText(/because a large step forgets what it knows/u)).toBeVisible();
    for (const [name, value] of Object.entries({
      max_steps: '3',
      per_device_train_batch_size: '1',
      block_size: '16',
      max_eval_samples: '4',
      eval_steps: '3',
      sample_steps: '0',
      save_steps: '0',
    })) {
      await page.getByRole('textbox', { name, exact: true }).fill(value);
    }
    // A LoRA has two fields more; all of it is what learns here.
    await details.getByRole('combobox', { name: 'trains' }).selectOption('lora');
    await expect(details.getByRole('textbox', { name: 'lora_alpha' })).toHaveValue('16');
    expect(await objections(page)).toEqual([]);
    await details.getByRole('combobox', { name: 'trains' }).selectOption('all');
    await page.getByRole('region', { name: 'Go' }).getByRole('button', { name: 'Train' }).click();
    await expect(page.getByTestId('run-state')).toHaveText('done');

    await expect(page.getByTestId('loss-finding')).toContainText('Before the first step it was');
    const made = page.getByRole('region', { name: 'What it is made of' });
    await expect(made).toContainText(
      /It began as tales-7m \(SHA-256 of its weights [0-9a-f]{12}…\)/u,
    );
    await expect(page.getByTestId('runs')).toContainText('My text, on tales-7m');
    expect(await objections(page)).toEqual([]);

    // The slider begins with the model as it was.
    await button(page, 'Look inside').click();
    const slider = page.getByRole('slider', { name: 'Step of the run' });
    await untilSeen(slider);
    await slider.press('Home');
    await expect(slider).toHaveAttribute('aria-valuetext', /^step 0 of 3/u);
    await expect(page.locator('header [popovertarget="model-details"] b')).toHaveText(/step 0$/u);
    expect(watch.errors).toEqual([]);
  },
);

// The workspace that trains, with the real trainer on the processor: three choices, a run watched and held, and the same
// run after a reload.
import { expect, type Page } from '@playwright/test';
import { objections } from './axe.ts';
import {
  button,
  countColours,
  everySetting,
  open,
  prompt,
  untilReady,
  untilSeen,
} from './helpers.ts';
import { test } from './window.ts';

const state = (page: Page) => page.getByTestId('run-state');
const stepOf = async (page: Page): Promise<number> =>
  Number((await page.getByTestId('run-step').textContent())?.replaceAll(',', ''));

/** The sums, small and quick: 60 steps take a second or two. */
async function chooseSmall(page: Page): Promise<void> {
  await page.getByRole('radio', { name: 'Add' }).check();
  await page.getByRole('radio', { name: /^Tiny/u }).check();
  await everySetting(page);
  for (const [name, value] of Object.entries({
    n_layer: '1',
    n_embd: '32',
    n_ctx: '32',
    per_device_train_batch_size: '8',
    learning_rate: '0.01',
    warmup_steps: '4',
    max_steps: '60',
    eval_steps: '20',
    sample_steps: '20',
    save_steps: '20',
  })) {
    await page.getByRole('textbox', { name, exact: true }).fill(value);
  }
}

test('three choices make a run that learns; it is held, goes on, and is there after a reload', async ({
  page,
}) => {
  const watch = await open(page, { at: '?device=cpu#workspace=train', ready: false });
  await expect(button(page, 'Train').first()).toHaveAttribute('aria-current', 'page');
  await untilSeen(page.getByTestId('seen').getByText('tokens'));
  await chooseSmall(page);
  expect(await objections(page)).toEqual([]);

  // What cannot be is said at its field, and nothing begins.
  const layers = page.getByRole('textbox', { name: 'n_layer', exact: true });
  const go = page.getByRole('region', { name: 'Go' }).getByRole('button', { name: 'Train' });
  await layers.fill('0');
  await expect(layers).toHaveAccessibleDescription('n_layer is a whole number from 1 to 48.');
  await expect(go).toHaveAttribute('aria-disabled', 'true');
  await layers.fill('1');

  await untilSeen(page.getByTestId('seen').getByText('13', { exact: true }));
  await go.click();
  await expect(state(page)).toHaveText('done');
  expect(await stepOf(page)).toBe(60);
  await expect(page.getByTestId('announcement')).toContainText('done, all 60 steps');

  // It learned: better than guessing by frequency.
  const finding = page.getByTestId('loss-finding');
  await expect(finding).toContainText('better than guessing by frequency');
  await expect(page.getByTestId('samples').getByRole('listitem')).toHaveCount(3);
  expect(await countColours(page.getByTestId('loss-curve'))).toBeGreaterThan(4);
  // On a laptop's screen too, the heads are seen below the loss.
  const usual = page.viewportSize() ?? { width: 1280, height: 720 };
  await page.setViewportSize({ width: 1366, height: 768 });
  const endOf = async (name: string): Promise<number> => {
    const box = await page.getByTestId(name).boundingBox();
    return (box?.y ?? 0) + (box?.height ?? Infinity);
  };
  await expect.poll(() => endOf('ridge')).toBeLessThan(768);
  expect(await endOf('loss-curve')).toBeLessThan(await endOf('ridge'));
  await page.setViewportSize(usual);
  expect(await objections(page)).toEqual([]);

  // The curve chooses a sample: by the keyboard, too.
  const pins = page.getByRole('slider', { name: 'Sample on the curve' });
  await pins.press('Home');
  await expect(pins).toHaveAttribute('aria-valuetext', 'step 20, 1 of 3');
  await expect(button(page, 'Step 20')).toHaveAttribute('aria-pressed', 'true');
  await page.getByRole('region', { name: 'Loss' }).getByText('As a table').click();
  // A head, step 0 with its unseen text, and 60 steps.
  await expect(page.getByRole('table').getByRole('row')).toHaveCount(62);

  // Longer, with another rate; held on the way.
  await button(page, 'Train on…').click();
  await page.getByRole('textbox', { name: 'learning_rate' }).fill('0.002');
  await page.getByRole('textbox', { name: 'max_steps' }).fill('100000');
  await page.getByRole('textbox', { name: 'max_steps' }).press('Enter');
  await expect(state(page)).toHaveText('running');
  await button(page, 'Pause').click();
  await expect(state(page)).toHaveText('paused');
  // What was pressed gave way to another, which has the keyboard now.
  await expect(button(page, 'Go on')).toBeFocused();
  const held = await stepOf(page);
  expect(held).toBeGreaterThanOrEqual(60);
  await button(page, 'One step').click();
  await expect.poll(() => stepOf(page)).toBe(held + 1);
  await button(page, 'Go on').click();
  await expect(state(page)).toHaveText('running');
  await expect.poll(() => stepOf(page)).toBeGreaterThan(held + 1);
  // A new one is prepared meanwhile; what runs stays in sight, and one click away.
  await page.getByTestId('runs').getByRole('button', { name: 'New run' }).click();
  const strip = page.getByTestId('live-strip');
  await expect(strip).toContainText(/running\s*step [\d,]+ of 100,000/u);
  await expect(page.getByTestId('why-not')).toContainText('one run at a time has this computer');
  await expect(go).toHaveAttribute('aria-disabled', 'true');
  expect(await objections(page)).toEqual([]);
  await strip.getByRole('button', { name: /^Back to Add/u }).click();
  await expect(strip).toHaveCount(0);
  await expect(state(page)).toHaveText('running');
  await button(page, 'Stop').click();
  await expect(state(page)).toHaveText('stopped');
  const stopped = await stepOf(page);

  // Write is one click away, and the run is still there behind it.
  await button(page, 'Write').click();
  await untilReady(page);
  await expect(page).not.toHaveURL(/workspace/u);
  await button(page, 'Train').click();
  await expect(state(page)).toHaveText('stopped');
  await expect(page).toHaveURL(/#.*workspace=train/u);

  await page.reload();
  const run = page.getByTestId('runs').getByRole('listitem');
  await untilSeen(run);
  await expect(run).toContainText(/of 100,000 · loss on unseen text \d\.\d+ · stopped/u);
  await run.getByRole('button', { name: /^Rename/u }).click();
  await page.getByRole('textbox', { name: /^New name of/u }).fill('My first');
  await page.keyboard.press('Enter');
  await expect(button(page, 'Rename My first')).toBeFocused();
  await button(page, 'Go on with My first').click();
  await expect(state(page)).toHaveText('running');
  expect(await stepOf(page)).toBeGreaterThanOrEqual(stopped);

  // In mid-run, from the other workspace: the page comes back to it, and not to the three choices. The text is kept.
  await button(page, 'Write').click();
  await untilReady(page);
  await prompt(page).fill('A fox that waits');
  await expect(page).toHaveURL(/prompt=A\+fox\+that\+waits/u);
  await page.reload();
  await untilSeen(state(page));
  await expect(state(page)).toHaveText('interrupted');
  await expect(page.getByTestId('run-where')).toContainText('at most 20 steps (save_steps)');
  await expect(page.getByRole('heading', { name: 'My first' })).toBeVisible();
  await expect(page.getByTestId('samples').getByRole('listitem')).not.toHaveCount(0);
  await button(page, 'Write').click();
  await expect(prompt(page)).toHaveValue('A fox that waits');
  await button(page, 'Train').click();
  await button(page, 'Go on').first().click();
  await expect(state(page)).toHaveText('running');
  expect(await stepOf(page)).toBeGreaterThanOrEqual(stopped);
  await button(page, 'Stop').click();
  await expect(state(page)).toHaveText('stopped');

  await run.getByRole('button', { name: 'Delete My first' }).click();
  await button(page, 'Yes').click();
  await expect(page.getByTestId('runs')).toContainText('A new model knows nothing');
  expect(watch).toEqual({ errors: [], foreign: [], violations: [] });
});

test('what cannot be learned is said with what is missing; a file brings its columns', async ({
  page,
}) => {
  await open(page, { at: '?device=cpu#workspace=train', ready: false });
  await page.getByRole('radio', { name: 'Paste or drop' }).check();
  await page.getByRole('textbox', { name: 'Your text' }).fill('Too short.');
  const why = page.getByTestId('why-not');
  await expect(why).toContainText('144 are needed where 128 are read at a time');
  await page.getByRole('textbox', { name: 'Your text' }).fill('a'.repeat(500));
  await expect(why).toContainText('there is nothing to learn');
  // A long text is no field, in which each letter that is typed would take a second.
  await page.getByRole('textbox', { name: 'Your text' }).evaluate((field) => {
    const clipboardData = new DataTransfer();
    clipboardData.setData('text/plain', 'a fox or a bear\n'.repeat(40_000));
    const paste = { clipboardData, bubbles: true, cancelable: true };
    field.dispatchEvent(new ClipboardEvent('paste', paste));
  });
  await expect(page.getByText('My text', { exact: true })).toBeVisible();
  await untilSeen(page.getByTestId('seen').getByText('640,500', { exact: true }));
  await expect(why).toBeHidden();
  await button(page, 'Remove it').click();
  await expect(page.getByRole('textbox', { name: 'Your text' })).toHaveValue('a'.repeat(500));
  await page.getByLabel('A text file').setInputFiles({
    name: 'poems.csv',
    mimeType: 'text/csv',
    buffer: Buffer.from(
      `id,line\n${Array.from({ length: 300 }, (_, i) => `${i},"rose, rose ${i}"\n`).join('')}`,
    ),
  });
  // The lines, and not their numbers.
  await expect(page.getByRole('combobox', { name: 'Column' })).toHaveValue('line');
  await untilSeen(page.getByTestId('seen').getByText('300', { exact: true }));

  // What the text's letters cannot write is said where it is typed, and what is hardly meant beside its field.
  await everySetting(page);
  const begins = page.getByRole('textbox', { name: 'prompt' });
  await begins.fill('Zebra');
  await expect(begins).toHaveAccessibleDescription(/"Z" \(U\+005A\) is none of its 16/u);
  await expect(why).toContainText('"Z" (U+005A)');
  await begins.fill('rose');
  await expect(begins).toHaveAccessibleDescription(/^What each sample begins with/u);
  await expect(why).toBeHidden();
  await page.getByRole('textbox', { name: 'max_steps' }).fill('20');
  // What nobody has set goes with it.
  const warmUp = page.getByRole('textbox', { name: 'warmup_steps' });
  await expect(warmUp).toHaveValue('2');
  await warmUp.fill('30');
  await expect(warmUp).toHaveAccessibleDescription(/^The run ends at step 20/u);
  await expect(page.getByText(/: Small is measured, the others/u)).toBeVisible();
});

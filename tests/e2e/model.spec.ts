import { expect, type Locator, type Page } from '@playwright/test';
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
      await walkMachine(page);
    },
  );
}

/** The machine in one picture: its guesses are the lens's, the keyboard goes through it, and each box opens its view. */
async function walkMachine(page: Page): Promise<void> {
  const machine = page.getByTestId('machine');
  const box = (part: string, layer?: number): Locator =>
    machine.locator(`[data-part="${part}"]${layer === undefined ? '' : `[data-layer="${layer}"]`}`);
  await expect(box('guess', 11)).toHaveAccessibleName(
    /after layer 11, it would say “was”, with 24/u,
  );
  await expect(box('attention')).toHaveCount(12);

  // Steps where motion is not wanted, and no frame is asked for.
  await page.emulateMedia({ reducedMotion: 'reduce' });
  await page.evaluate(() => {
    const real = requestAnimationFrame;
    const counted = { frames: 0 };
    Object.assign(globalThis, { counted });
    globalThis.requestAnimationFrame = (callback) => {
      counted.frames += 1;
      return real(callback);
    };
  });
  await machine.getByRole('button', { name: 'Let “who” travel through' }).press('Enter');
  await expect(page.getByTestId('machine-words')).toHaveText(/^You read words/u);
  await expect(box('odds')).toHaveAttribute('data-travel', 'ahead');
  for (let i = 0; i < 4; i++)
    await machine.getByRole('button', { name: 'Next step' }).press('Enter');
  await expect(page.getByTestId('machine-words')).toHaveText(/^Layer 0, of 0 to 11/u);
  await expect(box('mlp', 0)).toHaveAttribute('data-travel', 'here');
  const frames = await page.evaluate(
    () => (globalThis as unknown as { counted: { frames: number } }).counted.frames,
  );
  expect(frames).toBe(0);
  await machine.getByRole('button', { name: 'stop', exact: true }).click();
  await expect(box('odds')).not.toHaveAttribute('data-travel');

  // One stop for Tab; the arrows go on.
  await box('words').focus();
  for (const key of [
    'ArrowRight',
    'ArrowRight',
    'ArrowRight',
    'ArrowRight',
    'ArrowRight',
    'ArrowDown',
  ]) {
    await page.keyboard.press(key);
  }
  await expect(box('mlp', 1)).toBeFocused();

  for (const { part, layer, tab } of [
    { part: 'attention', layer: 0, tab: 'Attention' },
    { part: 'mlp', layer: 3, tab: 'Switch off' },
    { part: 'dice', tab: 'Sampler' },
    { part: 'guess', layer: 7, tab: 'Lens' },
  ]) {
    await openView(page, 'Model');
    await box(part, layer).press('Enter');
    await expect(page.getByRole('tab', { name: tab })).toBeFocused();
    await expect(page.getByRole('tab', { name: tab })).toHaveAttribute('aria-selected', 'true');
  }
  await expect(page.getByTestId('lens-cell')).toContainText('after layer 7');
}

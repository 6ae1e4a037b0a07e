import { expect } from '@playwright/test';
import {
  bars,
  button,
  chip,
  chips,
  closeViews,
  DEVICES,
  ENDLESS,
  generate,
  generateButton,
  heatmap,
  ON_WEBGPU,
  open,
  prompt,
  readout,
  setLength,
  setSeed,
  stopButton,
  untilReady,
  wholeText,
  writePrompt,
} from './helpers.ts';
import { test } from './window.ts';

test.describe('the first sight', () => {
  test.use({ ownWindow: true });

  test('a first visit shows an example with its bars and its map before anything is generated', async ({
    page,
  }) => {
    await open(page, ON_WEBGPU);
    await expect(prompt(page)).toHaveValue(/^Once upon a time/u);
    await expect(chips(page)).toHaveCount(10);
    await expect(bars(page)).toHaveCount(20);
    await expect(heatmap(page)).toBeVisible();
    await expect(button(page, /tales-7m.*tiny story model, not GPT-2/u)).toBeVisible();
  });
});

test.describe('writing', () => {
  test.beforeEach(async ({ page }) => closeViews(page));

  for (const device of DEVICES) {
    test(`Generate streams tokens one after the other behind the prompt, on ${device}`, async ({
      page,
    }) => {
      await open(page, { at: `?device=${device}` });
      // How soon a page that is drawn seldom shows four lengths nobody knows: it writes until it has.
      await setLength(page, ENDLESS);
      await page.getByTestId('text').evaluate((text) => {
        const lengths: number[] = [];
        Object.assign(globalThis, { lengths });
        new MutationObserver(() => {
          const length = text.querySelectorAll('[data-i]').length;
          if (length !== lengths.at(-1)) lengths.push(length);
        }).observe(text, { childList: true, subtree: true });
      });
      const seen = (): Promise<number[]> =>
        page.evaluate(() => (globalThis as unknown as { lengths: number[] }).lengths);
      await generateButton(page).click();
      await expect.poll(async () => (await seen()).length).toBeGreaterThan(3);
      await page.keyboard.press('Escape');
      await expect(generateButton(page)).toBeVisible();
      const lengths = await seen();
      expect(lengths).toEqual(lengths.toSorted((x, y) => x - y));
      const count = await chips(page).count();
      expect(lengths.at(-1)).toBe(count);
      expect(await wholeText(page)).toMatch(/^Once upon a time there was a little fox who/u);
      await expect(readout(page)).toContainText(`${count - 10} new`);

      await button(page, 'Undo').click();
      await expect(chips(page)).toHaveCount(10);
      await setLength(page, 20);
      await generate(page);
      await expect(chips(page)).toHaveCount(30);
      await expect(readout(page)).toContainText('20 new');
    });
  }

  test('Esc stops in the middle of the stream and keeps the text', async ({ page }) => {
    await open(page);
    await setLength(page, ENDLESS);
    await generateButton(page).click();
    await expect(chip(page, 14)).toBeVisible();
    await page.keyboard.press('Escape');
    await expect(generateButton(page)).toBeVisible();
    const text = await wholeText(page);
    const count = await chips(page).count();
    expect(count).toBeGreaterThan(14);
    expect(count).toBeLessThan(10 + ENDLESS);
    // The engine is free again, and nothing of the old run comes between.
    await button(page, '1 token').click();
    await expect(chips(page)).toHaveCount(count + 1);
    expect((await wholeText(page)).startsWith(text)).toBe(true);
  });

  test(
    'the same seed writes the same text, another seed another',
    { tag: '@thorough' },
    async ({ page }) => {
      await open(page);
      await setLength(page, 16);
      await setSeed(page, 42);
      await generate(page);
      const first = await wholeText(page);
      // Not by Regenerate, which takes the next seed where this one would write the same again.
      await button(page, 'Undo').click();
      await expect(chips(page)).toHaveCount(10);
      await generate(page);
      expect(await wholeText(page)).toBe(first);
      await button(page, 'Undo').click();
      await expect(chips(page)).toHaveCount(10);
      await setSeed(page, 43);
      await generate(page);
      expect(await wholeText(page)).not.toBe(first);
    },
  );

  test(
    'a random seed is shown after the run and can be kept',
    { tag: '@thorough' },
    async ({ page }) => {
      await open(page, { seed: 'random' });
      await setLength(page, 3);
      await generate(page);
      await button(page, 'Keep it').click();
      await expect(page.getByRole('spinbutton', { name: 'Seed' })).toHaveValue(/^\d+$/u);
    },
  );

  test('one token, Regenerate and Undo go forth and back through the text', async ({ page }) => {
    await open(page);
    await button(page, '1 token').click();
    await expect(chips(page)).toHaveCount(11);
    await button(page, '1 token').click();
    await expect(chips(page)).toHaveCount(12);
    await button(page, 'Undo').click();
    await expect(chips(page)).toHaveCount(11);
    await button(page, 'Undo').click();
    await expect(chips(page)).toHaveCount(10);
    await expect(button(page, 'Undo')).toBeDisabled();
  });

  test('editing the prompt puts the continuation aside, never away', async ({ page }) => {
    await open(page);
    await setLength(page, 5);
    await generate(page);
    const before = await wholeText(page);
    await prompt(page).fill('The king said to his daughter,');
    await expect(page.getByText(/continuation \(5 tokens\)/u)).toBeVisible();
    await expect.poll(() => wholeText(page)).toBe('The king said to his daughter,');
    await button(page, 'Put it after this prompt').click();
    await expect.poll(() => wholeText(page)).toMatch(/^The king said to his daughter,.+/u);
    await button(page, 'Undo').click();
    await button(page, 'Undo').click();
    await expect.poll(() => wholeText(page)).toBe(before);
  });

  test('“Continue editing” makes the whole text the prompt', async ({ page }) => {
    // A seed whose first tokens have no line break, which fields show as what it is.
    await open(page, { at: '?device=cpu&seed=5' });
    await setLength(page, 4);
    await generate(page);
    const text = await wholeText(page);
    await button(page, 'Continue editing').click();
    await expect(prompt(page)).toHaveValue(text);
    await expect(prompt(page)).toBeFocused();
    expect(await wholeText(page)).toBe(text);
  });

  for (const device of DEVICES) {
    test(`a reload keeps the text, its tokens and the settings, on ${device}`, async ({ page }) => {
      await open(page, { at: `?device=${device}` });
      await setLength(page, 6);
      await setSeed(page, 7);
      await generate(page);
      const text = await wholeText(page);
      await page.reload();
      await expect.poll(() => wholeText(page)).toBe(text);
      await untilReady(page);
      expect(await wholeText(page)).toBe(text);
      await expect(page.getByRole('spinbutton', { name: 'Seed' })).toHaveValue('7');
      await expect(chips(page)).toHaveCount(16);
    });
  }

  test('an emoji split over tokens shows its bytes and comes back whole', async ({ page }) => {
    const text = 'A 🦊 said: naïve  café\n\nyes';
    await open(page);
    await writePrompt(page, text);
    await expect(readout(page)).toContainText('tokens');
    const bytes = page.locator('[data-i][aria-label^="bytes"]');
    await expect(bytes.first()).toBeVisible();
    expect(await bytes.count()).toBeGreaterThan(1);
    await expect(page.locator('[data-whole="🦊"]')).toHaveCount(1);
    // Of several in a row each shows its own, and nobody else's.
    await prompt(page).fill('قديم 日本');
    await expect(page.locator('[data-whole="日"]')).toHaveCount(1);
    await expect
      .poll(() =>
        page
          .locator('[data-whole]')
          .evaluateAll((all) => all.map((e) => (e as HTMLElement).dataset.whole)),
      )
      .toEqual([...'قديم', ...'日本']);
    await prompt(page).fill(text);
    await expect(page.locator('[data-whole="🦊"]')).toHaveCount(1);
    await button(page, '1 token').click();
    await button(page, 'Continue editing').click();
    expect(await prompt(page).inputValue()).toContain(text);
  });

  test('clicking a candidate appends it, and undo takes it back', async ({ page }) => {
    await open(page);
    const row = page.getByTestId('next-token').locator('tbody tr').nth(2);
    const word = ((await row.getByRole('button').textContent()) ?? '').replace('·', ' ');
    await row.getByRole('button').click();
    await expect(chips(page)).toHaveCount(11);
    expect((await wholeText(page)).endsWith(word)).toBe(true);
    await button(page, 'Undo').click();
    await expect(chips(page)).toHaveCount(10);
  });

  test('a selected token shows what else was likely, and another choice forks there', async ({
    page,
  }) => {
    await open(page);
    await chip(page, 7).click();
    await expect(page.getByRole('heading', { name: 'Instead of “little”' })).toBeVisible();
    await expect(readout(page)).toContainText('surprise');
    await page.getByTestId('next-token').locator('tbody tr').first().getByRole('button').click();
    await expect(chips(page)).toHaveCount(8);
    await expect(prompt(page)).toHaveValue('Once upon a time there was a');
    await button(page, 'Undo').click();
    await expect(chips(page)).toHaveCount(10);
  });

  test('an empty prompt lets the model begin by itself', { tag: '@thorough' }, async ({ page }) => {
    await open(page);
    await prompt(page).fill('');
    await expect(page.getByText('Nothing yet.')).toBeVisible();
    await setLength(page, 4);
    await generate(page);
    await expect(chip(page, 0)).toContainText('<|endoftext|>');
    await expect(chips(page)).toHaveCount(5);
  });

  test('a stop text ends the run', { tag: '@thorough' }, async ({ page }) => {
    await open(page);
    await setLength(page, 200);
    await page.getByLabel('Stop at').fill('the');
    await generate(page);
    expect(await wholeText(page)).toMatch(/the/u);
    await expect(readout(page)).toContainText(/appeared|reached|ended/u);
  });

  test('Generate before the model is there waits for it and then starts', async ({ page }) => {
    await open(page, { ready: false });
    await generateButton(page).click();
    await expect(stopButton(page)).toBeVisible();
    await expect(chip(page, 10)).toBeVisible();
  });
});

import { expect, type Locator, type Page } from '@playwright/test';
import {
  button,
  chip,
  chips,
  closeViews,
  generate,
  generateButton,
  open,
  prompt,
  readout,
  setLength,
  setSeed,
  stopButton,
  wholeText,
  writePrompt,
} from './helpers.ts';
import { objections } from './axe.ts';
import { expectKept, expectStream } from './onBoth.ts';
import { test } from './window.ts';

/** What somebody who writes in the text writes into. */
const writer = (page: Page): Locator => page.getByRole('textbox', { name: 'The text, to be' });

/** Where each token stands. */
const placesOf = (page: Page): Promise<number[][]> =>
  chips(page).evaluateAll((all) =>
    all.map((one) => {
      const { left, top, width, height } = one.getBoundingClientRect();
      return [left, top, width, height];
    }),
  );

test.describe('writing', () => {
  test.beforeEach(async ({ page }) => closeViews(page));

  test('Generate streams tokens one after the other behind the prompt; one token, a candidate and another choice in mid-text go forth, Undo goes back', async ({
    page,
  }) => {
    await open(page);
    await expectStream(page);

    await button(page, '1 token').click();
    await expect(chips(page)).toHaveCount(11);
    await button(page, '1 token').click();
    await expect(chips(page)).toHaveCount(12);
    await button(page, 'Undo').click();
    await expect(chips(page)).toHaveCount(11);
    await button(page, 'Undo').click();
    await expect(chips(page)).toHaveCount(10);
    await expect(button(page, 'Undo')).toBeDisabled();

    // A candidate is appended; those of the longer text are not to be had any more.
    await expect(page.getByTestId('next-token')).toHaveAttribute('aria-busy', 'false');
    const row = page.getByTestId('next-token').locator('tbody tr').nth(2);
    const word = ((await row.getByRole('button').textContent()) ?? '').replace('·', ' ');
    await row.getByRole('button').click();
    await expect(chips(page)).toHaveCount(11);
    expect((await wholeText(page)).endsWith(word)).toBe(true);
    await button(page, 'Undo').click();
    await expect(chips(page)).toHaveCount(10);

    // A selected token shows what else was likely.
    await chip(page, 7).click();
    await expect(page.getByRole('heading', { name: 'Instead of “little”' })).toBeVisible();
    await expect(readout(page)).toContainText('surprise');
    await page.getByTestId('next-token').locator('tbody tr').first().getByRole('button').click();
    await expect(chips(page)).toHaveCount(8);
    await expect(prompt(page)).toHaveValue('Once upon a time there was a');
    await button(page, 'Undo').click();
    await expect(chips(page)).toHaveCount(10);

    // An emoji over several tokens is read as what it is, shows its bytes in pieces, and comes back whole.
    const text = 'A 🦊 said: naïve  café\n\nyes';
    await writePrompt(page, text);
    await expect(readout(page)).toContainText('tokens');
    const bytes = page.locator('[data-i][aria-label^="bytes"]');
    expect(await bytes.count()).toBeGreaterThan(1);
    const read = async (): Promise<string> => page.getByTestId('text').innerText();
    await page.getByRole('radio', { name: 'plain', exact: true }).check({ force: true });
    expect((await read()).replaceAll(/\s+/gu, ' ')).toContain('A 🦊 said: naïve café yes');
    await expect(bytes.first()).toBeHidden();
    await page.getByRole('radio', { name: 'pieces', exact: true }).check({ force: true });
    await expect(bytes.first()).toBeVisible();
    expect(await read()).toMatch(/F0\s*9F.*🦊/su);
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
    // It is one character to whoever writes beside it.
    const fox = await chip(page, 1).boundingBox();
    await page.mouse.dblclick((fox?.x ?? 0) + 2, (fox?.y ?? 0) + (fox?.height ?? 0) / 2);
    await expect(writer(page)).toBeFocused();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Delete');
    await expect(page.locator('[data-whole="🦊"]')).toHaveCount(0);
    await expect(prompt(page)).toHaveValue(text.replace('🦊', ''));
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

  test('editing the prompt puts the continuation aside, never away; what is written at a caret in the text stays there, and nothing moves for it', async ({
    page,
  }) => {
    // A seed whose first tokens have no line break, which fields show as what it is.
    await open(page, { at: '?device=cpu&seed=5' });
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

    // By keyboard: the caret comes before the word, and no token moves by a pixel.
    await chip(page, 7).click();
    await page.mouse.move(0, 0);
    await expect(chip(page, 7)).toHaveAttribute('aria-selected', 'true');
    const places = await placesOf(page);
    await page.keyboard.press('Enter');
    await expect(writer(page)).toBeFocused();
    expect(await placesOf(page)).toEqual(places);
    await page.keyboard.type('very ');
    const written = before.replace(' little', ' very little');
    await expect.poll(() => wholeText(page)).toBe(written);
    await expect(prompt(page)).toHaveValue('Once upon a time there was a very little fox who');
    await expect(chip(page, 7)).toHaveText(' very');
    // Another way to read it is no way out; Escape is, and the text is as it was.
    await page.getByRole('radio', { name: 'ids' }).click();
    await page.getByRole('radio', { name: 'pieces' }).click();
    await expect(writer(page)).toBeFocused();
    await page.keyboard.press('Escape');
    await expect(writer(page)).toHaveCount(0);
    expect(await wholeText(page)).toBe(before);
    await expect(chip(page, 7)).toBeFocused();
    await expect(chip(page, 7)).toHaveAttribute('aria-selected', 'true');
    await button(page, 'Undo').click();
    await expect.poll(() => wholeText(page)).toBe(written);

    // With the pointer, in what the model wrote: the prompt stays, and so does what stands behind.
    const last = (await chips(page).count()) - 1;
    const box = await chip(page, last).boundingBox();
    await page.mouse.dblclick((box?.x ?? 0) + (box?.width ?? 0) - 2, (box?.y ?? 0) + 10);
    await page.keyboard.type('!');
    await page.keyboard.press('Control+Home');
    await page.keyboard.press('Control+End');
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.type('?');
    await expect.poll(() => wholeText(page)).toBe(`${written}?!`);
    await expect(prompt(page)).toHaveValue('Once upon a time there was a very little fox who');
    await page.keyboard.press('Control+Enter');
    await expect(writer(page)).toHaveCount(0);
    await expect.poll(() => wholeText(page)).toMatch(/\?!.+/u);
  });

  test('a reload keeps the text, its tokens and the settings', async ({ page }) => {
    await open(page);
    await expectKept(page);
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

test.describe('writing with a finger', () => {
  test.use({ hasTouch: true, viewport: { width: 390, height: 844 } });

  test(
    'a tap chooses a token, “Write here” writes there, and the field is where the keyboard opens',
    { tag: '@thorough' },
    async ({ page }) => {
      await closeViews(page);
      await open(page);
      await chip(page, 7).tap();
      await expect(chip(page, 7)).toHaveAttribute('aria-selected', 'true');
      await expect(writer(page)).toHaveCount(0);
      const places = await placesOf(page);
      await button(page, 'Write here').tap();
      await expect(writer(page)).toBeFocused();
      expect(await placesOf(page)).toEqual(places);
      const [field, word] = await Promise.all([
        writer(page).boundingBox(),
        chip(page, 7).boundingBox(),
      ]);
      expect(Math.abs((field?.y ?? 0) - (word?.y ?? 0))).toBeLessThan(word?.height ?? 0);
      await page.keyboard.type('red ');
      await expect(prompt(page)).toHaveValue('Once upon a time there was a red little fox who');
      // Another tap is another place.
      const end = await chip(page, 2).boundingBox();
      await page.touchscreen.tap((end?.x ?? 0) + (end?.width ?? 0) - 1, (end?.y ?? 0) + 10);
      await page.keyboard.press('Backspace');
      await expect(prompt(page)).toHaveValue('Once upon  time there was a red little fox who');
      expect(await objections(page, '[data-region="text"]')).toEqual([]);
      await button(page, 'Done').tap();
      await expect(writer(page)).toHaveCount(0);
      await expect(readout(page)).toContainText('id');
    },
  );
});

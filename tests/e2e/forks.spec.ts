import { expect, type Locator, type Page } from '@playwright/test';
import {
  button,
  chip,
  chips,
  closeViews,
  copyLink,
  generate,
  open,
  prompt,
  readout,
  setLength,
  setSeed,
  untilReady,
  wholeText,
} from './helpers.ts';
import { test } from './window.ts';

const branches = (page: Page): Locator => page.getByTestId('branches').locator('[data-branch]');
const candidate = (page: Page, row: number): Locator =>
  page.getByTestId('next-token').locator('tbody tr').nth(row).getByRole('button');
const current = (page: Page): Locator => page.locator('[data-branch][aria-current]');

/** What the page knows of some tokens: id, probability, rank, surprise. */
async function factsOf(page: Page, ...indexes: number[]): Promise<string[]> {
  const facts: string[] = [];
  for (const index of indexes) {
    await chip(page, index).hover();
    await expect(readout(page)).toContainText(/probability.*rank.*surprise/su);
    const text = await readout(page).innerText();
    facts.push(text.replace(/(?:a branch leaves|\d branches leave) here/u, ''));
  }
  return facts.map((fact) => fact.replaceAll(/\s+/gu, ' ').trim());
}

/** The branches as a link would hold them: ids, lengths of prompts, and runs. */
async function recordOf(page: Page): Promise<{ texts: string[]; runs: string[] }> {
  const fragment = new URLSearchParams(new URL(await copyLink(page)).hash.slice(1));
  const list = (name: string): string[] => (fragment.get(name) ?? '').split('*');
  return { texts: list('texts'), runs: list('runs') };
}

/** Chooses a candidate, which no token of the text is, at a place of the text. */
async function forkAt(page: Page, index: number): Promise<void> {
  const word = (await chip(page, index).textContent())?.trim() ?? '';
  await chip(page, index).click();
  await expect(page.getByRole('heading', { name: `Instead of “${word}”` })).toBeVisible();
  for (let row = 0; ; row++) {
    const label = ((await candidate(page, row).textContent()) ?? '').replace('·', '');
    if (label === word) continue;
    await candidate(page, row).click();
    break;
  }
  await expect(chips(page)).toHaveCount(index + 1);
}

test.describe('forks', () => {
  test.beforeEach(async ({ page }) => {
    // Nothing but the bars asks the engine, so that what a fork costs is theirs alone.
    await closeViews(page);
    await open(page, { at: '?device=cpu&seed=5&max_new_tokens=6' });
    await generate(page);
    await expect(chips(page)).toHaveCount(16);
  });

  test('at a streamed token and at a prompt token leave the old text whole, and cost one step', async ({
    page,
  }) => {
    await expect(page.getByTestId('branches')).toBeHidden();
    const alone = await recordOf(page);
    const first = { text: await wholeText(page), facts: await factsOf(page, 7, 12, 15) };

    await forkAt(page, 12);
    await expect(readout(page)).toContainText(
      'The branches part at token 13: 1 token was computed',
    );
    await expect(branches(page)).toHaveCount(2);
    await expect(current(page)).toHaveText(/→.*13/u);
    await expect(chip(page, 11)).not.toHaveAttribute('data-fork');
    await expect(chip(page, 12)).toHaveAttribute('data-fork');
    // The chosen token has all that a written one has.
    await chip(page, 12).hover();
    await expect(readout(page)).toContainText(/probability.*rank.*of 8,192.*surprise/su);
    await generate(page);
    const second = { text: await wholeText(page), facts: await factsOf(page, 12, 17) };

    await forkAt(page, 7);
    await expect(readout(page)).toContainText('part at token 8: 1 token was computed');
    await expect(prompt(page)).toHaveValue('Once upon a time there was a');
    await expect(branches(page)).toHaveCount(3);
    await generate(page);
    const third = await wholeText(page);
    const all = await recordOf(page);
    expect(all.texts).toHaveLength(3);
    expect([all.texts[0], all.runs[0]]).toEqual([alone.texts[0], alone.runs[0]]);

    await branches(page).nth(0).click();
    expect(await wholeText(page)).toBe(first.text);
    await expect(prompt(page)).toHaveValue('Once upon a time there was a little fox who');
    expect(await factsOf(page, 7, 12, 15)).toEqual(first.facts);
    await branches(page).nth(1).click();
    expect(await wholeText(page)).toBe(second.text);
    expect(await factsOf(page, 12, 17)).toEqual(second.facts);
    await branches(page).nth(2).click();
    expect(await wholeText(page)).toBe(third);

    // A branch goes on growing, and the others stay.
    await branches(page).nth(0).click();
    await generate(page);
    await expect(chips(page)).toHaveCount(22);
    const grown = await recordOf(page);
    expect(grown.runs.slice(1)).toEqual(all.runs.slice(1));
    expect(grown.texts.slice(1)).toEqual(all.texts.slice(1));
    expect((await wholeText(page)).startsWith(first.text)).toBe(true);
    await branches(page).nth(1).click();
    expect(await wholeText(page)).toBe(second.text);
  });

  test(
    'and switches are undone and done again; a deleted branch comes back',
    { tag: '@thorough' },
    async ({ page }) => {
      const first = await wholeText(page);
      await forkAt(page, 12);
      const second = await wholeText(page);
      await branches(page).nth(0).click();
      expect(await wholeText(page)).toBe(first);
      await button(page, 'Undo').click();
      expect(await wholeText(page)).toBe(second);
      await button(page, 'Undo').click();
      expect(await wholeText(page)).toBe(first);
      await expect(page.getByTestId('branches')).toBeHidden();
      await page.keyboard.press('Alt+Shift+KeyZ');
      expect(await wholeText(page)).toBe(second);
      await expect(branches(page)).toHaveCount(2);
      await page.getByRole('button', { name: 'Delete: First text' }).click();
      await expect(page.getByTestId('branches')).toBeHidden();
      await button(page, 'Undo').click();
      await expect(branches(page)).toHaveCount(2);
    },
  );

  test(
    'survive a reload; an edit of the prompt ends them, and undo brings them back',
    { tag: '@thorough' },
    async ({ page }) => {
      const first = await wholeText(page);
      await forkAt(page, 12);
      const second = await wholeText(page);
      await page.reload();
      await untilReady(page);
      expect(await wholeText(page)).toBe(second);
      await expect(branches(page)).toHaveCount(2);
      await branches(page).nth(0).click();
      expect(await wholeText(page)).toBe(first);
      await prompt(page).fill('The king said');
      await expect(page.getByTestId('branches')).toBeHidden();
      await expect.poll(() => wholeText(page)).toBe('The king said');
      await button(page, 'Undo').click();
      expect(await wholeText(page)).toBe(first);
      await expect(branches(page)).toHaveCount(2);
    },
  );

  test('work with the keyboard alone', async ({ page }) => {
    const first = await wholeText(page);
    await forkAt(page, 12);
    const second = await wholeText(page);
    await current(page).focus();
    await page.keyboard.press('ArrowLeft');
    await expect(branches(page).nth(0)).toBeFocused();
    await page.keyboard.press('Enter');
    expect(await wholeText(page)).toBe(first);
    await expect(branches(page).nth(0)).toHaveAttribute('aria-current', 'true');
    await page.keyboard.press('End');
    await page.keyboard.press('Space');
    expect(await wholeText(page)).toBe(second);
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.press('Delete');
    await expect(page.getByTestId('branches')).toBeHidden();
    await page.keyboard.press('Alt+KeyZ');
    await expect(branches(page)).toHaveCount(2);
  });

  test(
    'come from writing again too: the old run stays beside the new one',
    { tag: '@thorough' },
    async ({ page }) => {
      const first = await wholeText(page);
      await setSeed(page, 6);
      await setLength(page, 4);
      await button(page, 'Regenerate').click();
      await expect(chips(page)).toHaveCount(14);
      await expect(branches(page)).toHaveCount(2);
      await branches(page).nth(0).click();
      expect(await wholeText(page)).toBe(first);
    },
  );
});

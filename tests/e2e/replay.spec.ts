import { expect, type Page } from '@playwright/test';
import { objections } from './axe.ts';
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
  untilReady,
  untilSeen,
  wholeText,
} from './helpers.ts';
import { forget, leave, test } from './window.ts';

/** Writes a text of two branches, its last tokens with a part off, and gives the link to it. */
async function record(page: Page): Promise<string> {
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await open(page, { at: '?device=cpu&seed=5&max_new_tokens=8&temperature=0.9' });
  await generate(page);
  await chip(page, 8).click();
  await expect(page.getByRole('heading', { name: 'Instead of “fox”' })).toBeVisible();
  await page.getByTestId('next-token').locator('tbody tr').nth(1).getByRole('button').click();
  await page.locator('[data-branch]').first().click();
  await expect(chips(page)).toHaveCount(18);
  return copiedLink(page);
}

/** The link, as it was shown and as it was copied. */
async function copiedLink(page: Page): Promise<string> {
  const href = await copyLink(page);
  await expect(page.getByText('Link copied.')).toBeAttached();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(href);
  return href;
}

/** Opens a link as somebody else would: nothing is stored, nothing is known. */
async function openElsewhere(page: Page, href: string): Promise<void> {
  await forget(page);
  const { search, hash } = new URL(href);
  const device = search === '' ? '?device=cpu' : search;
  await open(page, { at: device + hash, ready: false });
}

const replay = (page: Page) => page.getByTestId('replay');
const notes = (page: Page) => page.getByTestId('address-notes');
/** Ids of the first branch, as the link writes them. */
function idsOf(href: string): string[] {
  const texts = new URLSearchParams(new URL(href).hash.slice(1)).get('texts') ?? '';
  return texts.split('*')[0]?.split('-')[1]?.split('.') ?? [];
}

test.describe('a link that replays', () => {
  test('shows elsewhere the same tokens, branches, parts off and heads, and runs live', async ({
    page,
  }) => {
    await record(page);
    // The rest of the text is written without one of the parts, with a head pinned.
    await button(page, 'Switch off').first().click();
    await expect(page.getByTestId('off-chips')).toContainText('head 4.1');
    await button(page, 'Pin').click();
    await generate(page);
    await expect(chips(page)).toHaveCount(26);
    await chip(page, 20).hover();
    await expect(readout(page)).toContainText('written with 1 part off: head 4.1');
    await expect(chip(page, 20)).toHaveAttribute('title', /1 part off: head 4\.1/u);
    await expect(chip(page, 15)).not.toHaveAttribute('title');
    await chip(page, 12).click();
    await expect(chip(page, 12)).toHaveAttribute('aria-selected', 'true');
    const href = await copiedLink(page);
    const text = await wholeText(page);

    await openElsewhere(page, href);
    await expect(replay(page)).toContainText('A recorded text');
    await expect(replay(page)).toContainText('16 of them written by tales-7m, seed 5');
    await expect.poll(() => wholeText(page)).toBe(text);
    await expect(chips(page)).toHaveCount(26);
    await expect(prompt(page)).toHaveValue('Once upon a time there was a little fox who');
    await expect(page.locator('[data-branch]')).toHaveCount(2);
    await expect(chip(page, 12)).toHaveAttribute('aria-selected', 'true');
    await expect(page.getByRole('heading', { name: /^Instead of/u })).toBeVisible();
    await expect(page.getByTestId('off-chips')).toContainText('head 4.1');
    await expect(chip(page, 20)).toHaveAttribute('title', /1 part off: head 4\.1/u);
    await expect(page.getByRole('spinbutton', { name: 'Temperature, as a number' })).toHaveValue(
      '0.9',
    );
    // A link made of it says the same once more: ids, pins, parts, branches, recipes.
    await expect(notes(page)).toBeHidden();
    expect(new URL(await copyLink(page)).hash).toBe(new URL(href).hash);

    await button(page, 'Run live').click();
    await untilSeen(replay(page).filter({ hasText: 'This machine agrees: 16 of 16 tokens.' }));
    expect(await wholeText(page)).toBe(text);
    expect(await objections(page, '[data-testid="replay"]', '[data-testid="branches"]')).toEqual(
      [],
    );
  });

  // By default what a run that differs comes to is asked in tests/unit/state/actions.test.ts.
  test('tells when it was changed', { tag: '@thorough' }, async ({ page }) => {
    const href = await record(page);
    // Somebody changed the fifth written token in the link.
    const ids = idsOf(href);
    const changed = ids.with(14, ids[14] === '2s' ? '2t' : '2s');
    await leave(page);
    await page.goto(`./?device=cpu${new URL(href).hash.replace(ids.join('.'), changed.join('.'))}`);
    await button(page, 'Run live').click();
    await expect(replay(page)).toContainText('differs at token 5 of');
    await expect(replay(page)).toContainText(/recorded “[^”]+”, here “[^”]+”/u);
    await expect(chip(page, 14)).toHaveAttribute('data-differs');
    await expect(chips(page)).toHaveCount(18);
    await button(page, 'token 5 of 8').click();
    await expect(chip(page, 14)).toHaveAttribute('aria-selected', 'true');
  });

  test(
    'keeps what was on the page before within reach of undo, and survives a reload',
    { tag: '@thorough' },
    async ({ page }) => {
      const href = await record(page);
      await prompt(page).fill('My own words');
      await expect.poll(() => wholeText(page)).toBe('My own words');
      // Into the address line of the page that is open: no new page is asked for.
      await page.evaluate((hash) => location.assign(hash), new URL(href).hash);
      await expect(replay(page)).toBeVisible();
      await expect(chips(page)).toHaveCount(18);
      await button(page, 'Undo').click();
      await expect.poll(() => wholeText(page)).toBe('My own words');
      await expect(replay(page)).toBeHidden();
      await button(page, 'Redo').click();
      await expect(chips(page)).toHaveCount(18);
      await expect(replay(page)).toBeVisible();
      await expect(page.locator('[data-branch]')).toHaveCount(2);
      await leave(page);
      await page.goto(`./?device=cpu${new URL(href).hash}`);
      await expect(replay(page)).toBeVisible();
      await page.reload();
      await expect(replay(page)).toBeVisible();
      await expect(chips(page)).toHaveCount(18);
    },
  );

  test(
    'that is broken says so in words and leaves the prompt',
    { tag: '@thorough' },
    async ({ page }) => {
      await open(page, {
        at: '?device=cpu#v=1&texts=a-!!&off=x&pins=99.99_1.1&head=q&prompt=Still+here',
      });
      await expect(notes(page)).toContainText('recorded tokens cannot be read');
      await expect(prompt(page)).toHaveValue('Still here');
      await expect(replay(page)).toBeHidden();
      await leave(page);
      await open(page, { at: '?device=cpu#v=1&texts=1-5.zzzz&prompt=Unknown+token' });
      await expect(notes(page)).toContainText('does not know all of the recorded tokens');
      await expect.poll(() => wholeText(page)).toBe('Unknown token');
      await leave(page);
      await open(page, { at: '?device=cpu#v=1&texts=2-2s.7s&pins=99.99_1.1&off=h50.1z&prompt=x' });
      await expect(notes(page)).toContainText('heads or parts that tales-7m does not have');
      await expect(replay(page)).toBeVisible();
      await expect(page.getByTestId('off-chips')).toBeHidden();
    },
  );
});

test(
  'a link costs nobody their own text: undo brings it back, after a reload too',
  { tag: '@thorough' },
  async ({ page }) => {
    await closeViews(page);
    await open(page, { at: '?device=cpu&seed=7&max_new_tokens=3' });
    await generate(page);
    await expect(chips(page)).toHaveCount(13);
    const own = await wholeText(page);
    await leave(page);
    await open(page, { at: '?device=cpu&seed=7#prompt=Hello+there' });
    await expect(page.getByTestId('replaced')).toContainText('Undo brings yours back');
    await expect(notes(page)).toBeHidden();
    await expect(chips(page)).toHaveCount(4);
    await page.reload();
    await untilReady(page);
    await expect(chips(page)).toHaveCount(4);
    await button(page, 'Undo').click();
    await expect(chips(page)).toHaveCount(13);
    expect(await wholeText(page)).toBe(own);
    // From here on it is the person's again, in the address too, and stays.
    await expect(page).not.toHaveURL(/Hello/u);
    await page.reload();
    await untilReady(page);
    expect(await wholeText(page)).toBe(own);
  },
);

// The lessons, from the first to the sheet: each waits for an answer, and goes on by its gesture.
import { expect, type Locator, type Page } from '@playwright/test';
import { objections } from './axe.ts';
import { bars, chip, open, prompt, untilSeen } from './helpers.ts';
import { test } from './window.ts';

const card = (page: Page): Locator => page.locator('[data-region="lesson"]');
const next = (page: Page): Locator =>
  card(page).getByRole('button', { name: /^(Next|To your answers)$/u });

interface Hand {
  readonly press: (what: Locator) => Promise<void>;
}

const keys: Hand = {
  async press(what) {
    await what.focus();
    await what.press('Enter');
  },
};
const finger: Hand = { press: (what) => what.tap() };

/** What each step covers, what is answered, and how its gesture is made. */
const STEPS: readonly {
  readonly covered: (page: Page) => Locator;
  readonly answer: string;
  readonly gesture: (page: Page, hand: Hand) => Promise<void>;
  readonly learned: RegExp;
}[] = [
  {
    covered: (page) => page.getByTestId('text'),
    answer: '6',
    gesture: async (page) => prompt(page).fill('Ada'),
    learned: /8,192 pieces/u,
  },
  {
    covered: (page) => page.getByTestId('next-token').getByRole('table'),
    answer: 'daughters',
    gesture: async (page, { press }) =>
      press(page.getByTestId('next-token').locator('tbody button').first()),
    learned: /“sons” 42/u,
  },
  {
    covered: (page) => page.getByTestId('next-token').getByRole('table'),
    answer: 'It has the next piece alone',
    async gesture(page, { press }) {
      for (let i = 0; i < 5; i++) {
        const count = await page.locator('[data-testid="text"] [data-i]').count();
        await press(page.getByRole('button', { name: '1 token' }));
        await expect(page.locator('[data-testid="text"] [data-i]')).toHaveCount(count + 1);
      }
    },
    learned: /Only the next piece/u,
  },
  {
    covered: (page) => page.getByTestId('next-token').getByRole('table'),
    answer: 'It gets shorter',
    gesture: async (page) => page.getByRole('spinbutton', { name: 'Temperature' }).fill('2'),
    learned: /gives “was” 24/u,
  },
  {
    covered: (page) => page.getByTestId('text'),
    answer: 'kettle',
    async gesture(page, { press }) {
      await page.getByTestId('text').locator('[tabindex="0"]').focus();
      await page.keyboard.press('ArrowLeft');
      const other = page.getByTestId('next-token').locator('tbody tr:not([class]) button');
      await expect(page.locator('#next-title')).toContainText('Instead of');
      await press(other.first());
    },
    learned: /“kettle” has 15/u,
  },
  {
    covered: (page) => page.getByRole('tabpanel', { name: 'Lens' }),
    answer: 'layer 9',
    async gesture(page) {
      const lens = page.getByRole('tabpanel', { name: 'Lens' });
      await untilSeen(lens.locator('canvas').first());
      await lens.locator('[tabindex="0"]').first().focus();
      await page.keyboard.press('ArrowUp');
      await page.keyboard.press('Enter');
    },
    learned: /From layer 9 on/u,
  },
  {
    covered: (page) => page.getByTestId('text'),
    answer: 'robots',
    gesture: async (page, { press }) => press(page.getByRole('button', { name: /^Generate/u })),
    learned: /times likelier/u,
  },
  {
    covered: (page) => page.getByTestId('text'),
    answer: 'Russian',
    gesture: async (page) => prompt(page).fill('Apfelbaum'),
    learned: /English 3 pieces/u,
  },
];

async function play(page: Page, hand: Hand): Promise<void> {
  const watch = await open(page, { at: '?device=cpu&max_new_tokens=8#learn=1', ready: false });
  for (const [i, { covered, answer, gesture, learned }] of STEPS.entries()) {
    await expect(card(page).getByText(`Step ${i + 1} of 8`)).toBeVisible();
    // The step is in the address, for whoever comes by it.
    await expect.poll(() => new URL(page.url()).hash).toContain(`learn=${i + 1}`);
    await untilSeen(card(page).getByRole('button', { name: 'Skip, and show it' }));
    await expect(covered(page)).toBeHidden();
    expect(await objections(page, '[data-region="lesson"]')).toEqual([]);
    const field = card(page).getByRole('textbox');
    if ((await field.count()) === 0) {
      await hand.press(card(page).getByRole('button', { name: answer, exact: true }));
    } else {
      await field.fill(answer);
      await field.press('Enter');
    }
    await expect(covered(page)).toBeVisible();
    // What was pressed is gone; the keyboard goes on where the answer stands.
    await expect(card(page).locator(':focus')).toContainText('It is');
    // By its gesture, and by nothing else.
    await expect(card(page).getByRole('status')).toBeEmpty();
    await gesture(page, hand);
    await expect(card(page).getByRole('status')).toContainText(learned, { timeout: 20_000 });
    await hand.press(next(page));
  }
  const sheet = card(page).getByRole('table');
  for (const [i, { answer }] of STEPS.entries()) {
    await expect(sheet.getByRole('row').nth(i + 1)).toContainText(answer);
  }
  expect(await objections(page)).toEqual([]);
  expect(watch.errors).toEqual([]);
}

test('all lessons by the keyboard; the sheet, a reload and the way out', async ({ page }) => {
  test.setTimeout(120_000);
  await page.setViewportSize({ width: 1366, height: 768 });
  await play(page, keys);
  await page.reload();
  await expect(card(page).getByRole('table')).toContainText('daughters');
  // On paper the sheet stands alone.
  await page.emulateMedia({ media: 'print' });
  await expect(page.getByTestId('print')).toBeHidden();
  await expect(card(page).getByRole('table')).toBeVisible();
  await expect(card(page).getByRole('button', { name: 'Print' })).toBeHidden();
  await page.emulateMedia({ media: null });
  await keys.press(card(page).getByRole('button', { name: 'Leave the lessons' }));
  await expect(card(page)).toBeHidden();
  await untilSeen(bars(page).first());
  await expect(chip(page, 0)).toBeVisible();
  expect(new URL(page.url()).hash).not.toContain('learn');
});

test.describe('by touch', () => {
  test.use({ hasTouch: true, viewport: { width: 390, height: 844 } });

  test('all lessons on a phone', { tag: '@thorough' }, async ({ page }) => {
    test.setTimeout(180_000);
    await play(page, finger);
  });
});

// The lessons, from the first to the sheet: each waits for an answer, and goes on by its gesture.
import { readFileSync } from 'node:fs';
import { expect, type Locator, type Page } from '@playwright/test';
import { objections } from './axe.ts';
import { atlas, bars, chip, copyLink, heatmap, open, prompt, tile, untilSeen } from './helpers.ts';
import { forget, test } from './window.ts';

const SKIP = 'Skip, and show it';

const card = (page: Page): Locator => page.locator('[data-region="lesson"]');
const next = (page: Page): Locator => card(page).getByRole('button', { name: /^(Next|Finish)$/u });

const strongest = (page: Page): Locator => page.getByTestId('strongest');

interface Hand {
  readonly press: (what: Locator) => Promise<void>;
  /** Goes from the head in front to another tile, and takes it. */
  readonly take: (page: Page, layer: number, head: number) => Promise<void>;
}

const keys: Hand = {
  async press(what) {
    await what.focus();
    await what.press((await what.getAttribute('type')) === 'radio' ? ' ' : 'Enter');
  },
  async take(page, layer, head) {
    await page.getByTestId('atlas').focus();
    const away = async (name: string, to: number): Promise<number> =>
      to - Number(await heatmap(page).getAttribute(`data-${name}`));
    const [down, right] = [await away('layer', layer), await away('head', head)];
    for (let i = 0; i < Math.abs(down); i++) {
      await page.keyboard.press(down > 0 ? 'ArrowDown' : 'ArrowUp');
    }
    for (let i = 0; i < Math.abs(right); i++) {
      await page.keyboard.press(right > 0 ? 'ArrowRight' : 'ArrowLeft');
    }
    await page.keyboard.press('Enter');
    await expect(heatmap(page)).toHaveAttribute('data-layer', String(layer));
    await expect(heatmap(page)).toHaveAttribute('data-head', String(head));
  },
};
const finger: Hand = {
  press: (what) => what.tap(),
  take: async (page, layer, head) => atlas(page).tap({ position: await tile(page, layer, head) }),
};

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
    learned: /knows 8,192/u,
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
    async gesture(page, { press }) {
      const knob = page.getByRole('spinbutton', { name: 'Temperature' });
      const generate = page.getByRole('button', { name: /^Generate/u });
      for (const temperature of ['0.2', '2']) {
        const before = await page.locator('[data-testid="text"] [data-i]').count();
        await knob.fill(temperature);
        await press(generate);
        await expect(page.locator('[data-testid="text"] [data-i]')).toHaveCount(before + 12);
      }
      await page.getByRole('spinbutton', { name: 'Top-k' }).fill('3');
      await expect(page.getByTestId('next-token')).toContainText('Kept 3 of');
    },
    learned: /gives “was” 24[^]* a k of 3 leaves the 3 likeliest/u,
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
    covered: (page) => page.getByRole('tabpanel', { name: 'Attention' }),
    answer: 'ring',
    async gesture(page) {
      await expect(strongest(page)).toContainText('“she” looks most at “queen” 95');
      await prompt(page).fill('In the wood lived a bear who');
      await expect(strongest(page)).toContainText('looks most at “bear”');
    },
    learned: /from “she” at “queen” with 95[^]* at “bear” with 88/u,
  },
  {
    covered: (page) => page.getByRole('tabpanel', { name: 'Attention' }),
    answer: '72',
    async gesture(page, { take }) {
      const words = await card(page)
        .getByText(/^Now (click|tap) two tiles/u)
        .textContent();
      const named = [...(words ?? '').matchAll(/head (\d+)\.(\d+)/gu)];
      expect(named).toHaveLength(2);
      for (const [, layer = '', head = ''] of named) await take(page, Number(layer), Number(head));
    },
    learned: /3 of 144\. Head \d+\.\d+ finds the verb/u,
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
    covered: (page) => page.getByRole('tabpanel', { name: 'Switch off' }),
    answer: 'Both matter alike',
    async gesture(page, { press }) {
      const each = page.getByRole('button', { name: 'Switch each part off in turn' });
      // On a phone, too, it is not under the card.
      const [button, box] = [await each.boundingBox(), await card(page).boundingBox()];
      if ((page.viewportSize()?.width ?? 0) < 800) {
        expect((button?.y ?? 0) + (button?.height ?? 0)).toBeLessThanOrEqual(box?.y ?? 0);
      }
      await press(each);
      const telling = page.getByRole('button', { name: /^Switch head \d+\.\d+ off$/u });
      await untilSeen(telling);
      await expect(card(page).getByRole('status')).toBeEmpty();
      await press(telling);
      await expect(card(page).getByRole('status')).toBeEmpty();
      const words = await card(page)
        .getByText(/^Now press “Switch each/u)
        .textContent();
      for (const [, head = ''] of (words ?? '').matchAll(/(\d+\.\d+)/gu)) {
        await press(page.getByRole('button', { name: `Head ${head} off`, exact: true }));
      }
    },
    learned: /“time” has 17/u,
  },
  {
    covered: (page) => page.getByRole('tabpanel', { name: 'Switch off' }),
    answer: 'All words, but not their order',
    gesture: async (page, { press }) =>
      press(page.getByRole('button', { name: 'All attention off' })),
    learned: /After a comma it says “and”/u,
  },
  {
    covered: (page) => page.getByTestId('text'),
    answer: 'robots',
    async gesture(page, { press }) {
      // The tenth of the list, which the words speak of.
      const told = page.getByTestId('next-token').getByRole('button', { name: /horses/u });
      if ((page.viewportSize()?.width ?? 0) > 800) await expect(told).toBeInViewport({ ratio: 1 });
      await press(page.getByRole('button', { name: /^Generate/u }));
    },
    learned: /times likelier/u,
  },
  {
    covered: (page) => page.getByTestId('text'),
    answer: 'Russian',
    gesture: async (page) => prompt(page).fill('Apfelbaum'),
    learned: /English 3 pieces/u,
  },
];

const OWN = 'The old cat';

/** A phone's card leaves half of the window to what it is about. */
async function leavesRoom(page: Page): Promise<void> {
  const { width, height } = page.viewportSize() ?? { width: 0, height: 0 };
  if (width < 800) expect((await card(page).boundingBox())?.height).toBeLessThanOrEqual(height / 2);
}

interface Played {
  /** From 1; the others are passed over. */
  readonly steps: readonly number[];
  /** What axe looks at in each step; nothing for the whole page. */
  readonly looked: readonly string[];
}
const ALL: Played = { steps: STEPS.map((_, i) => i + 1), looked: [] };

async function play(page: Page, hand: Hand, { steps, looked }: Played): Promise<void> {
  const at = `?device=cpu&max_new_tokens=8#${new URLSearchParams({ prompt: OWN }).toString()}`;
  const watch = await open(page, { at, ready: false });
  await hand.press(page.getByRole('navigation').getByRole('button', { name: 'Learn' }));
  // Before the first, two questions.
  await expect(card(page).getByRole('heading')).toContainText('Two questions first');
  expect(await objections(page, ...looked)).toEqual([]);
  await hand.press(card(page).getByRole('radio', { name: 'It has the whole sentence ready' }));
  await hand.press(card(page).getByRole('radio', { name: 'Yes, or it would look elsewhere' }));
  await hand.press(card(page).getByRole('button', { name: 'Begin' }));
  for (const [i, { covered, answer, gesture, learned }] of STEPS.entries()) {
    await expect(card(page).getByText(`Step ${i + 1} of ${STEPS.length}`)).toBeVisible();
    if (!steps.includes(i + 1)) {
      await hand.press(next(page));
      continue;
    }
    // The step is in the address, for whoever comes by it; its text is not.
    await expect.poll(() => new URL(page.url()).hash).toBe(`#learn=${i + 1}`);
    await untilSeen(card(page).getByRole('button', { name: SKIP }));
    await expect(covered(page)).toBeHidden();
    await leavesRoom(page);
    const field = card(page).getByRole('textbox');
    if ((await field.count()) === 0) {
      await hand.press(card(page).getByRole('button', { name: answer, exact: true }));
    } else {
      await field.fill(answer);
      await field.press('Enter');
    }
    await expect(covered(page)).toBeVisible();
    expect(await objections(page, ...looked)).toEqual([]);
    await leavesRoom(page);
    // What was pressed is gone; the keyboard goes on where the answer stands.
    await expect(card(page).locator(':focus')).toContainText(/It is|That is right|Likeliest is/u);
    // By its gesture, and by nothing else.
    await expect(card(page).getByRole('status')).toBeEmpty();
    await gesture(page, hand);
    await expect(card(page).getByRole('status')).toContainText(learned, { timeout: 20_000 });
    await leavesRoom(page);
    await hand.press(next(page));
  }
  await expect(card(page).getByRole('heading')).toContainText('The two questions again');
  await hand.press(card(page).getByRole('radio', { name: 'It has the next piece alone' }));
  await hand.press(card(page).getByRole('radio', { name: /^It may or may not/u }));
  await hand.press(card(page).getByRole('button', { name: 'To the sheet' }));
  const [sheet, both] = [
    card(page).getByRole('table').first(),
    card(page).getByRole('table').last(),
  ];
  for (const step of steps) {
    await expect(sheet.getByRole('row').nth(step)).toContainText(STEPS[step - 1]?.answer ?? '');
  }
  await expect(both.getByRole('row').nth(1)).toContainText(
    /ready \(not right\)\s*It has the next piece alone \(right\)\s*It has the next piece alone/u,
  );
  expect(await objections(page)).toEqual([]);
  expect(watch.errors).toEqual([]);
}

test('lessons by the keyboard, the sheet, a reload, the way out, and a link to a step', async ({
  page,
  context,
}) => {
  test.setTimeout(240_000);
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.setViewportSize({ width: 1366, height: 768 });
  // All of them, and the whole page in each, are for the thorough run, below.
  await play(page, keys, { steps: [1, 5, 9], looked: ['[data-region="lesson"]'] });

  // What was said is taken away in three ways.
  const words =
    /I said before: It has the whole sentence ready \(not right\)\nI said after: It has the next piece/u;
  await keys.press(card(page).getByRole('button', { name: 'Copy', exact: true }));
  await expect.poll(async () => page.evaluate(() => navigator.clipboard.readText())).toMatch(words);
  const download = page.waitForEvent('download');
  await keys.press(card(page).getByRole('button', { name: 'Save as text' }));
  const file = await download;
  expect(file.suggestedFilename()).toBe('glass-gpt-lessons.txt');
  expect(readFileSync(await file.path(), 'utf8')).toMatch(words);
  await page.evaluate(() => {
    globalThis.print = () => void (document.documentElement.dataset.printed = 'yes');
  });
  await keys.press(card(page).getByRole('button', { name: 'Print' }));
  await expect(page.locator('html')).toHaveAttribute('data-printed', 'yes');

  // A second thought keeps the answers.
  await keys.press(card(page).getByRole('button', { name: 'Begin again' }));
  await keys.press(card(page).getByRole('button', { name: 'No', exact: true }));
  await expect(card(page).getByRole('button', { name: 'Begin again' })).toBeFocused();

  await page.reload();
  await expect(card(page).getByRole('table').first()).toContainText('Both matter alike');
  // On paper the sheet stands alone.
  await page.emulateMedia({ media: 'print' });
  await expect(page.getByTestId('print')).toBeHidden();
  await expect(card(page).getByRole('table').first()).toBeVisible();
  await expect(card(page).getByRole('button', { name: 'Print' })).toBeHidden();
  await page.emulateMedia({ media: null });

  // A link to a step, with the token that is selected there, for somebody who was never here.
  await keys.press(card(page).getByRole('button', { name: /Surprise/u }));
  await expect(card(page).getByRole('status')).toContainText('“kettle” has 15');
  await chip(page, 6).click();
  await expect(page.locator('#next-title')).toContainText('Instead of');
  const link = await copyLink(page);
  const named = Object.fromEntries(new URLSearchParams(new URL(link).hash.slice(1)));
  expect(named).toMatchObject({ learn: '5', at: '6', device: 'cpu' });

  // Left, the page is as it was before the first step.
  await keys.press(card(page).getByRole('button', { name: 'Leave the lessons' }));
  await expect(card(page)).toBeHidden();
  await expect(prompt(page)).toHaveValue(OWN);
  await expect(page.getByRole('spinbutton', { name: 'Temperature' })).toHaveValue('0.8');
  await untilSeen(bars(page).first());
  await expect.poll(() => new URL(page.url()).hash).toBe('#prompt=The+old+cat');

  await forget(page);
  await page.goto(link);
  await untilSeen(card(page).getByRole('button', { name: SKIP }));
  await expect(card(page).getByText('Step 5 of 12')).toBeVisible();
  await expect(page.getByTestId('text')).toBeHidden();
  await expect(page.getByRole('banner')).toContainText('on the processor');
  await keys.press(card(page).getByRole('button', { name: SKIP }));
  await expect(page.locator('#next-title')).toContainText('Instead of');
  await expect(prompt(page)).toHaveValue(/^Once upon a time there was an old woman/u);
  // Its text is what the sender sent: it stays when the lessons are left.
  await keys.press(card(page).getByRole('button', { name: 'Leave the lessons' }));
  await expect(prompt(page)).toHaveValue(/^Once upon a time there was an old woman/u);

  // Who begins again is asked once, and then has answered nothing.
  await keys.press(page.getByRole('navigation').getByRole('button', { name: 'Learn' }));
  for (let step = 5; step <= 12; step++) {
    await keys.press(next(page));
    // At once: whoever reloads now stays at this step.
    expect(await page.evaluate(() => location.hash)).toContain(`learn=${step + 1}`);
  }
  await keys.press(card(page).getByRole('button', { name: 'Skip', exact: true }));
  await expect(card(page).getByText('You answered 0 of 12 questions.')).toBeVisible();
  await keys.press(card(page).getByRole('button', { name: 'Begin again' }));
  await expect(card(page).getByText('forgets your answers')).toBeVisible();
  await keys.press(card(page).getByRole('button', { name: 'Yes' }));
  await expect(card(page).getByRole('heading')).toContainText('Two questions first');
  await expect(card(page).getByRole('heading')).toBeFocused();
});

test('all lessons by the keyboard', { tag: '@thorough' }, async ({ page }) => {
  test.setTimeout(240_000);
  await page.setViewportSize({ width: 1366, height: 768 });
  await play(page, keys, ALL);
});

test.describe('by touch', () => {
  test.use({ hasTouch: true, viewport: { width: 390, height: 844 } });

  test('all lessons on a phone', { tag: '@thorough' }, async ({ page }) => {
    test.setTimeout(240_000);
    await play(page, finger, ALL);
  });
});

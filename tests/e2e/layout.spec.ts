// What is in sight, and how large it is, at the sizes that people have.
import { expect, type Locator, type Page } from '@playwright/test';
import { objections } from './axe.ts';
import {
  bars,
  button,
  chip,
  generate,
  generateButton,
  mapCanvas,
  open,
  openView,
  readout,
  setLength,
  writePrompt,
} from './helpers.ts';
import { test } from './window.ts';

/** From top to bottom inside the window, without scrolling. */
async function expectInSight(page: Page, ...parts: Locator[]): Promise<void> {
  for (const part of parts) {
    await expect(part).toBeVisible();
    const box = await part.boundingBox();
    const { height, scrolled } = await page.evaluate(() => ({
      height: innerHeight,
      scrolled: scrollY,
    }));
    expect(scrolled).toBe(0);
    expect(box?.y ?? -1, `${part.toString()} begins below the top`).toBeGreaterThanOrEqual(0);
    expect(
      (box?.y ?? 0) + (box?.height ?? Infinity),
      `${part.toString()} ends`,
    ).toBeLessThanOrEqual(height);
  }
}

test('each view shows its finding, picture and button at 1280 × 720 and at 1366 × 768', async ({
  page,
}) => {
  await page.setViewportSize({ width: 1280, height: 720 });
  await open(page);
  await setLength(page, 12);
  await page.getByText('More', { exact: true }).click();
  await generate(page);
  await expectViewsInSight(page);
  // Behind another view, so that the map is drawn for this window from the first.
  await page.setViewportSize({ width: 1366, height: 768 });
  await openView(page, 'Attention');
  await expectViewsInSight(page);
});

test('a text that does not fit grows to be read, as it is read, in pieces or with its numbers, and no view goes under the edge', async ({
  page,
}) => {
  await page.setViewportSize({ width: 1440, height: 900 });
  await open(page);
  const stage = page.getByRole('region', { name: 'Text', exact: true });
  const text = page.getByTestId('text');
  const height = async (): Promise<number> => (await stage.boundingBox())?.height ?? 0;
  const short = await height();
  await setLength(page, 120);
  await generate(page);
  expect(await height()).toBeGreaterThan(short);
  expect(await countInSight(page)).toBeGreaterThanOrEqual(72);
  await expectInSight(page, mapCanvas(page), page.getByTestId('head-sentence'), readout(page));
  await expectWholeRows(page);

  // By keyboard; every token can be chosen in each of them.
  const underline = async (): Promise<string> =>
    chip(page, 12)
      .locator(':scope > :last-child')
      .evaluate((word) => {
        return getComputedStyle(word).backgroundImage;
      });
  const number = async (): Promise<string> =>
    chip(page, 12).evaluate((one) => getComputedStyle(one, '::after').content);
  expect(await underline()).toContain('gradient');
  await page.getByRole('radio', { name: 'pieces', exact: true }).focus();
  await page.keyboard.press('ArrowLeft');
  await expect(page.getByRole('radio', { name: 'plain', exact: true })).toBeChecked();
  await expect.poll(underline).toBe('none');
  expect(await countInSight(page)).toBeGreaterThanOrEqual(72);
  await chip(page, 126).click();
  await expect(readout(page)).toContainText('probability');

  // The way on to the numbers is round the corner; they are those of the readout, and a reload keeps the choice.
  await page.getByRole('radio', { name: 'plain', exact: true }).focus();
  await page.keyboard.press('ArrowLeft');
  expect(await number()).toMatch(/^"\d+"$/u);
  // The words have moved under the pointer, and the readout is about what that is on.
  await page.mouse.move(0, 0);
  await text.locator('[aria-selected="true"]').focus();
  await page.keyboard.press('ArrowLeft');
  const id = await chip(page, 125).evaluate((one) => getComputedStyle(one, '::after').content);
  await expect(readout(page)).toContainText(`id ${id.replaceAll('"', '')}`);
  expect(await objections(page)).toEqual([]);
  await page.reload();
  await expect(page.getByRole('radio', { name: 'ids', exact: true })).toBeChecked();

  // What fits again gives the room back.
  await writePrompt(page, 'Once upon a time', 4);
  await expect.poll(height).toBe(short);
});

/** Tokens that are whole inside the frame of the text. */
async function countInSight(page: Page): Promise<number> {
  return page.getByTestId('text').evaluate((list) => {
    const frame = list.parentElement?.getBoundingClientRect();
    return [...list.querySelectorAll('[data-i]')].filter((one) => {
      const { top, bottom } = one.getBoundingClientRect();
      return frame !== undefined && top >= frame.top && bottom <= frame.bottom;
    }).length;
  });
}

/** From the attention view on, which is open. */
async function expectViewsInSight(page: Page): Promise<void> {
  await expectInSight(page, generateButton(page), page.locator('#token-readout'));
  await expectWholeRows(page);

  // The picture of a view, what it says, and what there is to press.
  await expectInSight(
    page,
    mapCanvas(page),
    page.getByTestId('head-sentence'),
    button(page, 'Switch off'),
  );
  // The map ends before the words beside it.
  const [map, words] = await Promise.all([
    mapCanvas(page).boundingBox(),
    page.getByTestId('head-sentence').boundingBox(),
  ]);
  expect((map?.x ?? 0) + (map?.width ?? Infinity)).toBeLessThanOrEqual(words?.x ?? 0);

  await openView(page, 'Lens');
  await expect(page.getByTestId('lens-finding')).not.toContainText('being worked out');
  await expectInSight(
    page,
    page.getByTestId('lens-finding'),
    page.getByTestId('lens-grid'),
    page.getByRole('textbox', { name: 'Follow a word' }),
  );
  // The norms stand beside the guesses; their words have the width of both.
  const caption = await page.getByTestId('norms').locator('figcaption').boundingBox();
  const guesses = await page.getByTestId('lens-grid').boundingBox();
  expect(caption?.width).toBeGreaterThan(guesses?.width ?? Infinity);
  expect(caption?.y).toBeGreaterThan((guesses?.y ?? Infinity) + (guesses?.height ?? 0));

  await openView(page, 'Sampler');
  await expectInSight(
    page,
    page.getByTestId('sampling-finding'),
    page.getByTestId('sampling-steps'),
    page.getByTestId('sampling-draw'),
  );

  await openView(page, 'Switch off');
  await expectInSight(
    page,
    page.getByTestId('parts-finding'),
    page.getByTestId('parts-map'),
    page.getByRole('button', { name: 'MLP 11 off' }),
    button(page, 'Switch each part off in turn'),
  );

  await openView(page, 'Model');
  const machine = page.getByTestId('machine');
  await expect(page.getByTestId('machine-finding')).toBeVisible();
  await expectInSight(
    page,
    machine.getByRole('button', { name: /^Let .* travel through$/u }),
    machine.locator('svg').first(),
    page.getByTestId('machine-finding'),
  );
  const tree = page.getByRole('region', { name: 'Module tree' });
  expect(await tree.evaluate((box) => box.scrollWidth - box.clientWidth)).toBe(0);
}

test('three maps say whole where their heads look, and a fourth in focus has room beside them', async ({
  page,
}) => {
  await page.setViewportSize({ width: 1280, height: 720 });
  await open(page);
  const pin = async (layer: string, head: string): Promise<void> => {
    await page.getByRole('combobox', { name: 'Layer' }).selectOption(layer);
    await page.getByRole('combobox', { name: 'Head' }).selectOption(head);
    await button(page, 'Pin').click();
  };
  await pin('0', '3');
  await pin('7', '8');
  await pin('10', '2');
  const names = page.getByRole('button', { name: /^[A-Z]?\d+\.\d+ “/u });
  const maps = mapCanvas(page).or(page.getByTestId('pinned-map').locator('canvas'));
  const expected = async (count: number): Promise<void> => {
    await expect(names).toHaveCount(count);
    await expect(maps).toHaveCount(count);
    for (const name of await names.all()) {
      expect(await name.evaluate((box) => box.scrollWidth - box.clientWidth)).toBe(0);
    }
    await expectInSight(page, ...(await maps.all()));
  };
  await expected(3);
  await page.getByRole('combobox', { name: 'Head' }).selectOption('5');
  await expected(4);
  await expect(page.getByRole('button', { name: /^Unpin head/u })).toHaveCount(3);
  await page.setViewportSize({ width: 390, height: 844 });
  await expectWholeRows(page);
  expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBe(0);
});

/** No row of the candidates is cut by the edge of their pane, and there are some. */
async function expectWholeRows(page: Page): Promise<void> {
  const cut = await page.getByTestId('next-token').evaluate((pane) => {
    const edge = pane.getBoundingClientRect().bottom;
    const rows = [...pane.querySelectorAll('tbody tr')].map((row) => row.getBoundingClientRect());
    const scroller = pane.querySelector('table')?.parentElement?.getBoundingClientRect().bottom;
    const seen = Math.min(edge, scroller ?? edge);
    const inSight = rows.filter(({ top }) => top < seen - 1);
    return { count: inSight.length, cut: inSight.filter(({ bottom }) => bottom > seen + 1).length };
  });
  expect(cut.count).toBeGreaterThan(4);
  expect(cut.cut).toBe(0);
}

/** The first bar, the percents that stand beside it, and its track, in pixels. */
async function readBar(page: Page): Promise<{ bar: number; percent: number; track: number }> {
  return bars(page)
    .first()
    .evaluate((element) => {
      const track = element.parentElement;
      return {
        bar: element.getBoundingClientRect().width,
        percent: Number.parseFloat(track?.nextElementSibling?.textContent ?? ''),
        track: track?.getBoundingClientRect().width ?? 0,
      };
    });
}

test(
  'bars of two texts have one axis, which has room, also where the text forks',
  { tag: '@thorough' },
  async ({ page }) => {
    await page.setViewportSize({ width: 1280, height: 720 });
    await open(page);
    const leads = page.getByTestId('kept');
    const expected = async (): Promise<void> => {
      const { bar, percent, track } = await readBar(page);
      expect(track).toBeGreaterThanOrEqual(160);
      // The number is rounded to a half of a percent, and the smallest bar has a pixel.
      expect(Math.abs(bar - (percent / 100) * track)).toBeLessThan(2);
    };
    for (const [words, leader] of [
      ['The dog barked at the', '“door”'],
      // A quotation mark in curly ones would be three in a row.
      ['The king said to his daughter,', '‹"›'],
    ] as const) {
      await writePrompt(page, words);
      await expect(leads).toContainText(`${leader} leads with`);
      await expected();
    }
    await page.getByTestId('next-token').locator('tbody button').nth(2).click();
    // In every frame: no bar is on its way from another text's.
    for (let i = 0; i < 10; i++) await expected();
    await page.setViewportSize({ width: 390, height: 844 });
    await expected();
  },
);

test('numbers keep apart where parts are off', { tag: '@thorough' }, async ({ page }) => {
  await page.setViewportSize({ width: 1280, height: 720 });
  await open(page);
  await openView(page, 'Switch off');
  await page.getByRole('button', { name: 'MLP 0 off' }).click();
  const next = page.getByTestId('next-token');
  await expect(next.getByText('All on')).toBeVisible();
  await expect(next).toContainText('< 0.01 %');
  const gaps = await next.locator('tbody tr').evaluateAll((rows) =>
    rows.map((row) => {
      const ends = (part: Element | null | undefined): DOMRect => {
        const range = document.createRange();
        range.selectNodeContents(part ?? row);
        return range.getBoundingClientRect();
      };
      const [, sampled, raw] = row.children;
      return ends(raw).left - ends(sampled?.lastElementChild).right;
    }),
  );
  expect(gaps.length).toBeGreaterThan(5);
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(4);
});

test('in a window twice magnified, Generate brings the text into sight', async ({ page }) => {
  await page.setViewportSize({ width: 640, height: 360 });
  await open(page, { at: '?device=cpu&max_new_tokens=4' });
  await generateButton(page).scrollIntoViewIfNeeded();
  await expect(page.getByTestId('text')).not.toBeInViewport({ ratio: 0.9 });
  await generate(page);
  await expect(page.getByTestId('text').locator('[data-end]')).toBeInViewport();
});

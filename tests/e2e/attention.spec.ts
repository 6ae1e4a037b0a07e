import { expect, type Locator, type Page } from '@playwright/test';
import { objections } from './axe.ts';
import {
  atlas,
  DEVICES,
  button,
  chip,
  chips,
  ENDLESS,
  generateButton,
  heatmap,
  mapCanvas,
  open,
  readPixels,
  setLength,
  tile,
  writePrompt,
} from './helpers.ts';
import { test } from './window.ts';

const TEXT = 'The old king had three sons and the youngest was called Hans. '.repeat(30);

/** Long enough to name heads by. */
const TALE =
  'There was an old man who had a goose. "Where are you going?" asked the goose. "I am going home," said the man. He went into the house and sat down, and then he said, "Give me some bread." The woman gave him bread and he was glad. But the goose was sad, and ran into the wood, and the fox came and said, "Come with me."';

const pinned = (page: Page): Locator => page.getByTestId('pinned-map');

async function clickTile(page: Page, layer: number, head: number): Promise<void> {
  await atlas(page).click({ position: await tile(page, layer, head) });
}

/** Waits until the heads have names and patterns, so that nothing is asked any more. */
async function settled(page: Page): Promise<void> {
  await expect(page.getByTestId('head-sentence')).toContainText(/in (?:this|a fixed) text/u);
}

test.describe('the atlas of heads', () => {
  for (const { device, tag } of DEVICES) {
    test(
      `shows every head in one picture, and another one for another token, mode or scale; the dimmed first token keeps its number, on ${device}`,
      { tag },
      async ({ page }) => {
        await open(page, { at: `?device=${device}` });
        await settled(page);
        await expect(atlas(page)).toHaveAttribute('data-query', '9');
        const seen = [await readPixels(atlas(page))];
        expect(seen[0]?.colours).toBeGreaterThan(20);
        await chip(page, 8).click();
        await expect(atlas(page)).toHaveAttribute('data-query', '8');
        seen.push(await readPixels(atlas(page)));
        await page.getByRole('radio', { name: 'Pattern' }).check({ force: true });
        await expect(atlas(page)).toHaveAttribute('data-mode', 'patterns');
        seen.push(await readPixels(atlas(page)));
        const words = page.getByTestId('atlas-finding');
        const number = /gives the first token, “Once”, [\d.]+.% of its attention/u;
        await expect(words).toContainText(number);
        const before = await words.textContent();
        await page.getByRole('checkbox', { name: 'Dim first token' }).uncheck();
        await expect(words).toHaveText(before ?? '');
        await expect
          .poll(async () => (await readPixels(atlas(page))).print)
          .not.toBe(seen[2]?.print);
        seen.push(await readPixels(atlas(page)));
        await page.getByRole('radio', { name: 'linear' }).check();
        await expect
          .poll(async () => (await readPixels(atlas(page))).print)
          .not.toBe(seen[3]?.print);
        expect(new Set(seen.map(({ print }) => print)).size).toBe(seen.length);
        await expect(page.getByRole('radio', { name: 'Effect' })).toBeDisabled();
      },
    );
  }

  test(
    'previews under the pointer, pins up to three side by side, and lets go',
    { tag: '@thorough' },
    async ({ page }) => {
      await open(page);
      await settled(page);
      await expect(heatmap(page)).toHaveAttribute('data-layer', '4');
      await atlas(page).hover({ position: await tile(page, 2, 6) });
      await expect(heatmap(page)).toHaveAttribute('data-head', '6');
      await page.mouse.move(2, 2);
      await expect(heatmap(page)).toHaveAttribute('data-head', '1');
      for (const [layer, head] of [
        [4, 1],
        [2, 6],
        [7, 3],
      ] as const) {
        await clickTile(page, layer, head);
      }
      await page.mouse.move(2, 2);
      await expect(heatmap(page)).toHaveAttribute('data-layer', '7');
      await expect(pinned(page)).toHaveCount(2);
      // The oldest gives way to a fourth.
      await clickTile(page, 9, 9);
      await page.mouse.move(2, 2);
      await expect(heatmap(page)).toHaveAttribute('data-layer', '9');
      await expect(pinned(page)).toHaveCount(2);
      await expect(button(page, 'Unpin head 4.1')).toBeHidden();
      await button(page, 'Unpin head 9.9').click();
      await clickTile(page, 7, 3);
      await page.mouse.move(2, 2);
      await expect(pinned(page)).toHaveCount(0);
      await expect(heatmap(page)).toHaveAttribute('data-head', '6');
      await page.reload();
      await expect(button(page, 'Unpin')).toHaveAttribute('aria-pressed', 'true');
    },
  );

  test(
    'says of no head that it spreads evenly while its row rests on one word',
    { tag: '@thorough' },
    async ({ page }) => {
      await open(page);
      await settled(page);
      // Even on random tokens, in many heads without training as well: that is no name.
      await atlas(page).hover({ position: await tile(page, 7, 0) });
      await expect(heatmap(page)).toHaveAttribute('data-layer', '7');
      await expect(page.getByTestId('strongest')).toContainText(/“was” (?:> )?9\d/u);
      await expect(page.getByTestId('head-sentence')).toContainText(
        /^Head 7\.0 — nearly all on one token here, .*; in a fixed text \(it stands in for a short one\)/u,
      );
      await expect(page.getByTestId('atlas-head')).not.toContainText('evenly');
    },
  );

  test(
    'a fourth pin says which it takes the place of, and puts it back; three maps of sixty tokens keep the first',
    { tag: '@thorough' },
    async ({ page }) => {
      await page.setViewportSize({ width: 1440, height: 900 });
      await open(page);
      await writePrompt(page, `Once upon a time${' there was a fox who ran'.repeat(9)}, and`);
      await settled(page);
      for (const [layer, head] of [
        [0, 3],
        [7, 8],
        [10, 2],
      ] as const) {
        await clickTile(page, layer, head);
      }
      await page.mouse.move(2, 2);
      await expect(pinned(page)).toHaveCount(2);
      const tokens = String(await chips(page).count());
      expect(Number(tokens)).toBeGreaterThan(54);
      for (const map of [heatmap(page), ...(await pinned(page).all())]) {
        await expect(map).toHaveAttribute('data-size', tokens);
        await expect(map).toHaveAttribute('data-column', '0');
      }
      await expect(page.getByTestId('gave-way')).toBeHidden();
      await clickTile(page, 5, 5);
      await page.mouse.move(2, 2);
      await expect(page.getByTestId('gave-way')).toContainText('5.5 is pinned in place of 0.3');
      await button(page, 'Put 0.3 back').click();
      await expect(button(page, 'Unpin head 0.3')).toBeVisible();
      await expect(button(page, 'Unpin head 5.5')).toBeHidden();
      await expect(page.getByTestId('gave-way')).toBeHidden();
    },
  );

  test(
    'sorts, and filters by behaviour or by the token looked at',
    { tag: '@thorough' },
    async ({ page }) => {
      await open(page);
      await settled(page);
      await expect(atlas(page)).toHaveAttribute('data-shown', '144');
      await page.getByRole('combobox', { name: 'Sort' }).selectOption('entropy');
      await expect(atlas(page)).toHaveAttribute('data-sort', 'entropy');
      await expect(atlas(page)).not.toHaveAttribute('data-first', '0');
      // A click on a cell says which column is meant.
      await heatmap(page).focus();
      await page.keyboard.press('ArrowLeft');
      await page.keyboard.press('Enter');
      await button(page, 'look at…').click();
      await expect(page.getByRole('combobox', { name: 'The token looked at' })).toHaveValue('8');
      await expect
        .poll(async () => Number(await atlas(page).getAttribute('data-shown')))
        .toBeLessThan(144);
      await button(page, 'look at…').click();
      await writePrompt(page, TALE);
      await expect(page.getByTestId('standouts')).toBeVisible();
      const local = button(page, /^L?local \d+$/u);
      const count = Number(/\d+/u.exec((await local.textContent()) ?? '')?.[0]);
      expect(count).toBeGreaterThan(0);
      await local.click();
      await expect(atlas(page)).toHaveAttribute('data-shown', String(count));
    },
  );

  test(
    'says what a head does in this text, never without its score and its control’s',
    { tag: '@thorough' },
    async ({ page }) => {
      await open(page);
      await writePrompt(page, TALE);
      await expect(page.getByTestId('head-sentence')).toContainText(
        /^Head 4\.1 — .+ \d\.\d\d; with its keys shuffled at most \d\.\d\d, .* at most \d\.\d\d/u,
      );
      await page.getByTestId('standouts').locator('summary').click();
      await expect(page.getByTestId('standouts').locator('li')).toHaveCount(6);
      const verbs = page.getByTestId('standouts').locator('li', { hasText: '“went”' }).first();
      await verbs.getByRole('button').click();
      await expect(page.getByTestId('head-sentence')).toContainText('looks at “');
      await page.getByText(/^Scores of head/u).click();
      const scores = page.locator('details', { hasText: 'Scores of head' }).locator('td');
      await expect(scores).toHaveCount(36);
      await expect(scores.first()).toHaveText(/^\d\.\d\d$/u);
      await page.getByRole('region', { name: 'All heads' }).getByText('As a table').click();
      const rows = page.getByRole('region', { name: /^All heads, and where/u }).locator('tbody tr');
      await expect(rows).toHaveCount(144);
      await expect(rows.nth(49)).toContainText(/^41/u);
    },
  );
});

test.describe('a head in full', () => {
  test('the keyboard alone chooses a head, pins it, switches it off and comes back; a cell says weight and rank and outlines its words; the brightest is the largest weight', async ({
    page,
  }) => {
    await open(page);
    await settled(page);
    const grid = page.getByTestId('atlas');
    await grid.focus();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowDown');
    await expect(heatmap(page)).toHaveAttribute('data-layer', '5');
    await expect(heatmap(page)).toHaveAttribute('data-head', '2');
    await expect(page.getByTestId('atlas-head')).toContainText(/^Head 5\.2 — .*looks most at/u);
    await page.keyboard.press('Enter');
    await expect(button(page, 'Unpin')).toBeVisible();
    await page.keyboard.press('x');
    await expect(button(page, 'Switch on')).toBeVisible();
    await page.keyboard.press('x');
    await expect(button(page, 'Switch off')).toBeVisible();
    await page.keyboard.press('Home');
    await expect(heatmap(page)).toHaveAttribute('data-head', '0');
    await page.keyboard.press('Escape');
    await expect(heatmap(page)).toHaveAttribute('data-head', '2');
    await page.keyboard.press(']');
    await expect(heatmap(page)).toHaveAttribute('data-head', '3');
    await button(page, 'Unpin head 5.2').click();

    await heatmap(page).focus();
    await page.keyboard.press('Home');
    await expect(page.locator('#attention-cell')).toContainText(/rank \d+ of 10/u);
    await expect(chip(page, 9)).toHaveClass(/looking/u);
    await expect(chip(page, 0)).toHaveClass(/lookedAt/u);
    await heatmap(page).blur();
    await expect(chip(page, 0)).not.toHaveClass(/lookedAt/u);
    await page.getByRole('combobox', { name: 'Head' }).selectOption('6');
    await page.getByRole('radio', { name: 'linear' }).check();
    await expect(heatmap(page)).toHaveAttribute('data-head', '6');
    const darkest = await mapCanvas(page).evaluate((canvas: HTMLCanvasElement) => {
      const context = canvas.getContext('2d');
      const { left, top, cell } = canvas.dataset;
      const ratio = canvas.width / canvas.clientWidth;
      const size = Number(canvas.closest<HTMLElement>('[data-size]')?.dataset.size);
      let best = { q: -1, k: -1, light: Infinity };
      for (let q = 0; q < size; q++) {
        for (let k = 0; k <= q; k++) {
          const x = (Number(left) + (k + 0.5) * Number(cell)) * ratio;
          const y = (Number(top) + (q + 0.5) * Number(cell)) * ratio;
          const [r = 0, g = 0, b = 0] = context?.getImageData(x, y, 1, 1).data ?? [];
          // The first row has all its weight on itself; so may the last: the crosshair is not there.
          if (q > 0 && r + g + b < best.light) best = { q, k, light: r + g + b };
        }
      }
      return best;
    });
    // The same from the words: every row's strongest weight.
    const rows: number[] = [];
    for (let q = 1; q < 10; q++) {
      await chip(page, q).click();
      const first = await page.getByTestId('strongest').textContent();
      rows.push(Number(/([\d.]+).%/u.exec(first ?? '')?.[1]));
    }
    expect(darkest.q).toBe(rows.indexOf(Math.max(...rows)) + 1);
  });

  test('hovering a word tints what it looks at, pinned even while another view is open', async ({
    page,
  }) => {
    await open(page);
    const tinted = (): Promise<number> =>
      chips(page).evaluateAll(
        (all) =>
          all.filter((c) => (c as HTMLElement).style.getPropertyValue('--look') !== '').length,
      );
    await chip(page, 9).hover();
    await expect.poll(tinted).toBeGreaterThan(1);
    await page.getByRole('tab', { name: 'Model' }).click();
    await chip(page, 8).hover();
    await expect.poll(tinted).toBe(0);
    await page.getByRole('tab', { name: 'Attention' }).click();
    await button(page, 'Pin').click();
    await page.getByRole('tab', { name: 'Model' }).click();
    await chip(page, 9).hover();
    await expect.poll(tinted).toBeGreaterThan(1);
  });

  test(
    'as arcs it draws the strongest links, fewer from a higher threshold',
    { tag: '@thorough' },
    async ({ page }) => {
      await open(page);
      await page.getByRole('radio', { name: 'Arcs' }).check({ force: true });
      const arcs = page.getByTestId('arcs');
      await expect(arcs).toBeVisible();
      const links = async (): Promise<number> => Number(await arcs.getAttribute('data-edges'));
      const before = await links();
      expect(before).toBeGreaterThan(5);
      expect(before).toBeLessThanOrEqual(30);
      expect((await readPixels(arcs.locator('canvas'))).colours).toBeGreaterThan(20);
      await page.getByRole('slider', { name: /^Weakest link/u }).fill('60');
      expect(await links()).toBeLessThan(before);
      expect(await objections(page, '#panel-attention')).toEqual([]);
    },
  );

  test(
    'of a long text it shows a window, which the overview moves',
    { tag: '@thorough' },
    async ({ page }) => {
      await open(page);
      await writePrompt(page, TEXT);
      await expect(page.getByTestId('minimap')).toBeVisible();
      const at = async (): Promise<[number, number]> => [
        Number(await heatmap(page).getAttribute('data-row')),
        Number(await heatmap(page).getAttribute('data-column')),
      ];
      const [row, column] = await at();
      expect(row).toBe(column);
      await page.getByTestId('minimap').focus();
      await page.keyboard.press('ArrowLeft');
      expect(await at()).toEqual([row, column - 16]);
      await page.keyboard.press('Home');
      const [first, start] = await at();
      expect(first).toBe(start);
      expect(first).toBeLessThan(row);
    },
  );
});

test.describe('a stream', () => {
  for (const { device, tag } of DEVICES) {
    test(
      `is followed by the atlas, which is not painted for every token and is about the token of the sentence, on ${device}`,
      { tag },
      async ({ page }) => {
        await open(page, { at: `?device=${device}` });
        await setLength(page, ENDLESS);
        await settled(page);
        const drawn = async (): Promise<number> =>
          Number(await atlas(page).getAttribute('data-drawn'));
        const before = await drawn();
        await watchHalves(page);
        await generateButton(page).click();
        const seen = new Set<string>();
        await expect
          .poll(
            async () => {
              seen.add((await atlas(page).getAttribute('data-query')) ?? '');
              return seen.size;
            },
            { intervals: [100] },
          )
          .toBeGreaterThan(2);
        // It is painted for answers, not for tokens.
        const painted = (await drawn()) - before;
        const tokens = (await chips(page).count()) - 10;
        expect(painted).toBeGreaterThan(1);
        expect(painted).toBeLessThan(Math.max(8, tokens));
        await page.keyboard.press('Escape');
        await expect(generateButton(page)).toBeVisible();
        await expectOne(page);
      },
    );
  }
});

type Halves = [tiles: string, words: string][];

/** Notes in each frame which token the tiles and the sentence are about. */
async function watchHalves(page: Page): Promise<void> {
  await page.evaluate(() => {
    const halves: Halves = [];
    Object.assign(globalThis, { halves });
    const look = (): void => {
      const tiles = document.querySelector<HTMLElement>('[data-testid="atlas"] canvas');
      const words = document.querySelector<HTMLElement>('[data-testid="strongest"]');
      halves.push([tiles?.dataset.query ?? '', words?.dataset.query ?? '']);
      requestAnimationFrame(look);
    };
    look();
  });
}

/** Both are about one token. */
async function expectOne(page: Page): Promise<void> {
  const newest = String((await chips(page).count()) - 1);
  await expect(atlas(page)).toHaveAttribute('data-query', newest);
  await expect(page.getByTestId('strongest')).toHaveAttribute('data-query', newest);
  const halves = await page.evaluate(() => (globalThis as unknown as { halves: Halves }).halves);
  const apart = halves.filter(
    ([tiles], i) =>
      // One may be painted a frame before the other.
      ![i - 1, i, i + 1].some((near) => halves[near]?.[1] === tiles),
  );
  expect(apart).toEqual([]);
  expect(new Set(halves.map(([tiles]) => tiles)).size).toBeGreaterThan(1);
}

import { expect, type Locator, type Page } from '@playwright/test';
import { objections } from './axe.ts';
import {
  bars,
  button,
  chip,
  chips,
  closeViews,
  ENDLESS,
  generate,
  generateButton,
  heatmap,
  keepDevices,
  mapCanvas,
  open,
  openView,
  prompt,
  readPixels,
  setLength,
  untilReady,
  wholeText,
} from './helpers.ts';
import { forget, test } from './window.ts';

async function fakeGpu(
  page: Page,
  adapter: 'absent' | 'none' | 'throws' | 'silent',
): Promise<void> {
  await page.addInitScript((kind) => {
    const answers = {
      none: () => Promise.resolve(null),
      throws: () => Promise.reject(new Error('no adapter today')),
      silent: () => new Promise(() => {}),
    };
    const gpu =
      kind === 'absent'
        ? undefined
        : {
            requestAdapter: answers[kind],
            getPreferredCanvasFormat: () => 'bgra8unorm',
            wgslLanguageFeatures: new Set(),
          };
    Object.defineProperty(Navigator.prototype, 'gpu', { get: () => gpu, configurable: true });
  }, adapter);
}

/** What the machine's adapter says of itself, in this thread. */
async function nameAdapter(
  page: Page,
  facts: { readonly isFallbackAdapter: boolean; readonly description?: string },
): Promise<void> {
  await page.addInitScript((info) => {
    const unnamed = { vendor: '', architecture: '', device: '', description: '' };
    Object.defineProperty(GPUAdapter.prototype, 'info', { get: () => ({ ...unnamed, ...info }) });
  }, facts);
}

/** Notes what is said to screen readers from now on. */
async function listen(page: Page): Promise<() => Promise<string[]>> {
  await page.getByTestId('announcement').evaluate((element) => {
    const said: string[] = [];
    Object.assign(globalThis, { said });
    new MutationObserver(() => said.push(element.textContent ?? '')).observe(element, {
      childList: true,
      characterData: true,
      subtree: true,
    });
  });
  return async () => page.evaluate(() => (globalThis as unknown as { said: string[] }).said);
}

test.describe('the verdict on the GPU', () => {
  test.beforeEach(async ({ page }) => closeViews(page));

  test('a software adapter is not chosen, and is one click away in the model’s details', async ({
    page,
  }) => {
    await nameAdapter(page, { isFallbackAdapter: true });
    await open(page, { at: '?engine=local&max_new_tokens=4' });
    await button(page, /tales-7m.*on the processor/u).click();
    const details = page.locator('#model-details');
    await expect(details).toContainText('only a software adapter here');
    await expect(page.getByTestId('gpu-verdict')).toBeHidden();
    await button(page, 'Use WebGPU all the same').click();
    await expect(button(page, /tales-7m.*on WebGPU/u)).toBeVisible();
    await expect(details).toContainText('It is in use, as asked.');
    await expect(page.getByTestId('gpu-verdict')).toBeHidden();
    await page.keyboard.press('Escape');
    await generate(page);
    await expect(chips(page)).toHaveCount(14);
  });

  test('a hardware adapter is chosen', { tag: '@thorough' }, async ({ page }) => {
    await nameAdapter(page, { isFallbackAdapter: false, description: 'Acme 1' });
    await open(page, { at: '?engine=local&max_new_tokens=4' });
    await button(page, /tales-7m.*on the GPU/u).click();
    await expect(page.locator('#model-details')).toContainText('Acme 1');
    await expect(page.locator('#model-details')).not.toContainText('imitates');
    await page.keyboard.press('Escape');
    await generate(page);
    await expect(chips(page)).toHaveCount(14);
  });

  test(
    'the processor is taken only where it is asked for, and the GPU is one click away',
    { tag: '@thorough' },
    async ({ page }) => {
      await nameAdapter(page, { isFallbackAdapter: false, description: 'Acme 1' });
      await open(page, { at: '?engine=local&device=cpu' });
      const verdict = page.getByTestId('gpu-verdict');
      await expect(verdict).toContainText(
        'Computing on the processor, as asked. A GPU is available',
      );
      await verdict.getByRole('button', { name: 'use it' }).click();
      await expect(button(page, /tales-7m.*on the GPU/u)).toBeVisible();
      await expect(verdict).toBeHidden();
    },
  );

  test('no API: says so, says what to do in this browser, and writes on the processor', async ({
    page,
  }) => {
    await fakeGpu(page, 'absent');
    await open(page, { at: '?engine=local', ready: false });
    await expect(page.getByTestId('gpu-verdict')).toContainText('no WebGPU');
    await page.getByText('What to do', { exact: true }).click();
    await expect(page.getByTestId('gpu-verdict')).toContainText('chrome://');
    await untilReady(page);
    await setLength(page, 3);
    await generate(page);
    await expect(chips(page)).toHaveCount(13);
  });

  for (const kind of ['none', 'throws'] as const) {
    test(
      `no adapter (${kind}): says so, and the page goes on`,
      { tag: '@thorough' },
      async ({ page }) => {
        await fakeGpu(page, kind);
        await open(page, { at: '?engine=local', ready: false });
        await expect(page.getByTestId('gpu-verdict')).toContainText('no GPU answers');
        await untilReady(page);
        await expect(button(page, /tales-7m.*on the processor/u)).toBeVisible();
      },
    );
  }

  // Ten seconds of waiting for an answer.
  test(
    'no answer: says so, and takes the processor in the end',
    { tag: '@thorough' },
    async ({ page }) => {
      await fakeGpu(page, 'silent');
      await open(page, { at: '?engine=local', ready: false });
      const verdict = page.getByTestId('gpu-verdict');
      await expect(verdict).toContainText(
        /has not said yet whether there is a GPU.*use the processor/u,
      );
      await untilReady(page);
      await expect(button(page, /tales-7m.*on the processor/u)).toBeVisible();
      await expect(verdict).toContainText('no GPU answers');
    },
  );

  test('an insecure page says that WebGPU needs https', { tag: '@thorough' }, async ({ page }) => {
    await page.addInitScript(() => {
      Object.defineProperty(globalThis, 'isSecureContext', { get: () => false });
    });
    await fakeGpu(page, 'absent');
    await open(page, { at: '?engine=local', ready: false });
    await expect(page.getByTestId('gpu-verdict')).toContainText('secure page');
    await untilReady(page);
  });

  test(
    'limits too small: names the limit and both numbers, and writes on the processor',
    { tag: '@thorough' },
    async ({ page }) => {
      await page.addInitScript(() => {
        const real = Object.getOwnPropertyDescriptor(GPUAdapter.prototype, 'limits');
        Object.defineProperty(GPUAdapter.prototype, 'limits', {
          configurable: true,
          get(this: GPUAdapter) {
            // A device can still be had: the page must not compute on it.
            const limits = real?.get?.call(this) as GPUSupportedLimits;
            return new Proxy(limits, {
              get: (target, name): unknown =>
                name === 'maxComputeInvocationsPerWorkgroup' ? 64 : Reflect.get(target, name),
            });
          },
        });
      });
      await open(page, { at: '?engine=local', ready: false });
      const verdict = page.getByTestId('gpu-verdict');
      await expect(verdict).toContainText('too small');
      await expect(verdict).toContainText('maxComputeInvocationsPerWorkgroup is 64');
      await expect(verdict).toContainText('needs 256');
      await page.getByText('What to do', { exact: true }).click();
      await expect(verdict.getByRole('listitem').first()).toBeVisible();
      await expect(button(page, /tales-7m.*on the processor/u)).toBeVisible();
      await setLength(page, 3);
      await generate(page);
      await expect(chips(page)).toHaveCount(13);
    },
  );

  test('“Measure both” says how fast each device is', { tag: '@thorough' }, async ({ page }) => {
    await open(page);
    await button(page, /tales-7m/u).click();
    await button(page, 'Measure both').click();
    await expect(page.locator('#model-details')).toContainText(
      /GPU: [\d.]+ tokens\/s\. Processor: [\d.]+ tokens\/s/u,
    );
  });

  test('a lost GPU is told, the model comes back, and the text stays', async ({ page }) => {
    await keepDevices(page);
    await open(page, { at: '?engine=local&device=webgpu' });
    await setLength(page, 4);
    await generate(page);
    const text = await wholeText(page);
    await page.evaluate(() => {
      for (const device of (globalThis as unknown as { devices: GPUDevice[] }).devices) {
        device.destroy();
      }
    });
    const lost = page.getByText(/The GPU went away/u);
    await expect(lost).toBeVisible();
    await lost.waitFor({ state: 'hidden', timeout: 60_000 });
    await expect(lost).toBeHidden();
    expect(await wholeText(page)).toBe(text);
    await generate(page);
    await expect(chips(page)).toHaveCount(18);
  });
});

test.describe('the page', () => {
  test('opens alive and stays so: the recorded story is the text, and no moment shows less than the one before', async ({
    browser,
    page,
    baseURL,
  }) => {
    const still = await browser.newPage({ javaScriptEnabled: false });
    await still.goto(baseURL ?? '');
    const story = (await still.locator('.first-text').innerText()).trim();
    await expect(still.getByText(/needs JavaScript/u)).toBeVisible();
    await expect(still.locator('.first-wait')).toBeHidden();
    await still.close();

    let bring = (): void => {};
    const mayCome = new Promise<void>((resolve) => (bring = resolve));
    await page.route('**/tales-7m/model.safetensors', async (route) => {
      await mayCome;
      await route.continue();
    });
    // A story that never comes holds nobody up, and one that comes late is not put over what somebody has written.
    let answer = async (): Promise<void> => {};
    await page.route('**/story.json', (route) => void (answer = async () => route.continue()));
    await page.goto('./?device=cpu');
    await prompt(page).fill('My own words', { timeout: 10_000 });
    await Promise.all([page.waitForResponse('**/story.json'), answer()]);
    await page.evaluate(async () => new Promise((drawn) => requestAnimationFrame(drawn)));
    await expect(prompt(page)).toHaveValue('My own words');
    await expect(page.getByTestId('next-token').locator('tbody tr')).toHaveCount(0);
    await page.unroute('**/story.json');
    await forget(page);
    // What is seen in each frame from the first one on, as often as it is something else.
    await page.addInitScript(() => {
      const seen: number[][] = [];
      Object.assign(globalThis, { seen });
      const look = (): void => {
        const words =
          document.querySelector('.first-text, [data-testid="text"]')?.textContent ?? '';
        const now = [
          words.replaceAll(/\s/gu, '').length,
          document.querySelectorAll('[data-testid="next-token"] tbody tr').length,
          document.querySelectorAll('[data-testid="atlas"]').length,
          /written\s+by tales-7m/u.test(document.body?.textContent ?? '') ? 1 : 0,
        ];
        if (document.body && now.join() !== seen.at(-1)?.join()) seen.push(now);
        requestAnimationFrame(look);
      };
      look();
    });
    await page.goto('./?device=cpu');
    /** What was seen since it was taken last. */
    const takeSeen = async (): Promise<number[][]> =>
      page.evaluate(() => (globalThis as unknown as { seen: number[][] }).seen.splice(0));
    await expect(page.getByTestId('atlas')).toBeVisible();
    await expect(bars(page).first()).toBeVisible();
    const beforeAnyTouch = await takeSeen();
    // Every word can be touched while the model is held back.
    await chip(page, 8).click();
    await expect(page.getByTestId('next-token')).toContainText('Instead of “fox”');
    await expect(page.getByTestId('next-token')).toContainText('“boy” leads with 14');
    await expect(page.locator('#token-readout')).toContainText('9.2');
    await expect(page.getByTestId('strongest')).toContainText('“fox” looks most at itself 83');
    await openView(page, 'Lens');
    await expect(page.getByTestId('lens-finding')).toContainText('After “fox”');
    await expect(page.getByTestId('lens-finding')).toContainText('It is what came');
    await openView(page, 'Attention');
    expect(await wholeText(page)).toBe(story);

    await expect(page.getByTestId('atlas')).toBeVisible();
    const asItCame = await takeSeen();
    bring();
    await expect(page.getByTestId('atlas-finding')).toContainText('“fox” gives');
    for (const seen of [beforeAnyTouch, asItCame.slice(-1).concat(await takeSeen())]) {
      seen.forEach((now, i) => {
        const before = seen[i - 1] ?? [];
        now.forEach((count, part) => {
          const all = `what is seen, number ${part}: ${seen.join(' | ')}`;
          expect(count, all).toBeGreaterThanOrEqual(before[part] ?? 0);
        });
      });
    }
    // The first screen and the page, at least.
    expect(beforeAnyTouch.length).toBeGreaterThan(1);
    // It is there until it is waved away, and what is written goes on from the story.
    const paragraph = page.getByText(/green words were written by tales-7m/u);
    await button(page, '1 token').click();
    await expect(chips(page)).toHaveCount(45);
    expect((await wholeText(page)).startsWith(story)).toBe(true);
    await expect(paragraph).toBeVisible();
    await page
      .getByRole('complementary', { name: 'Explanation' })
      .getByRole('button', { name: 'Close' })
      .click();
    await expect(paragraph).toBeHidden();
  });

  test('shows text, bars and the whole map at 1280 × 720, and in a larger window', async ({
    page,
  }) => {
    await page.setViewportSize({ width: 1280, height: 720 });
    await open(page);
    // As many tokens as make the text scroll and the map its smallest cells.
    await setLength(page, 60);
    await generate(page);
    const expectWhole = async (height: number): Promise<void> => {
      await expect(heatmap(page)).toBeInViewport({ ratio: 1 });
      const map = await mapCanvas(page).boundingBox();
      expect((map?.y ?? 0) + (map?.height ?? Infinity)).toBeLessThanOrEqual(height);
      expect(await page.evaluate(() => scrollY)).toBe(0);
    };
    await expectWhole(720);
    const before = await mapCanvas(page).boundingBox();
    await page.setViewportSize({ width: 1440, height: 900 });
    // It grows with the window, a frame later.
    await expect
      .poll(async () => (await mapCanvas(page).boundingBox())?.height)
      .toBeGreaterThan(before?.height ?? Infinity);
    await expectWhole(900);
  });

  test(
    'a long prompt, its note and the examples stay inside their panes',
    { tag: '@thorough' },
    async ({ page }) => {
      await page.setViewportSize({ width: 1280, height: 720 });
      await open(page);
      await prompt(page).fill('The little fox went to the river. '.repeat(150).slice(0, 5000));
      const line = page.getByTestId('window-line');
      await expect(line).toContainText('struck through');
      const scroller = await page.getByTestId('text').locator('..').boundingBox();
      const note = await line.boundingBox();
      expect((scroller?.y ?? 0) + (scroller?.height ?? 0)).toBeLessThanOrEqual((note?.y ?? 0) + 1);
      const pane = await page.getByRole('region', { name: 'Prompt' }).boundingBox();
      for (const example of await page
        .getByRole('list', { name: 'Example prompts' })
        .getByRole('button')
        .all()) {
        const box = await example.boundingBox();
        expect((box?.x ?? 0) + (box?.width ?? 0)).toBeLessThan((pane?.x ?? 0) + (pane?.width ?? 0));
      }
      await expect(button(page, 'Jump to newest')).toBeHidden();
      await prompt(page).fill('Short');
      await expect(chips(page)).toHaveCount(2);
      await expect(button(page, 'Jump to newest')).toBeHidden();
    },
  );

  test(
    'in forced colours the map keeps its shades, and what is chosen is marked',
    { tag: '@thorough' },
    async ({ page }) => {
      await page.emulateMedia({ forcedColors: 'active', reducedMotion: 'reduce' });
      await open(page);
      await expect
        .poll(async () => (await readPixels(mapCanvas(page))).colours)
        .toBeGreaterThan(20);
      const edge = async (one: Locator): Promise<string> =>
        one.evaluate((element) => getComputedStyle(element).borderBottomColor);
      const tabOf = (selected: boolean): Locator => page.getByRole('tab', { selected }).first();
      expect(await edge(tabOf(true))).not.toBe(await edge(tabOf(false)));
      await button(page, /tales-7m/u).click();
      expect(await edge(button(page, 'Processor'))).not.toBe(
        await edge(button(page, /^(?:GPU|Software adapter)$/u)),
      );
    },
  );

  test('does the first task with the keyboard alone', async ({ page }) => {
    await open(page);
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await expect(prompt(page)).toBeFocused();
    await page.keyboard.press('ControlOrMeta+a');
    await page.keyboard.type('The wolf said to the');
    await page.keyboard.press('ControlOrMeta+Enter');
    // Not the number of chips: those of the text before may still stand there.
    await expect.poll(async () => await wholeText(page)).toMatch(/^The wolf said to the./u);
    await page.keyboard.press('Escape');
    await expect(generateButton(page)).toBeVisible();
    expect(await wholeText(page)).toMatch(/^The wolf said to the./u);
    await chips(page).first().focus();
    await page.keyboard.press('ArrowRight');
    await expect(chip(page, 1)).toBeFocused();
    await expect(chip(page, 1)).toHaveAttribute('aria-selected', 'true');
    await page.keyboard.press(']');
    await page.keyboard.press('?');
    await expect(page.getByRole('dialog')).toBeVisible();
    await page.keyboard.press('Escape');
    await expect(page.getByRole('dialog')).toBeHidden();
  });

  test('keeps the keyboard where it was, or leads it on where that is gone', async ({ page }) => {
    await fakeGpu(page, 'none'); // a notice that can be waved away
    await open(page, { at: '' });
    const focused = page.locator(':focus');
    const end = page.locator('[data-end]');
    await button(page, '1 token').focus();
    for (const count of [11, 12]) {
      await page.keyboard.press('Enter');
      await expect(chips(page)).toHaveCount(count);
      await expect(button(page, '1 token')).toBeEnabled();
      await expect(focused).toHaveText('1 token');
    }
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await expect(button(page, 'Regenerate')).toBeEnabled();
    await expect(focused).toHaveText('Regenerate');

    // A list has other candidates after each choice: the first of them is the next to choose.
    const candidates = page.getByTestId('next-token').locator('tbody button');
    await expect(page.getByRole('heading', { name: 'Next token' })).toBeVisible();
    await candidates.nth(3).focus();
    const length = await chips(page).count();
    await page.keyboard.press('Enter');
    await expect(chips(page)).toHaveCount(length + 1);
    await expect(candidates.first()).toBeFocused();

    await chips(page).last().focus();
    await page.keyboard.press('Alt+z');
    await expect(chips(page)).toHaveCount(length);
    await expect(end).toBeFocused();

    await page.getByRole('list', { name: 'Example prompts' }).getByRole('button').first().focus();
    await page.keyboard.press('Enter');
    await expect(prompt(page)).toBeFocused();

    const verdict = page.getByTestId('gpu-verdict');
    await expect(verdict).toContainText('no GPU answers');
    await verdict.getByRole('button', { name: 'Dismiss' }).focus();
    await page.keyboard.press('Enter');
    await expect(verdict).toBeHidden();
    await expect(end).toBeFocused();

    await button(page, 'Undo').focus();
    await expect
      .poll(
        async () => {
          await page.keyboard.press('Enter');
          return button(page, 'Undo').isDisabled();
        },
        { intervals: [50] },
      )
      .toBe(true);
    await expect(focused).toHaveText('Undo');
  });

  test('speaks to screen readers at the ends of a run only, says the same again, and that a link was copied', async ({
    page,
    context,
  }) => {
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    await closeViews(page);
    await open(page);
    const run = await listen(page);
    await setLength(page, 12);
    await generate(page);
    expect(await run()).toHaveLength(2);
    expect((await run())[1]).toContain('Finished: 12 tokens');

    await button(page, '1 token').click();
    await expect(chips(page)).toHaveCount(23);
    await expect(button(page, '1 token')).toBeEnabled();
    const said = await listen(page);
    await button(page, 'Undo').click();
    await button(page, 'Undo').click();
    await expect(chips(page)).toHaveCount(10);
    expect(await said()).toEqual(['Undone.', 'Undone.\u00A0']);
    await button(page, 'Copy link').click();
    await expect.poll(said).toContainEqual(expect.stringContaining('The link is on the clipboard'));
  });

  test('where nothing can be copied, the text stands there to be copied by hand', async ({
    page,
  }) => {
    // As on plain http.
    await page.addInitScript(() => {
      Object.defineProperty(Navigator.prototype, 'clipboard', { get: () => undefined });
    });
    await closeViews(page);
    const { errors } = await open(page);
    await button(page, 'Copy').click();
    const field = page.getByRole('textbox', { name: /did not let the page copy/u });
    await expect(field).toBeFocused();
    await expect(field).toHaveValue(await wholeText(page));
    const selected = await field.evaluate((area: HTMLTextAreaElement) =>
      area.value.slice(area.selectionStart, area.selectionEnd),
    );
    expect(selected).toBe(await wholeText(page));
    await page.keyboard.press('Escape');
    await expect(field).toBeHidden();
    await expect(button(page, 'Copy')).toBeFocused();
    await button(page, 'Copy link').click();
    await expect(page.getByText(/did not let the page copy.*copy it with/u)).toBeVisible();
    await expect(page.getByRole('textbox', { name: 'The link' })).toBeFocused();
    expect(errors).toEqual([]);
  });

  test(
    'a view whose code is gone can be had by a reload, which keeps the text',
    { tag: '@thorough' },
    async ({ page }) => {
      // As where a newer page was published since.
      await page.route('**/assets/ModelPanel-*.js', async (route) =>
        route.fulfill({ status: 404 }),
      );
      await open(page);
      await button(page, '1 token').click();
      await expect(chips(page)).toHaveCount(11);
      const text = await wholeText(page);
      await page.getByRole('tab', { name: 'Model' }).click();
      await expect(page.getByText('This view could not be fetched')).toBeVisible();
      await page.unrouteAll();
      await button(page, 'Reload the page; your text is kept').click();
      await expect(page.getByTestId('model-finding')).toContainText('parameters in 12 blocks');
      expect(await wholeText(page)).toBe(text);
    },
  );

  test('a link carries the prompt and the settings', async ({ page }) => {
    await closeViews(page);
    await open(page, { at: '?device=cpu&temperature=0.3&top_k=7&seed=9#prompt=Hello+there' });
    await expect(prompt(page)).toHaveValue('Hello there');
    await expect(page.getByRole('spinbutton', { name: 'Top-k, as a number' })).toHaveValue('7');
    await prompt(page).fill('A goose & a fox');
    await page.getByRole('spinbutton', { name: 'Top-k, as a number' }).fill('11');
    await expect.poll(() => page.url()).toContain('top_k=11');
    expect(page.url()).toContain('#prompt=A+goose+%26+a+fox');
    expect(page.url()).toContain('device=cpu');
  });

  test(
    'an address with bad values is corrected, with a note',
    { tag: '@thorough' },
    async ({ page }) => {
      await closeViews(page);
      await open(page, {
        at: '?device=cpu&temperature=900&seed=abc&model=ftp://elsewhere.example/m&x=1',
      });
      const notes = page.getByTestId('address-notes');
      await expect(notes).toContainText('temperature=900');
      await expect(notes).toContainText('seed=abc');
      await expect(notes).toContainText('model=ftp://elsewhere.example/m names no model');
      await expect(notes).not.toContainText('x=1');
      await expect(page.getByRole('spinbutton', { name: 'Temperature, as a number' })).toHaveValue(
        '5',
      );
    },
  );

  test('a model that is not there leads to an error with a way out, and the text stays', async ({
    page,
  }) => {
    await open(page, { at: '?device=cpu&model=models/nowhere#prompt=Kept', ready: false });
    await expect(page.getByTestId('problem')).toBeVisible();
    await expect(page.getByTestId('problem')).toContainText('Your text is kept.');
    await expect(button(page, 'Try again')).toBeVisible();
    await expect(prompt(page)).toHaveValue('Kept');
    await button(page, 'Open the story model').click();
    await untilReady(page);
    await expect(page.getByTestId('problem')).toBeHidden();
  });

  // Thorough, for it waits as long as the engine does; which device is opened is a unit test.
  test(
    'a GPU that does not come back is told of, and can be tried again',
    {
      tag: '@thorough',
    },
    async ({ page }) => {
      await keepDevices(page);
      await page.addInitScript(() => {
        // As a real card would call itself: `auto` takes no other.
        const info = { vendor: 'acme', architecture: '', device: '', description: 'Acme 9' };
        Object.defineProperty(GPUAdapter.prototype, 'info', { get: () => info });
        // oxlint-disable-next-line typescript/unbound-method -- called on its GPU below
        const real = GPU.prototype.requestAdapter;
        GPU.prototype.requestAdapter = async function requestAdapter(...args) {
          const { noAdapter = false } = globalThis as { noAdapter?: boolean };
          return noAdapter ? null : real.apply(this, args);
        };
      });
      await open(page, { at: '?engine=local' });
      await setLength(page, 4);
      await generate(page);
      const text = await wholeText(page);
      await page.evaluate(() => {
        Object.assign(globalThis, { noAdapter: true });
        for (const device of (globalThis as unknown as { devices: GPUDevice[] }).devices) {
          device.destroy();
        }
      });
      await expect(page.getByText(/The GPU went away/u)).toBeVisible();
      const notice = page.getByTestId('stands-in');
      await expect(notice).toContainText('the processor computes in its place');
      expect(await wholeText(page)).toBe(text);
      await page.evaluate(() => Object.assign(globalThis, { noAdapter: false }));
      await button(page, 'try the GPU again').click();
      await expect(notice).toBeHidden();
      await untilReady(page);
      await expect(page.getByTestId('problem')).toBeHidden();
      expect(await wholeText(page)).toBe(text);
    },
  );

  test('a worker that breaks is told of, and the next try has another; the text stays', async ({
    page,
  }) => {
    await open(page);
    await setLength(page, 4);
    await generate(page);
    const text = await wholeText(page);
    const [worker] = page.workers();
    const end = worker.waitForEvent('close');
    // It breaks at the next run, not at what a panel may still be asking.
    await worker.evaluate(() => {
      const port = globalThis as unknown as { onmessage: (event: MessageEvent) => void };
      const { onmessage } = port;
      port.onmessage = (event) => {
        if ((event.data as { type: string }).type === 'stream') throw new Error('out of luck');
        onmessage(event);
      };
    });
    await generateButton(page).click();
    // It is ended at once, so that nothing of it keeps memory.
    await end;
    const problem = page.getByTestId('problem');
    await expect(problem).toContainText(/worker failed: .*out of luck/u);
    await button(page, 'Try again').click();
    await expect(problem).toBeHidden();
    await untilReady(page);
    expect(await wholeText(page)).toBe(text);
    await generate(page);
    await expect.poll(async () => (await wholeText(page)).length).toBeGreaterThan(text.length);
    expect((await wholeText(page)).startsWith(text)).toBe(true);
  });

  test('asks for its model before it is drawn, for nothing twice, for nothing that trains, and of no other origin; it logs no error and breaks no policy', async ({
    page,
  }) => {
    const missing: string[] = [];
    page.on('response', (response) => {
      const { pathname } = new URL(response.url());
      // The server of the tests answers every path that it does not have with the page.
      const isPage = response.headers()['content-type']?.startsWith('text/html') ?? false;
      if (response.status() >= 400 || (isPage && pathname !== '/')) missing.push(pathname);
    });
    const asked: string[] = [];
    const training: string[] = [];
    page.on('request', (request) => {
      const { pathname } = new URL(request.url());
      if (pathname.includes('/models/')) asked.push(pathname);
      if (/train/iu.test(pathname)) training.push(pathname);
    });
    let draw = (): void => {};
    const mayDraw = new Promise<void>((resolve) => (draw = resolve));
    await page.route('**/assets/showPage-*.js', async (route) => {
      await mayDraw;
      await route.continue();
    });
    const weights = page.waitForRequest(/tales-7m\/model\.safetensors$/u);
    const opened = open(page, { at: '' });
    await weights;
    await expect(generateButton(page)).toBeHidden();
    draw();
    const watch = await opened;
    const fetched = await page.evaluate(() =>
      performance
        .getEntriesByType('resource')
        .filter((entry) => (entry as PerformanceResourceTiming).initiatorType !== 'other')
        .map(({ name }) => name),
    );
    for (const names of [asked, fetched]) {
      expect(names.length).toBeGreaterThan(3);
      expect(names.filter((name, i) => names.indexOf(name) < i)).toEqual([]);
    }
    expect(training).toEqual([]);

    await setLength(page, 5);
    await generate(page);
    await page.getByRole('combobox', { name: 'Layer' }).selectOption('2');
    await expect(heatmap(page)).toHaveAttribute('data-layer', '2');
    expect(watch).toEqual({ errors: [], foreign: [], violations: [] });
    expect(missing).toEqual([]);
    await expect(page.locator('meta[http-equiv="Content-Security-Policy"]')).toHaveCount(1);

    await button(page, 'Train').click();
    await expect.poll(() => training.join()).toMatch(/trainerWorker-/u);
  });

  for (const colorScheme of ['light', 'dark'] as const) {
    const tag = colorScheme === 'dark' ? '@thorough' : [];
    test(`has nothing that axe objects to, in ${colorScheme}`, { tag }, async ({ page }) => {
      await page.emulateMedia({ colorScheme });
      await open(page);
      await setLength(page, 4);
      await generate(page);
      await chip(page, 5).click();
      await page.getByText('As a table').first().click();
      expect(await objections(page)).toEqual([]);
      await button(page, /tales-7m/u).click();
      expect(await objections(page, '#model-details')).toEqual([]);
    });
  }

  test('fits a phone without sideways scrolling: the text first, then the whole grid of heads; it writes there', async ({
    page,
  }) => {
    await page.setViewportSize({ width: 390, height: 844 });
    await open(page);
    const reading = page.getByTestId('reading');
    await reading.getByRole('button', { name: 'who' }).click();
    await expect
      .poll(() =>
        reading
          .getByRole('button')
          .evaluateAll(
            (all) =>
              all.filter((w) => Number((w as HTMLElement).style.getPropertyValue('--look')) > 0.2)
                .length,
          ),
      )
      .toBeGreaterThan(0);
    const words = await reading.boundingBox();
    const grid = await page.getByTestId('atlas').locator('canvas').boundingBox();
    expect(grid?.y ?? 0).toBeGreaterThan((words?.y ?? 0) + (words?.height ?? 0) - 1);
    expect((grid?.width ?? 0) / 12).toBeGreaterThan(24);
    expect((grid?.x ?? 0) + (grid?.width ?? 0)).toBeLessThanOrEqual(390);

    const sideways = (): Promise<number> =>
      page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect(await sideways()).toBeLessThanOrEqual(0);
    await button(page, '1 token').click();
    await expect(chips(page)).toHaveCount(11);
    await chip(page, 8).click();
    await expect(page.locator('#token-readout')).toContainText('fox');
    await expect(bars(page).first()).toBeVisible();
    expect(await sideways()).toBeLessThanOrEqual(0);
  });

  test(
    'the theme switch goes round auto, light and dark, and is remembered',
    { tag: '@thorough' },
    async ({ page }) => {
      await closeViews(page);
      await open(page, { ready: false });
      await button(page, /^Theme: auto/u).click();
      await button(page, /^Theme: light/u).click();
      await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
      await page.reload();
      await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
    },
  );

  test('scrolling back while it streams is possible, and one button leads to the newest', async ({
    page,
  }) => {
    await open(page);
    // More than its pane shows, before a word is written.
    await prompt(page).fill(
      'The old king had three sons and the youngest was called Hans. '.repeat(8),
    );
    await expect.poll(() => chips(page).count()).toBeGreaterThan(90);
    const before = await chips(page).count();
    await setLength(page, ENDLESS);
    await page.getByRole('slider', { name: 'Top-k' }).fill('40');
    await generateButton(page).click();
    await expect(chip(page, before + 1)).toBeAttached();
    const scroller = page.getByTestId('text').locator('..');
    await scroller.evaluate((element) => element.scrollTo(0, 0));
    await expect(button(page, 'Jump to newest')).toBeVisible();
    await expect.poll(() => scroller.evaluate((element) => element.scrollTop)).toBe(0);
    await button(page, 'Jump to newest').click();
    await expect(button(page, 'Jump to newest')).toBeHidden();
    await page.keyboard.press('Escape');
  });
});

import { readFileSync } from 'node:fs';
import { expect, type Locator, type Page } from '@playwright/test';
import { open, untilSeen, writePrompt } from './helpers.ts';
import { test } from './window.ts';

const PROMPT = 'The king said: "Go, and fetch me the golden bird"';

/** Clicks one of the buttons under a view and gives the file. */
async function save(page: Page, group: Locator, kind: string): Promise<Buffer> {
  const [file] = await Promise.all([
    page.waitForEvent('download'),
    group.getByRole('button', { name: kind, exact: true }).click(),
  ]);
  expect(file.suggestedFilename()).toMatch(
    new RegExp(`^[a-z0-9.-]+\\.${kind.toLowerCase()}$`, 'u'),
  );
  return readFileSync(await file.path());
}

interface Numbers {
  readonly title: string;
  readonly finding: string;
  readonly model: string;
  readonly prompt: string;
  readonly ids: readonly number[];
  readonly settings: Readonly<Record<string, unknown>>;
  readonly quantity: string;
  readonly axes: readonly { readonly name: string; readonly labels: readonly unknown[] }[];
  readonly shape: readonly number[];
  readonly values: readonly (number | null)[];
}

async function checkFiles(page: Page, group: Locator): Promise<Numbers> {
  let numbers = JSON.parse('{}') as Numbers;
  // A view may still be waiting for its numbers.
  await expect(async () => {
    numbers = JSON.parse((await save(page, group, 'JSON')).toString()) as Numbers;
    expect(numbers.values.some((value) => value !== null && value !== 0)).toBe(true);
  }).toPass();
  expect(numbers).toMatchObject({ program: 'Glass GPT', model: 'tales-7m', prompt: PROMPT });
  expect(numbers.settings).toMatchObject({ top_k: 40, do_sample: true });
  expect(numbers.finding.length).toBeGreaterThan(10);
  expect(numbers.axes.length).toBeGreaterThan(0);
  expect(numbers.axes.map((axis) => axis.labels.length)).toEqual(numbers.shape);
  expect(numbers.values).toHaveLength(numbers.shape.reduce((a, b) => a * b, 1));

  const csv = (await save(page, group, 'CSV')).toString();
  expect(csv).toContain('# model: tales-7m\r\n');
  const [head = '', first = ''] = csv.split('\r\n').filter((line) => !line.startsWith('# '));
  expect(head.split(',').length).toBeGreaterThan(1);
  expect(first).not.toBe('');

  const svg = (await save(page, group, 'SVG')).toString();
  const drawn = await page.evaluate((text) => {
    const root = new DOMParser().parseFromString(text, 'image/svg+xml');
    const metadata = root.querySelector('metadata')?.textContent ?? '{}';
    // As it is set in the fonts of this machine.
    const shown = document.body.appendChild(document.importNode(root.documentElement, true));
    const words = [...shown.querySelectorAll('text')].filter((one) =>
      one.getAttribute('font-family')?.includes('system-ui'),
    );
    // On the screen, where what is turned is turned.
    const { left, width } = shown.getBoundingClientRect();
    const right = Math.max(...words.map((one) => one.getBoundingClientRect().right - left));
    shown.remove();
    return {
      words: words.map((one) => one.textContent).join(' '),
      right: right / width,
      broken: root.querySelector('parsererror') !== null,
      title: root.querySelector('title')?.textContent,
      model: (JSON.parse(metadata) as { model?: string }).model,
      strokes: root.querySelectorAll('rect, path, polyline, circle, text').length,
    };
  }, svg);
  expect(drawn).toMatchObject({ broken: false, title: numbers.title, model: 'tales-7m' });
  expect(drawn.strokes).toBeGreaterThan(5);
  // What there is to see stands above the picture, whole and inside of it.
  expect(drawn.words).toContain(`${numbers.title} ${numbers.finding} tales-7m`);
  expect(drawn.right).toBeLessThan(1);

  const png = await save(page, group, 'PNG');
  // The text chunk holds where the picture came from.
  expect(png.includes('"model":"tales-7m"')).toBe(true);
  const picture = await page.evaluate(async (base64) => {
    const bytes = Uint8Array.from(atob(base64), (sign) => sign.codePointAt(0) ?? 0);
    const image = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
    const canvas = new OffscreenCanvas(image.width, image.height);
    const context = canvas.getContext('2d');
    context?.drawImage(image, 0, 0);
    const data = context?.getImageData(0, 0, image.width, image.height).data ?? [];
    const colours = new Set<number>();
    // The margin to the right is 16 CSS pixels, and no word stands in it.
    const clear = image.width - 28;
    let written = 0;
    for (let i = 0; i < data.length; i += 4) {
      const colour = ((data[i] ?? 0) << 16) | ((data[i + 1] ?? 0) << 8) | (data[i + 2] ?? 0);
      colours.add(colour);
      const ground = ((data[0] ?? 0) << 16) | ((data[1] ?? 0) << 8) | (data[2] ?? 0);
      if ((i / 4) % image.width >= clear && colour !== ground) written += 1;
    }
    return { width: image.width, colours: colours.size, written };
  }, png.toString('base64'));
  expect(picture.width).toBeGreaterThan(400);
  expect(picture.colours).toBeGreaterThan(8);
  expect(picture.written).toBe(0);
  return numbers;
}

test('every view can be taken away as PNG, SVG, CSV and JSON, and each file reads back', async ({
  page,
}) => {
  await open(page, { at: '?device=cpu&seed=5' });
  await writePrompt(page, PROMPT);
  const groups = page.getByRole('group', { name: 'Save this view' });

  await untilSeen(
    page.getByTestId('head-sentence').filter({ hasText: /in (?:this|a fixed) text/u }),
  );
  const [atlas, focus] = [groups.first(), groups.nth(1)];
  const all = await checkFiles(page, atlas);
  expect(all.shape.slice(0, 2)).toEqual([12, 12]);
  const map = await checkFiles(page, focus);
  // A row of attention sums to 1, in the file as on the page.
  const [rows = 0, columns = 0] = map.shape.slice(-2);
  for (let row = 0; row < rows; row++) {
    const sum = map.values
      .slice(row * columns, (row + 1) * columns)
      .reduce<number>((total, value) => total + (value ?? 0), 0);
    expect(sum).toBeCloseTo(1, 4);
  }
  expect(map.ids).toHaveLength(columns);

  for (const [view, charts] of [
    ['Lens', 2],
    ['Sampler', 1],
    ['Model', 3],
  ] as const) {
    await page.getByRole('tab', { name: view }).click();
    // A view's charts come one after the other; the first in the page is the last to wait for.
    await expect(groups).toHaveCount(charts);
    await checkFiles(page, groups.first());
  }

  await page.getByRole('tab', { name: 'Switch off' }).click();
  await page.getByRole('button', { name: /^Head 3\.2/u }).click();
  await expect(groups.first()).toBeVisible();
  const parts = await checkFiles(page, groups.first());
  expect(parts).toMatchObject({ off: [{ part: 'head', layer: 3, head: 2, by: 'zero' }] });
});

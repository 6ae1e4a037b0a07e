// The details of the model: whether it computes rightly, what precisions cost, and the model taken away.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, type Page } from '@playwright/test';
import { objections } from './axe.ts';
import { unzipSync } from 'fflate';
import {
  parseSafetensorsHeader,
  toFloat32,
  writeSafetensors,
} from '../../src/formats/safetensors.ts';
import {
  button,
  chips,
  closeViews,
  generateButton,
  open,
  setLength,
  untilSeen,
} from './helpers.ts';
import { test } from './window.ts';

const TALES = new URL('../../public/models/tales-7m/', import.meta.url);
const own = new Uint8Array(readFileSync(new URL('model.safetensors', TALES)));

const details = (page: Page) => page.locator('#model-details');
const hash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Keeps how far the check was, in order: some of it is so for a moment only. */
async function hearModelButton(page: Page): Promise<() => Promise<string[]>> {
  await page.addInitScript(() => {
    const said: string[] = [];
    Object.assign(globalThis, { said });
    new MutationObserver(() => {
      const chip = document.querySelector<HTMLElement>('[popovertarget="model-details"]');
      const words = chip?.dataset.check ?? '';
      if (said.at(-1) !== words) said.push(words);
    }).observe(document, { subtree: true, childList: true, attributeFilter: ['data-check'] });
  });
  return () => page.evaluate(() => (globalThis as { said?: string[] }).said ?? []);
}

async function openDetails(page: Page): Promise<void> {
  await button(page, /tales-7m/u).click();
  await expect(details(page).getByRole('heading', { name: 'Save this model' })).toBeVisible();
}

test.describe('on a first visit', () => {
  test.use({ isChecked: false });

  test('the device is checked once the page rests, and not on the next visit', async ({
    page,
    context,
  }) => {
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    await closeViews(page);
    const said = await hearModelButton(page);
    await open(page);
    await openDetails(page);
    const check = page.getByTestId('self-check');
    await untilSeen(
      check.filter({ hasText: 'Checked: computes like the reference on this device.' }),
    );
    await expect(page.locator('[data-check="checked"]')).toBeVisible();
    // The model is there before it is checked, and says so.
    const facts = await said();
    const [unchecked, running, checked] = ['not checked yet', 'being checked', 'checked'].map(
      (one) => facts.indexOf(one),
    );
    expect(unchecked).toBeGreaterThan(-1);
    expect(running).toBeGreaterThan(unchecked ?? Infinity);
    expect(checked).toBeGreaterThan(running ?? Infinity);
    await check.getByText('How it was checked').click();
    await expect(check).toContainText(
      /Against logits that are shipped for this checkpoint.*Same first choice everywhere/u,
    );
    await check.getByRole('button', { name: 'Copy report' }).click();
    await expect(check.getByRole('button', { name: 'Report copied' })).toBeVisible();
    const report = await page.evaluate(() => navigator.clipboard.readText());
    expect(report).toMatch(
      /^Glass GPT self-check: passed\nmodel: tales-7m[^]*ok {3}logits after emoji/u,
    );

    expect(await objections(page, '#model-details')).toEqual([]);

    // Known the next time, until somebody wants it made again.
    await page.reload();
    await openDetails(page);
    await check.getByText('How it was checked').click();
    await expect(check).toContainText(
      /On an earlier visit, .*, with this browser, device and version/u,
    );
    await check.getByRole('button', { name: 'Check again' }).click();
    await untilSeen(check.filter({ hasText: 'Checked: computes like the reference' }));
    await check.getByText('How it was checked').click();
    await expect(check).not.toContainText('earlier visit');
  });

  test(
    'what precisions cost is measured, and known of the model in another one',
    { tag: '@thorough' },
    async ({ page }) => {
      await closeViews(page);
      await open(page);
      await openDetails(page);
      const check = page.getByTestId('self-check');
      await expect(check).toContainText('Checked: computes like the reference on this device.');
      const row = (name: string) =>
        details(page).getByRole('row', { name: new RegExp(`^${name}`, 'u') });
      await expect(row('8 bit')).toContainText(/≈ 7\.8 MB\s*not measured yet/u);
      await expect(row('32 bit')).toContainText(/27\.9 MB\s*lossless/u);
      await button(page, 'Measure what it costs').click();
      await expect(row('8 bit')).toContainText(
        /same first choice at 6\d of 64 places, KL 0\.000\d+ bits/u,
      );
      await expect(row('16 bit')).toContainText('nothing: this model has no more digits');
      await expect(button(page, 'Measure what it costs')).toBeHidden();

      await button(page, '8 bit').click();
      await expect(button(page, '8 bit')).toHaveAttribute('aria-pressed', 'true');
      // It is another model to compute with: checked anew, and known to cost the same.
      await expect(check).toContainText(/Not checked yet|Being checked/u);
      await expect(row('8 bit')).toContainText('same first choice');
      await expect(details(page)).toContainText('the weights that it was made from');
      expect(await objections(page, '#model-details')).toEqual([]);
    },
  );
});

test('the model is saved as an archive and into a folder, whole or not at all', async ({
  page,
}) => {
  // A folder of the private file system stands in for one on disk; its handle is as real.
  await page.addInitScript(() => {
    Object.assign(window, {
      showDirectoryPicker: async () =>
        (await navigator.storage.getDirectory()).getDirectoryHandle('out', { create: true }),
    });
  });
  await closeViews(page);
  await open(page);
  await setLength(page, 30);
  // While it writes, which is no obstacle.
  await generateButton(page).click();
  await openDetails(page);
  await details(page).getByRole('radio', { name: '16 bit' }).check();
  const [file] = await Promise.all([
    page.waitForEvent('download'),
    button(page, 'Save as .zip').click(),
  ]);
  expect(file.suggestedFilename()).toBe('tales-7m.zip');
  const files = unzipSync(readFileSync(await file.path()));
  expect(Object.keys(files).map((name) => name.replace('tales-7m/', ''))).toEqual([
    'config.json',
    'generation_config.json',
    'model.safetensors',
    'vocab.json',
    'merges.txt',
    'tokenizer_config.json',
    'special_tokens_map.json',
  ]);
  const read = (name: string) => files[`tales-7m/${name}`] ?? new Uint8Array();
  expect(JSON.parse(new TextDecoder().decode(read('config.json')))).toMatchObject({
    architectures: ['GPT2LMHeadModel'],
    model_type: 'gpt2',
    activation_function: 'gelu_new',
    n_embd: 192,
    n_head: 12,
    n_layer: 12,
    n_positions: 256,
    vocab_size: 8192,
    tie_word_embeddings: true,
    torch_dtype: 'float16',
  });
  const weights = read('model.safetensors');
  const { tensors } = parseSafetensorsHeader(own, own.length);
  const saved = parseSafetensorsHeader(weights, weights.length);
  const tensorIn = (bytes: Uint8Array, { begin, end }: { begin: number; end: number }) =>
    hash(bytes.subarray(begin, end));
  // As it came, which was in halves.
  for (const [name, entry] of tensors) {
    const found = saved.tensors.get(name);
    expect(found, name).toMatchObject({ dtype: 'F16', shape: entry.shape });
    expect(found && tensorIn(weights, found), name).toBe(tensorIn(own, entry));
  }
  const end = page.getByTestId('saved');
  await expect(end).toContainText(/Downloaded as tales-7m\.zip: 14\.\d MB in 16 bit/u);
  await expect(end).toContainText('GPT2LMHeadModel.from_pretrained("./tales-7m")');
  await expect(generateButton(page)).toBeVisible();
  await expect(chips(page)).toHaveCount(40);

  await details(page).getByRole('radio', { name: '32 bit' }).check();
  await button(page, 'Save to a folder…').click();
  await expect(end).toContainText(/Written into the folder tales-7m: 28\.\d MB in 32 bit/u);
  const whole = writeSafetensors(
    new Map(
      [...tensors].map(([name, { dtype, shape, begin, end: to }]) => {
        const data = new Uint8Array(toFloat32(own.slice(begin, to), dtype).buffer);
        return [name, { dtype: 'F32', shape, data }];
      }),
    ),
    new Map([['format', 'pt']]),
  );
  expect(await hashOf(page, 'out/tales-7m/model.safetensors')).toBe(hash(whole));

  // A disk that gets no further until it is let go, and nobody who waits for it.
  await page.evaluate(() => {
    const { prototype } = FileSystemWritableFileStream;
    // oxlint-disable-next-line typescript/unbound-method -- called on its stream below
    const { write } = prototype;
    const disk = { pieces: 0, isHeld: true };
    Object.assign(globalThis, { disk });
    prototype.write = async function (this: FileSystemWritableFileStream, data) {
      while (disk.isHeld && disk.pieces > 3) await new Promise((go) => setTimeout(go, 20));
      disk.pieces += 1;
      return write.call(this, data);
    };
  });
  const holdDisk = (isHeld: boolean): Promise<void> =>
    page.evaluate((held) => {
      const { disk } = globalThis as unknown as { disk: { pieces: number; isHeld: boolean } };
      Object.assign(disk, { pieces: 0, isHeld: held });
    }, isHeld);
  const before = await filesUnder(page);
  for (const to of ['Save as .zip', 'Save to a folder…']) {
    await holdDisk(true);
    await button(page, to).click();
    await expect(details(page)).toContainText(/[\d.]+ [kM]B of 28\.\d MB/u);
    await expect(button(page, '8 bit')).toBeDisabled();
    await button(page, 'Cancel').click();
    await holdDisk(false);
    await expect(page.getByTestId('announcement')).toContainText('nothing is left of it');
    await expect(button(page, to)).toBeVisible();
    expect(await filesUnder(page)).toEqual(before);
  }
});

/** SHA-256 of a file in the private file system. */
function hashOf(page: Page, path: string): Promise<string> {
  return page.evaluate(async (at) => {
    const names = at.split('/');
    const name = names.pop() ?? '';
    let folder = await navigator.storage.getDirectory();
    for (const one of names) folder = await folder.getDirectoryHandle(one);
    const file = await (await folder.getFileHandle(name)).getFile();
    const digest = await crypto.subtle.digest('SHA-256', await file.arrayBuffer());
    return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  }, path);
}

/** Everything that lies in the private file system. */
function filesUnder(page: Page): Promise<string[]> {
  return page.evaluate(async () => {
    const paths: string[] = [];
    const walk = async (folder: FileSystemDirectoryHandle, at: string): Promise<void> => {
      for await (const [name, handle] of folder.entries()) {
        paths.push(`${at}/${name}`);
        if (handle.kind === 'directory') await walk(handle, `${at}/${name}`);
      }
    };
    await walk(await navigator.storage.getDirectory(), '');
    return paths.toSorted();
  });
}

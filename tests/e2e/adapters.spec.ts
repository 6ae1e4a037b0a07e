// LoRA adapters on the page: dropped together with their model, alone, and from a Hub, where nobody is asked for the
// model before a click.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect, type Locator, type Page } from '@playwright/test';
import { startHub } from '../support/hubServer.ts';
import { closeViews, untilReady } from './helpers.ts';
import { test } from './window.ts';

const read = (file: string): Uint8Array<ArrayBuffer> =>
  new Uint8Array(
    readFileSync(new URL(`../fixtures/cases/lora-peft-beside-base/${file}`, import.meta.url)),
  );
const base = {
  'config.json': read('config.json'),
  'model.safetensors': read('model.safetensors'),
};
const says = {
  ...(JSON.parse(new TextDecoder().decode(read('adapter_config.json'))) as object),
  base_model_name_or_path: 'tests/model-a',
};
const adapter = {
  'adapter_config.json': new TextEncoder().encode(JSON.stringify(says)),
  'adapter_model.safetensors': read('adapter_model.safetensors'),
};

const chipOf = (page: Page): Locator => page.locator('[popovertarget="model-details"]').first();
const offer = (page: Page): Locator => page.getByTestId('offer');

async function openPage(page: Page): Promise<void> {
  await closeViews(page, ['gpu-chosen-cpu']);
  await page.goto('./?device=cpu&seed=7');
  await untilReady(page);
}

async function expectDetails(page: Page, words: string): Promise<void> {
  await chipOf(page).click();
  await expect(page.locator('#model-details')).toContainText(words);
  await page.keyboard.press('Escape');
}

test(
  'a model and its adapter are dropped as two folders, and an adapter alone says what it wants',
  { tag: '@thorough' },
  async ({ page }, info) => {
    const [model, lora] = [info.outputPath('gpt'), info.outputPath('tales')];
    for (const [folder, files] of [
      [model, base],
      [lora, adapter],
    ] as const) {
      mkdirSync(folder, { recursive: true });
      for (const [name, bytes] of Object.entries(files)) writeFileSync(`${folder}/${name}`, bytes);
    }
    await openPage(page);
    const session = await page.context().newCDPSession(page);
    const drop = async (...files: string[]): Promise<void> => {
      for (const type of ['dragEnter', 'dragOver', 'drop'] as const) {
        const data = { items: [], files, dragOperationsMask: 1 };
        await session.send('Input.dispatchDragEvent', { type, x: 600, y: 300, data });
      }
    };
    await drop(lora);
    await expect(offer(page)).toHaveAttribute('data-status', 'failed');
    await expect(offer(page)).toContainText(
      'This is a LoRA adapter (r 4, α 12) for tests/model-a, and no model by itself.'.replace(
        'This',
        'tales',
      ),
    );
    await expect(offer(page)).toContainText('drop the folders of both at once');
    await expect(offer(page).getByRole('button', { name: 'Look up tests/model-a' })).toBeVisible();
    await page.screenshot({ path: info.outputPath('alone.png') });
    await drop(model, lora);
    await expect(chipOf(page).locator('b')).toHaveText('gpt + tales');
    await expect(offer(page)).toHaveCount(0);
    await expectDetails(page, 'LoRA gpt + tales, r 4, α 12, merged into 4 matrices');
  },
);

test(
  'an adapter on a Hub is loaded with the model it names, after a click, and opens again after a reload',
  { tag: '@thorough' },
  async ({ page }, info) => {
    const at = (id: string, files: Readonly<Record<string, Uint8Array>>) => ({
      id,
      commit: (id.at(-1) ?? '').repeat(40),
      files,
    });
    const hub = await startHub([at('tests/model-a', base), at('tests/lora-b', adapter)]);
    await openPage(page);
    await chipOf(page).click();
    await page.getByRole('button', { name: 'Choose another model…' }).first().click();
    await page.getByText('Revision, host', { exact: true }).click();
    await page.getByLabel('Host', { exact: true }).fill(hub.origin);
    const field = page.getByRole('textbox', { name: /Hugging Face id/u });
    await field.fill('tests/lora-b');
    await field.press('Enter');
    const dialog = page.getByRole('dialog', { name: 'Models' });
    await expect(dialog).toContainText('lora-b is a LoRA adapter (r 4, α 12) for tests/model-a');
    expect(hub.seen.filter(({ path }) => path.includes('model-a'))).toEqual([]);
    await page.screenshot({ path: info.outputPath('asked.png') });
    await dialog.getByRole('button', { name: 'Look up tests/model-a' }).click();
    await expect(dialog).toContainText('merged into tests/model-a');
    await page.screenshot({ path: info.outputPath('known.png') });
    expect(hub.sent('model.safetensors')).toBe(0);
    await dialog.getByRole('button', { name: /^Download/u }).click();
    await expect(chipOf(page).locator('b')).toHaveText('model-a + lora-b');
    await expect(page).toHaveURL(/base_model=tests%2Fmodel-a/u);
    await expectDetails(page, 'LoRA lora-b (tests/lora-b), r 4, α 12, merged into 4 matrices');
    hub.reset();
    await page.reload();
    await expect(chipOf(page).locator('b')).toHaveText('model-a + lora-b');
    expect(hub.seen).toEqual([]);
    await hub.close();
  },
);

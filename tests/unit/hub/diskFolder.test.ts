// A folder on disk, in Node.
import { existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { openDiskFolder } from '../../../src/hub/diskFolder.ts';

const folder = mkdtempSync(join(tmpdir(), 'glass-gpt-disk-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** What Linux says this process has open; other systems do not say. */
const OPEN = '/proc/self/fd';

test.runIf(existsSync(OPEN))('a damaged file of weights is closed again', async () => {
  const path = join(folder, 'model.safetensors');
  writeFileSync(path, 'this is no safetensors file at all');
  await expect(openDiskFolder(folder).openWeights()).rejects.toMatchObject({
    code: 'files/text',
  });
  const targets = readdirSync(OPEN).map((name) => {
    try {
      return readlinkSync(join(OPEN, name));
    } catch {
      return '';
    }
  });
  expect(targets).not.toContain(path);
});

test('a shard that is not there is missed by its name', async () => {
  const path = mkdtempSync(join(folder, 'shards-'));
  const index = { weight_map: { a: 'model-00001-of-00002.safetensors' } };
  writeFileSync(join(path, 'model.safetensors.index.json'), JSON.stringify(index));
  await expect(openDiskFolder(path).openWeights()).rejects.toMatchObject({
    message: `${path}/model-00001-of-00002.safetensors could not be read, which model.safetensors.index.json names.`,
    hint: expect.stringContaining('beside the other shards') as string,
  });
});

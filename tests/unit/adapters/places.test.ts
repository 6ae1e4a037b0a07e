// An adapter and its model from wherever they are: one folder or two, dropped, on disk, on a web server, on a Hub. Nobody
// is asked for a model that the caller did not name.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { GPT2 } from '../../../src/engine/gpt2.ts';
import type { FromPretrainedOptions } from '../../../src/engine/load/options.ts';
import { planModel } from '../../../src/hub/hubs.ts';
import { caseFiles, expectedOf, logitError } from '../../support/cases.ts';
import { startHub, type HubServer } from '../../support/hubServer.ts';

const CASE = 'lora-peft-beside-base';
const {
  'adapter_config.json': says,
  'adapter_model.safetensors': factors,
  ...base
} = caseFiles(CASE);
const adapter = { 'adapter_config.json': says, 'adapter_model.safetensors': factors };
const PLAIN = { device: 'cpu', dtype: 'fp32', processor: { wasm: 'none' } } as const;
type Files = Readonly<Record<string, Uint8Array<ArrayBuffer>>>;

const root = mkdtempSync(join(tmpdir(), 'glass-gpt-adapters-'));
const servers: Server[] = [];
let hub: HubServer;

function onDisk(files: Files): string {
  const path = mkdtempSync(join(root, 'f'));
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(path, name), bytes);
  return path;
}

async function onWeb(files: Files): Promise<string> {
  const server = createServer((request, response) => {
    const name = (request.url ?? '').slice(1);
    const isHere = Object.hasOwn(files, name);
    response.writeHead(isHere ? 200 : 404);
    response.end(isHere && request.method === 'GET' ? files[name] : '');
  });
  servers.push(server);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

function dropped(files: Files, folder = ''): File[] {
  return Object.entries(files).map(([name, bytes]) =>
    Object.defineProperty(new File([bytes], name), 'webkitRelativePath', {
      value: folder === '' ? '' : `${folder}/${name}`,
    }),
  );
}

/** Loads, and holds the logits against those of PEFT's merge. */
async function expectMerged(source: string, options: FromPretrainedOptions = {}): Promise<GPT2> {
  const model = await GPT2.from_pretrained(source, { ...PLAIN, ...options });
  expect(await logitError(model, expectedOf(CASE))).toBeLessThan(1e-5);
  expect(model.summary.adapter).toMatchObject({ ranks: [4], alphas: [12], matrices: 4 });
  await model.dispose();
  return model;
}

const ALONE = {
  code: 'adapter/base',
  message: expect.stringContaining('a LoRA adapter (r 4, α 12) for base') as string,
  baseModel: 'base',
};

beforeAll(async () => {
  const at = (id: string, files: Files) => ({ id, commit: id.at(-1)!.repeat(40), files });
  hub = await startHub([
    at('tests/model-a', base),
    at('tests/lora-b', adapter),
    at('tests/both-c', { ...base, ...adapter }),
  ]);
});
afterAll(async () => {
  rmSync(root, { recursive: true });
  for (const server of servers) await new Promise((done) => server.close(done));
  await hub.close();
});

describe('dropped', () => {
  test('as one folder, as two, and as two in one', async () => {
    const ways = [
      [...dropped(base), ...dropped(adapter)],
      [...dropped(base, 'gpt'), ...dropped(adapter, 'tales')],
      [...dropped(base, 'both/gpt'), ...dropped(adapter, 'both/tales')],
      [...dropped(base, 'tales/gpt'), ...dropped(adapter, 'tales')],
    ];
    const names: string[] = [];
    for (const files of ways) names.push((await expectMerged('x', { files })).summary.name);
    expect(names).toEqual(['x', 'gpt + tales', 'gpt + tales', 'gpt + tales']);
  });

  test('an adapter whose file has another name, in a folder of its own', async () => {
    const other = { 'adapter_config.json': says, 'model.safetensors': factors };
    await expectMerged('x', { files: [...dropped(base, 'a'), ...dropped(other, 'b')] });
  });

  test('a tokenizer of its own goes before the model’s, where it is a whole one', async () => {
    const vocab = (last: string): Uint8Array<ArrayBuffer> =>
      new TextEncoder().encode(JSON.stringify({ a: 0, [last]: 1 }));
    const merges = new TextEncoder().encode('#version: 0.2\n');
    const model = { ...base, 'vocab.json': vocab('b'), 'merges.txt': merges };
    const whole = { ...adapter, 'vocab.json': vocab('c'), 'merges.txt': merges };
    const part = { ...adapter, 'special_tokens_map.json': new TextEncoder().encode('{}') };
    const pieces: string[] = [];
    for (const tales of [whole, part]) {
      const files = [...dropped(model, 'gpt'), ...dropped(tales, 'tales')];
      const loaded = await GPT2.from_pretrained('x', { ...PLAIN, files });
      pieces.push(loaded.vocabulary.pieceOf(1).text);
      await loaded.dispose();
    }
    expect(pieces).toEqual(['c', 'b']);
  });

  test('two adapters are not guessed between', async () => {
    const files = [...dropped(base, 'gpt'), ...dropped(adapter, 'one'), ...dropped(adapter, 'two')];
    await expect(GPT2.from_pretrained('x', { ...PLAIN, files })).rejects.toMatchObject({
      code: 'files/several',
      message: 'There are several adapters: one, two.',
    });
  });

  test('alone, an adapter says which model it wants, and takes the one that is named', async () => {
    const files = dropped(adapter);
    await expect(GPT2.from_pretrained('x', { ...PLAIN, files })).rejects.toMatchObject(ALONE);
    const { summary } = await expectMerged('tales', { files, base_model: onDisk(base) });
    expect(summary.name).toMatch(/ \+ tales$/);
  });
});

describe('on disk', () => {
  test('in two folders, of which the caller names both', async () => {
    const path = onDisk(adapter);
    await expect(GPT2.from_pretrained(path, PLAIN)).rejects.toMatchObject(ALONE);
    await expectMerged(path, { base_model: onDisk(base) });
    await expect(
      GPT2.from_pretrained(onDisk(base), { ...PLAIN, base_model: path }),
    ).rejects.toMatchObject({ code: 'adapter/none' });
  });

  test('left out where that is asked for', async () => {
    const model = await GPT2.from_pretrained(onDisk({ ...base, ...adapter }), {
      ...PLAIN,
      adapter: false,
    });
    expect(model.summary.adapter).toBeUndefined();
    expect(await logitError(model, expectedOf(CASE))).toBeGreaterThan(1e-2);
    await model.dispose();
  });
});

describe('on a web server', () => {
  test('beside the model, alone, and with the model that is named', async () => {
    await expectMerged(await onWeb({ ...base, ...adapter }));
    const alone = await onWeb(adapter);
    await expect(GPT2.from_pretrained(alone, PLAIN)).rejects.toMatchObject(ALONE);
    await expectMerged(alone, { base_model: await onWeb(base) });
  });
});

describe('on a Hub', () => {
  const cache_dir = mkdtempSync(join(root, 'cache'));

  test('alone, nobody asks for its model; its plan says so before anything is fetched', async () => {
    hub.reset();
    const host = hub.origin;
    await expect(planModel({ source: 'tests/lora-b', host })).rejects.toMatchObject(ALONE);
    await expect(GPT2.from_pretrained('tests/lora-b', { ...PLAIN, host })).rejects.toMatchObject(
      ALONE,
    );
    expect(hub.seen.filter(({ path }) => path.includes('model-a'))).toEqual([]);
    expect(hub.sent('adapter_model.safetensors')).toBe(0);
  });

  test('with the model that is named, both are planned, fetched, checked and kept', async () => {
    hub.reset();
    const request = { source: 'tests/lora-b', host: hub.origin, base_model: 'tests/model-a' };
    const plan = await planModel(request, { cache_dir });
    expect(plan.files.map(({ name }) => name)).toEqual([
      'adapter_config.json',
      'adapter_model.safetensors',
      'tests/model-a/config.json',
      'tests/model-a/model.safetensors',
    ]);
    expect(plan.totalBytes).toBe(plan.files.reduce((sum, { size }) => sum + (size ?? 0), 0));
    expect([plan.commit, plan.baseCommit]).toEqual(['b'.repeat(40), 'a'.repeat(40)]);
    const { host, base_model } = request;
    const { summary } = await expectMerged('tests/lora-b', { host, base_model, cache_dir });
    expect(summary.name).toBe('model-a + lora-b');
    expect(summary.origin).toMatchObject({ id: 'tests/model-a', isVerified: true });
    expect(summary.adapter?.origin).toMatchObject({ id: 'tests/lora-b', isVerified: true });
    // Kept whole, nobody is asked again.
    hub.reset();
    expect((await planModel(request, { cache_dir })).kind).toBe('stored');
    await expectMerged('tests/lora-b', { host, base_model, cache_dir });
    expect(hub.seen).toEqual([]);
  });

  test('beside its model, it is merged as it is', async () => {
    const { summary } = await expectMerged('tests/both-c', { host: hub.origin, cache_dir });
    expect(summary.name).toBe('both-c');
  });
});

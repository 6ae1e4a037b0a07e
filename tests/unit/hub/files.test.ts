// Dropped files: the four layouts, with and without config.json, shards, and what is refused.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { GPT2 } from '../../../src/engine/gpt2.ts';
import type { FromPretrainedOptions } from '../../../src/engine/load/options.ts';
import { EngineError } from '../../../src/errors.ts';
import { headsFor } from '../../../src/model/config.ts';
import { letterModel } from '../../support/letterModel.ts';
import { packPath } from '../../support/packOnDisk.ts';
import { shardedModel, tinyModel } from '../../support/servedModels.ts';

const packFile = (model: string, file: string): Uint8Array =>
  readFileSync(join(packPath(model), file));

/** As a browser hands a dropped folder over. */
function dropped(files: Readonly<Record<string, Uint8Array | string>>): File[] {
  return Object.entries(files).map(([path, bytes]) => {
    const file = new File([bytes as Uint8Array<ArrayBuffer>], path.split('/').at(-1) ?? path);
    Object.defineProperty(file, 'webkitRelativePath', { value: path.includes('/') ? path : '' });
    return file;
  });
}

async function load(
  files: Readonly<Record<string, Uint8Array | string>>,
  options: FromPretrainedOptions = {},
) {
  const model = await GPT2.from_pretrained('dropped', {
    device: 'cpu',
    files: dropped(files),
    ...options,
  });
  const { logits } = await model.forward([1, 2, 3]);
  const { summary } = model;
  await model.dispose();
  return { summary, logits: logits.data };
}

async function errorOf(work: Promise<unknown>): Promise<EngineError> {
  const error: unknown = await work.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(EngineError);
  return error as EngineError;
}

describe('dropped files', () => {
  for (const layout of ['gpt2', 'nanogpt-bias', 'nanogpt-nobias', 'mingpt', 'notebook']) {
    test(`in the layout of ${layout} are the model on disk, with config.json and without`, async () => {
      const here = await GPT2.from_pretrained(packPath(layout), { device: 'cpu' });
      const expected = (await here.forward([1, 2, 3])).logits.data;
      await here.dispose();
      const weights = packFile(layout, 'model.safetensors');
      const config = packFile(layout, 'config.json');
      const whole = await load({ 'm/model.safetensors': weights, 'm/config.json': config });
      expect(whole.logits).toEqual(expected);
      expect(whole.summary.name).toBe('m');
      expect(whole.summary.origin).toMatchObject({ kind: 'files', keptIn: 'disk' });
      expect(whole.summary.assumed).toBeUndefined();
      const norm = layout === 'notebook' ? ({ layer_norm_denominator: 'std' } as const) : {};
      const alone = await load({ 'other name.safetensors': weights }, { nHead: 3, ...norm });
      expect(alone.logits).toEqual(expected);
    });
  }

  test('without a word about heads are loaded where their sizes are known, else the heads are asked for', async () => {
    const weights = packFile('nanogpt-bias', 'model.safetensors');
    const { summary } = await load({ 'x.safetensors': weights });
    const choices = [1, 2, 3, 4, 6, 8, 12, 16, 24, 48];
    expect(summary.nHead).toBe(3);
    expect(summary.assumed?.[0]).toEqual({ key: 'nHead', value: 3, choices, by: 'known' });
    // Nobody publishes models of width 8, and one of random weights reads no text well with any number of heads.
    const nameless = letterModel({ config: { n_head: undefined } });
    const unknown = GPT2.from_pretrained('dropped', { device: 'cpu', files: nameless });
    expect(await errorOf(unknown)).toMatchObject({
      code: 'config/heads',
      choice: { key: 'nHead', choices: [1, 2, 4, 8] },
    });
    const error = await errorOf(
      load({ 'x.safetensors': weights, 'config.json': '{"n_head":3}' }, { nHead: 4 }),
    );
    expect(error.code).toBe('config/heads');
  });

  test('may be shards with an index, a folder in a folder, and tokenizer files', async () => {
    const { files } = shardedModel();
    const inFolder = Object.fromEntries(
      Object.entries(files).map(([name, bytes]) => [`outer/inner/${name}`, bytes as Uint8Array]),
    );
    const { logits, summary } = await load({ ...inFolder, 'outer/notes.txt': 'x' });
    expect([...logits].every(Number.isFinite)).toBe(true);
    expect(logits).toEqual((await load(tinyModel().files as Record<string, Uint8Array>)).logits);
    expect(summary.name).toBe('inner');
    const shard = 'outer/inner/model-00002-of-00003.safetensors';
    const error = await errorOf(load({ ...inFolder, [shard]: 'gone' }));
    expect(error.code).toMatch(/^safetensors\//);
    const { [shard]: _, ...rest } = inFolder;
    expect(await errorOf(load(rest))).toMatchObject({ code: 'files/missing' });
  });

  const pickle = new Uint8Array([0x80, 2, 0x8a, 10, ...new Uint8Array(40)]);
  const zip = new Uint8Array([0x50, 0x4b, 3, 4, ...new Uint8Array(100)]);
  const refused: [string, Record<string, Uint8Array | string>, string, string][] = [
    [
      'a pickle',
      { 'pytorch_model.bin': pickle },
      'files/pickle',
      'pytorch_model.bin is a PyTorch pickle',
    ],
    ['a checkpoint', { 'ckpt.pt': pickle, 'meta.json': '{}' }, 'files/pickle', 'ckpt.pt'],
    [
      'a pickle that was renamed',
      { 'model.safetensors': zip },
      'files/pickle',
      'model.safetensors',
    ],
    [
      'several models',
      { 'a.safetensors': 'x', 'b.safetensors': 'x' },
      'files/several',
      'a.safetensors, b.safetensors',
    ],
    [
      'an unknown file that many would call a pickle',
      { 'weights.bin': new Uint8Array([0x1e, 0xe7, 1, ...new Uint8Array(40)]) },
      'files/unknown',
      'weights.bin is of no format that is known here, and no pickle of PyTorch: it begins with the bytes 1e e7 01 00',
    ],
    ['something else', { 'photo.jpg': 'x' }, 'files/unknown', 'photo.jpg'],
    ['nothing', {}, 'files/none', 'No file'],
    ['half a header', { 'model.safetensors': 'abcdefgh' }, 'safetensors/truncated', '8 bytes'],
  ];
  for (const [what, files, code, words] of refused) {
    test(`${what} is refused by name`, async () => {
      const error = await errorOf(load(files));
      expect(error.code).toBe(code);
      expect(error.message).toContain(words);
      if (code === 'files/pickle') expect(error.hint.split('\n')).toHaveLength(4);
    });
  }
});

test('a file that changed after it was dropped is told by what happened to it', async () => {
  const [file] = dropped({ 'x.safetensors': packFile('gpt2', 'model.safetensors') });
  // As browsers have it: the size is known still, and nothing can be read.
  const gone = Promise.reject(new DOMException('gone', 'NotReadableError'));
  gone.catch(() => {});
  file.slice = () => ({ size: 9, arrayBuffer: () => gone }) as unknown as Blob;
  const error = await errorOf(GPT2.from_pretrained('x', { device: 'cpu', files: [file] }));
  expect(error.code).toBe('files/changed');
  expect(error.message).toContain('x.safetensors was changed, moved or deleted');
  expect(error.hint).toContain('Drop it once more');
});

test('heads are the divisors of a width', () => {
  expect(headsFor(12)).toEqual([1, 2, 3, 4, 6, 12]);
});

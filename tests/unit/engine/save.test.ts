// Out again: a loaded model as a Hugging Face folder, on disk, in Node.
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Dtype } from '../../../src/api.ts';
import { GPT2 } from '../../../src/engine/gpt2.ts';
import { textFile, writeFolder } from '../../../src/engine/save.ts';
import { createCpuDevice } from '../../../src/gpu/cpu/device.ts';
import { readConfigFile } from '../../../src/model/configFile.ts';
import { parseSafetensorsHeader } from '../../../src/formats/safetensors.ts';
import { openSafetensors } from '../../../src/formats/safetensorsSource.ts';
import { BytePairEncoder } from '../../../src/text/bytePairEncoder.ts';
import { gpt2TokenizerFiles } from '../../../src/text/gpt2Files.ts';
import { loadGpt2Tokenizer } from '../../../src/text/gpt2Tokenizer.ts';
import { PACK_CASES } from '../../support/packCases.ts';
import { packPath, readPackFile, readPackJson } from '../../support/packOnDisk.ts';

const TALES = new URL('../../../public/models/tales-7m', import.meta.url).pathname;
const away = mkdtempSync(join(tmpdir(), 'glass-gpt-save-'));
afterAll(() => rmSync(away, { recursive: true, force: true }));
let folders = 0;
const newFolder = (): string => join(away, `deep/${folders++}`);

const load = (path: string, dtype: Dtype): Promise<GPT2> =>
  GPT2.from_pretrained(path, { device: 'cpu', dtype });

async function logitsOf(model: GPT2): Promise<Float32Array> {
  const { vocabSize, nCtx } = model.config;
  const ids = Array.from({ length: Math.min(13, nCtx) }, (_, i) => (i * 37 + 5) % vocabSize);
  return (await model.forward(ids)).logits.data;
}

function tensorsOf(file: Uint8Array) {
  const { tensors, metadata } = parseSafetensorsHeader(file, file.length);
  const bytes = new Map(
    [...tensors].map(([name, { begin, end }]) => [name, file.subarray(begin, end)]),
  );
  return { tensors, metadata, bytes };
}

/** Whether bytes are equal; vitest would look at each of millions on its own. */
const isSame = (a: Uint8Array | undefined, b: Uint8Array | undefined): boolean =>
  a !== undefined && b !== undefined && Buffer.compare(a, b) === 0;

const readJson = (folder: string, name: string): Record<string, unknown> =>
  JSON.parse(readFileSync(join(folder, name), 'utf8')) as Record<string, unknown>;

describe('save_pretrained', () => {
  for (const name of PACK_CASES.filter((each) => each !== 'notebook')) {
    for (const dtype of ['fp32', 'fp16'] as const) {
      it(`writes ${name} in ${dtype}, and loading it again gives the same logits bit for bit`, async () => {
        await using model = await load(packPath(name), dtype);
        const folder = newFolder();
        const { weights, files } = await model.save_pretrained(folder);
        expect(weights).toBe('loaded');
        const sizes = Object.fromEntries(
          readdirSync(folder).map((file) => [file, readFileSync(join(folder, file)).length]),
        );
        expect(sizes).toEqual(Object.fromEntries(files.map((f) => [f.name, f.sizeBytes])));
        await using again = await load(folder, dtype);
        expect(again.summary.layout).toBe('huggingface');
        expect(await logitsOf(again)).toEqual(await logitsOf(model));
      });
    }
  }

  it("writes the pack's gpt2 with the names, shapes, types and bytes that transformers wrote", async () => {
    await using model = await load(packPath('gpt2'), 'fp32');
    const folder = newFolder();
    await model.save_pretrained(folder);
    const own = tensorsOf(readFileSync(join(folder, 'model.safetensors')));
    const theirs = tensorsOf(readPackFile('gpt2', 'model.safetensors'));
    expect([...own.metadata]).toEqual([['format', 'pt']]);
    const expected = [...theirs.tensors].filter(([name]) => !/\.attn\.(masked_)?bias$/.test(name));
    expect([...own.tensors.keys()].toSorted()).toEqual(expected.map(([name]) => name).toSorted());
    for (const [name, { dtype, shape }] of expected) {
      expect(own.tensors.get(name), name).toMatchObject({ dtype, shape });
      expect(isSame(own.bytes.get(name), theirs.bytes.get(name)), name).toBe(true);
    }
    const config = readJson(folder, 'config.json');
    expect(config).toMatchObject({
      architectures: ['GPT2LMHeadModel'],
      model_type: 'gpt2',
      activation_function: 'gelu_new',
      n_embd: 48,
      n_head: 3,
      n_layer: 3,
      n_positions: 40,
      n_ctx: 40,
      n_inner: null,
      vocab_size: 523,
      layer_norm_epsilon: 1e-5,
      tie_word_embeddings: true,
      torch_dtype: 'float32',
    });
    // Nothing in it that is not GPT2Config's.
    expect(readConfigFile(config)).toMatchObject({ nHead: 3, tiedHead: true });
  });

  it('writes tales-7m as it came, all in halves, with its tokenizer', async () => {
    await using model = await load(TALES, 'fp16');
    const folder = newFolder();
    await model.save_pretrained(folder);
    const own = tensorsOf(readFileSync(join(folder, 'model.safetensors')));
    const theirs = tensorsOf(readFileSync(join(TALES, 'model.safetensors')));
    expect([...own.tensors]).toEqual([...theirs.tensors]);
    for (const [name, bytes] of theirs.bytes) {
      expect(isSame(own.bytes.get(name), bytes), name).toBe(true);
    }
    for (const file of ['vocab.json', 'merges.txt']) {
      const written = readFileSync(join(folder, file));
      expect(isSame(written, readFileSync(join(TALES, file))), file).toBe(true);
    }
    expect(readJson(folder, 'tokenizer_config.json')).toMatchObject({
      tokenizer_class: 'GPT2Tokenizer',
      bos_token: '<|endoftext|>',
      model_max_length: 256,
    });
    expect(readJson(folder, 'config.json')).toMatchObject({
      bos_token_id: 8191,
      eos_token_id: 8191,
      torch_dtype: 'float16',
      attn_pdrop: 0,
    });
    const generation = readJson(TALES, 'generation_config.json');
    expect(readJson(folder, 'generation_config.json')).toMatchObject(generation);
    await using again = await load(folder, 'fp16');
    expect(again.encode('Once upon a 🦊')).toEqual(model.encode('Once upon a 🦊'));
    expect(again.fingerprint).toBe(model.fingerprint);
  });

  it('writes what a q8 model was made from where that is at hand, else its own weights, and says which', async () => {
    await using whole = await load(packPath('gpt2'), 'fp32');
    await using rounded = await load(packPath('gpt2'), 'q8');
    const first = newFolder();
    expect(await rounded.save_pretrained(first)).toMatchObject({
      weights: 'source',
      dtype: 'fp32',
    });
    await using again = await load(first, 'fp32');
    expect(await logitsOf(again)).toEqual(await logitsOf(whole));

    const source = openSafetensors(readPackFile('gpt2', 'model.safetensors'));
    const file = readConfigFile(readPackJson('gpt2', 'config.json'));
    await using homeless = await GPT2.from_source(source, {
      device: createCpuDevice(),
      file,
      dtype: 'q8',
    });
    const second = newFolder();
    expect(await homeless.save_pretrained(second)).toMatchObject({ weights: 'dequantised' });
    // By the same plain loops: one row meets int8 in another way in WebAssembly.
    await using dequantised = await GPT2.from_pretrained(second, {
      device: 'cpu',
      dtype: 'fp32',
      processor: { wasm: 'none' },
    });
    expect(await logitsOf(dequantised)).toEqual(await logitsOf(homeless));
  });

  it('writes a LayerNorm that transformers does not know as the notebook has it, so that nobody computes another', async () => {
    for (const dtype of ['fp32', 'fp16'] as const) {
      await using model = await load(packPath('notebook'), dtype);
      const folder = newFolder();
      expect(await model.save_pretrained(folder)).toMatchObject({ layout: 'notebook' });
      const config = readJson(folder, 'config.json');
      expect(config).toMatchObject({ layer_norm_denominator: 'std', qkv_bias: false, n_head: 3 });
      // AutoModel refuses a config.json that names no model.
      expect(config).not.toHaveProperty('model_type');
      const source = openSafetensors(readFileSync(join(folder, 'model.safetensors')));
      const own = openSafetensors(readPackFile('notebook', 'model.safetensors'));
      expect(Object.fromEntries(source.shapes)).toEqual(Object.fromEntries(own.shapes));
      if (dtype === 'fp32') {
        for (const name of own.shapes.keys()) {
          expect(await source.read(name), name).toEqual(await own.read(name));
        }
      }
      await using again = await load(folder, dtype);
      expect(again.summary.assumed).toBeUndefined();
      expect(await logitsOf(again)).toEqual(await logitsOf(model));
    }
  });

  it('says where it cannot write', async () => {
    await using model = await load(packPath('gpt2'), 'fp32');
    const file = join(packPath('gpt2'), 'config.json', 'below');
    await expect(model.save_pretrained(file)).rejects.toMatchObject({ code: 'save/write' });
  });

  it('leaves nothing behind when it is stopped', async () => {
    await using model = await load(TALES, 'fp32');
    const folder = newFolder();
    const stop = new AbortController();
    const saving = model.save_pretrained(folder, { signal: stop.signal });
    const part = join(folder, 'model.safetensors.new');
    while (!existsSync(part)) await new Promise((resolve) => setTimeout(resolve, 1));
    stop.abort();
    await expect(saving).rejects.toMatchObject({ name: 'AbortError' });
    expect(existsSync(folder)).toBe(false);
  });

  it('writes all of it or nothing where the disk is full in the middle', async () => {
    const files = [textFile('config.json', '{}'), textFile('model.safetensors', 'old')];
    const full = {
      ...textFile('model.safetensors', 'new'),
      async *chunks() {
        yield new TextEncoder().encode('n');
        throw await Promise.resolve(Object.assign(new Error('no space left'), { code: 'ENOSPC' }));
      },
    };
    const folder = newFolder();
    const error = {
      code: 'save/write',
      message: expect.stringContaining('no space left') as string,
    };
    await expect(writeFolder(folder, [files[0], full])).rejects.toMatchObject(error);
    expect(existsSync(folder)).toBe(false);
    await writeFolder(folder, files);
    const other = textFile('config.json', '{"other": true}');
    await expect(writeFolder(folder, [other, full])).rejects.toMatchObject(error);
    expect(readdirSync(folder)).toEqual(['config.json', 'model.safetensors']);
    expect(readFileSync(join(folder, 'config.json'), 'utf8')).toBe('{}');
    expect(readFileSync(join(folder, 'model.safetensors'), 'utf8')).toBe('old');
  });

  it('gives chunks to whoever writes them elsewhere, none larger than a few megabytes', async () => {
    await using model = await load(TALES, 'fp32');
    const saved = await model.save_pretrained({ dtype: 'fp32' });
    for (const { name, sizeBytes, chunks } of saved.files) {
      let [size, largest] = [0, 0];
      for await (const bytes of chunks()) {
        size += bytes.length;
        largest = Math.max(largest, bytes.length);
      }
      expect(size, name).toBe(sizeBytes);
      expect(largest).toBeLessThanOrEqual(4 << 20);
    }
    await saved.dispose();
  });
});

describe("GPT-2's own tokenizer files", () => {
  it('are 50,257 tokens and 50,000 merges that read text as its ranks do', async () => {
    const files = await gpt2TokenizerFiles();
    expect(Object.keys(JSON.parse(files.vocab) as object)).toHaveLength(50257);
    const merges = files.merges.trimEnd().split('\n').slice(1);
    expect(merges).toHaveLength(50000);
    expect(merges.slice(0, 3)).toEqual(['Ġ t', 'Ġ a', 'h e']);
    const [fromFiles, fromRanks] = [BytePairEncoder.fromFiles(files), await loadGpt2Tokenizer()];
    expect(fromFiles.endOfTextId).toBe(50256);
    for (const text of [
      'Hello, world! 🦊 naïve 123456',
      ' \n\t  été 漢字 don’t',
      'aaaaaaaaaaaaaaaaaab',
    ]) {
      expect(fromFiles.encode(text)).toEqual(fromRanks.encode(text));
    }
  });
});

// Everything that GPT2Config allows, and what others write in its place: each model loads, gives the numbers of an
// independent GPT-2 in float64, and gives them again when it was saved and loaded.
import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { GPT2 } from '../../../src/engine/gpt2.ts';
import { expectClose } from '../../support/close.ts';

const FOLDER = new URL('../../fixtures/configs/', import.meta.url);
const cases = readdirSync(FOLDER, { withFileTypes: true }).filter((entry) => entry.isDirectory());

interface Expected {
  readonly ids: readonly number[];
  /** Of the last position. */
  readonly logits: readonly number[];
}

const load = (name: string, options: Parameters<typeof GPT2.from_pretrained>[1]): Promise<GPT2> =>
  GPT2.from_pretrained(new URL(name, FOLDER).pathname, {
    device: 'cpu',
    dtype: 'fp32',
    ...options,
  });
const exact = { processor: { wasm: 'exact', threads: 1 } } as const;
const plain = { processor: { wasm: 'none' } } as const;

async function lastLogits(model: GPT2, ids: readonly number[]): Promise<Float32Array> {
  const { logits } = await model.forward(ids);
  return logits.data.subarray(-model.config.vocabSize);
}

/** The files of a saved model, as a browser hands them over. */
async function saved(model: GPT2): Promise<File[]> {
  const files: File[] = [];
  for (const { name, chunks } of (await model.save_pretrained()).files) {
    const parts: Uint8Array<ArrayBuffer>[] = [];
    for await (const chunk of chunks()) parts.push(chunk);
    files.push(new File(parts, name));
  }
  return files;
}

/** What is written into config.json where it is not as in GPT-2. */
const SAVED: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  epsilon: { layer_norm_epsilon: 1e-3 },
  gelu: { activation_function: 'gelu' },
  inner: { n_inner: 40 },
  inverse: { scale_attn_by_inverse_layer_idx: true, reorder_and_upcast_attn: true },
  'inverse-noscale': { scale_attn_by_inverse_layer_idx: true, scale_attn_weights: false },
  noscale: { scale_attn_weights: false },
  'mixin-config-nested': { activation_function: 'gelu', tie_word_embeddings: false },
  'nanogpt-own-model-type': { activation_function: 'gelu', tie_word_embeddings: false },
  onehead: { n_head: 1 },
  quick_gelu: { activation_function: 'quick_gelu' },
  relu: { activation_function: 'relu' },
  silu: { activation_function: 'silu' },
  swish: { activation_function: 'silu' },
  tanh: { activation_function: 'tanh' },
  untied: { tie_word_embeddings: false },
};
const USUAL = {
  activation_function: 'gelu_new',
  layer_norm_epsilon: 1e-5,
  n_head: 3,
  n_inner: null,
  reorder_and_upcast_attn: false,
  scale_attn_by_inverse_layer_idx: false,
  scale_attn_weights: true,
  tie_word_embeddings: true,
};

describe('a model with a configuration of its own', () => {
  for (const { name } of cases) {
    it(`${name} has the right logits, also when it was saved`, async () => {
      const json = readFileSync(new URL(`${name}/expected.json`, FOLDER), 'utf8');
      const { ids, logits } = JSON.parse(json) as Expected;
      await using model = await load(name, exact);
      const found = await lastLogits(model, ids);
      expectClose('WebAssembly', found, logits, 1e-5);
      await using other = await load(name, plain);
      expectClose('plain loops', await lastLogits(other, ids), logits, 1e-5);
      const files = await saved(model);
      const text = (await files.find((file) => file.name === 'config.json')?.text()) ?? '';
      expect(JSON.parse(text)).toMatchObject({ ...USUAL, ...SAVED[name] });
      await using again = await load('saved', { ...exact, files });
      expect(again.config).toEqual(model.config);
      expect(await lastLogits(again, ids)).toEqual(found);
    });
  }
});

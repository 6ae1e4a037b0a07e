// Checkpoints as people have them, from public bug reports: the right logits, and the same once they were saved.
import { describe, expect, it } from 'vitest';
import { GPT2 } from '../../../src/engine/gpt2.ts';
import { withDefaults } from '../../../src/state/settings.ts';
import { caseFiles, expectedOf, logitError, savedFiles } from '../../support/cases.ts';

const PLAINLY = { device: 'cpu', dtype: 'fp32', processor: { wasm: 'none' } } as const;

const toFiles = (files: Readonly<Record<string, Uint8Array<ArrayBuffer>>>): File[] =>
  Object.entries(files).map(([name, bytes]) => new File([bytes], name));

/** What is assumed of each, where something is. */
const CASES: Readonly<Record<string, readonly (readonly [string, string | number])[]>> = {
  'rasbt-layernorm': [['layer_norm_denominator', 'variance']],
  'rasbt-fused-qkv': [['layer_norm_denominator', 'variance']],
  'heads-3-of-width-48': [
    ['nHead', 3],
    ['activation_function', 'gelu'],
  ],
  'gelu-of-current-mingpt': [['activation_function', 'gelu_new']],
  'tied-head-kept-embedding-dropped': [['activation_function', 'gelu']],
  'compile-inside-blocks': [],
};

describe.each(Object.entries(CASES))('%s', (name, assumed) => {
  it('is read rightly, says what was assumed, and is the same once it was saved', async () => {
    const expected = expectedOf(name);
    const files = toFiles(caseFiles(name));
    const { nHead } = expected;
    await using model = await GPT2.from_pretrained(name, { ...PLAINLY, files, nHead });
    expect(await logitError(model, expected)).toBeLessThan(1e-4);
    expect((model.summary.assumed ?? []).map(({ key, value }) => [key, value])).toEqual(assumed);
    const written = await savedFiles(model);
    await using again = await GPT2.from_pretrained('saved', { ...PLAINLY, files: written });
    expect(again.summary.assumed).toBeUndefined();
    expect(await logitError(again, expected)).toBeLessThan(1e-4);
  });
});

describe('char-vocab-json', () => {
  it('has nanoGPT’s exact GELU by what its files say, and its logits by the one that it was written with', async () => {
    const files = toFiles(caseFiles('char-vocab-json'));
    await using model = await GPT2.from_pretrained('characters', { ...PLAINLY, files });
    expect(model.summary.assumed).toEqual([
      {
        key: 'activation_function',
        value: 'gelu',
        choices: ['gelu', 'gelu_new'],
        by: 'convention',
      },
    ]);
    const told = { ...PLAINLY, files, activation_function: 'gelu_new' };
    await using other = await GPT2.from_pretrained('characters', told);
    expect(await logitError(other, expectedOf('char-vocab-json'))).toBeLessThan(1e-4);
  });
});

/** Settings that other programs write beside a model; its weights are another case's. */
describe.each([
  ['generation-config-temperature-0', { do_sample: false }],
  ['generation-config-temperature-0-alone', { do_sample: false }],
  ['generation-config-top-k-minus-1', { top_k: 0 }],
])('%s', (name, settings) => {
  it('loads, and what it brings can be written with', async () => {
    const { 'model.safetensors': weights, 'config.json': config } =
      caseFiles('added-existing-word');
    const files = { ...caseFiles(name), 'model.safetensors': weights, 'config.json': config };
    await using model = await GPT2.from_pretrained(name, { ...PLAINLY, files: toFiles(files) });
    const expected = expectedOf(name);
    expect(await logitError(model, expected)).toBeLessThan(1e-4);
    expect(withDefaults(model.summary.defaults).settings).toMatchObject(settings);
    const written: number[] = [];
    const options = { ...model.summary.defaults, max_new_tokens: 3, eos_token_id: null };
    for await (const { token_id } of model.generate(expected.ids, options)) written.push(token_id);
    expect(written).toHaveLength(3);
  });
});

/** The same tensors under names that something wrapped. */
describe('wrappers', () => {
  it.each([
    ['_orig_mod.', 'transformer.h.0._orig_mod.', '_orig_mod.transformer.h.0.'],
    ['module.', 'transformer.h.0._orig_mod.', 'module.transformer.h.0.'],
    ['inside', '_orig_mod.attn.', 'attn._fsdp_wrapped_module._checkpoint_wrapped_module.'],
    ['at the end', 'ln_1.weight', 'ln_1.module.weight'],
  ])('may stand anywhere in a name: %s', async (_, from, to) => {
    const { 'model.safetensors': weights, ...rest } = caseFiles('compile-inside-blocks');
    const files = { ...rest, 'model.safetensors': renamed(weights, from, to) };
    const options = { ...PLAINLY, files: toFiles(files) };
    await using model = await GPT2.from_pretrained('wrapped', options);
    expect(await logitError(model, expectedOf('compile-inside-blocks'))).toBeLessThan(1e-4);
  });

  it('that make two tensors one are refused by both names', async () => {
    const { 'model.safetensors': weights, ...rest } = caseFiles('compile-inside-blocks');
    const twice = renamed(weights, 'transformer.h.1._orig_mod.ln_1', 'module.transformer.h.0.ln_1');
    const files = toFiles({ ...rest, 'model.safetensors': twice });
    await expect(GPT2.from_pretrained('twice', { ...PLAINLY, files })).rejects.toMatchObject({
      code: 'checkpoint/names',
      message: expect.stringContaining('transformer.h.0.ln_1.bias twice') as string,
    });
  });
});

/** A safetensors file with other names in its header. */
function renamed(file: Uint8Array<ArrayBuffer>, from: string, to: string): Uint8Array<ArrayBuffer> {
  const length = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  const header = new TextDecoder().decode(file.subarray(8, 8 + length));
  expect(header).toContain(from);
  const bytes = new TextEncoder().encode(header.replaceAll(from, to));
  const all = new Uint8Array(8 + bytes.length + file.length - 8 - length);
  new DataView(all.buffer).setBigUint64(0, BigInt(bytes.length), true);
  all.set(bytes, 8);
  all.set(file.subarray(8 + length), 8 + bytes.length);
  return all;
}

// What no file of a checkpoint says is measured, taken as is usual, or asked; never guessed in silence.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Reading } from '../../../src/api.ts';
import { GPT2 } from '../../../src/engine/gpt2.ts';
import { selfCheck } from '../../../src/engine/checking/selfCheck.ts';
import { writeSafetensors, type SafetensorsInput } from '../../../src/formats/safetensors.ts';
import { openSafetensors } from '../../../src/formats/safetensorsSource.ts';
import { packPath } from '../../support/packOnDisk.ts';

const TALES = new URL('../../../public/models/tales-7m/', import.meta.url);
const tales = (file: string): Uint8Array<ArrayBuffer> =>
  new Uint8Array(readFileSync(new URL(file, TALES)));

/** The shipped model's first blocks as the book's classes would store them: apart, outputs first, no word of heads. */
async function asBook(blocks: number): Promise<Uint8Array<ArrayBuffer>> {
  const source = openSafetensors(tales('model.safetensors'));
  const tensors = new Map<string, SafetensorsInput>();
  const add = (name: string, shape: readonly number[], data: Float32Array): void =>
    void tensors.set(name, { dtype: 'F32', shape, data });
  const read = async (name: string): Promise<Float32Array> =>
    (await source.read(`transformer.${name}`)).slice();
  const transposed = (values: Float32Array, rows: number, columns: number): Float32Array =>
    values.map((_, i) => values[(i % rows) * columns + Math.floor(i / rows)]);
  const [vocab, c] = source.shapes.get('transformer.wte.weight') ?? [];
  const [positions] = source.shapes.get('transformer.wpe.weight') ?? [];
  const wte = await read('wte.weight');
  add('tok_emb.weight', [vocab, c], wte);
  add('out_head.weight', [vocab, c], wte);
  add('pos_emb.weight', [positions, c], await read('wpe.weight'));
  const norm = async (from: string, to: string): Promise<void> => {
    add(`${to}.scale`, [c], await read(`${from}.weight`));
    add(`${to}.shift`, [c], await read(`${from}.bias`));
  };
  const linear = async (from: string, to: string, inputs: number, outputs: number) => {
    const weight = transposed(await read(`${from}.weight`), inputs, outputs);
    add(`${to}.weight`, [outputs, inputs], weight);
    add(`${to}.bias`, [outputs], await read(`${from}.bias`));
  };
  for (let l = 0; l < blocks; l++) {
    const [from, to] = [`h.${l}`, `trf_blocks.${l}`];
    await norm(`${from}.ln_1`, `${to}.norm1`);
    await norm(`${from}.ln_2`, `${to}.norm2`);
    await linear(`${from}.attn.c_proj`, `${to}.att.out_proj`, c, c);
    await linear(`${from}.mlp.c_fc`, `${to}.ff.layers.0`, c, 4 * c);
    await linear(`${from}.mlp.c_proj`, `${to}.ff.layers.2`, 4 * c, c);
    const qkv = transposed(await read(`${from}.attn.c_attn.weight`), c, 3 * c);
    const bias = await read(`${from}.attn.c_attn.bias`);
    for (const [i, of] of ['W_query', 'W_key', 'W_value'].entries()) {
      add(`${to}.att.${of}.weight`, [c, c], qkv.slice(i * c * c, (i + 1) * c * c));
      add(`${to}.att.${of}.bias`, [c], bias.slice(i * c, (i + 1) * c));
    }
  }
  await norm('ln_f', 'final_norm');
  return writeSafetensors(tensors);
}

async function load(files: Readonly<Record<string, Uint8Array<ArrayBuffer>>>, told: Reading = {}) {
  const dropped = Object.entries(files).map(([name, bytes]) => new File([bytes], name));
  return GPT2.from_pretrained('x', { device: 'cpu', files: dropped, ...told });
}

describe('a checkpoint of the book', () => {
  it('with a tokenizer is read as it was trained: heads and LayerNorm are measured', async () => {
    const files = {
      'model.safetensors': await asBook(12),
      'vocab.json': tales('vocab.json'),
      'merges.txt': tales('merges.txt'),
    };
    const model = await load(files);
    const { assumed = [], nHead } = model.summary;
    expect(model.config).toMatchObject({ nHead: 12, layerNormDenominator: 'variance' });
    expect(assumed.map(({ key, value, by }) => [key, value, by])).toEqual([
      ['nHead', 12, 'measured'],
      ['layer_norm_denominator', 'variance', 'measured'],
    ]);
    expect(nHead).toBe(12);
    const [byVariance, byStd] = assumed[1].losses ?? [];
    expect(byVariance).toMatchObject({ value: 'variance' });
    expect(byStd).toMatchObject({ value: 'std' });
    expect(byStd.loss).toBeGreaterThan(byVariance.loss + 1);
    const ours = await GPT2.from_pretrained(TALES.pathname, { device: 'cpu' });
    const ids = model.encode('Once upon a time there was a king');
    const [found, expected] = [await model.forward([ids]), await ours.forward([ids])];
    const worst = Math.max(
      ...found.logits.data.map((logit, i) => Math.abs(logit - expected.logits.data[i])),
    );
    expect(worst).toBeLessThan(1e-4);
    await model.dispose();
    await ours.dispose();
  });
});

describe('what nothing measures', () => {
  const pack = (name: string): Uint8Array<ArrayBuffer> =>
    new Uint8Array(readFileSync(`${packPath(name)}/model.safetensors`));

  it('of the LayerNorm is as in the book, and a caller or config.json that says it wins', async () => {
    const weights = { 'model.safetensors': pack('notebook') };
    const model = await load(weights, { nHead: 3 });
    expect(model.config.layerNormDenominator).toBe('variance');
    expect(model.summary.assumed).toEqual([
      {
        key: 'layer_norm_denominator',
        value: 'variance',
        choices: ['variance', 'std'],
        by: 'convention',
      },
    ]);
    const { report, passed } = await selfCheck(model, {}, undefined);
    expect(passed).toBe(true);
    expect(report).toContain('assumed, for no file says it: layer_norm_denominator variance');
    await model.dispose();
    const told = await load(weights, { nHead: 3, layer_norm_denominator: 'std' });
    expect(told.config.layerNormDenominator).toBe('std');
    expect(told.summary.assumed).toBeUndefined();
    await told.dispose();
    const config = new TextEncoder().encode('{"n_head": 3, "layer_norm_denominator": "std"}');
    const files = { ...weights, 'config.json': config };
    const byFile = await load(files);
    expect(byFile.config.layerNormDenominator).toBe('std');
    await byFile.dispose();
    await expect(load(files, { layer_norm_denominator: 'variance' })).rejects.toMatchObject({
      code: 'config/contradiction',
    });
  });

  it('of the GELU is that of the codebase: minGPT’s with a head of its own, nanoGPT’s without', async () => {
    const tied = await load({ 'model.safetensors': pack('nanogpt-bias') }, { nHead: 3 });
    expect(tied.summary.assumed).toEqual([
      {
        key: 'activation_function',
        value: 'gelu',
        choices: ['gelu', 'gelu_new'],
        by: 'convention',
      },
    ]);
    await tied.dispose();
    // Saved from Python with both names, as a state dictionary has them: still one matrix.
    for (const [change, value] of [
      [0, 'gelu'],
      [0.5, 'gelu_new'],
    ] as const) {
      const model = await load({ 'x.safetensors': await withHead(change) }, { nHead: 3 });
      expect(model.summary.assumed).toMatchObject([{ key: 'activation_function', value }]);
      await model.dispose();
    }
  });

  /** The tied checkpoint with its embedding stored as the head too, one value of it changed by so much. */
  async function withHead(change: number): Promise<Uint8Array<ArrayBuffer>> {
    const source = openSafetensors(pack('nanogpt-bias'));
    const tensors = new Map<string, SafetensorsInput>();
    for (const [name, shape] of source.shapes) {
      const data = (await source.read(name)).slice();
      tensors.set(name, { dtype: 'F32', shape, data });
      if (name !== 'transformer.wte.weight') continue;
      const head = data.slice();
      head[head.length - 1] += change;
      tensors.set('lm_head.weight', { dtype: 'F32', shape, data: head });
    }
    return writeSafetensors(tensors);
  }
});

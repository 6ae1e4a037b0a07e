// Checkpoints whose names or tensors are not quite what their codebase writes.
import { describe, expect, it } from 'vitest';
import type { Reading } from '../../../src/api.ts';
import { GPT2 } from '../../../src/engine/gpt2.ts';
import { writeSafetensors, type SafetensorsInput } from '../../../src/formats/safetensors.ts';
import { type NaiveConfig, createNaiveGpt } from '../../support/naiveGpt.ts';

const IDS = [3, 1, 4, 1, 5];
const SIZES = { V: 23, S: 8, L: 2, H: 2, C: 12, F: 48 };
const FLAGS = { qkvBias: true, bias: true, normBias: true, std: false, exact: false, tied: false };
const naive = (change: Partial<NaiveConfig> = {}, seed = 3) =>
  createNaiveGpt({ layout: 'huggingface', ...SIZES, ...FLAGS, ...change }, seed);

type Tensors = Map<string, { readonly shape: readonly number[]; readonly data: Float32Array }>;

async function load(tensors: Tensors, config: object | null, told: Reading = {}): Promise<GPT2> {
  const entries = [...tensors].map(([name, { shape, data }]): [string, SafetensorsInput] => [
    name,
    { dtype: 'F32', shape, data },
  ]);
  const files = [new File([writeSafetensors(new Map(entries))], 'model.safetensors')];
  if (config) files.push(new File([JSON.stringify(config)], 'config.json'));
  const plainly = { device: 'cpu', dtype: 'fp32', processor: { wasm: 'none' } } as const;
  return GPT2.from_pretrained('odd', { ...plainly, files, ...told });
}

/** Largest difference of a logit from what the float64 model says. */
async function errorOf(model: GPT2, gpt: ReturnType<typeof naive>): Promise<number> {
  const { logits } = await model.forward(IDS);
  const expected = gpt.forward(IDS).flat();
  expect(logits.data).toHaveLength(expected.length);
  return Math.max(...expected.map((value, i) => Math.abs(value - logits.data[i])));
}

const renamed = (tensors: Tensors, to: (name: string) => string): Tensors =>
  new Map([...tensors].map(([name, tensor]) => [to(name), tensor]));
const without = (tensors: Tensors, name: RegExp): Tensors =>
  new Map([...tensors].filter(([each]) => !name.test(each)));

describe('a head of its own', () => {
  it.each([
    [
      'outside whatever holds the body',
      (name: string) => name.replace(/^transformer/, 'model.transformer'),
    ],
    ['inside the body', (name: string) => name.replace(/^lm_head/, 'transformer.lm_head')],
  ])('is found %s', async (_, to) => {
    const gpt = naive();
    await using model = await load(renamed(gpt.toCheckpoint(), to), { n_head: 2 });
    expect(model.summary.notes).toBeUndefined();
    expect(await errorOf(model, gpt)).toBeLessThan(1e-4);
  });

  it('that has a row a class and not a token is said to be one', async () => {
    const tensors = new Map(naive().toCheckpoint());
    tensors.set('lm_head.weight', { shape: [2, 12], data: new Float32Array(24) });
    await expect(load(tensors, { n_head: 2 })).rejects.toMatchObject({
      code: 'checkpoint/head',
      message:
        'lm_head.weight is (2, 12): a head for 2 classes, where a language model has one row a token, 23.',
    });
  });
});

it('of two models in a file the one with the plain names is read, and a note names the other', async () => {
  const gpt = naive();
  const other = renamed(naive({}, 9).toCheckpoint(), (name) => `ema.${name}`);
  await using model = await load(new Map([...other, ...gpt.toCheckpoint()]), { n_head: 2 });
  expect(await errorOf(model, gpt)).toBeLessThan(1e-4);
  expect(model.summary.notes).toEqual([
    'The file holds another model too, under the names that begin with ema.: not used.',
  ]);
});

describe('biases', () => {
  it.each([
    ['of one kind of layer', /attn\.c_proj\.bias|mlp\.c_proj\.bias/],
    ['of one LayerNorm', /ln_1\.bias/],
  ])('%s may be left out of every block', async (_, which) => {
    const gpt = naive();
    const stored = gpt.toCheckpoint();
    // What is left out is zero in the model that is meant.
    for (const [name, { data }] of stored) if (which.test(name)) data.fill(0);
    const expected = await load(new Map(stored), { n_head: 2 });
    await using model = await load(without(stored, which), { n_head: 2 });
    const [ours, theirs] = [await model.forward(IDS), await expected.forward(IDS)];
    expect(ours.logits.data).toEqual(theirs.logits.data);
    await expected.dispose();
  });

  it.each(['attn.c_attn.bias', 'ln_1.bias', 'mlp.c_fc.bias'])(
    'that only the first block lacks are missed: %s',
    async (leaf) => {
      const stored = without(naive().toCheckpoint(), new RegExp(`h\\.0\\.${leaf}`));
      await expect(load(stored, { n_head: 2 })).rejects.toMatchObject({
        code: 'checkpoint/missing',
        message: `The checkpoint has no tensor transformer.h.0.${leaf}.`,
      });
    },
  );
});

describe('heads that nobody names', () => {
  const wide = (layout: NaiveConfig['layout'], C: number) =>
    naive({ layout, C, F: 4 * C, L: 1, tied: true }).toCheckpoint();

  it('are those of small models under the names of nanoGPT alone', async () => {
    await using nano = await load(wide('nanogpt', 48), null);
    expect(nano.summary).toMatchObject({ nHead: 3, assumed: [{ key: 'nHead', by: 'known' }, {}] });
    await expect(load(wide('huggingface', 48), null)).rejects.toMatchObject({
      code: 'config/heads',
    });
  });

  it('are twelve for a GPT-2 of transformers, whose config.json leaves them out', async () => {
    await using model = await load(wide('huggingface', 24), { model_type: 'gpt2' });
    expect(model.summary).toMatchObject({
      nHead: 12,
      assumed: [{ key: 'nHead', value: 12, by: 'convention' }],
    });
  });
});

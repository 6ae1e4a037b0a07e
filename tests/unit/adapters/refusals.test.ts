// Adapters that are not merged: named, with what was expected, before anything of the model is computed.
import { describe, expect, test } from 'vitest';
import { GPT2 } from '../../../src/engine/gpt2.ts';
import { EngineError } from '../../../src/errors.ts';
import { readAdapterConfig } from '../../../src/model/adapters/adapterConfig.ts';
import { fileOf, matrix, type Matrix } from '../../support/adapters.ts';
import { caseFiles } from '../../support/cases.ts';

type Json = Record<string, unknown>;

const { 'config.json': config, 'model.safetensors': weights } = caseFiles('metadata-null');
const LORA = { peft_type: 'LORA', r: 4, lora_alpha: 6, base_model_name_or_path: 'some/base' };
const MODULE = 'base_model.model.transformer.h.0.attn.c_attn';
const A = `${MODULE}.lora_A.weight`;
const B = `${MODULE}.lora_B.weight`;
const FACTORS = { [A]: matrix(1, [4, 24]), [B]: matrix(2, [72, 4]) };

async function refusal(
  tensors: Readonly<Record<string, Matrix>> | Uint8Array<ArrayBuffer>,
  says: Json = {},
  name = 'adapter_model.safetensors',
): Promise<EngineError> {
  const bytes = tensors instanceof Uint8Array ? tensors : fileOf(new Map(Object.entries(tensors)));
  const files = [
    new File([config], 'config.json'),
    new File([weights], 'model.safetensors'),
    new File([JSON.stringify({ ...LORA, ...says })], 'adapter_config.json'),
    new File([bytes], name),
  ];
  const error: unknown = await GPT2.from_pretrained('dropped', {
    device: 'cpu',
    processor: { wasm: 'none' },
    files,
  }).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(EngineError);
  expect((error as EngineError).code).toMatch(/^(?:adapter|files)\//);
  expect((error as EngineError).hint).not.toBe('');
  return error as EngineError;
}

describe('by adapter_config.json', () => {
  const rows: [string, Json, RegExp][] = [
    ['DoRA', { use_dora: true }, /use_dora.*DoRA/],
    ['QALoRA', { use_qalora: true }, /QALoRA/],
    ['repeated blocks', { layer_replication: [[0, 2]] }, /layer_replication/],
    ['parameters', { target_parameters: ['mlp.experts'] }, /target_parameters/],
    ['rows of the embedding', { trainable_token_indices: [5] }, /trainable_token_indices/],
    ['an activated LoRA', { alora_invocation_tokens: [1, 2] }, /activated LoRA/],
    ['PiSSA', { init_lora_weights: 'pissa_niter_16' }, /init_lora_weights: "pissa_niter_16"/],
    ['a rank of 0', { r: 0 }, /r is 0; expected a whole number from 1/],
    ['half a rank', { r: 1.5 }, /r is 1\.5/],
    ['a text for α', { lora_alpha: '16' }, /lora_alpha is "16"; expected a number/],
    ['no α', { lora_alpha: null }, /no lora_alpha/],
    ['a rank of a module', { rank_pattern: { c_attn: -1 } }, /rank_pattern has -1 for "c_attn"/],
    ['Python’s own expressions', { rank_pattern: { '(?P<x>c_attn)': 1 } }, /not understood/],
  ];
  for (const type of [
    'IA3',
    'LOHA',
    'LOKR',
    'ADALORA',
    'VERA',
    'OFT',
    'BOFT',
    'PREFIX_TUNING',
    'PROMPT_TUNING',
    'P_TUNING',
    'FOURIERFT',
    'HRA',
    'LN_TUNING',
  ]) {
    rows.push([type, { peft_type: type }, new RegExp(`kind "${type}"; only LoRA`)]);
  }
  for (const [what, says, words] of rows) {
    test(`${what} is named`, async () => {
      expect((await refusal(FACTORS, says)).message).toMatch(words);
    });
  }

  test('keys that are unknown and say something are told of in a note, others are not', () => {
    const { notes } = readAdapterConfig({
      ...LORA,
      use_new: true,
      other_new: null,
      peft_version: '1',
    });
    expect(notes).toEqual([
      'adapter_config.json has use_new, which is unknown here: the adapter is merged as LoRA without it.',
    ]);
  });

  test('the first pattern that fits holds, and long names take no time', () => {
    const { rankOf } = readAdapterConfig({
      ...LORA,
      rank_pattern: { '(.*)*(.*)*(a*)*x': 1, c_fc: 2, 'h.0.mlp.c_fc': 3 },
    });
    expect(rankOf(`${'a.'.repeat(200)}mlp.c_fc`)).toBe(2);
    expect(rankOf('transformer.h.0.mlp.my_c_fc')).toBe(4);
    expect(rankOf('h.0.mlp.c_fc')).toBe(2);
  });
});

describe('by its tensors', () => {
  test('a factor without the other', async () => {
    expect((await refusal({ [A]: FACTORS[A] })).message).toContain(
      `${A} without its other half, B`,
    );
    expect((await refusal({ [B]: FACTORS[B] })).message).toContain(
      `${B} without its other half, A`,
    );
  });

  test('factors that do not fit the base', async () => {
    const wide = await refusal({ ...FACTORS, [A]: matrix(1, [4, 25]) });
    expect(wide).toMatchObject({ code: 'adapter/shape' });
    expect(wide.message).toContain(`${A} is (4, 25); the base model expects (4, 24)`);
    const flat = await refusal({ ...FACTORS, [B]: matrix(1, [288]) });
    expect(flat.message).toContain(`${B} is (288); the base model expects (72, 4)`);
  });

  test('a rank that is not the one of adapter_config.json', async () => {
    const { message } = await refusal(FACTORS, { r: 8 });
    expect(message).toContain(`${A} has 4 rows; adapter_config.json says that`);
    expect(message).toContain('rank 8');
  });

  test('a module that the base has not, with the base that it wants', async () => {
    const other = Object.fromEntries(
      Object.entries(FACTORS).map(([name, value]) => [name.replace('h.0', 'h.7'), value]),
    );
    const error = await refusal(other);
    expect(error).toMatchObject({ code: 'adapter/module' });
    expect(error.message).toContain('no transformer.h.7.attn.c_attn.weight');
    expect(error.hint).toContain('some/base');
  });

  test('what belongs to no plain LoRA', async () => {
    const dora = await refusal({
      ...FACTORS,
      [`${MODULE}.lora_magnitude_vector`]: matrix(3, [72]),
    });
    expect(dora.message).toContain('DoRA');
    const ada = await refusal({ ...FACTORS, [`${MODULE}.lora_E`]: matrix(3, [4, 1]) });
    expect(ada.message).toContain('lora_E');
    const unknown = await refusal({ ...FACTORS, 'base_model.model.other.weight': matrix(3, [4]) });
    expect(unknown.message).toContain('the base model has no other.weight');
  });

  test('two adapters in one file', async () => {
    const second = {
      [`${MODULE}.lora_A.two.weight`]: FACTORS[A],
      [`${MODULE}.lora_B.one.weight`]: FACTORS[B],
    };
    expect(await refusal(second)).toMatchObject({ code: 'adapter/several' });
  });

  test('a value that is no number', async () => {
    const broken = matrix(1, [4, 24]);
    broken.data[7] = NaN;
    const error = await refusal({ ...FACTORS, [A]: broken });
    expect(error.message).toBe(`${A} of the adapter has the value NaN at place 7.`);
  });

  test('nothing in it, and another format', async () => {
    expect((await refusal({})).message).toContain('nothing that changes the model');
    const pickle = new Uint8Array([0x80, 2, 0x8a, ...new Uint8Array(40)]);
    expect(await refusal(pickle, {}, 'adapter_model.bin')).toMatchObject({ code: 'files/pickle' });
  });
});

test('a head for another task is told of in a note', async () => {
  const tensors = {
    ...FACTORS,
    'base_model.model.score.modules_to_save.weight': matrix(4, [2, 24]),
  };
  const files = [
    new File([config], 'config.json'),
    new File([weights], 'model.safetensors'),
    new File([JSON.stringify(LORA)], 'adapter_config.json'),
    new File([fileOf(new Map(Object.entries(tensors)))], 'adapter_model.safetensors'),
  ];
  const model = await GPT2.from_pretrained('x', {
    device: 'cpu',
    processor: { wasm: 'none' },
    files,
  });
  expect(model.summary.notes?.[0]).toMatch(
    /score\.modules_to_save\.weight, a head for another task/,
  );
  await model.dispose();
});

describe('without adapter_config.json', () => {
  const load = (tensors: Readonly<Record<string, Matrix>>): Promise<GPT2> =>
    GPT2.from_pretrained('x', {
      device: 'cpu',
      processor: { wasm: 'none' },
      files: [new File([fileOf(new Map(Object.entries(tensors)))], 'adapter_model.safetensors')],
    });

  test('LoRA alone is an adapter without its model', async () => {
    await expect(load(FACTORS)).rejects.toMatchObject({ code: 'adapter/base' });
  });

  for (const [name, kind] of [
    ['base_model.model.transformer.h.0.attn.c_attn.ia3_l', 'IA³'],
    ['base_model.model.transformer.h.0.attn.c_attn.hada_w1_a', 'LoHa'],
    ['base_model.model.transformer.h.0.attn.c_attn.lokr_w1', 'LoKr'],
    ['base_model.model.transformer.h.0.attn.c_attn.vera_lambda_b', 'VeRA'],
    ['prompt_embeddings', 'prompt or prefix tuning'],
  ]) {
    test(`${kind} is named`, async () => {
      await expect(load({ [name]: matrix(1, [4]) })).rejects.toMatchObject({
        code: 'adapter/unsupported',
        message: `${name} belongs to an adapter of the kind ${kind}; only LoRA is merged here.`,
      });
    });
  }

  for (const [what, code, says, names] of [
    [
      'the book’s',
      'adapter/scale',
      /adapter of the book that is not merged: trf_blocks\.0\.att\.W_query\.lora\.A/,
      ['trf_blocks.0.att.W_query.linear.weight', 'trf_blocks.0.att.W_query.lora.A'],
    ],
    [
      'a model inside PEFT, whose adapter was taken',
      'adapter/tensors',
      /inside PEFT \(base_model\.model\.h\.0\.attn\.c_attn\.base_layer\.weight/,
      ['base_model.model.h.0.attn.c_attn.base_layer.weight'],
    ],
    [
      'a bottleneck',
      'adapter/unsupported',
      /of the kind bottleneck \(AdapterHub\)/,
      ['transformer.h.0.output_adapters.adapters.x.adapter_down.0.weight'],
    ],
    [
      'a prefix',
      'adapter/unsupported',
      /of the kind prompt or prefix tuning/,
      ['prompt_encoder.default.embedding.weight'],
    ],
  ] as const) {
    test(`${what} is named for what it is`, async () => {
      const tensors = Object.fromEntries(names.map((name) => [name, matrix(1, [4, 4])]));
      await expect(load(tensors)).rejects.toMatchObject({
        code,
        message: expect.stringMatching(says) as string,
      });
    });
  }

  test('what parametrises the weights of a model is not called an adapter alone', async () => {
    const layer = 'transformer.h.0.attn.c_attn.parametrizations.weight';
    const mixed = {
      [`${layer}.original`]: matrix(1, [24, 72]),
      [`${layer}.0.lora_A`]: matrix(2, [4, 24]),
    };
    await expect(load(mixed)).rejects.toMatchObject({ code: 'adapter/scale' });
  });
});

describe('in a file of its own beside a model, without adapter_config.json', () => {
  const beside = (tensors: Readonly<Record<string, Matrix>>, name: string): File[] => [
    new File([config], 'config.json'),
    new File([weights], 'model.safetensors'),
    new File([fileOf(new Map(Object.entries(tensors)))], name),
  ];
  const load = (files: readonly File[], options: object = {}): Promise<GPT2> =>
    GPT2.from_pretrained('x', {
      device: 'cpu',
      processor: { wasm: 'none' },
      files,
      ...options,
    });

  for (const [name, put] of [
    ['adapter_model.safetensors', /^Put its adapter_config\.json beside it/],
    ['pytorch_lora_weights.safetensors', /^Name it adapter_model\.safetensors, and put/],
  ] as const) {
    test(`${name} is not left out in silence`, async () => {
      const files = beside(FACTORS, name);
      await expect(load(files)).rejects.toMatchObject({
        code: 'adapter/scale',
        message: `${name} holds a LoRA adapter that is not merged: ${A}. Its scale, α/r, stands in no tensor.`,
        hint: expect.stringMatching(put) as string,
      });
      await (await load(files, { adapter: false })).dispose();
    });
  }

  test('the config alone says that the tensors are missing', async () => {
    const files = [
      ...beside({ 'x.weight': matrix(1, [4]) }, 'x.safetensors'),
      new File([JSON.stringify(LORA)], 'adapter_config.json'),
    ];
    await expect(load(files)).rejects.toMatchObject({
      code: 'adapter/tensors',
      message: expect.stringContaining('but no adapter_model.safetensors beside it') as string,
    });
  });

  test('one of another kind is named', async () => {
    const name = `${MODULE}.hada_w1_a`;
    await expect(load(beside({ [name]: matrix(1, [4]) }, 'x.safetensors'))).rejects.toMatchObject({
      code: 'adapter/unsupported',
      message: `x.safetensors: ${name} belongs to an adapter of the kind LoHa; only LoRA is merged here.`,
    });
  });

  test('what is none, or cannot be read, is no matter', async () => {
    const other = beside({ 'x.weight': matrix(1, [4]) }, 'x.safetensors');
    await (await load([...other, new File(['?'], 'y.safetensors')])).dispose();
  });
});

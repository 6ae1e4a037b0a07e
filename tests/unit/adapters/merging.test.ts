// What of a LoRA adapter changes the numbers, against merges by plain loops: scales, patterns, layouts, embeddings,
// biases, modules that are stored whole, and names as different programs write them.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { GPT2 } from '../../../src/engine/gpt2.ts';
import {
  addProduct,
  fileOf,
  matrix,
  tensorsOf,
  type Matrix,
  type Tensors,
} from '../../support/adapters.ts';
import { caseFiles } from '../../support/cases.ts';
import { packPath } from '../../support/packOnDisk.ts';

type Files = Record<string, Uint8Array<ArrayBuffer> | string>;
type Json = Record<string, unknown>;

const IDS = [5, 7, 12, 3, 9, 1, 1, 4];
const { 'config.json': config, 'model.safetensors': weights } = caseFiles('metadata-null');
const CONFIG = JSON.parse(new TextDecoder().decode(config)) as Json;
const C = 24;
/** Plain loops start at once. */
const PLAIN = { device: 'cpu', dtype: 'fp32', processor: { wasm: 'none' } } as const;
const LORA = { peft_type: 'LORA', r: 4, lora_alpha: 6, base_model_name_or_path: 'base' };

async function load(files: Files): Promise<GPT2> {
  const dropped = Object.entries(files).map(([name, bytes]) => new File([bytes], name));
  return GPT2.from_pretrained('dropped', { ...PLAIN, files: dropped });
}

/** The logits of all positions, and the notes. */
async function run(files: Files): Promise<{ logits: Float32Array; notes: readonly string[] }> {
  const model = await load(files);
  const { logits } = await model.forward(IDS);
  const { notes = [] } = model.summary;
  await model.dispose();
  return { logits: Float32Array.from(logits.data), notes };
}

function largest(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);
}

interface Merge {
  readonly adapter: Tensors;
  readonly says?: Json;
  /** The base's tensors as they must become. */
  readonly expected: Tensors;
  readonly base?: Tensors;
  readonly baseConfig?: Json;
  /** Of the merged model, where it is another. */
  readonly mergedConfig?: Json;
  readonly more?: Files;
}

/** Loads base and adapter together, and the model that the plain loops made; gives what the first one noted. */
async function expectSame(merge: Merge): Promise<readonly string[]> {
  const { adapter, says = LORA, expected, base = await tensorsOf(weights), more = {} } = merge;
  const { baseConfig = CONFIG, mergedConfig = baseConfig } = merge;
  const merged = await run({
    'config.json': JSON.stringify(baseConfig),
    'model.safetensors': fileOf(base),
    'adapter_config.json': JSON.stringify(says),
    'adapter_model.safetensors': fileOf(adapter),
    ...more,
  });
  const right = await run({
    'config.json': JSON.stringify(mergedConfig),
    'model.safetensors': fileOf(expected),
  });
  expect(largest(merged.logits, right.logits)).toBeLessThan(1e-5);
  const before = await run({
    'config.json': JSON.stringify(baseConfig),
    'model.safetensors': fileOf(base),
  });
  // A merge that changes nothing proves nothing.
  if (before.logits.length === right.logits.length) {
    expect(largest(before.logits, right.logits)).toBeGreaterThan(1e-2);
  }
  return merged.notes;
}

interface Site {
  readonly module: string;
  readonly inputs: number;
  readonly outputs: number;
  readonly rank?: number;
  readonly scale?: number;
  readonly isInputFirst?: boolean;
  /** Name in the base, where it is not the module's with `.weight`. */
  readonly weight?: string;
}

/** An adapter of these modules, and the base with it merged. */
async function lora(
  sites: readonly Site[],
  nameOf = (module: string, factor: 'A' | 'B') =>
    `base_model.model.${module}.lora_${factor}.weight`,
  base?: Tensors,
): Promise<{ adapter: Tensors; expected: Tensors }> {
  const expected = new Map(base ?? (await tensorsOf(weights)));
  const adapter: Tensors = new Map();
  sites.forEach(
    ({ module, inputs, outputs, rank = 4, scale = 1.5, isInputFirst = true, weight }, i) => {
      const a = matrix(2 * i + 1, [rank, inputs]);
      const b = matrix(2 * i + 2, [outputs, rank]);
      adapter.set(nameOf(module, 'A'), a).set(nameOf(module, 'B'), b);
      addProduct(expected, weight ?? `${module}.weight`, { a, b, scale, isInputFirst });
    },
  );
  return { adapter, expected };
}

const ATTN: Site = { module: 'transformer.h.0.attn.c_attn', inputs: C, outputs: 3 * C };
const SQUARE: Site = { module: 'transformer.h.1.attn.c_proj', inputs: C, outputs: C };
const FC: Site = { module: 'transformer.h.1.mlp.c_fc', inputs: C, outputs: 4 * C };
const DOWN: Site = { module: 'transformer.h.0.mlp.c_proj', inputs: 4 * C, outputs: C };
const ALL = [ATTN, SQUARE, FC, DOWN];

describe('a scale is', () => {
  test('α/r, for matrices of every shape, square ones too', async () => {
    expect(await expectSame(await lora(ALL))).toEqual([]);
  });

  test('α/√r with use_rslora', async () => {
    const merge = await lora(ALL.map((site) => ({ ...site, scale: 3 })));
    await expectSame({ ...merge, says: { ...LORA, use_rslora: true } });
  });

  test('as rank_pattern and alpha_pattern say for the first key that is a module’s end', async () => {
    const says = {
      ...LORA,
      rank_pattern: { 'attn.c_proj': 2, 'h.1.mlp.c_fc': 3, c_fc: 7 },
      alpha_pattern: { '^transformer.h.0.attn.c_attn': 10, c_proj$: 5, 'h\\.(0|1)\\.mlp.*': 9 },
    };
    const merge = await lora([
      { ...ATTN, scale: 10 / 4 },
      { ...SQUARE, rank: 2, scale: 5 / 2 },
      { ...FC, rank: 3, scale: 9 / 3 },
      { ...DOWN, scale: 5 / 4 },
    ]);
    await expectSame({ ...merge, says });
  });

  test('of a pattern with √r as well', async () => {
    const merge = await lora([{ ...ATTN, rank: 9, scale: 6 / 3 }]);
    await expectSame({
      ...merge,
      says: { ...LORA, use_rslora: true, rank_pattern: { c_attn: 9 } },
    });
  });

  test('what dropout, target modules and layers_to_transform do not change', async () => {
    const says = {
      ...LORA,
      lora_dropout: 0.5,
      fan_in_fan_out: false,
      layers_to_transform: [0],
      target_modules: ['c_attn'],
      init_lora_weights: 'gaussian',
      bias: 'none',
      inference_mode: true,
    };
    expect(await expectSame({ ...(await lora([ATTN])), says })).toEqual([]);
  });
});

describe('names are read', () => {
  const ways: [string, (module: string, factor: string) => string][] = [
    ['with the adapter’s', (m, f) => `base_model.model.${m}.lora_${f}.default.weight`],
    [
      'of the bare GPT2Model',
      (m, f) => `base_model.model.${m.replace('transformer.', '')}.lora_${f}.weight`,
    ],
    ['in wrappers', (m, f) => `module.base_model.model._orig_mod.${m}.lora_${f}.weight`],
    ['without a prefix', (m, f) => `${m}.lora_${f}.weight`],
    ['as parameters', (m, f) => `${m}.lora_${f}`],
  ];
  for (const [how, nameOf] of ways) {
    test(how, async () => {
      await expectSame(await lora(ALL, nameOf));
    });
  }

  test('for a base that is stored without its body’s name', async () => {
    const bare = (tensors: Tensors): Tensors =>
      new Map([...tensors].map(([name, value]) => [name.replace('transformer.', ''), value]));
    const { adapter, expected } = await lora(ALL);
    await expectSame({
      adapter,
      expected: bare(expected),
      base: bare(await tensorsOf(weights)),
    });
  });

  test('beside the layers of a model that is not merged, with adapter_config.json', async () => {
    const { adapter, expected } = await lora(ALL);
    const mixed: Tensors = new Map();
    const changed = new Set(ALL.map(({ module }) => module));
    for (const [name, value] of await tensorsOf(weights)) {
      const module = name.slice(0, name.lastIndexOf('.'));
      const leaf = name.slice(name.lastIndexOf('.'));
      mixed.set(
        changed.has(module)
          ? `base_model.model.${module}.base_layer${leaf}`
          : `base_model.model.${name}`,
        value,
      );
    }
    for (const [name, value] of adapter)
      mixed.set(name.replace(/\.weight$/, '.default.weight'), value);
    const files = {
      'config.json': JSON.stringify(CONFIG),
      'model.safetensors': fileOf(mixed),
    };
    const merged = await run({ ...files, 'adapter_config.json': JSON.stringify(LORA) });
    const right = await run({
      'config.json': JSON.stringify(CONFIG),
      'model.safetensors': fileOf(expected),
    });
    expect(largest(merged.logits, right.logits)).toBeLessThan(1e-5);
    await expect(load(files)).rejects.toMatchObject({ code: 'adapter/scale' });
  });
});

describe('the layout of the base says how its matrices lie', () => {
  const layouts: [string, readonly Site[]][] = [
    [
      'nanogpt-bias',
      [
        { module: 'transformer.h.0.attn.c_attn', inputs: 48, outputs: 144, isInputFirst: false },
        { module: 'transformer.h.1.attn.c_proj', inputs: 48, outputs: 48, isInputFirst: false },
      ],
    ],
    [
      'mingpt',
      [
        { module: 'blocks.0.attn.query', inputs: 48, outputs: 48, isInputFirst: false },
        { module: 'blocks.1.mlp.2', inputs: 192, outputs: 48, isInputFirst: false },
      ],
    ],
    [
      'notebook',
      [
        { module: 'trf_blocks.0.att.W_value', inputs: 48, outputs: 48, isInputFirst: false },
        { module: 'trf_blocks.1.ff.layers.0', inputs: 48, outputs: 192, isInputFirst: false },
      ],
    ],
  ];
  for (const [name, sites] of layouts) {
    test(name, async () => {
      const read = (file: string): Uint8Array => readFileSync(join(packPath(name), file));
      const base = await tensorsOf(read('model.safetensors'));
      const baseConfig = JSON.parse(read('config.json').toString()) as Json;
      await expectSame({ ...(await lora(sites, undefined, base)), base, baseConfig });
    });
  }
});

describe('embeddings and heads', () => {
  const table = (module: string, rows: number, seed: number): [Tensors, Matrix, Matrix] => {
    const a = matrix(seed, [4, rows]);
    const b = matrix(seed + 1, [C, 4]);
    const prefix = `base_model.model.${module}.lora_embedding_`;
    return [
      new Map([
        [`${prefix}A`, a],
        [`${prefix}B`, b],
      ]),
      a,
      b,
    ];
  };

  test('lora_embedding_A and B of wte and wpe; a tied head changes with it, and a note says so', async () => {
    const [tokens, ...token] = table('transformer.wte', 300, 31);
    const [positions, ...position] = table('transformer.wpe', 32, 41);
    const expected = await tensorsOf(weights);
    for (const [name, [a, b]] of [
      ['wte', token],
      ['wpe', position],
    ] as const) {
      addProduct(expected, `transformer.${name}.weight`, { a, b, scale: 1.5, isInputFirst: true });
    }
    const notes = await expectSame({ adapter: new Map([...tokens, ...positions]), expected });
    expect(notes).toHaveLength(1);
    expect(notes[0]).toContain('merge_and_unload');
  });

  test('a LoRA of a head of its own', async () => {
    const base = await tensorsOf(weights);
    base.set('lm_head.weight', matrix(5, [300, C]));
    const baseConfig = { ...CONFIG, tie_word_embeddings: false };
    const site = { module: 'lm_head', inputs: C, outputs: 300, isInputFirst: false };
    await expectSame({ ...(await lora([site], undefined, base)), base, baseConfig });
  });

  test('modules_to_save take the place of the base’s, in older files under their own name', async () => {
    for (const inside of ['', 'modules_to_save.', 'modules_to_save.default.']) {
      const { adapter, expected } = await lora([ATTN]);
      const norm = matrix(51, [C]);
      adapter.set(`base_model.model.transformer.ln_f.${inside}weight`, norm);
      expected.set('transformer.ln_f.weight', norm);
      await expectSame({ adapter, expected, says: { ...LORA, modules_to_save: ['ln_f'] } });
    }
  });

  test('a trained head beside a tied embedding becomes a head of its own', async () => {
    const { adapter, expected } = await lora([ATTN]);
    const head = matrix(61, [300, C]);
    adapter.set('base_model.model.lm_head.weight', head);
    expected.set('lm_head.weight', head);
    const mergedConfig = { ...CONFIG, tie_word_embeddings: false };
    const says = { ...LORA, modules_to_save: ['lm_head'] };
    expect(await expectSame({ adapter, expected, says, mergedConfig })).toEqual([]);
  });

  test('a trained embedding leaves the head as it was, and a note says so', async () => {
    const { adapter, expected } = await lora([ATTN]);
    const wte = matrix(62, [300, C]);
    adapter.set('base_model.model.transformer.wte.weight', wte);
    expected.set('lm_head.weight', expected.get('transformer.wte.weight')!);
    expected.set('transformer.wte.weight', wte);
    const mergedConfig = { ...CONFIG, tie_word_embeddings: false };
    const says = { ...LORA, modules_to_save: ['wte'] };
    const notes = await expectSame({ adapter, expected, says, mergedConfig });
    expect(notes[0]).toContain('the head stays the base model’s');
    // Kept as one in training, both are new.
    expected.delete('lm_head.weight');
    await expectSame({ adapter, expected, says: { ...says, ensure_weight_tying: true } });
  });

  test('an embedding with added rows, kept beside the adapter, brings its vocabulary', async () => {
    const { adapter, expected } = await lora([ATTN]);
    const wte = matrix(63, [303, C]);
    adapter.set('base_model.model.transformer.wte.weight', wte);
    adapter.set('base_model.model.lm_head.weight', wte);
    expected.set('transformer.wte.weight', wte);
    await expectSame({ adapter, expected, mergedConfig: { ...CONFIG, vocab_size: 303 } });
  });
});

describe('biases', () => {
  test('that were trained take the place of the base’s; masks that came along are none', async () => {
    for (const inside of ['', 'base_layer.']) {
      const { adapter, expected } = await lora([ATTN]);
      const [qkv, ln] = [matrix(71, [3 * C]), matrix(72, [C])];
      adapter.set(`base_model.model.transformer.h.0.attn.c_attn.${inside}bias`, qkv);
      adapter.set('base_model.model.transformer.h.0.ln_1.bias', ln);
      adapter.set('base_model.model.transformer.h.0.attn.bias', matrix(73, [1, 1, 4, 4]));
      expected.set('transformer.h.0.attn.c_attn.bias', qkv).set('transformer.h.0.ln_1.bias', ln);
      expect(await expectSame({ adapter, expected, says: { ...LORA, bias: 'all' } })).toEqual([]);
    }
  });

  test('of lora_B are added with the scale', async () => {
    const { adapter, expected } = await lora([ATTN]);
    const added = matrix(74, [3 * C]);
    adapter.set('base_model.model.transformer.h.0.attn.c_attn.lora_B.bias', added);
    const before = expected.get('transformer.h.0.attn.c_attn.bias')!;
    const data = before.data.map((value, i) => value + 1.5 * added.data[i]);
    expected.set('transformer.h.0.attn.c_attn.bias', { ...before, data });
    await expectSame({ adapter, expected, says: { ...LORA, lora_bias: true } });
  });
});

test('a merged model has a fingerprint of its own, no sum of its base’s file, and saves what it computes', async () => {
  const { adapter } = await lora(ALL);
  const base = { 'config.json': config, 'model.safetensors': weights };
  const files = {
    ...base,
    'adapter_config.json': JSON.stringify(LORA),
    'adapter_model.safetensors': fileOf(adapter),
  };
  const plain = await load(base);
  const merged = await load(files);
  expect(merged.fingerprint).not.toBe(plain.fingerprint);
  expect(merged.summary.origin?.sha256).toBeUndefined();
  const again = await merged.again(PLAIN);
  expect(again.summary.adapter).toEqual(merged.summary.adapter);
  const saved: Files = {};
  const written = await merged.save_pretrained();
  for (const file of written.files) {
    const parts: Uint8Array[] = [];
    for await (const part of file.chunks()) parts.push(part);
    saved[file.name] = new Uint8Array(Buffer.concat(parts));
  }
  await written.dispose();
  const back = await load(saved);
  const logits = Float32Array.from((await merged.forward(IDS)).logits.data);
  expect(Float32Array.from((await back.forward(IDS)).logits.data)).toEqual(logits);
  expect(Float32Array.from((await again.forward(IDS)).logits.data)).toEqual(logits);
  for (const model of [plain, merged, again, back]) await model.dispose();
});

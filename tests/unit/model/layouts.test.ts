// The four layouts are told apart by names and shapes, and every mismatch is named.
import { describe, expect, it } from 'vitest';
import { createCpuDevice } from '../../../src/gpu/cpu/device.ts';
import { readConfigFile } from '../../../src/model/configFile.ts';
import { checkTensors, recogniseLayout, resolveConfig } from '../../../src/model/layouts.ts';
import { loadGpt } from '../../../src/model/load.ts';
import { withoutMasks } from '../../../src/model/names.ts';
import { openSafetensors } from '../../../src/formats/safetensorsSource.ts';
import { writeSafetensors } from '../../../src/formats/safetensors.ts';
import { PACK_CASES } from '../../support/packCases.ts';
import { readPackFile, readPackJson } from '../../support/packOnDisk.ts';

const shapesOf = (name: string) =>
  new Map(openSafetensors(readPackFile(name, 'model.safetensors')).shapes);
const fileOf = (name: string) => readConfigFile(readPackJson(name, 'config.json'));

function resolve(shapes: Map<string, readonly number[]>, file = fileOf('gpt2')) {
  const layout = recogniseLayout(shapes);
  const config = resolveConfig(layout, shapes, file);
  checkTensors(layout, config, shapes);
  return { layout, config };
}

describe('recogniseLayout', () => {
  const expected = {
    notebook: 'notebook',
    'notebook-variance': 'notebook',
    mingpt: 'mingpt',
    'nanogpt-nobias': 'nanogpt',
    'nanogpt-bias': 'nanogpt',
    gpt2: 'huggingface',
    'gpt2-head64': 'huggingface',
    'gpt2-12x12': 'huggingface',
  };
  for (const name of PACK_CASES) {
    it(`knows ${name} from its tensors`, () => {
      expect(recogniseLayout(shapesOf(name)).name).toBe(expected[name]);
    });
  }

  it('does not need the transformer. prefix, and takes foreign ones', () => {
    for (const prefix of ['', 'module.transformer.', '_orig_mod.transformer.']) {
      const shapes = new Map(
        [...shapesOf('gpt2')].map(([name, shape]) => [
          name.replace(/^transformer\./, prefix),
          shape,
        ]),
      );
      expect(resolve(shapes).layout.name).toBe('huggingface');
    }
  });

  it('says what it expected when nothing fits', () => {
    expect(() => recogniseLayout(new Map([['model.layers.0.q_proj.weight', [4, 4]]]))).toThrow(
      'None of the four GPT layouts fits these 1 tensors',
    );
  });
});

describe('resolveConfig', () => {
  it('reads flags from the tensors where config.json leaves them open', () => {
    const { config } = resolve(shapesOf('nanogpt-nobias'), { nHead: 3 });
    expect(config).toMatchObject({
      qkvBias: false,
      bias: false,
      layerNormBias: false,
      tiedHead: true,
      activation: 'gelu-exact',
      nLayer: 3,
      nCtx: 40,
      vocabSize: 523,
      nInner: 192,
    });
    expect(resolve(shapesOf('mingpt'), { nHead: 3 }).config.tiedHead).toBe(false);
    expect(resolve(shapesOf('notebook'), { nHead: 3 }).config.layerNormDenominator).toBe(
      'variance',
    );
  });

  const damage: [string, (shapes: Map<string, readonly number[]>) => void, string][] = [
    [
      'a transposed matrix',
      (s) => s.set('transformer.h.1.mlp.c_fc.weight', [192, 48]),
      'transformer.h.1.mlp.c_fc.weight is (192, 48); expected (48, 192).',
    ],
    [
      'a short bias',
      (s) => s.set('transformer.h.0.attn.c_attn.bias', [143]),
      'transformer.h.0.attn.c_attn.bias is (143); expected (144).',
    ],
    [
      'a missing tensor',
      (s) => s.delete('transformer.h.2.ln_2.weight'),
      'The checkpoint has no tensor transformer.h.2.ln_2.weight.',
    ],
    [
      'a missing block',
      (s) => [...s.keys()].filter((n) => n.includes('.h.2.')).forEach((n) => s.delete(n)),
      'The checkpoint has no tensor transformer.h.2.attn.c_proj.weight.',
    ],
    [
      'a block too many',
      (s) => s.set('transformer.h.3.attn.c_proj.weight', [48, 48]),
      'config.json says 3 blocks, but the file holds 4',
    ],
    [
      'another vocabulary',
      (s) => s.set('transformer.wte.weight', [524, 48]),
      'transformer.wte.weight is (524, 48); config.json expects vocabSize = 523, found 524.',
    ],
    [
      'a missing embedding',
      (s) => s.delete('transformer.wpe.weight'),
      'The checkpoint has no tensor transformer.wpe.weight.',
    ],
  ];
  for (const [what, change, message] of damage) {
    it(`names ${what}`, () => {
      const shapes = shapesOf('gpt2');
      change(shapes);
      expect(() => resolve(shapes)).toThrow(message);
    });
  }

  for (const flag of ['qkvBias', 'bias', 'layerNormBias'] as const) {
    it(`names biases that are stored although config.json denies them: ${flag}`, () => {
      expect(() => resolve(shapesOf('gpt2'), { nHead: 3, [flag]: false })).toThrow(
        `config.json says ${flag} = false, but the file holds transformer.h.0.`,
      );
    });
  }

  it('names a block that is missing in the middle, without being told how many there are', () => {
    const shapes = shapesOf('gpt2');
    [...shapes.keys()].filter((n) => n.includes('.h.1.')).forEach((n) => shapes.delete(n));
    expect(() => resolve(shapes, { nHead: 3 })).toThrow('no tensor transformer.h.1.');
  });

  it('names a last block that is not whole, without being told how many there are', () => {
    for (const left of ['attn.c_proj.weight', 'ln_1.weight']) {
      const shapes = shapesOf('gpt2');
      shapes.delete('transformer.h.2.attn.c_proj.weight');
      shapes.delete(`transformer.h.2.${left}`);
      expect(() => resolve(shapes, { nHead: 3 })).toThrow(
        'no tensor transformer.h.2.attn.c_proj.weight',
      );
    }
  });

  it('asks for the heads, which no tensor shows', () => {
    expect(() => resolve(shapesOf('gpt2'), {})).toThrow('how many heads');
  });
});

describe('loadGpt', () => {
  it('ignores stored masks and gives everything back when a tensor does not fit', async () => {
    const masked = new Map([
      ['h.0.attn.bias', [1, 1, 4, 4]],
      ['h.0.attn.c_attn.bias', [12]],
      ['h.0.attn.masked_bias', []],
    ]);
    const unread = { shapes: masked, read: () => Promise.reject(new Error('unread')) };
    expect([...withoutMasks(unread).shapes.keys()]).toEqual(['h.0.attn.c_attn.bias']);
    const device = createCpuDevice();
    const freed: string[] = [];
    const watching = {
      ...device,
      createArena: (label: string) => {
        const arena = device.createArena(label);
        return { ...arena, dispose: () => freed.push(label) };
      },
    };
    const source = openSafetensors(readPackFile('gpt2', 'model.safetensors'));
    const broken = { ...source, read: () => Promise.reject(new Error('cut')) };
    const loading = loadGpt(watching, broken, fileOf('gpt2'), { dtype: 'fp32' });
    await expect(loading).rejects.toThrow('cut');
    expect(freed).toEqual(['parameters']);
  });

  it.each([NaN, Infinity, -Infinity])('names the weight that is %s, and where', async (wrong) => {
    const source = openSafetensors(readPackFile('gpt2', 'model.safetensors'));
    const name = 'transformer.h.1.mlp.c_fc.weight';
    const damaged: typeof source = {
      ...source,
      read: async (tensor, from = 0, count, into) => {
        const values = await source.read(tensor, from, count, into);
        if (tensor === name && from <= 700 && 700 < from + values.length)
          values[700 - from] = wrong;
        return values;
      },
    };
    const device = createCpuDevice();
    await expect(loadGpt(device, damaged, fileOf('gpt2'), { dtype: 'fp32' })).rejects.toMatchObject(
      {
        code: 'checkpoint/not-finite',
        message: `${name} has the value ${wrong} at place 700.`,
      },
    );
  });

  it('minds the type of weights alone: other buffers may be integers', async () => {
    const ids = { dtype: 'I32', shape: [2], data: new Int32Array(2) } as const;
    const { shapes, unreadable } = openSafetensors(
      writeSafetensors(new Map([['transformer.position_ids', ids]])),
    );
    expect([...(unreadable ?? [])]).toEqual([['transformer.position_ids', 'I32']]);
    expect(shapes.size).toBe(1);
    const source = openSafetensors(readPackFile('gpt2', 'model.safetensors'));
    const wrong = new Map([['transformer.ln_f.weight', 'I32']]);
    const loading = loadGpt(createCpuDevice(), { ...source, unreadable: wrong }, fileOf('gpt2'), {
      dtype: 'fp32',
    });
    await expect(loading).rejects.toThrow('transformer.ln_f.weight is stored as I32');
  });
});

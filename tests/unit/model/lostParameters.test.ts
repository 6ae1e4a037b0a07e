// What an index of shards promises and no shard holds: a parameter is missed, though a model may be whole without it.
import { expect, test } from 'vitest';
import type { ConfigFile } from '../../../src/model/configFile.ts';
import { configOf, recognise } from '../../../src/model/openCheckpoint.ts';

const SHARD = 'model-00001-of-00002.safetensors';

/** nanoGPT without biases, of two blocks; of its weights only names and shapes count here. */
function depthOf(lost: string, file: ConfigFile = {}): number {
  const block = (i: number): [string, number[]][] => [
    [`transformer.h.${i}.ln_1.weight`, [4]],
    [`transformer.h.${i}.attn.c_attn.weight`, [12, 4]],
    [`transformer.h.${i}.attn.c_proj.weight`, [4, 4]],
    [`transformer.h.${i}.ln_2.weight`, [4]],
    [`transformer.h.${i}.mlp.c_fc.weight`, [16, 4]],
    [`transformer.h.${i}.mlp.c_proj.weight`, [4, 16]],
  ];
  const shapes = new Map([
    ['transformer.wte.weight', [5, 4]],
    ['transformer.wpe.weight', [6, 4]],
    ...block(0),
    ...block(1),
    ['transformer.ln_f.weight', [4]],
  ] as [string, number[]][]);
  const read = (): never => {
    throw new Error('No number is read.');
  };
  const stored = { shapes, absent: new Map([[lost, SHARD]]), read };
  const told = { nHead: 2, ...file };
  return configOf(recognise(stored, told), told, false).nLayer;
}

for (const [what, lost] of [
  ['a bias', 'transformer.h.1.attn.c_attn.bias'],
  ['the bias of a norm', 'transformer.ln_f.bias'],
  ['a block', 'transformer.h.2.mlp.c_fc.weight'],
  ['a bias of a compiled model', '_orig_mod.transformer.h.0.mlp.c_fc.bias'],
] as const) {
  test(`${what} is missed, with its shard`, () => {
    expect(() => depthOf(lost)).toThrow(
      expect.objectContaining({
        code: 'checkpoint/missing',
        message: `The checkpoint has no tensor ${lost}. The index says that ${SHARD} holds ${lost}.`,
      }),
    );
  });
}

for (const [what, lost, file] of [
  ['a tied head', 'lm_head.weight', {}],
  ['a mask', 'transformer.h.0.attn.bias', {}],
  ['what no GPT-2 has', 'transformer.h.0.other.weight', {}],
  ['a bias that config.json denies', 'transformer.h.0.mlp.c_fc.bias', { bias: false }],
  ['a block that config.json does not count', 'transformer.h.2.ln_1.weight', { nLayer: 2 }],
] as const) {
  test(`${what} is not missed`, () => expect(depthOf(lost, file)).toBe(2));
}

test('a file without tensors says so', () => {
  const read = (): never => {
    throw new Error('No number is read.');
  };
  expect(() => recognise({ shapes: new Map(), read }, {})).toThrow(
    'The file of weights holds no tensor.',
  );
});

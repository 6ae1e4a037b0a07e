// Which of a folder's files are its weights.
import { expect, test } from 'vitest';
import { parseShardIndex } from '../../../src/formats/shards.ts';
import { pickWeights } from '../../../src/hub/pickWeights.ts';

for (const state of ['optimizer', 'scheduler', 'rng_state_0', 'random_states_0']) {
  test(`${state}.safetensors beside a model is no second one`, () => {
    expect(pickWeights([`${state}.safetensors`, 'ckpt.safetensors'])).toBe('ckpt.safetensors');
    expect(pickWeights([`${state}.safetensors`])).toBe(`${state}.safetensors`);
    expect(() => pickWeights([`${state}.safetensors`, 'a.safetensors', 'b.safetensors'])).toThrow(
      'There are several files of weights: a.safetensors, b.safetensors.',
    );
  });
}

test('shards without their index say that it is missing', () => {
  const shards = [1, 2].map((i) => `model-0000${i}-of-00002.safetensors`);
  expect(() => pickWeights(['config.json', ...shards])).toThrow(
    expect.objectContaining({
      code: 'files/missing',
      message: `There are shards of one model, ${shards.join(', ')}, but no model.safetensors.index.json, which says what is in each.`,
    }),
  );
});

const indexOf = (shard: string) =>
  parseShardIndex(new TextEncoder().encode(JSON.stringify({ weight_map: { a: shard } })), 'index');

test.each([
  'modèle 1.safetensors',
  '模型-1.safetensors',
  "it's (1)+[2], a&b.safetensors",
  './a b.safetensors',
])('%s may be a shard', (name) => {
  const { files } = indexOf(name);
  expect(files).toEqual([name.replace(/^\.\//, '')]);
  // On the web it stays a file of its folder.
  const address = new URL(files[0], 'https://site/folder/');
  expect(decodeURIComponent(address.href)).toBe(`https://site/folder/${files[0]}`);
});

test.each([
  '../a.safetensors',
  'a/b.safetensors',
  String.raw`..\a.safetensors`,
  '.safetensors',
  '..safetensors',
  '%2e%2e%2fa.safetensors',
  'a?b.safetensors',
  'a#b.safetensors',
  'https:a.safetensors',
  'a\u0000.safetensors',
  'a\u202e.safetensors',
  ' a.safetensors',
  'a.bin',
])('%j is no name of a shard', (name) => {
  expect(() => indexOf(name)).toThrow('which is no name of a shard');
});

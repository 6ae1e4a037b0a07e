// Models for the Hub of the tests: the pack's gpt2 with a tokenizer of its own, whole and in shards.
import { readFileSync } from 'node:fs';
import { parseSafetensorsHeader, writeSafetensors } from '../../src/formats/safetensors.ts';
import type { ServedModel } from './hubServer.ts';

const utf8 = new TextEncoder();
const PACK = new URL('../fixtures/conformance/gpt2/', import.meta.url);
const readPackFile = (file: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(file, PACK)));
export const COMMIT = 'e7da7f221d5bf496a48136c0cd264e630fe9fcc8';

/** A byte-level vocabulary without merges: 256 bytes in GPT-2's alphabet, and `<|endoftext|>`. */
function byteVocabulary(): { vocab: Uint8Array; merges: Uint8Array } {
  const printable = [...Array(256).keys()].filter(
    (byte) => (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174,
  );
  let extra = 0;
  const vocab: Record<string, number> = {};
  for (let byte = 0; byte < 256; byte++) {
    const code = printable.includes(byte) ? byte : 256 + extra++;
    vocab[String.fromCodePoint(code)] = byte;
  }
  vocab['<|endoftext|>'] = 256;
  return { vocab: utf8.encode(JSON.stringify(vocab)), merges: utf8.encode('#version: 0.2\n') };
}

/** The pack's gpt2 as a repository. */
export function tinyModel(id = 'tests/tiny-gpt2'): ServedModel {
  const { vocab, merges } = byteVocabulary();
  return {
    id,
    commit: COMMIT,
    files: {
      'README.md': utf8.encode('# tiny'),
      'config.json': readPackFile('config.json'),
      'generation_config.json': utf8.encode('{"max_new_tokens": 7}'),
      'vocab.json': vocab,
      'merges.txt': merges,
      'model.safetensors': readPackFile('model.safetensors'),
    },
  };
}

/** The same weights in `count` shards with an index. */
export function shardedModel(id = 'tests/tiny-sharded', count = 3): ServedModel {
  const whole = tinyModel(id);
  const file = whole.files['model.safetensors'] as Uint8Array;
  const { tensors } = parseSafetensorsHeader(file, file.length);
  const names = [...tensors.keys()];
  const weightMap: Record<string, string> = {};
  const shards: Record<string, Uint8Array> = {};
  const pad = (n: number): string => String(n).padStart(5, '0');
  for (let i = 0; i < count; i++) {
    const shard = `model-${pad(i + 1)}-of-${pad(count)}.safetensors`;
    const mine = names.slice(
      Math.floor((i * names.length) / count),
      Math.floor(((i + 1) * names.length) / count),
    );
    for (const name of mine) weightMap[name] = shard;
    shards[shard] = writeSafetensors(
      new Map(
        mine.map((name) => {
          const { dtype, shape, begin, end } = tensors.get(name)!;
          return [name, { dtype, shape, data: file.slice(begin, end) }];
        }),
      ),
    );
  }
  const { 'model.safetensors': _, ...rest } = whole.files;
  const index = { metadata: { total_size: file.length }, weight_map: weightMap };
  return {
    ...whole,
    files: {
      ...rest,
      'model.safetensors.index.json': utf8.encode(JSON.stringify(index)),
      ...shards,
    },
  };
}

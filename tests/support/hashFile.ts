// GPT-2 124M, made of hashes, as files: 498 MB of safetensors written piece by piece, and what lies beside it.
import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { planSafetensors } from '../../src/formats/safetensors.ts';
import { gpt2TokenizerFiles } from '../../src/text/gpt2Files.ts';
import { type Recipe, recipeSource } from './hashModel.ts';
import type { BigFile } from './hubServer.ts';

/** Values that are made at a time. */
const PIECE = 1 << 20;

/** A file on disk that a server reads as it sends it. */
export interface FileOnDisk extends BigFile {
  close(): void;
}

/** Writes the recipe's tensors as transformers would, and gives the file back to be served. */
export async function writeHashModel(recipe: Recipe, path: string): Promise<FileOnDisk> {
  const source = recipeSource(recipe);
  const tensors = new Map(
    [...source.shapes].map(([name, shape]) => [name, { dtype: 'F32', shape }] as const),
  );
  const { head, names, sizeBytes } = planSafetensors(tensors, new Map([['format', 'pt']]));
  const sum = createHash('sha256');
  const out = openSync(path, 'w');
  const write = (bytes: Uint8Array): void => {
    sum.update(bytes);
    for (let at = 0; at < bytes.length;) at += writeSync(out, bytes, at);
  };
  try {
    write(head);
    for (const name of names) {
      const count = (source.shapes.get(name) ?? []).reduce((a, b) => a * b, 1);
      for (let from = 0; from < count; from += PIECE) {
        const values = await source.read(name, from, Math.min(PIECE, count - from));
        write(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
      }
    }
  } finally {
    closeSync(out);
  }
  const file = openSync(path, 'r');
  return {
    size: sizeBytes,
    sha256: sum.digest('hex'),
    read(from, count) {
      const bytes = new Uint8Array(count);
      for (let at = 0; at < count;) {
        const got = readSync(file, bytes, at, count - at, from + at);
        if (got === 0) throw new Error(`${path} ended after ${from + at} bytes.`);
        at += got;
      }
      return bytes;
    },
    close: () => closeSync(file),
  };
}

/** The small files of GPT-2 124M's repository. */
export async function gpt2SmallFiles(): Promise<Record<string, Uint8Array>> {
  const { vocab, merges } = await gpt2TokenizerFiles();
  const config = {
    activation_function: 'gelu_new',
    architectures: ['GPT2LMHeadModel'],
    bos_token_id: 50256,
    eos_token_id: 50256,
    layer_norm_epsilon: 1e-5,
    model_type: 'gpt2',
    n_ctx: 1024,
    n_embd: 768,
    n_head: 12,
    n_layer: 12,
    n_positions: 1024,
    vocab_size: 50257,
  };
  const texts = {
    'config.json': JSON.stringify(config),
    'generation_config.json': JSON.stringify({ bos_token_id: 50256, eos_token_id: 50256 }),
    'vocab.json': vocab,
    'merges.txt': merges,
  };
  const utf8 = new TextEncoder();
  return Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, utf8.encode(text)]));
}

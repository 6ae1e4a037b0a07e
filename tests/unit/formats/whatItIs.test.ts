// Files under a name that promises something else: what they are, in words that name the way out.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { GPT2 } from '../../../src/engine/gpt2.ts';
import { EngineError } from '../../../src/errors.ts';
import { whatItIs } from '../../../src/formats/whatItIs.ts';
import { caseFiles } from '../../support/cases.ts';

const utf8 = new TextEncoder();
const config = caseFiles('metadata-null')['config.json'];
const folder = mkdtempSync(join(tmpdir(), 'glass-gpt-what-'));
const servers: Server[] = [];
afterAll(async () => {
  rmSync(folder, { recursive: true });
  for (const server of servers) await new Promise((done) => server.close(done));
});

type Files = Readonly<Record<string, Uint8Array | string>>;

/** The same files as a folder on disk, as dropped files, and on a web server that says no lengths. */
const WAYS: Readonly<Record<string, (files: Files) => Promise<[string, object]>>> = {
  disk: (files) => {
    const path = mkdtempSync(join(folder, 'f'));
    for (const [name, bytes] of Object.entries(files)) writeFileSync(join(path, name), bytes);
    return Promise.resolve([path, {}]);
  },
  drop: (files) => {
    const dropped = Object.entries(files).map(
      ([name, bytes]) => new File([bytes as Uint8Array<ArrayBuffer>], name),
    );
    return Promise.resolve(['dropped', { files: dropped }]);
  },
  http: async (files) => {
    const server = createServer((request, response) => {
      const name = decodeURIComponent((request.url ?? '').slice(1));
      const isHere = Object.hasOwn(files, name);
      response.writeHead(isHere ? 200 : 404, { 'content-type': 'application/octet-stream' });
      response.end(isHere ? files[name] : '');
    });
    servers.push(server);
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    return [`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, {}];
  },
};

async function refusal(way: string, files: Files): Promise<EngineError> {
  const [source, options] = await WAYS[way](files);
  const error: unknown = await GPT2.from_pretrained(source, { device: 'cpu', ...options }).catch(
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(EngineError);
  return error as EngineError;
}

const pointer = caseFiles('lfs-pointer')['model.safetensors'];
const zipOf = (first: string): Uint8Array => {
  const head = new Uint8Array(30);
  head.set([0x50, 0x4b, 3, 4]);
  head[26] = first.length;
  return Buffer.concat([head, utf8.encode(first), Buffer.alloc(200)]);
};
const binary = (...parts: (string | number[])[]): Uint8Array =>
  Buffer.concat([...parts.map((part) => Buffer.from(part as string)), Buffer.alloc(600)]);

const KINDS: readonly [
  what: string,
  bytes: Uint8Array,
  kind: string,
  says: RegExp,
  hint: RegExp,
][] = [
  ['a Git LFS pointer', pointer, 'lfs', /Git LFS pointer.* of 548 MB/, /git lfs pull/],
  [
    'a web page',
    utf8.encode('\n <!DOCTYPE html>\n<html lang="en"><title>Sign in</title>'),
    'html',
    /web page/,
    /Download the file itself/,
  ],
  ['an upper-case web page', utf8.encode('<HTML><BODY>502</BODY>'), 'html', /web page/, /resolve/],
  [
    'a server’s refusal',
    utf8.encode('{"error":"Invalid username or password."}'),
    'json',
    /JSON.*Invalid username/,
    /a server may have sent/,
  ],
  [
    'a word of a server',
    utf8.encode('Entry not found'),
    'text',
    /a text.*Entry not found/,
    /again/,
  ],
  ['a GGUF', binary('GGUF', [3, 0, 0, 0, 9]), 'gguf', /GGUF.*llama\.cpp/, /gguf_file="/],
  ['a GGML', binary('tjgg', [1, 0, 0, 0]), 'ggml', /GGML/, /made from/],
  ['an ONNX', binary([8, 7, 18, 7], 'pytorch', [26, 5], '2.1.0'), 'onnx', /ONNX/, /exported/],
  ['HDF5', binary([0x89], 'HDF\r\n', [26, 10]), 'hdf5', /HDF5.*Keras/, /from_tf=True/],
  [
    'Flax',
    binary([0x81, 0xab], 'transformer', [0x84, 0xa1], 'h'),
    'flax',
    /Flax/,
    /from_flax=True/,
  ],
  ['a model of llm.c', binary([0xc6, 0xd7, 0x34, 1, 3]), 'llmc', /llm\.c/, /export_hf\.py/],
  [
    'a text with its own stop',
    utf8.encode('Invalid password..'),
    'text',
    /Invalid password\.$/,
    /again/,
  ],
  [
    'a small Git LFS pointer',
    utf8.encode('version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 548\n'),
    'lfs',
    / of 548 bytes\.$/,
    /git lfs pull/,
  ],
  ['a pickle', binary([0x80, 2, 0x8a, 10]), 'pickle', /PyTorch pickle/, /save_file/],
  ['PyTorch’s ZIP', zipOf('archive/data.pkl'), 'pickle', /PyTorch pickle/, /weights_only=True/],
  ['NumPy’s ZIP', zipOf('wte.npy'), 'numpy', /NumPy/, /safetensors\.numpy/],
  ['a ZIP of a folder', zipOf('gpt2/config.json'), 'archive', /archive/, /Unpack/],
  ['a gzip', binary([0x1f, 0x8b, 8, 0]), 'archive', /archive/, /Unpack/],
];

describe('in the place of model.safetensors', () => {
  for (const [what, bytes, kind, says, hint] of KINDS) {
    for (const way of Object.keys(WAYS)) {
      test(`${what} is named (${way})`, async () => {
        const error = await refusal(way, { 'config.json': config, 'model.safetensors': bytes });
        expect(error.code).toBe(`files/${kind}`);
        expect(error.message).toMatch(/^model\.safetensors /);
        expect(error.message).toMatch(says);
        expect(error.hint).toMatch(hint);
      });
    }
  }

  test('nothing at all is named', async () => {
    const files = { 'config.json': config, 'model.safetensors': new Uint8Array() };
    for (const way of ['disk', 'drop']) {
      expect(await refusal(way, files)).toMatchObject({
        code: 'files/empty',
        message: 'model.safetensors is empty: 0 bytes.',
      });
    }
  });

  test('a shard that is a pointer is named too', async () => {
    const files = { ...caseFiles('shard-dot-slash'), 'model-00002-of-00002.safetensors': pointer };
    for (const way of Object.keys(WAYS)) {
      const error = await refusal(way, files);
      expect(error.code).toBe('files/lfs');
      expect(error.message).toContain('model-00002-of-00002.safetensors is a Git LFS pointer');
    }
  });

  test('a damaged safetensors file stays one, whatever its length looks like', () => {
    const header = utf8.encode('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}');
    for (const length of [0x8b1f, 0x120708, 0x4750]) {
      const file = new Uint8Array(8 + header.length);
      new DataView(file.buffer).setUint32(0, length, true);
      file.set(header, 8);
      expect(whatItIs('x', file, file.length)).toBeNull();
    }
  });
});

describe('instead of model.safetensors', () => {
  for (const [name, kind, says, start] of [
    ['pytorch_model.bin', 'pickle', /pytorch_model\.bin is a PyTorch pickle/, [0x80, 2]],
    [
      'gpt2_124M.bin',
      'llmc',
      /gpt2_124M\.bin is a model in the format of llm\.c/,
      [0xc6, 0xd7, 0x34, 1],
    ],
    ['ckpt.bin', 'unknown', /no pickle of PyTorch: it begins with the bytes 01 02 03/],
    ['gpt2.Q8_0.gguf', 'gguf', /gpt2\.Q8_0\.gguf is a GGUF/],
    ['decoder_model.onnx', 'onnx', /decoder_model\.onnx is an ONNX/],
    ['tf_model.h5', 'hdf5', /tf_model\.h5 is an HDF5/],
    ['flax_model.msgpack', 'flax', /flax_model\.msgpack holds Flax/],
    ['model.ckpt.data-00000-of-00001', 'tensorflow', /TensorFlow checkpoint/],
  ] as const) {
    test(`${name} is named, and not what training left beside it`, async () => {
      const files = {
        'config.json': config,
        'optimizer.pt': 'x',
        [name]: binary([...(start ?? [1, 2, 3])]),
      };
      for (const way of ['disk', 'drop']) {
        const error = await refusal(way, files);
        expect(error.code).toBe(`files/${kind}`);
        expect(error.message).toMatch(says);
      }
    });
  }

  test('a pointer under a pickle’s name is a pointer', async () => {
    const error = await refusal('drop', { 'config.json': config, 'pytorch_model.bin': pointer });
    expect(error.message).toContain('pytorch_model.bin is a Git LFS pointer');
  });

  test('a safetensors file of another name is read, where it is the only one', async () => {
    const { 'model.safetensors': weights } = caseFiles('metadata-null');
    for (const way of ['disk', 'drop']) {
      const [source, options] = await WAYS[way]({
        'config.json': config,
        'w.safetensors': weights,
      });
      const model = await GPT2.from_pretrained(source, { device: 'cpu', ...options });
      expect(model.config.nLayer).toBe(2);
      await model.dispose();
    }
  });
});

/** What is said of a file: without config.json nothing loads, without a tokenizer the weights do, with a note. */
async function said(name: string, way: string, files: Files): Promise<string | undefined> {
  if (name === 'config.json') return (await refusal(way, files)).message;
  const [source, options] = await WAYS[way](files);
  const model = await GPT2.from_pretrained(source, { device: 'cpu', ...options });
  const { notes } = model.summary;
  expect(model.tokenizer).toBeNull();
  await model.dispose();
  return notes?.[0];
}

describe('small files', () => {
  const { 'model.safetensors': weights } = caseFiles('metadata-null');
  for (const name of ['config.json', 'vocab.json', 'merges.txt', 'tokenizer.json']) {
    test(`${name} may be a pointer or a web page as well`, async () => {
      const beside: Files = /vocab|merges/.test(name)
        ? { 'vocab.json': '{}', 'merges.txt': '' }
        : {};
      const files = { 'config.json': config, ...beside, 'model.safetensors': weights };
      const lfs = await said(name, 'disk', { ...files, [name]: pointer });
      expect(lfs).toContain(`${name} is a Git LFS pointer`);
      const page = await said(name, 'drop', { ...files, [name]: '<!doctype html><p>Sign in' });
      expect(page).toContain(`${name} is a web page that was saved under this name.`);
    });
  }
});

test('a pickle’s words are those of what it holds', () => {
  const hintOf = (name: string): string =>
    whatItIs(name, binary([0x80, 2, 0x8a, 10]), 600)?.error.hint ?? '';
  expect(hintOf('adapter_model.bin')).toContain('drop adapter_model.safetensors here');
  expect(hintOf('adapter_model.bin')).toContain('"adapter_model.safetensors")');
  expect(hintOf('ckpt.pt')).toContain('"model.safetensors")');
  expect(hintOf('meta.pkl')).toContain(
    'json.dump(pickle.load(open("meta.pkl", "rb")), open("meta.json", "w"))',
  );
});

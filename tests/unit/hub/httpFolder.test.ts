// A folder on a web server whose connections break.
import { readFileSync } from 'node:fs';
import { type RequestListener, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { answer } from '../../../src/engine/questions/answers.ts';
import { GPT2 } from '../../../src/engine/gpt2.ts';
import { planModel } from '../../../src/hub/hubs.ts';
import { LETTERS, letterModel } from '../../support/letterModel.ts';
import { packPath } from '../../support/packOnDisk.ts';

/** Serves the pack's gpt2; the first `breaks` answers with weights end in the middle. */
async function serve(breaks: number) {
  let asked = 0;
  const server = await listen(({ url = '' }, response) => {
    const name = url.slice(1);
    if (!['config.json', 'model.safetensors'].includes(name)) {
      response.writeHead(404).end();
      return;
    }
    const bytes = readFileSync(`${packPath('gpt2')}/${name}`);
    response.writeHead(200, { 'content-length': bytes.length });
    if (name === 'config.json' || ++asked > breaks) response.end(bytes);
    else response.write(bytes.subarray(0, bytes.length / 2), () => response.destroy());
  });
  return { ...server, asked: () => asked };
}

async function listen(listener: RequestListener) {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    source: `http://127.0.0.1:${port}/`,
    [Symbol.asyncDispose]: () => {
      // Some of them were left in the middle of an answer.
      server.closeAllConnections();
      return new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

test('weights whose stream breaks are asked for once more, and no oftener', async () => {
  await using once = await serve(1);
  await using model = await GPT2.from_pretrained(once.source, { device: 'cpu' });
  expect([model.config.nLayer > 0, once.asked()]).toEqual([true, 2]);

  await using always = await serve(9);
  await expect(GPT2.from_pretrained(always.source, { device: 'cpu' })).rejects.toMatchObject({
    code: 'network/broken',
  });
  expect(always.asked()).toBe(2);
});

/** Serves the pack's gpt2 as `send` does it. */
const servePack = (send: (name: string, bytes: Buffer, response: ServerResponse) => void) =>
  listen(({ url = '' }, response) => {
    const name = url.slice(1);
    const isThere = ['config.json', 'model.safetensors'].includes(name);
    if (isThere) send(name, readFileSync(`${packPath('gpt2')}/${name}`), response);
    else response.writeHead(404).end();
  });

test('all files are asked for at once: none waits for config.json to come', async () => {
  const asked = new Set<string>();
  let send = (): void => {};
  await using server = await listen(({ url = '' }, response) => {
    const name = url.slice(1);
    asked.add(name);
    const end = (): void => {
      const isThere = ['config.json', 'model.safetensors'].includes(name);
      if (isThere) response.end(readFileSync(`${packPath('gpt2')}/${name}`));
      else response.writeHead(404).end();
    };
    if (name === 'config.json') send = end;
    else end();
    const others = ['model.safetensors', 'vocab.json', 'merges.txt', 'generation_config.json'];
    if (['config.json', ...others].every((one) => asked.has(one))) send();
  });
  await using model = await GPT2.from_pretrained(server.source, { device: 'cpu' });
  expect(model.config.nLayer).toBeGreaterThan(0);
});

test('where config.json is not there, nothing else matters, nor is waited for', async () => {
  for (const weights of ['absent', 'silent']) {
    let closed = Promise.resolve();
    await using server = await listen(({ url = '' }, response) => {
      if (url !== '/model.safetensors' || weights === 'absent') {
        // So that the weights are known to be absent first.
        setTimeout(() => response.writeHead(404).end(), url === '/config.json' ? 50 : 0);
        return;
      }
      closed = new Promise((resolve) => response.on('close', resolve));
      response.writeHead(200, { 'content-length': 1e9 }).write('nothing');
    });
    await expect(GPT2.from_pretrained(server.source, { device: 'cpu' })).rejects.toMatchObject({
      code: 'network/not-found',
      message: expect.stringContaining('config.json') as string,
    });
    await closed;
  }
});

test('a file that falls silent is a connection that broke', async () => {
  const patience = { tries: 2, baseMs: 10, silenceMs: 2000 };
  for (const silent of ['config.json', 'model.safetensors']) {
    let asked = 0;
    await using server = await servePack((name, bytes, response) => {
      response.writeHead(200, { 'content-length': bytes.length });
      if (name !== silent) response.end(bytes);
      else {
        asked++;
        response.write(bytes.subarray(0, 14));
      }
    });
    const loading = GPT2.from_pretrained(server.source, { device: 'cpu', patience });
    await expect(loading).rejects.toMatchObject({
      code: 'network/broken',
      message: `The connection broke after 14 bytes of ${silent}.`,
    });
    expect(asked).toBe(silent === 'config.json' ? 1 : 2);
  }
});

test('weights that end early say after how many bytes, also where nobody said of how many', async () => {
  const { length } = readFileSync(`${packPath('gpt2')}/model.safetensors`);
  for (const says of [true, false]) {
    await using server = await servePack((name, bytes, response) => {
      // Encoded, a length says nothing of the file's own.
      if (says) response.writeHead(200, { 'content-length': bytes.length });
      response.write(name === 'config.json' ? bytes : bytes.subarray(0, length - 500));
      if (says && name !== 'config.json') setTimeout(() => response.destroy(), 50);
      else response.end();
    });
    const loading = GPT2.from_pretrained(server.source, { device: 'cpu' });
    await expect(loading).rejects.toMatchObject({
      code: says ? 'network/broken' : 'network/truncated',
      message: says
        ? `The connection broke after ${length - 500} bytes of model.safetensors.`
        : `model.safetensors ended after ${length - 500} bytes.`,
    });
  }
});

test('a folder of another site is not downloaded again without being asked', async () => {
  let asked = 0;
  await using server = await servePack((_, bytes, response) => {
    asked++;
    response.end(bytes);
  });
  await using model = await GPT2.from_pretrained(server.source, { device: 'cpu' });
  expect(asked).toBe(2);
  await expect(model.again({ dtype: 'q8' })).rejects.toMatchObject({
    code: 'engine/not-kept',
    message: expect.stringContaining(server.source) as string,
  });
  await expect(answer(model, 'precisionCost', { dtype: 'q8' })).rejects.toMatchObject({
    code: 'engine/not-kept',
  });
  expect(asked).toBe(2);
});

test('a plan knows a size, that there is none, and that nobody says', async () => {
  const { length } = readFileSync(`${packPath('gpt2')}/model.safetensors`);
  const index = '{"weight_map":{"a":"model-1.safetensors","b":"model-2.safetensors"}}';
  /** How HEAD is answered, whether there is an index, and the plan. */
  const rows: [number, boolean, [string, number | null][], number | null][] = [
    [200, false, [['model.safetensors', length]], length],
    [405, false, [['model.safetensors', null]], null],
    [501, false, [['model.safetensors', null]], null],
    [404, false, [], null],
    [410, false, [], null],
    [
      403,
      true,
      [
        ['model-1.safetensors', null],
        ['model-2.safetensors', null],
      ],
      null,
    ],
  ];
  for (const [status, hasIndex, files, totalBytes] of rows) {
    await using server = await listen(({ method, url = '' }, response) => {
      if (method === 'HEAD') response.writeHead(status, { 'content-length': length }).end();
      else if (url === '/config.json') response.end(readFileSync(`${packPath('gpt2')}${url}`));
      else if (hasIndex && url.endsWith('index.json')) response.end(index);
      else response.writeHead(404).end();
    });
    const plan = await planModel({ source: server.source });
    expect(plan.files.map(({ name, size }) => [name, size])).toEqual(files);
    expect(plan.totalBytes).toBe(totalBytes);
  }
});

/** Serves these files, and notes which are asked for, there or not. */
const serveFiles = (files: readonly File[], asked: string[]): ReturnType<typeof listen> =>
  listen(({ url = '' }, response) => {
    const name = url.slice(1);
    asked.push(name);
    const file = files.find((one) => one.name === name);
    if (file === undefined) response.writeHead(404).end();
    else void file.bytes().then((bytes) => response.end(bytes));
  });

test('tokens that were added are asked for only where the vocabulary leaves ids to them', async () => {
  const all = LETTERS.length;
  for (const [rows, asks] of [
    [all, false],
    [all + 1, true],
  ] as const) {
    const files = letterModel({ rows, config: { vocab_size: rows }, added: { '<pad>': all } });
    const asked: string[] = [];
    await using server = await serveFiles(files, asked);
    await using model = await GPT2.from_pretrained(server.source, { device: 'cpu' });
    expect(asked.includes('added_tokens.json')).toBe(asks);
    expect(model.tokenizer?.vocabSize).toBe(rows);
  }
});

test('files of a tokenizer are asked for unless config.json names all there are', async () => {
  const all = LETTERS.length;
  for (const named of [true, false]) {
    const config = {
      vocab_size: all,
      ...(named && { tokenizer_files: ['vocab.json', 'merges.txt'] }),
    };
    const files = letterModel({ config });
    const asked: string[] = [];
    await using server = await serveFiles(files, asked);
    await using model = await GPT2.from_pretrained(server.source, { device: 'cpu' });
    expect(model.tokenizer?.vocabSize).toBe(all);
    for (const file of ['tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json']) {
      expect([file, asked.includes(file)]).toEqual([file, !named]);
    }
  }
});

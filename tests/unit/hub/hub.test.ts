// Models of a Hub, over real connections: from id to logits, kept in a directory, and everything that goes wrong.
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ProgressInfo } from '../../../src/api.ts';
import { GPT2 } from '../../../src/engine/gpt2.ts';
import type { FromPretrainedOptions } from '../../../src/engine/load/options.ts';
import { EngineError } from '../../../src/errors.ts';
import { planModel } from '../../../src/hub/hubs.ts';
import { openModel } from '../../../src/hub/open.ts';
import { type HubServer, startHub } from '../../support/hubServer.ts';
import { packPath } from '../../support/packOnDisk.ts';
import { COMMIT, shardedModel, tinyModel } from '../../support/servedModels.ts';

const utf8 = new TextEncoder();
const IDS = [5, 17, 300, 42];
const WEIGHTS = tinyModel().files['model.safetensors'] as Uint8Array;
const SIZE = WEIGHTS.length;
const PATIENCE = { tries: 4, baseMs: 10, silenceMs: 20_000 };

const other = (id: string, change: Record<string, Uint8Array | null>) => {
  const files: Record<string, Uint8Array> = {
    ...(tinyModel().files as Record<string, Uint8Array>),
  };
  for (const [name, bytes] of Object.entries(change)) {
    if (bytes) files[name] = bytes;
    else delete files[name];
  }
  return { ...tinyModel(id), files };
};

let hub: HubServer;
let expected: Float32Array;
let folder: string;
beforeAll(async () => {
  hub = await startHub([
    tinyModel(),
    shardedModel(),
    { ...tinyModel('tests/gated'), gated: true },
    other('tests/llama', { 'config.json': utf8.encode('{"model_type":"llama"}') }),
    other('tests/pickle', { 'model.safetensors': null, 'pytorch_model.bin': utf8.encode('x') }),
    other('tests/gguf', { 'model.safetensors': null, 'model.gguf': utf8.encode('x') }),
    other('tests/no-config', { 'config.json': null }),
    // The branch has moved on since somebody looked.
    { ...other('tests/moved', { 'config.json': null }), commit: 'f'.repeat(40) },
    { ...tinyModel('tests/moved'), revisions: [] },
    other('tests/lying', {
      'model.safetensors': new Uint8Array([
        ...Array(8).fill(0xff),
        ...utf8.encode('lies about itself'),
      ]),
    }),
    other('tests/tokenizer-json', {
      'vocab.json': null,
      'merges.txt': null,
      'tokenizer.json': utf8.encode(
        JSON.stringify({
          normalizer: null,
          pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, use_regex: true },
          added_tokens: [{ id: 3, content: '<|endoftext|>', special: true }],
          model: {
            type: 'BPE',
            vocab: { a: 0, b: 1, ab: 2, '<|endoftext|>': 3 },
            merges: [['a', 'b']],
          },
        }),
      ),
    }),
  ]);
  const here = await GPT2.from_pretrained(packPath('gpt2'), { device: 'cpu' });
  expected = (await here.forward(IDS)).logits.data;
  await here.dispose();
});
afterAll(() => hub.close());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'glass-gpt-store-'));
});
afterEach(() => {
  hub.reset();
  rmSync(folder, { recursive: true, force: true });
});

async function load(id: string, options: FromPretrainedOptions & { store?: boolean } = {}) {
  const { store = true, ...rest } = options;
  const model = await GPT2.from_pretrained(id, {
    device: 'cpu',
    host: hub.origin,
    ...(store ? { cache_dir: folder } : {}),
    patience: PATIENCE,
    ...rest,
  });
  const { summary } = model;
  const logits = (await model.forward(IDS)).logits.data;
  const text = model.tokenizer ? model.encode('ab') : null;
  await model.dispose();
  return { summary, logits, text };
}

async function errorOf(work: Promise<unknown>): Promise<EngineError> {
  const error: unknown = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(EngineError);
  expect((error as EngineError).hint.length).toBeGreaterThan(10);
  return error as EngineError;
}

describe('a model of a Hub', () => {
  test('at the commit that was agreed to is that one, wherever its branch is by now', async () => {
    const { summary, logits } = await load('tests/moved', { commit: COMMIT });
    expect(summary.origin?.commit).toBe(COMMIT);
    expect(logits).toEqual(expected);
    // Nobody asks again what the branch means.
    expect(hub.seen.filter(({ path }) => path.includes('/revision/'))).toEqual([]);
    // It is kept under the name by which it was asked for.
    expect((await load('tests/moved')).summary.origin?.commit).toBe(COMMIT);
    const none = await errorOf(load('tests/moved', { commit: 'a'.repeat(40) }));
    expect(none.code).toBe('hub/revision');
    expect((await errorOf(load('tests/moved', { commit: 'main' }))).code).toBe('hub/revision');
  });

  test('is the model on disk, is kept, and is loaded again without a request', async () => {
    const seen: ProgressInfo[] = [];
    // As on a line: what comes in one piece is there before any of its parts is read.
    hub.faults.set('model.safetensors', { slow: 400_000 });
    const first = await load('tests/tiny-gpt2', { progress_callback: (info) => seen.push(info) });
    hub.faults.clear();
    expect(first.logits).toEqual(expected);
    expect(first.text).toEqual([97, 98]);
    expect(first.summary.defaults.max_new_tokens).toBe(7);
    expect(first.summary.origin).toEqual({
      kind: 'hub',
      id: 'tests/tiny-gpt2',
      host: hub.origin,
      commit: COMMIT,
      keptIn: 'directory',
      isVerified: true,
      sha256: createHash('sha256').update(WEIGHTS).digest('hex'),
    });
    const last = seen.filter(({ file }) => file === 'model.safetensors').at(-1);
    expect(last).toMatchObject({ status: 'done', loaded: SIZE, total: SIZE, progress: 100 });
    expect(last?.allLoaded).toBe(last?.allTotal);
    expect(seen.some(({ part }) => part === 'block 2 of 3')).toBe(true);
    expect(hub.sent('model.safetensors')).toBe(SIZE);

    hub.seen.length = 0;
    for (const revision of [undefined, 'main', 'e7da7f2', COMMIT]) {
      expect((await load('tests/tiny-gpt2', { revision })).logits).toEqual(expected);
    }
    expect(hub.seen).toEqual([]);
  });

  test('comes in shards too, in order, none of them twice', async () => {
    const { logits, summary } = await load('tests/tiny-sharded');
    expect(logits).toEqual(expected);
    expect(summary.origin?.isVerified).toBe(true);
    const whole = hub.seen.filter(
      ({ path, range, status }) => path.includes('-of-') && status === 200 && range === null,
    );
    expect(whole.map(({ path }) => /model-\d+/.exec(path)?.[0])).toEqual([
      'model-00001',
      'model-00002',
      'model-00003',
    ]);
    hub.seen.length = 0;
    expect((await load('tests/tiny-sharded')).logits).toEqual(expected);
    expect(hub.seen).toEqual([]);
  });

  test('asks again for small files and for beginnings of shards when the connection broke', async () => {
    const second = 'model-00002-of-00003.safetensors';
    hub.faults.set(second, { cutAfter: 900, times: 1 });
    hub.faults.set('merges.txt', { cutAfter: 5, times: 1 });
    const notes: string[] = [];
    const { logits } = await load('tests/tiny-sharded', {
      progress_callback: ({ note }) => note !== undefined && notes.push(note),
    });
    expect(logits).toEqual(expected);
    expect(notes).toHaveLength(2);
    for (const note of notes) expect(note).toMatch(/broke; trying again in 1 s \(1 of \d\)/u);
  });

  test('is streamed and not kept where there is no place for it, and says so', async () => {
    const { logits, summary } = await load('tests/tiny-gpt2', { store: false });
    expect(logits).toEqual(expected);
    expect(summary.origin).toMatchObject({ keptIn: 'memory', isVerified: true });
    expect(summary.origin?.note).toContain('nothing is kept');
    expect((await load('tests/tiny-sharded', { store: false })).logits).toEqual(expected);
  });

  test('may have its tokenizer in tokenizer.json alone', async () => {
    expect((await load('tests/tokenizer-json')).text).toEqual([2]);
  });

  test('is planned with small JSON alone', async () => {
    const request = { source: 'tests/tiny-sharded', host: hub.origin };
    const options = { cache_dir: folder, patience: PATIENCE };
    const plan = await planModel(request, options);
    expect(plan).toMatchObject({
      kind: 'hub',
      commit: COMMIT,
      storedBytes: 0,
      keptIn: 'directory',
    });
    expect(plan.files.map(({ name }) => name)).toEqual([
      'config.json',
      'generation_config.json',
      'vocab.json',
      'merges.txt',
      'model.safetensors.index.json',
      'model-00001-of-00003.safetensors',
      'model-00002-of-00003.safetensors',
      'model-00003-of-00003.safetensors',
    ]);
    expect(hub.sent('.safetensors?')).toBe(0);
    await load('tests/tiny-sharded');
    const again = await planModel(request, options);
    expect(again.kind).toBe('stored');
    expect(again.storedBytes).toBe(plan.totalBytes);
  });
});

describe('a download', () => {
  const part = (): string => {
    const [model] = readdirSync(folder);
    return join(folder, model, 'model.safetensors.part');
  };
  /** Loads until the connection is gone for good. */
  const breakAt = async (bytes: number, id = 'tests/tiny-gpt2'): Promise<EngineError> => {
    hub.faults.set('model.safetensors', { cutAfter: bytes, times: 1 });
    const stop = errorOf(load(id, { patience: { ...PATIENCE, tries: 1 } }));
    return stop;
  };

  test('goes on where it broke, with the bytes that are missing and no more', async () => {
    hub.faults.set('model.safetensors', { cutAfter: 100_000, times: 2 });
    const notes: string[] = [];
    const { logits } = await load('tests/tiny-gpt2', {
      progress_callback: ({ note }) => note !== undefined && notes.push(note),
    });
    expect(logits).toEqual(expected);
    const ranges = hub.seen
      .filter(({ path }) => path.includes('model.safetensors?'))
      .map(({ range }) => range);
    expect(ranges).toEqual([null, 'bytes=100000-', 'bytes=200000-']);
    expect(hub.sent('model.safetensors')).toBe(SIZE);
    expect(notes[0]).toMatch(/broke at \d+ %; trying again in 1 s \(1 of 3\)/);
  });

  test('that was given up goes on the next time', async () => {
    const error = await breakAt(150_000);
    expect(error).toMatchObject({ code: 'network/truncated' });
    expect(error.hint).toContain('what came is kept');
    expect(readFileSync(part()).length).toBe(150_000);
    hub.seen.length = 0;
    const plan = await planModel(
      { source: 'tests/tiny-gpt2', host: hub.origin },
      { cache_dir: folder },
    );
    expect(plan.storedBytes).toBeGreaterThan(150_000);
    expect((await load('tests/tiny-gpt2')).logits).toEqual(expected);
    const asked = hub.seen.find(({ path }) => path.includes('model.safetensors?'));
    expect(asked).toMatchObject({ range: 'bytes=150000-', status: 206 });
    expect(asked?.ifRange).toMatch(/^"[0-9a-f]{32}"$/);
    expect(hub.sent('model.safetensors')).toBe(SIZE - 150_000);
  });

  test('is paused by an abort, and goes on', async () => {
    const stop = new AbortController();
    hub.faults.set('model.safetensors', { slow: 400_000 });
    const loading = load('tests/tiny-gpt2', {
      signal: stop.signal,
      progress_callback: ({ file, loaded = 0 }) => {
        if (file === 'model.safetensors' && loaded > 120_000) stop.abort();
      },
    });
    await expect(loading).rejects.toMatchObject({ name: 'AbortError' });
    const kept = readFileSync(part()).length;
    expect(kept).toBeGreaterThan(120_000);
    hub.reset();
    expect((await load('tests/tiny-gpt2')).logits).toEqual(expected);
    expect(hub.sent('model.safetensors')).toBe(SIZE - kept);
  });

  test('starts over where the server knows no ranges, and skips what it has seen', async () => {
    await breakAt(150_000);
    hub.seen.length = 0;
    hub.faults.set('model.safetensors', { noRange: true });
    expect((await load('tests/tiny-gpt2')).logits).toEqual(expected);
    expect(hub.sent('model.safetensors')).toBe(SIZE);
    rmSync(folder, { recursive: true });
    hub.faults.set('model.safetensors', { noRange: true, cutAfter: 150_000, times: 1 });
    expect((await load('tests/tiny-gpt2')).logits).toEqual(expected);
  });

  test('starts over where the file has changed', async () => {
    await breakAt(150_000);
    hub.seen.length = 0;
    hub.faults.set('model.safetensors', { etag: '"another"' });
    expect((await load('tests/tiny-gpt2')).logits).toEqual(expected);
    expect(hub.sent('model.safetensors')).toBe(SIZE);
  });

  test('drops a kept part that is longer than the file', async () => {
    await breakAt(150_000);
    writeFileSync(part(), new Uint8Array(SIZE + 10));
    hub.seen.length = 0;
    expect((await load('tests/tiny-gpt2')).logits).toEqual(expected);
    expect(hub.sent('model.safetensors')).toBe(SIZE);
  });

  test('whose kept part was damaged is fetched again, once', async () => {
    await breakAt(150_000);
    const bytes = readFileSync(part());
    bytes[100_000] ^= 1;
    writeFileSync(part(), bytes);
    hub.seen.length = 0;
    expect((await load('tests/tiny-gpt2')).logits).toEqual(expected);
    expect(hub.sent('model.safetensors')).toBe(SIZE - 150_000 + SIZE);
  });

  test('with a wrong byte is said and fetched again', async () => {
    hub.faults.set('model.safetensors', { flip: 200_000, times: 1 });
    const notes: string[] = [];
    const { logits } = await load('tests/tiny-gpt2', {
      progress_callback: ({ note }) => note !== undefined && notes.push(note),
    });
    expect(logits).toEqual(expected);
    expect(notes.join()).toMatch(/is damaged: its SHA-256 is .* It is fetched again/);
  });

  test('with a wrong byte in its header is fetched again too', async () => {
    hub.faults.set('model.safetensors', { flip: 12, times: 1 });
    expect((await load('tests/tiny-gpt2')).logits).toEqual(expected);
  });

  test('that is wrong every time is not used and not kept', async () => {
    for (const store of [true, false]) {
      hub.faults.set('model.safetensors', { flip: 200_000 });
      expect(await errorOf(load('tests/tiny-gpt2', { store }))).toMatchObject({
        code: 'download/hash',
      });
    }
    const [model] = readdirSync(folder);
    expect(readdirSync(join(folder, model))).not.toContain('model.safetensors');
    expect(readFileSync(part()).length).toBe(0);
    hub.reset();
    expect((await load('tests/tiny-gpt2')).logits).toEqual(expected);
  });

  test('of a small file that is wrong every time is said as it is, and the weights go on later', async () => {
    hub.faults.set('model.safetensors', { slow: 200_000 });
    hub.faults.set('vocab.json', { flip: 20, slow: 10_000 });
    const notes: string[] = [];
    const error = await errorOf(
      load('tests/tiny-gpt2', {
        progress_callback: ({ note }) => note !== undefined && notes.push(note),
      }),
    );
    expect(error.code).toBe('download/hash');
    expect(error.message).toContain('vocab.json');
    expect(notes).toEqual([]);
    expect(hub.seen.filter(({ path }) => path.includes('model.safetensors?'))).toHaveLength(1);
    const kept = readFileSync(part()).length;
    expect(kept).toBeGreaterThan(0);
    hub.reset();
    expect((await load('tests/tiny-gpt2')).logits).toEqual(expected);
    expect(hub.sent('model.safetensors')).toBe(SIZE - kept);
  });

  test('of another length than was listed is refused in words', async () => {
    for (const length of [SIZE - 1000, SIZE + 1000]) {
      hub.faults.set('model.safetensors', { length });
      const error = await errorOf(load('tests/tiny-gpt2'));
      expect(error.code).toBe('download/size');
      expect(error.message).toContain(`${SIZE} bytes`);
    }
  });

  test('of which nothing more comes is asked for again', async () => {
    hub.faults.set('model.safetensors', { hang: true, times: 1 });
    expect(
      (await load('tests/tiny-gpt2', { patience: { ...PATIENCE, silenceMs: 100 } })).logits,
    ).toEqual(expected);
  });

  test('whose small files or headers fall silent in the middle is asked for again', async () => {
    const patience = { ...PATIENCE, silenceMs: 150 };
    hub.faults.set('vocab.json', { stallAfter: 10, times: 1 });
    expect((await load('tests/tiny-gpt2', { patience })).logits).toEqual(expected);
    const shard = 'model-00002-of-00003.safetensors';
    hub.faults.set(shard, { stallAfter: 10, times: 1 });
    expect((await load('tests/tiny-sharded', { patience })).logits).toEqual(expected);
    expect(hub.faults.get(shard)?.times).toBe(0);
    hub.faults.set('vocab.json', { stallAfter: 10 });
    rmSync(folder, { recursive: true });
    const error = await errorOf(load('tests/tiny-gpt2', { patience, store: false }));
    expect(error.code).toBe('network/broken');
    expect(error.message).toContain('vocab.json');
  });

  test('waits as long as it is asked to, within reason', async () => {
    hub.faults.set('model.safetensors', { status: 429, headers: { 'retry-after': '1' }, times: 1 });
    const start = performance.now();
    expect((await load('tests/tiny-gpt2')).logits).toEqual(expected);
    expect(performance.now() - start).toBeGreaterThan(1000);
    rmSync(folder, { recursive: true });
    hub.faults.set('model.safetensors', { status: 429, headers: { 'retry-after': '3600' } });
    expect(await errorOf(load('tests/tiny-gpt2'))).toMatchObject({
      code: 'network/busy',
      message: expect.stringContaining('3600 seconds'),
    });
  });

  test('is done once by two who want the same', async () => {
    hub.faults.set('model.safetensors', { slow: 2_000_000 });
    const notes: string[] = [];
    const [one, two] = await Promise.all([
      load('tests/tiny-gpt2'),
      load('tests/tiny-gpt2', {
        progress_callback: ({ note }) => note !== undefined && notes.push(note),
      }),
    ]);
    expect(one.logits).toEqual(two.logits);
    expect(hub.sent('model.safetensors')).toBe(SIZE);
  });
});

describe('the store', () => {
  test('does not take one model for another whose folder has the same name', async () => {
    const { ModelStore } = await import('../../../src/kept/store.ts');
    const { openDirectory } = await import('../../../src/kept/nodeFiles.ts');
    const store = new ModelStore(await openDirectory(folder));
    const model = {
      kind: 'hub',
      host: 'https://hub.example/a',
      id: 'b/c',
      commit: COMMIT,
    } as const;
    const files = new Map([['config.json', { size: 2, sha256: null, blob: null }]]);
    await (await store.begin(model, 'main', files)).write('config.json', utf8.encode('{}'));
    expect((await store.at(model))?.manifest.identity).toEqual(model);
    for (const change of [
      { host: 'http://hub.example/a' },
      { host: 'https://hub.example', id: 'a/b~c' },
    ]) {
      expect(await store.at({ ...model, ...change })).toBeNull();
    }
    const second = await store.begin({ ...model, host: 'http://hub.example/a' }, 'main', files);
    expect(await second.has('config.json')).toBe(false);
  });

  test('keeps folders and training runs beside the models of Hubs, each under its own identity', async () => {
    const { ModelStore } = await import('../../../src/kept/store.ts');
    const { openDirectory } = await import('../../../src/kept/nodeFiles.ts');
    const store = new ModelStore(await openDirectory(folder));
    const files = new Map([['config.json', { size: 2, sha256: null, blob: null }]]);
    const identities = [
      { kind: 'run', id: 'fairy tales, second try', step: 100 },
      { kind: 'run', id: 'fairy tales, second try', step: 200 },
      { kind: 'run', id: 'fairy~tales, second try', step: 200 },
      { kind: 'folder', url: `https://glass.example/models/${'long/'.repeat(60)}` },
      { kind: 'hub', host: 'https://hub.example', id: 'b/c', commit: COMMIT },
    ] as const;
    for (const identity of identities) {
      const kept = await store.begin(identity, null, files);
      await kept.write('config.json', utf8.encode('{}'));
      await kept.use();
    }
    // Two runs whose names make one folder's name are two models: the later one took its place.
    expect(await store.at(identities[1])).toBeNull();
    for (const identity of identities.filter((_, i) => i !== 1)) {
      expect((await store.at(identity))?.manifest).toMatchObject({ identity, complete: true });
    }
    expect(await store.list()).toHaveLength(4);
    // A Hub's revision names nothing else.
    expect(await store.find('https://hub.example', 'b/c', 'main')).toBeNull();
  });

  test('reads what an earlier version kept, when Hubs had the only models', async () => {
    await load('tests/tiny-gpt2');
    const [model] = readdirSync(folder);
    const path = join(folder, model, 'manifest.json');
    const { kind, ...earlier } = JSON.parse(readFileSync(path, 'utf8')) as { kind: string };
    expect(kind).toBe('hub');
    expect(earlier).toMatchObject({ version: 1, host: hub.origin, commit: COMMIT });
    writeFileSync(path, JSON.stringify(earlier));
    hub.seen.length = 0;
    expect((await load('tests/tiny-gpt2')).logits).toEqual(expected);
    expect(hub.seen).toEqual([]);
  });

  test('takes a broken manifest, or a file that is gone, for a model that is not there', async () => {
    await load('tests/tiny-gpt2');
    const [model] = readdirSync(folder);
    for (const manifest of ['', '{"version":1', '[]', '{"version":1,"files":{"a":{"size":-1}}}']) {
      writeFileSync(join(folder, model, 'manifest.json'), manifest);
      expect((await load('tests/tiny-gpt2')).logits).toEqual(expected);
    }
    // The weights were there all the time.
    expect(hub.sent('model.safetensors')).toBe(SIZE);
    rmSync(join(folder, model, 'model.safetensors'));
    expect((await load('tests/tiny-gpt2')).logits).toEqual(expected);
    expect(hub.sent('model.safetensors')).toBe(2 * SIZE);
  });
});

test('a model is loaded once more from the store alone, at its own commit', async () => {
  const options = { device: 'cpu', host: hub.origin, cache_dir: folder } as const;
  await using model = await GPT2.from_pretrained('tests/tiny-gpt2', options);
  hub.seen.length = 0;
  await using again = await model.again({ dtype: 'fp16' });
  expect(again.summary).toMatchObject({ dtype: 'fp16', origin: { commit: COMMIT } });
  // Whoever looks at another model under the same branch takes the name from this one.
  const [key] = readdirSync(folder);
  const manifest = join(folder, key, 'manifest.json');
  const json = JSON.parse(readFileSync(manifest, 'utf8')) as object;
  writeFileSync(manifest, JSON.stringify({ ...json, revisions: [] }));
  await using third = await model.again({});
  expect(third.summary.origin?.commit).toBe(COMMIT);

  rmSync(join(folder, key, 'model.safetensors'));
  await expect(model.again({})).rejects.toMatchObject({ code: 'engine/not-kept' });
  rmSync(join(folder, key), { recursive: true });
  await expect(model.again({})).rejects.toMatchObject({ code: 'engine/not-kept' });
  expect(hub.seen).toEqual([]);
});

describe('is refused in words:', () => {
  const rows: [string, string, FromPretrainedOptions, string, string][] = [
    [
      'a model that is not there',
      'tests/nothing',
      {},
      'hub/not-found',
      'no public model tests/nothing',
    ],
    [
      'a revision that is not there',
      'tests/tiny-gpt2',
      { revision: 'v9' },
      'hub/revision',
      'no revision "v9"',
    ],
    ['a gated model', 'tests/gated', {}, 'hub/gated', 'is gated'],
    ['another architecture', 'tests/llama', {}, 'config/unsupported', 'model_type is "llama"'],
    ['pickled weights', 'tests/pickle', {}, 'hub/pickle', 'only pickled weights'],
    ['another format', 'tests/gguf', {}, 'hub/no-weights', 'only model.gguf'],
    ['a model without config.json', 'tests/no-config', {}, 'hub/no-config', 'no config.json'],
    ['a header that lies', 'tests/lying', {}, 'safetensors/header-length', 'header claims'],
    ['an id that leaves its folder', 'tests/../x', {}, 'hub/id', 'leaves its folder'],
    [
      'a server that is not there',
      'tests/x',
      { host: 'http://127.0.0.1:9' },
      'network/unreachable',
      'CORS',
    ],
  ];
  for (const [what, id, options, code, words] of rows) {
    test(what, async () => {
      const error = await errorOf(load(id, options));
      expect(error.code).toBe(code);
      expect(error.message).toContain(words);
    });
  }

  test('statuses, each with its meaning', async () => {
    const statuses: [string, number, string][] = [
      ['api/revision', 401, 'hub/not-found'],
      ['api/revision', 403, 'hub/gated'],
      ['api/revision', 429, 'network/busy'],
      ['api/revision', 500, 'network/http'],
      ['api/revision', 418, 'network/http'],
      ['api/tree', 503, 'network/http'],
      ['config.json', 500, 'network/http'],
      ['model.safetensors', 401, 'hub/gated'],
      ['model.safetensors', 404, 'network/not-found'],
      ['model.safetensors', 500, 'network/http'],
    ];
    for (const [name, status, code] of statuses) {
      hub.reset();
      hub.faults.set(name, { status });
      expect((await errorOf(load('tests/tiny-gpt2'))).code, `${name} ${status}`).toBe(code);
    }
  });

  test('a redirect to another scheme', async () => {
    hub.redirectTo = 'ftp://127.0.0.1';
    expect((await errorOf(load('tests/tiny-gpt2'))).code).toMatch(/^network\//);
  });

  test('and what is not enough room', async () => {
    const { openHub } = await import('../../../src/hub/hubFolder.ts');
    const { ModelStore } = await import('../../../src/kept/store.ts');
    const { openDirectory } = await import('../../../src/kept/nodeFiles.ts');
    const address = {
      kind: 'hub',
      host: hub.origin,
      id: 'tests/tiny-gpt2',
      revision: 'main',
    } as const;
    const error = await errorOf(
      openHub('x', address, {
        store: new ModelStore(await openDirectory(folder)),
        patience: PATIENCE,
        freeBytes: () => Promise.resolve(1000),
      }),
    );
    expect(error.code).toBe('storage/quota');
    expect(error.message).toMatch(/needs 0\.\d MB more, and there is room for 0\.0 MB/);
  });
});

test('a host without the API may have the model as a plain folder', async () => {
  const folders = await startHub([tinyModel()]);
  const model = await GPT2.from_pretrained('tests/tiny-gpt2', {
    device: 'cpu',
    host: folders.filesOrigin,
  });
  expect(model.summary.origin).toMatchObject({
    kind: 'folder',
    id: `${folders.filesOrigin}/tests/tiny-gpt2/`,
  });
  await model.dispose();
  const plan = await planModel({ source: `${folders.filesOrigin}/tests/tiny-gpt2` });
  expect(plan).toMatchObject({ kind: 'folder', totalBytes: SIZE, keptIn: 'memory' });
  const sharded = await startHub([shardedModel()]);
  const plain = await openModel(`${sharded.filesOrigin}/tests/tiny-sharded`);
  const weights = await plain.openWeights();
  expect(weights.tensors.shapes.size).toBeGreaterThan(30);
  await weights.finish();
  await folders.close();
  await sharded.close();
});

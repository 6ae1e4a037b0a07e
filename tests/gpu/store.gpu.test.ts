// Models of a Hub in the browser's own file system: downloaded once, resumed, checked, listed, deleted; in a
// worker, where files keep what was written when the page goes, and in the page itself.
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { commands } from 'vitest/browser';
import type { Engine, LoadOptions, ProgressInfo } from '../../src/api.ts';
import { LocalEngine } from '../../src/engine/localEngine.ts';
import { EngineError } from '../../src/errors.ts';
import { WorkerEngine } from '../../src/worker/workerEngine.ts';

const MODEL = 'tests/tiny-gpt2';
const SHARDED = 'tests/tiny-sharded';
const IDS = [5, 17, 300, 42];
const SIZE = 451_504;

let host: string;
/** Engines in this thread, which a test has for itself. */
const engines: Engine[] = [];
/** Workers that are free, and those that a test has taken: to start one costs more than most tests. */
const idle: Engine[] = [];
const taken: Engine[] = [];
const worker = (): Engine => {
  const engine = idle.pop() ?? WorkerEngine.create();
  taken.push(engine);
  return engine;
};
const local = (): Engine => {
  const engine = new LocalEngine();
  engines.push(engine);
  return engine;
};

/** What empties the store before each test. */
const keeper = WorkerEngine.create();
afterAll(async () => {
  for (const engine of [keeper, ...idle]) await engine.dispose();
});

beforeEach(async () => {
  host = await commands.hubReset();
  await keeper.ask('deleteAllStored', {});
});
afterEach(async () => {
  for (const engine of engines.splice(0)) await engine.dispose();
  idle.push(...taken.splice(0));
});

const load = (engine: Engine, id = MODEL, options: LoadOptions = {}) =>
  engine.load(id, { device: 'cpu', host, ...options });

/** The same weights from a folder, and what they compute. */
let scored: Promise<Float32Array> | null = null;
async function scoreOfFolder(): Promise<Float32Array> {
  const there = new LocalEngine();
  const folder = new URL('/tests/fixtures/conformance/gpt2', location.href).href;
  await there.load(folder, { device: 'cpu' });
  const { logprobs } = await there.ask('score', { ids: IDS });
  await there.dispose();
  return logprobs;
}

async function expectRight(engine: Engine): Promise<void> {
  const { logprobs } = await engine.ask('score', { ids: IDS });
  expect(logprobs).toEqual(await (scored ??= scoreOfFolder()));
}

async function errorOf(work: Promise<unknown>): Promise<EngineError> {
  const error: unknown = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(EngineError);
  return error as EngineError;
}

for (const [name, create] of [
  ['a worker', worker],
  ['the page', local],
] as const) {
  describe(`in ${name}`, () => {
    it('a model is downloaded once, and loaded without a request afterwards', async () => {
      for (const id of [MODEL, SHARDED]) {
        const engine = create();
        const { origin } = await load(engine, id);
        expect(origin).toMatchObject({ kind: 'hub', id, keptIn: 'opfs', isVerified: true });
        await expectRight(engine);
        await commands.hubReset();
        const again = create();
        const plan = await again.ask('planModel', { source: id, host });
        expect(plan).toMatchObject({ kind: 'stored', commit: origin?.commit });
        const progress: ProgressInfo[] = [];
        const second = await load(again, id, { progress_callback: (info) => progress.push(info) });
        expect(second.origin?.commit).toBe(origin?.commit);
        expect(progress.at(-1)?.status).toBe('ready');
        await expectRight(again);
        expect(await commands.hubSeen()).toEqual([]);
      }
    });

    it('a download that was paused goes on where it was', async () => {
      const engine = create();
      const stop = new AbortController();
      await commands.hubFault('model.safetensors', { slow: 400_000 });
      const loading = load(engine, MODEL, {
        signal: stop.signal,
        progress_callback: ({ file, loaded = 0 }) => {
          if (file === 'model.safetensors' && loaded > 100_000) stop.abort();
        },
      });
      await expect(loading).rejects.toMatchObject({ name: 'AbortError' });
      let kept = 0;
      await expect
        .poll(async () => {
          const [stored] = await engine.ask('storedModels', {});
          kept = stored.bytes;
          return stored.complete;
        })
        .toBe(false);
      expect(kept).toBeGreaterThan(100_000);
      await commands.hubReset();
      const part = await engine.ask('findStored', { source: MODEL, host });
      expect(part).toMatchObject({ id: MODEL, complete: false });
      expect(await engine.ask('findStored', { source: MODEL, host, revision: 'v9' })).toBeNull();
      expect(await engine.ask('findStored', { source: MODEL })).toBeNull();
      expect(await commands.hubSeen()).toEqual([]);
      await load(engine);
      await expectRight(engine);
      const sent = await commands.hubSent('model.safetensors');
      expect(sent).toBeGreaterThan(0);
      expect(sent).toBeLessThan(SIZE - 90_000);
    });

    it('a wrong byte is noticed, and the file is fetched again', async () => {
      await commands.hubFault('model.safetensors', { flip: 300_000, times: 1 });
      const notes: string[] = [];
      const engine = create();
      await load(engine, MODEL, { progress_callback: ({ note }) => note && notes.push(note) });
      await expectRight(engine);
      expect(notes.join(' ')).toContain('is damaged');
      expect(await commands.hubSent('model.safetensors')).toBe(2 * SIZE);
    });

    it('a model that stays damaged does not take the place of the running one', async () => {
      const engine = create();
      await load(engine, SHARDED);
      await commands.hubFault('model.safetensors', { flip: 300_000 });
      expect(await errorOf(load(engine))).toMatchObject({ code: 'download/hash' });
      await expectRight(engine);
      const stored = await engine.ask('storedModels', {});
      expect(stored.map(({ id, complete }) => [id, complete])).toEqual([
        [MODEL, false],
        [SHARDED, true],
      ]);
    });

    it('what is stored is listed and deleted', async () => {
      const engine = create();
      expect(await engine.ask('storageFacts', {})).toMatchObject({ available: true });
      const before = await engine.ask('planModel', { source: MODEL, host });
      expect(before).toMatchObject({ kind: 'hub', storedBytes: 0, keptIn: 'opfs' });
      expect(before.freeBytes).toBeGreaterThan(0);
      await load(engine);
      await load(engine, SHARDED);
      const stored = await engine.ask('storedModels', {});
      expect(stored.map(({ id }) => id)).toEqual([SHARDED, MODEL]);
      expect(stored[1]).toMatchObject({ host, revisions: ['main'], complete: true });
      expect(stored[1].bytes).toBeGreaterThan(SIZE);
      expect(Date.now() - (stored[1].lastUsed ?? 0)).toBeLessThan(60_000);
      const { freedBytes } = await engine.ask('deleteStored', { key: stored[1].key });
      expect(freedBytes).toBe(stored[1].bytes);
      expect(await errorOf(engine.ask('deleteStored', { key: '../x' }))).toMatchObject({
        code: 'storage/key',
      });
      await engine.ask('deleteAllStored', {});
      expect(await engine.ask('storedModels', {})).toEqual([]);
      // What runs needs none of it.
      await expectRight(engine);
    });

    it('dropped files are loaded, and not kept', async () => {
      const at = async (file: string): Promise<File> => {
        const answer = await fetch(`/tests/fixtures/conformance/gpt2/${file}`);
        return new File([await answer.arrayBuffer()], file);
      };
      const engine = create();
      const files = [await at('model.safetensors'), await at('config.json')];
      const { origin } = await engine.load('mine', { device: 'cpu', files });
      expect(origin).toMatchObject({ kind: 'files', id: 'mine', keptIn: 'disk' });
      await expectRight(engine);
      expect(await engine.ask('storedModels', {})).toEqual([]);
    });
  });
}

describe('a worker', () => {
  it('that is killed leaves what it has, and the next goes on there', async () => {
    await commands.hubFault('model.safetensors', { slow: 500_000 });
    const thread = new Worker(new URL('../../src/worker/worker.ts', import.meta.url), {
      type: 'module',
    });
    const engine = new WorkerEngine(() => thread);
    await new Promise<void>((resolve) => {
      void load(engine, MODEL, {
        progress_callback: ({ file, loaded = 0 }) => {
          if (file === 'model.safetensors' && loaded > 0.6 * SIZE) resolve();
        },
      }).catch(() => {});
    });
    thread.terminate();
    await commands.hubReset();
    const next = worker();
    await load(next);
    await expectRight(next);
    const sent = await commands.hubSent('model.safetensors');
    expect(sent).toBeGreaterThan(0);
    expect(sent).toBeLessThanOrEqual(0.4 * SIZE);
  });

  it('waits for another that downloads the same model, and says so', async () => {
    await commands.hubFault('model.safetensors', { slow: 1_000_000 });
    const notes: string[] = [];
    const progress_callback = ({ note }: ProgressInfo): void => void (note && notes.push(note));
    const [one, two] = [worker(), worker()];
    await Promise.all([
      load(one, MODEL, { progress_callback }),
      load(two, MODEL, { progress_callback }),
    ]);
    await expectRight(one);
    await expectRight(two);
    expect(notes.join(' ')).toContain('Another tab is downloading this model');
    expect(await commands.hubSent('model.safetensors')).toBe(SIZE);
  });

  it('may not delete what another downloads', async () => {
    await commands.hubFault('model.safetensors', { slow: 300_000 });
    const [one, two] = [worker(), worker()];
    const stop = new AbortController();
    const begun = new Promise<void>((resolve) => {
      load(one, MODEL, {
        signal: stop.signal,
        progress_callback: ({ loaded = 0 }) => loaded > 50_000 && resolve(),
      }).catch(() => {});
    });
    await begun;
    const [{ key }] = await two.ask('storedModels', {});
    expect(await errorOf(two.ask('deleteStored', { key }))).toMatchObject({ code: 'storage/busy' });
    stop.abort();
    await expect
      .poll(() =>
        two.ask('deleteStored', { key }).then(
          () => 'deleted',
          () => 'busy',
        ),
      )
      .toBe('deleted');
  });

  it('says that a server must allow the page, where it does not', async () => {
    await commands.hubCors(false);
    const error = await errorOf(load(worker()));
    expect(error.code).toBe('network/unreachable');
    expect(error.message).toContain('CORS');
  });
});

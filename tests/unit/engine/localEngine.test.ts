// Several loads at once, in this thread and over the bridge: which of them is installed, and which is given up.
import { MessageChannel } from 'node:worker_threads';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type {
  Engine,
  GenerateEvent,
  GenerationOptions,
  LoadOptions,
  LoadedModel,
} from '../../../src/api.ts';
import { LocalEngine } from '../../../src/engine/localEngine.ts';
import { type ClientPort, type HostPort, serve } from '../../../src/worker/channel.ts';
import { engineHandlers } from '../../../src/worker/engineHandlers.ts';
import type { EngineTreaty } from '../../../src/worker/protocol.ts';
import { WorkerEngine } from '../../../src/worker/workerEngine.ts';
import { type HubServer, startHub } from '../../support/hubServer.ts';
import { shardedModel, tinyModel } from '../../support/servedModels.ts';

/** One comes at the speed that a test gives it, the other at once. */
const SLOW = 'tests/tiny-gpt2';
const FAST = 'tests/tiny-sharded';
const SIZE = (tinyModel().files['model.safetensors'] as Uint8Array).length;

let hub: HubServer;
const closing: (() => void)[] = [];
beforeAll(async () => {
  hub = await startHub([tinyModel(SLOW), shardedModel(FAST)]);
});
afterEach(() => {
  hub.reset();
  for (const close of closing.splice(0)) close();
});
afterAll(() => hub.close());

function overTheBridge(): Engine {
  const { port1, port2 } = new MessageChannel();
  closing.push(() => port1.close());
  serve<EngineTreaty>(port1 as unknown as HostPort, engineHandlers(new LocalEngine()));
  return new WorkerEngine(() => port2 as unknown as ClientPort);
}

function load(engine: Engine, id: string, options: LoadOptions = {}): Promise<LoadedModel> {
  const loading = engine.load(id, {
    device: 'cpu',
    host: hub.origin,
    base: hub.origin,
    ...options,
  });
  loading.catch(() => {});
  return loading;
}

async function untilOnItsWay(): Promise<void> {
  while (hub.sent('model.safetensors?') === 0) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

for (const [where, create] of [
  ['in this thread', () => new LocalEngine()],
  ['over the bridge', overTheBridge],
] as const) {
  describe(`two loads ${where}`, () => {
    test('are both installed where the earlier one is ready first', async () => {
      const engine = create();
      hub.faults.set('model.safetensors', { slow: 400_000 });
      const first = load(engine, FAST);
      const second = load(engine, SLOW);
      expect((await first).name).toBe('tiny-sharded');
      expect((await engine.ask('pieces', { ids: [97] }))[0].text).toBe('a');
      expect((await second).name).toBe('tiny-gpt2');
      await engine.dispose();
    });

    test('end with the later one where it is ready first, and then the earlier stops at once', async () => {
      const engine = create();
      hub.faults.set('model.safetensors', { slow: 50_000 });
      const first = load(engine, SLOW);
      await untilOnItsWay();
      expect((await load(engine, FAST)).name).toBe('tiny-sharded');
      await expect(first).rejects.toMatchObject({ code: 'engine/superseded' });
      expect(hub.sent('model.safetensors?')).toBeLessThan(SIZE);
      await engine.dispose();
    });

    test('leave the earlier one alone where the later one fails', async () => {
      const engine = create();
      hub.faults.set('model.safetensors', { slow: 400_000 });
      const first = load(engine, SLOW);
      await untilOnItsWay();
      await expect(load(engine, 'tests/nothing')).rejects.toMatchObject({ code: 'hub/not-found' });
      expect((await first).name).toBe('tiny-gpt2');
      await engine.dispose();
    });

    test('give an abort its own reason', async () => {
      const engine = create();
      hub.faults.set('model.safetensors', { slow: 50_000 });
      const stop = new AbortController();
      const first = load(engine, SLOW, { signal: stop.signal });
      await untilOnItsWay();
      stop.abort();
      await expect(first).rejects.toMatchObject({ name: 'AbortError' });
      await engine.dispose();
    });
  });
}

const OPTIONS: GenerationOptions = {
  do_sample: false,
  temperature: 1,
  top_k: 0,
  top_p: 1,
  min_p: 0,
  repetition_penalty: 1,
  max_new_tokens: 4,
  stop: [],
  eos_token_id: null,
};

async function last(events: AsyncIterable<GenerateEvent>): Promise<GenerateEvent | undefined> {
  let event: GenerateEvent | undefined;
  for await (event of events);
  return event;
}

for (const [where, create] of [
  ['in this thread', () => new LocalEngine()],
  ['over the bridge', overTheBridge],
] as const) {
  describe(`the model that is meant ${where}`, () => {
    test('has a number of its own, also where the same files are loaded again', async () => {
      const engine = create();
      const turns = [];
      for (const id of [FAST, SLOW, SLOW]) turns.push((await load(engine, id)).turn);
      expect(turns).toEqual([1, 2, 3]);
      // As after a worker that counted to 9.
      expect((await load(engine, FAST, { after: 9 })).turn).toBe(10);
      expect((await load(engine, FAST, { after: 9 })).turn).toBe(11);
      await engine.dispose();
    });

    test('answers, and no other in its place', async () => {
      const engine = create();
      const { turn } = await load(engine, SLOW);
      const ids = [97, 98];
      const ask = (asked?: number) => engine.ask('pieces', { ids }, undefined, asked);
      const generate = (asked?: number) =>
        last(engine.generate({ ids, options: OPTIONS, turn: asked }));
      expect(await ask(turn)).toHaveLength(2);
      expect(await generate(turn)).toMatchObject({ reason: 'length' });
      const other = await load(engine, FAST);
      const gone = { code: 'engine/superseded', hint: 'Ask the model that is here now.' };
      await expect(ask(turn)).rejects.toMatchObject(gone);
      await expect(generate(turn)).rejects.toMatchObject(gone);
      const sweep = engine.sweep({ ids, target: 99, by: 'zero', turn });
      await expect(sweep[Symbol.asyncIterator]().next()).rejects.toMatchObject(gone);
      const save = engine.save({ turn });
      await expect(save[Symbol.asyncIterator]().next()).rejects.toMatchObject(gone);
      // What is asked of nobody in particular is asked of the one that is here.
      for (const asked of [other.turn, undefined]) {
        expect(await ask(asked)).toHaveLength(2);
        expect(await generate(asked)).toMatchObject({ reason: 'length' });
      }
      await engine.dispose();
    });

    test('is said to be gone to whoever it was answering', async () => {
      const engine = create();
      await load(engine, SLOW);
      const options = { ...OPTIONS, max_new_tokens: 100_000 };
      const writing = last(engine.generate({ ids: [97], options })).catch((e: unknown) => e);
      await engine.ask('pieces', { ids: [97] });
      await load(engine, FAST);
      expect(await writing).toMatchObject({ code: 'engine/superseded' });
      await engine.dispose();
    });
  });
}

test('a load that is under way ends with its engine', async () => {
  const engine = new LocalEngine();
  hub.faults.set('model.safetensors', { slow: 50_000 });
  const loading = load(engine, SLOW);
  await untilOnItsWay();
  await engine.dispose();
  await expect(loading).rejects.toMatchObject({ code: 'engine/disposed' });
  expect(hub.sent('model.safetensors?')).toBeLessThan(SIZE);
});

describe('a worker that breaks', () => {
  test('is replaced by one that loads a model again, under a turn of its own', async () => {
    const ports: ClientPort[] = [];
    const start = (): ClientPort => {
      const { port1, port2 } = new MessageChannel();
      closing.push(() => port1.close());
      serve<EngineTreaty>(port1 as unknown as HostPort, engineHandlers(new LocalEngine()));
      ports.push(port2 as unknown as ClientPort);
      return port2 as unknown as ClientPort;
    };
    const engine = new WorkerEngine(start, { base: hub.origin });
    const { turn } = await load(engine, SLOW);
    const options = { ...OPTIONS, max_new_tokens: 100_000 };
    const writing = last(engine.generate({ ids: [97], options })).catch((e: unknown) => e);
    await engine.ask('pieces', { ids: [97] });
    expect(ports).toHaveLength(1);
    ports[0].onerror?.({ message: 'out of memory' } as ErrorEvent);

    const broken = { code: 'engine/worker', message: expect.stringContaining('memory') as string };
    expect(await writing).toMatchObject(broken);
    // What needs no model is answered; what needs one is told what became of it.
    expect(await engine.ask('storedModels', {})).toBeInstanceOf(Array);
    expect(ports).toHaveLength(2);
    const ask = () => engine.ask('pieces', { ids: [97] }, undefined, turn);
    await expect(ask()).rejects.toMatchObject(broken);
    await expect(last(engine.generate({ ids: [97], options }))).rejects.toMatchObject(broken);

    const again = await load(engine, SLOW);
    expect(ports).toHaveLength(2);
    expect(again.turn).toBeGreaterThan(turn);
    await expect(ask()).rejects.toMatchObject({ code: 'engine/superseded' });
    expect(await engine.ask('pieces', { ids: [97] }, undefined, again.turn)).toHaveLength(1);
    await engine.dispose();
    await expect(ask()).rejects.toMatchObject({ code: 'engine/disposed' });
  });
});

// The channel under a treaty that has nothing to do with a model.
import { MessageChannel } from 'node:worker_threads';
import { afterEach, expect, test, vi } from 'vitest';
import { EngineError } from '../../../src/errors.ts';
import {
  type ClientPort,
  type Handlers,
  type HostPort,
  type Treaty,
  connect,
  serve,
} from '../../../src/worker/channel.ts';

interface Post extends Treaty {
  readonly calls: {
    add: { input: readonly number[]; answer: { sum: number; each: Float32Array } };
    climb: { input: { steps: number; often: boolean }; answer: string; progress: number };
    wait: { input: null; answer: never };
    fail: { input: { known: boolean }; answer: never };
  };
  readonly streams: {
    count: { request: { to: number }; event: { n: number } };
    /** Stops of itself when it is told to. */
    tick: { request: null; event: number };
    pages: { request: { of: number }; event: { bytes: Uint8Array }; pulled: true };
    /** Waited for once. */
    leaves: { request: null; event: number; pulled: true };
  };
  readonly news: { headline: string };
}

const tick = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 2));

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const end = (): void => reject(signal.reason as Error);
    if (signal.aborted) end();
    signal.addEventListener('abort', end);
  });
}

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

function open() {
  const { port1, port2 } = new MessageChannel();
  closing.push(() => port1.close());
  const seen = { made: 0, stopped: 0, given: new Float32Array(0) };
  let tell: (news: Post['news']) => void = () => {};
  const handlers: Handlers<Post> = {
    calls: {
      add: (input) => {
        seen.given = Float32Array.from(input);
        return Promise.resolve({ sum: input.reduce((a, b) => a + b, 0), each: seen.given });
      },
      climb: ({ steps, often }, { progress }) => {
        for (let i = 1; i <= steps; i++) progress(i, often && i < steps);
        return Promise.resolve('there');
      },
      wait: (_, { signal }) => aborted(signal).finally(() => seen.stopped++),
      fail: ({ known }) =>
        Promise.reject(
          known
            ? new EngineError('The ink is dry.', { code: 'post/ink', hint: 'Buy ink.' })
            : new Error('what?'),
        ),
    },
    streams: {
      async *count({ to }) {
        for (let n = 0; n < to; n++) yield await Promise.resolve({ n });
        if (to > 3) throw new EngineError('Too far.', { code: 'post/far', hint: 'Stay.' });
      },
      async *tick(_, signal) {
        try {
          for (let n = 0; !signal.aborted; n++) {
            yield n;
            await tick();
          }
        } finally {
          seen.stopped++;
        }
      },
      pages: {
        async *pulled({ of }, signal) {
          try {
            for (; seen.made < of; seen.made++) {
              await tick();
              signal.throwIfAborted();
              yield { bytes: new Uint8Array(4).fill(seen.made) };
            }
          } finally {
            seen.stopped++;
          }
        },
      },
      leaves: {
        async *pulled() {
          for (seen.made = 0; seen.made < 6; seen.made++) {
            await tick();
            yield seen.made;
          }
        },
        waits: (n) => n === 1,
      },
    },
    news: (send) => (tell = send),
  };
  serve<Post>(port1 as unknown as HostPort, handlers);
  const port: ClientPort = port2 as unknown as ClientPort;
  const heard: string[] = [];
  const client = connect<Post>(port, {
    news: ({ headline }) => heard.push(headline),
    broken: (reason) => new EngineError(reason, { code: 'post/broken', hint: 'Start over.' }),
  });
  return { client, port, heard, seen, tell: (headline: string) => tell({ headline }) };
}

test('answers calls, and arrays move instead of being copied', async () => {
  const { client, seen } = open();
  const [a, b] = await Promise.all([client.call('add', [1, 2]), client.call('add', [3])]);
  expect([a, b]).toEqual([
    { sum: 3, each: Float32Array.of(1, 2) },
    { sum: 3, each: Float32Array.of(3) },
  ]);
  expect(seen.given.length).toBe(0);
});

test('tells of progress: what comes often is thinned, the rest is not', async () => {
  const { client } = open();
  const told: number[] = [];
  const climb = async (often: boolean): Promise<number[]> => {
    told.length = 0;
    const input = { steps: 5000, often };
    expect(await client.call('climb', input, { onProgress: (n) => told.push(n) })).toBe('there');
    return told;
  };
  expect(await climb(false)).toHaveLength(5000);
  const few = await climb(true);
  expect([few[0], few.at(-1)]).toEqual([1, 5000]);
  expect(few.length).toBeLessThan(4000);
});

test('carries errors with code and next step, and goes on', async () => {
  const { client } = open();
  const ink = await client.call('fail', { known: true }).catch((error: unknown) => error);
  expect(ink).toBeInstanceOf(EngineError);
  expect(ink).toMatchObject({ code: 'post/ink', message: 'The ink is dry.', hint: 'Buy ink.' });
  await expect(client.call('fail', { known: false })).rejects.toMatchObject({
    code: 'engine/unexpected',
    message: 'what?',
  });
  for (const name of ['nobody', 'toString', '__proto__']) {
    await expect(client.call(name as 'wait', null)).rejects.toMatchObject({
      code: 'engine/unknown',
    });
  }
  expect((await client.call('add', [1])).sum).toBe(1);
});

test('an abort reaches the handler, and its reason comes back', async () => {
  const { client, seen } = open();
  const controller = new AbortController();
  const waiting = client.call('wait', null, { signal: controller.signal });
  await client.call('add', []);
  const reason = new Error('enough');
  controller.abort(reason);
  await expect(waiting).rejects.toBe(reason);
  expect(seen.stopped).toBe(1);
  await expect(client.call('add', [], { signal: controller.signal })).rejects.toBe(reason);
});

test('streams run ahead of their reader, end, fail, and stop when they are left', async () => {
  const { client, seen } = open();
  const counted: number[] = [];
  for await (const { n } of client.stream('count', { to: 3 })) counted.push(n);
  expect(counted).toEqual([0, 1, 2]);
  const far = async (): Promise<void> => {
    for await (const { n } of client.stream('count', { to: 5 })) counted.push(n);
  };
  await expect(far()).rejects.toMatchObject({ code: 'post/far' });
  // What came before the failure was read.
  expect(counted).toEqual([0, 1, 2, 0, 1, 2, 3, 4]);

  for await (const n of client.stream('tick', null)) if (n === 1) break;
  while (seen.stopped < 1) await tick();
  const controller = new AbortController();
  for await (const n of client.stream('tick', null, controller.signal)) {
    if (n === 1) controller.abort();
  }
  expect(seen.stopped).toBe(2);
});

test('of a pulled stream, the next event is made when the last was taken', async () => {
  const { client, seen } = open();
  let taken = 0;
  for await (const { bytes } of client.stream('pages', { of: 6 })) {
    expect(bytes).toEqual(new Uint8Array(4).fill(taken));
    // Time enough to make all of them, if anybody did.
    if (taken < 2) await new Promise((resolve) => setTimeout(resolve, 40));
    expect(seen.made).toBe(taken);
    taken++;
  }
  expect(taken).toBe(6);
  expect(seen.stopped).toBe(1);

  // One that waits for its reader hears of an abort, and half of it is not taken for the whole.
  seen.made = 0;
  const controller = new AbortController();
  const half = async (): Promise<void> => {
    for await (const _ of client.stream('pages', { of: 6 }, controller.signal)) controller.abort();
  };
  await expect(half()).rejects.toMatchObject({ name: 'AbortError' });
  seen.made = 0;
  for await (const _ of client.stream('pages', { of: 6 })) break;
  while (seen.stopped < 3) await tick();
});

test('a pulled stream may wait after some events only', async () => {
  const { client, seen } = open();
  const made: number[] = [];
  for await (const n of client.stream('leaves', null)) {
    // The second is held; nobody waits for what comes after it.
    if (n === 1) await new Promise((resolve) => setTimeout(resolve, 40));
    if (n === 2) await vi.waitFor(() => expect(seen.made).toBe(6));
    made.push(seen.made);
  }
  expect(made[1]).toBe(1);
  expect(made.slice(2)).toEqual([6, 6, 6, 6]);
});

test('news come unasked', async () => {
  const { client, heard, tell } = open();
  tell('rain');
  tell('sun');
  await client.call('add', []);
  expect(heard).toEqual(['rain', 'sun']);
});

test('an error that nobody caught ends everything, and so does closing', async () => {
  const { client, port } = open();
  const reading = client.stream('tick', null);
  await reading.next();
  const ends = Promise.allSettled([client.call('wait', null), reading.next(), reading.next()]);
  port.onerror?.({ message: 'out of memory' } as ErrorEvent);
  const broken = { code: 'post/broken', message: 'out of memory' };
  const [call, ...rest] = await ends;
  expect(call).toMatchObject({ status: 'rejected', reason: broken });
  // An event may have been on its way.
  expect(rest.some(({ status }) => status === 'rejected')).toBe(true);
  await expect(client.call('add', [])).rejects.toMatchObject(broken);
  await expect(client.stream('count', { to: 1 }).next()).rejects.toMatchObject(broken);

  const other = open().client;
  const waiting = other.call('wait', null);
  other.close(new EngineError('Gone.', { code: 'post/gone', hint: 'Go.' }));
  await expect(waiting).rejects.toMatchObject({ code: 'post/gone' });
});

// Out again in the browser: the files of a loaded model as a stream, on both engines, at the pace of
// whoever takes it.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Engine, SaveEvent } from '../../src/api.ts';
import { LocalEngine } from '../../src/engine/localEngine.ts';
import { serve } from '../../src/worker/channel.ts';
import { engineHandlers } from '../../src/worker/engineHandlers.ts';
import type { EngineTreaty } from '../../src/worker/protocol.ts';
import { WorkerEngine } from '../../src/worker/workerEngine.ts';

const TALES = new URL('/models/tales-7m', location.href).href;
const GREEDY = {
  do_sample: false,
  temperature: 1,
  top_k: 0,
  top_p: 1,
  min_p: 0,
  repetition_penalty: 1,
};

async function collect(events: AsyncIterable<SaveEvent>): Promise<Map<string, Uint8Array>> {
  const parts = new Map<string, Uint8Array<ArrayBuffer>[]>();
  let told: readonly string[] = [];
  let current: Uint8Array<ArrayBuffer>[] = [];
  const sizes = new Map<string, number>();
  let isDone = false;
  for await (const event of events) {
    if (event.type === 'start') told = event.files.map(({ name }) => name);
    else if (event.type === 'file') {
      current = [];
      parts.set(event.name, current);
      sizes.set(event.name, event.sizeBytes);
    } else if (event.type === 'bytes') current.push(event.bytes);
    else isDone = true;
  }
  expect(isDone).toBe(true);
  expect([...parts.keys()]).toEqual(told);
  const files = new Map<string, Uint8Array>();
  for (const [name, chunks] of parts) {
    const bytes = new Uint8Array(await new Blob(chunks).arrayBuffer());
    expect(bytes.length, name).toBe(sizes.get(name));
    files.set(name, bytes);
  }
  return files;
}

const engines: [string, () => Engine][] = [
  ['LocalEngine', () => new LocalEngine()],
  ['WorkerEngine', () => WorkerEngine.create()],
];

for (const [name, create] of engines) {
  describe(`save by ${name}`, () => {
    let engine: Engine;
    beforeAll(async () => {
      engine = create();
      await engine.load(TALES, { device: 'webgpu', dtype: 'fp16' });
    });
    afterAll(() => engine.dispose());

    it('gives the files that the model came from, which load again as the same model', async () => {
      const ask = () =>
        engine.ask('distribution', { ids: [1, 2, 3, 4, 5], options: GREEDY, top: 50 });
      const before = await ask();
      const files = await collect(engine.save({}));
      const original = await (await fetch(`${TALES}/model.safetensors`)).arrayBuffer();
      const saved = files.get('model.safetensors') ?? new Uint8Array(0);
      // The same tensors in the same order; the header may hold the same facts in other words.
      const data = new Uint8Array(original).subarray(-13_900_000);
      const own = saved.subarray(-13_900_000);
      expect(data.every((byte, i) => byte === own[i])).toBe(true);
      const dropped = [...files].map(
        ([file, bytes]) => new File([bytes as Uint8Array<ArrayBuffer>], file),
      );
      await engine.load('saved', { device: 'webgpu', dtype: 'fp16', files: dropped });
      const after = await ask();
      expect(after.top.map(({ piece, logit }) => [piece.id, logit])).toEqual(
        before.top.map(({ piece, logit }) => [piece.id, logit]),
      );
    });

    it('stops in mid-file when it is told to, and the model goes on', () =>
      expectStops(engine, 'loaded'));
  });
}

/** Aborted, or left, in the middle of a file. */
async function expectStops(engine: Engine, weights: 'loaded' | 'source'): Promise<void> {
  const controller = new AbortController();
  const run = async (): Promise<void> => {
    for await (const event of engine.save({ signal: controller.signal })) {
      if (event.type === 'start') expect(event.weights).toBe(weights);
      if (event.type === 'bytes') controller.abort();
    }
  };
  await expect(run()).rejects.toMatchObject({ name: 'AbortError' });
  // Leaving early ends it too.
  for await (const _ of engine.save({})) break;
  expect((await engine.ask('tokenize', { text: 'The' }))[0].text).toBe('The');
}

describe('save', () => {
  it('stops in the middle of weights that a q8 model was made from, and the model goes on', async () => {
    const engine = WorkerEngine.create();
    // Where it is loaded once more for every save, which on WebGPU means a compiler each time.
    await engine.load(TALES, { device: 'cpu', dtype: 'q8' });
    await expectStops(engine, 'source');
    await engine.dispose();
  });

  it('makes no chunk before the page has taken the one before', async () => {
    let made = 0;
    const inner = {
      onLost: () => () => {},
      async *save(): AsyncGenerator<SaveEvent> {
        for (; made < 50; made++) {
          yield await Promise.resolve({ type: 'bytes', bytes: new Uint8Array(8) } as const);
        }
      },
    } as unknown as Engine;
    const { port1, port2 } = new MessageChannel();
    serve<EngineTreaty>(port2, engineHandlers(inner));
    const engine = new WorkerEngine(() => port1);
    let taken = 0;
    for await (const event of engine.save({})) {
      expect(event).toEqual({ type: 'bytes', bytes: new Uint8Array(8) });
      taken++;
      if (taken < 4) await new Promise((resolve) => setTimeout(resolve, 30));
      expect(made).toBeLessThanOrEqual(taken);
    }
    expect(taken).toBe(50);
    port1.close();
    port2.close();
  });
});

// Steps of one run follow one another on one device: what is the same is taken over, and nothing else.
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { LoadOptions } from '../../../src/api.ts';
import { GPT2 } from '../../../src/engine/gpt2.ts';
import type { FromPretrainedOptions } from '../../../src/engine/load/options.ts';
import { LocalEngine } from '../../../src/engine/localEngine.ts';
import { openDirectory } from '../../../src/kept/nodeFiles.ts';
import { SMALL, keepSteps } from '../../support/runSteps.ts';

const IDS = [...'a run that is looked at'].map((letter) => letter.charCodeAt(0));
const folder = mkdtempSync(join(tmpdir(), 'glass-steps-'));

beforeAll(async () => {
  const disk = await openDirectory(folder);
  await keepSteps(disk, 'fox.seen', SMALL, [0, 5, 10]);
  await keepSteps(disk, 'owl.seen', SMALL, [5]);
});
afterAll(() => rmSync(folder, { recursive: true }));

function how(step: number, more: FromPretrainedOptions = {}): FromPretrainedOptions {
  return {
    run: { id: 'fox.seen', step },
    device: 'cpu',
    processor: { threads: 1 },
    cache_dir: folder,
    ...more,
  };
}

/** Where the files of a step lie. */
const placeOf = (id: string, step: number): string => join(folder, `run~${id}~${step}`);

async function logitsOf(model: GPT2): Promise<Float32Array> {
  return (await model.forward(IDS)).logits.data;
}

describe('another step beside the one that is here', () => {
  test('is read onto its device, and has the bits of a load by itself', async () => {
    const first = await GPT2.from_pretrained('', how(0));
    const second = await first.beside('fox · step 5', how(5));
    expect(second.gpt.device).toBe(first.gpt.device);
    expect(second.tokenizer).toBe(first.tokenizer);
    const alone = await GPT2.from_pretrained('fox · step 5', how(5));
    expect(second.summary).toEqual(alone.summary);
    expect(second.summary.fingerprint).not.toBe(first.summary.fingerprint);
    expect(await logitsOf(second)).toEqual(await logitsOf(alone));
    expect(await logitsOf(second)).not.toEqual(await logitsOf(first));
    // Weights in halves, as floats: every one is what is stored.
    expect(second.summary.dtype).toBe('fp32');
    await alone.dispose();
    await first.dispose();
    await second.dispose();
  });

  test('keeps the device until the last of them is disposed', async () => {
    const first = await GPT2.from_pretrained('', how(0));
    const { device } = first.gpt;
    let disposed = 0;
    const dispose = device.dispose.bind(device);
    device.dispose = () => {
      disposed++;
      dispose();
    };
    const second = await first.beside('', how(5));
    await first.dispose();
    await first.dispose();
    const third = await second.beside('', how(10));
    expect(await logitsOf(third)).toHaveLength(SMALL.vocabSize * IDS.length);
    await third.dispose();
    expect(disposed).toBe(0);
    expect(await logitsOf(second)).toHaveLength(SMALL.vocabSize * IDS.length);
    await second.dispose();
    expect(disposed).toBe(1);
  });

  test('goes on where the one beside it is disposed while it comes', async () => {
    const first = await GPT2.from_pretrained('', how(0));
    const coming = first.beside('', how(5));
    await first.dispose();
    const second = await coming;
    expect(second.gpt.device).toBe(first.gpt.device);
    expect(await logitsOf(second)).toHaveLength(SMALL.vocabSize * IDS.length);
    await second.dispose();
    const third = await first.beside('', how(10));
    expect(third.gpt.device).not.toBe(first.gpt.device);
    await third.dispose();
  });

  test.for([
    ['another run', { run: { id: 'owl.seen', step: 5 } }],
    ['another precision', { dtype: 'fp16' }],
    ['other kernels', { processor: { threads: 1, wasm: 'none' } }],
    ['another reading', { activation_function: 'gelu_new' }],
  ] satisfies [string, FromPretrainedOptions][])(
    'has a device of its own with %s',
    async ([, more]) => {
      const first = await GPT2.from_pretrained('', how(0));
      const second = await first.beside('', how(5, more));
      expect(second.gpt.device).not.toBe(first.gpt.device);
      await first.dispose();
      expect(await logitsOf(second)).toHaveLength(SMALL.vocabSize * IDS.length);
      await second.dispose();
    },
  );

  test('has a device of its own where its config.json says something else', async () => {
    const disk = await openDirectory(folder);
    await keepSteps(disk, 'elk.seen', SMALL, [0]);
    await keepSteps(disk, 'elk.seen', { ...SMALL, nLayer: 1 }, [5]);
    const run = (step: number): FromPretrainedOptions => ({ run: { id: 'elk.seen', step } });
    const first = await GPT2.from_pretrained('', how(0, run(0)));
    const second = await first.beside('', how(0, run(5)));
    expect(second.gpt.device).not.toBe(first.gpt.device);
    expect(second.config.nLayer).toBe(1);
    await second.dispose();
    // The device of the first was held meanwhile, and still is its own.
    expect(await logitsOf(first)).toHaveLength(SMALL.vocabSize * IDS.length);
    await first.dispose();
  });
});

describe('an engine that moves through a run', () => {
  const load = (engine: LocalEngine, step: number, id = 'fox.seen') => {
    const options = { ...how(step), run: { id, step } } as LoadOptions;
    return engine.load('', options);
  };
  const lookAt = async (engine: LocalEngine) =>
    (await engine.ask('score', { ids: IDS, off: [] })).logprobs;

  test('ends with the step that was asked for last, whatever was under way', async () => {
    const engine = new LocalEngine();
    const { turn } = await load(engine, 0);
    const moves = [5, 10, 0, 5, 10].map((step) => load(engine, step));
    const ends = await Promise.allSettled(moves);
    expect(ends.at(-1)?.status).toBe('fulfilled');
    for (const end of ends) {
      if (end.status === 'rejected')
        expect(end.reason).toMatchObject({ code: 'engine/superseded' });
    }
    const { turn: last, name } = await moves[4];
    expect([last, name]).toEqual([turn + 5, 'checkpoint-10']);
    const alone = new LocalEngine();
    await load(alone, 10);
    expect(await lookAt(engine)).toEqual(await lookAt(alone));
    await engine.dispose();
    await alone.dispose();
  });

  test('stays where it is when a step is damaged or gone, and says so', async () => {
    const disk = await openDirectory(folder);
    await keepSteps(disk, 'hen.seen', SMALL, [0, 5, 10, 15]);
    writeFileSync(join(placeOf('hen.seen', 5), 'model.safetensors'), Buffer.alloc(7));
    const weights = join(placeOf('hen.seen', 10), 'model.safetensors');
    const bytes = readFileSync(weights);
    writeFileSync(weights, bytes.fill(0xff, bytes.length / 2));
    truncateSync(join(placeOf('hen.seen', 15), 'config.json'), 40);
    const engine = new LocalEngine();
    const { turn } = await load(engine, 0, 'hen.seen');
    const before = await lookAt(engine);
    await expect(load(engine, 5, 'hen.seen')).rejects.toMatchObject({ code: 'storage/key' });
    await expect(load(engine, 10, 'hen.seen')).rejects.toMatchObject({
      code: 'checkpoint/not-finite',
    });
    await expect(load(engine, 15, 'hen.seen')).rejects.toMatchObject({ code: 'storage/key' });
    await expect(load(engine, 77, 'hen.seen')).rejects.toMatchObject({ code: 'storage/key' });
    expect(await engine.ask('score', { ids: IDS, off: [] }, undefined, turn)).toMatchObject({
      logprobs: before,
    });
    await engine.dispose();
  });

  test('leaves nothing of the steps that it has left', async () => {
    const engine = new LocalEngine();
    await load(engine, 0);
    const grow = vi.spyOn(WebAssembly.Memory.prototype, 'grow');
    onTestFinished(() => grow.mockRestore());
    for (let i = 0; i < 40; i++) {
      if (i === 2) grow.mockClear();
      await load(engine, [5, 10, 0][i % 3]);
      await lookAt(engine);
    }
    expect(grow).not.toHaveBeenCalled();
    await engine.dispose();
  });
});

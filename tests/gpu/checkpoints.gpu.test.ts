// Checkpoints in the browser's own file system, written in a worker and in the page: whole or not at all, also where
// there is no room for them, or where their worker ends in the middle.
import { afterEach, describe, expect, it } from 'vitest';
import { commands } from 'vitest/browser';
import { GPT2 } from '../../src/engine/gpt2.ts';
import { createProcessor } from '../../src/engine/load/processor.ts';
import { forward } from '../../src/engine/reading/forward.ts';
import { checkpointFiles } from '../../src/engine/training/checkpoints.ts';
import { restore } from '../../src/engine/training/restore.ts';
import { deleteAllStored, storedModels } from '../../src/hub/hubs.ts';
import { openOpfs } from '../../src/kept/opfs.ts';
import { type KeptAnswer, type KeptOrder, keepOne, openRun } from '../support/keptRun.ts';
import { ODD, createLearner, describedAs, stateOf } from '../support/learner.ts';

const MB = 1 << 20;

let thread: Worker | null = null;
async function inWorker(order: KeptOrder): Promise<KeptAnswer | 'hangs'> {
  thread ??= new Worker(new URL('../support/keptRunWorker.ts', import.meta.url), {
    type: 'module',
  });
  const answer = new Promise<KeptAnswer | 'hangs'>((resolve, reject) => {
    thread?.addEventListener('message', ({ data }) => resolve(data as KeptAnswer), { once: true });
    thread?.addEventListener('error', ({ message }) => reject(new Error(message)), { once: true });
  });
  thread.postMessage(order);
  return answer;
}
function end(): void {
  thread?.terminate();
  thread = null;
}

/** Folders of the run, whole or not. */
async function folders(): Promise<string[]> {
  const disk = await openOpfs();
  return (await disk?.folders())?.filter((name) => name.startsWith('run~tales~')) ?? [];
}

afterEach(async () => {
  end();
  await commands.limitStorage(null);
  const disk = await openOpfs();
  for (const folder of await folders()) await disk?.remove(folder);
});

describe.for([
  ['a worker', inWorker],
  ['the page', (order: KeptOrder) => keepOne(order)],
] as const)('checkpoints that %s writes', ([, write]) => {
  it('are whole, or leave nothing where the browser gives no more room', async () => {
    expect(await write({ step: 1, bytes: 3 * MB })).toEqual({ code: null, steps: [1] });
    const { usage = 0 } = await navigator.storage.estimate();
    await commands.limitStorage(usage + 4 * MB);
    const full = { code: 'training/storage-full', steps: [1] };
    expect(await write({ step: 2, bytes: 16 * MB })).toEqual(full);
    expect(await folders()).toEqual(['run~tales~1']);
    await commands.limitStorage(null);
    expect(await write({ step: 2, bytes: 16 * MB })).toEqual({ code: null, steps: [1, 2] });
    const [first] = await (await openRun()).list();
    const file = await first.open('model.safetensors');
    expect(file?.size).toBe(3 * MB);
    expect(await file?.read(3 * MB - 4, 4)).toEqual(new Uint8Array(4).fill(1));
  });
});

describe('a checkpoint', () => {
  it('whose worker ends in the middle is none, and is cleared away with the next', async () => {
    expect(await inWorker({ step: 1, bytes: MB })).toEqual({ code: null, steps: [1] });
    expect(await inWorker({ step: 2, bytes: 4 * MB, hangs: true })).toBe('hangs');
    end();
    expect((await (await openRun()).list()).map(({ step }) => step)).toEqual([1]);
    expect(await folders()).toHaveLength(2);
    expect(await inWorker({ step: 3, bytes: MB })).toEqual({ code: null, steps: [1, 3] });
    expect((await folders()).toSorted()).toEqual(['run~tales~1', 'run~tales~3']);
  });

  it('gives every bit back, and loads as a model by its run', async () => {
    const device = await createProcessor({ threads: 1 });
    const learner = await createLearner(device, ODD, 1);
    const state = stateOf(ODD, 3, null);
    const files = await checkpointFiles(learner, describedAs(ODD), { tokenizerFiles: null }, state);
    const written = await (await openRun()).write(3, files);
    // It is no model that could be fetched again.
    expect((await storedModels()).map(({ id }) => id)).not.toContain('tales');
    await deleteAllStored();
    const again = await createLearner(device, ODD);
    expect(await restore(again, written)).toEqual(state);
    expect(await again.bits()).toEqual(await learner.bits());
    const ids = [5, 17, 3, 22, 0];
    const model = await GPT2.from_pretrained('', {
      run: { id: 'tales', step: 3 },
      device: 'cpu',
      dtype: 'fp32',
      processor: { threads: 1 },
    });
    expect(model.summary.origin).toMatchObject({ kind: 'run', keptIn: 'opfs' });
    const { logits } = await forward(learner.model, ids, {});
    expect((await model.forward(ids)).logits.data).toEqual(logits.data);
    await model.dispose();
    device.dispose();
  });
});

// Whole runs on WebGPU: the same bits again, also where a run was broken off; and a device that is lost in one.
import { afterEach, describe, expect, it } from 'vitest';
import type { TrainOptions } from '../../src/engine/training/begin.ts';
import type { CheckpointStore } from '../../src/engine/training/checkpointStore.ts';
import type { TrainEvent } from '../../src/engine/training/events.ts';
import { openKeptCheckpoints } from '../../src/engine/training/keptCheckpoints.ts';
import { TokenIds } from '../../src/engine/training/tokenIds.ts';
import { train } from '../../src/engine/training/train.ts';
import { requestWebGpuDevice } from '../../src/gpu/webgpu/request.ts';
import { openOpfs } from '../../src/kept/opfs.ts';
import { PRESETS } from '../../src/model/config.ts';
import { parameterTable, tensorsOf } from '../../src/model/parameters.ts';
import type { Gpt } from '../../src/model/gpt.ts';
import { noise } from '../support/random.ts';
import { gpuDevice } from './fixture.ts';

const RUN = 'train-gpu-test';

async function store(): Promise<CheckpointStore> {
  const disk = await openOpfs();
  if (!disk) throw new Error('This browser has no private file system.');
  return openKeptCheckpoints(disk, RUN);
}

afterEach(async () => {
  const checkpoints = await store();
  for (const { step } of await checkpoints.list()) await checkpoints.remove(step);
});

function options(device: GPUDevice, more: Partial<TrainOptions> = {}): TrainOptions {
  const sizes = { vocabSize: 21, nCtx: 12, nLayer: 2, nHead: 2, nEmbd: 20, nInner: 80 };
  const ids = TokenIds.from(
    noise(400, 1).map((x) => Math.floor(Math.abs(x) * 9) % 21),
    21,
  );
  return {
    model: { config: { ...PRESETS.gpt2, ...sizes } },
    train: ids,
    tokenizer: null,
    device,
    per_device_train_batch_size: 2,
    gradient_accumulation_steps: 2,
    embd_pdrop: 0.1,
    attn_pdrop: 0.1,
    resid_pdrop: 0.1,
    warmup_steps: 0,
    max_steps: 4,
    save_steps: 2,
    sample_steps: 0,
    ...more,
  };
}

/** Losses, and the SHA-256 of all weights at the end. */
async function runOf(given: TrainOptions, onEvent: (event: TrainEvent) => void = () => {}) {
  const losses: number[] = [];
  let sha256 = '';
  for await (const event of train(given)) {
    onEvent(event);
    if (event.type === 'step') losses.push(event.loss);
    if (event.type !== 'done') continue;
    sha256 = await sha256Of(event.model.gpt);
    await event.model.dispose();
  }
  return { losses, sha256 };
}

async function sha256Of({ device, config, parameters }: Gpt): Promise<string> {
  const parts: Float32Array<ArrayBuffer>[] = [];
  for (const spec of parameterTable(config)) {
    for (const tensor of tensorsOf(spec, parameters)) {
      const enc = device.createEncoder();
      const reading = enc.read(
        tensor,
        0,
        tensor.shape.reduce((a, b) => a * b),
      );
      enc.submit();
      parts.push(new Float32Array(await reading));
    }
  }
  const digest = await crypto.subtle.digest('SHA-256', await new Blob(parts).arrayBuffer());
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

describe('a run on WebGPU', () => {
  it('gives the same bits again, and so does one that was broken off and gone on with', async () => {
    const { gpu } = await gpuDevice();
    const whole = await runOf(options(gpu));
    expect(whole.losses).toHaveLength(4);
    expect(await runOf(options(gpu))).toEqual(whole);
    const checkpoints = await store();
    const stop = new AbortController();
    const broken = await runOf(options(gpu, { checkpoints, signal: stop.signal }), (event) => {
      if (event.type === 'step' && event.step === 2) stop.abort();
    });
    expect(broken.losses).toEqual(whole.losses.slice(0, 2));
    const rest = await runOf(options(gpu, { checkpoints, resume_from_checkpoint: true }));
    expect(rest).toEqual({ losses: whole.losses.slice(2), sha256: whole.sha256 });
  });

  it('says which checkpoint it stands at where the device is lost', async () => {
    const device = await requestWebGpuDevice();
    const checkpoints = await store();
    const run = runOf(options(device.gpu, { checkpoints, max_steps: 50 }), (event) => {
      if (event.type === 'step' && event.step === 3) device.gpu.destroy();
    });
    await expect(run).rejects.toMatchObject({
      code: 'device/lost',
      message: expect.stringContaining('The run stands at checkpoint-2.') as string,
      hint: expect.stringContaining('resume_from_checkpoint') as string,
    });
    expect((await checkpoints.list()).map(({ step }) => step)).toEqual([2]);
  });
});

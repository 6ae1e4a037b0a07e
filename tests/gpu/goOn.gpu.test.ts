// Going on with a model whose files are handed to the trainer's real worker: on WebGPU as on the processor.
import { expect, it, onTestFinished } from 'vitest';
import type { DeviceRequest, LoadedBase, RunBase, RunSettings } from '../../src/api.ts';
import { LocalEngine } from '../../src/engine/localEngine.ts';
import { WorkerTrainer } from '../../src/worker/workerTrainer.ts';

/** No head is measured in so short a context: that is tested elsewhere, and takes its time here. */
const SETTINGS: RunSettings = {
  text: { kind: 'task', name: 'repeat' },
  tokenizer: { kind: 'characters' },
  model: { kind: 'gpt2', n_layer: 1, n_head: 2, n_embd: 24, n_ctx: 7 },
  validation: 0.1,
  generator: 'philox',
  order: 'random',
  prompt: '',
  arguments: {
    max_steps: 2,
    per_device_train_batch_size: 2,
    save_steps: 2,
    eval_steps: 2,
    max_eval_samples: 2,
    sample_steps: 0,
    warmup_steps: 0,
    learning_rate: 0.003,
  },
};

/** Losses of the steps, and of unseen text before them; the run is deleted. */
async function losses(
  trainer: WorkerTrainer,
  settings: RunSettings,
  loaded: LoadedBase,
  device: DeviceRequest,
): Promise<number[]> {
  const found: number[] = [];
  let id = '';
  for await (const event of trainer.train({ run: { settings }, loaded, device })) {
    if (event.type === 'begun') ({ id } = event.run);
    if (event.type === 'evaluation' && event.step === 0) found.push(event.loss);
    if (event.type === 'points') found.push(...event.points.map(({ loss }) => loss));
  }
  await trainer.ask('removeRun', { id });
  return found;
}

it('dropped files are gone on with on either device', async () => {
  const trainer = WorkerTrainer.create({ base: location.href });
  onTestFinished(() => trainer.dispose());
  let id = '';
  for await (const event of trainer.train({ run: { settings: SETTINGS }, device: 'cpu' })) {
    if (event.type === 'begun') ({ id } = event.run);
  }
  const parts = new Map<string, Uint8Array<ArrayBuffer>[]>();
  let name = '';
  for await (const event of trainer.exportRun({ id, what: 'model' })) {
    if (event.type === 'file') ({ name } = event);
    if (event.type === 'bytes') parts.set(name, [...(parts.get(name) ?? []), event.bytes]);
  }
  await trainer.ask('removeRun', { id });
  const files = [...parts].map(([file, bytes]) => new File(bytes, file));
  const engine = new LocalEngine();
  const { fingerprint } = await engine.load('mine', { files, device: 'cpu' });
  await engine.dispose();

  const loaded: LoadedBase = { fingerprint, source: { source: 'mine', files } };
  const base: RunBase = { name: 'mine', fingerprint, source: null };
  const settings: RunSettings = { ...SETTINGS, tokenizer: { kind: 'model' }, base };
  const cpu = await losses(trainer, settings, loaded, 'cpu');
  const gpu = await losses(trainer, settings, loaded, 'webgpu');
  expect(cpu).toHaveLength(3);
  expect(gpu).toHaveLength(3);
  gpu.forEach((loss, i) => expect(Math.abs(loss - cpu[i])).toBeLessThan(1e-5));
});

// Going on from a loaded model: all of it, or a LoRA beside it.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { GPT2 } from '../../../../src/engine/gpt2.ts';
import type { TrainOptions } from '../../../../src/engine/training/begin.ts';
import { openCheckpointFolder } from '../../../../src/engine/training/checkpointFolder.ts';
import type { TrainEvent } from '../../../../src/engine/training/events.ts';
import { TokenIds } from '../../../../src/engine/training/tokenIds.ts';
import { train } from '../../../../src/engine/training/train.ts';
import { PRESETS } from '../../../../src/model/config.ts';

const PROCESSOR = { device: 'cpu', processor: { wasm: 'exact', threads: 1 } } as const;
const VOCABULARY = 19;
const IDS = [3, 1, 4, 1, 5, 9, 2, 6];
/** What the base learned, and what is to be learned beside it. */
const FIRST = TokenIds.from(
  Array.from({ length: 300 }, (_, i) => i % 7),
  VOCABULARY,
);
const SECOND = TokenIds.from(
  Array.from({ length: 300 }, (_, i) => 18 - (i % 9)),
  VOCABULARY,
);

const HOW: Omit<TrainOptions, 'model'> = {
  train: FIRST,
  tokenizer: null,
  per_device_train_batch_size: 4,
  learning_rate: 1e-2,
  warmup_steps: 0,
  max_steps: 80,
  logging_steps: 20,
  eval_steps: 0,
  save_steps: 0,
  sample_steps: 0,
};

let folder = '';
let base: GPT2;

async function eventsOf(options: TrainOptions): Promise<TrainEvent[]> {
  const events: TrainEvent[] = [];
  for await (const event of train(options)) events.push(event);
  return events;
}

function doneOf(events: readonly TrainEvent[]) {
  const done = events.at(-1);
  if (done?.type !== 'done') throw new Error('The run did not end.');
  onTestFinished(() => done.model.dispose());
  return done;
}

function lossesOf(events: readonly TrainEvent[]): number[] {
  return events.flatMap((event) => (event.type === 'step' ? [event.loss] : []));
}

async function logitsOf(model: GPT2): Promise<Float32Array> {
  return (await model.forward(IDS)).logits.data;
}

function difference(a: Float32Array, b: Float32Array): number {
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'glass-gpt-tune-'));
  const sizes = { vocabSize: VOCABULARY, nCtx: 16, nLayer: 2, nHead: 2, nEmbd: 20, nInner: 80 };
  const config = { ...PRESETS.gpt2, ...sizes };
  const events = await eventsOf({ ...HOW, ...PROCESSOR, model: { config } });
  const done = events.at(-1);
  if (done?.type !== 'done') throw new Error('The base was not trained.');
  await done.model.save_pretrained(join(folder, 'base'));
  await done.model.dispose();
  base = await GPT2.from_pretrained(join(folder, 'base'), PROCESSOR);
});

afterAll(async () => {
  await base.dispose();
  rmSync(folder, { recursive: true, force: true });
});

describe('a run that goes on from a loaded model', () => {
  test('begins as that model, leaves it as it is, and learns something else', async () => {
    const before = await logitsOf(base);
    const first = await eventsOf({
      ...HOW,
      model: base,
      train: FIRST,
      max_steps: 1,
      logging_steps: 1,
    });
    await doneOf(first).model.dispose();
    // What the base had learned before.
    expect(lossesOf(first)[0]).toBeLessThan(0.5);
    const events = await eventsOf({ ...HOW, model: base, train: SECOND });
    const { model, adapter } = doneOf(events);
    expect(adapter).toBeNull();
    const losses = lossesOf(events);
    expect(losses[0]).toBeGreaterThan(1);
    expect(losses.at(-1)).toBeLessThan(0.5 * losses[0]);
    expect(difference(await logitsOf(base), before)).toBe(0);
    expect(difference(await logitsOf(model), before)).toBeGreaterThan(0.1);
  });

  test('trains a LoRA: its adapter beside the base gives what the merged model gives', async () => {
    const before = await logitsOf(base);
    const lora = { r: 3, lora_alpha: 6, target_modules: ['c_attn', 'c_proj', 'c_fc'] };
    const events = await eventsOf({ ...HOW, model: base, train: SECOND, lora });
    const start = events.find((event) => event.type === 'start');
    // Two blocks: c_attn 20 → 60, c_proj 20 → 20 and 80 → 20, c_fc 20 → 80.
    expect(start?.trainable).toBe(2 * 3 * (80 + 40 + 100 + 100));
    const { model, adapter } = doneOf(events);
    const losses = lossesOf(events);
    expect(losses.at(-1)).toBeLessThan(0.8 * losses[0]);
    expect(difference(await logitsOf(base), before)).toBe(0);
    for (const { name, chunks } of adapter ?? []) {
      const parts: Uint8Array[] = [];
      for await (const chunk of chunks()) parts.push(chunk);
      writeFileSync(join(folder, 'base', name), Buffer.concat(parts));
      onTestFinished(() => rmSync(join(folder, 'base', name)));
    }
    const again = await GPT2.from_pretrained(join(folder, 'base'), PROCESSOR);
    onTestFinished(() => again.dispose());
    expect(again.summary.adapter).toBeDefined();
    const merged = await logitsOf(model);
    expect(difference(merged, before)).toBeGreaterThan(0.1);
    expect(difference(await logitsOf(again), merged)).toBeLessThan(1e-5);
  });

  test.each([
    ['all of it', undefined],
    ['a LoRA', { r: 2 }],
  ])('goes on with %s from a checkpoint, bit for bit', async (_name, lora) => {
    const how = { ...HOW, model: base, train: SECOND, lora, resid_pdrop: 0.1, logging_steps: 1 };
    const whole = await eventsOf({ ...how, max_steps: 6 });
    const checkpoints = openCheckpointFolder(mkdtempSync(join(folder, 'run-')));
    const run = { ...how, max_steps: 6, save_steps: 3, checkpoints, keep: { save_total_limit: 5 } };
    const stop = new AbortController();
    const first: TrainEvent[] = [];
    for await (const event of train({ ...run, signal: stop.signal })) {
      first.push(event);
      if (event.type === 'step' && event.step === 3) stop.abort();
    }
    const rest = await eventsOf({ ...run, resume_from_checkpoint: true });
    expect([...lossesOf(first), ...lossesOf(rest)]).toEqual(lossesOf(whole));
    await doneOf(first).model.dispose();
    const [wanted, found] = [doneOf(whole).model, doneOf(rest).model];
    expect(await logitsOf(found)).toEqual(await logitsOf(wanted));
  });

  test('refuses an adapter of nothing, and another device than the model’s', async () => {
    const { config } = base;
    const refused = async (options: TrainOptions): Promise<unknown> =>
      eventsOf(options).catch((error: unknown) => error);
    expect(
      await refused({ ...HOW, ...PROCESSOR, model: { config }, lora: { r: 2 } }),
    ).toMatchObject({
      code: 'training/options',
      message: 'A LoRA is trained beside a loaded model; this one begins with the run.',
    });
    expect(await refused({ ...HOW, model: base, device: 'cpu' })).toMatchObject({
      code: 'training/options',
      message: 'A loaded model is trained on its own device; another one was named.',
    });
    expect(await refused({ ...HOW, model: base, lora: { target_modules: ['wq'] } })).toMatchObject({
      code: 'training/lora',
    });
  });
});

// Trainers in Node, each with a place of its own to keep runs in, and a run of 12 short steps.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import type { RunEvent, RunRequest, RunSettings } from '../../../../src/api.ts';
import { LocalTrainer } from '../../../../src/engine/runs/localTrainer.ts';
import { RunStore } from '../../../../src/engine/runs/runStore.ts';
import type { Disk } from '../../../../src/kept/disk.ts';
import { openDirectory } from '../../../../src/kept/nodeFiles.ts';

export const PROCESSOR = { wasm: 'exact', threads: 1 } as const;
const BASE = 'http://localhost/';

let made = '';
beforeAll(async () => {
  made = await mkdtemp(join(tmpdir(), 'glass-gpt-runs-'));
});
afterAll(() => rm(made, { recursive: true, force: true }));

/** Where all of them keep their runs. */
export const folder = (): string => made;

let stores = 0;
/** A trainer of its own; with the same `place` another one finds what it kept. `over` is what stands over its disks. */
export function trainerAt(
  place = `store-${stores++}`,
  over: (disk: Disk) => Disk = (disk) => disk,
) {
  const openStore = async (): Promise<RunStore> =>
    new RunStore(
      over(await openDirectory(join(made, place, 'runs'))),
      over(await openDirectory(join(made, place, 'models'))),
    );
  const cache_dir = join(made, place, 'models');
  const trainer = new LocalTrainer({ base: BASE, openStore, processor: PROCESSOR, cache_dir });
  return { trainer, place, openStore };
}

export function settings(more: Partial<RunSettings> = {}): RunSettings {
  return {
    text: { kind: 'task', name: 'repeat' },
    tokenizer: { kind: 'characters' },
    model: { kind: 'gpt2', n_layer: 1, n_head: 2, n_embd: 16, n_ctx: 24 },
    validation: 0.1,
    generator: 'philox',
    order: 'random',
    prompt: 'abc|',
    ...more,
    arguments: {
      max_steps: 12,
      per_device_train_batch_size: 2,
      save_steps: 4,
      eval_steps: 6,
      max_eval_samples: 4,
      sample_steps: 6,
      warmup_steps: 0,
      learning_rate: 0.01,
      embd_pdrop: 0.1,
      ...more.arguments,
    },
  };
}

/** Reads a run to its end. */
export async function readAll(
  trainer: LocalTrainer,
  request: RunRequest,
  onEvent: (event: RunEvent) => unknown = () => {},
): Promise<RunEvent[]> {
  const events: RunEvent[] = [];
  for await (const event of trainer.train({ device: 'cpu', ...request })) {
    events.push(event);
    await onEvent(event);
  }
  return events;
}

export function lossesOf(events: readonly RunEvent[]): number[] {
  return events.flatMap((event) =>
    event.type === 'points' ? event.points.map(({ loss }) => loss) : [],
  );
}

export function idOf(events: readonly RunEvent[]): string {
  for (const event of events) if (event.type === 'begun') return event.run.id;
  throw new Error('It never began.');
}

// A run in its real worker, kept in the browser: held, looked at, ended with its worker, and gone on with by another.
import { expect, it, onTestFinished } from 'vitest';
import type { RunEvent, RunSettings } from '../../src/api.ts';
import { LocalEngine } from '../../src/engine/localEngine.ts';
import { WorkerTrainer } from '../../src/worker/workerTrainer.ts';

const SETTINGS: RunSettings = {
  text: { kind: 'task', name: 'repeat' },
  tokenizer: { kind: 'characters' },
  model: { kind: 'gpt2', n_layer: 2, n_head: 2, n_embd: 16, n_ctx: 24 },
  validation: 0.1,
  generator: 'philox',
  order: 'random',
  prompt: 'abc|',
  arguments: {
    max_steps: 12,
    per_device_train_batch_size: 2,
    save_steps: 4,
    eval_steps: 0,
    sample_steps: 6,
    warmup_steps: 0,
    embd_pdrop: 0.1,
  },
};

function create(): WorkerTrainer {
  const trainer = WorkerTrainer.create({ base: location.href });
  onTestFinished(() => trainer.dispose());
  return trainer;
}

function losses(events: readonly RunEvent[]): number[] {
  return events.flatMap((event) =>
    event.type === 'points' ? event.points.map(({ loss }) => loss) : [],
  );
}

it('a run outlives its worker, goes on to the bit, and any of its steps is a model', async () => {
  const whole: RunEvent[] = [];
  const first = create();
  let id = '';
  for await (const event of first.train({ run: { settings: SETTINGS }, device: 'cpu' })) {
    whole.push(event);
    if (event.type === 'begun') ({ id } = event.run);
  }
  await first.ask('removeRun', { id });

  const broken: RunEvent[] = [];
  for await (const event of first.train({ run: { settings: SETTINGS }, device: 'cpu' })) {
    broken.push(event);
    if (event.type === 'begun') ({ id } = event.run);
    if (event.type === 'checkpoint') await first.ask('control', { what: 'pause' });
    if (event.type !== 'paused') continue;
    expect((await first.ask('keepNow', {})).step).toBe(event.step);
    // As a tab that is closed.
    first.dispose();
    break;
  }

  const second = create();
  const before = await second.ask('run', { id });
  expect(before.state).toBe('interrupted');
  const rest: RunEvent[] = [];
  for await (const event of second.train({ run: { id }, device: 'cpu' })) rest.push(event);
  const from = rest.find((event) => event.type === 'begun')?.run.step ?? NaN;
  expect(from).toBeGreaterThanOrEqual(4);
  expect(losses(rest)).toEqual(losses(whole).slice(from));
  expect([...losses(broken).slice(0, from), ...losses(rest)]).toEqual(losses(whole));

  const record = await second.ask('run', { id });
  expect(record).toMatchObject({ state: 'done', step: 12 });
  const engine = new LocalEngine();
  try {
    for (const step of [0, 10]) {
      const model = await engine.load('', { run: { id: record.snapshotsId, step }, device: 'cpu' });
      expect(model).toMatchObject({ nLayer: 2, nCtx: 24 });
      const pieces = await engine.ask('tokenize', { text: 'ab|' });
      const ids = pieces.map((piece) => piece.id);
      const { logprobs } = await engine.ask('score', { ids, off: [] });
      expect(logprobs[2]).toBeLessThan(0);
    }
  } finally {
    await engine.dispose();
  }
  expect((await second.ask('removeRun', { id })).freedBytes).toBe(record.sizeBytes);
  expect(await second.ask('runs', {})).toEqual([]);
});

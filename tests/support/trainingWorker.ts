// A worker in which a model trains, as in the page, and a timer that says how long nothing else was heard.
import { openDevice } from '../../src/engine/load/openDevice.ts';
import type { TrainingBenchOptions } from './benchTraining.ts';
import { LEARNING_RATE, TRAINING_SHAPES, createTrainer, trainingBatch } from './trainingRig.ts';

const EVERY_MS = 10;

addEventListener('message', ({ data }: MessageEvent<TrainingBenchOptions>) => {
  longestPause(data).then(
    (ms) => postMessage(ms),
    (error: unknown) => postMessage(String(error)),
  );
});

async function longestPause(options: TrainingBenchOptions): Promise<number> {
  const shape = TRAINING_SHAPES[options.shape];
  const device = await openDevice(options.device, options);
  const trainer = await createTrainer(device, shape, options.dropout);
  const step = (i: number): Promise<unknown> =>
    trainer.step([trainingBatch(shape, i)], LEARNING_RATE);
  await step(0);
  let longest = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - last - EVERY_MS);
    last = now;
  }, EVERY_MS);
  for (let i = 1; i <= options.steps; i++) await step(i);
  clearInterval(timer);
  return longest;
}

// What the workers' file fetches as the trainer.
import { LocalTrainer } from '../engine/runs/localTrainer.ts';
import { type HostPort, serve } from './channel.ts';
import { trainerHandlers } from './trainerHandlers.ts';
import type { TrainerTreaty } from './trainerProtocol.ts';

/** Answers on `port` as the trainer. */
export function start(port: HostPort): void {
  serve<TrainerTreaty>(
    port,
    trainerHandlers((page) => new LocalTrainer(page)),
  );
}

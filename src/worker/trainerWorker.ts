// The trainer's worker.
import { LocalTrainer } from '../engine/runs/localTrainer.ts';
import { type HostPort, serve } from './channel.ts';
import { trainerHandlers } from './trainerHandlers.ts';
import type { TrainerTreaty } from './trainerProtocol.ts';

serve<TrainerTreaty>(
  globalThis as unknown as HostPort,
  trainerHandlers((base) => new LocalTrainer({ base })),
);

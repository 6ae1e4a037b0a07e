// The workers' one file. As the trainer it fetches what trains on top of the engine, which a browser so has once: a worker
// that had a file of its own would be bundled by itself, with an engine of its own.
import { LocalEngine } from '../engine/localEngine.ts';
import { type HostPort, serve } from './channel.ts';
import { engineHandlers } from './engineHandlers.ts';
import type { EngineTreaty } from './protocol.ts';
import { TRAINER_NAME } from './trainerProtocol.ts';

const port = globalThis as unknown as HostPort & { readonly name: string };
if (port.name === TRAINER_NAME) void serveTrainer();
else serve<EngineTreaty>(port, engineHandlers(new LocalEngine()));

async function serveTrainer(): Promise<void> {
  /** What is asked before the rest is here. */
  const early: MessageEvent[] = [];
  port.onmessage = (event) => early.push(event);
  try {
    const trainer = await import('./trainerWorker.ts');
    trainer.start(port);
  } catch {
    // As of a worker that breaks, so that the page hears of it. A rejection would stay here.
    const why = 'the page may be offline, or a newer one was published; reload it';
    reportError(new Error(`What trains could not be fetched: ${why}`));
    return;
  }
  for (const event of early) port.onmessage(event);
}

// What the trainer's worker does for each name of its treaty: it asks a `Trainer`.
import type { Trainer } from '../api.ts';
import type { Handlers } from './channel.ts';
import type { TrainerPage, TrainerTreaty } from './trainerProtocol.ts';

/** `create` makes the trainer, once the page has said where it is, and where it computes. */
export function trainerHandlers(create: (page: TrainerPage) => Trainer): Handlers<TrainerTreaty> {
  let made: Trainer | null = null;
  const trainer = (): Trainer => {
    if (made === null) throw new Error('The page has not said where it is.');
    return made;
  };
  return {
    calls: {
      begin: async (page) => {
        made ??= create(page);
        if (page.alive !== undefined) await hold(page.alive);
        return null;
      },
      ask: ({ question, input }, { signal }) => trainer().ask(question, input, signal),
    },
    streams: {
      train: (request, signal) => trainer().train(request, signal),
      exportRun: { pulled: (request, signal) => trainer().exportRun(request, signal) },
      checkReceipt: (request, signal) => trainer().checkReceipt(request, signal),
      draw: (request, signal) => trainer().draw(request, signal),
    },
    news: () => {},
  };
}

/** Takes a lock for good. */
function hold(name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const held = (): Promise<never> => {
      resolve();
      return new Promise(() => {});
    };
    navigator.locks.request(name, held).catch(reject);
  });
}

// The engine as the slices have it: every question says which model it means, by the turn of the one that the
// page shows. What another model would answer is refused by the engine, and no news here.
import type { Engine } from '../api.ts';
import type { AppState } from './store.ts';

export function meanWhatIsHere(engine: Engine, get: () => AppState): Engine {
  const turn = (): number | undefined => get().model.here?.summary.turn;
  return {
    load: async (source, options) => engine.load(source, options),
    ask: async (question, input, signal) => engine.ask(question, input, signal, turn()),
    generate: (request) => engine.generate({ ...request, turn: turn() }),
    sweep: (request) => engine.sweep({ ...request, turn: turn() }),
    save: (request) => engine.save({ ...request, turn: turn() }),
    onLost: (listener) =>
      engine.onLost((reason, lost) => {
        // A model that went before says nothing of this one.
        if (lost === turn()) listener(reason, lost);
      }),
    dispose: async () => engine.dispose(),
  };
}

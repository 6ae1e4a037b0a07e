// What the engine's worker does for each name of its treaty: it asks an `Engine`.
import type { Engine } from '../api.ts';
import type { Handlers } from './channel.ts';
import type { EngineTreaty } from './protocol.ts';

export function engineHandlers(engine: Engine): Handlers<EngineTreaty> {
  return {
    calls: {
      load: ({ source, options }, { signal, progress }) =>
        engine.load(source, {
          ...options,
          signal,
          progress_callback: (info) =>
            progress(
              info,
              info.status === 'progress' && info.progress !== 100 && info.note === undefined,
            ),
        }),
      ask: ({ question, input, turn }, { signal }) => engine.ask(question, input, signal, turn),
      dispose: () => engine.dispose(),
    },
    streams: {
      generate: {
        pulled: (request, signal) => engine.generate({ ...request, signal }),
        // The first token is drawn before the next is computed: a model on all cores leaves none to draw with.
        waits: (event) => event.type === 'token' && event.tokensPerSecond === null,
      },
      sweep: (request, signal) => engine.sweep({ ...request, signal }),
      save: { pulled: (request, signal) => engine.save({ ...request, signal }) },
    },
    news: (tell) => engine.onLost((reason, turn) => tell({ reason, turn })),
  };
}

// What crosses between the page and the engine's worker: the treaty of `Engine`, by the names of a channel.
import type {
  Answer,
  GenerateEvent,
  GenerateRequest,
  Input,
  LoadOptions,
  LoadedModel,
  ProgressInfo,
  Question,
  SaveEvent,
  SaveRequest,
  SweepEvent,
  SweepRequest,
} from '../api.ts';
import type { Treaty } from './channel.ts';

/** What of options and requests crosses; `File`s are handles, no bytes. */
type Sent<Options> = Omit<Options, 'signal' | 'progress_callback'>;

export interface EngineTreaty extends Treaty {
  readonly calls: {
    load: {
      input: { source: string; options: Sent<LoadOptions> };
      answer: LoadedModel;
      progress: ProgressInfo;
    };
    ask: {
      input: {
        [Q in Question]: { question: Q; input: Input<Q>; turn: number | undefined };
      }[Question];
      answer: Answer<Question>;
    };
    dispose: { input: null; answer: void };
  };
  readonly streams: {
    generate: { request: Sent<GenerateRequest>; event: GenerateEvent; pulled: true };
    sweep: { request: Sent<SweepRequest>; event: SweepEvent };
    save: { request: Sent<SaveRequest>; event: SaveEvent; pulled: true };
  };
  /** The GPU was lost under the model with this turn. */
  readonly news: { reason: string; turn: number };
}

// Every message that crosses between page and worker, as two unions.
import type {
  ErrorInfo,
  GenerateEvent,
  GenerateRequest,
  Input,
  LoadOptions,
  ProgressInfo,
  Question,
  SaveEvent,
  SaveRequest,
  SweepEvent,
  SweepRequest,
} from '../api.ts';

/** Requests and events of what streams. */
export interface Streams {
  generate: { request: Omit<GenerateRequest, 'signal'>; event: GenerateEvent };
  sweep: { request: Omit<SweepRequest, 'signal'>; event: SweepEvent };
  /** Event for event: the next one is made when the page says `more`. */
  save: { request: Omit<SaveRequest, 'signal'>; event: SaveEvent };
}

export type StreamName = keyof Streams;
export type StreamEvent = Streams[StreamName]['event'];

/** Load options that cross; `File`s are handles, no bytes. */
export type SentOptions = Omit<LoadOptions, 'signal' | 'progress_callback'>;

export type ToWorker =
  | { type: 'load'; id: number; source: string; options: SentOptions }
  | {
      [Q in Question]: { type: 'ask'; id: number; question: Q; input: Input<Q>; turn?: number };
    }[Question]
  | {
      [N in StreamName]: { type: 'stream'; id: number; name: N; request: Streams[N]['request'] };
    }[StreamName]
  | { type: 'dispose'; id: number }
  | { type: 'more'; id: number }
  | { type: 'abort'; id: number };

export type ToPage =
  | { type: 'result'; id: number; value: unknown }
  | { type: 'error'; id: number; error: ErrorInfo }
  | { type: 'aborted'; id: number }
  | { type: 'progress'; id: number; info: ProgressInfo }
  | { type: 'event'; id: number; event: StreamEvent }
  | { type: 'end'; id: number }
  | { type: 'lost'; reason: string; turn: number };

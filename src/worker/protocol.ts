// Every message that crosses between page and worker, as two unions.
import type {
  Engine,
  ErrorInfo,
  GenerateEvent,
  GenerateRequest,
  LoadOptions,
  ProgressInfo,
} from '../api.ts';

/** Calls that answer once; their arguments cross as they are, without signals and callbacks. */
export interface Calls {
  load: { source: string; options: Pick<LoadOptions, 'dtype' | 'device'> };
  tokenize: { text: string };
  detokenize: { ids: readonly number[] };
  distribution: {
    ids: readonly number[];
    options: Parameters<Engine['distribution']>[1];
    top: number | undefined;
  };
  score: { ids: readonly number[] };
  attention: { ids: readonly number[]; layer: number; head: number };
  measureDevices: Record<string, never>;
  dispose: Record<string, never>;
}

export type CallName = keyof Calls;
export type CallResult<N extends CallName> = Awaited<ReturnType<Engine[N]>>;

export type ToWorker =
  | { [N in CallName]: { type: 'call'; id: number; name: N; input: Calls[N] } }[CallName]
  | { type: 'generate'; id: number; request: Omit<GenerateRequest, 'signal'> }
  | { type: 'abort'; id: number };

export type ToPage =
  | { type: 'result'; id: number; value: unknown }
  | { type: 'error'; id: number; error: ErrorInfo }
  | { type: 'aborted'; id: number }
  | { type: 'progress'; id: number; info: ProgressInfo }
  | { type: 'event'; id: number; event: GenerateEvent }
  | { type: 'end'; id: number }
  | { type: 'lost'; reason: string };

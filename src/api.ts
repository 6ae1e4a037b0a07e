// The treaty between the page and the engine: types only, no code. What it speaks of stands in `api/`, a file a
// subject, and is had from here. Everything is plain data that survives `postMessage`.
import type { PrecisionCost, SelfCheck } from './api/checking.ts';
import type { Dtype } from './api/device.ts';
import type {
  AttentionAtlas,
  AttentionMap,
  AttentionRows,
  Comparison,
  DirectAdditions,
  HeadNames,
  HeadScores,
  LensCell,
  LensColumns,
  LensCurve,
  Looked,
  ResidualNorms,
  SweepEvent,
  SweepRequest,
} from './api/looking.ts';
import type {
  LoadOptions,
  LoadedModel,
  ModelAnatomy,
  ModelPlan,
  ModelRequest,
  SaveEvent,
  SaveRequest,
  StorageFacts,
  StoredModelFacts,
} from './api/models.ts';
import type { TokenPiece, TokenScores } from './api/tokens.ts';
import type {
  Distribution,
  GenerateEvent,
  GenerateRequest,
  SamplerSteps,
  SamplingOptions,
} from './api/writing.ts';

export type * from './api/checking.ts';
export type * from './api/device.ts';
export type * from './api/errors.ts';
export type * from './api/fromSeed.ts';
export type * from './api/looking.ts';
export type * from './api/models.ts';
export type * from './api/tokens.ts';
export type * from './api/training.ts';
export type * from './api/turn.ts';
export type * from './api/writing.ts';

/** What can be asked at any time, without a model: what there is to load, and what is kept. */
export interface StoreQuestions {
  /** What loading would fetch. Asks for small JSON alone, and throws what loading would throw. */
  planModel: { input: ModelRequest; answer: ModelPlan };
  /** What is kept of a model on a Hub, whole or in part, without asking anybody; null if nothing is. */
  findStored: { input: ModelRequest; answer: StoredModelFacts | null };
  /** The last used first. */
  storedModels: { input: Record<string, never>; answer: readonly StoredModelFacts[] };
  /** Throws `storage/busy` while it is downloaded, `storage/key` for what is not there. */
  deleteStored: { input: { key: string }; answer: { freedBytes: number } };
  deleteAllStored: { input: Record<string, never>; answer: { freedBytes: number } };
  storageFacts: { input: Record<string, never>; answer: StorageFacts };
}

/**
 * What can be asked of a loaded model, by name: the input, and the answer. `ids` may be empty where
 * the model has a beginning-of-text token. Positions are indexes into `ids`.
 */
export interface ModelQuestions {
  /**
   * Ids and bytes of a text, or with `isWithin` of what stands within one. `<|endoftext|>` in it is plain text; the model's
   * `controlWords` are tokens of their own, unless that is false.
   */
  tokenize: {
    input: { text: string; controlWords?: boolean; isWithin?: boolean };
    answer: TokenPiece[];
  };
  /** The tokens behind ids. */
  pieces: { input: { ids: readonly number[] }; answer: TokenPiece[] };
  /** Next-token distribution after `ids`; computes only what the cache lacks. `top` is 20 by default. */
  distribution: {
    input: Looked & { options: SamplingOptions; top?: number };
    answer: Distribution;
  };
  /** Log-probability and rank of every token of `ids`. */
  score: { input: Looked; answer: TokenScores };
  /** One head's attention over `ids`. */
  attention: { input: Looked & { layer: number; head: number }; answer: AttentionMap };
  /** Where token `query` looks, in every head; tokens after it play no part. */
  attentionRows: { input: Looked & { query: number }; answer: AttentionRows };
  /** Every head's map, max-pooled to at most `cells` a side, and what each head does in this text. */
  atlas: { input: Looked & { cells: number }; answer: AttentionAtlas };
  /**
   * What heads do on random tokens that come twice, or on `text`, where the model knows repetition in that shape alone and
   * sees all of it at once; a property of the model, the same every time.
   */
  probeHeads: { input: { readonly text?: string }; answer: HeadScores };
  /** What heads may be called for in this text, beside the same with each head's keys shuffled. */
  headNames: { input: Looked & { readonly standIn?: string }; answer: HeadNames };
  /** Columns that the model does not see are left out of the answer. */
  lens: { input: Looked & { from: number; count: number }; answer: LensColumns };
  /** Tokens that the model does not see have no cell, no curve and no norms: `inspect/position`. */
  lensCell: {
    input: Looked & { position: number; depth: number; top: number };
    answer: LensCell;
  };
  lensCurve: { input: Looked & { position: number; token: number }; answer: LensCurve };
  residualNorms: { input: Looked & { position: number }; answer: ResidualNorms };
  /** How the next token after `ids` is drawn; without a seed there is no draw to show but greedy's. */
  samplerSteps: {
    input: Looked & { options: SamplingOptions; seed: number; top: number };
    answer: SamplerSteps;
  };
  /** The next token after `ids`, with every part on and with `off` off. */
  compare: { input: Looked & { top: number }; answer: Comparison };
  /** What each part adds by itself to the logit of `target` after `ids`, or to that logit less the one of `against`. */
  directAdditions: {
    input: Looked & { target: number; against?: number };
    answer: DirectAdditions;
  };
  anatomy: { input: Record<string, never>; answer: ModelAnatomy };
  /** Some seconds at most; stops when aborted. */
  selfCheck: { input: Record<string, never>; answer: SelfCheck };
  /**
   * What `dtype` costs, by default the one that is loaded. What is not loaded is loaded beside it, at most
   * `mostBytes` at a time (2³⁰ by default; more rejects with `precision/memory`). Rejects with
   * `engine/not-kept` where that would be a download: from a Hub, or from another site's folder.
   */
  precisionCost: { input: { dtype?: Dtype; mostBytes?: number }; answer: PrecisionCost };
  /**
   * Tokens a second of the loaded model on each device that works here, measured now. Rejects with
   * `engine/not-kept` as `precisionCost` does.
   */
  measureDevices: {
    input: Record<string, never>;
    answer: { webgpu: number | null; cpu: number };
  };
}

export type StoreQuestion = keyof StoreQuestions;
export type ModelQuestion = keyof ModelQuestions;
export interface Questions extends ModelQuestions, StoreQuestions {}
export type Question = keyof Questions;
export type Input<Q extends Question> = Questions[Q]['input'];
export type Answer<Q extends Question> = Questions[Q]['answer'];

/** What the page can ask for. `LocalEngine` answers in this thread, `WorkerEngine` through a worker. */
export interface Engine {
  /**
   * Loads a model; the running one stays until the new one is ready. Of several at once, each is installed as it
   * is ready, and those that were asked for before it reject with `engine/superseded`. Rejects with an `EngineError`.
   */
  load(source: string, options?: LoadOptions): Promise<LoadedModel>;
  /**
   * Answers a question about the loaded model, or one that needs none. `turn` says which model is meant, by the number
   * that `load` gave it, as `Meant` does for what streams. Rejects with an `EngineError`, or the signal's reason.
   */
  ask<Q extends Question>(
    question: Q,
    input: Input<Q>,
    signal?: AbortSignal,
    turn?: number,
  ): Promise<Answer<Q>>;
  /** Streams tokens. Aborting ends the stream with `done: aborted`; errors reject. */
  generate(request: GenerateRequest): AsyncIterable<GenerateEvent>;
  /** Switches each head, attention and MLP off in turn, layer by layer. Aborting ends the stream; errors reject. */
  sweep(request: SweepRequest): AsyncIterable<SweepEvent>;
  /**
   * The loaded model as a folder that transformers reads. The next chunk is made when it is asked for,
   * so that no more than one waits. Aborting and errors reject.
   */
  save(request: SaveRequest): AsyncIterable<SaveEvent>;
  /**
   * Called when the GPU is lost under the model with this turn, which has to be loaded again. Returns an unsubscribe
   * function.
   */
  onLost(listener: (reason: string, turn: number) => void): () => void;
  /** Frees everything; further calls reject with code `engine/disposed`. Idempotent. */
  dispose(): Promise<void>;
}

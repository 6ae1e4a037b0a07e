// The treaty between the page and the engine: types only, no imports, no code.
// Everything here is plain data that survives `postMessage`.

/** Storage format of the weights; arithmetic is always f32. */
export type Dtype = 'fp32' | 'fp16';

/** Which device to compute on; `auto` takes WebGPU wherever there is an adapter. */
export type DeviceRequest = 'auto' | 'webgpu' | 'cpu';

/** What computes, in facts the page can put into words. */
export interface DeviceSummary {
  readonly kind: 'webgpu' | 'cpu';
  /** True when the "GPU" is a program on the processor (SwiftShader, llvmpipe, WARP). */
  readonly isSoftware: boolean;
  /** Short name for people, for example `SwiftShader (software)` or `This computer's processor`. */
  readonly label: string;
  readonly vendor: string;
  readonly architecture: string;
  readonly description: string;
  readonly features: readonly string[];
  readonly limits: Readonly<Record<string, number>>;
}

/** Why WebGPU can or cannot be used here; the page has words and next steps for each code. */
export interface GpuVerdict {
  readonly code: 'ok' | 'software' | 'no-api' | 'insecure' | 'no-adapter' | 'limits';
  /** Name of the adapter when there is one. */
  readonly adapter?: string;
  /** For `limits`: which limit, what is needed and what the adapter offers. */
  readonly limit?: { readonly name: string; readonly needed: number; readonly offered: number };
}

/** A loaded model in facts. Sizes in bytes. */
export interface ModelSummary {
  /** The path or URL that was loaded. */
  readonly source: string;
  /** The last part of the source, for people: `tales-7m`. */
  readonly name: string;
  /** Which of the four checkpoint layouts was recognised. */
  readonly layout: 'huggingface' | 'nanogpt' | 'mingpt' | 'notebook';
  readonly nLayer: number;
  readonly nHead: number;
  readonly nEmbd: number;
  readonly nCtx: number;
  readonly vocabSize: number;
  readonly parameterCount: number;
  readonly dtype: Dtype;
  /** Bytes of all weights as stored on the device. */
  readonly memoryBytes: number;
  readonly bosTokenId: number | null;
  readonly eosTokenIds: readonly number[];
  /** From `generation_config.json`, where the folder has one. */
  readonly defaults: Partial<GenerationOptions>;
  readonly device: DeviceSummary;
}

/** One token as people see it. `bytes` are the token's own; half characters are possible. */
export interface TokenPiece {
  readonly id: number;
  readonly bytes: readonly number[];
  /** The bytes as text where they are valid UTF-8 alone, else `\xF0\x9F` escapes. */
  readonly text: string;
  /** True for end-of-text and its like, which have no bytes of their own. */
  readonly special: boolean;
}

/** The knobs between logits and a token, in transformers' words and order. */
export interface SamplingOptions {
  /** False takes the most probable token always (greedy) and ignores temperature, top-k, top-p and min-p. */
  readonly do_sample: boolean;
  /** > 0. */
  readonly temperature: number;
  /** 0 is off. Ties with the k-th are kept. */
  readonly top_k: number;
  /** 0 < p ≤ 1; 1 is off. */
  readonly top_p: number;
  /** 0 ≤ p ≤ 1, relative to the most probable token; 0 is off. */
  readonly min_p: number;
  /** > 0; 1 is off. Logits of tokens seen before are divided (if > 0) or multiplied (if < 0). */
  readonly repetition_penalty: number;
}

export interface GenerationOptions extends SamplingOptions {
  readonly max_new_tokens: number;
  /** Unsigned 32-bit; undefined draws one and reports it. */
  readonly seed?: number;
  /** Generation ends when the new text contains one of these. */
  readonly stop: readonly string[];
  /** Overrides the model's end-of-text ids; null never stops at one. */
  readonly eos_token_id?: number | readonly number[] | null;
}

/** A candidate for the next token. Probabilities are over the whole vocabulary. */
export interface Candidate {
  readonly piece: TokenPiece;
  /** Probability in the model's own distribution (softmax of the raw logits). */
  readonly rawProbability: number;
  /** Probability after all sampling steps; 0 when a step removed it. */
  readonly probability: number;
  readonly logit: number;
}

/** The next-token distribution at the end of some ids, before and after the sampling steps. */
export interface Distribution {
  /** The most probable first (by `probability`, then `rawProbability`). */
  readonly top: readonly Candidate[];
  /** Tokens with a probability above 0 after all steps. */
  readonly kept: number;
  readonly vocabSize: number;
  /** Mass of the raw distribution outside `top`. */
  readonly restRaw: number;
  /** Mass of the final distribution outside `top`. */
  readonly rest: number;
  /** Tokens before this index are not seen by the model: the text is longer than its context. */
  readonly firstVisible?: number;
  /** Entropy of the raw distribution, in bits. */
  readonly entropyBits: number;
}

/** How likely the model found each token of a text, given all tokens before it. */
export interface TokenScores {
  /** Natural logarithm of the probability; NaN for the first token and for tokens the model does not see. */
  readonly logprobs: Float32Array;
  /** 1 is the most probable; 0 where there is no score. */
  readonly ranks: Uint32Array;
}

/** Attention of one head over the tokens that the model sees. */
export interface AttentionMap {
  readonly layer: number;
  readonly head: number;
  /** Number of tokens T in the map. */
  readonly size: number;
  /** Index into the requested ids of the map's first token (> 0 once the window has moved). */
  readonly firstIndex: number;
  /** T × T, row = the token that looks, column = the token looked at; the upper triangle is 0. */
  readonly weights: Float32Array;
}

export type GenerateEvent =
  | {
      readonly type: 'start';
      /** The seed in use, given or drawn. */
      readonly seed: number;
      /** Length of the ids that came in, after an empty prompt was given its beginning-of-text token. */
      readonly promptIds: readonly number[];
      /** Tokens before this index are not seen by the model (prompt longer than the context). */
      readonly firstVisible: number;
      /** Milliseconds for reading the prompt. */
      readonly promptMs: number;
      /** Prompt tokens that were computed anew (the rest came from the cache). */
      readonly computed: number;
    }
  | {
      readonly type: 'token';
      readonly piece: TokenPiece;
      /** Text that became complete with this token; '' while half a character waits. */
      readonly text: string;
      /** ln of the raw probability of the chosen token. */
      readonly logprob: number;
      /** Rank of the chosen token in the raw distribution, 1 = most probable. */
      readonly rank: number;
      /** The distribution the token was drawn from. */
      readonly distribution: Distribution;
      readonly tokensPerSecond: number;
    }
  | {
      /** The context was full: the last half was read again. */
      readonly type: 'window';
      /** Tokens before this index are no longer seen by the model. */
      readonly firstVisible: number;
    }
  | {
      readonly type: 'done';
      readonly reason: 'length' | 'eos' | 'stop' | 'aborted';
      /** The stop string that was found, for `stop`. */
      readonly stop?: string;
      /** Rest of the text: bytes of a half character as U+FFFD. */
      readonly text: string;
    };

/** Transformers.js' progress words; `progress` is 0–100. */
export interface ProgressInfo {
  readonly status: 'initiate' | 'download' | 'progress' | 'done' | 'ready';
  readonly name: string;
  readonly file?: string;
  readonly loaded?: number;
  readonly total?: number;
  readonly progress?: number;
}

export interface LoadOptions {
  readonly dtype?: Dtype;
  readonly device?: DeviceRequest;
  readonly signal?: AbortSignal;
  readonly progress_callback?: (info: ProgressInfo) => void;
}

export interface GenerateRequest {
  readonly ids: readonly number[];
  readonly options: GenerationOptions;
  readonly signal?: AbortSignal;
  /** How many candidates each token event carries. */
  readonly top?: number;
}

/** What the page can ask for. `LocalEngine` answers in this thread, `WorkerEngine` through a worker. */
export interface Engine {
  /** Loads a model; the running one stays until the new one is ready. Rejects with an `EngineError`. */
  load(source: string, options?: LoadOptions): Promise<ModelSummary>;
  /** Ids and bytes of a text. `<|endoftext|>` in it is plain text. */
  tokenize(text: string): Promise<TokenPiece[]>;
  /** Text of ids, half characters as U+FFFD. */
  detokenize(ids: readonly number[]): Promise<string>;
  /** Next-token distribution after `ids` under `options`; computes only what the cache lacks. */
  distribution(
    ids: readonly number[],
    options: SamplingOptions,
    top?: number,
    signal?: AbortSignal,
  ): Promise<Distribution>;
  /** Log-probability and rank of every token of `ids`. */
  score(ids: readonly number[], signal?: AbortSignal): Promise<TokenScores>;
  /** One head's attention over `ids`. */
  attention(
    ids: readonly number[],
    layer: number,
    head: number,
    signal?: AbortSignal,
  ): Promise<AttentionMap>;
  /** Streams tokens. Aborting ends the stream with `done: aborted`; errors reject. */
  generate(request: GenerateRequest): AsyncIterable<GenerateEvent>;
  /** Tokens a second of the loaded model on each device that works here, measured now. */
  measureDevices(signal?: AbortSignal): Promise<{ webgpu: number | null; cpu: number }>;
  /** Called when the GPU is lost; the model has to be loaded again. Returns an unsubscribe function. */
  onLost(listener: (reason: string) => void): () => void;
  /** Frees everything; further calls reject with code `engine/disposed`. Idempotent. */
  dispose(): Promise<void>;
}

/** The shape of every error that crosses to the page: what is wrong, and what to do next. */
export interface ErrorInfo {
  /** Stable, slash-separated: `checkpoint/shape`, `tokens/context`, `device/lost`, `network/not-found`… */
  readonly code: string;
  readonly message: string;
  /** The next step, in words. */
  readonly hint: string;
}

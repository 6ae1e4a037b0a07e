// The treaty between the page and the engine: types only, no imports, no code.
// Everything here is plain data that survives `postMessage`.

/**
 * Storage format of the weights; arithmetic is always f32. `q8` keeps matrices as int8 with a scale for
 * every 32 of them.
 */
export type Dtype = 'fp32' | 'fp16' | 'q8';

/** Which device to compute on; `auto` takes WebGPU where a hardware adapter is, else the processor. */
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
  /** 16 hex digits of the weights' beginnings and the configuration: the same in any file and precision. */
  readonly fingerprint: string;
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
  /** Where it came from, and where it is kept. */
  readonly origin?: ModelOrigin;
  /** Heads were not stated anywhere and `nHead` is a guess; these are all that fit the width. */
  readonly headsToChoose?: readonly number[];
  /** With `selfCheck`: that of the model as it is loaded. Failed where nothing simpler could be had. */
  readonly check?: SelfCheck;
  /** With `selfCheck`: the checks that failed before, of what was given up for this. */
  readonly failedChecks?: readonly SelfCheck[];
}

/** Where a model came from, and where it is kept. */
export interface ModelOrigin {
  /** `files` were dropped or chosen. */
  readonly kind: 'hub' | 'folder' | 'files';
  /** `owner/name` on a Hub, a folder's address, or the name of the folder that was dropped. */
  readonly id: string;
  /** `https://huggingface.co`; null where there is no host. */
  readonly host: string | null;
  /** 40 hex digits; null for what has no commit. */
  readonly commit: string | null;
  /** `memory` keeps nothing: the next start fetches it again. `disk` is where it was. */
  readonly keptIn: 'opfs' | 'directory' | 'disk' | 'memory';
  /** Whether every byte of the weights was checked against the Hub's SHA-256. */
  readonly isVerified: boolean;
  /** Of the file that the weights came from, where it is one, and was checked: 64 hex digits. */
  readonly sha256?: string;
  /** Why it is not kept, in words, where it could have been. */
  readonly note?: string;
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
  /** Tokens that were computed for this answer; the rest of the text came from the cache. */
  readonly computed?: number;
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

/** Where one token looks, in every head. */
export interface AttentionRows {
  readonly nLayer: number;
  readonly nHead: number;
  /** Index into the requested ids of the token that looks. */
  readonly query: number;
  /** Index into the requested ids of the first token that the model sees. */
  readonly firstIndex: number;
  /** Tokens looked at, S = query − firstIndex + 1. */
  readonly size: number;
  /** (L, H, S); every row sums to 1. */
  readonly weights: Float32Array;
}

/** What a head may be known for. Scores run from 0 to 1; `HeadScores` says how each is measured. */
export type Behaviour = 'previous' | 'first' | 'duplicate' | 'induction' | 'local' | 'broad';

/**
 * How strongly every head does what heads are known for, averaged over the rows where it can be done.
 * previous: weight on the token before. first: weight on the first token. duplicate: weight on earlier
 * copies of the same token. induction: weight on what followed earlier copies. local: weight on the
 * token itself and the four before it, in rows with at least eight before them. broad: entropy of
 * the row over the entropy of an even spread.
 */
export interface HeadScores {
  readonly nLayer: number;
  readonly nHead: number;
  /** Tokens of the text that was scored. */
  readonly size: number;
  /** (L, H) for each behaviour; NaN where no row of the text can show it. */
  readonly scores: Readonly<Record<Behaviour, Float32Array>>;
  /** (L, H), mean entropy of a row in bits. */
  readonly entropyBits: Float32Array;
}

/** Every head's map as a thumbnail, and its scores on this text. */
export interface AttentionAtlas extends HeadScores {
  readonly firstIndex: number;
  /** Cells P a side: ⌈size / block⌉. */
  readonly cells: number;
  /** A cell is the strongest weight of block × block. */
  readonly block: number;
  /** (L, H, P, P). */
  readonly thumbnails: Float32Array;
}

/** A part of the model that is switched off, and what stands in its place. */
export interface PartOff {
  readonly part: 'head' | 'attention' | 'mlp';
  /** From 0. */
  readonly layer: number;
  /** From 0; for `head` alone. */
  readonly head?: number;
  /** `zero` adds nothing. `mean` adds the part's average output over a fixed reference text. */
  readonly by: 'zero' | 'mean';
}

/**
 * What the model would say if it ended after each layer: residual → final LayerNorm → head.
 * Depth 0 is the embedding, depth l the residual after l blocks; depth L is the model's own answer.
 */
export interface LensColumns {
  /** Index into the requested ids of the first token that the model sees. */
  readonly firstIndex: number;
  /** Columns from `from` to before `from + count`: each is about what comes after that token. */
  readonly from: number;
  readonly count: number;
  /** Depths L + 1. */
  readonly depths: number;
  /** (count, depths) id of the most probable token. */
  readonly tokens: Uint32Array;
  /** (count, depths) ln of its probability. */
  readonly logprobs: Float32Array;
  /** Every token that occurs in `tokens`, once. */
  readonly pieces: readonly TokenPiece[];
}

/** One cell of the lens in full: its most probable tokens. */
export interface LensCell {
  readonly position: number;
  readonly depth: number;
  readonly top: readonly { readonly piece: TokenPiece; readonly probability: number }[];
  readonly entropyBits: number;
}

/** How one token fares through the depths, at one position. */
export interface LensCurve {
  readonly position: number;
  readonly piece: TokenPiece;
  /** (depths) 1 is the most probable. */
  readonly ranks: Uint32Array;
  readonly logprobs: Float32Array;
}

/** Euclidean norms of what flows at one position. */
export interface ResidualNorms {
  readonly position: number;
  /** (L + 1) before each block, and after the last. */
  readonly residual: Float32Array;
  /** (L) what attention adds. */
  readonly attention: Float32Array;
  /** (L) what the MLP adds. */
  readonly mlp: Float32Array;
}

/** What the precision of the weights costs, measured on this model over a fixed text. */
export interface PrecisionCost {
  readonly dtype: Dtype;
  /** Tokens of the text; each is a position that is compared. */
  readonly tokens: number;
  /** Share of positions where the most probable token is that of fp32, 0 to 1. */
  readonly top1: number;
  /** Mean KL(fp32 ‖ this precision) of a position, in bits. */
  readonly klBits: number;
  /** Largest difference between two logits. */
  readonly maxDifference: number;
  /** Bytes that were loaded beside the model meanwhile; 0 for fp32 itself. */
  readonly referenceBytes: number;
  readonly ms: number;
}

/** Whether this device computes this model rightly, by a few prompts. */
export interface SelfCheck {
  readonly passed: boolean;
  /**
   * Logits that are shipped for this checkpoint; or what others published of it, and the plain meanings
   * of the kernels; else these alone, from the same weights.
   */
  readonly against: 'reference' | 'published' | 'meanings';
  /** Share of positions with the same most probable token, 0 to 1. */
  readonly top1: number;
  /** Mean KL of a position, in bits. */
  readonly klBits: number;
  /** Largest difference between two logits; NaN where one is no number. */
  readonly maxDifference: number;
  readonly dtype: Dtype;
  readonly device: DeviceSummary;
  readonly ms: number;
  /** All of this and more in lines of text, to be copied. */
  readonly report: string;
}

/** The next-token distribution of the whole model beside the one with parts off, before sampling. */
export interface Comparison {
  /** KL(whole ‖ with parts off), in bits. */
  readonly klBits: number;
  /** The most probable of either, the largest change first. */
  readonly candidates: readonly {
    readonly piece: TokenPiece;
    readonly before: number;
    readonly after: number;
  }[];
  readonly entropyBefore: number;
  readonly entropyAfter: number;
}

/** The distribution after one step of the sampler. */
export interface SamplerStage {
  readonly step: 'model' | 'repetition_penalty' | 'temperature' | 'top_k' | 'top_p' | 'min_p';
  /** False where the setting changes nothing; greedy knows no step after the penalty. */
  readonly active: boolean;
  /** Tokens with a probability above 0. */
  readonly kept: number;
  /** Mass, of the distribution before this step, of the tokens that this step removed. */
  readonly removed: number;
  readonly entropyBits: number;
  /** One for each of `SamplerSteps.candidates`. */
  readonly probabilities: readonly number[];
}

/** The way from the model's distribution to the drawn token. */
export interface SamplerSteps {
  /**
   * The `top` most probable of the last stage, as many of the model, and the chosen token, each
   * once; ordered by the last stage, then by the model.
   */
  readonly candidates: readonly TokenPiece[];
  readonly stages: readonly SamplerStage[];
  /** What seed and position decide; null for greedy. */
  readonly draw: {
    readonly seed: number;
    /** Index of the token that is drawn. */
    readonly position: number;
    /** In [0, 1). */
    readonly uniform: number;
    /** The kept tokens in id order as intervals of [0, 1): the widest 64, and the chosen one. */
    readonly intervals: readonly {
      readonly piece: TokenPiece;
      readonly from: number;
      readonly to: number;
    }[];
  } | null;
  /** The token that comes out. */
  readonly chosen: TokenPiece;
  /** In the last stage; greedy takes the most probable token there, whatever this is. */
  readonly chosenProbability: number;
}

/** A module as PyTorch prints it, with what it holds. */
export interface ModuleNode {
  /** Attribute name; '' for the root. */
  readonly name: string;
  /**
   * `Embedding(50257, 768)`, or the class alone where there are children. Dropout shows the rate
   * of training, `p=?` where config.json does not say; it does nothing when a model is used.
   */
  readonly text: string;
  /** Own tensors, without those of children; shapes as stored, a tied head's too. */
  readonly tensors: readonly { readonly name: string; readonly shape: readonly number[] }[];
  /** Elements of own and children's tensors; a tied head counts 0. */
  readonly parameters: number;
  readonly children: readonly ModuleNode[];
}

/** What the model is made of. */
export interface ModelAnatomy {
  readonly root: ModuleNode;
  /** Parameters if the head shared the token embedding, and if it had its own. */
  readonly tiedParameters: number;
  readonly untiedParameters: number;
  readonly isTied: boolean;
  /** Bytes as stored on the device, padding included. */
  readonly memoryBytes: number;
}

/** The effect of switching each head off in turn. */
export type SweepEvent =
  | {
      readonly type: 'base';
      /** ln of the target's probability with every head on. */
      readonly logprob: number;
      readonly target: TokenPiece;
      readonly heads: number;
    }
  | {
      readonly type: 'head';
      readonly layer: number;
      readonly head: number;
      /** ln of the target's probability with this head off, less the base. */
      readonly delta: number;
      /** Heads done so far. */
      readonly done: number;
    };

/** The files of a Hugging Face folder, one after the other, each in chunks. */
export type SaveEvent =
  | {
      readonly type: 'start';
      readonly files: readonly { readonly name: string; readonly sizeBytes: number }[];
      readonly dtype: 'fp32' | 'fp16';
      /**
       * `loaded`: as they are. `source`: those that a q8 model was made from, read again. `dequantised`: a
       * q8 model's own, rounded as they are, because its source is not at hand.
       */
      readonly weights: 'loaded' | 'source' | 'dequantised';
    }
  | { readonly type: 'file'; readonly name: string; readonly sizeBytes: number }
  | {
      /** The next bytes of the file that was named last. */
      readonly type: 'bytes';
      readonly bytes: Uint8Array<ArrayBuffer>;
    }
  | { readonly type: 'done' };

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
      /** ln of the raw probability of the chosen token. */
      readonly logprob: number;
      /** Rank of the chosen token in the raw distribution, 1 = most probable. */
      readonly rank: number;
      /** The distribution the token was drawn from. */
      readonly distribution: Distribution;
      /** Decode steps a second since the first token; null for that one, which took none. */
      readonly tokensPerSecond: number | null;
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
    };

/** Transformers.js' progress words; `progress` is 0–100. */
export interface ProgressInfo {
  readonly status: 'initiate' | 'download' | 'progress' | 'done' | 'ready';
  readonly name: string;
  readonly file?: string;
  /** Bytes of this file. */
  readonly loaded?: number;
  readonly total?: number;
  readonly progress?: number;
  /** Bytes of all files. */
  readonly allLoaded?: number;
  readonly allTotal?: number;
  /** Over the last few seconds, from the network; absent while nothing comes from there. */
  readonly bytesPerSecond?: number;
  readonly secondsLeft?: number;
  /** Which part of the model arrives: `block 3 of 12`. */
  readonly part?: string;
  /** Why nothing comes for a while, or what starts over, in words. */
  readonly note?: string;
}

/**
 * What names a model. `source` is an id on the Hub (`openai-community/gpt2`, or `gpt2`, `gpt2-medium`,
 * `gpt2-large`, `gpt2-xl`, `distilgpt2`), the address of a model or folder, or a path that begins with
 * `./`, `../`, `/` or `models/`.
 */
export interface ModelRequest {
  readonly source: string;
  /** Branch, tag or commit of a model on a Hub; `main` by default. */
  readonly revision?: string;
  /** A mirror of the Hub, or a server that has models under the same addresses: `localhost:8000`. */
  readonly host?: string;
  /** What paths are relative to; the page's own address by default. */
  readonly base?: string;
}

/** What loading a model would fetch, and where it would be kept. Sizes in bytes. */
export interface ModelPlan {
  /** `stored` needs no request; `folder` is read where it lies and not kept. */
  readonly kind: 'hub' | 'folder' | 'stored';
  readonly id: string;
  readonly commit: string | null;
  readonly host: string | null;
  /** Names it in the store; null where nothing is kept. */
  readonly key: string | null;
  readonly files: readonly {
    readonly name: string;
    /** Null where the server does not say. */
    readonly size: number | null;
    readonly stored: boolean;
  }[];
  readonly totalBytes: number | null;
  /** Of them, bytes that are here already, parts of files included. */
  readonly storedBytes: number;
  /** What the browser still gives this page; null where it does not say. */
  readonly freeBytes: number | null;
  readonly keptIn: ModelOrigin['keptIn'];
}

/** A model in the store, whole or in part. Sizes in bytes. */
export interface StoredModelFacts {
  readonly key: string;
  readonly id: string;
  readonly host: string | null;
  readonly commit: string | null;
  /** Branches and tags that meant this commit when it was stored. */
  readonly revisions: readonly string[];
  readonly bytes: number;
  readonly totalBytes: number;
  /** Milliseconds since 1970. */
  readonly lastUsed: number | null;
  readonly complete: boolean;
}

/** What the browser keeps for this page. */
export interface StorageFacts {
  /** False where models cannot be kept: some private windows, pages from disk. */
  readonly available: boolean;
  /** Whether the browser promised not to clear it when it needs room. */
  readonly persistent: boolean;
  /** In bytes; null where the browser does not say. */
  readonly usage: number | null;
  readonly quota: number | null;
}

export interface LoadOptions extends Omit<ModelRequest, 'source'> {
  /**
   * The commit that `revision` meant when somebody agreed to fetch it (`ModelPlan.commit`): if the branch
   * has moved since, that one is fetched all the same.
   */
  readonly commit?: string;
  readonly dtype?: Dtype;
  readonly device?: DeviceRequest;
  /** Files that were dropped or chosen, instead of what `source` names; it is their title then. */
  readonly files?: readonly File[];
  /** Heads of a model that does not say; without it they are guessed (`headsToChoose`). */
  readonly nHead?: number;
  /**
   * Checks the model before it is the loaded one, and falls back where it fails: to fp32, to kernels
   * without workgroup memory, to the processor. `ModelSummary.check` says how it ended.
   */
  readonly selfCheck?: boolean;
  /** False streams a download to the device and keeps nothing. */
  readonly keep?: boolean;
  /** Aborting keeps what came, so that loading again goes on there. */
  readonly signal?: AbortSignal;
  readonly progress_callback?: (info: ProgressInfo) => void;
}

export interface GenerateRequest {
  readonly ids: readonly number[];
  readonly options: GenerationOptions;
  /** Parts that are off while these tokens are written. */
  readonly off?: readonly PartOff[];
  readonly signal?: AbortSignal;
  /** How many candidates each token event carries. */
  readonly top?: number;
}

export interface SaveRequest {
  /** How matrices are stored: as the model is, and as `fp32` for `q8`, by default. */
  readonly dtype?: 'fp32' | 'fp16';
  readonly signal?: AbortSignal;
}

export interface SweepRequest {
  /** The text before the target. */
  readonly ids: readonly number[];
  /** The token whose log-probability is watched. */
  readonly target: number;
  /** Parts that are off all the time. */
  readonly off?: readonly PartOff[];
  readonly by: PartOff['by'];
  readonly signal?: AbortSignal;
}

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
  /** Asks the browser to keep models when it needs room; it may refuse. */
  persistStorage: { input: Record<string, never>; answer: { persistent: boolean } };
}

/**
 * What can be asked of a loaded model, by name: the input, and the answer. `ids` may be empty where
 * the model has a beginning-of-text token. Positions are indexes into `ids`.
 */
export interface ModelQuestions {
  /** Ids and bytes of a text. `<|endoftext|>` in it is plain text. */
  tokenize: { input: { text: string }; answer: TokenPiece[] };
  /** Text of ids, half characters as U+FFFD. */
  detokenize: { input: { ids: readonly number[] }; answer: string };
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
  /** What heads do on random tokens that come twice; a property of the model, the same every time. */
  probeHeads: { input: Record<string, never>; answer: HeadScores };
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

/** A text, and the parts of the model that are off while it is read. */
export interface Looked {
  readonly ids: readonly number[];
  readonly off?: readonly PartOff[];
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
  load(source: string, options?: LoadOptions): Promise<ModelSummary>;
  /**
   * Answers a question about the loaded model, or one that needs none. Rejects with an `EngineError`,
   * or the signal's reason.
   */
  ask<Q extends Question>(question: Q, input: Input<Q>, signal?: AbortSignal): Promise<Answer<Q>>;
  /** Streams tokens. Aborting ends the stream with `done: aborted`; errors reject. */
  generate(request: GenerateRequest): AsyncIterable<GenerateEvent>;
  /** Switches each head off in turn, layer by layer. Aborting ends the stream; errors reject. */
  sweep(request: SweepRequest): AsyncIterable<SweepEvent>;
  /**
   * The loaded model as a folder that transformers reads. The next chunk is made when it is asked for,
   * so that no more than one waits. Aborting and errors reject: `save/layernorm`.
   */
  save(request: SaveRequest): AsyncIterable<SaveEvent>;
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

// What names a model, where it comes from, what it is made of, and what is kept.
import type { SelfCheck } from './checking.ts';
import type { DeviceRequest, DeviceSummary, Dtype } from './device.ts';
import type { Meant } from './turn.ts';
import type { GenerationOptions } from './writing.ts';

/** What decides a model's numbers where its files do not say it, by the keys of `config.json`. */
export interface Reading {
  /** `n_head`: how many heads. */
  readonly nHead?: number;
  /** Whether LayerNorm divides by √(variance + ε), as PyTorch's, or by √(standard deviation + ε), as the notebook's. */
  readonly layer_norm_denominator?: 'variance' | 'std';
  /** Of the MLP, as transformers names it: `gelu_new` approximates by tanh, `gelu` is exact. */
  readonly activation_function?: string;
}

/** Something that decides the numbers, that no file says, and how it was decided. */
export interface Assumption {
  readonly key: keyof Reading;
  /** What is computed with. */
  readonly value: number | string;
  /** All that fit. */
  readonly choices: readonly (number | string)[];
  /**
   * `measured`: it reads a fixed text clearly better than the others. `known`: models of these sizes that others
   * publish have it. `convention`: it is usual for the codebase whose names the tensors have.
   */
  readonly by: 'measured' | 'known' | 'convention';
  /** Mean loss of the fixed text in nats a token with each value that was tried, in the order of `choices`. */
  readonly losses?: readonly { readonly value: number | string; readonly loss: number }[];
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
  /** √(variance + ε), or √(standard deviation + ε) as the notebook prints it. */
  readonly layerNormDenominator: 'variance' | 'std';
  readonly parameterCount: number;
  readonly dtype: Dtype;
  /** Bytes of all weights as stored on the device. */
  readonly memoryBytes: number;
  /** `ids` for a model without a tokenizer: what is typed are the tokens' numbers, and so is what it writes. */
  readonly reads: 'text' | 'ids';
  readonly bosTokenId: number | null;
  readonly eosTokenIds: readonly number[];
  /** From `generation_config.json`, where the folder has one. */
  readonly defaults: Partial<GenerationOptions>;
  readonly device: DeviceSummary;
  /** Where it came from, and where it is kept. */
  readonly origin?: ModelOrigin;
  /** What decides the numbers and stands in none of the files. Saving writes it into `config.json`. */
  readonly assumed?: readonly Assumption[];
  /** Names of its tokenizer that stand for one token in a typed text (`<|user|>`), unless they are taken for text. */
  readonly controlWords?: readonly string[];
  /** The adapter that was merged into it while it was loaded. */
  readonly adapter?: AdapterFacts;
  /** What its files hold that is not used, or is not as it could be: sentences for people. */
  readonly notes?: readonly string[];
  /** With `selfCheck`: that of the model as it is loaded. Failed where nothing simpler could be had. */
  readonly check?: SelfCheck;
  /** With `selfCheck`: the checks that failed before, of what was given up for this. */
  readonly failedChecks?: readonly SelfCheck[];
}

/** A LoRA adapter: s·B·A was added to so many matrices, s = α/r, or α/√r. */
export interface AdapterFacts {
  /** Of its folder. */
  readonly name: string;
  /** Where it came from, if not from the model's own folder. */
  readonly origin?: ModelOrigin;
  /** All that occur, in ascending order. */
  readonly ranks: readonly number[];
  readonly alphas: readonly number[];
  readonly matrices: number;
}

/** A model that an engine has loaded: it is the one that is here, until another takes its place. */
export interface LoadedModel extends ModelSummary {
  /**
   * Which load brought it: whole numbers from 1 that only rise, over all workers of one engine, and none is given
   * twice. Two models are the same one exactly if their turns are equal. Loading the same files again is another turn.
   */
  readonly turn: number;
}

/** Where a model came from, and where it is kept. */
export interface ModelOrigin {
  /** `files` were dropped or chosen; a `run` left a checkpoint that is kept here. */
  readonly kind: 'hub' | 'folder' | 'files' | 'run';
  /** `owner/name` on a Hub, a folder's address, the name of the folder that was dropped, or `run/checkpoint-500`. */
  readonly id: string;
  /** `https://huggingface.co`; null where there is no host. */
  readonly host: string | null;
  /** 40 hex digits; null for what has no commit. */
  readonly commit: string | null;
  /** `memory` keeps nothing: the next start fetches it again. `disk` is where it was. */
  readonly keptIn: 'opfs' | 'directory' | 'disk' | 'memory';
  /** Of a `run`: which step of which. */
  readonly run?: RunStep;
  /** Whether every byte of the weights was checked against the Hub's SHA-256. */
  readonly isVerified: boolean;
  /** Of the file that the weights came from, where it is one, and was checked: 64 hex digits. */
  readonly sha256?: string;
  /** Why it is not kept, in words, where it could have been. */
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
  /** Of an adapter that lies by itself: the model that it is merged into, named as `source` is. */
  readonly base_model?: string;
  /** Branch, tag or commit of `base_model`; `main` by default. */
  readonly base_revision?: string;
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
  /** Of an adapter: the commit of the model that it is merged into, whose files are among these. */
  readonly baseCommit?: string | null;
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

/** A checkpoint of a training run that is kept here. */
export interface RunStep {
  /** The run's own id. */
  readonly id: string;
  readonly step: number;
}

export interface LoadOptions extends Omit<ModelRequest, 'source'>, Reading {
  /**
   * The commit that `revision` meant when somebody agreed to fetch it (`ModelPlan.commit`): if the branch
   * has moved since, that one is fetched all the same.
   */
  readonly commit?: string;
  readonly dtype?: Dtype;
  readonly device?: DeviceRequest;
  /** Files that were dropped or chosen, instead of what `source` names; it is their title then. */
  readonly files?: readonly File[];
  /**
   * A checkpoint that is kept in this browser, instead of what `source` names. Where another step of the same run is
   * here, asked for in the same way, its device and its tokenizer go on, and only weights are read.
   */
  readonly run?: RunStep;
  /**
   * Checks the model before it is the loaded one, and falls back where it fails: to fp32, to kernels
   * without workgroup memory, to the processor. `ModelSummary.check` says how it ended.
   */
  readonly selfCheck?: boolean;
  /** The model's turn becomes greater than this, the last of another engine whose place this one takes. */
  readonly after?: number | undefined;
  /** False streams a download to the device and keeps nothing. */
  readonly keep?: boolean;
  /** False looks for no adapter beside the weights, which saves a request to a web server. */
  readonly adapter?: false;
  /** Aborting keeps what came, so that loading again goes on there. */
  readonly signal?: AbortSignal;
  readonly progress_callback?: (info: ProgressInfo) => void;
}

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

export interface SaveRequest extends Meant {
  /** How matrices are stored: as the model is, and as `fp32` for `q8`, by default. */
  readonly dtype?: 'fp32' | 'fp16';
  readonly signal?: AbortSignal;
}

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
      /** Whose class reads the files: `GPT2LMHeadModel` of transformers, or the notebook's `GPTModel`. */
      readonly layout: 'huggingface' | 'notebook';
    }
  | { readonly type: 'file'; readonly name: string; readonly sizeBytes: number }
  | {
      /** The next bytes of the file that was named last. */
      readonly type: 'bytes';
      readonly bytes: Uint8Array<ArrayBuffer>;
    }
  | { readonly type: 'done' };

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
  /** What the products of queries and keys are divided by. */
  readonly scores: {
    /** D, where it is √D; null where it is not. */
    readonly headSize: number | null;
    /** The number of the block too, from 1. */
    readonly byBlock: boolean;
  };
  /** Bytes as stored on the device, padding included. */
  readonly memoryBytes: number;
}
